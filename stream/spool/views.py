"""Frames of many spools, read where they lie: for those who are told places."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

from ..messages import Frame
from .entries import frame_of
from .reader import LogReader
from .record import Place

MOST_OPEN = 4
"""Spools whose files stay mapped; frames come from one or two runs at a time."""


class SpoolViews:
    """The spools that were read last."""

    def __init__(self) -> None:
        self._readers: OrderedDict[str, LogReader] = OrderedDict()

    def frame(self, spool: str, place: Place) -> Frame:
        """The frame at a place of a spool, its pixels as views of the file; SpoolError, OSError."""
        reader = self._readers.get(spool)
        if reader is None:
            reader = self._readers[spool] = LogReader(Path(spool), "frames")
            if len(self._readers) > MOST_OPEN:
                self._readers.popitem(last=False)[1].close()
        self._readers.move_to_end(spool)
        return frame_of(reader.at(place))

    def close(self) -> None:
        """Let go of all files, as far as no frame is a view of them."""
        for reader in self._readers.values():
            reader.close()
        self._readers.clear()
