"""A camera of a test: each exposure is answered by a service with a score."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from beamside.services.steering.waiting import Waiting


class Camera:
    """A bluesky device whose frames become results a little later, in another thread."""

    name = "camera"
    parent = None

    def __init__(self, answer: Callable[[int], None], delay: float = 0.002) -> None:
        self.frame_number = -1
        self._answer, self._delay = answer, delay

    def number(self) -> int:
        return self.frame_number

    def trigger(self) -> Waiting:
        self.frame_number += 1
        exposing = Waiting()
        threading.Thread(target=self._expose, args=(self.frame_number, exposing)).start()
        return exposing

    def _expose(self, number: int, exposing: Waiting) -> None:
        exposing.end()
        time.sleep(self._delay)
        self._answer(number)

    def read(self) -> dict[str, Any]:
        return {"camera_frame": {"value": self.frame_number, "timestamp": time.time()}}

    def describe(self) -> dict[str, Any]:
        return {"camera_frame": {"source": "sim", "dtype": "integer", "shape": []}}

    def read_configuration(self) -> dict[str, Any]:
        return {}

    def describe_configuration(self) -> dict[str, Any]:
        return {}
