"""What the spot network sees of a power spectrum.

Power over background z of a tile becomes four channels on the half plane of k: the tile itself,
the mean and the maximum of its neighbours, and |k| over the highest. Logarithms, so that strong
spots do not drown the rest; 0 where nothing is known.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

CHANNELS = 4
MARGIN = 8
"""Columns of negative kx that are seen too, so that the edge at kx = 0 looks like any other place;
they repeat the other half plane (Friedel)."""
BLOCK = 8
"""Sizes are padded to multiples of this: the network halves three times."""
NEIGHBOURS = [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1) if (y, x) != (0, 0)]
FLOOR, CEILING = 0.05, 7.0
"""Of z before the logarithm, and of its logarithm."""
HALF_LIFE = np.log(2.0)
"""Median of an exponential distribution of mean 1."""
SPREAD = 0.7670
"""Median absolute deviation of its logarithm."""
WHITE, STEP = 100.0, 30.0
"""Grey levels that are about 1 to the network, of a picture and of its contrast."""


def encode(
    z: np.ndarray, grid: tuple[int, int] | None = None, chosen: np.ndarray | None = None
) -> np.ndarray:
    """Encode `z` [tile, ky, kx] (fft order, kx from 0 up): float32 [tile, CHANNELS, height, width].

    `grid` is the (y, x) number of tiles, which overlap by half; None where tiles have no
    neighbours. Only the tiles `chosen` are given where some are. ky = -n/2 stands in row 0,
    kx = 0 in column MARGIN; padding is behind.
    """
    chosen = np.arange(len(z)) if chosen is None else chosen
    channels = [logs(z[chosen])]
    if grid is not None and np.prod(grid) > 1:
        channels += [logs(part) for part in around(z, grid, chosen)]
    height, width = z.shape[1], z.shape[2] + MARGIN
    padded = (-(-height // BLOCK) * BLOCK, -(-width // BLOCK) * BLOCK)
    result = np.zeros((len(chosen), CHANNELS, *padded), np.float32)
    for n, channel in enumerate(channels):
        result[:, n, :height, :width] = unfold(channel)
    ky = (np.arange(padded[0]) - height // 2)[:, None]
    kx = (np.arange(padded[1]) - MARGIN)[None, :]
    result[:, 3] = np.hypot(ky, kx) / (height / 2)
    return result


def encode_pictures(pictures: np.ndarray) -> np.ndarray:
    """Encode 8-bit `pictures` [picture, y, x] of spectra: float32 [picture, CHANNELS, y, x].

    As `encode`, with what the eye sees in place of the neighbours: the picture itself, and how far
    it lies over the middle of its ring, both with the two halves of k averaged.
    """
    z = from_display(pictures)
    result = encode(z)
    half = mirrored_mean(pictures)
    ring = ring_of(*half.shape[1:])
    middle = np.zeros_like(half)
    for number in range(int(ring.max()) + 1):
        middle[:, ring == number] = np.median(half[:, ring == number], axis=1, keepdims=True)
    height, width = z.shape[1], z.shape[2] + MARGIN
    for n, values in ((1, half / WHITE), (2, (half - middle) / STEP)):
        result[:, n, :height, :width] = unfold(np.asarray(values, np.float32))
    return result


def mirrored_mean(pictures: np.ndarray) -> np.ndarray:
    """Mean of both halves of `pictures`, k = 0 at n // 2: [picture, ky, kx >= 0] in fft order."""
    whole = np.fft.ifftshift(np.asarray(pictures, np.float32), axes=(1, 2))
    flipped = whole[:, -np.arange(whole.shape[1]) % whole.shape[1]]
    flipped = flipped[:, :, -np.arange(whole.shape[2]) % whole.shape[2]]
    return np.asarray((0.5 * (whole + flipped))[:, :, : whole.shape[2] // 2])


def logs(z: np.ndarray) -> np.ndarray:
    """Logarithm of `z` within bounds; 0 where z is 0: not known."""
    known = np.log(np.maximum(z, FLOOR, dtype=np.float32))
    return np.asarray(np.where(z > 0, np.minimum(known, CEILING), np.float32(0)), np.float32)


def unfold(half: np.ndarray) -> np.ndarray:
    """Put ky in order from -n/2 up and MARGIN columns of negative kx in front."""
    rows = -np.arange(half.shape[1]) % half.shape[1]
    count = min(MARGIN, half.shape[2] - 1)
    mirrored = half[:, rows, count:0:-1]
    blank = np.zeros((*half.shape[:2], MARGIN - count), half.dtype)
    whole = np.concatenate([blank, mirrored, half], axis=2)
    return np.asarray(np.fft.fftshift(whole, axes=1))


def fold(seen: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Undo `unfold` and the padding: [tile, ky, kx] of `shape`, in fft order."""
    inner = seen[:, : shape[0], MARGIN : MARGIN + shape[1]]
    return np.asarray(np.fft.ifftshift(inner, axes=1))


def around(
    z: np.ndarray, grid: tuple[int, int], chosen: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and maximum of z over the up to eight neighbours of each tile `chosen`."""
    total, most = (np.zeros((len(chosen), *z.shape[1:]), z.dtype) for _ in range(2))
    count = np.zeros((len(chosen), 1, 1), z.dtype)
    row, column = np.divmod(chosen, grid[1])
    for down, right in NEIGHBOURS:
        y, x = row + down, column + right
        here = (y >= 0) & (y < grid[0]) & (x >= 0) & (x < grid[1])
        there = z[(y * grid[1] + x)[here]]
        total[here] += there
        most[here] = np.maximum(most[here], there)
        count[here] += 1
    return total / np.maximum(count, 1), most


def from_display(pictures: np.ndarray) -> np.ndarray:
    """Estimate z [picture, ky, kx >= 0] from `pictures` [picture, y, x] of power spectra.

    k = 0 is at [n // 2, n // 2] of each. A picture is any rising function of the power that is
    linear in its logarithm over a ring (log, 8 bits, moderate gamma): each ring is shifted and
    scaled until its median and spread are those of noise.
    """
    half = mirrored_mean(pictures)
    ring = ring_of(half.shape[1], half.shape[2])
    result = np.zeros_like(half)
    for number in range(2, int(min(half.shape[1] / 2, half.shape[2]))):
        near = np.abs(ring - number) <= 1
        values = half[:, near]
        middle = np.median(values, axis=1, keepdims=True)
        spread = np.median(np.abs(values - middle), axis=1, keepdims=True)
        of = ring == number
        scaled = (half[:, of] - middle) * (SPREAD / np.maximum(spread, 0.5))
        result[:, of] = HALF_LIFE * np.exp(np.clip(scaled, -5, CEILING))
    return np.asarray(result)


@lru_cache(maxsize=16)
def ring_of(height: int, width: int) -> np.ndarray:
    """|k| in whole bins, [ky, kx], ky in fft order."""
    ky = np.fft.fftfreq(height, 1 / height)[:, None]
    return np.asarray(np.rint(np.hypot(ky, np.arange(width)[None, :])).astype(np.intp))
