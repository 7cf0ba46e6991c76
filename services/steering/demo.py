"""The steered microscope of `beamside demo --steer`: the same dose as a raster and as a hunt.

By turns one frame of a raster over a hidden specimen (scan 1) and one of `hunt` (scan 2), in one
run of the detector, so the page shows both beside each other. Both are plans of a real RunEngine
that sees nothing of the specimen but what the service says of its frames. The hunt is guarded: what
it does is told on the page, where a person can stop it, or look at each suggestion first.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import logging
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import orjson

from ...models.phantoms.stage import DARKER, Specimen
from .envelope import Envelope, Limits
from .feed import Feed
from .guarding import guarded
from .plans import by_turns, hunt, refine_where
from .reading import Reading
from .simulated import Microscope
from .wheel import Wheel

CELLS = 24
FIELD_NM = 15.0
"""Edge of a frame on the stage."""
WAIT_S = 60.0
ENOUGH = 0.06
"""Share of a frame that the phase covers, from which on it is followed."""
LOOK_S = 0.2
PLANS = ("raster", "hunt")


def main(argv: Sequence[str] | None = None) -> int:
    """Say where the detector is, hear where the page is, scan both ways, say what was found."""
    options = argparse.ArgumentParser()
    options.add_argument("--bus", required=True)
    options.add_argument("--frames", type=int, required=True)
    options.add_argument("--rate", type=float, default=0.0)
    options.add_argument("--size", type=int, default=256)
    options.add_argument("--seed", type=int, default=1)
    given = options.parse_args(argv)
    specimen = Specimen(given.seed, cells=CELLS, frame=given.size)

    def sees(places: Mapping[str, float], number: int) -> np.ndarray:
        time.sleep(1 / given.rate if given.rate else 0)
        cell = (places["stage_y"] / FIELD_NM, places["stage_x"] / FIELD_NM)
        return specimen.picture(cell, seed=number)

    axes = {"stage_y": "nm", "stage_x": "nm"}
    microscope = Microscope("dectris+tcp://127.0.0.1:*", axes, sees, told=True)
    _say({"endpoint": microscope.endpoint})
    page = sys.stdin.readline().strip()
    with Feed(given.bus) as feed, contextlib.redirect_stdout(io.StringIO()):  # bluesky prints
        shares = _scan(microscope, feed, specimen, page, given.frames)
    microscope.close()
    _say({"sent": microscope.taken, **shares})
    return 0


def _say(what: Mapping[str, Any]) -> None:
    sys.stdout.write(orjson.dumps(what).decode() + "\n")
    sys.stdout.flush()


def _scan(
    microscope: Microscope, feed: Feed, specimen: Specimen, page: str, frames: int
) -> dict[str, float]:
    """Do both with so many frames each; give the share of the phase's area that each has seen."""
    from bluesky import RunEngine

    logging.getLogger("bluesky").setLevel(logging.WARNING)
    _wait_for(feed, None)
    microscope.arm("1", expected=len(PLANS) * frames)
    _wait_for(feed, "1")
    engine = RunEngine({}, context_managers=[])
    seen: dict[str, set[tuple[int, int]]] = {name: set() for name in PLANS}

    def remember(name: str, doc: Mapping[str, Any]) -> None:
        if name == "event":
            data = doc["data"]
            cell = (round(data["stage_y"] / FIELD_NM), round(data["stage_x"] / FIELD_NM))
            seen[next(plan for plan in PLANS if f"{plan}_share" in data)].add(cell)

    engine.subscribe(remember)
    with _wheel(page, feed, engine) as wheel:
        _do(engine, by_turns(_plans(microscope, feed, specimen, wheel, frames)), wheel)
    microscope.disarm()
    whole = float(specimen.truth.sum())
    found = {name: sum(specimen.truth[cell] for cell in cells) for name, cells in seen.items()}
    return {name: round(float(area) / whole, 3) for name, area in found.items()}


def _plans(
    microscope: Microscope, feed: Feed, specimen: Specimen, wheel: Wheel | None, frames: int
) -> dict[str, Any]:
    light, dark = specimen.counts, specimen.counts * DARKER
    stage = [microscope.axes["stage_y"], microscope.axes["stage_x"]]
    places = [(np.arange(CELLS) * FIELD_NM).tolist()] * 2

    def reading(scan: int) -> Reading:
        camera = microscope.camera_of(scan=scan)
        fields = {"share": lambda data: (light - float(data["mean"])) / dark}
        name = PLANS[scan - 1]
        return Reading(feed, fields, name=name, frame=camera.number, camera=camera, timeout=60)

    raster = refine_where(
        [reading(1)], stage, "raster_share", places, lambda _: False, budget=frames
    )
    search = hunt([reading(2)], stage, "hunt_share", places, enough=ENOUGH, budget=frames)
    envelope = Envelope({axis.name: Limits(0, CELLS * FIELD_NM) for axis in stage}, frames=frames)
    return {"raster": guarded(raster, envelope), "hunt": guarded(search, envelope, wheel=wheel)}


@contextlib.contextmanager
def _wheel(page: str, feed: Feed, engine: Any) -> Iterator[Wheel | None]:
    """The wheel, where there is a page to watch it; nobody is asked, until somebody wants to be."""
    if not page:
        yield None
        return
    address = urlsplit(page)
    token = parse_qs(address.query).get("token", [""])[0]
    wish = urllib.request.Request(  # noqa: S310  our own page
        f"{address.scheme}://{address.netloc}/api/v1/steering",
        orjson.dumps({"action": "mode", "mode": "auto", "by": "the demo"}),
        {"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(wish, timeout=10):  # noqa: S310
        pass
    with Wheel(page, feed, name="the demo's hunt", engine=engine) as wheel:
        yield wheel


def _do(engine: Any, plan: Any, wheel: Wheel | None) -> None:
    """Run a plan; where a person stopped it, go on when they let it."""
    from bluesky.utils import RunEngineInterrupted

    go_on: Callable[[], Any] = partial(engine, plan)
    while True:
        try:
            go_on()
            return
        except RunEngineInterrupted:
            while wheel is not None and wheel.hindrance():
                time.sleep(LOOK_S)
            go_on = engine.resume


def _wait_for(feed: Feed, run: str | None) -> None:
    """Wait until the service is heard of, and says that the run is open."""
    until = time.monotonic() + WAIT_S
    while not feed.status or feed.run != run:
        if time.monotonic() > until:
            raise RuntimeError(f"the service did not open run {run} within {WAIT_S:.0f} s")
        time.sleep(0.02)


if __name__ == "__main__":
    sys.exit(main())
