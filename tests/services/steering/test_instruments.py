"""Axes that beamlines and microscopes have: ophyd-async's motors, temscript's scripting."""

from __future__ import annotations

from typing import Any

import bluesky.plan_stubs as bps
import bluesky.plans as bp
import pytest
from bluesky import RunEngine

from beamside.services.steering import Axis, Envelope, Limits, RefusedError, guarded

from .camera import Camera

pytestmark = pytest.mark.expects_errors  # bluesky logs a plan that fails


def test_a_motor_of_ophyd_async_is_scanned_within_the_envelope(engine: RunEngine) -> None:
    core = pytest.importorskip("ophyd_async.core", reason="ophyd-async is not installed")
    sim = pytest.importorskip("ophyd_async.sim", reason="ophyd-async has no simulated motor")
    with core.init_devices(mock=False):
        x = sim.SimMotor("stage-x", instant=True)
    places: list[float] = []
    engine.subscribe(lambda name, doc: places.append(doc["data"]["stage-x"]), "event")
    envelope = Envelope({"stage-x": Limits(-2, 2, step=1.5)})
    camera = Camera(lambda n: None)
    engine(guarded(bp.scan([camera], x, -1, 2, 4), envelope))
    assert places == [-1, 0, 1, 2]
    with pytest.raises(RefusedError, match="from 2 to 0 is a larger step"):
        engine(guarded(bps.mv(x, 0), envelope))
    with pytest.raises(RefusedError, match="outside"):
        engine(guarded(bps.mv(x, 2.5), envelope))


def test_a_microscope_of_temscript_is_an_axis(engine: RunEngine) -> None:
    temscript = pytest.importorskip("temscript", reason="temscript is not installed")
    microscope = temscript.NullMicroscope()
    defocus = Axis("defocus", microscope.get_defocus, microscope.set_defocus, units="m")
    stage = Axis(
        "x",
        lambda: microscope.get_stage_position()["x"],
        lambda value: microscope.set_stage_position(x=value),
        units="m",
        tolerance=1e-9,
    )
    rows: list[dict[str, Any]] = []
    engine.subscribe(lambda name, doc: rows.append(doc["data"]), "event")
    envelope = Envelope({"defocus": Limits(-2e-6, 2e-6), "x": Limits(-1e-4, 1e-4)})
    camera = Camera(lambda n: None)
    engine(guarded(bp.scan([camera], defocus, -1e-6, 1e-6, stage, 0, 5e-5, num=3), envelope))
    assert [row["defocus"] for row in rows] == pytest.approx([-1e-6, 0, 1e-6])
    assert microscope.get_stage_position()["x"] == pytest.approx(5e-5)
    with pytest.raises(RefusedError, match="defocus"):
        engine(guarded(bps.mv(defocus, 1e-3), envelope))
