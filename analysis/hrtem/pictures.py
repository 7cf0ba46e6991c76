"""Pictures of spectra with known spots, cut from images with truth."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...models.phantoms.shown import ANNULUS, VISIBLE
from .marks import CENTRE, REACH
from .truth import Truth, halves, sums

SIZES = (128, 256)
"""Edges in pixels of the parts whose spectra are shown."""
SHARE = 0.03
"""Of a part that a grain must fill for its spots to be expected."""


def pictures_with_truth(
    images: Sequence[tuple[np.ndarray, Truth]], size: int
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Show the spectra of parts of images: uint8 [picture, y, x] and the places (y, x) of spots.

    The parts that hold no grain to speak of are shown as well: their truth is empty. A spot counts
    where it catches the eye (VISIBLE), as in the pictures that the network learns from.
    """
    shown, places = [], []
    for image, true in images:
        for edge in SIZES:
            for top in range(0, image.shape[0] - edge + 1, edge):
                for left in range(0, image.shape[1] - edge + 1, edge):
                    part = np.s_[top : top + edge, left : left + edge]
                    shown.append(picture_of(np.asarray(image[part], np.float32), size))
                    places.append(_places(image[part], true.grain_map[part], true, size))
    return np.stack(shown), places


def picture_of(image: np.ndarray, size: int) -> np.ndarray:
    """Show the spectrum of a square image without window as 8 bits, the middle `size` pixels."""
    amplitude = np.abs(np.fft.fftshift(np.fft.fft2(image / max(float(image.max()), 1e-9))))
    shown = np.log1p(amplitude)
    shown = (shown - shown.min()) / max(float(np.ptp(shown)), 1e-9)
    corner = len(image) // 2 - size // 2
    part = shown[corner : corner + size, corner : corner + size]
    return np.asarray(np.rint(255 * part**2.5), np.uint8)


def _places(image: np.ndarray, grains: np.ndarray, true: Truth, size: int) -> np.ndarray:
    """Places of the reflections (and their sums) that can be seen in a part, both halves."""
    share = np.bincount(grains.ravel(), minlength=int(true.spots["grain"].max(initial=0)) + 1)
    power = np.abs(np.fft.fftshift(np.fft.fft2(image - image.mean()))) ** 2
    spots, found = halves(true.spots), []
    for grain in np.unique(spots["grain"]):
        of = spots[spots["grain"] == grain]
        if share[grain] >= SHARE * image.size:
            every = np.r_[of["kx_nm"] + 1j * of["ky_nm"], sums(of)]
            found += list(
                zip(
                    every.imag * len(image) * true.pixels[0],
                    every.real * len(image) * true.pixels[1],
                    strict=True,
                )
            )
    seen = [place for place in found if _visible(power, *place, size)]
    both = np.array(seen).reshape(-1, 2)
    return _merged(np.concatenate([both, -both])) + size // 2


def _visible(power: np.ndarray, y: float, x: float, size: int) -> bool:
    """Whether a spot at (y, x) bins from the middle can be seen in a picture of `size`."""
    far, middle = np.hypot(y, x), len(power) // 2
    if not CENTRE < far < size / 2 - 1:
        return False
    rows, columns = np.ogrid[: len(power), : len(power)]
    rows, columns = rows - middle, columns - middle
    near = np.hypot(rows - round(y), columns - round(x))
    ring = np.median(power[np.rint(np.hypot(rows, columns)) == round(far)])
    around = np.median(power[(near >= ANNULUS[0]) & (near <= ANNULUS[1])])
    return bool(power[near < 1.5].max() > VISIBLE * max(ring, around) / np.log(2))


def _merged(places: np.ndarray) -> np.ndarray:
    """One for those that no picture tells apart."""
    kept: list[np.ndarray] = []
    for place in places:
        if all(np.hypot(*(place - other)) > REACH for other in kept):
            kept.append(place)
    return np.array(kept).reshape(-1, 2)
