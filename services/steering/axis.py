"""Any pair of get and set, of a microscope's own scripting say, as a bluesky Movable."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from .errands import Errands
from .waiting import Waiting


class Axis:
    """Movable and Readable out of two functions; `set` is called in the axis' own thread.

    `get` and `set` use the instrument's own unit, told in `units`. After `set` has returned, and
    `settle` seconds more, a move is done. With `tolerance` the position is read back, and a move
    that does not end within it fails in words. A move asked for while one is under way fails.
    `stop` halts a move, where the instrument can: bluesky calls it when a scan is paused. After
    that the next move, as of a scan that is rewound, begins when the one before has come to rest.
    """

    parent = None

    def __init__(
        self,
        name: str,
        get: Callable[[], float],
        set: Callable[[float], Any],
        *,
        settle: float = 0.0,
        units: str = "",
        tolerance: float | None = None,
        stop: Callable[[], Any] | None = None,
    ) -> None:
        self.name, self.units, self.settle, self.tolerance = name, units, settle, tolerance
        self._get, self._set, self._stop = get, set, stop
        self._target: float | None = None
        self._busy = threading.Lock()
        self._moves = Errands(f"beamside-{name}")
        self._halted = False

    @property
    def hints(self) -> dict[str, Any]:
        """What tables and plots show."""
        return {"fields": [self.name]}

    @property
    def position(self) -> float:
        """Where the instrument says that it is."""
        return float(self._get())

    def set(self, value: float) -> Waiting:
        """Begin to move to `value`; what is no number fails and nothing moves."""
        moving = Waiting()
        try:
            value = float(value)
        except (TypeError, ValueError):
            moving.end(ValueError(f"{self.name} can't go to {value!r:.40}: it is no number"))
            return moving
        begun = self._busy.acquire(blocking=False)
        if not (begun or self._halted):
            moving.end(RuntimeError(f"{self.name} is moving already: wait for it first"))
            return moving
        self._target, self._halted = value, False
        self._moves.run(lambda: self._move(value, moving, begun))
        return moving

    def _move(self, value: float, moving: Waiting, begun: bool) -> None:
        if not begun:
            self._busy.acquire()
        error: BaseException | None = None
        try:
            self._set(value)
            time.sleep(self.settle)
            if self.tolerance is not None and abs(self.position - value) > self.tolerance:
                error = RuntimeError(
                    f"{self.name} was sent to {value:g} and is at {self.position:g} {self.units}"
                )
        except BaseException as raised:  # of the instrument's own code: it is the move's end
            error = raised if isinstance(raised, Exception) else RuntimeError(repr(raised))
        self._busy.release()
        moving.end(error)

    def stop(self, *, success: bool = True) -> None:
        """Halt a move that is under way, as far as the instrument can."""
        del success
        if self._busy.locked():
            self._halted = True
            if self._stop is not None:
                self._stop()

    def locate(self) -> dict[str, float]:
        """Where it was sent, and where it is."""
        position = self.position
        return {"setpoint": position if self._target is None else self._target} | {
            "readback": position
        }

    def read(self) -> dict[str, Any]:
        """The position."""
        return {self.name: {"value": self.position, "timestamp": time.time()}}

    def describe(self) -> dict[str, Any]:
        """What `read` gives."""
        key = {"source": f"axis:{self.name}", "dtype": "number", "shape": [], "units": self.units}
        return {self.name: key}

    def read_configuration(self) -> dict[str, Any]:
        """Nothing."""
        return {}

    def describe_configuration(self) -> dict[str, Any]:
        """Nothing."""
        return {}
