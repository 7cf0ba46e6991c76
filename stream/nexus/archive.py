"""The archive of one run: one NeXus file, `<name>.nxs.part` until it is closed as `<name>.nxs`.

The detector's own bytes become chunks untouched; h5py with hdf5plugin reads them, and nothing of
ours is needed. What is in the file is written out (flushed) at least once a second.

Decided 2026-11: the row of a frame is its number. So `data[7]` is frame 7, a missing frame is a
visible hole (`frame_valid` 0, highest integer or NaN, no bytes on disk), and the order of arrival
does not matter. A number far beyond the others goes to `/entry/far_frames`, in order of arrival
with its number beside it, so that one wild number can't make a dataset of 10^9 rows. Rejected: all
rows in order of arrival with a number column, where one missing frame shifts every later one under
a reader who does not look at the column.

Decided 2026-11: HDF5's earliest format with regular flushes, because a file left by a killed
process then opens plainly; and a reserve of disk space that is let go of when the disk is full, so
that HDF5 can still write its tables. Without it a full disk can cost the whole file. Rejected for
one file a run: the latest format (SWMR), which is better only for readers while it is written.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import h5py

from ..errors import ArchiveError, WireError
from ..framenumbers import Numbers
from ..messages import Frame, Result, RunStart, RunStop
from . import names, tree
from .disk import GuardedFile, sync_folder, words
from .intake import Intake
from .limits import Limits
from .results import Results
from .stack import Stack

CACHE_BYTES = 1 << 17
"""Of each dataset; what waits in caches must fit into the reserve."""


class Archive:
    """The open archive of one run. It is written to by one thread."""

    def __init__(self, part: Path, start: RunStart, limits: Limits) -> None:
        """Begin in the empty file `part`; use `create`."""
        self.part = part
        self.kept = Numbers()
        """Frames whose pixels and facts are in the file."""
        self._start = start
        self._limits = limits
        self._intake = Intake(limits.channels)
        self._pending: list[int] = []
        self._failure: str | None = None
        self._saved = float("-inf")  # the first message is flushed at once
        with contextlib.ExitStack() as opened:
            self._disk = GuardedFile(part, limits.reserve_bytes)
            opened.callback(self._disk.close)
            self._file = opened.enter_context(
                h5py.File(self._disk, "w", libver="earliest", rdcc_nbytes=CACHE_BYTES)
            )
            self._entry = tree.begin(self._file, start)
            self._frames = Stack(self._entry, start, limits.beyond)
            self._results = Results(self._entry)
            self._file.flush()
            if self._disk.error is not None:
                raise self._disk.error
            opened.pop_all()

    @classmethod
    def create(cls, folder: Path, start: RunStart, *, limits: Limits | None = None) -> Archive:
        """Begin the archive of a run in `folder`; ArchiveError if it can't be written there."""
        try:
            part = names.claim_part(folder, start)
            try:
                return cls(part, start, limits or Limits())
            except BaseException:
                part.unlink(missing_ok=True)
                raise
        except (OSError, RuntimeError, ValueError) as error:
            raise ArchiveError(
                f"no archive can be begun in {folder}: {words(error)}; make the folder writable "
                "with space on it, or set archive.folder to another"
            ) from error

    def add(self, frame: Frame) -> None:
        """Archive a frame; WireError if it is not fit for it, and the archive is as before.

        Its reasons: those of `decompress.check`, and bad_shape, bad_dtype (not the run's), double,
        bad_number, bad_channels. ArchiveError as `_writing`.
        """
        self._check_open()
        chunks = self._intake.take(frame)
        try:
            with self._writing():
                with self._disk.pixels():
                    self._frames.put(frame, chunks)
                self._pending.append(frame.number)
                self._save_in_time()
        except ArchiveError:
            if frame.number not in self.kept:  # else the next call says it
                raise

    def add_result(self, result: Result) -> None:
        """Archive a result or an error; WireError `bad_result` if it is no result of this house."""
        self._check_open()
        prepared = self._results.prepare(result)
        with self._writing():
            try:
                with self._disk.pixels():
                    self._results.put(prepared)
            except (TypeError, ValueError, KeyError) as error:
                raise WireError("bad_result", f"{result.analysis[:63]}: {error!r}"[:500]) from error
            self._save_in_time()

    def flush(self) -> None:
        """Write everything out now."""
        with self._writing():
            self._save()

    def close(self, stop: RunStop) -> Path:
        """Write the account, make it safe on disk, rename; give the path of the finished file."""
        with self._writing():
            self._save()
            tree.end(self._entry, stop)
            self._file.close()
        self._failure = f"the archive of run {self._start.run!r} is closed"
        try:
            self._disk.sync()
            path = names.finish(self.part)
        except OSError as error:
            raise ArchiveError(
                f"{self.part} is written but can't be made safe and renamed: {words(error)}; "
                f"look at the disk, then rename it to {names.SUFFIX} by hand"
            ) from error
        finally:
            self._disk.close()
        with contextlib.suppress(OSError):  # some network shares can't sync a folder
            sync_folder(path.parent)
        return path

    def abandon(self) -> Path:
        """Close without an account, as well as can be; give the path of what stays: the part."""
        if self._failure is None:
            with contextlib.suppress(ArchiveError), self._writing():
                self._save()
                self._file.close()
                self._disk.sync()
                self._disk.close()
            self._failure = self._failure or f"{self.part} was abandoned"
        return self.part

    # what is written

    def _save_in_time(self) -> None:
        late = time.monotonic() - self._saved > self._limits.block_s
        if late or len(self._pending) >= self._limits.block_frames:
            self._save()

    def _save(self) -> None:
        self._frames.save()
        self._results.save()
        self._file.flush()
        if not self._disk.damaged:
            for number in self._pending:
                self.kept.add(number)
        self._pending.clear()
        self._saved = time.monotonic()

    def _check_open(self) -> None:
        if self._failure is not None:
            raise ArchiveError(self._failure)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        """Turn what the disk says into an ArchiveError, after saving what can be saved."""
        self._check_open()
        try:
            yield
            if self._disk.error is not None:
                raise self._disk.error
        except WireError:
            raise
        except (OSError, RuntimeError, ValueError, KeyError) as error:
            self._failure = self._rescue(self._disk.error or error)
            raise ArchiveError(self._failure) from error

    def _rescue(self, error: Exception) -> str:
        """Close the file as well as can be; say what is left of it."""
        whole = True
        for step in (self._save, self._file.close, self._disk.sync):
            try:
                step()
            except (OSError, RuntimeError, ValueError, KeyError):
                whole = False
        whole = whole and not self._disk.damaged
        self._disk.close()
        state = f"{len(self.kept)} frames in it stay readable" if whole else "it may be damaged"
        return (
            f"{self.part} can't be written any more: {words(error)}; {state}; make space, or set "
            "archive.folder to another disk"
        )
