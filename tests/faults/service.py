"""The real service as a user starts it, with its processes found so that they can be killed."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson

from .ear import Ear
from .processes import children, running, slay

START_S = 60.0


class Service:
    """One instrument; it can be killed as a whole and started again with the same settings.

    Everything lies in one short folder (an ipc path has 107 letters at most), archive and spool
    among it; `close` removes it.
    """

    def __init__(self, url: str, settings: str = "", *, end_timeout_s: float = 2) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="faults-"))
        self.archive = self.folder / "archive"
        self.spool = self.folder / "spool"
        self.lives: list[Life] = []
        self.bus = f"ipc://{self.folder}/bus"
        self.file = self.folder / "instrument.toml"
        self.file.write_text(
            f'[source]\nurl = "{url.format(folder=self.folder)}"\nname = "eiger"\n'
            f'end_timeout_s = {end_timeout_s}\n[bus]\nresults = "{self.bus}"\n{settings}'
        )

    def start(self, *options: str) -> Life:
        """Start all processes; they are ready when `Life.wait_ready` is through."""
        places = {"BEAMSIDE_ARCHIVE__FOLDER": str(self.archive),
                  "BEAMSIDE_SPOOL__FOLDER": str(self.spool)}  # fmt: skip
        self.lives.append(Life(self.file, self.folder, self.bus, places, options))
        return self.life

    @property
    def life(self) -> Life:
        """The service as it was started last."""
        return self.lives[-1]

    @property
    def masters(self) -> list[Path]:
        """The archives, the oldest first."""
        return sorted(self.archive.glob("*.nxs"), key=lambda path: path.stat().st_mtime_ns)

    @property
    def spools(self) -> list[Path]:
        """Spool folders of runs that are not archived yet."""
        return sorted({file.parent for file in self.spool.glob("*/*/*.bslog")})

    def close(self, *, keep: bool = False) -> None:
        """End what still runs; `keep` leaves the folder for people to look at."""
        for life in self.lives:
            life.close()
        if keep:
            say(f"kept for you to look at: {self.folder}")
        else:
            shutil.rmtree(self.folder, ignore_errors=True)


class Life:
    """The service from one start to its end."""

    def __init__(
        self, file: Path, folder: Path, bus: str, places: dict[str, str], options: tuple[str, ...]
    ) -> None:
        self.lines: list[str] = []
        self._command = subprocess.Popen(
            [sys.executable, "-m", "beamside.services.cli", "run", str(file), "--json", *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1", "TMPDIR": str(folder), **places},
            start_new_session=True,
        )
        self._out: list[str] = []
        self._readers = [
            threading.Thread(target=self._drain, args=pipe, daemon=True)
            for pipe in ((self._command.stdout, self._out), (self._command.stderr, self.lines))
        ]
        for reader in self._readers:
            reader.start()
        self.ear = Ear(bus)

    @staticmethod
    def _drain(pipe: Any, lines: list[str]) -> None:
        lines.extend(iter(pipe.readline, ""))

    @property
    def pid(self) -> int:
        """Of the supervisor."""
        return self._command.pid

    @property
    def alive(self) -> bool:
        """Whether the supervisor runs."""
        return self._command.poll() is None

    def wait_ready(self) -> None:
        """Wait until every process is at its place."""
        self.wait(lambda: any("ready" in line for line in list(self.lines)), "ready")

    def wait(self, done: Callable[[], object], what: str, seconds: float = START_S) -> None:
        """Wait until `done`; AssertionError with what the service said if it never is."""
        until = time.monotonic() + seconds
        while not done():
            if not self.alive or time.monotonic() > until:
                state = "" if self.alive else " (the service has ended)"
                raise AssertionError(f"never {what}{state}:\n" + "".join(self.lines[-30:]))
            time.sleep(0.01)

    @property
    def status(self) -> dict[str, Any]:
        """The last notice of ingest."""
        return self.ear.status

    def processes(self) -> dict[str, int]:
        """The process id of each process by its name: ingest, archiver, processor-0, viewer."""
        return {name: pid for _, name, pid in children(self.pid)}

    def kill(self, role: str) -> bool:
        """SIGKILL one process of a role; False if there is none just now."""
        for found, _, pid in children(self.pid):
            if found == role:
                return slay(pid)
        return False

    def kill_all(self, order: Callable[[list[int]], None] = lambda pids: None) -> None:
        """SIGKILL the supervisor and every process, as fast as it goes; `order` shuffles them."""
        pids = [self.pid, *self.processes().values()]
        order(pids)
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._command.wait()
        # one that was just being started is not in the list; without its parent it ends by itself
        for pid in pids:
            while running(pid):
                time.sleep(0.002)

    @contextlib.contextmanager
    def unsupervised(self) -> Iterator[None]:
        """Nothing that dies is started again in the meantime."""
        os.kill(self.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.pid, signal.SIGCONT)

    def end(self, seconds: float = START_S) -> dict[str, Any]:
        """Wait for its end; what it said last as JSON, and its exit code under `code`."""
        try:
            code = self._command.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError("it did not end:\n" + "".join(self.lines[-30:])) from None
        self._readers[0].join(5)
        said: dict[str, Any] = orjson.loads(self._out[-1]) if self._out else {}
        return {**said, "code": code}

    def stop(self) -> dict[str, Any]:
        """Stop it in order, as Ctrl-C does."""
        self._command.send_signal(signal.SIGINT)
        return self.end()

    def close(self) -> None:
        """Make sure that nothing of it is left."""
        if self.alive:
            self._command.terminate()
            try:
                self._command.wait(20)
            except subprocess.TimeoutExpired:
                self.kill_all()
        for reader in self._readers:
            reader.join(5)
        self.ear.close()
        for pipe in (self._command.stdout, self._command.stderr):
            if pipe is not None:
                pipe.close()


def say(text: str) -> None:
    """Progress, for people: stdout is kept for the one JSON line."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
