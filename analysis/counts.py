"""Counts: how much light each frame holds; the thinnest analysis there is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from .operators import Calibration


@dataclass(frozen=True)
class Counts:
    """Sum, mean and extremes of each image."""

    offset: float = 0.0
    """Dark level subtracted from every pixel, in counts."""
    extremes: bool = True
    """Whether the darkest and the brightest pixel are looked for too."""

    def __call__(self, images: np.ndarray, calibration: Calibration) -> xr.Dataset:
        """Sum `images[n, y, x]`; the same for every calibration."""
        del calibration
        pixels = images.shape[1] * images.shape[2]
        total = totals(images) - self.offset * pixels
        variables = {
            "total": (total, "counts", "sum of all pixels"),
            "mean": (total / pixels, "counts", "mean of all pixels"),
        }
        if self.extremes:
            least, most = images.min(axis=(1, 2)), images.max(axis=(1, 2))
            variables["minimum"] = (least - self.offset, "counts", "darkest pixel")
            variables["maximum"] = (most - self.offset, "counts", "brightest pixel")
        return xr.Dataset(
            {
                name: (
                    "frame",
                    np.asarray(values, np.float64),
                    {"units": units, "long_name": words},
                )
                for name, (values, units, words) in variables.items()
            }
        )


def totals(images: np.ndarray) -> np.ndarray:
    """Exact sums of whole numbers; rows of up to 16 bits first, which can't overflow 32 bits."""
    if images.dtype in (np.uint8, np.uint16) and images.shape[2] <= 1 << 16:
        rows = images.sum(axis=2, dtype=np.uint32)
        return np.asarray(rows.sum(axis=1, dtype=np.uint64), np.float64)
    return np.asarray(images.sum(axis=(1, 2), dtype=np.float64))
