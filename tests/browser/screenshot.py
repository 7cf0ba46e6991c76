"""Take a picture of the running page: `python tests/browser/screenshot.py URL OUT.png`.

URL is what the service printed, with its token. Needs `pip install playwright` and Chromium.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from playwright.sync_api import ConsoleMessage, sync_playwright

FLAGS = (
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
SOFTWARE_GL = ("--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")
"""A GPU in software, as a browser has it that insists on one; the page needs none."""


def main() -> int:
    """Open the page, wait until it shows an image, pick a row, take the picture."""
    options = _options()
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        sys.stderr.write("no Chromium found: install the package chromium\n")
        return 2
    width, height = map(int, options.size.split("x"))
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=list(FLAGS))
        page = browser.new_page(
            viewport={"width": width, "height": height},
            color_scheme=options.theme,
            device_scale_factor=options.scale,
        )
        page.on("console", _repeat)
        page.goto(options.url)
        page.wait_for_selector(".panel.image canvas", timeout=options.wait * 1000)
        if options.row is not None:
            page.wait_for_selector(".panel.tables tbody tr", timeout=options.wait * 1000)
            page.locator(".panel.tables tbody tr td").nth(0).wait_for()
            page.locator(".panel.tables tbody tr").nth(options.row).locator("td").first.click()
        page.wait_for_timeout(1500)
        page.screenshot(path=options.out)
        browser.close()
    return 0


def _repeat(message: ConsoleMessage) -> None:
    sys.stderr.write(f"{message.type}: {message.text}\n")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("out", type=Path)
    parser.add_argument("--theme", choices=["dark", "light"], default="dark")
    parser.add_argument("--size", default="1280x800", help="width x height of the window")
    parser.add_argument("--scale", type=float, default=1.0, help="device pixels per pixel")
    parser.add_argument("--row", type=int, help="row of the first table to select")
    parser.add_argument("--wait", type=float, default=60, help="seconds to wait for an image")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
