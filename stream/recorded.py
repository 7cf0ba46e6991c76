"""Recorded files, spools, and folders that are being written, as a source of messages."""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import zmq

from .errors import FileError, WireError
from .files import Recording, open_file
from .files.units import parse_length
from .messages import Frame, Refusal, RunStop
from .reception import Incoming, checked
from .sources import TURN_BYTES
from .spool.folder import is_spool
from .spool.source import open_spool
from .urls import SEPARATOR, Url
from .watch import Watch


def open_recorded(url: Url, name: str) -> RecordedSource:
    """The source behind a `file:` or `watch:` URL; ValueError or FileError if it can't be."""
    pixel = url.options.get("pixel_size")
    pixel_size = parse_length(pixel) if pixel else None
    rate = float(url.options.get("rate", "inf") or "inf")
    if not rate > 0:
        raise ValueError(f"rate={url.options['rate']}: frames per second must be above 0")
    if url.kind == "file":
        paths = [Path(part) for part in url.address.split(SEPARATOR)]
        verify = url.flag("verify", default=True)
        return RecordedSource(name, iter(paths), rate, pixel_size, verify=verify)
    folder = Path(url.address)
    if not folder.is_dir():
        raise FileError(f"{folder} is no folder; make it first, or name another to watch")
    settle = float(url.options.get("settle", "1"))
    watch = Watch(folder, state_file(folder), settle_s=settle)
    return RecordedSource(name, _Watched(watch), rate, pixel_size, watch.acknowledge, watch.close)


def state_file(folder: Path) -> Path:
    """Where the watch of `folder` remembers what it has taken, across restarts."""
    import os

    home = Path(os.environ.get("XDG_STATE_HOME", Path.home() / ".local/state")) / "beamside"
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError:
        home = Path(tempfile.gettempdir())
    return home / f"watch-{hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16]}.journal"


class _Watched:
    """Paths as they become complete; None while there is nothing new."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._ready: list[Path] = []
        self._asked = 0.0

    def __iter__(self) -> Iterator[Path | None]:
        return self

    def __next__(self) -> Path | None:
        now = time.monotonic()
        if not self._ready and now - self._asked > 0.2:
            self._asked = now
            self._ready = list(self._watch.poll(now))
        return self._ready.pop(0) if self._ready else None


class RecordedSource:
    """Files and spools, each a run of its own, at a given rate or as fast as it goes."""

    def __init__(
        self,
        name: str,
        paths: Iterator[Path] | Iterator[Path | None],
        rate: float = float("inf"),
        pixel_size: float | tuple[float, float] | None = None,
        taken: Callable[[Path], None] = lambda path: None,
        let_go: Callable[[], None] = lambda: None,
        *,
        verify: bool = True,
    ) -> None:
        self.name = name
        self._paths = paths
        self._period = 1.0 / rate
        self._pixel_size = pixel_size
        self._taken = taken
        self._let_go = let_go
        self._verify = verify
        self._messages: Iterator[Incoming] = iter(())
        self._given: list[Path] = []
        """Files whose last message was given out, and that are not called taken yet."""
        self._due = 0.0
        self.exhausted = False

    @property
    def socket(self) -> zmq.Socket[bytes] | None:
        """None: files are always worth asking."""
        return None

    def receive(self, limit: int = 64) -> list[Incoming]:
        """Give the next messages that are due; the files of those before are then taken."""
        came = self._acknowledged()
        nbytes = 0
        while (
            len(came) < limit
            and nbytes < TURN_BYTES
            and not self.exhausted
            and time.monotonic() >= self._due
        ):
            message = next(self._messages, None)
            if message is not None:
                came.append(message)
                nbytes += message.nbytes if isinstance(message, Frame) else 0
                self._due = max(self._due, time.monotonic() - self._period) + self._period
                continue
            try:
                path = next(self._paths)
            except StopIteration:
                self.exhausted = True
                break
            if path is None:
                break
            self._messages = self._read(path)
        return came

    def _read(self, path: Path) -> Iterator[Incoming]:
        try:
            if is_spool(path):
                yield from open_spool(path, self.name, verify=self._verify)
                return
            recording = open_file(path, source=self.name, pixel_size=self._pixel_size)
        except FileError as error:
            yield Refusal(self.name, "unreadable_file", str(error))
            self._given.append(path)
            return
        with recording:
            yield replace(recording.start, time_ns=time.time_ns())
            yield from self._frames(recording)
            yield RunStop(self.name, recording.start.run, reason="end of the file")
        self._given.append(path)

    def _acknowledged(self) -> list[Incoming]:
        """Call files taken whose last frame was given out before: it is in the spool by now."""
        refusals: list[Incoming] = []
        for path in self._given:
            try:
                self._taken(path)
            except FileError as error:
                refusals.append(Refusal(self.name, "watch_state", str(error)))
        self._given.clear()
        return refusals

    def _frames(self, recording: Recording) -> Iterator[Incoming]:
        run = recording.start.run
        try:
            for frame in recording.frames():
                yield _checked(replace(frame, received_ns=time.time_ns()))
        except FileError as error:
            yield Refusal(self.name, "unreadable_file", str(error), run=run)

    def close(self) -> None:
        """Let go of the file in hand."""
        self._acknowledged()
        self._messages = iter(())
        self._paths = iter(())
        self.exhausted = True
        self._let_go()


def _checked(frame: Frame) -> Incoming:
    try:
        return checked(frame)
    except WireError as error:
        return Refusal(frame.source, error.reason, error.detail, frame.run, frame.number)
