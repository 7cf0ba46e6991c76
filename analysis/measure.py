"""What a person reads off an image: a box's statistics, and the values along a line."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .preview import real

MOST_SAMPLES = 20_000
"""Points along one line; a longer one is sampled more coarsely."""


@dataclass(frozen=True, slots=True)
class Box:
    """Whole pixels of an image, half open: rows y0 to y1 - 1, columns x0 to x1 - 1."""

    y0: int
    x0: int
    y1: int
    x1: int

    def within(self, shape: tuple[int, ...]) -> Box:
        """Cut to an image of `shape`; ValueError where nothing is left."""
        y0, x0 = max(self.y0, 0), max(self.x0, 0)
        y1, x1 = min(self.y1, shape[0]), min(self.x1, shape[1])
        if y0 >= y1 or x0 >= x1:
            raise ValueError(f"the box holds no pixel of an image of {shape[0]} x {shape[1]}")
        return Box(y0, x0, y1, x1)


@dataclass(frozen=True, slots=True)
class Statistics:
    """Of the finite pixels in a box; NaN where there is none."""

    count: int
    mean: float
    sigma: float
    """Standard deviation of the pixels (of the population)."""
    sum: float
    min: float
    max: float


def statistics(image: np.ndarray, box: Box) -> Statistics:
    """Describe the pixels of `image[y, x]` in `box`; masked and non-finite ones do not count."""
    values = real(image[box.y0 : box.y1, box.x0 : box.x1]).astype(np.float64)
    values = values[np.isfinite(values)]
    if not values.size:
        return Statistics(0, *[float("nan")] * 5)
    with np.errstate(over="ignore", invalid="ignore"):
        mean, sigma, total = values.mean(), values.std(), values.sum()
    least, most = values.min(), values.max()
    return Statistics(
        int(values.size), float(mean), float(sigma), float(total), float(least), float(most)
    )


@dataclass(frozen=True, slots=True)
class Profile:
    """Values along a line."""

    along: np.ndarray
    """Fraction of the line at each sample, 0 to 1."""
    values: np.ndarray
    """NaN outside the image, and where a masked or non-finite pixel has a part in the value."""


def profile(image: np.ndarray, line: tuple[float, float, float, float], width: int = 1) -> Profile:
    """Sample `image[y, x]` from (y0, x0) to (y1, x1) of `line` about once a pixel, bilinear.

    Coordinates are pixel indices, whole numbers at pixel centres. With `width` pixels across the
    line the mean over them is given; what lies outside does not count there.
    """
    y0, x0, y1, x1 = line
    length = float(np.hypot(y1 - y0, x1 - x0))
    samples = int(min(max(round(length) + 1, 2), MOST_SAMPLES))
    along = np.linspace(0, 1, samples)
    normal = np.array([x1 - x0, -(y1 - y0)]) / length if length else np.zeros(2)
    across = np.arange(width) - (width - 1) / 2
    ys = y0 + along[:, None] * (y1 - y0) + across * normal[0]
    xs = x0 + along[:, None] * (x1 - x0) + across * normal[1]
    sampled = _bilinear(image, ys, xs)
    finite = np.isfinite(sampled)
    count = finite.sum(axis=1)
    total = np.where(finite, sampled, 0).sum(axis=1)
    values = np.divide(total, count, out=np.full(samples, np.nan), where=count > 0)
    return Profile(along, values)


def _bilinear(image: np.ndarray, ys: np.ndarray, xs: np.ndarray) -> np.ndarray:
    """Read between the pixels, of a part of the image that holds all the points."""
    from scipy.ndimage import map_coordinates  # late: the page starts without scipy

    y0, x0 = (max(int(np.floor(at.min())), 0) for at in (ys, xs))
    y1, x1 = int(np.ceil(ys.max())) + 1, int(np.ceil(xs.max())) + 1
    part = real(image[y0 : max(y1, y0 + 1), x0 : max(x1, x0 + 1)]).astype(np.float64)
    if not part.size:
        return np.full(ys.shape, np.nan)
    part[~np.isfinite(part)] = np.nan
    at = np.stack([ys - y0, xs - x0])
    whole = np.abs(at - np.rint(at)).max(initial=0) < 1e-9
    return np.asarray(
        map_coordinates(part, at, order=0 if whole else 1, mode="constant", cval=np.nan)
    )
