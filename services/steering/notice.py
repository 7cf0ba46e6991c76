"""A notice of the service, without what is malformed in it: a listener survives any of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

FORMS: Mapping[str, type | tuple[type, ...]] = {
    "source": (str, type(None)),
    "run": (str, type(None)),
    "state": str,
    "account": (dict, type(None)),
    "readers": (dict, type(None)),
    "choices": (dict, type(None)),
    "steering": (dict, type(None)),
    "archive": (dict, type(None)),
    "alarms": (list, type(None)),
    "closed": (list, type(None)),
}
RANGES = ("missing_ranges", "skipped_ranges", "refused_ranges")
COUNTS = ("missing", "received", "processed", "skipped_frames", "refused_frames", "archived")


def mended(said: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The notice with all that is not of its form left out, and the names of that."""
    bad = [key for key, form in FORMS.items() if key in said and not isinstance(said[key], form)]
    good = {key: value for key, value in said.items() if key not in bad}
    account = good.get("account")
    if account:
        wrong = [key for key in RANGES if not _ranges(account.get(key, []))]
        wrong += [key for key in COUNTS if not isinstance(account.get(key) or 0, int | float)]
        good["account"] = {key: value for key, value in account.items() if key not in wrong}
        bad += wrong
    return good, bad


def _ranges(said: Any) -> bool:
    """Whether it is a list of pairs of numbers."""
    return isinstance(said, list) and all(
        isinstance(pair, list) and len(pair) == 2 and all(isinstance(n, int) for n in pair)
        for pair in said
    )
