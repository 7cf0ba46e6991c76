"""All frames of a run: in the row of their number, or beside the others if that is far out."""

from __future__ import annotations

from collections.abc import Mapping

import h5py

from ..messages import Buffer, Frame, Pixels, RunStart
from . import tree
from .frames import FrameRows

MOST_ANNOUNCED = 1_000_000
"""Some detectors announce 10^9 frames and mean: until I am stopped."""


class Stack:
    """The rows of a run, and the far ones where there are any."""

    def __init__(self, entry: h5py.Group, start: RunStart, beyond: int) -> None:
        self._entry = entry
        self._start = start
        self._beyond = beyond
        frames = tree.put_group(entry, "frames", "NXcollection")
        self._rows = FrameRows(frames, self._place, by_number=True)
        self._far: FrameRows | None = None

    def put(self, frame: Frame, chunks: Mapping[str, tuple[Buffer, int]]) -> None:
        """Write a frame where it belongs."""
        announced = min(self._start.expected or 0, MOST_ANNOUNCED)
        if frame.number <= max(announced, self._rows.rows) + self._beyond:
            self._rows.put(frame, chunks)
            return
        if self._far is None:
            group = tree.put_group(self._entry, "far_frames", "NXcollection")
            self._far = FrameRows(group, self._place_far, by_number=False)
        self._far.put(frame, chunks)

    def save(self) -> None:
        """Write the facts that were held back."""
        self._rows.save()
        if self._far is not None:
            self._far.save()

    def _place(self, channel: str, pixels: Pixels) -> h5py.Dataset:
        return tree.place_channel(self._entry, self._start, channel, pixels)

    def _place_far(self, channel: str, pixels: Pixels) -> h5py.Dataset:
        return tree.place_far_channel(self._entry, self._start, channel, pixels)
