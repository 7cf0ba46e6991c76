"""The particles of all slices of a volume, batch by batch, by several processes.

A batch that was found is kept; what a killed worker was at is done again by another.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from ...analysis import operators
from ...analysis.particles.sections import Sections, packed
from ...analysis.particles.volume import sections_of
from ...stream.errors import FileError
from ...stream.unfinished import Unfinished

SLICES = 8
"""Of a batch."""
KILLED = 3
"""Times that workers may die before it is given up."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Slices that are looked at together."""

    view: int
    indices: tuple[int, ...]

    @property
    def name(self) -> str:
        """What it is kept as."""
        return f"slices-{self.view}-{self.indices[0]:06d}"


@dataclass(frozen=True)
class Job:
    """What every worker is told."""

    volume: Path
    """.npy [z, y, x]"""
    settings: dict[str, Any]
    """Of the analysis `particles`."""
    sizes: tuple[float | None, float | None, float | None]
    """um of a voxel (z, y, x); None = unknown"""
    network: dict[str, Any]
    """Name and sha256 of the network."""

    def analyse(self, images: np.ndarray, view: int) -> xr.Dataset:
        """Find the particles in slices [n, a, b] of a view."""
        a, b = (size for axis, size in enumerate(self.sizes) if axis != view)
        pixel = None if a is None or b is None else (1000 * a, 1000 * b)
        given = operators.Calibration(pixel, origin="of the volume")
        return operators.load("particles", self.settings)(images, given)

    def __call__(self, batch: Batch) -> dict[str, np.ndarray]:
        """Find the particles of a batch: `sections.packed`."""
        values: np.ndarray = np.load(self.volume, mmap_mode="r", allow_pickle=False)
        low, high = batch.indices[0], batch.indices[-1] + 1
        block = np.ascontiguousarray(
            np.moveaxis(_cut(values, batch.view, low, high), batch.view, 0)
        )
        said = self.analyse(block[np.array(batch.indices) - low], batch.view)
        told = np.full(len(batch.indices), batch.view)
        said = said.assign_coords(slice_view=("frame", told))
        return packed(Sections().with_(sections_of(said, batch.indices)))


def _cut(values: np.ndarray, view: int, low: int, high: int) -> np.ndarray:
    at = tuple(slice(low, high) if axis == view else slice(None) for axis in range(3))
    return np.asarray(values[at])


def batches(
    shape: tuple[int, ...], views: tuple[int, ...], missing: tuple[int, ...]
) -> list[Batch]:
    """Cut a volume into batches; slices of xy that are missing are left out."""
    made = []
    for view in views:
        absent = set(missing) if view == 0 else set()
        wanted = [n for n in range(shape[view]) if n not in absent]
        made += [Batch(view, tuple(wanted[n : n + SLICES])) for n in range(0, len(wanted), SLICES)]
    return made


def found(
    job: Job, parts: list[Batch], work: Unfinished, workers: int
) -> Iterator[Mapping[str, np.ndarray]]:
    """Give what was found in each batch, in any order; those that are kept first."""
    waiting = []
    for part in parts:
        kept = work.get(part.name) if work.has(part.name) else None
        if kept is None:
            waiting.append(part)
        else:
            yield kept
    deaths = 0
    while waiting:
        try:
            for part, said in _computed(job, list(waiting), workers):
                work.put(part.name, said)
                waiting.remove(part)
                yield said
        except BrokenProcessPool as error:
            deaths += 1
            if deaths > KILLED:
                raise FileError(
                    f"workers were killed {deaths} times, most likely for memory; what was found "
                    "is kept: go on with fewer (--workers 1)"
                ) from error


def _computed(
    job: Job, parts: list[Batch], workers: int
) -> Iterator[tuple[Batch, dict[str, np.ndarray]]]:
    if workers <= 1:
        yield from ((part, job(part)) for part in parts)
        return
    # a fresh interpreter each: a fork of a process with threads may hang
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        ahead: deque[Any] = deque()
        for part in parts:
            ahead.append((part, pool.submit(job, part)))
            if len(ahead) > 2 * workers:
                first, future = ahead.popleft()
                yield first, future.result()
        for first, future in ahead:
            yield first, future.result()
