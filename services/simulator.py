"""The pretend detector: a microscope over a known specimen, on a real detector's wire."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import zmq

from ..stream.decompress import encode
from ..stream.messages import Frame, Message, RunStart, RunStop
from ..stream.sinks import open_sink
from ..stream.sources import Incoming
from ..stream.urls import Url

HRTEM_PHASES = ("Li", "Li2O", "LiF", "Li2CO3")
GROWING = "LiF"
"""The phase that grows during a series, so that there is something to watch."""


@dataclass(frozen=True)
class Simulation:
    """What the pretend detector does."""

    frames: int = 40
    """Frames a series."""
    series: int = 1
    """Series one after the other; 0: without end."""
    rate: float = 2.0
    """Frames per second; 0: as fast as they are taken."""
    size: int = 1024
    """Pixels a side."""
    seed: int = 1
    first_series: int = 1
    pixel_nm: float = 0.03
    encoding: str = "bslz4"

    def __post_init__(self) -> None:
        """ValueError names what can't be simulated."""
        if not 0 <= self.rate < 1e6:
            raise ValueError(f"rate {self.rate}: frames per second, 0 for no limit")
        if not 128 <= self.size <= 8192:
            raise ValueError(f"size {self.size}: allowed are 128 to 8192 pixels a side")


def simulation(options: dict[str, str]) -> Simulation:
    """Read a simulation from the options of a `sim:` URL; ValueError says what is wrong."""
    kinds: dict[str, Any] = {f.name: type(f.default) for f in fields(Simulation)}
    unknown = sorted(set(options) - set(kinds))
    if unknown:
        raise ValueError(f"sim: has no option {unknown[0]!r}; allowed: {', '.join(kinds)}")
    try:
        return Simulation(**{key: kinds[key](value) for key, value in options.items()})
    except ValueError as error:
        raise ValueError(f"sim: {error}") from error


def messages(sim: Simulation, source: str, stop: Callable[[], bool]) -> Iterator[Message]:
    """Everything the detector says, in time; it blocks between frames.

    `stop` is asked before each frame: a series that is stopped ends early, as a detector's does.
    """
    from ..models.phantoms.hrtem import make
    from ..models.phantoms.sequence import frames

    phantom = make(sim.seed, (sim.size, sim.size), pixel_nm=sim.pixel_nm, phases=HRTEM_PHASES)
    series = sim.first_series
    while sim.series == 0 or series < sim.first_series + sim.series:
        taken = frames(phantom, sim.frames, series, growing=GROWING)
        yield from _series(sim, source, str(series), (shot.image for shot in taken), stop)
        if stop():
            return
        series += 1


def _series(
    sim: Simulation,
    source: str,
    run: str,
    images: Iterator[np.ndarray],
    stop: Callable[[], bool],
) -> Iterator[Message]:
    yield RunStart(
        source,
        run,
        expected=sim.frames,
        shape=(sim.size, sim.size),
        dtype="<u2",
        calibration={
            "pixel_size_nm": [sim.pixel_nm, sim.pixel_nm],
            "voltage_kV": 300.0,
            "temperature_K": 298.0,
            "origin": "the simulated microscope",
        },
        metadata={"description": "beamside simulated microscope", "detector_number": "sim-1"},
        time_ns=time.time_ns(),
    )
    due = time.monotonic()
    for number, image in enumerate(images):
        if stop():
            break
        due = max(due, time.monotonic() - 1) + (1 / sim.rate if sim.rate else 0)
        while (wait := due - time.monotonic()) > 0 and not stop():
            time.sleep(min(wait, 0.05))
        pixels = encode(np.ascontiguousarray(image, "<u2"), sim.encoding)
        now = time.time_ns()
        yield Frame(source, run, number, {"data": pixels}, detector_ns=now)
    yield RunStop(source, run, time_ns=time.time_ns())


def simulate(
    sim: Simulation, url: str, stop: Callable[[], bool], ready: Callable[[str], None]
) -> dict[str, Any]:
    """Push the simulation to whoever connects at `url`; say what was sent.

    `ready` is told the address in use. Nobody listening is no error: a detector waits too.
    """
    sink = open_sink(url)
    ready(sink.endpoint)
    sent = dropped = 0
    try:
        for message in messages(sim, "sim", stop):
            while not sink.send(message, 0.2):
                if stop():
                    dropped += isinstance(message, Frame)
                    break
            else:
                sent += isinstance(message, Frame)
    finally:
        sink.close()
    return {"sent": sent, "dropped": dropped}


class SimulatedSource:
    """`sim:`: the same simulation inside ingest, without a socket."""

    def __init__(self, sim: Simulation, name: str) -> None:
        self._messages = messages(sim, name, lambda: False)
        self.exhausted = False

    @classmethod
    def from_url(cls, url: Url, name: str) -> SimulatedSource:
        """Make the source from `sim:?frames=40&rate=2`."""
        return cls(simulation(dict(url.options)), name)

    @property
    def socket(self) -> zmq.Socket[bytes] | None:
        """None: it is always worth asking."""
        return None

    def receive(self, limit: int = 64) -> list[Incoming]:
        """Give the next message when it is due."""
        del limit
        message = next(self._messages, None)
        if message is None:
            self.exhausted = True
            return []
        if isinstance(message, Frame):
            message = replace(message, received_ns=time.time_ns())
        return [message]

    def close(self) -> None:
        """Stop simulating."""
        self.exhausted = True
