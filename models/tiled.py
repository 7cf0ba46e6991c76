"""Images of any size through a StarDist network, with bounded memory."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch.nn import functional

from .engines import Ask
from .stardist import Config

WHOLE = 1 << 21
"""Pixels that go through together: several small images, or a large one in pieces."""
TILE = 1024
"""Pixels a side that each piece answers for."""
HALO = 96
"""Pixels around it that it sees too: as far as a network of depth 3 and grid 2 looks."""

Window = tuple[slice, slice]


def answers(
    ask: Ask, config: Config, images: np.ndarray, together: int = 1
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Give prob [Y, X] and dist [Y, X, ray], float32, of each normalised image of [n, y, x].

    The same as `ask` gives for all, but at most `together` images and WHOLE pixels go through at a
    time, so that what the layers hold is bounded.
    """
    pixels = images.shape[1] * images.shape[2]
    if pixels > WHOLE:
        yield from (_pieced(ask, config, image) for image in images)
        return
    step = max(1, min(together, WHOLE // max(pixels, 1)))
    for start in range(0, len(images), step):
        yield from zip(*ask(images[start : start + step]), strict=True)


def _pieced(ask: Ask, config: Config, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    height, width = (-(-n // g) for n, g in zip(image.shape, config.grid, strict=True))
    prob = np.empty((height, width), np.float32)
    dist = np.empty((height, width, config.rays), np.float32)
    for seen, inner, at in tiles((image.shape[0], image.shape[1]), config.block):
        here = ask(image[seen][None])
        cut, to = _places(inner, config.grid), _places(at, config.grid)
        prob[to], dist[to] = here[0][0][cut], here[1][0][cut]
    return prob, dist


def _places(window: Window, grid: tuple[int, int]) -> Window:
    y, x = (slice(s.start // g, -(-s.stop // g)) for s, g in zip(window, grid, strict=True))
    return y, x


def tiles(
    shape: tuple[int, int], block: tuple[int, int]
) -> Iterator[tuple[Window, Window, Window]]:
    """Cut [y, x]: what each tile sees, which part of that it answers for, and where that lies."""
    axes = []
    for size, unit in zip(shape, block, strict=True):
        step, halo = -(-TILE // unit) * unit, -(-HALO // unit) * unit
        parts = []
        for start in range(0, size, step):
            stop, first = min(start + step, size), max(0, start - halo)
            seen = slice(first, min(stop + halo, size))
            parts.append((seen, slice(start - first, stop - first), slice(start, stop)))
        axes.append(parts)
    for y in axes[0]:
        for x in axes[1]:
            yield (y[0], x[0]), (y[1], x[1]), (y[2], x[2])


def resized(image: np.ndarray, scale: float) -> np.ndarray:
    """Resample float32 `image` [y, x] to `scale` times as many pixels, averaging when fewer."""
    shape = [max(1, round(n * scale)) for n in image.shape]
    if shape == list(image.shape):
        return image
    pixels = torch.from_numpy(np.ascontiguousarray(image, np.float32))[None, None]
    with torch.inference_mode():
        small = functional.interpolate(pixels, shape, mode="bilinear", antialias=scale < 1)
    return np.asarray(small[0, 0].numpy())
