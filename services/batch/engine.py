"""The way of a batch: gather, analyse what is not finished, again if need be, export, report."""

from __future__ import annotations

import glob
import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from ... import __version__, analysis, models
from ...stream.errors import FileError
from ...stream.messages import Result, RunStart, RunStop
from ...stream.nexus import write_results
from .items import SOURCE, Gathered, Item, gather
from .pool import Pool
from .progress import Progress
from .store import Store, key_of, read_state, write_state
from .tables import Tables
from .technique import Batch, Done, Settings, StoppedError, Technique, Wish

STOPPED = 130
SHOWN = 5
"""Of many files with the same trouble, so many are named as they come."""
PICTURES = "pictures"
DRAWN = ".drawn"
"""How the name of an empty file ends that says that all pictures of a frame are there."""


@dataclass(slots=True)
class Outcome:
    """How it went."""

    stopped: bool = False
    frames: int = 0
    analysed: int = 0
    """In this run."""
    failed: int = 0
    refused: int = 0
    """Files that can't be read."""
    seconds: float = 0.0
    memory_mb: float = 0.0
    """Most that one worker held."""
    files: tuple[Path, ...] = ()
    words: tuple[str, ...] = ()


class Engine:
    """One batch over one folder of a report."""

    def __init__(
        self,
        wish: Wish,
        technique: Technique,
        say: Callable[[str], None],
        stop: Callable[[], bool],
    ) -> None:
        self._wish = wish
        self._technique = technique
        self._say = say
        self._stop = stop
        self._store = Store(wish.out)
        self._settings: dict[int, Settings] = {}
        self._made_by = {
            "analysis": technique.name,
            "version": __version__,
            "code_sha256": code_sha256(),
            **technique.fingerprint(),
        }
        self._outcome = Outcome()

    def run(self) -> Outcome:
        """Do all of it; FileError if there is nothing to do, or the disk refuses."""
        began = time.monotonic()
        gathered = self._technique.arranged(self._gather(), self._wish)
        title = ", ".join(path.resolve().name for path in self._wish.given[:3])
        batch = Batch(self._wish.out, title, gathered, self._technique.settings, self._made_by)
        batch.stop = self._stop
        self._outcome.frames = len(gathered.items)
        self._outcome.refused = len(gathered.refused)
        self._settings = dict.fromkeys(range(len(gathered.items)), self._technique.settings)
        self._compare(gathered)
        with Pool(self._technique.name, self._wish.workers) as pool:
            session = self._analyse(pool, batch)
            if session is not None:
                self._export(batch, session)
                self._draw(pool, batch)
        if session is None or self._stop():
            self._outcome.stopped = True
        else:
            self._report(batch)
        self._outcome.seconds = round(time.monotonic() - began, 2)
        return self._outcome

    def _gather(self) -> Gathered:
        wish = self._wish
        gathered = gather(wish.given, wish.out, wish.pixel_size)
        for name, why in list(gathered.refused.items())[:SHOWN]:
            self._say(f"  skipped   {name}: {why}")
        if len(gathered.refused) > SHOWN:
            self._say(f"  skipped   and {len(gathered.refused) - SHOWN} files more")
        if not gathered.items:
            raise FileError(
                f"no image in {', '.join(map(str, wish.given))} that can be read: "
                f"{len(gathered.refused)} files are damaged or unfit, {gathered.others} of other "
                "kinds"
            )
        files = len({item.name for item in gathered.items})
        self._say(f"  found     {len(gathered.items)} frames in {files} files")
        bare = len({item.name for item in gathered.items if item.pixel_size is None})
        if bare:
            self._say(f"  note      {bare} files say no pixel size (--pixel-size 0.02nm gives one)")
        return gathered

    def _compare(self, gathered: Gathered) -> None:
        """Say what is not as it was when the batch before ended, then take its place."""
        before = read_state(self._wish.out)
        now = {
            "technique": self._technique.name,
            "settings": dict(self._technique.settings),
            "made_by": self._made_by,
            "given": [str(path) for path in self._wish.given],
            "files": {item.name: [*item.stamp, item.calibration] for item in gathered.items},
        }
        for words in changes(before, now):
            self._say(f"  changed   {words}")
        write_state(self._wish.out, now)

    def _key(self, item: Item, settings: Settings) -> str:
        return key_of(item, {**self._made_by, "settings": dict(settings)})

    def _analyse(self, pool: Pool, batch: Batch) -> list[Result] | None:
        """Both passes; give what was found of the session, None if it was stopped."""
        everything = range(len(batch.gathered.items))
        if not self._pass(pool, batch, list(everything), "analysed"):
            return None
        self._say("  session   what do all frames say together?")
        try:
            again, session = self._technique.again(
                self._done(batch), batch, self._store.once, apply=self._wish.apply
            )
        except StoppedError:
            return None
        for words in batch.words[:SHOWN]:
            self._say(f"  session   {words}")
        if len(batch.words) > SHOWN:
            self._say(f"  session   and {len(batch.words) - SHOWN} more: see the report")
        if again:
            self._settings.update(again)
            if not self._pass(pool, batch, sorted(again), "once more"):
                return None
        return session

    def _pass(self, pool: Pool, batch: Batch, numbers: list[int], what: str) -> bool:
        """Analyse the frames that are not finished; False if it was stopped."""
        items = batch.gathered.items
        keys = {n: self._key(items[n], self._settings[n]) for n in numbers}
        left = [n for n in numbers if not self._store.has(keys[n])]
        if len(left) < len(numbers):
            self._say(f"  finished  {len(numbers) - len(left)} of {len(numbers)} frames before")
        if not left:
            return not self._stop()
        progress = Progress(what, len(numbers), len(numbers) - len(left))
        jobs = (self._job(n, items[n], to=self._store.path(keys[n])) for n in left)
        told = 0
        for answer in pool.run(jobs, self._stop):
            self._outcome.analysed += 1
            memory = float(answer.get("memory_mb", 0.0))
            self._outcome.memory_mb = max(self._outcome.memory_mb, memory)
            error = answer["error"]
            if answer["broken"]:
                batch.failed[answer["id"]] = error
            if error and (told := told + 1) <= SHOWN:
                progress.note(f"  without   {items[answer['id']].label}: {error}")
            progress.step(failed=bool(error))
        progress.end()
        return not self._stop()

    def _job(self, number: int, item: Item, **more: Any) -> dict[str, Any]:
        return {
            "id": number,
            "do": "analyse",
            "path": str(item.path),
            "index": item.index,
            "pixel_size": item.given,
            "settings": dict(self._settings[number]),
            **{key: str(value) for key, value in more.items()},
        }

    def _done(self, batch: Batch) -> Iterator[Done]:
        """Give the frames with their results, one in memory at a time."""
        for number, item in enumerate(batch.gathered.items):
            if number in batch.failed:
                continue
            key = self._key(item, self._settings[number])
            try:
                result = self._store.get(key)
            except FileError as error:
                batch.failed[number] = f"its result is lost, run the same command again: {error}"
                continue
            yield Done(number, item, key, replace(result, run=SOURCE, frames=(number,)))

    def _export(self, batch: Batch, session: list[Result]) -> None:
        with Tables(self._wish.out, self._technique.columns()) as tables:
            for done in self._done(batch):
                tables.add(self._technique.tables(done))
                self._outcome.failed += done.result.error is not None
        self._outcome.failed += len(batch.failed)
        start = RunStart(
            source=SOURCE,
            run=SOURCE,
            expected=len(batch.gathered.items),
            metadata={"given": [str(path) for path in self._wish.given]},
            time_ns=time.time_ns(),
        )
        status = "incomplete" if batch.failed or batch.gathered.refused else "complete"
        account = {"frames": len(batch.gathered.items), "failed": len(batch.failed)}
        stop = RunStop(SOURCE, SOURCE, status, account=account, time_ns=time.time_ns())
        found = self._everything(batch, session)
        written = write_results(self._wish.out, self._technique.name, start, found, stop)
        self._outcome.files = (*tables.paths.values(), *written)

    def _everything(self, batch: Batch, session: list[Result]) -> Iterator[Result]:
        items = batch.gathered.items
        for done in self._done(batch):
            yield done.result
        yield from session
        yield Result(SOURCE, SOURCE, tuple(range(len(items))), "files", _files(items))

    def _draw(self, pool: Pool, batch: Batch) -> None:
        """Draw what is worth it and is not drawn yet."""
        chosen = self._technique.worth_drawing(self._wish.pictures)
        folder = self._wish.out / PICTURES
        folder.mkdir(exist_ok=True)
        items, jobs = batch.gathered.items, []
        wanted: set[str] = set()
        for number in chosen:
            key = self._key(items[number], self._settings[number])
            stem = folder / f"{_stem(items[number])}-{key[:8]}"
            wanted.add(stem.name)
            there = sorted(folder.glob(f"{glob.escape(stem.name)}-*.png"))
            if there and stem.with_name(f"{stem.name}{DRAWN}").exists():
                batch.pictures[number] = [str(p.relative_to(self._wish.out)) for p in there]
            else:
                more = {"result": self._store.path(key), "to": stem, "do": "draw"}
                jobs.append(self._job(number, items[number], **more))
        for path in folder.iterdir():
            if not any(path.name.startswith(f"{stem}") for stem in wanted):
                path.unlink()
        if jobs:
            self._have_drawn(pool, batch, jobs)

    def _have_drawn(self, pool: Pool, batch: Batch, jobs: list[dict[str, Any]]) -> None:
        progress = Progress("pictures", len(jobs))
        stems = {job["id"]: Path(job["to"]) for job in jobs}
        for answer in pool.run(jobs, self._stop):
            number = answer["id"]
            if answer["error"]:
                label = batch.gathered.items[number].label
                progress.note(f"  without   pictures of {label}: {answer['error']}")
            else:
                stems[number].with_name(f"{stems[number].name}{DRAWN}").touch()
                files = [Path(path) for path in answer["files"]]
                batch.pictures[number] = [str(p.relative_to(self._wish.out)) for p in files]
            progress.step(failed=bool(answer["error"]))
        progress.end()

    def _report(self, batch: Batch) -> None:
        page = self._technique.report(batch)
        self._store.tidy()
        self._outcome.files = (page, *batch.files, *self._outcome.files)
        self._outcome.words = tuple(batch.words)


def code_sha256() -> str:
    """Stand for the analysis code itself: between two versions it changes too."""
    digest = hashlib.sha256()
    rooms = (Path(package.__path__[0]) for package in (analysis, models))
    for path in sorted(file for room in rooms for file in room.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _files(items: list[Item]) -> xr.Dataset:
    """Where each frame comes from, as labelled arrays."""
    sizes = np.array([item.pixel_size or (np.nan, np.nan) for item in items]).reshape(-1, 2)
    origin = [str(item.calibration.get("origin", "none")) for item in items]
    return xr.Dataset(
        {
            "file": ("frame", np.array([i.name for i in items]), {"long_name": "file"}),
            "place": ("frame", [i.index for i in items], {"long_name": "place in the file"}),
            "pixel_y": ("frame", sizes[:, 0], {"long_name": "pixel by the file", "units": "nm"}),
            "pixel_x": ("frame", sizes[:, 1], {"long_name": "pixel by the file", "units": "nm"}),
            "origin": ("frame", np.array(origin), {"long_name": "who says the pixel size"}),
        }
    )


def _stem(item: Item) -> str:
    plain = "".join(c if c.isalnum() or c in "-_" else "-" for c in Path(item.name).stem)[:40]
    return plain if item.count == 1 else f"{plain}-{item.index:05d}"


def changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """Say what differs between two states of a report; nothing if there was none before."""
    if not before:
        return
    for part in ("settings", "made_by"):
        old, new = before.get(part, {}), now[part]
        for key in sorted({*old, *new}):
            if _plainly(old.get(key)) != _plainly(new.get(key)):
                yield f"{key} is {new.get(key)!r}, was {old.get(key)!r}: all is analysed again"
    old, new = before.get("files", {}), now["files"]
    kinds = {
        "new": [name for name in new if name not in old],
        "gone": [name for name in old if name not in new],
        "changed, or with another pixel size": [
            name for name in new if name in old and _plainly(old[name]) != _plainly(new[name])
        ],
    }
    for words, names in kinds.items():
        if names:
            more = "" if len(names) <= SHOWN else ", ..."
            yield f"{len(names)} files {words}: {', '.join(names[:SHOWN])}{more}"


def _plainly(value: Any) -> Any:
    """As it is once it was JSON."""
    if isinstance(value, tuple | list):
        return [_plainly(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): _plainly(item) for key, item in value.items()}
    return value
