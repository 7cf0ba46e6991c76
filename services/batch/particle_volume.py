"""The slices of a volume in a batch: cut in every view, joined, measured, explained."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import xarray as xr

from ... import __version__
from ...analysis import operators
from ...analysis.operators import AnalysisError
from ...analysis.particles.bodies import views as views_of
from ...analysis.particles.contacts import contacts
from ...analysis.particles.depth import depth_profile
from ...analysis.particles.extent import agreed
from ...analysis.particles.features import half_way
from ...analysis.particles.sections import VIEWS, Sections
from ...analysis.particles.volume import sections_of
from ...analysis.particles.why import Why
from ...stream.labelled import read_labelled, write_labelled
from ...stream.messages import Result
from ...stream.plain import plain
from ...stream.stack import Stack, stack, stamp
from ...stream.unfinished import Unfinished
from ..library import chosen_folder, gifts
from ..particles.features import measured
from ..particles.joining import Joining
from ..particles.mending import mended
from .items import SOURCE, Gathered, Item
from .particle_settings import AUTO, Following
from .progress import Progress
from .store import WORK
from .technique import Batch, Done, Once, Settings, StoppedError, Wish

FEWEST = 8
"""Slices that are taken for a volume unless somebody says so."""
LABELS, TABLE = "labels.nxs", "particles.csv"
SAMPLED = 1 << 23
"""Voxels that tell the grey value of cracks."""


def is_volume(gathered: Gathered, wish: Wish, own: Following) -> bool:
    """Whether what was given is one volume: one file of slices, or files numbered alike."""
    if own.volume != AUTO or len(wish.given) != 1:
        if own.volume is True and len(wish.given) != 1:
            raise ValueError("one volume is one folder or one file; give one")
        return bool(own.volume is True)
    names = {item.name for item in gathered.items}
    if len(gathered.items) < FEWEST:
        return False
    alike = {re.sub(r"\d+", "#", name) for name in names}
    single = all(item.count == 1 for item in gathered.items)
    return len(names) == 1 or (single and len(alike) == 1 and "#" in alike.pop())


@dataclass(slots=True)
class VolumeBatch:
    """One volume: its cuts, and what becomes of them."""

    own: Following
    stack: Stack
    gathered: Gathered
    voxel: tuple[float, float, float] | None
    """um (z, y, x)"""
    folder: Path
    """For what is not finished."""
    workers: int
    notes: list[str]
    joined: xr.Dataset | None = None
    """The table of the volume."""
    features: xr.Dataset | None = None
    depth: dict[str, xr.Dataset] = field(default_factory=dict)
    why: xr.Dataset | None = None
    network: xr.Dataset | None = None
    labels: np.ndarray | None = None
    """[z, y, x], mapped from the disk"""

    @classmethod
    def of(cls, gathered: Gathered, wish: Wish, own: Following) -> VolumeBatch:
        """Copy the volume to where it can be cut; FileError if there is none."""
        source, folder = wish.given[0], wish.out / WORK
        said = stamp(source)
        question = {"source": str(source.resolve()), "files": said}
        work = Unfinished(folder / "volume", question)
        read = stack(source, work)
        volume = mended(read, work)
        voxel, notes = _voxel(volume, wish, own)
        cuts = Gathered(others=gathered.others, refused={**gathered.refused, **read.left_out})
        digest = hashlib.blake2b(orjson.dumps(said), digest_size=6).digest()
        whole = (sum(size for _, size, _ in said), int.from_bytes(digest))
        for view in own.views:
            cuts.items += _cuts(folder / "volume" / "volume.npy", view, volume, voxel, whole)
        shape = " x ".join(map(str, volume.values.shape))
        notes.insert(0, f"taken as one volume of {shape} voxels (--set volume=false: slices)")
        return cls(own, volume, cuts, voxel, folder, wish.workers, notes)

    def look(self, settings: Settings) -> dict[str, Any]:
        """One size of particles for all slices: that of the middle one, unless it was given."""
        if settings["particle_px"] is not None or settings["particle_um"] is not None:
            return {}
        middle = np.asarray(self.stack.values[self.stack.values.shape[0] // 2])[None]
        operator = operators.load("particles", settings, gifts(chosen_folder()))
        said = operator(middle, operators.Calibration()).attrs
        return {"particle_px": float(said["particle_px"])} if "particle_px" in said else {}

    def results(self, frames: Iterator[Done], batch: Batch, once: Once) -> list[Result]:
        """Make labels, features, and what they say; AnalysisErrors become words of the batch."""
        sections, keys = self._collected(frames)
        steps = Steps(batch.stop)
        made = _Made(batch, once, len(self.gathered.items))
        joining = Joining("fusion" if len(self.own.views) > 1 else "linking")
        digest = hashlib.blake2b(" ".join([repr(joining), __version__, *keys]).encode())
        try:
            self.joined = self._join(joining, sections, digest.hexdigest()[:24], made, steps)
            if self.joined.sizes.get("particle"):
                self._measure(made, steps)
            else:
                self.notes.append(
                    f"no particle was found in {len(sections)} slices: are they blank, or the "
                    "particles of another size? --set particle_um=9 or particle_px=90 tells it"
                )
        except AnalysisError as error:
            self.notes.append(str(error))
        finally:
            steps.end()
        self._write(batch)
        batch.words += self.notes
        return made.results

    def _collected(self, frames: Iterator[Done]) -> tuple[Sections, list[str]]:
        """The cross-sections of all slices, and the keys of what they were found in."""
        found, keys = [], []
        for done in frames:
            keys.append(done.key)
            if done.result.error is not None:
                continue
            view = VIEWS.index(done.item.name)
            place = {"slice_view": ("frame", [view]), "slice_index": ("frame", [done.item.index])}
            found += sections_of(done.result.data.assign_coords(place), [done.number])
        return Sections().with_(found), keys

    def _join(
        self, joining: Joining, sections: Sections, digest: str, made: _Made, steps: Steps
    ) -> xr.Dataset:
        _, extent = agreed(sections)
        work = Unfinished(self.folder / "labels", {"sections": digest})
        out = made.batch.out / LABELS
        self.labels = work.mapped("labels", extent.shape, np.dtype(np.int32))
        if work.has("drawn") and out.is_file():
            table = read_labelled(out, "particle")
        else:
            lineage = self._lineage(sections, made.batch)
            table = joining(sections, out, work, lineage, steps, self.labels)
            work.put("drawn", {})
        made.took("volume", digest, table)
        made.batch.files.append(out)
        self.notes += [table.attrs["note"]] if "note" in table.attrs else []
        return table

    def _lineage(self, sections: Sections, batch: Batch) -> dict[str, Any]:
        said: dict[str, Any] = {
            "source": batch.title,
            "slices": views_of(sections),
            "stars": sum(len(one) for one in sections),
            "analysis": {"name": "particles", "settings": batch.settings},
            "made_by": batch.made_by,
            "notes": list(self.stack.notes),
        }
        plainly: dict[str, Any] = orjson.loads(orjson.dumps(said, default=plain))
        return plainly

    def _measure(self, made: _Made, steps: Steps) -> None:
        if self.voxel is None or self.labels is None:
            self.notes.append(
                "no file says what a voxel measures: there are no features and no damage; give "
                "--pixel-size, or --set voxel_um=[z,y,x]"
            )
            return
        own, voxel, labels = self.own, self.voxel, self.labels
        grey = self.stack.values[: len(labels)]
        features = own.features
        if features.crack_below == AUTO:
            features = replace(features, crack_below=_between(labels, grey))
        self.features = made.once(
            "features",
            made.key("features", features, voxel),
            lambda: measured(features, labels, grey, voxel, self.workers, steps.each(self.joined)),
        )
        for along in ("z", "radius"):
            self.depth[along] = depth_profile(self.features, along=along)
        table = self.features
        for name, make in (
            ("why", lambda: Why()(table)),
            ("network", lambda: own.network(table, contacts(labels, voxel, own.gap_um))),
        ):
            steps(name, 0, 1)
            try:
                found = made.once(name, made.key(name, own.network, own.gap_um, Why()), make)
                setattr(self, name, found)
            except AnalysisError as error:
                self.notes.append(f"{name}: {error}")
            steps(name, 1, 1)

    def _write(self, batch: Batch) -> None:
        table = self.features if self.features is not None else self.joined
        if table is not None and table.sizes.get("particle"):
            write_labelled(batch.out / TABLE, table, "particle")
            batch.files.append(batch.out / TABLE)


class Steps:
    """Tells how far a long work is, and ends it when somebody says so."""

    def __init__(self, stop: Callable[[], bool]) -> None:
        self._stop = stop
        self._what = ""
        self._progress: Progress | None = None

    def __call__(self, what: str, done: int, total: int) -> None:
        """So much of it is done; StoppedError if that is enough."""
        if what != self._what or self._progress is None:
            self.end()
            self._what, self._progress = what, Progress(what, total)
        if done:
            self._progress.step()
        if self._stop():
            raise StoppedError

    def each(self, table: xr.Dataset | None) -> Callable[[Iterable[Any]], Iterator[Any]]:
        """Count what passes by."""
        total = 0 if table is None else int(table.sizes["particle"])

        def passing(found: Iterable[Any]) -> Iterator[Any]:
            for number, one in enumerate(found, 1):
                self("measured", number, total)
                yield one

        return passing

    def end(self) -> None:
        """Leave the line of the last work."""
        if self._progress is not None:
            self._progress.end()
        self._progress, self._what = None, ""


@dataclass
class _Made:
    """What is made of a volume, each thing once."""

    batch: Batch
    keep: Once
    frames: int
    results: list[Result] = field(default_factory=list)
    _before: str = ""

    def key(self, name: str, *settings: object) -> str:
        """Stand for what makes a thing, and for all that was made before it."""
        said = " ".join([self._before, name, *map(repr, settings)])
        return f"{name}-{hashlib.blake2b(said.encode(), digest_size=12).hexdigest()}"

    def once(self, name: str, key: str, make: Callable[[], xr.Dataset]) -> xr.Dataset:
        """Make it, or take what was kept."""
        result = self.keep(key, lambda: self._result(name, make()))
        self.took(name, key, result.data)
        return result.data

    def took(self, name: str, key: str, data: xr.Dataset) -> None:
        """Go on from this."""
        self._before = key if name in ("volume", "features") else self._before
        self.results.append(self._result(name, data))

    def _result(self, name: str, data: xr.Dataset) -> Result:
        about = dict(self.batch.made_by)
        return Result(SOURCE, SOURCE, tuple(range(self.frames)), f"particles.{name}", data, about)


def _cuts(
    path: Path,
    view: int,
    volume: Stack,
    voxel: tuple[float, float, float] | None,
    stamp: tuple[int, int],
) -> Iterator[Item]:
    count = volume.values.shape[view]
    absent = set(volume.missing) if view == 0 else set()
    given, known = None, {}
    if voxel is not None:
        a, b = (1000 * size for axis, size in enumerate(voxel) if axis != view)
        given = (a, b)
        known = {"pixel_size_nm": [a, b], "origin": "of the volume"}
    for index in range(count):
        if index not in absent:
            name = VIEWS[view]
            yield Item(Path(f"{path}::{name}"), name, index, count, stamp, known, given)


def _voxel(
    volume: Stack, wish: Wish, own: Following
) -> tuple[tuple[float, float, float] | None, list[str]]:
    """What a voxel measures (z, y, x), and what was assumed."""
    if own.voxel_um is not None:
        return own.voxel_um, []
    pixel = volume.pixel_um
    if wish.pixel_size is not None:
        size = wish.pixel_size
        y, x = size if isinstance(size, tuple) else (size, size)
        pixel = (y / 1000, x / 1000)
    if pixel is None:
        return None, []
    if abs(pixel[0] - pixel[1]) > 1e-3 * pixel[1]:
        return None, ["a pixel has two lengths: give --set voxel_um=[z,y,x]"]
    said = (
        f"slices are taken to be {pixel[0]:g} um apart, as far as pixels (--set voxel_um=[z,y,x])"
    )
    return (pixel[0], *pixel), [said]


def _between(labels: np.ndarray, grey: np.ndarray) -> float:
    """Grey value half way between particles and the rest, from a part of the voxels."""
    step = max(1, int(np.ceil(np.cbrt(labels.size / SAMPLED))))
    part = (slice(None, None, step),) * 3
    return half_way(np.asarray(labels[part]), np.asarray(grey[part]))
