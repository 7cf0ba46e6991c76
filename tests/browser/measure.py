"""What an update costs in the browser: `python tests/browser/measure.py [--seconds 20]`, JSON.

A frame of 1024^2 and a curve of 1000 points come to the real application 15 times a second; the
page pulls what it can. CPU is that of the page's own process and of the browser's (by the
browser's own account), software GL apart.
"""

from __future__ import annotations

import argparse
import gzip
import json
import runpy
import shutil
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from playwright.sync_api import sync_playwright

HERE = Path(__file__).parent
STATIC = HERE.parents[1] / "services/viewer/static"
GL = "GPU"
WATCH = """() => {
  window.seen = [];
  const text = document.querySelector('[data-testid=frame]');
  new MutationObserver(() => requestAnimationFrame(() => requestAnimationFrame(() => {
    const n = Number((text.textContent.match(/frame (\\d+)/) ?? [])[1]);
    if (n !== window.seen.at(-1)?.[0]) window.seen.push([n, Date.now()]);
  }))).observe(text, {subtree: true, characterData: true, childList: true});
}"""


def main() -> int:
    """Measure, and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20)
    seconds = parser.parse_args().seconds
    known = runpy.run_path(str(HERE / "conftest.py"))
    flags = runpy.run_path(str(HERE / "screenshot.py"))["FLAGS"]
    service = known["Service"]("a-token-to-measure")
    service.start()
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=list(flags))
        figures = _measured(browser, service, known, seconds)
        browser.close()
    service.stop()
    sys.stdout.write(json.dumps(figures) + "\n")
    return 0


def _measured(browser: Any, service: Any, known: dict[str, Any], seconds: float) -> dict[str, Any]:
    feed, sent = _feeder(service, known)
    feed()
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.set_default_timeout(90_000)
    began = time.monotonic()
    page.goto(f"{service.url}/?token={service.token}&layout=image/curves")
    page.wait_for_selector(".panel.image canvas")
    first = time.monotonic() - began
    page.wait_for_timeout(2000)
    page.evaluate(WATCH)
    system = browser.new_browser_cdp_session()
    session = page.context.new_cdp_session(page)
    heap, cpu = [_heap(session)], _cpu(system)
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        feed()
        page.wait_for_timeout(1000 / 15)
    spent = {kind: time_ - cpu.get(kind, 0) for kind, time_ in _cpu(system).items()}
    took = time.monotonic() - began
    seen = page.evaluate("window.seen")
    heap.append(_heap(session))
    late = [at - sent[number] for number, at in seen if number in sent]
    many = max(1, len(seen))
    own = sum(time_ for kind, time_ in spent.items() if kind != GL)
    bundle = sum(len(gzip.compress(file.read_bytes())) for file in STATIC.glob("assets/*"))
    return {
        "updates": len(seen),
        "updates_per_s": len(seen) / took,
        "page_and_browser_cpu_ms_per_update": 1000 * own / many,
        "software_gl_cpu_ms_per_update": 1000 * spent.get(GL, 0) / many,
        "arrival_to_presented_ms": statistics.median(late) if late else None,
        "first_image_s": first,
        "bundle_gz_bytes": bundle,
        "heap_bytes_per_update": (heap[1] - heap[0]) / many,
    }


def _feeder(service: Any, known: dict[str, Any]) -> tuple[Any, dict[int, float]]:
    """A function that sends the next frame and its curve; when each was sent, in ms."""
    rng = np.random.default_rng(3)
    images = [rng.poisson(400, (1024, 1024)).astype("<u2") for _ in range(4)]
    k = ("k", np.linspace(0, 8, 1000), {"units": "1/nm"})
    curve = {"profile": (("frame", "k"), rng.random((1, 1000)))}
    size = {"pixel_size_nm": [0.03, 0.03], "origin": "header"}
    start = known["RunStart"]("camera", "measured", shape=(1024, 1024), calibration=size)
    makers = [known["Specimen"](image, xr.Dataset(curve, {"k": k}), start) for image in images]
    sent: dict[int, float] = {}
    service.take(start)

    def feed() -> None:
        number = len(sent)
        maker = makers[number % 4]
        parts = maker.frame(number), maker.result(number), maker.status(number)
        parts = tuple(_of(start.run, part) for part in parts)
        sent[number] = 1000 * time.time()
        service.take(*parts)

    return feed, sent


def _of(run: str, part: Any) -> Any:
    import dataclasses

    return part | {"run": run} if isinstance(part, dict) else dataclasses.replace(part, run=run)


def _cpu(session: Any) -> dict[str, float]:
    """CPU seconds of the browser's processes by kind."""
    spent: dict[str, float] = {}
    for one in session.send("SystemInfo.getProcessInfo")["processInfo"]:
        spent[one["type"]] = spent.get(one["type"], 0.0) + one["cpuTime"]
    return spent


def _heap(session: Any) -> float:
    session.send("HeapProfiler.collectGarbage")
    return float(session.send("Runtime.getHeapUsage")["usedSize"])


if __name__ == "__main__":
    sys.exit(main())
