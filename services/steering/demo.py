"""The steered microscope of `beamside demo --steer`: the same dose as a raster and as a hunt.

Run 1 is a raster over a hidden specimen with so many frames; run 2 is `hunt` with as many. Both are
plans of a real RunEngine that sees nothing of the specimen but what the service says of its frames.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import orjson

from ...models.phantoms.stage import DARKER, Specimen
from .feed import Feed
from .plans import hunt, refine_where
from .reading import Reading
from .simulated import Microscope

CELLS = 24
FIELD_NM = 15.0
"""Edge of a frame on the stage."""
WAIT_S = 60.0


def main(argv: Sequence[str] | None = None) -> int:
    """Say where the detector is, wait for the service, scan twice, say what was found."""
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
    with Feed(given.bus) as feed:
        shares = [_scan(microscope, feed, specimen, run, given.frames) for run in (1, 2)]
    microscope.close()
    _say({"sent": 2 * given.frames, "raster": shares[0], "hunt": shares[1]})
    return 0


def _say(what: Mapping[str, Any]) -> None:
    sys.stdout.write(orjson.dumps(what).decode() + "\n")
    sys.stdout.flush()


def _scan(microscope: Microscope, feed: Feed, specimen: Specimen, run: int, frames: int) -> float:
    """Do one run; give the share of the phase's area that its frames hold."""
    from bluesky import RunEngine

    logging.getLogger("bluesky").setLevel(logging.WARNING)
    microscope.arm(str(run), expected=frames)
    _wait_for(feed, str(run))
    light, dark = specimen.counts, specimen.counts * DARKER
    camera = microscope.camera
    reading = Reading(
        feed,
        {"share": lambda data: (light - float(data["mean"])) / dark},
        frame=camera.number,
        camera=camera,
        timeout=60,
    )
    stage = [microscope.axes["stage_y"], microscope.axes["stage_x"]]
    places = [(np.arange(CELLS) * FIELD_NM).tolist()] * 2
    seen: set[tuple[int, int]] = set()

    def remember(name: str, doc: Mapping[str, Any]) -> None:
        if name == "event":
            data = doc["data"]
            seen.add((round(data["stage_y"] / FIELD_NM), round(data["stage_x"] / FIELD_NM)))

    engine = RunEngine({}, context_managers=[])
    engine.subscribe(remember)
    if run == 1:
        field = f"{reading.name}_share"
        engine(refine_where([reading], stage, field, places, lambda _: False, budget=frames))
    else:
        engine(hunt([reading], stage, f"{reading.name}_share", places, enough=0.06, budget=frames))
    microscope.disarm()
    return round(float(sum(specimen.truth[cell] for cell in seen) / specimen.truth.sum()), 3)


def _wait_for(feed: Feed, run: str) -> None:
    until = time.monotonic() + WAIT_S
    while feed.run != run:
        if time.monotonic() > until:
            raise RuntimeError(f"the service did not open run {run} within {WAIT_S:.0f} s")
        time.sleep(0.02)


if __name__ == "__main__":
    sys.exit(main())
