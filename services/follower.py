"""How far the archiver is with one run: what it has read of the spool, and what it has told."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..stream.framenumbers import Numbers
from ..stream.messages import RunStop
from ..stream.nexus import Archive
from ..stream.spool import LogReader, Mark

START = Mark(0, 0)


@dataclass(slots=True)
class Follower:
    """One run: how far its spool was read, and its archive."""

    run: str
    stem: str
    spool: Path
    frames_end: Mark = START
    log_end: Mark = START
    frames: LogReader = field(init=False)
    log: LogReader = field(init=False)
    frames_at: Mark = START
    log_at: Mark = START
    flushed_at: Mark = START
    """All frames before it can be read in the archive, or are refused."""
    archive: Archive | None = None
    stop: RunStop | None = None
    pending: Numbers = field(default_factory=Numbers)
    """Given to the archive, not readable yet."""
    readable: Numbers = field(default_factory=Numbers)
    """Readable in it, and not told yet."""
    refused: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    """Not told yet, by reason."""
    unfit: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    """All that were ever refused."""
    contents: deque[tuple[int, Numbers]] = field(default_factory=deque)
    """Frames of each spool segment that the archive does not hold yet."""
    held: Numbers = field(default_factory=Numbers)
    """Frames of the spool segments that need not be kept."""
    told_at: Mark = START
    flushed: float = 0.0
    blamed: Counter[int | Mark] = field(default_factory=Counter)
    """Frames and log entries at which writing failed for no reason of the disk, and how often."""
    failures: int = 0
    retry_at: float = 0.0

    def __post_init__(self) -> None:
        self.frames = LogReader(self.spool, "frames")
        self.log = LogReader(self.spool, "log")

    def rewind(self) -> None:
        """Read the spool from its beginning again."""
        self.frames_at = self.log_at = START
        self.archive = self.stop = None
        self.unfit.clear()
        self.pending, self.readable = Numbers(), Numbers()
        self.contents.clear()
        self.refused.clear()
        self.flushed_at = self.told_at = START

    @property
    def behind(self) -> bool:
        """Whether there is something to read."""
        return self.log_at < self.log_end or self.frames_at < self.frames_end

    def close(self) -> None:
        """Let go of the spool."""
        self.frames.close()
        self.log.close()


def settled(follower: Follower) -> dict[str, Any]:
    """Which frames can be read in the archive now, which never will be, and what it holds."""
    archive = follower.archive
    if archive is None:
        return {}
    said: dict[str, Any] = {}
    if len(follower.readable):
        said["archived"], follower.readable = follower.readable.ranges(), Numbers()
    if follower.refused:
        said["refused"], follower.refused = dict(follower.refused), defaultdict(list)
    held = follower.held  # all of it each time: what was said before may have died with an ingest
    while follower.contents:
        segment, numbers = follower.contents[0]
        if segment >= follower.frames_at.segment or not archive.held.covers(numbers):
            break
        follower.contents.popleft()
        held.add_ranges(numbers.ranges())
        said |= {"held_before": segment + 1, "held": held.ranges()}
    return said
