"""The bounds of one archive."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """What one archive puts up with, and how much it may hold back."""

    segment_frames: int = 1000
    """Frames of a segment file."""
    segment_bytes: int = 1 << 30
    """Bytes of a segment file, as the run's first frame lets them be guessed."""
    open_segments: int = 2
    """Segments that are written at the same time, for senders that interleave."""
    beyond: int = 100_000
    """Frame numbers beyond the announced and the highest so far that still get their own row."""
    channels: int = 16
    """Images of a frame."""
    block_frames: int = 512
    """Frames after which everything is flushed."""
    block_s: float = 1.0
    """Seconds after which everything is flushed, at the next message."""
    master_s: float = 1.0
    """Seconds between two masters while the run runs, at least."""
    reserve_bytes: int = 4 << 20
    """Disk space that is taken up at a time, before anything is written into it."""
