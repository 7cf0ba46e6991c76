"""Outlines of regions on a coarse map, smoothed so that no stairs are seen."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.ndimage

SMOOTH = 0.7
"""Pixels of the map."""
PAD = 3


def outline(
    axes: Any,
    mask: np.ndarray,
    size: tuple[float, float],
    *,
    fill: Any = None,
    line: Any = None,
    alpha: float = 1.0,
    width: float = 1.1,
) -> None:
    """Fill and outline where mask[y, x] holds, on axes that span `size` with y going down."""
    box = scipy.ndimage.find_objects(mask.astype(np.uint8))
    if not box:
        return
    rows, columns = box[0]
    inside = np.pad(mask[rows, columns].astype(np.float32), PAD)
    for edge, (part, count) in enumerate(zip((rows, columns), mask.shape, strict=True)):
        if part.start == 0:  # a region that the image's edge cuts goes on beyond it
            _repeat(inside, edge, PAD, range(PAD))
        if part.stop == count:
            last = inside.shape[edge] - PAD
            _repeat(inside, edge, last - 1, range(last, last + PAD))
    smooth = scipy.ndimage.gaussian_filter(inside, SMOOTH, mode="nearest")
    y, x = (
        (np.arange(part.start - PAD, part.stop + PAD) + 0.5) * edge / count
        for part, edge, count in zip((rows, columns), size, mask.shape, strict=True)
    )
    level = min(0.5, 0.7 * float(smooth.max()))
    if fill is not None:
        axes.contourf(x, y, smooth, [level, 2.0], colors=[fill], alpha=alpha)
    if line is not None:
        axes.contour(x, y, smooth, [level], colors=[line], linewidths=width)
    axes.set_xlim(0, size[1])
    axes.set_ylim(size[0], 0)


def _repeat(values: np.ndarray, axis: int, source: int, targets: range) -> None:
    view = np.moveaxis(values, axis, 0)
    for target in targets:
        view[target] = view[source]
