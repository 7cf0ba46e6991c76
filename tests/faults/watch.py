"""Runs the cases of one target in processes of their own, and sees what becomes of them."""

from __future__ import annotations

import contextlib
import json
import queue
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from .cases import prepared

HANG_S = 30
"""A case that takes longer never ends."""
GROWTH = 24 << 20
"""Bytes of resident memory that may be gained between the second quarter and the last one."""


@dataclass(slots=True)
class Verdict:
    """What became of the cases of one target."""

    target: str
    tried: int = 0
    survived: int = 0
    told: Counter[str] = field(default_factory=Counter)
    """How often each reason was told, and `accepted`."""
    failures: list[str] = field(default_factory=list)
    rss: list[int] = field(default_factory=list)

    @property
    def growth(self) -> int:
        """Bytes gained between the second quarter and the last one; 0 where too few were seen."""
        quarter = len(self.rss) // 4
        if quarter < 2:
            return 0
        settled = statistics.median(self.rss[quarter : 2 * quarter])
        return int(statistics.median(self.rss[-quarter:]) - settled)


@dataclass(slots=True)
class Watch:
    """The cases `first`..`last`-1 of one target, with a new process after each that is lost."""

    target: str
    seed: int
    first: int
    last: int
    kept: Path
    """Where failing cases are written, each with how to run it again."""
    verdict: Verdict = field(init=False)

    def __post_init__(self) -> None:
        self.verdict = Verdict(self.target)

    def run(self) -> Verdict:
        """Run them all."""
        with tempfile.TemporaryDirectory(prefix="hostile-") as folder:
            diary = Path(folder, "diary")
            number = self.first
            while number < self.last:
                diary.write_bytes(struct.pack("<q", number))
                number = self._one_process(number, diary)
        verdict = self.verdict
        verdict.tried = self.last - self.first
        verdict.survived = verdict.tried - len(verdict.failures)
        if verdict.growth > GROWTH:
            verdict.failures.append(f"{self.target}: grew by {verdict.growth >> 20} MiB")
            verdict.survived -= 1
        return verdict

    def _one_process(self, first: int, diary: Path) -> int:
        """Run until the process ends; gives the case to go on with."""
        process = subprocess.Popen(
            [sys.executable, "-m", "beamside.tests.faults.cases", self.target, str(self.seed),
             str(first), str(self.last), str(diary)],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        assert process.stdout is not None
        lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        reader = threading.Thread(target=_pass_on, args=(process.stdout, lines), daemon=True)
        reader.start()
        hung = self._follow(process, lines, diary)
        reader.join()
        while not lines.empty():
            self._note(lines.get())
        if process.returncode == 0:
            return self.last
        if process.returncode == 1:
            raise RuntimeError(
                f"the cases of {self.target} can't be made: run beamside.tests.faults.cases"
            )
        lost = _read(diary)
        how = f"took more than {HANG_S} s" if hung else f"died: {_death(process.returncode)}"
        self._keep(lost, how)
        return lost + 1

    def _follow(
        self, process: subprocess.Popen[str], lines: queue.SimpleQueue[str], diary: Path
    ) -> bool:
        """Wait for the end; True if the process had to be killed because a case never ended."""
        number, since = _read(diary), time.monotonic()
        while process.poll() is None:
            with contextlib.suppress(queue.Empty):
                self._note(lines.get(timeout=0.2))
            now = _read(diary)
            if now != number:
                number, since = now, time.monotonic()
            elif time.monotonic() - since > HANG_S:
                process.kill()
                process.wait()
                return True
        return False

    def _note(self, line: str) -> None:
        said: dict[str, Any] = json.loads(line)
        if "failed" in said:
            self._keep(said["failed"], f"{said['error']}\n{said['at']}")
            return
        self.verdict.rss.append(said["rss"])
        self.verdict.told += Counter(said["told"])

    def _keep(self, number: int, how: str) -> None:
        name = f"{self.target}-{self.seed}-{number}"
        self.kept.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="hostile-") as folder:
            make, _ = prepared(self.target, self.seed, Path(folder))
            case = self.kept / f"{name}.case"
            case.write_bytes(make(number))
        again = f"python -m beamside.tests.faults.cases {self.target} --case {case}"
        (self.kept / f"{name}.txt").write_text(f"{how}\n\nagain: {again}\n")
        self.verdict.failures.append(f"{name}: {how.splitlines()[0]}")


def _read(diary: Path) -> int:
    (number,) = struct.unpack("<q", diary.read_bytes()[:8])
    return int(number)


def _pass_on(stream: IO[str], lines: queue.SimpleQueue[str]) -> None:
    for line in stream:
        lines.put(line)
    stream.close()


def _death(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"
