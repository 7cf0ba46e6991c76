"""A whole service, from its start to the report of how it went, for the command that wants it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from . import doors, summary
from .service import Life
from .settings import Settings, assignment, load, merge
from .supervisor import StartError, Supervisor, is_idle
from .terminal import Teller, say

NOTHING_CAME = 1
"""Exit code when the source ended without one readable frame."""


def listening() -> Life:
    """The life of this command: from the first moment on Ctrl-C ends it in order."""
    life = Life()
    life.listen()
    return life


def settings_of(args: argparse.Namespace, file: Path | None, under: dict[str, Any]) -> Settings:
    """The settings of a command: its own under the file's, the command line on top."""
    over: dict[str, Any] = merge([under, *(assignment(text) for text in args.assignments)])
    if args.archive is not None:
        over = merge([over, {"archive": {"folder": args.archive}}])
    if args.port is not None:
        over = merge([over, {"viewer": {"port": args.port}}])
    if args.no_page:
        over = merge([over, {"viewer": {"enabled": False}}])
    return load(file, over)


def serve(
    settings: Settings,
    life: Life,
    done: Callable[[dict[str, Any]], bool],
    *,
    as_json: bool,
    stay: bool = False,
    when_ready: Callable[[str | None], None] = lambda page: None,
    before_stop: Callable[[], None] = lambda: None,
) -> int:
    """Run a service until it is done or told to stop; drain; say how it went."""
    supervisor = Supervisor(settings)
    trouble: StartError | None = None
    for words in doors.warnings(settings):
        say(f"  note      {words}")
    try:
        supervisor.start()
        if supervisor.url:
            say(f"  page      {supervisor.url}")
        if settings.archive.enabled:
            say(f"  archive   {settings.archive.folder.resolve()}")
        _serve(supervisor, life, done, stay, when_ready)
        before_stop()
    except StartError as error:
        trouble = error
    finally:
        code = supervisor.stop()
        supervisor.keep_logs()
    _report(summary.of_service(supervisor.status, supervisor.alarms), as_json)
    if trouble is not None:
        raise trouble
    nothing = supervisor.status.get("totals", {}).get("runs", 0) == 0
    return code or (NOTHING_CAME if nothing and is_idle(supervisor.status) else 0)


def _serve(
    supervisor: Supervisor,
    life: Life,
    done: Callable[[dict[str, Any]], bool],
    stay: bool,
    when_ready: Callable[[str | None], None],
) -> None:
    if not supervisor.wait_ready(life):
        return
    when_ready(supervisor.url)
    say("  ready     Ctrl-C drains and stops")
    teller = Teller(supervisor)
    supervisor.serve(life, done, teller.tell)
    if stay and not life.stopping:
        say("  done      the page stays until Ctrl-C")
        supervisor.serve(life, lambda status: False, lambda: None)
    teller.end()


def _report(result: dict[str, Any], as_json: bool) -> None:
    say("\n".join(["", *summary.lines(result)]))
    if as_json:
        sys.stdout.write(orjson.dumps(result).decode() + "\n")
        sys.stdout.flush()
