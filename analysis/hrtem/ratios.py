"""Images without a pixel size: each says by ratios and angles alone what its grains may be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import xarray as xr

from .fractions import EDGE_ERROR, fractions
from .frame import Found, Limits
from .maps import VACUUM
from .uncalibrated import Uncalibrated

OPTIONS = 5
"""Most probable pixel sizes that are told of each image."""


def by_ratios(
    found: Sequence[Found], said: xr.Dataset, limits: Limits, one: Uncalibrated
) -> tuple[list[Found], xr.Dataset]:
    """Name the grains of each image without a scale; `said` is what was made of `found`.

    Gives the images with names and maps, and `pixel`, `pixel_sigma` [frame, option] in nm and
    `pixel_probability`, most probable first; nan where there are fewer.
    """
    told = [one.finish(one.add(one.start(), _of(said, n), [0])) for n in range(len(found))]
    named = [_named(image, answer, limits) for image, answer in zip(found, told, strict=True)]
    words = {
        "pixel": "size of a pixel that the grains agree on",
        "pixel_sigma": "standard deviation of the size of a pixel",
        "pixel_probability": "posterior probability of a pixel size",
    }
    options = {
        name: (
            ("frame", "option"),
            np.stack([_padded(answer[name].values) for answer in told]),
            {"long_name": text, "units": "1" if name == "pixel_probability" else "nm"},
        )
        for name, text in words.items()
    }
    return named, xr.Dataset(options)


def _of(said: xr.Dataset, frame: int) -> xr.Dataset:
    """What was said of one image, as if it were alone."""
    grains = np.flatnonzero(said["grain_frame"].values == frame)
    spots = np.flatnonzero(said["spot_frame"].values == frame)
    alone = said.isel(frame=[frame], grain=grains, spot=spots)
    row = alone["spot_grain"]
    first = int(grains[0]) if len(grains) else 0
    return alone.assign(
        grain_frame=alone["grain_frame"] * 0, spot_grain=row.where(row < 0, row - first)
    )


def _padded(values: np.ndarray) -> np.ndarray:
    best = np.asarray(values, float)[:OPTIONS]
    return np.pad(best, (0, OPTIONS - len(best)), constant_values=np.nan)


def _named(image: Found, answer: xr.Dataset, limits: Limits) -> Found:
    """Put the posteriors into the table of grains and the maps."""
    # of the other grains, those with one row of spots among them, nothing is known
    posterior = np.full_like(image.grains.posterior, 0.0)
    posterior += (1 - limits.unknown_prior) / max(posterior.shape[1], 1)
    posterior[answer["grain_row"].values] = answer["grain_posterior"].values
    grains = replace(image.grains, posterior=posterior)
    classes, confidence = image.classes.copy(), image.confidence.copy()
    taken = image.grains_at > 0
    row = image.grains_at[taken] - 1
    label = grains.classes(limits.label_above, limits.label_row_above)
    classes[taken] = label[row]
    confidence[taken] = grains.probability(label)[row]
    edge = EDGE_ERROR * limits.windows[0]
    shares = fractions(image.grains_at, classes > VACUUM, posterior, image.grid, edge)
    return replace(image, grains=grains, classes=classes, confidence=confidence, fractions=shares)
