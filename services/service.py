"""The life of a process: told to stop by a signal or by the death of its parent."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from .logs import configure, logger
from .settings import Settings

ENVIRONMENT = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "8589934592",
    "MALLOC_ARENA_MAX": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "PYTHONUNBUFFERED": "1",
    "PYTHONFAULTHANDLER": "1",
}
"""Set before Python starts in every service process: doubles the ingest of large frames."""


NOTHING_TO_DO = 3
"""Exit code of a process that is not needed: it is not started again."""


class Life:
    """Whether to go on; a signal only sets a flag, so nothing is ever interrupted half-way."""

    def __init__(self) -> None:
        self.stopping = False
        self._parent = os.getppid()

    def listen(self) -> None:
        """Stop on SIGTERM and SIGINT from now on."""
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self.stopping = True

    @property
    def orphaned(self) -> bool:
        """Whether the supervisor is gone."""
        return os.getppid() != self._parent


@dataclass(frozen=True)
class Plan:
    """What a process of a service is told at its start."""

    settings: dict[str, Any]
    desk: str
    """Endpoint at which ingest hands out what came in."""
    bus: str
    """Endpoint at which ingest publishes results and notices."""
    spool: str
    """Folder of this service's spool."""
    folder: str
    """Private folder of this service: sockets and logs."""
    token: str = ""
    page_port: int = 0
    accepted: str = ""
    """File of the corrections of the pixel grid that people accepted."""
    gatherers: int = 0
    """How many are still there: those of an analysis over which nothing grows go by themselves."""
    calibration: dict[str, Any] = field(default_factory=dict)

    def save(self, path: Path) -> None:
        """Write the plan where only this user can read it: it holds the token."""
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(asdict(self), file)

    @classmethod
    def read(cls, path: Path) -> Plan:
        """Read what `save` wrote."""
        return cls(**json.loads(path.read_text()))

    def parsed(self) -> Settings:
        """The settings, as the model."""
        return Settings.model_validate(self.settings)


Role = Callable[[Plan, Life], int]


def main(argv: list[str] | None = None) -> int:
    """Run one process of a service: `python -m beamside.services.service ROLE NAME PLAN`."""
    role, name, plan_file = (argv or sys.argv[1:])[:3]
    life = Life()
    life.listen()
    plan = Plan.read(Path(plan_file))
    configure(plan.settings["service"]["log_level"], Path(plan.folder) / f"{name}.log", name)
    log = logger("service")
    started = time.monotonic()
    try:
        code = load_role(role, name)(plan, life)
    except Exception:
        log.exception("died", role=role)
        return 1
    log.info("ended", role=role, code=code, seconds=round(time.monotonic() - started, 3))
    return code


def load_role(role: str, name: str) -> Role:
    """The function that is a role; each is imported only by the process that needs it."""
    match role:
        case "ingest":
            from .ingest import run as run_ingest

            return run_ingest
        case "processor":
            from .processor import run as run_processor

            return lambda plan, life: run_processor(plan, life, name)
        case "gatherer":
            from .gatherer import run as run_gatherer

            return lambda plan, life: run_gatherer(plan, life, name)
        case "archiver":
            from .archiver import run as run_archiver

            return run_archiver
        case "viewer":
            from .page import run as run_page

            return run_page
    raise LookupError(f"no role {role!r}")


if __name__ == "__main__":
    sys.exit(main())
