"""Pictures of power spectra, and the spots that a person would mark in them.

    samples = marked(np.random.default_rng([seed, step]), pictures=24)

A person marks what stands out to the eye, not all that could be told from noise: a spot counts
from VISIBLE times the power around it, both halves of a Friedel pair, never the direct beam, nor
the lobes that an image without window function leaves around strong spots.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import scipy.fft
import scipy.ndimage

from ..inputs import encode_pictures
from .fields import Field, field
from .fringes import wave_sum
from .labels import Rule, Samples, expected_spots, labelled
from .spectra import PICTURE, background, hann, picture, ratio

GENERATOR = "pictures 1"
"""Version of what is drawn: a model card says which one its network has seen."""
VISIBLE = 20.0
"""Power over that of the surroundings from which a spot catches the eye: nearly three times the
brightest of the speckles of a picture (ln of their number, 7.4)."""
EYE = Rule(sure=8.0, none=4.0, realised=VISIBLE, missed=10.0)
"""From half of VISIBLE on people differ: nothing is asked up to VISIBLE."""
ANNULUS = (3.0, 4.3)
"""Bins around a spot that are its surroundings."""
SIZES = (64, 64, 96, 128)
"""Pixels of a field: the middle of its spectrum is shown, as of an image that is finer than its
resolution."""
PLAIN = 0.6
"""Share of spectra that are taken without a window function, as most people do."""
ONE_CRYSTAL = 0.35
"""Share of pictures that one crystal fills, as it does where the part is smaller than a grain."""


def marked(rng: np.random.Generator, pictures: int) -> Samples:
    """Make `pictures` of new fields, with what a person would mark."""
    sizes = (int(rng.choice(SIZES)) for _ in range(pictures))
    seen, z, spots = zip(
        *(_shown(rng, _filled(rng, field(rng, size))) for size in sizes), strict=True
    )
    known = np.concatenate(z)
    clear = known / surroundings(known)
    return labelled(encode_pictures(np.stack(seen)), known, list(spots), EYE, clear)


def _shown(rng: np.random.Generator, one: Field) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give a picture of the spectrum of a field, z [1, ky, kx], and its spots."""
    size = len(one.image)
    window = _window(rng, size)
    mean = np.exp(rng.uniform(np.log(2), np.log(60)))
    amplitude = np.abs(scipy.fft.fft2((one.image - one.image.mean() + mean) * window)) / size
    inside = slice((size - PICTURE) // 2, (size + PICTURE) // 2)
    seen = picture(rng, np.fft.fftshift(amplitude)[inside, inside])
    power = (amplitude[:, : size // 2] ** 2)[None].astype(np.float32)
    level = background(power, shared=False)
    rows = np.r_[0 : PICTURE // 2, size - PICTURE // 2 : size]
    z = ratio(power, level, (2.0, PICTURE / 2 - 1))[:, rows, : PICTURE // 2]
    spots = expected_spots(one, np.zeros((1, 2), np.intp), window, level, size)
    return seen, z, spots[0]


def surroundings(z: np.ndarray) -> np.ndarray:
    """Mean power of noise around each bin of z [tile, ky, kx >= 0], at least that of its ring."""
    reach = int(np.ceil(ANNULUS[1]))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    ring = (np.hypot(y, x) >= ANNULUS[0]) & (np.hypot(y, x) <= ANNULUS[1])
    rows = -np.arange(z.shape[1]) % z.shape[1]
    whole = np.fft.fftshift(np.concatenate([z[:, rows, reach:0:-1], z], axis=2), axes=1)
    around = scipy.ndimage.median_filter(whole, footprint=ring[None], mode="nearest")
    around = np.fft.ifftshift(around[:, :, reach:], axes=1)
    return np.asarray(np.maximum(around / np.log(2), 1))


def _window(rng: np.random.Generator, size: int) -> np.ndarray:
    """No window function, Hann, or its root, of mean square 1."""
    kind = rng.random()
    one = hann(size)
    window = np.ones_like(one) if kind < PLAIN else (one if kind < 0.8 else np.sqrt(one))
    return np.asarray(window / np.sqrt(np.mean(window**2)))


def _filled(rng: np.random.Generator, one: Field) -> Field:
    """Sometimes let the first crystal fill the field: its own fringes go on to the edges."""
    many = len(one.fringes.masks)
    if not many or rng.random() > ONE_CRYSTAL:
        return one
    missing = (1 - one.fringes.masks) * (np.arange(many) == 0)[:, None, None]
    added = replace(one.fringes, masks=missing.astype(np.float32))
    masks = (one.fringes.masks + added.masks).astype(np.float32)
    return Field(
        one.image + wave_sum(added, len(one.image)), replace(one.fringes, masks=masks), one.lens
    )
