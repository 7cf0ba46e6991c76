"""Steering on the page: a suggestion is seen with its reasons, accepted, and all is stopped."""

from __future__ import annotations

from typing import Any

import pytest
import xarray as xr

pytestmark = pytest.mark.browser
NAMES = ("mode", "stopped", "holder", "paused", "waiting", "counts", "events")
REASON = {
    **{"run": "7", "frame": 3, "values": {"share": 0.12}, "sigma": 0.02},
    **{"model": "GP <i>Matern</i>", "words": "most uncertain"},
}


def moves(y: float, x: float) -> dict[str, Any]:
    return {
        name: {"to": to, "from": None, "units": "nm"}
        for name, to in (("stage_y", y), ("stage_x", x))
    }


def event(kind: str, second: int, **more: Any) -> dict[str, Any]:
    at = f"2026-11-21T12:00:{second:02}.000+00:00"
    return {"event": kind, "at": at, "by": "hunt <b>", "via": "api", **more}


WAITING = {"id": "s9", "by": "hunt <b>", "plan": "hunt", "moves": moves(60, 45), "reason": REASON}
STEERED: dict[str, Any] = {
    "mode": "advise",
    "stopped": None,
    "holder": {"name": "hunt <b>", "since": "2026-11-21T12:00:00+00:00", "expires_s": 12},
    "paused": None,
    "waiting": [WAITING],
    "counts": {"suggested": 4, "done": 3},
    "events": [
        event("done", n, id=f"s{n}", moves=moves(15.0 * n, 30.0 - 15 * (n % 2))) for n in range(4)
    ],
}


def test_a_person_accepts_a_suggestion_and_stops(
    page: Any, service: Any, specimen: Any, feed: Any, opened: Any, until: Any
) -> None:
    feed(0)
    opened()
    assert page.get_by_test_id("steering").count() == 0  # nobody steers
    service.take(specimen.status(0, steering=STEERED))
    bar = page.get_by_test_id("steering")
    bar.get_by_text("Wheel: hunt <b>").wait_for()
    said = bar.get_by_test_id("suggestion").inner_text()
    for part in ("stage y → 60 nm", "share 0.12 ± 0.02", "most uncertain", "GP <i>Matern</i>"):
        assert part in said
    accept = bar.get_by_role("button", name="Accept")
    assert accept.is_disabled()  # nobody has signed
    bar.get_by_label("your name").fill("ann")
    accept.click()
    until(lambda: len(service.wishes) == 1)
    assert service.wishes[-1]["action"] == "accept"
    assert (service.wishes[-1]["suggestion"], service.wishes[-1]["by"]) == ("s9", "ann")
    bar.get_by_test_id("suggestion").wait_for(state="detached")
    bar.get_by_role("button", name="Auto").click()
    page.keyboard.press("y")
    page.get_by_test_id("steering-panel").get_by_text("hunt <b>").first.wait_for()
    page.keyboard.press("?")  # a dialog is no way around the stop
    page.keyboard.press("Control+.")
    bar.get_by_test_id("stopped").get_by_text("Stopped by ann").wait_for()
    assert [wish["action"] for wish in service.wishes] == ["accept", "mode", "stop"]


def test_the_path_is_drawn_over_the_plane_that_the_stage_moves_in(
    page: Any, service: Any, specimen: Any, opened: Any
) -> None:
    import dataclasses

    import numpy as np

    nm = {"units": "nm"}
    field = np.hypot(*np.mgrid[:5, :4])
    data = xr.Dataset(
        {"share_map": (("stage_y", "stage_x"), field)},
        {
            "stage_y": ("stage_y", np.arange(5) * 15.0, nm),
            "stage_x": ("stage_x", np.arange(4) * 15.0, nm),
        },
    )
    result = dataclasses.replace(specimen.result(0), data=data, analysis="quality.stage")
    service.take(specimen.start, specimen.frame(0), result, specimen.status(0, steering=STEERED))
    opened()
    path = page.get_by_test_id("path").locator("path").nth(1)
    path.wait_for(state="attached")
    assert path.get_attribute("d").count("L") == 3
