"""The archive of one run: segments of frames, and a master that shows them as one.

    ARCHIVE/<stem>.nxs                   master: tree, account, results, virtual datasets
    ARCHIVE/<stem>/frames-000000.h5      closed segments; `.h5.part` while they are written
    ARCHIVE/<stem>/results.h5.part       results while the run runs; becomes the last master

The detector's own bytes become chunks untouched; h5py with hdf5plugin reads them, and nothing of
ours is needed. A `.part` is for those who look on; after a crash it is made again from the spool.

Decided 2026-11: the row of a frame is its number. So `data[7]` is frame 7, a missing frame is a
visible hole (`frame_valid` 0, highest integer or NaN, no bytes on disk), and the order of arrival
does not matter. A number far beyond the others goes to `/entry/far_frames`, in order of arrival
with its number beside it, so that one wild number can't make a dataset of 10^9 rows. Rejected: all
rows in order of arrival with a number column, where one missing frame shifts every later one under
a reader who does not look at the column.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NoReturn

import h5py

from ..errors import ArchiveError
from ..framenumbers import Numbers
from ..messages import Frame, Result, RunStart, RunStop
from . import names
from .chunks import text
from .closed import read_segment, run_of
from .final import FinalFile, write_master
from .intake import Intake
from .limits import Limits
from .room import settle_folder, words
from .shelf import DISK, Shelf


class Archive:
    """The open archive of one run. It is written to by one thread of one process."""

    def __init__(self, folder: Path, stem: str, start: RunStart, limits: Limits) -> None:
        """Use `create` or `resume`."""
        self.master = folder / f"{stem}{names.SUFFIX}"
        """The file that shows the run, once its first segment is closed."""
        self.folder = folder / stem
        """Where its segments are."""
        self.kept = Numbers()
        """Frames that live readers find: their pixels and facts are flushed."""
        self.held = Numbers()
        """Frames in closed segments that were read again: nobody else need keep them."""
        self.damaged: list[Path] = []
        """Closed segments that could not be read at `resume`, set aside under these names."""
        self.closed = False
        """Whether the master has its end; then nothing can be added."""
        self._start = start
        self._limits = limits
        self._failure: str | None = None
        self._pending = 0
        self._intake = Intake(limits.channels)
        self._shelf = Shelf(self.folder, start, limits)
        self._final: FinalFile | None = None
        self._saved = float("-inf")  # the first message is flushed at once
        self._shown = float("-inf")
        self._lock = -1

    @classmethod
    def create(
        cls, folder: Path, stem: str, start: RunStart, *, limits: Limits | None = None
    ) -> Archive:
        """Begin the archive of a run under a name that `names.claim` gave.

        ArchiveError if it can't be written there, or another process does.
        """
        return cls.resume(folder, stem, start, limits=limits)

    @classmethod
    def resume(
        cls, folder: Path, stem: str, start: RunStart, *, limits: Limits | None = None
    ) -> Archive:
        """Go on after a crash: closed segments count (`held`), every `.part` is deleted.

        All results, and the frames that are not `held`, are to be added again. Errors as `create`.
        """
        archive = cls(folder, stem, start, limits or Limits())
        try:
            archive._open()
        except DISK as error:
            archive._unlock()
            raise ArchiveError(
                f"no archive can be begun in {folder}: {words(error)}; make the folder writable "
                "with space on it, or set archive.folder to another"
            ) from error
        except ArchiveError:
            archive._unlock()
            raise
        return archive

    def add(
        self, frame: Frame, crcs: Mapping[str, int] | None = None, *, checked: bool = False
    ) -> None:
        """Archive a frame; WireError if it is not fit for it, and the archive is as before.

        `crcs` are the CRC-32 of the payloads as they came, by channel; `checked` says that
        `decompress.check` has seen these very payloads. Reasons: those of `decompress.check`, and
        bad_checksum, bad_shape, bad_dtype (not the run's), double, bad_number, bad_channels.
        ArchiveError if the disk refuses: then `abandon`, and `resume` once there is space.
        """
        self._check_open()
        chunks = self._intake.take(frame, crcs, checked)
        try:  # `_writing` without its 2 us
            saved = self._shelf.put(frame, chunks)
            if saved:
                self._keep(saved)
            self._pending += 1
            self._save_in_time()
        except (ArchiveError, *DISK) as error:
            self._fail(error)

    def add_result(self, result: Result) -> None:
        """Archive a result or an error; WireError `bad_result` if it is no result of this house.

        ArchiveError as `add`.
        """
        self._check_open()
        with self._writing():
            self._ours().add(result)
            self._save_in_time()

    def flush(self) -> None:
        """Write everything out now, take note of what is safe; ArchiveError as `add`."""
        with self._writing():
            self._save()

    def close(self, stop: RunStop) -> Path:
        """Close all segments, write results and account to the master; give its path.

        ArchiveError as `add`. Where the master has its end already, it stays as it is.
        """
        if self.closed:
            self._unlock()
            return self.master
        with self._writing():
            self._keep(self._shelf.close())
            self._settle(wait=True)
            self._shelf.release()
            final = self._ours()
            self._find_master()
            final.finish(self.master, self._shelf.closed, self.folder.name, stop)
            settle_folder(self.master.parent)
        self._failure = f"the archive of run {self._start.run!r} is closed"
        self.closed = True
        self._unlock()
        return self.master

    def abandon(self) -> Path:
        """Close without an account, as well as can be; give the folder of what stays."""
        for step in (self._shelf.abandon, self._abandon_final):
            with contextlib.suppress(*DISK):
                step()
        self._failure = self._failure or f"the archive in {self.folder} was abandoned"
        self._unlock()
        return self.folder

    # opening

    def _open(self) -> None:
        self.folder.mkdir(exist_ok=True)
        self._take_lock()
        for part in list(self.folder.glob("*.part")):
            part.unlink()
        for path in sorted(self.folder.glob("*.h5")):
            self._take_up(path)
        self.closed = self._find_master()
        if self.closed:
            self._failure = f"the archive of run {self._start.run!r} is closed"
        else:
            self._final = FinalFile(self.folder, self._start, self._limits.reserve_bytes)

    def _take_lock(self) -> None:
        """Keep a second archiver out; the lock goes with the process. Some shares have none."""
        self._lock = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ArchiveError(
                f"{self.folder} is written by another process; wait until it has ended"
            ) from None
        except OSError:
            pass

    def _unlock(self) -> None:
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _take_up(self, path: Path) -> None:
        try:
            with h5py.File(path, "r") as file:
                segment = read_segment(path, file)
                run = run_of(file)
        except DISK:
            aside = path.with_name(path.name + ".damaged")
            path.rename(aside)
            self.damaged.append(aside)
            return
        if run != self._start.run:
            raise ArchiveError(f"{path} is of run {run!r}, not of {self._start.run!r}; move it")
        self._shelf.known(segment)
        kinds = {n: (c.shape, c.dtype) for n, c in segment.channels.items()}
        self._intake.known(kinds, segment.numbers())
        self.kept.add_ranges(segment.ranges())
        self.held.add_ranges(segment.ranges())

    def _find_master(self) -> bool:
        """Find the master's name, never somebody else's; tell whether it has its end."""
        stem, count = self.folder.name, 1
        while os.path.lexists(self.master):
            try:
                with h5py.File(self.master, "r") as file:
                    account = file["entry/account"]
                    if text(account, "folder") == stem:
                        return bool(text(account, "status"))
            except DISK:  # whatever it is, it is not ours
                pass
            count += 1
            self.master = self.master.with_name(f"{stem}_{count}{names.SUFFIX}")
        return False

    # writing

    def _ours(self) -> FinalFile:
        self._check_open()
        if self._final is None:
            raise ArchiveError(f"the archive in {self.folder} is not open")
        return self._final

    def _abandon_final(self) -> None:
        if self._final is not None and not self.closed:
            self._final.abandon()
            self._final = None

    def _save_in_time(self) -> None:
        late = time.monotonic() - self._saved > self._limits.block_s
        if late or self._pending >= self._limits.block_frames:
            self._save()

    def _save(self) -> None:
        self._keep(self._shelf.save())
        self._ours().save()
        self._pending = 0
        self._saved = time.monotonic()
        self._settle()

    def _settle(self, *, wait: bool = False) -> None:
        """Take note of segments that became safe, and show them in the master from time to time."""
        for segment in self._shelf.settled(wait=wait):
            self.held.add_ranges(segment.ranges())
        due = time.monotonic() - self._shown > self._limits.master_s
        if due and not wait and self._shelf.changed:
            self._find_master()
            write_master(
                self.folder,
                self.master,
                self._start,
                self._shelf.closed,
                self._limits.reserve_bytes,
            )
            self._shelf.changed = False
            self._shown = time.monotonic()

    def _keep(self, numbers: list[int]) -> None:
        for number in numbers:
            self.kept.add(number)

    def _check_open(self) -> None:
        if self._failure is not None:
            raise ArchiveError(self._failure)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        """Turn what the disk says into an ArchiveError; nothing is added after one."""
        self._check_open()
        try:
            yield
        except (ArchiveError, *DISK) as error:
            self._fail(error)

    def _fail(self, error: Exception) -> NoReturn:
        """Nothing can be added any more, and each call says why."""
        if isinstance(error, ArchiveError):
            self._failure = str(error)
            raise error
        self._failure = (
            f"{self.folder} can't be written any more: {words(error)}; {len(self.held)} frames "
            "in closed segments are safe; make space, or set archive.folder to another disk"
        )
        raise ArchiveError(self._failure) from error
