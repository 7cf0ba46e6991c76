"""A device that asks before each move and exposure whether anything may happen now.

bluesky sends what came since the last checkpoint again when a paused scan is resumed, or released
by a suspender, and no plan hears of that. Who is asked by the device itself is asked then too.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

from .waiting import Waiting

LOOK_S = 0.05
STOPPING = ("stop", "pause", "resume")
"""What a RunEngine looks for on a device without asking it by name."""


class Permission(Protocol):
    """Who is asked."""

    def asked(self) -> str:
        """Why nothing may happen now; empty if it may."""

    def paused(self, words: str) -> bool:
        """Pause the scan; False if nobody here can."""


class Held:
    """Stands for a device in a message of a plan; equal to it, and in all else the same.

    What may not happen now is not sent: its Status goes on until a rewind asks again, or, where
    nobody can pause the scan, until it may happen.
    """

    def __init__(self, device: Any, permission: Permission) -> None:
        self._device, self._permission = device, permission
        self._waiting: Waiting | None = None
        for name in STOPPING:
            if hasattr(device, name):
                setattr(self, name, getattr(device, name))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._device, name)

    def __eq__(self, other: object) -> bool:
        return self._device is (other._device if isinstance(other, Held) else other)

    def __hash__(self) -> int:
        return hash(self._device)

    def set(self, *args: Any, **kwargs: Any) -> Any:
        """Move, if it may."""
        return self._if_it_may(lambda: self._device.set(*args, **kwargs))

    def trigger(self) -> Any:
        """Expose, if it may."""
        return self._if_it_may(self._device.trigger)

    def _if_it_may(self, act: Callable[[], Any]) -> Any:
        if self._waiting is not None:
            self._waiting.end()  # the scan was rewound: this is the same step again
            self._waiting = None
        words = self._permission.asked()
        if not words:
            return act()
        waiting = self._waiting = Waiting()
        if not self._permission.paused(words):
            threading.Thread(target=self._act_later, args=(act, waiting), daemon=True).start()
        return waiting

    def _act_later(self, act: Callable[[], Any], waiting: Waiting) -> None:
        while self._permission.asked():
            if waiting.done:
                return
            time.sleep(LOOK_S)
        if waiting.done:
            return
        try:
            act().add_callback(lambda status: waiting.end(status.exception(0)))
        except Exception as error:  # of the device's own code: the step failed
            waiting.end(error)
