"""Star polygons: what the network says of each place of a slice, and the candidates in it.

    for maps in star_maps(images, model, scale):  # probability, distances, offsets for each place
        found = candidates(maps, 0.5)             # Stars in pixels of the network

Pixels of the network are pixels of the image times `scale`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from ...models.normalise import normalised
from ...models.rays import directions
from .model import Model

BORDER = 2
"""Places along the edge of a padded slice that give no candidate, as in the official package."""
LIMITS = (np.float32(-1.0), np.float32(2.0))
"""Normalised greys beyond these are no part of a picture; 0 and 1 are percentiles 1 and 99.8."""
PEAK = 3
"""Places a side in which the fast reduction keeps only the most probable."""


@dataclass(frozen=True)
class Stars:
    """Star polygons, the most probable first."""

    points: np.ndarray
    """float32 [star, (y, x)], pixels: where the rays start"""
    dist: np.ndarray
    """float32 [star, ray], pixels along each ray; ray k points to (sin, cos)(2 pi k / rays)"""
    prob: np.ndarray
    """float32 [star]"""

    def __len__(self) -> int:
        return len(self.prob)

    def keep(self, index: np.ndarray) -> Stars:
        """Take some of them, by number or by truth."""
        return Stars(self.points[index], self.dist[index], self.prob[index])

    def corners(self) -> np.ndarray:
        """Give the corners, float32 [star, ray, (y, x)]."""
        way = directions(self.dist.shape[1])
        return np.asarray(self.points[:, None] + self.dist[..., None] * way)

    def unscaled(self, scale: float) -> Stars:
        """Give them in pixels of the image; centres of pixels are whole numbers in both."""
        if scale == 1:
            return self
        points = (self.points + 0.5) / scale - 0.5
        return Stars(points.astype(np.float32), self.dist / np.float32(scale), self.prob)


@dataclass(frozen=True)
class Maps:
    """What the network says of each place of one slice."""

    prob: np.ndarray
    """float32 [Y, X]: probability that the place lies well inside a particle"""
    dist: np.ndarray
    """float32 [Y, X, ray]: pixels of the network to the edge of that particle"""
    grid: tuple[int, int]
    """Pixels of the network (y, x) for one place."""
    scale: float
    """Pixels of the network for one of the image."""
    block: tuple[int, int] = (1, 1)
    """The slice was padded at its far edges to multiples of so many pixels of the network."""

    def border(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """Places along the near and far edge of y and of x that give no candidate.

        As in the official package: BORDER places of the padded slice.
        """
        y, x = (
            (BORDER, max(0, BORDER - (-n * g % b) // g))
            for n, g, b in zip(self.prob.shape, self.grid, self.block, strict=True)
        )
        return y, x

    def offsets(self) -> np.ndarray:
        """Way from each place to the centroid of its star, float32 [Y, X, (y, x)], network pixels.

        Sum of r^3 d over 1.5 times the sum of r^2, d the direction of the ray: the centroid of a
        polar curve.
        """
        squared = np.square(self.dist)
        towards = np.einsum("yxr,rc->yxc", squared * self.dist, directions(self.dist.shape[-1]))
        return np.asarray(towards / (1.5 * squared.sum(axis=-1, keepdims=True)))


def star_maps(
    images: Sequence[np.ndarray] | np.ndarray, model: Model, scale: float = 1.0
) -> Iterator[Maps]:
    """Ask the network about each slice of `images` [n, y, x], enlarged by `scale`.

    Normalised, and clipped to LIMITS before it is resampled: a hot pixel would be smeared.
    """
    seen = np.stack([model.scaled(np.clip(normalised(image), *LIMITS), scale) for image in images])
    for prob, dist in model.answers(seen):
        yield Maps(prob, dist, model.grid, scale, model.net.config.block)


def candidates(maps: Maps, threshold: float, *, reduced: bool = False) -> Stars:
    """Give the places above `threshold` as stars in pixels of the network, the best first.

    `reduced` keeps only those that are the most probable among their neighbours: 20 to 70 times
    fewer, and nearly the same particles in the end.
    """
    wanted = maps.prob > threshold
    for places, (near, far) in zip((wanted, wanted.T), maps.border(), strict=True):
        places[:near] = False
        places[len(places) - far :] = False
    if reduced:
        wanted &= maps.prob == ndimage.maximum_filter(maps.prob, PEAK)
    place = np.argwhere(wanted)
    prob = maps.prob[wanted]
    order = np.argsort(-prob, kind="stable")
    points = (place[order] * maps.grid).astype(np.float32)
    return Stars(points, maps.dist[wanted][order], prob[order])
