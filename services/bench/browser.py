"""What an update of the page costs in a real browser: CPU, updates seen, how late, heap.

Frames of 1024^2 with a curve of 1000 points come to the real application 15 times a second, in runs
that begin anew; the page pulls what it can. CPU is by the browser's own account: the page's process
and the browser's, and apart from them the process that draws (`gl`): a GPU in software, or none.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import importlib.util
import shutil
import statistics
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from ...stream.messages import Frame, Pixels, Result, RunStart
from .. import viewer
from ..viewer import Server, ViewState, create_app

SIZE, POINTS = 1024, 1000
CAP = 15.0
"""Frames sent each second: the page shows no more."""
RUN_FRAMES = 400
"""Frames of a run."""
HEAPS = 12
"""Times that the heap is looked at."""
TOKEN = "a-token-to-measure"  # noqa: S105  of a service of its own, for as long as it is measured
FLAGS = ("--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking")
SOFTWARE_GL = ("--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")
GOALS = {
    "page_cpu_ms_per_update_goal": 25.0,
    "updates_per_s_goal": 5.0,
    "arrival_to_presented_ms_goal": 120.0,
    "first_image_s_goal": 1.5,
    "bundle_gz_bytes_goal": 450_000,
}
WATCH = """() => {
  window.seen = [];
  const text = document.querySelector('[data-testid=frame]');
  new MutationObserver(() => requestAnimationFrame(() => requestAnimationFrame(() => {
    const n = Number((text.textContent.match(/frame (\\d+)/) ?? [])[1]);
    if (n !== window.seen.at(-1)?.[0]) window.seen.push([n, Date.now()]);
  }))).observe(text, {subtree: true, characterData: true, childList: true});
}"""


def missing() -> str | None:
    """Why nothing can be measured here, in words; None where it can."""
    if importlib.util.find_spec("playwright") is None:
        return "no playwright here: pip install 'beamside[browser]'"
    if _chromium() is None:
        return "no Chromium here: install the distribution's package chromium"
    return None


def _chromium() -> str | None:
    return shutil.which("chromium") or shutil.which("chromium-browser")


def measure_browser(seconds: float) -> Iterator[dict[str, Any]]:
    """One case with a GPU in software, one without any; or one that says why there is none."""
    why = missing()
    if why is not None:
        yield {"name": "page", "words": "the page in a browser", "skipped": why}
        return
    for name, more in (("page", SOFTWARE_GL), ("page-without-gl", ())):
        with _service() as (state, loop, url):
            figures = _looked(Feed(state, loop), url, (*FLAGS, *more), seconds)
        gl = "software GL" if more else "no GL"
        words = f"a page with a {SIZE}^2 image and a curve in Chromium, {gl}"
        yield {"name": name, "words": words, **figures, **GOALS}


class Feed:
    """Sends frames with a curve, as the bus would, and knows when each was sent."""

    def __init__(self, state: ViewState, loop: asyncio.AbstractEventLoop) -> None:
        rng = np.random.default_rng(3)
        self._state, self._loop = state, loop
        self._images = [rng.poisson(400, (SIZE, SIZE)).astype("<u2").tobytes() for _ in range(4)]
        k = ("k", np.linspace(0, 8, POINTS), {"units": "1/nm"})
        curves = [{"profile": (("frame", "k"), rng.random((1, POINTS)))} for _ in range(4)]
        self._data = [xr.Dataset(curve, {"k": k}) for curve in curves]
        self._run = ""
        self.sent: dict[int, float] = {}
        """When each frame was sent, in ms since 1970."""

    def __call__(self) -> None:
        """Send the next."""
        number = len(self.sent)
        if number % RUN_FRAMES == 0:
            self._run = f"measured-{number // RUN_FRAMES}"
            size = {"pixel_size_nm": [0.03, 0.03], "origin": "header"}
            self._take(RunStart("camera", self._run, shape=(SIZE, SIZE), calibration=size))
        now = time.time_ns()
        pixels = Pixels((SIZE, SIZE), "<u2", "raw", self._images[number % 4])
        frame = Frame(
            "camera", self._run, number, {"data": pixels}, detector_ns=now, received_ns=now
        )
        data = self._data[number % 4]
        result = Result("camera", self._run, (number,), "hrtem", data, {}, None, now, now, now)
        self.sent[number] = now / 1e6
        for message in (frame, result, self._status(number, now)):
            self._take(message)

    def _take(self, message: Any) -> None:
        self._loop.call_soon_threadsafe(self._state.take, message)

    def _status(self, number: int, now: int) -> dict[str, Any]:
        return {
            "kind": "status",
            "state": "running",
            "source": "camera",
            "run": self._run,
            "account": {"received": number + 1, "missing": 0, "archived": number},
            "rates": {"in_fps": CAP, "out_fps": CAP},
            "latency_ms": {"p50": 20.0, "p95": 30.0 + number % 7, "p99": 40.0},
            "last_frame_ns": now,
            "alarms": [],
            "analysis": "hrtem",
        }


@contextlib.contextmanager
def _service() -> Iterator[tuple[ViewState, asyncio.AbstractEventLoop, str]]:
    """The real application on a port of its own, in a thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    state = ViewState(memory=200_000_000)

    async def begin() -> tuple[Server, int]:
        server = Server(create_app(state, token=TOKEN))
        return server, await server.start()

    server, port = asyncio.run_coroutine_threadsafe(begin(), loop).result(30)
    try:
        yield state, loop, f"http://127.0.0.1:{port}/?token={TOKEN}&layout=image/curves"
    finally:
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()


def _looked(feed: Feed, url: str, flags: tuple[str, ...], seconds: float) -> dict[str, Any]:
    from playwright.sync_api import sync_playwright

    feed()
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=_chromium(), args=list(flags))
        browser.new_page().close()  # it has started
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.set_default_timeout(90_000)
        began = time.monotonic()
        page.goto(url)
        page.wait_for_selector(".panel.image canvas")
        first = time.monotonic() - began
        page.wait_for_timeout(2000)
        page.evaluate(WATCH)
        figures = _watched(browser, page, feed, seconds)
        browser.close()
    files = Path(viewer.__file__).with_name("static").glob("assets/*")
    return {
        **figures,
        "first_image_s": round(first, 3),
        "bundle_gz_bytes": sum(len(gzip.compress(file.read_bytes())) for file in files),
    }


def _watched(browser: Any, page: Any, feed: Feed, seconds: float) -> dict[str, Any]:
    system, session = browser.new_browser_cdp_session(), page.context.new_cdp_session(page)
    heaps: list[tuple[int, float]] = []
    spent: dict[str, float] = {}
    began = time.monotonic()
    for part in range(HEAPS):
        heaps.append((len(feed.sent), _heap(session)))
        before = _cpu(system)
        while time.monotonic() - began < seconds * (part + 1) / HEAPS:
            due = time.monotonic() + 1 / CAP
            feed()
            page.wait_for_timeout(max(0.0, 1000 * (due - time.monotonic())))
        for kind, at in _cpu(system).items():
            spent[kind] = spent.get(kind, 0.0) + at - before.get(kind, 0.0)
    heaps.append((len(feed.sent), _heap(session)))
    seen = page.evaluate("window.seen")
    late = [at - feed.sent[number] for number, at in seen if number in feed.sent]
    many = max(1, len(seen))
    gl = spent.pop("GPU", 0.0)
    return {
        "updates": len(seen),
        "updates_per_s": round(len(seen) / (time.monotonic() - began), 2),
        "page_cpu_ms_per_update": round(1e3 * sum(spent.values()) / many, 1),
        "gl_cpu_ms_per_update": round(1e3 * gl / many, 1),
        "arrival_to_presented_ms": round(statistics.median(late), 1) if late else None,
        "heap_mb": [round(heap / 1e6, 2) for _, heap in heaps],
        "heap_bytes_per_frame": round(_slope(heaps[len(heaps) // 3 :]), 1),
        "seconds": round(seconds, 1),
    }


def _slope(points: list[tuple[int, float]]) -> float:
    """Bytes for each frame sent, by the middle of all pairs (Theil and Sen)."""
    pairs = [
        (heap - heap0) / (sent - sent0)
        for i, (sent0, heap0) in enumerate(points)
        for sent, heap in points[i + 1 :]
        if sent > sent0
    ]
    return statistics.median(pairs) if pairs else 0.0


def _cpu(session: Any) -> dict[str, float]:
    """CPU seconds of the browser's processes by kind."""
    spent: dict[str, float] = {}
    for one in session.send("SystemInfo.getProcessInfo")["processInfo"]:
        spent[one["type"]] = spent.get(one["type"], 0.0) + one["cpuTime"]
    return spent


def _heap(session: Any) -> float:
    session.send("HeapProfiler.collectGarbage")
    return float(session.send("Runtime.getHeapUsage")["usedSize"])
