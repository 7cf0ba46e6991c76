"""The segments of a run: where a frame goes, which are open, which are closed and safe."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from ..messages import Frame, RunStart
from .closed import Segment, settle
from .limits import Limits
from .payload import Chunk
from .segment import FAR, GRID, LATE, OpenSegment

MOST_ANNOUNCED = 1_000_000
"""Some detectors announce 10^9 frames and mean: until I am stopped."""
DISK = (OSError, RuntimeError, ValueError, KeyError)
"""What HDF5 and the disk raise."""
MOST_SETTLING = 4
"""Closed files that wait for the disk; with more the archive waits too."""


class Shelf:
    """All segments of one run; one thread writes, a second one settles what is closed."""

    def __init__(self, folder: Path, start: RunStart, limits: Limits) -> None:
        self.folder = folder
        self.closed: list[Segment] = []
        """Named, read again, and safe."""
        self.changed = False
        """Whether a segment was closed that no master shows; who shows it takes this back."""
        self.rows = 0
        """One more than the highest number that has its own row."""
        self._start = start
        self._limits = limits
        self._grid = 0
        self._open: dict[tuple[str, int], OpenSegment] = {}
        """By kind and index, the one written last at the end."""
        self._last: OpenSegment | None = None
        """The one that was written last."""
        self._begun: set[int] = set()
        self._next: Counter[str] = Counter()
        self._settling: list[Future[Segment]] = []
        self._thread: ThreadPoolExecutor | None = None

    def known(self, segment: Segment) -> None:
        """Take up a closed segment of an earlier process."""
        self.closed.append(segment)
        self._grid = segment.grid
        index = int(segment.file.removesuffix(".h5").rpartition("-")[2])
        if segment.kind == GRID:
            self._begun.add(index)
        else:
            self._next[segment.kind] = max(self._next[segment.kind], index + 1)
        if segment.kind != FAR:
            self.rows = max(self.rows, segment.stop)

    def put(self, frame: Frame, chunks: Mapping[str, Chunk]) -> list[int]:
        """Write a frame where it belongs; give the numbers that were saved by the way."""
        saved: list[int] = []
        segment = self._last
        if segment is None or frame.number not in segment.span:
            key, saved = self._place(frame, chunks)
            self._last = segment = self._open[key] = self._open.pop(key)
        if frame.number >= self.rows and segment.kind != FAR:
            self.rows = frame.number + 1
        segment.put(frame, chunks)
        if segment.full:
            saved += self._close((segment.kind, segment.index))
        return saved

    def _place(
        self, frame: Frame, chunks: Mapping[str, Chunk]
    ) -> tuple[tuple[str, int], list[int]]:
        """Find or open the segment of a frame; give its key, and the numbers saved for it."""
        if not self._grid:
            nbytes = sum(len(chunk.data) for chunk in chunks.values())
            fit = self._limits.segment_bytes // max(1, nbytes)
            self._grid = max(1, min(self._limits.segment_frames, fit))
        announced = min(self._start.expected or 0, MOST_ANNOUNCED)
        if frame.number > max(announced, self.rows) + self._limits.beyond:
            return self._arrivals(FAR)
        index = frame.number // self._grid
        key = (GRID, index)
        if key in self._open:
            return key, []
        if index in self._begun:
            return self._arrivals(LATE)
        saved = []
        grids = [other for other in self._open if other[0] == GRID]
        if len(grids) >= self._limits.open_segments:
            saved = self._close(grids[0])
        self._begun.add(index)
        self._begin(key)
        return key, saved

    def _arrivals(self, kind: str) -> tuple[tuple[str, int], list[int]]:
        key = next((key for key in self._open if key[0] == kind), None)
        if key is None:
            key = (kind, self._next[kind])
            self._next[kind] += 1
            self._begin(key)
        return key, []

    def _begin(self, key: tuple[str, int]) -> None:
        kind, index = key
        self._open[key] = OpenSegment(
            self.folder, kind, index, self._grid, self._start, self._limits.reserve_bytes
        )

    def _close(self, key: tuple[str, int]) -> list[int]:
        segment = self._open.pop(key)
        self._last = None
        saved = segment.close()
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, "settle")
        future = self._thread.submit(settle, segment.part, segment.numbers, segment.channels)
        self._settling.append(future)
        return saved

    def save(self) -> list[int]:
        """Write out what is held back; give the numbers that live readers now find."""
        return [number for segment in self._open.values() for number in segment.save()]

    def settled(self, *, wait: bool = False) -> list[Segment]:
        """Give the segments that became safe; ArchiveError, OSError where one did not."""
        fresh = []
        while self._settling:
            due = wait or self._settling[0].done() or len(self._settling) > MOST_SETTLING
            if not due:
                break
            fresh.append(self._settling.pop(0).result())
        self.closed += fresh
        self.changed |= bool(fresh)
        return fresh

    def close(self) -> list[int]:
        """Close all that is open; give the numbers saved by it. `settled(wait=True)` follows."""
        return [number for key in list(self._open) for number in self._close(key)]

    def abandon(self) -> None:
        """Close what is open as it is, still named `.part`; wait for what settles."""
        while self._open:
            _, segment = self._open.popitem()
            with contextlib.suppress(*DISK):
                segment.close()
        self.release()

    def release(self) -> None:
        """End the thread."""
        if self._thread is not None:
            self._thread.shutdown(wait=True)
            self._thread = None
