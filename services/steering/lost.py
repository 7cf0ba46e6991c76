"""Why a result does not come, in words that say what to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SILENT_S = 3.0
"""The service speaks a few times a second; after so long it is not there."""
KINDS = {
    "missing": "it never came from the detector",
    "skipped": "a busy analysis skipped it: set analysis.policy = 'wait', or more workers",
    "refused": "its data could not be read",
}


class LostResultError(Exception):
    """No result of this frame will come, or none came in time; the text says why."""


def fate(status: Mapping[str, Any], run: str, frame: int) -> str | None:
    """What became of a frame that will have no result, by the service's notice; else None.

    Notices list the first ranges of the frames that are missing, skipped and refused; None means
    that the frame is in none of those.
    """
    if status.get("run") != run:
        return None
    account = status.get("account") or {}
    for kind, words in KINDS.items():
        if any(first <= frame <= last for first, last in account.get(f"{kind}_ranges", ())):
            return words
    return None


def silence(status: Mapping[str, Any], silent_s: float, run: str | None) -> str:
    """Why nothing may have come in time."""
    if not status:
        return "nothing was ever heard of the service: check that it runs, and the address"
    if silent_s > SILENT_S:
        return f"the service has been silent for {silent_s:.0f} s: look whether it runs"
    if run is None:
        return "no run is open: has the detector been armed?"
    if status.get("run") != run:
        return f"the service is at run {status.get('run')!r}, not {run!r}"
    readers = status.get("readers") or {}
    waiting = ", ".join(f"{name} {said.get('queue')}" for name, said in readers.items())
    alarms = "; ".join(map(str, status.get("alarms") or ["none"]))
    return f"the analysis is slow, or the frame never came (waiting: {waiting}; alarms: {alarms})"
