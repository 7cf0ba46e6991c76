"""Where the specimen is: vacuum has noise but no contrast."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import scipy.ndimage

from .crop import View, inverse

SMOOTH = 0.065
"""Smoothing of the local power, as a fraction of the small window (0.5 nm): as sharp as noise
allows, since the edge of the specimen is where this falls."""
FEATURELESS = 2.0
"""Contrast over noise below which a whole image without two levels is called vacuum."""
CORE = 0.15
"""Height between the levels of vacuum and amorphous matter below which there is vacuum: a crystal
leaves a fifth of the matter above and below it, or it is bare."""
HALF = 0.5
"""Height over that of the matter beside it at which the edge is."""
REACH = 3.0
"""Smoothing lengths about the vacuum within which the edge lies."""
BARE = 0.05
"""Fraction of the image that must hold no fringes for the levels to be told from it."""
APART = 0.55
"""Contrast of vacuum over that of the specimen, at most."""
FAR_APART = 0.4
"""The same where the vacuum is not near the NOISE that it should be: thick crystals in a film
without any vacuum hold less amorphous matter than the film, and are a second level too."""
NOISE = 3.0
"""Contrast of white noise (1), coloured by a camera, at most."""
ROWS = 32
"""Rows of a spectrum that are folded at a time: they stay in the cache."""


def contrast(
    view: View,
    shape: tuple[int, int],
    smooth: float,
    k_limits: tuple[float, float],
    spots: tuple[np.ndarray, np.ndarray, float],
    workers: int = 1,
) -> np.ndarray:
    """Local power of the low frequencies over that of the highest, float32 on a grid of `shape`.

    Low: k_min to 0.7 k_max, where matter scatters. High: mostly noise. `spots` are the ky and kx of
    reflections, and the radius about each that is left out: the lens carries the fringes of a
    grain out into the vacuum beside it, by nanometres.
    """
    ny, nx = view.image.shape
    spotless = _without(view, *spots)
    fine = min(ny // shape[0], nx // shape[1]) >= 4
    powers = []
    for whole in _bands((ny, nx), view.pixel, k_limits):
        band = whole & spotless
        if fine:
            field = inverse(_every_other(view.spectrum, band), nx // 2, workers)
        else:
            field = inverse(view.spectrum * band, nx, workers)
        blocks = _block_mean(np.square(field, out=field), shape)
        blocks /= np.float32(max(int(np.count_nonzero(band)), 1))
        sigma = [smooth / (size / n) for size, n in zip(view.size, shape, strict=True)]
        powers.append(scipy.ndimage.gaussian_filter(blocks, sigma, mode="nearest"))
    floor = np.finfo(np.float32).tiny + 1e-9 * float(powers[0].max())
    ratio: np.ndarray = powers[0] / np.maximum(powers[1], floor)
    return ratio


def _every_other(half: np.ndarray, band: np.ndarray) -> np.ndarray:
    """Half plane of a band's field at every other pixel of every other row: the spectrum folded.

    A mean square is the same over a quarter of the pixels, and costs a quarter.
    """
    ny, nx = len(half) // 2, half.shape[1] - 1
    rows = np.empty((ny, nx + 1), np.complex64)
    for start in range(0, ny, ROWS):
        part = slice(start, min(start + ROWS, ny))
        np.multiply(half[:ny][part], band[:ny][part], out=rows[part])
        rows[part] += half[ny:][part] * band[ny:][part]
    keep = nx // 2 + 1
    mirror = rows[-np.arange(ny) % ny, nx - keep + 1 :][:, ::-1]
    both: np.ndarray = np.conj(mirror, out=mirror)
    both += rows[:, :keep]
    return both


@lru_cache(maxsize=4)
def _bands(
    shape: tuple[int, int], pixel: tuple[float, float], k_limits: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """The low and the high band, bool [ky, kx]."""
    ky, kx = np.fft.fftfreq(shape[0], pixel[0]), np.fft.rfftfreq(shape[1], pixel[1])
    k = np.hypot(ky[:, None].astype(np.float32), kx[None, :].astype(np.float32))
    edge = min(k_limits[1], 0.5 / max(pixel))
    low, high = (k_limits[0], 0.7 * edge), (0.75 * edge, 0.97 * edge)
    return (k >= low[0]) & (k < low[1]), (k >= high[0]) & (k < high[1])


def _without(view: View, ky: np.ndarray, kx: np.ndarray, radius: float) -> np.ndarray:
    """Mark the half plane but for discs about spots."""
    ny, nx = view.spectrum.shape
    by, bx = radius * view.size[0], radius * view.size[1]
    reach_y, reach_x = np.arange(-int(by), int(by) + 1), np.arange(-int(bx), int(bx) + 1)
    beyond = (reach_y[:, None] / by) ** 2 + (reach_x[None, :] / bx) ** 2 > 1
    my, mx = beyond.shape
    wide = np.ones((ny + my, nx + 2 * mx), bool)  # rows go on, columns end in margins
    for sign in (1, -1):
        top = (np.rint(sign * ky * view.size[0]).astype(int) - my // 2) % ny
        left = np.rint(sign * kx * view.size[1]).astype(int) + mx - mx // 2
        for y, x in zip(top.tolist(), left.tolist(), strict=True):
            if 0 < x <= nx + mx:
                wide[y : y + my, x : x + mx] &= beyond
    wide[:my] &= wide[ny:]
    return np.ascontiguousarray(wide[:ny, mx : mx + nx])


def _block_mean(field: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Mean over blocks as equal as whole pixels allow."""
    edges = [np.arange(m) * n // m for n, m in zip(field.shape, shape, strict=True)]
    sums = np.add.reduceat(np.add.reduceat(field, edges[1], axis=1), edges[0], axis=0)
    counts = [np.diff(np.r_[edge, n]) for edge, n in zip(edges, field.shape, strict=True)]
    mean: np.ndarray = sums / (counts[0][:, None] * counts[1][None, :])
    return mean


def specimen(
    ratio: np.ndarray, fringed: np.ndarray, smallest: float, sigma: tuple[float, float]
) -> np.ndarray:
    """Tell specimen (True) from vacuum by `contrast`; islands under `smallest` samples are noise.

    Two levels are looked for outside the crystals, which are `fringed` (bool): they would be a
    third one. Where there is only one the image is all specimen, unless it has no contrast at all.
    `sigma` is the smoothing of `ratio` in samples.
    """
    levels = _levels(ratio[~fringed]) if (~fringed).mean() > BARE else None
    if levels is None:
        return np.full(ratio.shape, bool(np.median(ratio) > FEATURELESS))
    vacuum, matter = levels
    height = np.clip((ratio - vacuum) / (matter - vacuum), 0, 1)
    mask = _tidy(_tidy(height > CORE, smallest), smallest, invert=True)
    return np.asarray(mask & ~_edge(height, ~mask, sigma))


def _edge(height: np.ndarray, vacuum: np.ndarray, sigma: tuple[float, float]) -> np.ndarray:
    """Where smoothing has carried the specimen out: under half of the height inside."""
    reach = [2 * round(REACH * s) + 1 for s in sigma]
    near = scipy.ndimage.maximum_filter(vacuum, reach)
    beside = scipy.ndimage.maximum_filter(height, reach)
    return np.asarray(near & (height < HALF * beside))


def _levels(ratio: np.ndarray) -> tuple[float, float] | None:
    """Contrast of vacuum and of amorphous matter (Otsu, on the logarithm), None where it is one."""
    logs = np.log(np.maximum(ratio, 1e-6))
    logs = np.minimum(logs, np.median(logs) + 0.7)
    cut = _otsu(logs)
    low, high = logs[logs <= cut], logs[logs > cut]
    if not low.size or not high.size:
        return None
    vacuum, matter = float(np.median(low)), float(np.median(high))
    width = np.sqrt((low.var() * low.size + high.var() * high.size) / logs.size)
    apart = np.log(APART if vacuum < np.log(NOISE) else FAR_APART)
    if vacuum > matter + apart or matter - vacuum < 2.5 * width:
        return None
    return float(np.exp(vacuum)), float(np.exp(matter))


def _otsu(values: np.ndarray) -> float:
    counts, edges = np.histogram(values, 128)
    centres = (edges[1:] + edges[:-1]) / 2
    below = np.cumsum(counts)
    above = below[-1] - below
    sums = np.cumsum(counts * centres)
    with np.errstate(divide="ignore", invalid="ignore"):
        between = below * above * (sums / below - (sums[-1] - sums) / above) ** 2
    return float(edges[1:][np.nanargmax(np.where(np.isfinite(between), between, -1))])


def _tidy(mask: np.ndarray, smallest: float, invert: bool = False) -> np.ndarray:
    """Remove islands (or, inverted, fill holes) of less than `smallest` samples."""
    labels, count = scipy.ndimage.label(mask != invert)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    small = sizes < smallest
    small[0] = False
    tidied: np.ndarray = mask ^ small[labels]
    return tidied
