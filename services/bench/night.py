"""Eight hours in front of the page at ten times their speed: does the browser's memory grow?

Frames of an exposure a second come ten times a second, in runs that begin anew; once a minute
somebody pauses, steps back and forth, selects, and goes live again. What the script holds is looked
at after a collection of garbage. The slope is the middle of all pairs after the first quarter, in
which histories fill (Theil and Sen), its interval that of Kendall's rank statistic (Sen 1968).
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterator
from typing import Any

from scipy.stats import theilslopes

from . import chromium
from .browser import SIZE, SMALL, Feed, fed, heap, served

HOURS, FASTER = 8.0, 10.0
EXPOSURE_S = 1.0
LOOKS = 96
"""Times that memory is looked at."""
SKIPPED = 4
"""One part of so many, at the beginning, is not in the slope."""
CONFIDENCE = 0.95
KEYS = {" ": 32, "ArrowLeft": 37, "ArrowRight": 39, "ArrowDown": 40, "Escape": 27, "End": 35}
"""Pause, steps, a selection, live again; the codes that browsers know keys by."""
COUNT = """() => {
  window.updates = 0;
  const text = document.querySelector('[data-testid=frame]');
  new MutationObserver(() => { window.updates += 1; })
    .observe(text, {subtree: true, characterData: true, childList: true});
}"""
READY = "document.querySelector('.panel.image canvas.layer') !== null"


def measure_night(minutes: float | None) -> Iterator[dict[str, Any]]:
    """The page over a night: bytes that each frame leaves behind, with an interval."""
    if chromium.find() is None:
        why = "no Chromium here: install the distribution's package chromium"
        yield {"name": "page-night", "words": "a night in a browser", "skipped": why}
        return
    seconds = 60 * minutes if minutes is not None else 3600 * HOURS / FASTER
    width, height, layout = SMALL
    with served() as (state, loop, url), chromium.started(width, height) as page:
        feed = Feed(state, loop)
        feed()
        page.send("Page.navigate", url=url + layout)
        while not page.evaluate(READY):
            time.sleep(0.05)
        page.evaluate(f"({COUNT})()")
        looks = _watched(page, feed, seconds)
        updates = int(page.evaluate("window.updates"))
    yield {
        "name": "page-night",
        "words": f"a page with a {SIZE}^2 image and a curve over a night, no GL",
        "hours_simulated": round(len(feed.sent) * EXPOSURE_S / 3600, 2),
        "frames": len(feed.sent),
        "updates": updates,
        "minutes": round(seconds / 60, 1),
        **grown(looks),
        "heap_slope_goal": 0,
    }


def _watched(page: chromium.Page, feed: Feed, seconds: float) -> list[dict[str, float]]:
    """Memory at even times; the last keys of a look are those that go live again."""
    page.send("Performance.enable")
    looks = [_look(page, feed)]
    for number in range(LOOKS):
        fed(feed, seconds / LOOKS, FASTER / EXPOSURE_S)
        for key, code in KEYS.items():  # as a hand does: scripts that are sent leave code behind
            for kind in ("rawKeyDown", "keyUp"):
                page.send("Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code)
            feed()
        looks.append(_look(page, feed))
        if sys.stderr.isatty():
            sys.stderr.write(f"\r  {number + 1} of {LOOKS} looks, {looks[-1]['heap_mb']:.2f} MB ")
    return looks


def _look(page: chromium.Page, feed: Feed) -> dict[str, float]:
    held = heap(page)
    metrics = {one["name"]: one["value"] for one in page.send("Performance.getMetrics")["metrics"]}
    return {
        "frame": len(feed.sent),
        "heap_mb": held / 1e6,
        "nodes": metrics["Nodes"],
        "listeners": metrics["JSEventListeners"],
        "service_peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3,
    }


def grown(looks: list[dict[str, float]]) -> dict[str, Any]:
    """What grows for each frame, after the first part of the night, and what was seen."""
    late = looks[len(looks) // SKIPPED :]
    frames = [look["frame"] for look in late]
    fit = theilslopes([1e6 * look["heap_mb"] for look in late], frames, CONFIDENCE)
    return {
        "heap_bytes_per_frame": round(float(fit.slope), 2),
        "heap_bytes_per_frame_95": [
            round(float(fit.low_slope), 2),
            round(float(fit.high_slope), 2),
        ],
        **{
            key: [round(look[key], 2) for look in looks[:: max(1, len(looks) // 12)]]
            for key in ("heap_mb", "nodes", "listeners", "service_peak_mb")
        },
    }
