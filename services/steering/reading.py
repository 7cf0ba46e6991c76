"""Results as an ordinary bluesky device: plans, callbacks, tables and suspenders just work."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from ...stream.messages import Result
from .feed import Feed
from .fields import Field, number
from .lost import LostResultError, silence
from .waiting import Waiting


class Reading:
    """Numbers of the result of the frame that was just taken; Readable and Triggerable.

    `fields` are the columns and where they are found in a result (see `fields.Field`). `frame`
    gives the number of the frame that the camera takes with this trigger, as the detector counts
    (from 0): nothing is counted here, since a scan that is rewound takes frames nobody counted.
    `run` gives the detector's series; without it, the run that is open. `camera` is a device that
    this one is to trigger itself: then `frame` is asked when its exposure is done. `analysis` is
    needed where several publish.

    `trigger` ends when the result of that very frame has come. It fails with `LostResultError`,
    which says why, after `timeout` seconds or as soon as the service says that none will come.
    """

    parent = None

    def __init__(
        self,
        feed: Feed,
        fields: Mapping[str, Field],
        *,
        frame: Callable[[], int],
        name: str = "beamside",
        run: Callable[[], str] | None = None,
        camera: Any = None,
        analysis: str | None = None,
        timeout: float = 10.0,
    ) -> None:
        self.name, self.feed, self.analysis, self.timeout = name, feed, analysis, timeout
        self.fields = dict(fields)
        self.camera = camera
        self._frame, self._run = frame, run
        self._at: tuple[str, int] | None = None

    @property
    def hints(self) -> dict[str, Any]:
        """The columns that tables and plots show."""
        return {"fields": [self.column(field) for field in self.fields]}

    @property
    def result(self) -> Result:
        """The result that the last trigger waited for; LostResultError if there is none."""
        found = None if self._at is None else self.feed.result(*self._at, self.analysis)
        if found is None:
            raise LostResultError(f"{self.name} has no result: trigger it first")
        return found

    def stage(self) -> list[Any]:
        """Forget what was read before."""
        self._at = None
        return [self]

    def unstage(self) -> list[Any]:
        """Nothing is held."""
        return [self]

    def trigger(self) -> Waiting:
        """Begin to wait for the result of the frame that is taken now."""
        if self.camera is None:
            return self._await()
        waiting = Waiting()
        exposure = self.camera.trigger()
        exposure.add_callback(lambda done: self._exposed(done, waiting))
        return waiting

    def _exposed(self, exposure: Any, waiting: Waiting) -> None:
        error = exposure.exception()
        if error is not None:
            waiting.end(error)
            return
        self._await().add_callback(lambda done: _pass_on(done, waiting))

    def _await(self) -> Waiting:
        frame = self._frame()
        run = self._run() if self._run is not None else self.feed.run
        if run is None:
            lost = Waiting()
            why = silence(self.feed.status, self.feed.silent_s, None)
            lost.end(LostResultError(f"frame {frame} belongs to no run: {why}"))
            return lost
        self._at = (str(run), int(frame))
        return self.feed.wait(*self._at, self.timeout, self.analysis)

    def read(self) -> dict[str, Any]:
        """The numbers of the last result; NaN where the analysis gave an error."""
        result = self.result
        frame = self._at[1] if self._at else 0
        now = time.time()
        said: dict[str, Any] = {
            self.column(name): {"value": number(result, frame, field), "timestamp": now}
            for name, field in self.fields.items()
        }
        said[self.column("frame")] = {"value": frame, "timestamp": now}
        said[self.column("run")] = {"value": result.run, "timestamp": now}
        return said

    def describe(self) -> dict[str, Any]:
        """What `read` gives: units are in the results themselves."""
        source = f"beamside:{self.feed.endpoint}"
        keys: dict[str, Any] = {
            self.column(name): {"source": source, "dtype": "number", "shape": []}
            for name in self.fields
        }
        keys[self.column("frame")] = {"source": source, "dtype": "integer", "shape": []}
        keys[self.column("run")] = {"source": source, "dtype": "string", "shape": []}
        return keys

    def read_configuration(self) -> dict[str, Any]:
        """Where the numbers come from."""
        now = time.time()
        return {
            f"{self.name}_endpoint": {"value": self.feed.endpoint, "timestamp": now},
            f"{self.name}_analysis": {"value": self.analysis or "any", "timestamp": now},
        }

    def describe_configuration(self) -> dict[str, Any]:
        """What `read_configuration` gives."""
        key = {"source": f"beamside:{self.feed.endpoint}", "dtype": "string", "shape": []}
        return {f"{self.name}_endpoint": dict(key), f"{self.name}_analysis": dict(key)}

    def column(self, field: str) -> str:
        """The name of a field in events."""
        return f"{self.name}_{field}"


def _pass_on(done: Waiting, waiting: Waiting) -> None:
    waiting.end(done.exception())
