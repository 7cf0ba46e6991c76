"""Steering with a real RunEngine and a real service: how long a step takes, and what it finds.

The detector sends images as they are and without their md5: for 2 MB it would cost its sender and
us 3.3 ms each, which nobody pays where images are compressed, or where stream2 is spoken.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...models.phantoms.stage import DARKER, Specimen
from ..service import Life
from ..settings import load
from ..steering import Feed, Reading, plans
from ..steering.optimiser import GaussianProcess
from ..steering.simulated import Microscope
from ..supervisor import Supervisor
from .steering_losses import losses
from .whole import cpu_by_process

STEPS = 300
SEEDS = 20
CELLS = 24
FOUND = 0.95
"""Share of the target's area that a hunt has to find."""
MARGIN = 1.0
"""Frames full of the phase that a hunt goes on for, beyond what it has to find."""
FOCI = (-63.0, 11.0, 88.0, -24.0, 42.0)
"""Best focus of each try, nm."""
TOLERANCE = 2.0
STAGE = {"stage_y": "frames", "stage_x": "frames", "focus": "nm"}
GP_STEPS = 35
"""Steps with a Gaussian process: it grows slower with each."""
runs = itertools.count(1)


@dataclass
class Bench:
    """A microscope, a service that looks at its frames, and a RunEngine."""

    microscope: Microscope
    feed: Feed
    engine: Any
    supervisor: Supervisor

    def reading(self, fields: Mapping[str, Any]) -> Reading:
        """A device that exposes and waits for the result of that frame."""
        camera = self.microscope.camera
        return Reading(self.feed, fields, frame=camera.number, camera=camera, timeout=30)

    def begin(self) -> str:
        """Arm the camera; wait until the service says that the run is open."""
        run = str(next(runs))
        until = time.monotonic() + 30
        self.microscope.arm(run)
        while self.feed.run != run:
            if time.monotonic() > until:
                raise RuntimeError("the service did not open the run within 30 s")
            time.sleep(0.002)
        return run


@contextlib.contextmanager
def bench(sees: Callable[[Mapping[str, float], int], np.ndarray], analysis: str) -> Iterator[Bench]:
    """Start all of it; stop it after."""
    from bluesky import RunEngine

    logging.getLogger("bluesky").setLevel(logging.CRITICAL)
    microscope = Microscope("dectris+tcp://127.0.0.1:*", STAGE, sees, checksum=False)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        settings = load(
            None,
            {
                "source": {"url": f"dectris+{microscope.endpoint}", "name": "sim"},
                "analysis": {"name": analysis, "policy": "wait"},
                "archive": {"folder": folder},
                "viewer": {"enabled": False},
            },
        )
        supervisor = Supervisor(settings)
        supervisor.start()
        supervisor.wait_ready(Life())
        engine = RunEngine({}, context_managers=[])
        try:
            with Feed(supervisor.plan.bus) as feed:
                yield Bench(microscope, feed, engine, supervisor)
        finally:
            engine.loop.call_soon_threadsafe(engine.loop.stop)
            microscope.close()
            supervisor.stop()


def measure(steps: int | None) -> Iterator[dict[str, Any]]:
    """The cases, one after the other; together they are the keys of the issue."""
    yield step(min(steps or STEPS, STEPS))
    yield hunts()
    yield focuses()
    yield losses(steps)


def step(steps: int) -> dict[str, Any]:
    """A scan of so many steps at 1024^2 with the `quality` analysis, and one without a service."""
    images = [Specimen(1, frame=1024).picture((1.0, 1.0), seed=n).astype("<u2") for n in range(4)]
    with bench(lambda places, number: images[number % 4], "quality") as one:
        run = one.begin()
        reading = one.reading({"quality": "quality"})
        added = _Added(one, run)
        one.feed.subscribe(added)
        before = _cpu_s(one)
        ms = _scan(one, reading, "beamside_quality", steps)
        after = _cpu_s(one)
        lost = steps - len(added.ms)
        gp_ms = _mapped(one, reading, "beamside_quality")
        one.microscope.disarm()
        one.microscope.expose = lambda number, extra: None  # type: ignore[method-assign]
        bare = _scan(one, one.microscope.camera, "camera_frame", steps)
    return {
        "name": "steering-step-1024",
        "step_ms": _quantiles(ms[5:]),
        "added_ms": _quantiles(added.ms[5:steps]),
        "bare_step_ms": _quantiles(bare[5:]),
        "step_ms_with_gp": _quantiles(gp_ms[5:]),
        "cpu_ms": {who: round((after[who] - before[who]) * 1e3 / steps, 2) for who in after},
        "lost_frames": lost,
        "frames": steps,
        "words": f"a step of {steps} at 1024^2",
    }


def _scan(one: Bench, device: Any, field: str, steps: int) -> list[float]:
    """Milliseconds of each step of a plan that decides after each whether to go on."""

    def enough(row: Mapping[str, Any]) -> bool:
        return not float(row[field]) > -1  # never

    places = np.linspace(0, 1, steps)
    focus = one.microscope.axes["focus"]
    return _timed(one, plans.scan_until([device], focus, places, enough))


def _mapped(one: Bench, reading: Any, field: str) -> list[float]:
    """The same where a Gaussian process says where to look next."""
    process = GaussianProcess({"focus": (-100.0, 100.0)}, field)
    focus = one.microscope.axes["focus"]
    return _timed(one, plans.adaptive_map([reading], [focus], field, process, frames=GP_STEPS))


def _timed(one: Bench, plan: Any) -> list[float]:
    """Milliseconds between one event and the next of a plan."""
    times: list[float] = []

    def heard(name: str, doc: Mapping[str, Any]) -> None:
        if name == "event":
            times.append(time.perf_counter() * 1e3)

    token = one.engine.subscribe(heard)
    one.engine(plan)
    one.engine.unsubscribe(token)
    return np.diff(times).tolist()


def _cpu_s(one: Bench) -> dict[str, float]:
    """CPU time so far of each process, the RunEngine's (with the simulated camera) as `plan`."""
    return cpu_by_process(one.supervisor) | {"plan": time.process_time()}


class _Added:
    """From a frame on its way to the end of the wait for its result, without the analysis."""

    def __init__(self, one: Bench, run: str) -> None:
        self._sent, self._run = one.microscope.sent_ns, run
        self.ms: list[float] = []

    def __call__(self, message: Any) -> None:
        frames = getattr(message, "frames", ())
        if frames and message.run == self._run and message.analysis == "quality":
            took = time.time_ns() - self._sent[frames[0]]
            self.ms.append(took / 1e6 - message.seconds * 1e3)


def hunts() -> dict[str, Any]:
    """Frames that a hunt needs to find most of a phase in hidden specimens, over a raster's."""
    hidden: list[Specimen] = []

    def sees(places: Mapping[str, float], number: int) -> np.ndarray:
        return hidden[-1].picture((places["stage_y"], places["stage_x"]), seed=number)

    shares, rasters = [], []
    with bench(sees, "quality") as one:
        for seed in range(SEEDS):
            hidden.append(Specimen(seed, cells=CELLS, frame=128))
            one.begin()
            shares.append(_hunt(one, hidden[-1]))
            one.microscope.disarm()
            known = np.cumsum(hidden[-1].truth.ravel())
            rasters.append(int(np.searchsorted(known, FOUND * known[-1])) + 1)
    return {
        "name": "steering-hunt",
        "hunt_fraction_of_raster": {
            "median": round(float(np.median(shares)) / CELLS**2, 3),
            "worst": round(max(shares) / CELLS**2, 3),
        },
        "worse_than_raster": sum(a > b for a, b in zip(shares, rasters, strict=True)),
        "seeds": SEEDS,
        "words": f"frames to find {FOUND:.0%} of a phase in {SEEDS} specimens, over a raster's",
    }


def _hunt(one: Bench, specimen: Specimen) -> int:
    """Frames until FOUND of the target's area was seen; the plan knows only what frames say."""
    light, dark = specimen.counts, specimen.counts * DARKER
    reading = one.reading({"share": lambda data: (light - float(data["mean"])) / dark})
    axes = [one.microscope.axes["stage_y"], one.microscope.axes["stage_x"]]
    seen: list[tuple[int, int]] = []

    def remember(name: str, doc: Mapping[str, Any]) -> None:
        if name == "event":
            seen.append((round(doc["data"]["stage_y"]), round(doc["data"]["stage_x"])))

    token = one.engine.subscribe(remember)
    places = [range(CELLS), range(CELLS)]
    goal = FOUND * float(specimen.truth.sum())
    # what frames say is noisy: the plan goes on a little, and the first frame that sufficed counts
    stop_at = goal + MARGIN
    one.engine(plans.hunt([reading], axes, "beamside_share", places, enough=0.06, stop_at=stop_at))
    one.engine.unsubscribe(token)
    found = np.cumsum([specimen.truth[cell] for cell in seen])
    enough = np.flatnonzero(found >= goal)
    return int(enough[0]) + 1 if len(enough) else CELLS**2 + 1


def focuses() -> dict[str, Any]:
    """Frames that autofocus needs, and how far from the best focus it ends."""
    best = [0.0]
    specimen = Specimen(2, frame=512)

    def sees(places: Mapping[str, float], number: int) -> np.ndarray:
        return specimen.picture((3.3, 4.1), defocus=places["focus"] - best[0], seed=number)

    frames, errors = [], []
    with bench(sees, "quality") as one:
        reading = one.reading({"quality": "quality"})
        focus = one.microscope.axes["focus"]
        for best[0] in FOCI:
            one.begin()
            one.engine(
                plans.autofocus(
                    [reading], focus, "beamside_quality", -100, 100, tolerance=TOLERANCE
                )
            )
            one.microscope.disarm()
            frames.append(one.microscope.camera.frame_number + 1)
            errors.append(abs(focus.position - best[0]))
    return {
        "name": "steering-autofocus",
        "autofocus_frames": max(frames),
        "autofocus_error_nm": round(max(errors), 2),
        "exhaustive_frames": 41,
        "words": f"autofocus in +-100 nm, {len(FOCI)} tries, the worst",
    }


def _quantiles(ms: list[float]) -> dict[str, float]:
    return {f"p{q}": round(float(np.percentile(ms, q)), 2) for q in (50, 95)}
