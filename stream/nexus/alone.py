"""Results in a NeXus file without frames: the same tree as an archive's, read by `read_result`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from ..errors import ArchiveError, WireError
from ..messages import Result, RunStart, RunStop
from .final import FinalFile
from .limits import Limits
from .names import SUFFIX, numbered
from .room import words
from .shelf import DISK

SAVE_EVERY = 64
"""Results after which what is held back is written."""


def write_results(
    folder: Path, stem: str, start: RunStart, results: Iterable[Result], stop: RunStop
) -> list[Path]:
    """Write `results` to `stem.nxs` in `folder`, in place of what was there, and give its path.

    Results of more shapes and axes than one file takes go on in `stem_2.nxs`, and so on. One result
    at a time is in memory. ArchiveError if the disk refuses, or if a result fits no file.
    """
    names = (folder / f"{name}{SUFFIX}" for name in numbered(stem))
    written: list[Path] = []
    waiting = iter(results)
    pending: Result | None = next(waiting, None)
    with _disk(folder):
        while pending is not None or not written:
            path = next(names)
            pending = _write(folder, path, start, pending, waiting, stop)
            written.append(path)
    return written


def _write(
    folder: Path,
    path: Path,
    start: RunStart,
    pending: Result | None,
    waiting: Iterator[Result],
    stop: RunStop,
) -> Result | None:
    """Fill one file; give the first result that it does not take."""
    part = folder / "results.h5.part"
    part.unlink(missing_ok=True)
    file = FinalFile(folder, start, Limits().reserve_bytes)
    try:
        count = 0
        while pending is not None:
            try:
                file.add(pending)
            except WireError as error:
                if not count:
                    raise ArchiveError(f"{path}: a result can't be written: {error}") from error
                break
            count += 1
            if count % SAVE_EVERY == 0:
                file.save()
            pending = next(waiting, None)
        file.finish(path, [], path.stem, stop)
    except BaseException:
        with contextlib.suppress(*DISK):
            file.abandon()
        part.unlink(missing_ok=True)
        raise
    return pending


@contextlib.contextmanager
def _disk(folder: Path) -> Iterator[None]:
    try:
        yield
    except DISK as error:
        raise ArchiveError(
            f"no results can be written in {folder}: {words(error)}; make space there"
        ) from error
