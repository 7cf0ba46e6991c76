"""The PNG that a person takes away is what was on the screen, with what explains it."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from beamside.tests.browser.test_turning import volume

pytestmark = pytest.mark.browser
MARGIN, HEAD, SCALE = 14, 30, 2
"""Of the paper, in the page's pixels; and how many pixels of the PNG are one of the page."""
SHOWN = """() => {
  const area = document.querySelector('.panel.image .area').getBoundingClientRect();
  const one = document.querySelector('.panel.image .area > canvas').getBoundingClientRect();
  const [left, top] = [Math.max(area.left, one.left), Math.max(area.top, one.top)];
  const [right, low] = [Math.min(area.right, one.right), Math.min(area.bottom, one.bottom)];
  return {x: left, y: top, width: right - left, height: low - top};
}"""


@pytest.fixture
def png(page: Any) -> Callable[[str], np.ndarray]:
    """Take a picture away and open it."""

    def take(name: str) -> np.ndarray:
        page.get_by_test_id("open-out").first.click()
        with page.expect_download() as download:
            page.get_by_test_id("sheet-out").get_by_text(name, exact=True).click()
        page.keyboard.press("Escape")
        opened = Image.open(io.BytesIO(Path(download.value.path()).read_bytes()))
        return np.asarray(opened.convert("RGB"), float)

    return take


def seen(page: Any) -> tuple[np.ndarray, tuple[int, int]]:
    """The part of the screen that the picture takes, as large as it is in the PNG."""
    box = page.evaluate(SHOWN)
    shot = Image.open(io.BytesIO(page.screenshot(clip=box))).convert("RGB")
    return np.asarray(shot, float), (round(box["width"]), round(box["height"]))


def kept(sheet: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The picture on the paper, in the page's pixels."""
    left, top = SCALE * MARGIN, SCALE * (MARGIN + HEAD)
    part = sheet[top : top + SCALE * size[1], left : left + SCALE * size[0]]
    small = Image.fromarray(part.astype(np.uint8)).resize(size, Image.Resampling.BOX)
    return np.asarray(small, float)


def unlike(one: np.ndarray, other: np.ndarray) -> float:
    """How far apart two pictures are, in levels of 255, rims of a pixel aside."""
    height, width = (min(a, b) for a, b in zip(one.shape[:2], other.shape[:2], strict=True))
    return float(
        np.abs(one[2 : height - 2, 2 : width - 2] - other[2 : height - 2, 2 : width - 2]).mean()
    )


def test_a_zoomed_picture_with_classes_marks_and_scale_bar(
    page: Any, service: Any, specimen: Any, feed: Any, opened: Any, png: Any
) -> None:
    feed(0)
    service.take(specimen.status(0, state="idle"))  # no stale mark over it
    opened("&layout=image|tables/legend")
    page.locator(".panel.tables tbody tr").first.click()
    whole, whole_size = seen(page)
    box = page.locator(".panel.image .area").bounding_box()
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.35 * box["height"])
    page.mouse.wheel(0, -800)
    page.mouse.click(box["x"] + 0.5 * box["width"], box["y"] + 0.5 * box["height"])
    page.mouse.move(1, 1)
    page.wait_for_selector(".panel.image .shape")
    page.wait_for_timeout(700)
    screen, size = seen(page)
    sheet = png("PNG of what is seen")
    assert unlike(kept(sheet, size), screen) < 6
    assert unlike(kept(sheet, size), whole) > 20
    beside = sheet[SCALE * (MARGIN + HEAD) :, SCALE * (2 * MARGIN + size[0]) :]
    for colour in ((0xE6, 0x9F, 0x00), (0x56, 0xB4, 0xE9), (0x00, 0x9E, 0x73)):  # LiF, Li2O, NMC
        assert (np.abs(beside - colour).max(axis=2) < 2).sum() >= 100
    page.keyboard.press("o")
    page.wait_for_timeout(400)
    bare, size = seen(page)
    again = png("PNG of what is seen")
    assert unlike(kept(again, size), bare) < 6
    assert unlike(kept(again, size), screen) > unlike(kept(again, size), bare) + 3
    page.keyboard.press("o")
    page.wait_for_timeout(400)
    zoomed, _ = seen(page)
    all_of_it = png("PNG of the whole image, as it is seen")
    assert unlike(seen(page)[0], zoomed) < 2  # the page itself stayed where it was
    assert unlike(kept(all_of_it, whole_size), whole) < 10


def test_a_turned_volume_is_kept_as_it_is_seen(
    page: Any, service: Any, specimen: Any, opened: Any, png: Any
) -> None:
    result = replace(specimen.result(0), analysis="particles.volume", data=volume())
    service.take(specimen.start, specimen.frame(0), result, specimen.status(0, state="idle"))
    opened("&layout=image")
    page.locator(".panel.image select").first.select_option("particle_map")
    page.get_by_role("button", name="3D").click()
    page.wait_for_selector(".turnable .area > canvas + canvas")
    page.wait_for_timeout(400)
    screen, size = seen(page)
    assert unlike(kept(png("PNG of what is seen"), size), screen) < 6
