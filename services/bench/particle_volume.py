"""Fusing the slices of a large volume: CPU time, peak memory, and how right it is.

The volume is a packing repeated along its axes, its slices as a network would see them with 10 % of
the cross-sections missed: the size and the number of stars are those of a real scan. The network
itself is not measured here.
"""

from __future__ import annotations

import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

WHOLE = (1324, 1985, 492)
EIGHTH = (662, 992, 246)
BLOCK = 240
"""Voxels along an edge of the packing that is repeated."""
RADIUS = 38.0
GOAL_S, GOAL_GB = 400.0, 6.0
"""Of the whole."""


def measure_volume(*, whole: bool = False) -> Iterator[dict[str, Any]]:
    """Fuse, draw and write an eighth of the volume, or the whole."""
    yield _case(WHOLE if whole else EIGHTH)


def _case(shape: tuple[int, int, int]) -> dict[str, Any]:
    from ...analysis.particles.bodies import bodies
    from ...analysis.particles.fusion import Fusion, fused
    from ...stream.labelvolume import LabelVolume

    tile, sections = _slices(shape)
    fused(_slices((48, 48, 48))[1], Fusion(stride=2))  # compiles
    before, began = _peak_gb(), time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        plan = Fusion().plan(sections)
        rest = np.lib.format.open_memmap(Path(folder) / "rest.npy", "w+", np.int32, plan.grid.shape)
        for slab in plan.slabs:
            rest[slab] = plan.rest(slab)
        fusing = time.process_time() - began
        volume = plan.volume(rest[slab] for slab in plan.slabs)
        coverage, total = volume.coverage(rest), np.zeros((volume.particles + 1, 5))
        with LabelVolume(Path(folder) / "labels.nxs", plan.extent.shape, None) as file:
            for first, labels, sums in volume.labels(rest, coverage):
                file.put(first, labels)
                total += sums
            table = bodies(total, plan.extent, coverage.share(plan.grid.seen))
            file.finish(table, {}, "bench")
    seconds = time.process_time() - began
    share = float(np.prod(shape, dtype=float) / np.prod(WHOLE, dtype=float))
    return {
        "name": f"particles-volume-{'x'.join(map(str, shape))}",
        "cpu_ms_per_frame": round(1e3 * seconds / len(sections), 3),
        "frames_per_s": round(len(sections) / seconds, 1),
        "anchor": None,
        "ratio": None,
        "frames": len(sections),
        "core_s": round(seconds, 1),
        "core_s_flow": round(fusing, 1),
        "core_s_of_whole": round(seconds / share, 1),
        "share_of_whole": round(share, 4),
        "goal_core_s_of_whole": GOAL_S,
        "peak_gb": round(_peak_gb(), 2),
        "peak_gb_before": round(before, 2),
        "goal_gb_of_whole": GOAL_GB,
        "stride": plan.grid.stride,
        "slabs": len(plan.slabs),
        "stars": sum(len(one) for one in sections),
        "particles": int(table.sizes["particle"]),
        "tile": list(tile),
    }


def _slices(shape: tuple[int, int, int]) -> tuple[tuple[int, ...], Any]:
    """The sections of a packing that is repeated to fill `shape`, 10 % missed anew everywhere."""
    from ...analysis.particles.sections import Sections, section
    from ...models.phantoms.cuts import cuts
    from ...models.phantoms.electrode import electrode
    from ...models.rays import directions

    small = (min(BLOCK, shape[0]), min(BLOCK, shape[1]), min(BLOCK, shape[2]))
    labels = electrode(np.random.default_rng(5), small, min(RADIUS, min(small) / 4), 0.5).labels
    rng, way = np.random.default_rng(6), directions(32)
    cut = {(one.view, one.index): one for one in cuts(rng, labels, 0.0)}
    made = []
    for view in range(3):
        left = [axis for axis in range(3) if axis != view]
        size = (shape[left[0]], shape[left[1]])
        steps = np.array([small[axis] for axis in left])
        shifts = np.stack(
            np.meshgrid(
                *(np.arange(-(-n // s)) for n, s in zip(size, steps, strict=True)), indexing="ij"
            ),
            -1,
        )
        shifts = shifts.reshape(-1, 1, 1, 1, 2) * steps.astype(np.float32)
        for index in range(shape[view]):
            one = cut[view, index % small[view]]
            corners = one.points[:, None] + one.dist[..., None] * way + shifts
            corners = corners.reshape(-1, *corners.shape[-2:])
            prob = np.tile(one.prob, len(shifts))
            kept = (rng.random(len(prob)) >= 0.1) & (corners.min(axis=1) < size).all(axis=1)
            made.append(section(view, index, size, corners[kept], prob[kept]))
    return small, Sections().with_(made)


def _peak_gb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
