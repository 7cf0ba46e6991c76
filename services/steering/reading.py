"""Results as an ordinary bluesky device: plans, callbacks, tables and suspenders just work."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from ...stream.messages import Result
from .claims import Claim
from .feed import Feed
from .fields import Field, number
from .lost import LostResultError
from .waiting import Waiting


class Reading:
    """Numbers of the result of the frame that was just taken; Readable and Triggerable.

    `fields` are the columns and where they are found in a result (see `fields.Field`). `frame`
    gives the number of the frame that the camera takes with this trigger, as the detector counts
    (from 0): nothing is counted here, since a scan that is rewound takes frames nobody counted.
    `camera` is a device that this one is to trigger itself: then `frame` is asked when its exposure
    is done. Without it, the camera must count a frame when its exposure begins, and be triggered
    first. `analysis` is needed where several publish.

    `run` gives the detector's series. Without it, the frame is of the run that is open; but a frame
    is given to one trigger only, and none whose result was heard before: that is of the next run,
    which the trigger waits for, as of a camera that is armed anew for each scan.

    `trigger` ends when the result of that very frame has come. It fails with `LostResultError`,
    which says why, as soon as the service says that none will come, when the frame may be of either
    of two runs, or after `timeout` seconds for the exposure, and as many for the result.
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
        self._claim: Claim | None = None
        self._since = 0
        """Results that had been heard before the frame of the next trigger was taken."""

    @property
    def hints(self) -> dict[str, Any]:
        """The columns that tables and plots show."""
        return {"fields": [self.column(field) for field in self.fields]}

    @property
    def result(self) -> Result:
        """The result that the last trigger waited for; LostResultError if there is none."""
        if self._claim is None or self._claim.result is None:
            raise LostResultError(f"{self.name} has no result: trigger it first")
        return self._claim.result

    def stage(self) -> list[Any]:
        """Forget what was read before; what was heard until now is of no frame of this scan."""
        self._claim, self._since = None, self.feed.heard
        return [self]

    def unstage(self) -> list[Any]:
        """Nothing is held."""
        return [self]

    def trigger(self) -> Waiting:
        """Begin to wait for the result of the frame that is taken now."""
        heard = self.feed.heard
        since = heard if self.camera is not None else self._since
        self._since = heard  # that is of no frame of a later trigger
        exposure = None if self.camera is None else self.camera.trigger()
        claim = self._claim = self.feed.claim(self.name, self.timeout, self.analysis, since)
        if exposure is None:
            self._taken(claim)
        else:
            exposure.add_callback(lambda done: self._exposed(done, claim))
        return claim.waiting

    def _exposed(self, exposure: Any, claim: Claim) -> None:
        try:
            error = exposure.exception()
        except Exception as raised:  # of somebody else's Status
            error = raised
        if error is None:
            self._taken(claim)
        elif claim.waiting.end(error):
            self.feed.end(claim, "")

    def _taken(self, claim: Claim) -> None:
        """The frame was taken: ask which one it is."""
        try:
            frame = _whole(self._frame())
            run = None if self._run is None else _name(self._run())
        except Exception as error:  # in a thread of the camera nobody would hear of it
            why = f"{type(error).__name__}: {error}"
            self.feed.end(claim, f"{self.name} can't tell which frame was taken: {why}")
        else:
            self.feed.found(claim, frame, run)

    def read(self) -> dict[str, Any]:
        """The numbers of the last result; NaN where the analysis gave an error."""
        result = self.result
        frame = int(self._claim.frame or 0) if self._claim else 0
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


def _whole(said: Any) -> int:
    """A frame's number, as a camera said it; ValueError if it is none."""
    if said is None or isinstance(said, bool) or int(said) != said or said < 0:
        raise ValueError(f"frame() gave {said!r}: no frame was counted yet?")
    return int(said)


def _name(said: Any) -> str:
    if said is None or said == "":
        raise ValueError(f"run() gave {said!r}: has the detector been armed?")
    return str(said)
