"""The wheel: held by one steerer at a time, watched by people, stopped by anyone of them."""

from __future__ import annotations

import logging
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson

from .envelope import RefusedError
from .feed import Feed
from .waiting import Waiting

log = logging.getLogger("beamside.steering")
LEASE_S = 15.0
"""The wheel is free again so long after its holder was last heard of."""
MOST_UNTOLD = 10_000
"""Events kept for a service that does not answer."""
MOST_AT_ONCE = 100
"""Events in one request; each is at most MOST_SAID bytes, so that a request is never too long."""
MOST_SAID = 4000
BATCH_S = 0.05
"""What happens is told so often, many events in one request."""
PATIENCE_S = 5.0


class HeldError(Exception):
    """The wheel can't be taken; the text says who holds it, or what else is wrong."""


@dataclass(slots=True)
class Suggestion:
    """Where some axes are to go, and why."""

    id: str
    plan: str
    reason: dict[str, Any]
    """run, frame, values, and what the plan says of its model: model, sigma, words."""
    moves: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By axis: to, from, units."""

    def as_json(self) -> dict[str, Any]:
        """As it is told to the service."""
        return {"id": self.id, "plan": self.plan, "moves": self.moves, "reason": self.reason}


class Asked:
    """A bluesky device whose trigger waits for a person's answer; a rewind asks nothing twice."""

    name = "beamside_wheel"
    parent = None

    def __init__(self, waiting: Waiting) -> None:
        self._waiting = waiting

    def trigger(self) -> Waiting:
        """The answer, sooner or later."""
        return self._waiting


class Wheel:
    """Steering of a service, held for the time of a `with` block.

        with Wheel("http://beamside:8080/?token=...", feed, name="ann", engine=RE) as wheel:
            RE(guarded(plan, envelope, wheel=wheel))

    HeldError says who holds it already. `page` is the address that the service printed. The
    emergency stop pauses `engine` at once (its motors are stopped; `abort` ends the plan instead).
    What is suggested and done is told to the service by a thread of its own: no plan waits for it.
    Own clocks only: when nothing is heard of the service for as long as the wheel was granted, it
    counts as lost, and plans pause until it is back.
    """

    def __init__(
        self,
        page: str,
        feed: Feed,
        *,
        name: str,
        engine: Any = None,
        abort: bool = False,
        lease_s: float = LEASE_S,
    ) -> None:
        address = urlsplit(page)
        if address.scheme not in ("http", "https") or not address.netloc:
            raise ValueError(f"{page}: give the address that the service printed, http://...")
        self._there = f"{address.scheme}://{address.netloc}{address.path.rstrip('/')}"
        self._there += "/api/v1/steering"
        self._token = parse_qs(address.query).get("token", [""])[0]
        self.name, self.feed, self.engine, self.abort = name, feed, engine, abort
        self.lease_s = lease_s
        self.said: Mapping[str, Any] = {}
        """What the service says of steering: mode, stopped, holder, events."""
        self.untold = 0
        """Events that were dropped, because the service did not answer for too long."""
        self._lease = ""
        self._steerer = uuid.uuid4().hex
        self._until = 0.0
        self._refused = ""
        self._asked: dict[str, tuple[Suggestion, Waiting]] = {}
        self._events: deque[dict[str, Any]] = deque()
        self._told = 0
        """Numbers the events: one that is told again, as after a slow answer, counts once."""
        self._lock = threading.Lock()
        self._bell = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="beamside-wheel", daemon=True)

    # who holds it

    def __enter__(self) -> Wheel:
        asked = time.monotonic()
        self._granted(self._post({**self._wish("take"), "lease": None}), asked)
        self.feed.subscribe(self._take)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.feed.unsubscribe(self._take)
        self._closing.set()
        self._bell.set()
        self._thread.join()
        for _told, waiting in list(self._asked.values()):
            waiting.end(RefusedError("the wheel was given back before anyone answered"))

    def _granted(self, answer: Mapping[str, Any], asked: float) -> None:
        """It is ours for the lease, from when we asked: the service began to count later."""
        self._lease = str(answer.get("lease") or self._lease)
        self._until = asked + self.lease_s
        self._refused = ""
        self._know(answer.get("steering") or {})
        for event in answer.get("decided") or ():
            self._answered(event)

    @property
    def mode(self) -> str:
        """advise, auto or off, as people set it; advise if nobody knows."""
        mode = self.said.get("mode")
        return mode if mode in ("advise", "auto", "off") else "advise"

    def hindrance(self) -> str:
        """Why nothing may move now; empty if it may."""
        if stopped := self.said.get("stopped"):
            words = f" ({stopped['words']})" if stopped.get("words") else ""
            return f"{stopped.get('by', 'somebody')} pressed the emergency stop{words}: clear it"
        if self._refused:
            return self._refused
        if time.monotonic() > self._until:
            return "the service does not answer, so the wheel may be another's by now"
        return "steering is switched off on the page" if self.mode == "off" else ""

    # what is suggested

    def ask(self, told: Suggestion) -> Waiting:
        """Whether a suggestion may be done: at once in mode auto, else when a person has said."""
        waiting = Waiting()
        auto = self.mode == "auto"
        with self._lock:
            if not auto:
                self._asked[told.id] = (told, waiting)
        self.tell("done" if auto else "suggest", told)
        if auto:
            waiting.end()
        return waiting

    def tell(self, event: str, told: Suggestion | None, words: str = "") -> None:
        """Tell the service what happened; nobody waits."""
        said: dict[str, Any] = {"event": event} | ({"words": words} if words else {})
        said |= _shortened(told.as_json()) if told is not None else {}
        with self._lock:
            self._told += 1
            said["n"] = self._told
            if len(self._events) == MOST_UNTOLD:
                self._events.popleft()
                self.untold += 1
            self._events.append(said)
        self._bell.set()

    # what the service says

    def _take(self, message: Any) -> None:
        if isinstance(message, Mapping) and isinstance(said := message.get("steering"), Mapping):
            self._know(said)

    def _know(self, said: Mapping[str, Any]) -> None:
        before, self.said = self.said, said
        if said.get("stopped") and not before.get("stopped"):
            self.halt(self.hindrance())
        for event in said.get("events") or ():
            if event.get("event") in ("accept", "reject"):
                self._answered(event)

    def _answered(self, event: Mapping[str, Any]) -> None:
        with self._lock:
            asked = self._asked.pop(str(event.get("id")), None)
        if asked is None:
            return
        told, waiting = asked
        if event["event"] == "accept":
            self.tell("done", told)
            waiting.end()
        else:
            words = f": {event['words']}" if event.get("words") else ""
            waiting.end(RefusedError(f"{event.get('by', 'somebody')} rejected it{words}"))

    def halt(self, words: str) -> bool:
        """Pause the engine, or abort its plan, in a thread of its own; False if none is known."""
        if self.engine is None:
            return False
        threading.Thread(target=self._stop_engine, args=(words,), daemon=True).start()
        return True

    def _stop_engine(self, words: str) -> None:
        log.warning("the engine is stopped: %s", words)
        try:
            if self.abort:
                self.engine.abort(reason=words)
            else:
                self.engine.request_pause()
        except Exception as error:  # it was idle, or stopped itself meanwhile: nothing moves
            log.warning("the engine was not running: %s", error)

    # the thread

    def _serve(self) -> None:
        while not self._closing.is_set():
            self._bell.wait(self.lease_s / 4)
            self._closing.wait(BATCH_S)
            self._bell.clear()
            self._talk()
        try:
            self._talk()
            self._post({"action": "release", "lease": self._lease})
        except HeldError as error:
            log.warning("the wheel was not given back: %s", error)

    def _talk(self) -> None:
        """Tell what happened; that renews the lease as well."""
        with self._lock:
            events = list(islice(self._events, MOST_AT_ONCE))
            waiting = islice(self._asked.values(), MOST_AT_ONCE)
            asked = [_shortened(told.as_json()) for told, _ in waiting]
        began = time.monotonic()
        try:
            answer = self._post({**self._wish("tell"), "events": events, "asked": asked})
        except HeldError as error:
            if isinstance(error.__cause__, urllib.error.HTTPError):
                self._refused = str(error)
            self._closing.wait(min(1.0, self.lease_s / 4))
            return
        with self._lock:
            last = events[-1]["n"] if events else 0
            while self._events and self._events[0]["n"] <= last:
                self._events.popleft()
            if self._events:
                self._bell.set()
        self._granted(answer, began)

    def _wish(self, action: str) -> dict[str, Any]:
        mine = {"lease": self._lease, "by": self.name, "lease_s": self.lease_s}
        return {"action": action, "steerer": self._steerer, **mine}

    def _post(self, wish: Mapping[str, Any]) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        body = orjson.dumps(wish, option=orjson.OPT_SERIALIZE_NUMPY, default=str)
        request = urllib.request.Request(self._there, body, headers)  # noqa: S310  http(s) checked
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:  # noqa: S310
                return dict(orjson.loads(answer.read(1 << 24)))
        except urllib.error.HTTPError as error:
            with error:
                words = error.read(1 << 16)
            try:
                reason = str(orjson.loads(words)["error"])
            except (orjson.JSONDecodeError, KeyError, TypeError):
                reason = f"{self._there} answered {error.code}"
            raise HeldError(reason) from error
        except (OSError, orjson.JSONDecodeError, ValueError) as error:
            raise HeldError(f"no service answers at {self._there}: {error}") from error


def _shortened(told: dict[str, Any]) -> dict[str, Any]:
    """A suggestion without the values of its reason, where they make it too long to be told."""
    if len(orjson.dumps(told, option=orjson.OPT_SERIALIZE_NUMPY, default=str)) <= MOST_SAID:
        return told
    said = {key: str(value)[:200] for key, value in told["reason"].items() if key != "values"}
    moves = dict(islice(told["moves"].items(), 32))
    return {
        **told,
        "moves": moves,
        "reason": {**said, "values": {}, "frame": told["reason"].get("frame")},
    }
