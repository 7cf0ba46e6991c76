"""What a person does beside looking: sets, exports, holds a phone, and brings odd data."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import xarray as xr
from PIL import Image

from beamside.stream.messages import Frame, Pixels, RunStart

pytestmark = pytest.mark.browser


def test_a_person_changes_a_setting(page: Any, service: Any, feed: Any, opened: Any) -> None:
    feed(0)
    opened()
    page.keyboard.press("s")
    form = page.get_by_test_id("settings")
    low = form.locator("[data-field=low] input")
    low.wait_for()
    low.fill("a lot")
    form.get_by_text("This must be a number.").wait_for()
    low.fill("0.9")
    form.get_by_label("your name").fill("ann")
    form.get_by_role("button", name="Apply 1 change").click()
    form.get_by_text("low and high must be 0 < low < high").wait_for()  # the analysis's own words
    assert not service.wishes
    low.fill("0.2")
    form.get_by_role("button", name="Apply 1 change").click()
    form.get_by_text("1 setting is used from the next batch on").wait_for()
    assert service.wishes[-1]["settings"] == {"low": 0.2}
    assert service.wishes[-1]["by"] == "ann"


def test_a_person_lets_steering_look_at_a_box(
    page: Any, service: Any, feed: Any, opened: Any
) -> None:
    feed(0)
    opened("&layout=image")
    page.keyboard.press("b")
    box = page.locator(".panel.image .area").bounding_box()
    page.mouse.move(box["x"] + 0.4 * box["width"], box["y"] + 0.4 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 0.6 * box["height"], steps=3)
    page.mouse.up()
    page.get_by_role("button", name="Use for steering").click()
    page.get_by_text("Steering looks here.").wait_for()
    (y0, y1), (x0, x1) = (service.wishes[-1]["roi"][axis] for axis in "yx")
    for low, high in ((y0, y1), (x0, x1)):  # the picture did not move below the hand
        assert (low + high) / 2 == pytest.approx(256, abs=12)


def test_exports_hold_what_was_seen(
    page: Any, service: Any, feed: Any, opened: Any, specimen: Any
) -> None:
    feed(0)
    opened("&layout=image")
    page.get_by_test_id("open-look").first.click()
    page.get_by_test_id("sheet-look").locator("select").first.select_option("Turbo")
    page.keyboard.press("Escape")
    page.get_by_test_id("open-out").first.click()
    sheet = page.get_by_test_id("sheet-out")

    def saved(name: str) -> bytes:
        with page.expect_download() as download:
            sheet.get_by_text(name).click()
        return Path(download.value.path()).read_bytes()

    assert np.array_equal(tifffile.imread(io.BytesIO(saved("TIFF"))), specimen.image)
    assert np.array_equal(np.load(io.BytesIO(saved("NumPy"))), specimen.image)
    picture = Image.open(io.BytesIO(saved("PNG at full size")))
    colours = np.asarray(picture.convert("RGB"), float)
    assert min(picture.size) >= 256
    assert np.ptp(colours, axis=2).mean() > 50  # in the colours of the page


@pytest.mark.parametrize(("width", "height"), [(412, 860), (3840, 2160)])
def test_phones_and_walls_can_be_read(
    page: Any, service: Any, feed: Any, opened: Any, width: int, height: int
) -> None:
    page.set_viewport_size({"width": width, "height": height})
    feed(0)
    opened()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    image = page.locator(".panel.image .area").bounding_box()
    assert min(image["width"], image["height"]) > 0.3 * min(width, height)
    letters = page.evaluate("parseFloat(getComputedStyle(document.body).fontSize)")
    assert letters >= (20 if width > 2400 else 13)
    page.locator(".panel.tables tbody tr").first.click()
    page.wait_for_selector(".panel.tables tr[aria-selected=true]")


def odd(shape: tuple[int, int], dtype: str, value: float) -> tuple[RunStart, Frame]:
    image = np.full(shape, value, dtype)
    pixels = Pixels(shape, image.dtype.str, "raw", image.tobytes())
    return RunStart("camera", "odd", shape=shape), Frame("camera", "odd", 0, {"data": pixels})


@pytest.mark.parametrize(
    ("shape", "dtype", "value"),
    [
        ((1, 1), "<u2", 7),
        ((64, 64), "<f4", np.nan),
        ((9, 9), "<f4", -np.inf),
        ((8192, 8192), "|u1", 9),
    ],
    ids=["one pixel", "all NaN", "all infinite", "8192"],
)
def test_odd_images_are_shown(
    page: Any, service: Any, opened: Any, shape: tuple[int, int], dtype: str, value: float
) -> None:
    service.take(*odd(shape, dtype, value))
    opened()
    box = page.locator(".panel.image .area").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    shown = page.locator("[data-testid=value][data-exact=true] b")
    shown.wait_for()
    words = "\u2013" if np.isnan(value) else "\u2212\u221e" if np.isinf(value) else f"{value:g}"
    assert shown.inner_text() == words


def test_five_hundred_classes_with_html_in_their_names(
    page: Any, service: Any, specimen: Any, opened: Any
) -> None:
    names = [f"<img/src=x/onerror=alert({n})>" for n in range(500)]
    attrs = {"flag_values": np.arange(500), "flag_meanings": " ".join(names), "units": "<b>nm</b>"}
    field = np.arange(900).reshape(1, 30, 30) % 500
    data = xr.Dataset({"class_map": (("frame", "y", "x"), field.astype(np.uint16), attrs)})
    result = dataclasses.replace(specimen.result(0), data=data, analysis="<script>1</script>")
    service.take(specimen.start, specimen.frame(0), result, specimen.status(0))
    opened()
    assert page.locator(".panel.legend li").count() == 500
    assert page.locator("img").count() == 0
