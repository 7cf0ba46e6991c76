"""Power spectra with known spots, to train the spot network on.

    rng = np.random.default_rng([seed, step])
    samples = tiles(rng, fields=8)        # as the operator cuts an image: Hann tiles, neighbours
    samples = displays(rng, fields=12)    # as pictures show spectra: log, 8 bits, no window, JPEG

Made wholly of `fields`: never of real images, nor of the phantoms that the operator is scored on.
"""

from __future__ import annotations

import io
from functools import lru_cache

import numpy as np
import scipy.fft

from ..inputs import encode, from_display, ring_of
from .fields import Field, field
from .labels import Samples, expected_spots, labelled

__all__ = ["GENERATOR", "Samples", "displays", "picture", "tiles"]

GENERATOR = "spectra 1"
"""Version of what is drawn: a model card says which one its network has seen."""
TILE = 128
"""Pixels of a tile; fields are twice that, so that they hold three by three."""
PICTURE = 64
SAMPLES = 96
"""Bins of a ring that are enough for its median."""


def tiles(rng: np.random.Generator, fields: int, of_each: int = 6) -> Samples:
    """Cut `fields` new fields into Hann tiles with their neighbours; give some of each."""
    parts = [_tiles(rng, field(rng, 2 * TILE), of_each) for _ in range(fields)]
    return join(parts)


def displays(rng: np.random.Generator, fields: int) -> Samples:
    """Show `fields` new fields as pictures of spectra show it."""
    return join([_display(rng, field(rng, TILE)) for _ in range(fields)])


def join(parts: list[Samples]) -> Samples:
    """Make one batch of several."""
    return Samples(
        *(np.concatenate([getattr(p, name) for p in parts]) for name in Samples.__slots__)
    )


def _tiles(rng: np.random.Generator, one: Field, of_each: int) -> Samples:
    window = hann(TILE)
    corners = [(y, x) for y in range(0, TILE + 1, TILE // 2) for x in range(0, TILE + 1, TILE // 2)]
    cut = np.stack([one.image[y : y + TILE, x : x + TILE] for y, x in corners])
    cut -= one.image.mean()
    power = np.abs(scipy.fft.rfft2(cut * window)[:, :, :-1] / TILE) ** 2
    level = background(power, shared=True)
    edges = rng.uniform(3, 7), TILE / 2 - rng.uniform(1, 3)
    z = ratio(power, level, edges)
    chosen = rng.permutation(len(corners))[:of_each]
    grid = (3, 3) if rng.random() < 0.75 else None
    inputs = encode(z, grid)[chosen]
    spots = expected_spots(one, np.array(corners)[chosen], window, level[chosen], TILE)
    return labelled(inputs, z[chosen], spots)


def _display(rng: np.random.Generator, one: Field) -> Samples:
    kind = rng.random()
    smooth = hann(TILE)
    window = np.ones_like(smooth) if kind < 0.6 else (smooth if kind < 0.8 else np.sqrt(smooth))
    window /= np.sqrt(np.mean(window**2))
    cut = one.image
    mean = np.exp(rng.uniform(np.log(2), np.log(60)))
    amplitude = np.abs(scipy.fft.fft2((cut - cut.mean() + mean) * window)) / TILE
    inside = TILE // 2 - PICTURE // 2
    shown = np.fft.fftshift(amplitude)[inside : inside + PICTURE, inside : inside + PICTURE]
    z = from_display(picture(rng, shown)[None])
    power = (amplitude[:, : TILE // 2] ** 2)[None].astype(np.float32)
    level = background(power, shared=False)
    true = ratio(power, level, (2.0, PICTURE / 2 - 1))
    rows = np.r_[0 : PICTURE // 2, TILE - PICTURE // 2 : TILE]
    spots = expected_spots(one, np.zeros((1, 2), np.intp), window, level, TILE)
    return labelled(encode(z), true[:, rows, : PICTURE // 2], spots)


def picture(rng: np.random.Generator, amplitude: np.ndarray) -> np.ndarray:
    """Show a spectrum as programs do: logarithm, gamma, 8 bits, sometimes JPEG; uint8 [y, x]."""
    gain = np.exp(rng.uniform(np.log(2), np.log(300)))
    shown = np.log1p(gain * amplitude)
    shown = (shown - shown.min()) / max(float(np.ptp(shown)), 1e-6)
    shown = np.rint(255 * shown ** rng.uniform(0.8, 3)).astype(np.uint8)
    if rng.random() < 0.6:
        from PIL import Image

        file = io.BytesIO()
        Image.fromarray(shown).save(file, "JPEG", quality=int(rng.integers(70, 98)))
        shown = np.asarray(Image.open(file))
    return np.asarray(shown)


def background(power: np.ndarray, *, shared: bool) -> np.ndarray:
    """Mean power without spots of each tile and ring, [tile, ring]; `shared`: tiles are near.

    As the operator does it: the shape from all tiles, the level from the tile itself.
    """
    chosen = _ring_samples(power.shape[1], power.shape[2])
    values = power.reshape(len(power), -1)[:, chosen]
    own = np.partition(values, SAMPLES // 2, axis=2)[:, :, SAMPLES // 2] / np.log(2)
    own = np.maximum(own, 1e-12 * own.max() + 1e-30)
    if not shared:
        return np.asarray(own)
    shape = np.median(own, axis=0)
    shape = 0.15 * np.r_[shape[1:], shape[-1]] + 0.7 * shape + 0.15 * np.r_[shape[0], shape[:-1]]
    ratio = np.log(own / shape)
    kernel = np.ones(9) / 9
    padded = np.pad(ratio, ((0, 0), (4, 4)), mode="edge")
    level = np.stack([np.convolve(row, kernel, "valid") for row in padded])
    return np.asarray(shape * np.exp(level))


@lru_cache(maxsize=8)
def _ring_samples(height: int, width: int) -> np.ndarray:
    """Flat bins of each ring that fits, [ring, SAMPLES], thinned out or repeated."""
    ring = ring_of(height, width).ravel()
    rows = []
    for number in range(height // 2 + 1):
        bins = np.flatnonzero(ring == number)
        rows.append(bins[np.linspace(0, len(bins) - 1, SAMPLES).round().astype(np.intp)])
    return np.stack(rows)


def ratio(power: np.ndarray, level: np.ndarray, edges: tuple[float, float]) -> np.ndarray:
    """z, 0 outside `edges` in bins."""
    ring = ring_of(power.shape[1], power.shape[2])
    known = (ring >= edges[0]) & (ring <= edges[1])
    z = power / level[:, np.minimum(ring, level.shape[1] - 1)]
    return np.asarray(np.where(known, z, 0), np.float32)


def hann(n: int) -> np.ndarray:
    """Hann window of `n` by `n` pixels, of mean square 1."""
    one = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n) / n)
    one /= np.sqrt(np.mean(one**2))
    return np.outer(one, one).astype(np.float32)
