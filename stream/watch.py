"""A folder in which a microscope PC writes files: each given when it is complete, and once.

Made for network shares: it looks again and again instead of waiting for events, and it asks
whether a file changes between two looks, by this machine's monotonic clock, never how old a file
is, so a share with a wrong clock is as good as any.
"""

from __future__ import annotations

import contextlib
import fnmatch
import heapq
import logging
import math
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from .errors import FileError
from .files import KNOWN_SUFFIXES, open_file
from .files.taken import Key, Taken

log = logging.getLogger(__name__)

PATTERNS = tuple(f"*{suffix}" for suffix in KNOWN_SUFFIXES)
MOST_AT_ONCE = 16
"""Files opened by one poll; the others wait for the next, so that a poll stays short."""
RECHECKED = 512
"""Files taken before that one poll looks at again, by turns, to see if they were rewritten."""
_TEMPORARY = re.compile(r"[.~]|.*(~|\.(tmp|temp|part|partial|filepart|crdownload))$", re.I | re.S)


@dataclass(slots=True)
class _Seen:
    """A file that was seen but not given yet."""

    key: Key
    since: float
    """Monotonic time at which it was first seen as it is now."""
    tried: float = -math.inf
    """Monotonic time of the last attempt to open it."""


class Watch:
    """A folder being watched.

    A file is complete when its size and date have not changed for `settle_s` and it opens as its
    format. One that stays as it is but does not open for `patience_s` is given all the same, so
    that it is refused loudly and not passed over. A file is known by its name, size and date: one
    written anew under an old name is a new recording, and is counted in `rewritten`.

    `poll` gives each file once in the life of this object; after `acknowledge` it is never given
    again, after a restart without it is. One process at a time may use a `state` file.
    """

    def __init__(
        self,
        folder: Path,
        state: Path,
        *,
        settle_s: float = 2.0,
        patience_s: float = 60.0,
        patterns: Sequence[str] = PATTERNS,
        recursive: bool = False,
    ) -> None:
        if not folder.is_dir():
            raise FileError(f"{folder} is no folder; make it first, or name another to watch")
        self.folder = folder
        self.rewritten = 0
        """How often a file was given that had been given before with other content."""
        self.unreachable = 0
        """How many looks failed because the folder could not be read."""
        self._settle, self._patience, self._recursive = settle_s, patience_s, recursive
        self._wanted = re.compile("|".join(map(fnmatch.translate, patterns)), re.IGNORECASE)
        self._taken = Taken(state)
        self._state = (state.name, state.stat().st_ino)
        self._reachable = True
        self._known = dict(self._taken.keys)  # as last given, by this object or one before
        self._given: dict[str, list[Key]] = {}  # and not acknowledged, oldest first
        self._waiting: dict[str, _Seen] = {}
        self._turn = 0

    def poll(self, now: float) -> list[Path]:
        """Look at the folder and give the files that have become complete, oldest first.

        `now` is this machine's monotonic time in s. At most MOST_AT_ONCE are given.
        """
        try:
            found = dict(self._look())
        except OSError as error:
            if self._reachable:
                log.warning("%s can't be read (%s); trying on", self.folder, error.strerror)
            self._reachable = False
            self.unreachable += 1
            return []
        if not self._reachable:
            log.warning("%s can be read again", self.folder)
            self._reachable = True
        self._waiting = {name: seen for name, seen in self._waiting.items() if name in found}
        for name, key in found.items():
            self._notice(name, key, now)
        return list(self._complete(now))

    def acknowledge(self, path: Path) -> None:
        """Note that the file given as `path` is safe, so that it is never given again.

        It is on disk when this returns. KeyError if it was not given.
        """
        name = path.relative_to(self.folder).as_posix()
        keys = self._given[name]
        self._taken.add(name, keys.pop(0))
        if not keys:
            del self._given[name]

    def close(self) -> None:
        """Let go of the state file."""
        self._taken.close()

    def _look(self) -> Iterator[tuple[str, Key]]:
        """Names and keys of all files that are new, waiting, or have their turn."""
        first, self._turn = self._turn, self._turn + RECHECKED
        before = 0
        for name, entry in _entries(self.folder, "", self._recursive):
            if name in self._known and name not in self._waiting:
                before += 1
                if not first < before <= self._turn:
                    continue
            if not self._is_wanted(entry):
                continue
            try:
                stat = entry.stat()
            except OSError:
                continue  # renamed or removed since
            yield name, (stat.st_size, stat.st_mtime_ns)
        if before <= self._turn:
            self._turn = 0

    def _is_wanted(self, entry: os.DirEntry[str]) -> bool:
        return (
            self._wanted.match(entry.name) is not None
            and not _TEMPORARY.match(entry.name)
            and entry.is_file()
            and (entry.name, entry.inode()) != self._state
        )

    def _notice(self, name: str, key: Key, now: float) -> None:
        if self._known.get(name) == key:
            self._waiting.pop(name, None)
            return
        seen = self._waiting.get(name)
        if seen is None or seen.key != key:
            self._waiting[name] = _Seen(key, now)

    def _complete(self, now: float) -> Iterator[Path]:
        """Give what is complete, and what has been tried in vain for too long."""
        for name in self._to_try(now):
            seen = self._waiting[name]
            seen.tried = now
            reason = why_not(self.folder / name)
            if reason and now - seen.since < self._patience:
                continue
            if reason:
                log.warning("given though it does not open: %s", reason)
            if name in self._known:
                self.rewritten += 1
                log.warning("%s was written anew: taken again, as a new recording", name)
            del self._waiting[name]
            self._known[name] = seen.key
            self._given.setdefault(name, []).append(seen.key)
            yield self.folder / name

    def _to_try(self, now: float) -> list[str]:
        """Names of files that have settled: those not tried yet first, then the oldest."""
        settled = [
            (seen.tried, seen.key[1], name)
            for name, seen in self._waiting.items()
            if now - seen.since >= self._settle and now - seen.tried >= self._settle
        ]
        return [name for _, _, name in heapq.nsmallest(MOST_AT_ONCE, settled)]


def _entries(
    folder: Path | str, inside: str, recursive: bool
) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """All that is no folder, by name from the top."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if not entry.is_dir(follow_symlinks=False):
                yield inside + entry.name, entry
            elif recursive and not _TEMPORARY.match(entry.name):
                with contextlib.suppress(OSError):  # removed since, or not ours to read
                    yield from _entries(entry.path, f"{inside}{entry.name}/", recursive)


def why_not(path: Path) -> str:
    """Say why the file does not open as its format; empty if it does, or the format is unknown."""
    if path.suffix.lower() not in KNOWN_SUFFIXES:
        return ""
    try:
        # A size is given so that an unknown unit is no reason to wait.
        open_file(path, source="watch", pixel_size=1.0).close()
    except FileError as error:
        return str(error)
    return ""
