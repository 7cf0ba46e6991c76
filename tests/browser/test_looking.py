"""Looking exactly: contrast that stays, true values, boxes, another place in time."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.browser
AXE = Path(__file__).parents[2] / "services/viewer/page/node_modules/axe-core/axe.min.js"


def dragged(page: Any, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Drag over the image, in parts of its canvas."""
    box = page.locator(".panel.image .area").bounding_box()
    page.mouse.move(box["x"] + start[0] * box["width"], box["y"] + start[1] * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + end[0] * box["width"], box["y"] + end[1] * box["height"], steps=5)
    page.mouse.up()


def test_a_locked_contrast_stays_and_is_remembered(
    page: Any, feed: Any, opened: Any, service: Any
) -> None:
    feed(0)
    opened()
    window = page.locator(".panel.image [data-testid=window]")
    before = window.inner_text()
    with page.expect_response(re.compile("frames.*limits=")):
        page.keyboard.press("a")
    page.get_by_role("button", name="Locked").wait_for()
    feed(1)
    page.get_by_test_id("frame").get_by_text("frame 1").wait_for()
    assert window.inner_text() == before
    page.reload()
    page.get_by_role("button", name="Locked").wait_for()


def test_a_box_is_measured_on_true_values(
    page: Any, feed: Any, opened: Any, specimen: Any, until: Any
) -> None:
    feed(0)
    opened()
    asked: list[str] = []

    def heard(request: Any) -> None:
        if "/region/" in request.url:
            asked.append(request.url)

    page.on("request", heard)
    page.keyboard.press("b")
    dragged(page, (0.4, 0.4), (0.6, 0.55))
    fact = page.locator("[data-fact=mean]")
    fact.wait_for()

    def right() -> bool:
        corners = re.findall(r"roi=(\d+)%2C(\d+)%2C(\d+)%2C(\d+)", asked[-1])[0]
        y0, x0, y1, x1 = map(int, corners)
        truth = specimen.image[y0:y1, x0:x1].astype(float)
        enough: bool = truth.size > 4_000
        return enough and float(fact.inner_text()) == pytest.approx(truth.mean(), rel=1e-6)

    until(right)
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    page.get_by_test_id("measure").wait_for(state="detached")


def test_the_difference_to_a_pinned_frame_is_seen_and_read(
    page: Any, service: Any, feed: Any, opened: Any, specimen: Any, until: Any, pixels: Any
) -> None:
    feed(0)
    opened("&layout=image")
    page.keyboard.press("o")
    page.keyboard.press("d")
    page.get_by_text("minus frame 0").wait_for()
    brighter = dataclasses.replace(specimen, image=specimen.image + np.uint16(100))
    service.take(brighter.frame(1), specimen.result(1), specimen.status(1))
    page.get_by_test_id("frame").get_by_text("frame 1").wait_for()
    box = page.locator(".panel.image .area").bounding_box()
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.5 * box["height"])
    page.locator("[data-testid=value][data-exact=true]").get_by_text("100", exact=True).wait_for()

    def even() -> bool:
        """The same colour all over, but for what is written there."""
        middle = pixels(".panel.image .area")[100:300, 200:300]
        return bool(middle.std(axis=(0, 1)).max() < 3)

    until(even)


def test_a_person_scrubs_back_and_returns_to_live(page: Any, feed: Any, opened: Any) -> None:
    for number in range(5):
        feed(number)
    opened()
    frame = page.get_by_test_id("frame")
    frame.get_by_text("frame 4").wait_for()
    page.keyboard.press("Space")
    page.keyboard.press("ArrowLeft")
    frame.get_by_text("frame 3").wait_for()
    page.keyboard.press("Home")
    frame.get_by_text("frame 0").wait_for()
    page.wait_for_url(re.compile("frame=0"))
    link = page.url
    page.keyboard.press("End")
    frame.get_by_text("frame 4").wait_for()
    page.goto(link)
    frame.get_by_text("frame 0").wait_for()


def test_panels_are_rearranged_in_the_address(page: Any, feed: Any, opened: Any) -> None:
    feed(0)
    opened("&layout=tables/image")
    assert page.locator(".panel").count() == 2
    page.locator(".panel.tables").get_by_label("Close this panel").click()
    page.wait_for_url(re.compile("layout=image$"))
    assert page.locator(".panel").count() == 1


def test_two_runs_are_side_by_side(
    page: Any, service: Any, feed: Any, opened: Any, until: Any
) -> None:
    for number in range(3):
        feed(number)
    opened()
    page.goto(f"{service.url}/?beside=&layout=image")
    until(lambda: page.locator(".panel.image .area").count() == 2)
    second = page.get_by_test_id("desk").nth(1)
    second.get_by_label("Close this run").click()
    assert page.get_by_test_id("desk").count() == 1


def test_another_analysis_is_drawn_by_what_it_declares(
    page: Any, service: Any, specimen: Any, opened: Any
) -> None:
    import xarray as xr

    nm = {"units": "nm"}
    y, x = np.mgrid[:20, :30].astype(np.float32)
    data = xr.Dataset(
        {
            "stack": (("frame", "energy", "v", "u"), (np.stack([y, x])[None]), {"units": "eV"}),
            "thing_frame": ("thing", np.zeros(2, np.int32)),
            "thing_v": ("thing", np.array([5.0, 9.0]), nm),
            "thing_u": ("thing", np.array([5.0, 20.0]), nm),
            "thing_outline_v": (("thing", "ray"), np.array([[3.0, 7, 5], [8, 11, 9]]), nm),
            "thing_outline_u": (("thing", "ray"), np.array([[3.0, 3, 8], [18, 18, 23]]), nm),
            "count": (("frame",), np.array([2]), {"long_name": "<img src=x onerror=alert(1)>"}),
        },
        coords={
            "energy": ("energy", [280.0, 290.0], {"units": "eV"}),
            "v": ("v", np.arange(20.0), nm),
            "u": ("u", np.arange(30.0), nm),
        },
    )
    result = dataclasses.replace(specimen.result(0), data=data, analysis="nobody-knows")
    service.take(specimen.start, specimen.frame(0), result, specimen.status(0))
    opened()
    page.wait_for_selector(".panel.plane .polygons")
    with page.expect_response(re.compile("sel=energy%3A1")):
        page.locator(".panel.plane .slider input").fill("1")
    assert "290" in page.locator(".panel.plane .slider").inner_text()
    page.locator(".panel.tables tbody tr").nth(1).click()
    page.wait_for_selector(".panel.plane .polygons .strong")
    assert page.locator("img").count() == 0


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_nothing_keeps_anybody_out(page: Any, feed: Any, opened: Any, theme: str) -> None:
    if not AXE.exists():
        pytest.skip("no axe-core: run `npm ci` in services/viewer/page")
    page.emulate_media(color_scheme=theme)
    feed(0)
    opened()
    page.locator(".panel.tables tbody tr").first.wait_for()
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    serious = [
        (one["id"], [node["html"][:200] for node in one["nodes"]][:3])
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
    ]
    assert not serious, json.dumps(serious, indent=1)
