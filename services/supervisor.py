"""The supervisor: starts the processes of a service on one host, and keeps them running.

It does no work of its own: it launches, watches, restarts with growing patience, passes on the
order to stop, and hears on the bus how the runs ended.

Decided 2026-11: all processes but the page run at the same priority. On two busy cores neither an
archiver and a gatherer at nice 5, nor as SCHED_BATCH, nor shorter slices for ingest and the
processor changed a steered step by as much as two runs of the same differ; and an archiver that
gives way to a heavy analysis fills the spool until the detector waits. Each process is a session of
its own: where Linux groups by session (autogroup), a nice value means nothing to the others.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import orjson

from . import doors, notices
from .acceptance import FILE
from .ground import Ground
from .ports import listening_socket
from .service import ENVIRONMENT, NOTHING_TO_DO, Life, Plan
from .settings import Settings

LOOK_MS = 50
"""How often it is looked whether a process died."""
MOST_PATIENCE_S = 10.0
DISMISSED_S = 3.0
"""How long a reader that was dismissed may take to go by itself."""
MOST_DEATHS = 5
"""In a row, before the service gives up: only ingest, or what was never ready, ends it. An analysis
or a page that keeps dying is tried again and again, and the archive goes on."""
QUIET_S = 30.0
"""After so long without a death a process starts with a clean record."""


class StartError(Exception):
    """The service can't start; the text says why."""


@dataclass(slots=True)
class Child:
    """One process, and how often it died."""

    role: str
    name: str
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    deaths: int = 0
    restart_at: float = 0.0


@dataclass
class Supervisor:
    """The processes of one instrument on one host."""

    settings: Settings
    status: dict[str, Any] = field(default_factory=dict)
    """The last notice of ingest."""
    alarms: list[str] = field(default_factory=list)
    was_ready: bool = False

    def __post_init__(self) -> None:
        settings = self.settings
        if wrong := doors.problems(settings):
            raise StartError("; ".join(wrong))
        self.token = settings.viewer.token or secrets.token_urlsafe(24)
        port = self._page_port() if settings.viewer.enabled else 0
        self.ground = Ground.taken()
        self.folder = self.ground.folder
        gatherers = settings.analysis.gatherers if settings.analysis.workers else 0
        self.plan = Plan(
            settings=settings.model_dump(mode="json"),
            desk=f"ipc://{self.folder}/desk",
            bus=f"ipc://{self.folder}/bus",
            spool=str(self._spool_folder()),
            folder=str(self.folder),
            token=self.token,
            page_port=port,
            gatherers=gatherers,
            accepted=str(self._accepted_file()),
        )
        self.children = [Child("ingest", "ingest")]
        if settings.archive.enabled:
            self.children.append(Child("archiver", "archiver"))
        for n in range(settings.analysis.workers):
            self.children.append(Child("processor", f"processor-{n}"))
        for n in range(gatherers):
            self.children.append(Child("gatherer", f"gatherer-{n}"))
        if settings.viewer.enabled:
            self.children.append(Child("viewer", "viewer"))
        self._bus = notices.listen(self.plan.bus)

    def _spool_folder(self) -> Path:
        """A folder of this service's own; where nothing is archived it goes with the service."""
        settings = self.settings
        if not settings.archive.enabled:
            return self.folder / "spool"
        folder = settings.spool.folder or settings.archive.folder / "spool"
        return folder.absolute() / self.folder.name

    def _accepted_file(self) -> Path:
        """Where it is kept which calibration people accepted; without an archive for this time."""
        settings = self.settings
        folder = settings.archive.folder if settings.archive.enabled else self.folder
        return (settings.calibration.accepted or folder / FILE).absolute()

    def _page_port(self) -> int:
        viewer = self.settings.viewer
        try:
            with contextlib.closing(listening_socket(viewer.host, viewer.port)) as bound:
                return int(bound.getsockname()[1])
        except OSError as error:
            raise StartError(
                f"the page can't listen on {viewer.host}:{viewer.port}: {error.strerror}; "
                "set viewer.port to 0 for any free port"
            ) from error

    @property
    def url(self) -> str | None:
        """The page, with the token that opens it."""
        if not self.settings.viewer.enabled:
            return None
        return f"http://{self.settings.viewer.host}:{self.plan.page_port}/?token={self.token}"

    def start(self) -> None:
        """Start every process."""
        if self.settings.archive.enabled:
            try:
                self.settings.archive.folder.mkdir(parents=True, exist_ok=True)
                with tempfile.TemporaryFile(dir=self.settings.archive.folder):
                    pass  # better now than with the first frame
            except OSError as error:
                raise StartError(
                    f"archive.folder {self.settings.archive.folder} can't be written to: "
                    f"{error.strerror}; name another folder"
                ) from error
        self.plan.save(self.folder / "plan.json")
        for child in self.children:
            self._launch(child)

    def _launch(self, child: Child) -> None:
        plan = str(self.folder / "plan.json")
        module = "beamside.services.service"
        with (self.folder / f"{child.name}.out").open("ab") as out:
            child.process = subprocess.Popen(  # noqa: S603  our own interpreter and module
                [sys.executable, "-m", module, child.role, child.name, plan],
                env={**os.environ, **ENVIRONMENT},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,  # Ctrl-C reaches the supervisor only: it drains in order
            )
        child.started = time.monotonic()

    def hear(self, timeout_ms: int) -> bool:
        """Take what the bus brings within the time; whether there was a notice."""
        heard = False
        until = time.monotonic() + timeout_ms / 1e3
        while (left := until - time.monotonic()) > 0 and self._bus.poll(int(left * 1e3) + 1):
            parts = self._bus.recv_multipart(copy=False)
            if len(parts) == 1:  # notices are one part; results need not be decoded here
                message = notices.read([parts[0].buffer])
                if isinstance(message, dict):
                    self.status, heard = message, True
        return heard

    def watch(self) -> None:
        """Restart what died, with growing patience."""
        now = time.monotonic()
        for child in list(self.children):
            process = child.process
            if process is not None and process.poll() == NOTHING_TO_DO:
                self._left(child)
            elif process is not None and process.poll() is not None:
                self._died(child, process.returncode)
            elif process is None and now >= child.restart_at:
                self._launch(child)

    def _left(self, child: Child) -> None:
        """It is not needed: a gatherer, where nothing grows over the runs."""
        self.children.remove(child)
        self.plan = replace(self.plan, gatherers=0)
        self.plan.save(self.folder / "plan.json")  # for an ingest that is started again

    def _died(self, child: Child, code: int) -> None:
        now = time.monotonic()
        child.deaths = 1 if now - child.started > QUIET_S else child.deaths + 1
        child.process = None
        # the first time at once: a frame waits for it
        patience = 0.1 * 2 ** (child.deaths - 1) if child.deaths > 1 else 0.0
        child.restart_at = now + min(patience, MOST_PATIENCE_S)
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        said = f"{child.name} died ({how}) and is started again"
        if said not in self.alarms:
            self.alarms.append(said)
        if child.role == "ingest" and not self.was_ready:
            raise StartError(f"ingest can't start: {self._last_words(child)}")
        if child.deaths > MOST_DEATHS and (child.role == "ingest" or not self.was_ready):
            raise StartError(f"{child.name} dies again and again: {self._last_words(child)}")

    def _last_words(self, child: Child) -> str:
        for name in (f"{child.name}.log", f"{child.name}.out"):
            file = self.folder / name
            lines = file.read_text(errors="replace").strip().splitlines() if file.exists() else []
            if lines:
                return _plainly(lines[-1])
        return "it said nothing"

    @property
    def ready(self) -> bool:
        """Whether every reader is at the desk."""
        readers = self.status.get("readers", {})
        wanted = {"archive": self.settings.archive.enabled, "preview": self.settings.viewer.enabled}
        wanted["analysis"] = self.settings.analysis.workers > 0
        wanted["gather"] = "gather" in readers
        return bool(readers) and all(
            readers.get(name, {}).get("workers", 0) > 0 for name, want in wanted.items() if want
        )

    def wait_ready(self, life: Life, timeout_s: float = 60.0) -> bool:
        """Wait until every process is at its place; False if told to stop before."""
        until = time.monotonic() + timeout_s
        while not self.ready:
            if life.stopping:
                return False
            if time.monotonic() > until:
                raise StartError(f"not ready after {timeout_s:.0f} s: {self._absent()}")
            self.hear(100)
            self.watch()
        self.was_ready = True
        return True

    def _absent(self) -> str:
        dead = [child for child in self.children if child.deaths]
        return "; ".join(f"{c.name}: {self._last_words(c)}" for c in dead) or "nobody died"

    def serve(
        self, life: Life, done: Callable[[dict[str, Any]], bool], tell: Callable[[], None]
    ) -> None:
        """Run until told to stop or `done` says so of the last notice."""
        while not life.stopping and not done(self.status):
            self.hear(LOOK_MS)
            self.watch()
            tell()

    def stop(self) -> int:
        """Drain everything in order: ingest first, the page last; give the exit code."""
        codes = []
        deadline = self.settings.service.drain_timeout_s + 10
        order = sorted(self.children, key=lambda child: child.role == "viewer")
        ingest = self.children[0].process
        if ingest is not None and ingest.poll() is None:
            ingest.terminate()
            until = time.monotonic() + deadline
            while ingest.poll() is None and time.monotonic() < until:
                self.hear(50)
        self.hear(200)
        for child in order:
            if child.process is not None:
                # ingest has dismissed its readers; the page waits to be told
                patience = 0.0 if child.role == "viewer" else DISMISSED_S
                code = self._reap(child.process, patience)
                if code:
                    self.alarms.append(f"{child.name} died while stopping (exit code {code})")
                codes.append(code)
        self._bus.close(0)
        return max((abs(code) for code in codes), default=0)

    def _reap(self, process: subprocess.Popen[bytes], patience_s: float) -> int:
        """Wait, then ask, then kill; the exit code, 0 where the process only did as it was told."""
        for wait_s, tell in ((patience_s, process.terminate), (10.0, process.kill)):
            try:
                code = process.wait(wait_s)
                return 0 if code in (-signal.SIGTERM, NOTHING_TO_DO) else code
            except subprocess.TimeoutExpired:
                tell()
        process.wait()
        return 137

    def keep_logs(self) -> None:
        """Move the logs to the archive; the private folder goes."""
        if self.settings.archive.enabled:
            logs = (
                self.settings.archive.folder
                / "logs"
                / f"{time.strftime('%Y%m%dT%H%M%S')}-{os.getpid()}"
            )
            with contextlib.suppress(OSError):
                logs.mkdir(parents=True, exist_ok=True)
                for file in [*self.folder.glob("*.log"), *self.folder.glob("*.out")]:
                    if file.stat().st_size:
                        shutil.copy(file, logs / file.name)
        self.ground.left()


def _plainly(line: str) -> str:
    """A line of a log for people: of a traceback only what was raised."""
    try:
        said = orjson.loads(line)
        return str(said.get("exception") or said.get("error") or said["event"]).splitlines()[-1]
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError, IndexError):
        return line[-2000:]


def is_idle(status: dict[str, Any]) -> bool:
    """Whether the source is at its end and every run is closed."""
    return bool(status.get("exhausted")) and not status.get("open")
