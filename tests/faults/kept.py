"""What is really kept: read from spools and archives, and held against what was sent."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin  # noqa: F401  the filter is registered by the import
import numpy as np
import orjson

from beamside.stream.spool import LogReader, message_of

IN_FLIGHT_S = 10.0
"""So long a frame may lie in the buffers of ZeroMQ and of the kernel while the service is slow."""
ImageOf = Callable[[int, int], np.ndarray]
"""(series, number) -> the image that was sent."""


def series_of(run: str) -> str:
    """The detector's own id of a run: a series that comes again has another key."""
    return run.partition("~")[0]


@dataclass(slots=True)
class Archived:
    """One archive, as a stranger with plain h5py sees it."""

    path: Path
    run: str
    status: str
    account: dict[str, Any]
    numbers: set[int]
    """Frames that the master says are there."""
    twice: list[int]
    """Frames that are in more than one row of the segments."""
    wrong: list[int]
    """Frames whose pixels are not those that were sent."""

    @property
    def listed(self) -> set[int]:
        """Frames that the account lists as missing or refused."""
        ranges = [*self.account["missing_ranges"], *self.account["refused_ranges"]]
        return {n for first, last in ranges for n in range(first, last + 1)}

    @property
    def sums(self) -> list[str]:
        """What is wrong with the account."""
        said = {key: self.account[key] for key in ("expected", "received", "missing", "archived")}
        refused = self.account["refused_frames"]
        wrong = []
        if said["expected"] != said["received"] + said["missing"]:
            wrong.append("expected is not received + missing")
        if said["received"] != said["archived"] + refused:
            wrong.append("received is not archived + refused")
        if said["archived"] != len(self.numbers):
            wrong.append(f"{said['archived']} archived by the account, {len(self.numbers)} there")
        return [f"run {self.run}: {words}: {said}, refused {refused}" for words in wrong]


def read_archive(master: Path, image: ImageOf) -> Archived:
    """Read a whole archive and compare every pixel of every frame."""
    with h5py.File(master, "r") as file:
        entry = file["entry"]
        account = entry["account"]
        run = text(entry["header/run"])
        data = entry["data/data"]
        numbers = entry["frames/frame_number"][:][entry["frames/frame_valid"][:] != 0].tolist()
        series = int(series_of(run))
        wrong = [n for n in numbers if not np.array_equal(data[n], image(series, n))]
        folder = master.parent / text(account["folder"])
        closed = "json" in account
        return Archived(
            master,
            run,
            text(account["status"]) if closed else "unfinished",
            orjson.loads(text(account["json"])) if closed else {},
            set(numbers),
            twice(folder),
            wrong,
        )


def text(dataset: Any) -> str:
    """A text of an HDF5 file."""
    return str(dataset.asstr()[()])


def twice(folder: Path) -> list[int]:
    """Frames that are in more than one row of the segments in a folder."""
    rows: Counter[int] = Counter()
    for segment in folder.glob("*.h5"):
        with h5py.File(segment, "r") as file:
            frames = file["entry/frames"]
            there = frames["frame_number"][:][frames["frame_valid"][:] != 0]
            rows.update(int(n) for n in there)
    return sorted(n for n, count in rows.items() if count > 1)


def written(spool: Path) -> tuple[str, set[int]]:
    """The run of a spool, and all its frames whose record was written whole: they must be kept.

    Those that the spool has forgotten already, because an archive holds them, are in its log.
    """
    run, numbers = "", set()
    log = LogReader(spool, "log")
    for _, record in log.scan():
        if record.kind == "start":
            run = message_of(record).run
        elif record.kind == "archived":
            numbers |= {n for a, b in record.head["ranges"] for n in range(a, b + 1)}
    frames = LogReader(spool, "frames")
    numbers |= {int(r.head["number"]) for _, r in frames.scan() if r.kind == "frame"}
    log.close()
    frames.close()
    return run, numbers


@dataclass(slots=True)
class Sent:
    """One series that was sent."""

    frames: int
    begun: float
    ended: float
    """By the monotonic clock."""


@dataclass(slots=True)
class Verdict:
    """What became of the frames of some series."""

    sent: int = 0
    archived: int = 0
    missing: int = 0
    """Never written (they were in ZeroMQ's memory), and listed by number."""
    unheard: int = 0
    """Never written, and before the first frame that a series was ever heard of with."""
    lost: int = 0
    """Written and not in the archive, or not as they were."""
    problems: list[str] = field(default_factory=list)

    def add(self, other: Verdict) -> None:
        """Take the figures of another."""
        for name in ("sent", "archived", "missing", "unheard", "lost"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.problems += other.problems


def judge(
    sent: dict[str, Sent],
    archives: Iterable[Archived],
    safe: dict[str, set[int]],
    kills: Sequence[float],
) -> Verdict:
    """Hold archives against what was sent.

    `safe` are the frames of each run that were seen written; `kills` the moments at which ingest
    was killed: only near them may a frame be missing.
    """
    runs: dict[str, list[Archived]] = defaultdict(list)
    verdict = Verdict()
    for archive in archives:
        runs[series_of(archive.run)].append(archive)
        if archive.status == "unfinished":
            verdict.problems.append(f"run {archive.run} has no end: {archive.path}")
        else:
            verdict.problems += archive.sums
    seen: dict[str, set[int]] = defaultdict(set)
    for run, numbers in safe.items():
        seen[series_of(run)] |= numbers
    for series, said in sent.items():
        hit = any(said.begun - 1 < moment < said.ended + IN_FLIGHT_S for moment in kills)
        verdict.add(_judge_series(series, said, runs.pop(series, []), seen[series], hit=hit))
    for series, strange in runs.items():
        verdict.problems.append(f"nobody sent series {series}: {[a.path.name for a in strange]}")
    return verdict


def _judge_series(
    series: str, sent: Sent, archives: Sequence[Archived], safe: set[int], *, hit: bool
) -> Verdict:
    wanted = set(range(sent.frames))
    held: Counter[int] = Counter(n for archive in archives for n in archive.numbers)
    double = [n for n, count in held.items() if count > 1]
    double += [n for archive in archives for n in archive.twice]
    wrong = {n for archive in archives for n in archive.wrong}
    listed = {n for a in archives if a.account for n in a.listed}
    gone = safe - set(held)
    absent = wanted - set(held)
    unheard = absent - listed
    verdict = Verdict(sent.frames, len(set(held) & wanted), len(absent & listed), len(unheard))
    verdict.lost = len(gone | wrong)
    told = {
        "written and not archived": gone,
        "archived with other pixels": wrong,
        "archived more than once": set(double),
        "archived, but never sent": set(held) - wanted,
        "listed as missing or refused, but archived": listed & set(held),
        # an orphan run can't know of frames before its first
        "neither archived nor listed": {n for n in unheard if n > min(held, default=sent.frames)},
    }
    if not hit:
        told["not archived, though ingest was not killed"] = absent
        verdict.lost += len(absent - gone)
    verdict.problems = [
        f"series {series}: frames {shortly(numbers)} are {words}"
        for words, numbers in told.items()
        if numbers
    ]
    return verdict


def shortly(numbers: Iterable[int]) -> str:
    """The first of some numbers, and how many there are."""
    listed = sorted(numbers)
    shown = ", ".join(map(str, listed[:8]))
    return shown if len(listed) <= 8 else f"{shown}, ... ({len(listed)} in all)"


def verify(masters: Sequence[Path]) -> list[str]:
    """What `beamside verify` finds wrong with archives: every CRC and every count."""
    if not masters:
        return []
    done = subprocess.run(
        [sys.executable, "-m", "beamside.services.cli", "verify", *map(str, masters)],
        capture_output=True,
        text=True,
        check=False,
    )
    return [] if done.returncode == 0 else [f"beamside verify: {done.stdout}{done.stderr}"]
