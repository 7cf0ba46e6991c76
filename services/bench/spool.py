"""The spool: what a record costs beside a plain append, recovery beside a plain read.

Each case gives `throughput_ratio`: our speed over the anchor's, by the wall clock, medians of
rounds that take turns in one process over the same folder.
"""

from __future__ import annotations

import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...stream.dectris import Encoder
from ...stream.messages import Frame, RunStart
from ...stream.reception import Reception
from ...stream.spool import LogReader, RunSpool, SpoolRoot, of_frame
from .load import images

GB = 1e9
TURN_BYTES = 512 << 20
"""Written in one turn: more than the processor's caches, less than the system keeps back."""
READ_BYTES = 1 << 20


@dataclass(frozen=True)
class Case:
    """Frames of one kind."""

    name: str
    size: int
    encoding: str


CASES = (Case("spool-append-raw-4096", 4096, "raw"), Case("spool-append-bslz4-512", 512, "bslz4"))
RECOVERY = Case("spool-recovery", 512, "bslz4")


def measure(rounds: int, frames: int | None, gigabytes: float) -> Iterator[dict[str, Any]]:
    """Append large and small frames; then recover a spool of `gigabytes`."""
    with tempfile.TemporaryDirectory(prefix="beamside-bench-") as folder:
        for case in CASES:
            yield _append(case, Path(folder), rounds, frames)
        yield _recover(Path(folder), rounds, gigabytes)


def received(case: Case) -> list[Frame]:
    """A few frames as they come from a detector's socket, with their parts."""
    reception, encoder = Reception("dectris", "bench", verify=False), Encoder()
    list(encoder.encode(RunStart("bench", "1")))
    frames = []
    for frame in images(case.size, case.encoding):
        for parts in encoder.encode(frame):
            came = reception.decode([memoryview(bytes(part)) for part in parts])
            frames += [message for message in came if isinstance(message, Frame)]
    return frames


@dataclass(frozen=True)
class Cost:
    """What one turn took."""

    wall: float
    cpu: float
    nbytes: int


def timed(work: Callable[[], int]) -> Cost:
    """Do `work`, which gives the bytes that it moved."""
    cpu, wall = time.process_time(), time.perf_counter()
    nbytes = work()
    return Cost(time.perf_counter() - wall, time.process_time() - cpu, nbytes)


def _append(case: Case, folder: Path, rounds: int, frames: int | None) -> dict[str, Any]:
    given = received(case)
    count = frames or max(4, TURN_BYTES // given[0].nbytes)

    def ours() -> int:
        root = SpoolRoot(folder)
        spool = root.create("ours")
        for n in range(count):
            spool.frames.append(*of_frame(given[n % len(given)]))
        nbytes = spool.frames.nbytes
        spool.frames.close()
        spool.log.close()
        root.close()
        return nbytes

    def plain() -> int:
        fd = os.open(folder / "plain", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        nbytes = 0
        for n in range(count):
            nbytes += os.writev(fd, given[n % len(given)].raw[0])
        os.close(fd)
        return nbytes

    def clean() -> None:
        shutil.rmtree(folder / "ours", ignore_errors=True)
        (folder / "plain").unlink(missing_ok=True)
        os.sync()  # neither turn pays for what the other left to be written

    costs = _by_turns(rounds, ours, plain, clean)
    said = _said(case.name, costs, count, "plain file append of the same parts")
    return {**said, "frame_bytes": given[0].nbytes}


def _recover(folder: Path, rounds: int, gigabytes: float) -> dict[str, Any]:
    given = received(RECOVERY)
    root = SpoolRoot(folder)
    spool = root.create("recovery")
    count = 0
    while spool.frames.nbytes < gigabytes * GB:
        spool.frames.append(*of_frame(given[count % len(given)]))
        count += 1
    spool.close()
    root.close()
    files = sorted(spool.path.glob("*.bslog"))

    def ours() -> int:
        again = RunSpool.open(spool.path)
        found = sum(1 for _ in LogReader(spool.path, "frames").scan())
        if found != count or again.torn:
            raise RuntimeError(f"{found} of {count} records were recovered")
        nbytes = again.nbytes
        again.frames.close()
        again.log.close()
        return nbytes

    def plain() -> int:
        buffer = memoryview(bytearray(READ_BYTES))
        nbytes = 0
        for path in files:
            with path.open("rb", buffering=0) as file:
                while got := file.readinto(buffer):
                    nbytes += got
        return nbytes

    costs = _by_turns(rounds, ours, plain, lambda: drop_cache(files))
    said = _said(RECOVERY.name, costs, count, "sequential read of the same files, cold too")
    return {**said, "spool_gb": round(spool.nbytes / GB, 3)}


def drop_cache(files: list[Path]) -> None:
    """Make the system forget what it keeps of these files in memory."""
    for path in files:
        fd = os.open(path, os.O_RDONLY)
        os.fdatasync(fd)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(fd)


def _by_turns(
    rounds: int, ours: Callable[[], int], plain: Callable[[], int], between: Callable[[], None]
) -> dict[str, list[Cost]]:
    costs: dict[str, list[Cost]] = {"ours": [], "plain": []}
    turns = [("ours", ours), ("plain", plain)]
    for _ in range(rounds + 1):
        turns.reverse()  # neither always goes first
        for name, work in turns:
            between()
            costs[name].append(timed(work))
    between()
    return {name: each[1:] for name, each in costs.items()}  # the first touched fresh memory


def _said(name: str, costs: dict[str, list[Cost]], count: int, anchor: str) -> dict[str, Any]:
    ours, plain = (_median(costs[way], count) for way in ("ours", "plain"))
    pairs = zip(costs["ours"], costs["plain"], strict=True)
    ratios = [(a.nbytes / a.wall) / (b.nbytes / b.wall) for a, b in pairs]
    return {
        "name": name,
        **ours,
        "anchor": {"name": anchor, **plain},
        "ratio": round(ours["cpu_ms_per_frame"] / plain["cpu_ms_per_frame"], 3),
        "throughput_ratio": round(statistics.median(ratios), 3),
        "throughput_ratios": [round(ratio, 3) for ratio in ratios],
        "frames": count,
        "rounds": len(ratios),
    }


def _median(costs: list[Cost], count: int) -> dict[str, float]:
    wall = statistics.median(cost.wall for cost in costs)
    return {
        "cpu_ms_per_frame": round(statistics.median(cost.cpu for cost in costs) / count * 1e3, 4),
        "frames_per_s": round(count / wall, 1),
        "gb_per_s": round(statistics.median(cost.nbytes / cost.wall for cost in costs) / GB, 3),
    }
