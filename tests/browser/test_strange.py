"""Runs that are called alike, and results that nobody thought of."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest

from beamside.services.viewer import Past
from beamside.stream.messages import Frame, Pixels, RunStart, RunStop
from beamside.stream.nexus import Archive, claim

pytestmark = pytest.mark.browser


def flat(run: str, number: int, value: int) -> Frame:
    image = np.full((32, 32), value, "<u2")
    return Frame(
        "camera", run, number, {"data": Pixels(image.shape, "<u2", "raw", image.tobytes())}
    )


def archived(folder: Path, value: int) -> str:
    """A run of one frame, whose pixels all have one value."""
    start = RunStart("camera", "1", time_ns=value * 10**9)
    name = claim(folder, start)
    archive = Archive.create(folder, name, start)
    archive.add(flat("1", 0, value))
    archive.close(RunStop("camera", "1"))
    return name


def test_values_are_those_of_the_run_that_is_looked_at_not_of_its_namesake(
    page: Any, service: Any, tmp_path: Path, opened: Any
) -> None:
    older, _ = archived(tmp_path, 1000), archived(tmp_path, 2000)
    service.restart(Past(tmp_path))
    service.take(RunStart("camera", "1"), flat("1", 0, 3000))
    opened(f"&run={older}&layout=image|measure")
    picture = page.locator(".panel.image canvas").first.bounding_box()
    page.mouse.click(picture["x"] + 50, picture["y"] + 50)
    page.locator("[data-fact=value]").get_by_text("1000", exact=True).wait_for()
    page.get_by_test_id("open-out").first.click()
    address = page.get_by_text("TIFF, true values").get_attribute("href")
    assert f"/frames/{older}/0?" in address


def test_a_pause_stays_with_its_run_when_that_begins_again_under_its_name(
    page: Any, service: Any, tmp_path: Path, opened: Any
) -> None:
    start = RunStart("camera", "1", time_ns=10**18)
    name = claim(tmp_path, start)
    archive = Archive.create(tmp_path, name, start)
    archive.add(flat("1", 0, 1000))
    archive.flush()
    service.restart(Past(tmp_path))
    service.take(start, flat("1", 0, 1000))
    opened("&layout=image|measure")
    page.keyboard.press("Space")
    page.wait_for_url(f"**/?run={name}&frame=0*")
    archive.close(RunStop("camera", "1"))
    service.take(RunStart("camera", "1", time_ns=2 * 10**18), flat("1", 0, 2000))
    picture = page.locator(".panel.image canvas").first.bounding_box()
    page.mouse.click(picture["x"] + 50, picture["y"] + 50)
    page.locator("[data-fact=value]").get_by_text("1000", exact=True).wait_for()
    page.keyboard.press("Escape")
    page.keyboard.press("Space")
    page.mouse.click(picture["x"] + 90, picture["y"] + 90)
    page.locator("[data-fact=value]").get_by_text("2000", exact=True).wait_for()


def test_a_result_that_cannot_be_drawn_leaves_the_rest_of_the_page_as_it_is(
    page: Any, service: Any, feed: Any, specimen: Any, opened: Any
) -> None:
    feed(0)
    page.route(
        "**/api/v1/results/*/1*",
        lambda route: route.fulfill(json=route.fetch().json() | {"variables": {"v": {"dims": 5}}}),
    )
    feed(1)
    opened()
    page.goto(f"{service.url}/?run={quote(specimen.start.run, safe='')}&frame=1")
    page.get_by_text("This can't be drawn").wait_for()
    assert page.get_by_test_id("health").is_visible()
    page.goto(service.url)
    page.wait_for_selector(".panel.image canvas")
