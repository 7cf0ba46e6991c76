"""A volume of particles that grows in a whole service is the same whoever is killed meanwhile.

The slices of three views come in no order, with `slice_view` and `slice_index` in the appendix of
each image. Who looks at them knows the truth: it is not the network that is tested here.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from beamside.analysis.particles.volume import ParticleVolume
from beamside.models.phantoms.electrode import electrode
from beamside.stream.decompress import encode
from beamside.stream.messages import Frame, Message, RunStart, RunStop
from beamside.stream.nexus import read_result
from beamside.stream.sinks import ZmqSink

pytest.importorskip("numba")
pytestmark = pytest.mark.timeout(180)
SIDE = 28
FINDER = '''
from dataclasses import dataclass

import numpy as np

from beamside.analysis.particles.found import assemble, drawn
from beamside.analysis.particles.stars import Stars
from beamside.analysis.particles.volume import ParticleVolume
from beamside.models.phantoms.cuts import cuts


@dataclass(frozen=True)
class Truth:
    """Finds what slices of labels show; every fourth particle is dark in part."""

    def __call__(self, images, calibration):
        found, grey = [], []
        for image in images.astype(int):
            (cut,) = cuts(np.random.default_rng(int(image.sum())), image[None], 0.1, 0.02, (0,))
            found.append(drawn(Stars(cut.points, cut.dist, cut.prob), cut.shape))
            dark = np.random.default_rng(1).random(image.shape) < 0.3 * (image % 4 == 0)
            grey.append(np.where((image > 0) & ~dark, 100.0, 0.0))
        return assemble(found, grey, (0.1, 0.1))

    def over_run(self, calibration):
        return {"volume": ParticleVolume()}
'''


@pytest.fixture
def finder(plug_in: Callable[..., None]) -> Any:
    """Install the analysis `truth`; give what it does."""
    plug_in("truth", "Truth", FINDER)
    space: dict[str, Any] = {"__name__": "truth_plugin"}
    exec(FINDER, space)  # noqa: S102  the same text as the service reads
    return space["Truth"]()


def slices() -> list[tuple[int, int, np.ndarray]]:
    """View, index and labels of every slice, in no order."""
    labels = electrode(np.random.default_rng(8), (SIDE, SIDE, SIDE), 6.0, 0.4).labels
    every = [
        (view, index, np.moveaxis(labels, view, 0)[index].astype("<u2"))
        for view in range(3)
        for index in range(SIDE)
    ]
    return [every[n] for n in np.random.default_rng(9).permutation(len(every))]


def messages(every: list[tuple[int, int, np.ndarray]]) -> list[Message]:
    frames = [
        Frame("x", "1", number, {"data": encode(image)},
              {"appendix": {"slice_view": view, "slice_index": index}})
        for number, (view, index, image) in enumerate(every)
    ]  # fmt: skip
    start = RunStart("x", "1", expected=len(frames), shape=(SIDE, SIDE), dtype="<u2")
    return [start, *frames, RunStop("x", "1")]


def by_one(finder: Any, every: list[tuple[int, int, np.ndarray]]) -> xr.Dataset:
    """What one worker makes of all slices, one after the other."""
    volume = ParticleVolume()
    state = volume.start()
    for number, (view, index, image) in enumerate(every):
        place = {"slice_view": ("frame", [view]), "slice_index": ("frame", [index])}
        state = volume.add(state, finder(image[None], None).assign_coords(place), [number])
    return volume.finish(state)


@pytest.mark.slow
def test_two_workers_and_two_that_are_killed_give_the_volume_and_table_of_one(
    command: Callable[..., Any],
    instrument: Callable[..., Path],
    detector: ZmqSink,
    finder: Any,
) -> None:
    every = slices()
    expected = by_one(finder, every)
    assert expected.sizes["particle"] > 5
    more = ["analysis.workers=2", "analysis.gatherers=2", "analysis.batch_size=5"]
    more.append("source.end_timeout_s=60")  # the sender waits while processes start again
    options = [part for one in more for part in ("--set", one)]
    service = command("run", str(instrument("truth")), "--runs", "1", "--json", *options)
    service.wait_for("ready", 90)
    sent = messages(every)
    for message in sent[:41]:
        assert detector.send(message)
    service.wait_for_status(60, processed=40)
    service.kill("processor-0")
    service.kill("gatherer-0")
    for message in sent[41:]:
        assert detector.send(message)
    said = service.end(120)
    assert (said["code"], said["status"], said["archived"]) == (0, "complete", len(every))
    for name in ("processor-0", "gatherer-0"):
        assert any(f"{name} died (signal 9)" in alarm for alarm in said["alarms"])
    found = read_result(Path(said["archive"]), "truth.volume")
    assert np.array_equal(found["particle_map"].values[-1], expected["particle_map"].values)
    for name in ("label", "volume", "z", "diameter", "damage", "sphericity", "contact"):
        column = found[f"particle_{name}"].values
        assert np.array_equal(
            column[-expected.sizes["particle"] :],
            expected[f"particle_{name}"].values,
            equal_nan=True,
        ), name
    seen = found.isel(batch=-1)["view"].values
    assert np.array_equal(seen, expected["view"].values, equal_nan=True)
