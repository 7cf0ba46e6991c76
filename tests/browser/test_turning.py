"""A volume of labels is turned by dragging and by keys, in the colours of its table."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import xarray as xr

pytestmark = pytest.mark.browser


def volume() -> xr.Dataset:
    labels, um = np.zeros((12, 20, 30), np.uint32), {"units": "um"}
    labels[3:9, 2:8, 3:9], labels[3:9, 12:18, 20:26] = 1, 2
    return xr.Dataset(
        {
            "particle_map": (("z", "y", "x"), labels),
            "particle_label": ("particle", np.array([1, 2])),
            "particle_damage": ("particle", np.array([0.25, 0.75]), {"units": "1"}),
        },
        {axis: (axis, np.arange(n) * 0.2, um) for axis, n in zip("zyx", labels.shape, strict=True)},
    )


def test_a_volume_is_turned_by_hand_and_by_keys(
    page: Any, service: Any, specimen: Any, opened: Any, until: Any
) -> None:
    result = replace(specimen.result(0), analysis="particles.volume", data=volume())
    service.take(specimen.start, specimen.frame(0), result, specimen.status(0))
    opened()
    panel = page.locator(".panel.image")
    panel.locator("select").first.select_option("particle_map")
    page.get_by_role("button", name="3D").click()
    page.get_by_label("What colours it").select_option("damage")
    held = page.locator(".turnable")
    held.wait_for()

    def picture() -> bytes:
        shot: bytes = held.screenshot()
        return shot

    panel.get_by_text("0.75").wait_for()  # the scale is that of damage
    first = picture()
    box = held.bounding_box()
    page.mouse.move(box["x"] + 150, box["y"] + 150)
    page.mouse.down()
    page.mouse.move(box["x"] + 260, box["y"] + 130, steps=4)
    page.mouse.up()
    until(lambda: picture() != first)
    until(lambda: picture() == picture())
    second = picture()
    page.keyboard.press("ArrowUp")
    until(lambda: picture() != second)
    page.get_by_role("button", name="3D").click()
    held.wait_for(state="detached")
    panel.get_by_role("slider").wait_for()
