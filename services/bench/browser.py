"""What an update of the page costs in a real browser: CPU, updates seen, how late, heap.

Frames of 1024^2 with a curve of 1000 points come to the real application 15 times a second, in runs
that begin anew; the page takes what it can, after some updates to warm up. CPU is user and system
time of the browser's processes by its own account: `page_cpu_ms_per_update` is all but the process
that draws (the renderer with script, layout, paint and raster; network; the browser itself),
`gl_cpu_ms_per_update` that process, which puts the layers together: by a GPU in software, or by
none. `cpu_ms_by_thread` says where it went. Nobody listens to the browser's network meanwhile.

In a window of 1280 x 800 the image is shown smaller than it is, and comes as small (`picture_px`
across, on `shown_px`); the case `page-whole` shows all its pixels.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import statistics
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from ...stream.messages import Frame, Pixels, Result, RunStart
from .. import viewer
from ..viewer import Server, ViewState, create_app
from . import chromium

SIZE, POINTS = 1024, 1000
CAP = 15.0
"""Frames sent each second: the page shows no more."""
RUN_FRAMES = 400
"""Frames of a run."""
WARM, WARM_S = 40, 20.0
"""Updates, or seconds, before anything is counted: a GPU in software compiles what it needs."""
THREADS = 8
"""So many are listed."""
HEAPS = 12
"""Times that the heap is looked at."""
TOKEN = "a-token-to-measure"  # noqa: S105  of a service of its own, for as long as it is measured
SOFTWARE_GL = ("--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")
SMALL, WHOLE = (1280, 800, "image/curves"), (1920, 1200, "17!image|10!curves")
"""Windows: pixels across and down, and the panels in them."""
CASES = {
    "page": ("software GL", SMALL, SOFTWARE_GL),
    "page-without-gl": ("no GL", SMALL, ()),
    "page-whole": ("no GL, all pixels of the image shown", WHOLE, ()),
}
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
PICTURE = """() => {
  const canvas = document.querySelector('.panel.image canvas.layer');
  return canvas ? [canvas.width, Math.round(canvas.getBoundingClientRect().width)] : null;
}"""


def measure_browser(seconds: float) -> Iterator[dict[str, Any]]:
    """Each case; or one that says why there is none."""
    if chromium.find() is None:
        why = "no Chromium here: install the distribution's package chromium"
        yield {"name": "page", "words": "the page in a browser", "skipped": why}
        return
    for name, (words, window, flags) in CASES.items():
        with served() as (state, loop, url):
            figures = _looked(Feed(state, loop), url, window, flags, seconds)
        about = f"a page with a {SIZE}^2 image and a curve in Chromium, {words}"
        yield {"name": name, "words": about, **figures, **GOALS}


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
def served() -> Iterator[tuple[ViewState, asyncio.AbstractEventLoop, str]]:
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
        yield state, loop, f"http://127.0.0.1:{port}/?token={TOKEN}&layout="
    finally:
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()


def _looked(
    feed: Feed, url: str, window: tuple[int, int, str], flags: tuple[str, ...], seconds: float
) -> dict[str, Any]:
    width, height, layout = window
    feed()
    with chromium.started(width, height, flags) as page:
        page.evaluate("1")  # it has started
        began = time.monotonic()
        page.send("Page.navigate", url=url + layout)
        while not page.evaluate(f"({PICTURE})() !== null"):
            time.sleep(0.01)
        first = time.monotonic() - began
        page.evaluate(f"({WATCH})()")
        began = time.monotonic()
        while _seen(page) < WARM and time.monotonic() - began < WARM_S:
            fed(feed, 1.0)
        figures = _watched(page, feed, seconds)
        picture, shown = page.evaluate(f"({PICTURE})()")
    files = Path(viewer.__file__).with_name("static").glob("assets/*")
    return {
        **figures,
        "picture_px": picture,
        "shown_px": shown,
        "first_image_s": round(first, 3),
        "bundle_gz_bytes": sum(len(gzip.compress(file.read_bytes())) for file in files),
    }


def fed(feed: Feed, seconds: float, rate: float = CAP) -> None:
    """Send so many frames a second for so long."""
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        due = time.monotonic() + 1 / rate
        feed()
        time.sleep(max(0.0, due - time.monotonic()))


def _watched(page: chromium.Page, feed: Feed, seconds: float) -> dict[str, Any]:
    heaps: list[tuple[int, float]] = []
    spent: defaultdict[str, float] = defaultdict(float)
    threads: defaultdict[str, float] = defaultdict(float)
    updates, looked = 0, 0.0
    for _ in range(HEAPS):
        heaps.append((len(feed.sent), heap(page)))
        before, busy = page.cpu(), page.threads()
        seen, began = _seen(page), time.monotonic()
        fed(feed, seconds / HEAPS)
        updates, looked = updates + _seen(page) - seen, looked + time.monotonic() - began
        for total, old, new in ((spent, before, page.cpu()), (threads, busy, page.threads())):
            for kind, at in new.items():
                total[kind] += at - old.get(kind, 0.0)
    heaps.append((len(feed.sent), heap(page)))
    late = [at - feed.sent[n] for n, at in page.evaluate("window.seen") if n in feed.sent]
    many, gl = max(1, updates), spent.pop("GPU", 0.0)
    busiest = sorted(threads, key=lambda name: -threads[name])[:THREADS]
    return {
        "updates": updates,
        "updates_per_s": round(updates / looked, 2),
        "page_cpu_ms_per_update": round(1e3 * sum(spent.values()) / many, 1),
        "gl_cpu_ms_per_update": round(1e3 * gl / many, 1),
        "cpu_ms_by_thread": {name: round(1e3 * threads[name] / many, 2) for name in busiest},
        "arrival_to_presented_ms": round(statistics.median(late), 1) if late else None,
        "heap_mb": [round(held / 1e6, 2) for _, held in heaps],
        "heap_bytes_per_frame": round(slope(heaps[len(heaps) // 3 :]), 1),
        "seconds": round(seconds, 1),
    }


def _seen(page: chromium.Page) -> int:
    return int(page.evaluate("window.seen.length"))


def slope(points: list[tuple[int, float]]) -> float:
    """Bytes for each frame sent, by the middle of all pairs (Theil and Sen)."""
    pairs = [
        (held - held0) / (sent - sent0)
        for i, (sent0, held0) in enumerate(points)
        for sent, held in points[i + 1 :]
        if sent > sent0
    ]
    return statistics.median(pairs) if pairs else 0.0


def heap(page: chromium.Page) -> float:
    """Bytes that the page's script holds after its garbage was collected."""
    page.send("HeapProfiler.collectGarbage")
    return float(page.send("Runtime.getHeapUsage")["usedSize"])
