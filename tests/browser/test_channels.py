"""Frames with several images: a person looks at one of them, and stays with it."""

from __future__ import annotations

import io
import re
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from beamside.stream.messages import Frame, Pixels

pytestmark = pytest.mark.browser
SHAPE = (64, 64)


def frame(number: int) -> Frame:
    images = {"high": np.full(SHAPE, 100 + number), "low": np.full(SHAPE, 7 + number)}
    channels = {
        name: Pixels(SHAPE, "<u2", "raw", image.astype("<u2").tobytes())
        for name, image in images.items()
    }
    return Frame("camera", "two", number, channels, received_ns=time.time_ns())


def test_a_person_looks_at_another_channel_and_stays_with_it(
    page: Any, service: Any, opened: Any, until: Any
) -> None:
    service.take(frame(0))
    opened()
    choice = page.get_by_label("Channel")
    value = page.locator("[data-testid=value][data-exact=true] b")

    def read() -> str:
        box = page.locator(".panel.image .area").bounding_box()
        page.mouse.move(1, 1)
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        value.wait_for()
        return str(value.inner_text())

    assert choice.input_value() == "high"
    assert read() == "100"
    page.keyboard.press("c")
    page.wait_for_url(re.compile("channel=low"))
    until(lambda: choice.input_value() == "low")
    assert read() == "7"
    service.take(frame(1))
    page.get_by_test_id("frame").get_by_text("frame 1").wait_for()
    assert read() == "8"
    page.mouse.down()
    page.mouse.up()
    page.locator("[data-fact=value]").get_by_text("8").wait_for()
    page.reload()
    choice.wait_for()
    assert choice.input_value() == "low"
    page.get_by_test_id("open-out").first.click()
    with page.expect_download() as download:
        page.get_by_test_id("sheet-out").get_by_text("NumPy").click()
    kept = np.load(io.BytesIO(Path(download.value.path()).read_bytes()))
    assert (kept == 8).all()
    page.keyboard.press("Escape")
    choice.select_option("high")
    until(lambda: "channel" not in page.url)
