"""Half an hour at four fifths of what the service can take: nothing lost, nothing grows.

    python -m beamside.tests.faults.soak --minutes 30

First the ceiling: the frames per second that go from the detector's socket to closed archives, each
one analysed, with every reader on (archive, analysis `sum`, page, a listener on the public bus).
Then a paced sender at 80 % of it, while the memory of each process is sampled once a second.
Archives are deleted once every frame number in them was counted; of every fourth one the stored
bytes of each frame are compared with what was sent.

The last line on stdout is one JSON object: harness, tried, survived, lost, seconds and more. The
exit code is 0 if no frame was lost or skipped and no process grew.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import orjson

from beamside.stream.decompress import encode

from .detector import Detector
from .images import DISTINCT, ring_image
from .kept import shortly, twice
from .processes import memory
from .service import Service, say

SIZE, FRAMES = 512, 2000
TOKEN = "for-the-soak"  # noqa: S105  it opens the page of this harness only
LOOK_S = 0.2
"""How often the page asks for the newest frame."""
COMPARED = 4
"""Of every so many-th run all stored bytes are compared; of the others the numbers are counted."""
WARM_UP = 0.2
"""Of the soak: memory is judged after it."""
GROWTH_MB = 2.0
"""Less over the whole soak is no growth, however straight the line is."""
SHORT_MIN, SHORT_GROWTH_MB = 5.0, 24.0
"""In less than so many minutes start-up can't be told from a leak: only a gross one is found."""
BLOCKS = 8
# the page holds what can be scrubbed through up to a limit: so small that it is full at once
SETTINGS = f"""
[analysis]
name = "sum"
policy = "wait"
stall_timeout_s = 0
batch_size = 32
backlog = 1024
[viewer]
token = "{TOKEN}"
memory_mb = 16
[spool]
budget_gb = 8
"""


@dataclass
class Page:
    """Somebody who looks at the page: asks for the newest frame again and again."""

    url: str
    seen: int = 0
    _gone: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self) -> None:
        while not self._gone.wait(LOOK_S):
            asked = urllib.request.Request(  # noqa: S310  our own page
                self.url, headers={"Authorization": f"Bearer {TOKEN}"}
            )
            try:
                with urllib.request.urlopen(asked, timeout=5) as answer:  # noqa: S310
                    self.seen += bool(answer.read())
            except (urllib.error.URLError, TimeoutError):
                continue

    def close(self) -> None:
        """Look no more."""
        self._gone.set()
        self._thread.join(6)


class Soak:
    """The harness at work."""

    def __init__(self) -> None:
        self.detector = Detector(frames=FRAMES, rate=0, size=SIZE, ring=True)
        self.service = Service(f"dectris+{self.detector.endpoint}", SETTINGS)
        self.life = self.service.start()
        self.packed = [bytes(encode(ring_image(n, SIZE)).data) for n in range(DISTINCT)]
        self.problems: list[str] = []
        self.sent = self.archived = self.runs = 0
        self.fill = self.behind_s = 0.0
        self.before: set[str] = set()
        """Runs that were closed before the soak."""
        self.samples: dict[str, list[tuple[float, float, float]]] = defaultdict(list)
        """By process: (time in s, resident MB, resident MB without mapped files)."""

    def run(self, ceiling_s: float, soak_s: float) -> dict[str, Any]:
        """Measure the ceiling, then soak."""
        life = self.life
        life.wait_ready()
        life.ear.results = True
        page = Page(self._page())
        self._push(0, 0.1)  # the first series warms everything up
        taken, seconds = self._push(0, ceiling_s)
        ceiling = taken / seconds
        say(f"ceiling {ceiling:.0f} frames/s")
        looked, self.before = page.seen, set(life.ear.closed)
        taken, seconds = self._push(0.8 * ceiling, soak_s, sample=True)
        page.close()
        figures = {
            "ceiling_fps": round(ceiling, 1),
            "rate_fps": round(0.8 * ceiling, 1),
            "soak_s": round(seconds, 1),
            "latency_ms": self._latency(),
            "page_frames": page.seen - looked,
            "spool_fill_max": self.fill,
            "detector_behind_s_max": self.behind_s,
            "memory": self._memory(),
        }
        if page.seen == looked:
            self.problems.append("the page showed no frame")
        self._ended(life.stop())
        return figures

    def _page(self) -> str:
        line = next(line for line in self.life.lines if "page" in line)
        return line.split()[1].partition("/?")[0] + "/api/v1/frames/latest"

    def _ended(self, said: dict[str, Any]) -> None:
        if said["code"] or said["missing"] or said["refused"] or said["skipped"]:
            told = {k: said[k] for k in ("code", "status", "missing", "refused", "skipped")}
            self.problems.append(f"the service ended with {told}")

    def _push(self, rate: float, seconds: float, *, sample: bool = False) -> tuple[int, float]:
        """Send for so long; (frames, seconds from the first one to the last closed archive)."""
        life = self.life
        self.detector.tell(f"rate {rate}")
        self.detector.tell("go")
        began = time.monotonic()
        while time.monotonic() - began < seconds and life.alive:
            time.sleep(1 if sample else min(seconds, 0.2))
            if sample:
                self._sample()
                self._check_closed()
        said = self.detector.pause()
        self.behind_s = said["behind_s"] if rate else 0.0
        runs = said["sent"]
        last = max(runs, key=int)
        life.wait(lambda: last in life.ear.closed, f"closed run {last}", 120)
        life.wait(lambda: life.status.get("open") == 0, "closed all runs", 120)
        took = time.monotonic() - began
        frames = sum(int(n) for n, *_ in runs.values())
        self.sent += frames
        self._check_closed()
        return frames, took

    def _latency(self) -> dict[str, float]:
        """From the detector's time stamp to the result on the bus: the medians over the runs."""
        closed = self.life.ear.closed
        told = [run["latency_ms"] for key, run in closed.items() if key not in self.before]
        median = {key: float(np.median([of[key] for of in told])) for key in ("p50", "p95", "p99")}
        return {**median, "p99_worst_run": max(of["p99"] for of in told)}

    # what is kept

    def _check_closed(self) -> None:
        """Check the archives of closed runs, then delete them: the disk is no larger than it is."""
        for run, closed in list(self.life.ear.closed.items()):
            if closed.get("archive") and (master := Path(closed["archive"])).exists():
                self.runs += 1
                problem = self._check(master, closed["account"], whole=int(run) % COMPARED == 0)
                if problem:
                    self.problems.append(f"run {run}: {problem}")
                    say(f"PROBLEM run {run}: {problem}")
                shutil.rmtree(master.with_suffix(""))
                master.unlink()

    def _check(self, master: Path, account: dict[str, Any], *, whole: bool) -> str:
        found: set[int] = set()
        wrong: list[int] = []
        folder = master.with_suffix("")
        for segment in folder.glob("*.h5"):
            with h5py.File(segment, "r") as file:
                frames, data = file["entry/frames"], file["entry/data/data"]
                rows = np.flatnonzero(frames["frame_valid"][:] != 0)
                numbers = frames["frame_number"][:][rows]
                found |= set(numbers.tolist())
                if whole:
                    wrong += [int(n) for row, n in zip(rows, numbers, strict=True)
                              if data.id.read_direct_chunk((row, 0, 0))[1]
                              != self.packed[n % DISTINCT]]  # fmt: skip
        absent = set(range(FRAMES)) - found
        self.archived += len(found) - len(wrong)
        told = {
            "are not archived": absent,
            "have other bytes": wrong,
            "are archived twice": twice(folder),
        }
        words = [f"frames {shortly(n)} {what}" for what, n in told.items() if n]
        if account["processed"] != FRAMES or account["skipped_frames"]:
            words.append(f"{account['processed']} of {FRAMES} frames were analysed")
        return "; ".join(words)

    # what grows

    def _sample(self) -> None:
        now = time.monotonic()
        for name, pid in {**self.life.processes(), "supervisor": self.life.pid}.items():
            if used := memory(pid):
                self.samples[name].append((now, used["rss"], used["anon"]))
        self.fill = max(self.fill, self.life.status.get("spool", {}).get("fill", 0.0))

    def _memory(self) -> dict[str, Any]:
        told = {}
        for name, samples in self.samples.items():
            kept = np.array(samples[int(len(samples) * WARM_UP) :])
            if len(kept) < 2 * BLOCKS:  # it was not there long enough
                continue
            (rss, rss_error), (anon, error) = slope(kept[:, :2]), slope(kept[:, ::2])
            minutes = (kept[-1, 0] - kept[0, 0]) / 60
            told[name] = {
                "rss_mb": round(float(np.median(kept[:, 1])), 1),
                "anon_mb": round(float(np.median(kept[:, 2])), 1),
                "rss_mb_per_min": [round(rss, 3), round(rss_error, 3)],
                "anon_mb_per_min": [round(anon, 3), round(error, 3)],
            }
            allowed = GROWTH_MB if minutes >= SHORT_MIN else SHORT_GROWTH_MB
            if anon > 3 * error and anon * minutes > allowed:
                self.problems.append(f"{name} grew by {anon * minutes:.1f} MB in the soak")
        return told


def slope(samples: np.ndarray) -> tuple[float, float]:
    """The slope of [n, (s, MB)] in MB per minute, and its standard error.

    Over means of blocks: neighbours in time are alike, and each alone would count too much.
    """
    blocks = np.array([block.mean(axis=0) for block in np.array_split(samples, BLOCKS)])
    (steep, _), covariance = np.polyfit(blocks[:, 0], blocks[:, 1], 1, cov=True)
    return float(steep) * 60, float(np.sqrt(max(covariance[0, 0], 0.0))) * 60


def main() -> int:
    """Run the harness; 0 if nothing was lost and nothing grew."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30, help="in all, the ceiling among it")
    args = parser.parse_args()
    began = time.monotonic()
    seconds = args.minutes * 60
    ceiling_s = min(60.0, seconds / 6)
    soak, figures = Soak(), {}
    try:
        figures = soak.run(ceiling_s, max(seconds - 2 * ceiling_s - 10, 25.0))
    except AssertionError as error:
        soak.problems.append(str(error))
        say(f"PROBLEM {error}")
    finally:
        soak.detector.close()
        soak.service.close(keep=bool(soak.problems))
    result = {
        "harness": "soak",
        "tried": soak.sent,
        "survived": soak.archived,
        "lost": soak.sent - soak.archived,
        "seconds": round(time.monotonic() - began, 1),
        "runs": soak.runs,
        **figures,
        "problems": soak.problems[:20],
    }
    sys.stdout.write(orjson.dumps(result).decode() + "\n")
    return int(bool(soak.problems) or soak.archived != soak.sent)


if __name__ == "__main__":
    sys.exit(main())
