"""Who steers, what is suggested, and what people said of it: one wheel for all steerers.

It is kept by ingest and told in each notice, where steerers and pages read it. What people do is
written to `steering.jsonl` in the archive's folder, so a mode and an emergency stop outlive a
restart; it and every suggestion are events of the runs that are open, so they are in their logs and
in their archives.
"""

from __future__ import annotations

import secrets
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..stream import journal
from ..stream.errors import FileError
from .desk import Receipt
from .helm_words import Event, Lease, event_of, suggestion_of
from .logs import logger

if TYPE_CHECKING:
    from .ingest import Ingest

log = logger("helm")
FILE = "steering.jsonl"
NO_RUN = "suggestions.jsonl"
"""Suggestions while no run was open."""
MODES = ("advise", "auto", "off")
SHOWN = 50
"""Events in a notice."""
LEASE_S, LONGEST_LEASE_S = 15.0, 120.0
MOST_WAITING = 100
"""Suggestions that may wait for a person."""
REMEMBERED = 1000
"""Decisions that a steerer may still ask for."""


class NotSteeredError(Exception):
    """This can't be done; the text says why, and what to do."""


class Helm:
    """The state of steering, as ingest keeps it."""

    def __init__(self, ingest: Ingest, path: Path) -> None:
        self._ingest, self.path = ingest, path
        self.mode = MODES[0]
        self.stopped: Event | None = None
        self.lease: Lease | None = None
        self.paused = ""
        self.waiting: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self.counts: Counter[str] = Counter()
        self.events: deque[Event] = deque(maxlen=SHOWN)
        self._decided: OrderedDict[str, Event] = OrderedDict()
        self._heard: OrderedDict[str, int] = OrderedDict()
        """The number of the last event of each steerer."""
        try:
            for event in journal.read(path):
                self._apply(event)
                self.events.append(event)
        except FileError as error:
            ingest.alarms["steering"] = f"what was decided on steering is not known: {error}"

    def _apply(self, event: Event) -> None:
        if event.get("event") == "mode" and event.get("mode") in MODES:
            self.mode = str(event["mode"])
        elif event.get("event") in ("stop", "clear"):
            self.stopped = event if event["event"] == "stop" else None

    # what is said

    def hear(self, receipt: Receipt) -> None:
        """Do what a person or a steerer wishes, and answer."""
        said = receipt.said
        answer: dict[str, Any] = {"id": said.get("id")}
        self.look()
        try:
            answer |= self._wish(said)
        except (NotSteeredError, FileError, ValueError) as error:
            answer["error"] = str(error)
        self._ingest.desk.reply(receipt, answer | {"steering": self.as_json()})
        if said.get("action") != "tell" or self.waiting:
            self._ingest.notice()

    def _wish(self, said: Mapping[str, Any]) -> dict[str, Any]:
        match said.get("action"):
            case "accept" | "reject":
                return {"event": self._decide(said)}
            case "mode":
                return {"event": self._set_mode(said)}
            case "stop" | "clear":
                return {"event": self._stop(said)}
            case "take":
                return self._take(said)
            case "tell":
                return self._tell(said)
            case "release":
                return self._release(said)
        raise NotSteeredError("action is accept, reject, mode, stop or clear")

    # people

    def _decide(self, said: Mapping[str, Any]) -> Event:
        told = self.waiting.get(str(said.get("suggestion")))
        if told is None:
            raise NotSteeredError("this suggestion does not wait any more")
        if self.stopped is not None and said["action"] == "accept":
            raise NotSteeredError("the emergency stop is pressed: clear it first")
        return self._settle(told, str(said["action"]), said)

    def _settle(self, told: Mapping[str, Any], what: str, said: Mapping[str, Any]) -> Event:
        event = event_of(what, said) | {"id": told["id"], "moves": told["moves"]}
        self._by_person(event)
        self.waiting.pop(str(told["id"]), None)
        self._decided[str(told["id"])] = event
        while len(self._decided) > REMEMBERED:
            self._decided.popitem(last=False)
        return event

    def _set_mode(self, said: Mapping[str, Any]) -> Event:
        if said.get("mode") not in MODES:
            raise NotSteeredError(f"mode is one of {', '.join(MODES)}")
        event = event_of("mode", said) | {"mode": said["mode"]}
        self._by_person(event)
        if self.mode != "advise":  # nobody is asked any more
            what = "accept" if self.mode == "auto" else "reject"
            for told in list(self.waiting.values()):
                self._settle(told, what, {**said, "words": f"steering was set to {self.mode}"})
        return event

    def _stop(self, said: Mapping[str, Any]) -> Event:
        event = event_of(str(said["action"]), said)
        self._apply(event)  # at once, also where the disk refuses to keep it
        self._ingest.notice()
        self._by_person(event)
        log.warning("emergency stop", what=event["event"], by=event["by"], via=event["via"])
        return event

    def _by_person(self, event: Event) -> None:
        """Keep what somebody decided, before it holds."""
        journal.append(self.path, event)
        self._apply(event)
        self._happened(event)

    # steerers

    def look(self) -> None:
        """Take the wheel from a holder who was not heard of for too long."""
        if self.lease is not None and time.monotonic() > self.lease.until:
            self._free(f"{self.lease.name} was not heard of for {self.lease.seconds:g} s")

    def _take(self, said: Mapping[str, Any]) -> dict[str, Any]:
        if self.lease is not None:
            raise NotSteeredError(self.lease.in_words())
        self._hold(said, secrets.token_urlsafe(12))
        self._happened(event_of("take", said))
        return {"lease": self.lease.secret if self.lease else ""}

    def _hold(self, said: Mapping[str, Any], secret: str) -> None:
        event = event_of("take", said)
        seconds = said.get("lease_s")
        if not isinstance(seconds, int | float) or not 1 <= seconds <= LONGEST_LEASE_S:
            seconds = LEASE_S
        self.lease = Lease(event["by"], event["at"], secret, float(seconds))

    def _tell(self, said: Mapping[str, Any]) -> dict[str, Any]:
        secret = str(said.get("lease"))
        if self.lease is None:  # it expired, or we are new: whoever comes first goes on
            self._hold(said, secret)
            self._happened(event_of("take", said))
        elif not secrets.compare_digest(self.lease.secret.encode(), secret.encode()):
            raise NotSteeredError(self.lease.in_words())
        assert self.lease is not None  # noqa: S101  it was granted just now
        self.lease.renew()
        wrong = ""
        for one in self._unheard(said):
            try:
                self._told(event_of(str(one.get("event")), {**one, "by": self.lease.name}), one)
            except (NotSteeredError, ValueError) as error:  # of one: the others are taken
                wrong = wrong or str(error)
        asked = [suggestion_of(one, self.lease.name) for one in _objects(said.get("asked"))]
        for one in asked:
            if one["id"] not in self._decided and one["id"] not in self.waiting:
                self._wait(one)  # it was asked of a service that is gone
        if wrong:
            raise NotSteeredError(wrong)
        return {"decided": [self._decided[o["id"]] for o in asked if o["id"] in self._decided]}

    def _unheard(self, said: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        """The events that this steerer did not tell before: an answer may have been lost."""
        events, steerer = _objects(said.get("events")), str(said.get("steerer") or "")[:80]
        if not steerer:
            return events
        last = self._heard.pop(steerer, 0)
        fresh = [one for one in events if _number(one.get("n")) > last]
        self._heard[steerer] = max([last, *(_number(one.get("n")) for one in events)])
        while len(self._heard) > MOST_WAITING:
            self._heard.popitem(last=False)
        return fresh

    def _told(self, event: Event, said: Mapping[str, Any]) -> None:
        kind = event["event"]
        if kind not in ("suggest", "done", "refused", "failed", "pause", "resume"):
            raise NotSteeredError(f"a steerer can't tell of {kind!r}")
        if "moves" in said:
            told = suggestion_of(said, str(event["by"]))
            event |= {key: told[key] for key in ("id", "plan", "moves", "reason")}
            fresh = told["id"] not in self._decided
            self.counts["suggested"] += fresh
            if kind == "suggest":
                self._wait(told)
        if kind in ("pause", "resume"):
            self.paused = str(event.get("words", "")) if kind == "pause" else ""
        self._happened(event)

    def _wait(self, told: dict[str, Any]) -> None:
        if len(self.waiting) >= MOST_WAITING:
            raise NotSteeredError(f"{MOST_WAITING} suggestions wait for a person already")
        self.waiting[told["id"]] = told

    def _release(self, said: Mapping[str, Any]) -> dict[str, Any]:
        lease = self.lease
        if lease is None or not secrets.compare_digest(
            lease.secret.encode(), str(said.get("lease")).encode()
        ):
            raise NotSteeredError("the wheel is not yours to give back")
        self._free("")
        return {}

    def _free(self, words: str) -> None:
        name = self.lease.name if self.lease is not None else ""
        self.lease, self.paused = None, ""
        self.waiting.clear()
        self._happened(event_of("release", {"by": name, "words": words}))

    # what becomes of it

    def _happened(self, event: Event) -> None:
        """Into the log and the account of the run that it is about, or of all that are open."""
        kind = str(event["event"])
        self.counts[{"accept": "accepted", "reject": "rejected"}.get(kind, kind)] += 1
        self.events.append(event)
        runs = self._ingest.ledger.runs
        about = (event.get("reason") or {}).get("run")
        keys = [about] if about in runs else list(runs)
        if not keys and event.get("via") != "page" and "moves" in event:
            # no run's archive will tell of it; apart, so that the stop is never far down a file
            journal.append(self.path.with_name(NO_RUN), event)
        for key in keys:
            runs[key].account.events.append(event)
            self._ingest.spools.note(key, "event", event=event)

    def as_json(self) -> dict[str, Any]:
        """For the notices."""
        kinds = ("suggested", "accepted", "rejected", "refused", "done", "failed")
        return {
            "mode": self.mode,
            "stopped": self.stopped,
            "holder": None if self.lease is None else self.lease.as_json(),
            "paused": self.paused or None,
            "waiting": list(self.waiting.values()),
            "counts": {kind: self.counts[kind] for kind in kinds},
            "events": list(self.events),
        }


def shortened(account: Mapping[str, Any]) -> dict[str, Any]:
    """An account with its last events only: a notice is sent a few times a second."""
    return {**account, "events": list(account.get("events") or ())[-SHOWN:]}


def _number(said: Any) -> int:
    return said if isinstance(said, int) and not isinstance(said, bool) else 0


def _objects(said: Any) -> list[Mapping[str, Any]]:
    if said is None:
        return []
    if not isinstance(said, list) or not all(isinstance(one, Mapping) for one in said):
        raise NotSteeredError("events and asked are lists of objects")
    return said
