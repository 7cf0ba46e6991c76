"""Take the README's pictures of the running page: `python tests/browser/pictures.py URL FOLDER`.

URL is what the service printed, with its token. Needs `pip install playwright` and Chromium.
"""

from __future__ import annotations

import io
import runpy
import shutil
import sys
from pathlib import Path
from typing import Any, Literal

from PIL import Image
from playwright.sync_api import sync_playwright

FLAGS = runpy.run_path(str(Path(__file__).with_name("screenshot.py")))["FLAGS"]
LARGEST = 450_000
"""Bytes of a picture."""
VIEWS: tuple[tuple[str, Literal["dark", "light"], tuple[int, int], list[str]], ...] = (
    # file, theme, width x height, keys
    ("page.png", "dark", (1280, 800), ["ArrowDown", "ArrowDown"]),
    ("page-light.png", "light", (1280, 800), ["ArrowDown"]),
    ("page-phone.png", "dark", (412, 860), []),
    ("page-runs.png", "light", (1280, 800), ["r"]),
    ("page-keys.png", "dark", (1280, 800), ["?"]),
)


def main() -> int:
    """Open the page in each view, press its keys, take its picture."""
    url, folder = sys.argv[1], Path(sys.argv[2])
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=list(FLAGS))
        for name, theme, (width, height), keys in VIEWS:
            page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=theme)
            page.set_default_timeout(90_000)
            page.goto(url)
            page.wait_for_selector(".panel.tables tbody tr")
            page.wait_for_timeout(2500)
            for key in keys:
                page.keyboard.press(key)
                page.wait_for_timeout(1000)
            _keep(page.screenshot(), folder / name)
            page.close()
        browser.close()
    return 0


def _keep(png: bytes, path: Path) -> None:
    """Write a picture with as many colours as its size allows."""
    image: Any = Image.open(io.BytesIO(png)).convert("RGB")
    for colours in (256, 192, 128, 96, 64):
        # this way of choosing keeps small places of a colour of their own
        few = image.quantize(colours, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
        few.save(path, optimize=True)
        if path.stat().st_size <= LARGEST:
            return


if __name__ == "__main__":
    sys.exit(main())
