"""Kills at random moments while a detector sends: what was written is never lost.

    python -m beamside.tests.faults.crash --kills 200 --seed 1

A sender pushes numbered series without end. Ingest, archiver, a worker, or everything with the
supervisor is killed by SIGKILL at random moments. After a few kills the sender pauses, the service
drains, and every archive is read with plain h5py: each frame whose record was written is there
exactly once with the pixels that were sent, each account closes, `beamside verify` finds nothing.
Frames that lay in the memory of a killed ingest, or in the kernel's buffers of its socket, must be
listed as missing; of a series that lay there with its start nobody can know (`frames_unheard_of`:
before the first frame of an orphan run, or no frame at all).

The last line on stdout is one JSON object: harness, tried, survived, lost, seconds and more. The
exit code is 0 if all were survived and nothing was lost.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import shutil
import statistics
import subprocess
import sys
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import orjson

from .detector import Detector
from .images import image
from .kept import Sent, Verdict, judge, read_archive, verify, written
from .service import Service, say

SIZE, FRAMES, RATE = 64, 150, 300.0
"""Small images, short series: many ends and beginnings are hit."""
WHAT = ("ingest", "archiver", "processor", "all")
MOST_KILLS = 4
"""Of one role in one life of the service: where ingest dies again and again it gives up, and what
else does is started again only after a while."""
PAUSE_S = (0.05, 1.2)
"""Between two kills."""
DRAIN_S = 40.0
SETTINGS = """
[analysis]
name = "sum"
policy = "wait"
stall_timeout_s = 0
batch_size = 8
[archive]
segment_frames = 20
[spool]
segment_mb = 0.25
[service]
drain_timeout_s = 20
[viewer]
enabled = false
"""


@dataclass
class Round:
    """From one check to the next."""

    kills: Counter[str] = field(default_factory=Counter)
    moments: list[float] = field(default_factory=list)
    """When ingest was killed."""
    safe: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    """By run: frames that were seen written when ingest was dead."""


class Crash:
    """The harness at work."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311  reproducible, not secret
        self.detector = Detector(frames=FRAMES, rate=RATE, size=SIZE)
        self.service = Service(f"dectris+{self.detector.endpoint}", SETTINGS)
        self.verdict = Verdict()
        self.kills: Counter[str] = Counter()
        self.survived = 0
        self.worker: dict[str, Any] = {}
        self.restarts_s: list[float] = []
        self._in_this_life: Counter[str] = Counter()

    def run(self, kills: int, each: int) -> None:
        """Kill so many times, with a check after each few."""
        self.service.start().wait_ready()
        self._measure_worker(2)
        while (left := kills - self.kills.total()) > 0:
            self.detector.tell("go")
            round_ = Round()
            for _ in range(min(each, left)):
                time.sleep(self.random.uniform(*PAUSE_S))
                self._kill(round_)
            self.kills += round_.kills
            self._check(round_)
            say(f"{self.kills.total()} kills, {self.survived} survived, {self.verdict.lost} lost")
        said = self.service.life.stop()
        if said["code"]:
            self.verdict.problems.append(f"the service ended with exit code {said['code']}")

    def _kill(self, round_: Round) -> None:
        what = self.random.choice(WHAT)
        if self._in_this_life[what] >= MOST_KILLS:
            what = "all"
        if what == "all":
            self.service.life.kill_all(self.random.shuffle)
            self._witness(round_)
            began = time.monotonic()
            self.service.start().wait_ready()
            self.restarts_s.append(time.monotonic() - began)
            self._in_this_life.clear()
        elif what == "ingest":
            life = self.service.life
            life.wait(lambda: self._kill_ingest(round_), "a process ingest to kill")
        else:
            self._wait_and_kill(what)
        round_.kills[what] += 1
        self._in_this_life[what] += what != "all"

    def _kill_ingest(self, round_: Round) -> bool:
        """Kill it, and look at what it wrote before it is started again."""
        with self.service.life.unsupervised():
            if killed := self.service.life.kill("ingest"):
                self._witness(round_)
        return killed

    def _wait_and_kill(self, role: str) -> None:
        """Kill a process; one that is just being started again is waited for."""
        life = self.service.life
        if not life.kill(role):
            life.wait(lambda: life.kill(role), f"a process {role} to kill")

    def _witness(self, round_: Round) -> None:
        """See which frames were written, now that nobody writes."""
        round_.moments.append(time.monotonic())
        for spool in self.service.spools:
            with contextlib.suppress(FileNotFoundError):
                run, numbers = written(spool)
                round_.safe[run] |= numbers

    def _check(self, round_: Round) -> None:
        sent = self._drain()
        masters = self.service.masters
        archives = [read_archive(m, lambda s, n: image(s, n, SIZE)) for m in masters]
        verdict = judge(sent, archives, round_.safe, round_.moments)
        verdict.problems += verify(masters)
        verdict.problems += [f"left in the spool: {path}" for path in self.service.spools]
        self.verdict.add(verdict)
        for problem in verdict.problems:
            say(f"PROBLEM {problem}")
        if verdict.problems:
            self._set_aside(masters)
            return
        self.survived += round_.kills.total()
        for master in masters:  # checked: its disk space is wanted
            shutil.rmtree(master.with_suffix(""))
            master.unlink()

    def _set_aside(self, masters: list[Path]) -> None:
        """Keep bad archives for people to look at; the next check has others."""
        folder = self.service.folder / f"bad-{self.kills.total()}"
        folder.mkdir()
        for master in masters:
            shutil.move(master.with_suffix(""), folder)
            shutil.move(master, folder)

    def _drain(self) -> dict[str, Sent]:
        """Let the sender end its series, and the service archive all of them."""
        sent: dict[str, list[float]] = self.detector.pause()["sent"]
        life = self.service.life
        until = time.monotonic() + DRAIN_S
        while True:
            # a last series that arrives behind all others says that nothing is on its way any more
            self.detector.tell("go")
            more = self.detector.pause()["sent"]
            sent |= more
            last = max(more, key=int)
            try:
                life.wait(partial(life.ear.closed.__contains__, last), f"closed run {last}", 8.0)
                break
            except AssertionError:
                if time.monotonic() > until or not life.alive:
                    raise
        life.wait(lambda: life.status.get("open") == 0, "closed all runs", DRAIN_S)
        return {run: Sent(int(n), begun, ended) for run, (n, begun, ended) in sent.items()}

    def _measure_worker(self, times: int) -> None:
        """Kill a worker under load; from the kill to the first result of the next one."""
        life = self.service.life
        self.detector.tell("go")
        life.ear.results = True
        took = []
        for _ in range(times):
            life.ear.done_ns.clear()
            life.wait(lambda: len(life.ear.done_ns) > 20, "analysed")
            self._wait_and_kill("processor")
            killed = time.time_ns()
            life.wait(partial(life.ear.done_after, killed), "analysed again")
            took.append((life.ear.done_after(killed)[0] - killed) / 1e6)
        life.ear.results = False
        self._check(Round())
        started = start_ms()
        self.worker = {
            "worker_back_ms": [round(t) for t in took],
            "worker_import_ms": round(started),
            "worker_back_without_import_ms": [round(t - started) for t in took],
        }
        say(str(self.worker))


def start_ms() -> float:
    """What a new Python needs to import all that a worker needs, in ms: the least of three."""
    code = (
        "import beamside.services.service, beamside.services.processor\n"
        "from beamside.analysis import operators\noperators.load('sum', {})"
    )
    took = []
    for _ in range(3):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True)
        took.append((time.perf_counter() - began) * 1e3)
    return min(took)


def main() -> int:
    """Run the harness; 0 if nothing was lost."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--each", type=int, default=5, help="kills from check to check")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    began = time.monotonic()
    crash = Crash(args.seed)
    try:
        crash.run(args.kills, args.each)
    except AssertionError as error:
        crash.verdict.problems.append(str(error))
        say(f"PROBLEM {error}")
    finally:
        crash.detector.close()
        crash.service.close(keep=bool(crash.verdict.problems))
    verdict = crash.verdict
    result = {
        "harness": "crash",
        "tried": args.kills,
        "survived": crash.survived,
        "lost": verdict.lost,
        "seconds": round(time.monotonic() - began, 1),
        "seed": args.seed,
        "kills": dict(crash.kills),
        "frames_sent": verdict.sent,
        "frames_archived": verdict.archived,
        "frames_listed_missing": verdict.missing,
        "frames_unheard_of": verdict.unheard,
        "restart_s_median": round(statistics.median(crash.restarts_s or [0]), 2),
        **crash.worker,
        "problems": verdict.problems[:20],
    }
    sys.stdout.write(orjson.dumps(result).decode() + "\n")
    return int(bool(verdict.problems) or crash.survived < args.kills)


if __name__ == "__main__":
    sys.exit(main())
