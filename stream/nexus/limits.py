"""The bounds of one archive."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """What one archive puts up with, and how much it may hold back."""

    beyond: int = 100_000
    """Frame numbers beyond the announced and the highest so far that still get their own row."""
    channels: int = 16
    """Images of a frame."""
    block_frames: int = 256
    """Frames after which everything is flushed."""
    block_s: float = 1.0
    """Seconds after which everything is flushed, at the next message."""
    reserve_bytes: int = 4 << 20
    """Disk space kept back, so that a full disk still leaves a whole file."""
