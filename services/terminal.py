"""What a command says to people while it runs: on stderr, as stdout is kept for results."""

from __future__ import annotations

import sys

from . import summary
from .supervisor import Supervisor

QUIET_TURNS = 40
"""Turns between two lines of progress where there is no terminal."""
CLEAR = "\r\x1b[K"
"""Takes the line of progress away."""


def say(text: str) -> None:
    """Tell people something; stdout is kept for results."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


class Teller:
    """One line of progress, rewritten on a terminal, now and then elsewhere; alarms at once."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._live = sys.stderr.isatty()
        self._told = ""
        self._turn = 0
        self._alarms: set[str] = set()

    def tell(self) -> None:
        """Say what is going on."""
        line = summary.progress(self._supervisor.status)
        self._turn += 1
        for alarm in (*self._supervisor.status.get("alarms", ()), *self._supervisor.alarms):
            if alarm not in self._alarms:
                self._alarms.add(alarm)
                say(f"{CLEAR if self._live else ''}  alarm     {alarm}")
        if self._live:
            sys.stderr.write(f"{CLEAR}  {line[:150]}")
            sys.stderr.flush()
        elif self._turn % QUIET_TURNS == 1 and line != self._told:
            self._told = line
            say(f"  {line}")

    def end(self) -> None:
        """Leave the line."""
        if self._live:
            sys.stderr.write("\n")
