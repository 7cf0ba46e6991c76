"""Views of single components, as the tool this grew from drew them; computed on request.

    heat = component_map(image, (0.03, 0.03), ky, kx)       where the fringes of some spots are
    fringes = component_image(image, (0.03, 0.03), ky, kx)  the image with nothing but those spots

ky and kx are rows of a result's spot table. Lengths are in nm, or px for an uncalibrated result.
"""

from __future__ import annotations

import numpy as np
import scipy.fft

from ..operators import AnalysisError
from .crop import View, fourier_crop
from .envelopes import envelopes, plane
from .maps import Grid, upsampled
from .pixels import clean

BLUR = 1.2
"""nm over which fringes are averaged (about the width of three of them)."""
CHUNK = 16
"""Spots at a time; bounds the memory."""
RADIUS = 0.25
"""1/nm about a spot that an inverse transform keeps: grains from 4 nm up stay sharp."""


def component_map(
    image: np.ndarray,
    pixel: tuple[float, float],
    ky: np.ndarray,
    kx: np.ndarray,
    shape: tuple[int, int] | None = None,
    blur: float = BLUR,
) -> np.ndarray:
    """Heat map: mean amplitude of the fringes of some spots at each place, counts, float32 [y, x].

    `image[y, x]` of any real dtype, `pixel` its (y, x) size, `ky, kx` the spots; `shape` of the map
    (the image's without it), which spans the same field. AnalysisError for spots beyond the image's
    frequencies, and for an image that nothing can be said of.
    """
    view = _view(image, pixel, ky, kx)
    return heat(view, ky, kx, shape or _shape(image), blur)


def heat(
    view: View, ky: np.ndarray, kx: np.ndarray, shape: tuple[int, int], blur: float
) -> np.ndarray:
    """Mean amplitude of the fringes of some spots of `view` on a map of `shape`, float32 [y, x]."""
    sign = np.where(kx < 0, -1.0, 1.0)
    source = plane(view, blur, blur)
    total = np.zeros(source.shape, np.float32)
    for start in range(0, len(ky), CHUNK):
        part = slice(start, start + CHUNK)
        power = envelopes(source, (sign * ky)[part], (sign * kx)[part])
        total += 2 * np.sqrt(power).sum(axis=0)
    return upsampled(total / np.float32(len(ky)), Grid(shape, view.size))


def component_image(
    image: np.ndarray,
    pixel: tuple[float, float],
    ky: np.ndarray,
    kx: np.ndarray,
    radius: float = RADIUS,
) -> np.ndarray:
    """Inverse transform of the discs of `radius` about some spots and their Friedel partners.

    Float32 [y, x] counts about zero, of the shape of `image` (even sizes). The discs fall off
    smoothly. Arguments and errors as of `component_map`.
    """
    _view(image, pixel, ky, kx)
    even = clean(image)[0][: image.shape[0] // 2 * 2, : image.shape[1] // 2 * 2]
    return _inverse(scipy.fft.rfft2(even), pixel, ky, kx, radius, even.shape)


def fringes(view: View, ky: np.ndarray, kx: np.ndarray, radius: float) -> np.ndarray:
    """Inverse transform of the discs about some spots of `view`, float32 of its image's shape."""
    return _inverse(view.spectrum, view.pixel, ky, kx, radius, view.image.shape)


def _inverse(
    half: np.ndarray,
    pixel: tuple[float, float],
    ky: np.ndarray,
    kx: np.ndarray,
    radius: float,
    shape: tuple[int, ...],
) -> np.ndarray:
    fy = np.fft.fftfreq(shape[0], pixel[0])[:, None]
    fx = np.fft.rfftfreq(shape[1], pixel[1])[None, :]
    kept = np.zeros(half.shape, np.float32)
    for y, x in zip(ky, kx, strict=True):
        for sign in (1, -1):
            rows = np.flatnonzero(np.abs(fy[:, 0] - sign * y) < radius)
            columns = np.flatnonzero(np.abs(fx[0] - sign * x) < radius)
            box = np.ix_(rows, columns)
            away = np.hypot(fy[rows] - sign * y, fx[:, columns] - sign * x) / radius
            disc = np.where(away < 1, np.cos(np.pi / 2 * away) ** 2, 0)
            kept[box] = np.maximum(kept[box], disc)
    return np.asarray(scipy.fft.irfft2(half * kept, s=shape), np.float32)


def _shape(image: np.ndarray) -> tuple[int, int]:
    return image.shape[0] // 2 * 2, image.shape[1] // 2 * 2


def _view(image: np.ndarray, pixel: tuple[float, float], ky: np.ndarray, kx: np.ndarray) -> View:
    """The image with the frequencies up to those of the spots; refuses what isn't in it."""
    if image.ndim != 2 or len(ky) == 0 or len(ky) != len(kx):
        raise AnalysisError(
            f"a view takes one image[y, x] and as many ky as kx, one at least; these are "
            f"{image.shape}, {len(ky)} and {len(kx)}"
        )
    most = max(float(np.hypot(ky, kx).max()), 1e-9)
    if (np.abs(ky) > 0.5 / pixel[0]).any() or (np.abs(kx) > 0.5 / pixel[1]).any():
        raise AnalysisError(
            f"a spot at k = {most:.3g} lies beyond this image: pixels of {max(pixel):g} show up to "
            f"{0.5 / max(pixel):.3g}"
        )
    return fourier_crop(clean(image)[0], pixel, 1.1 * most)
