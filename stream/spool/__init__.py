"""The spool: append-only logs of all that came in, safe from any crash, and their replay."""

from __future__ import annotations

from .entries import crcs_of, frame_of, message_of, note, of_frame, of_message, raw_of
from .folder import RunSpool, SpoolRoot
from .log import Log
from .reader import LogReader
from .record import Mark, Place, Record
from .segment import Damage
from .syncer import Syncer
from .views import SpoolViews

__all__ = [
    "Damage",
    "Log",
    "LogReader",
    "Mark",
    "Place",
    "Record",
    "RunSpool",
    "SpoolRoot",
    "SpoolViews",
    "Syncer",
    "crcs_of",
    "frame_of",
    "message_of",
    "note",
    "of_frame",
    "of_message",
    "raw_of",
]
