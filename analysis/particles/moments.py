"""Moments of a body: centre, axes and what they say of its orientation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .balls import Spacing

ROUND = 1.05
"""Below this ratio of its two longest axes the long axis of a body says nothing."""


@dataclass(frozen=True, slots=True)
class Moments:
    """First and second moments of a body."""

    centre: np.ndarray
    """(z, y, x) of the voxels' centres, in lengths."""
    axes: np.ndarray
    """Full axes of the ellipsoid of the same moments, longest first."""
    directions: np.ndarray
    """Unit vectors of the axes as rows, (z, y, x)."""

    @property
    def round(self) -> bool:
        """Whether there is no one long axis."""
        return bool(self.axes[0] < ROUND * self.axes[1])

    @property
    def elongation(self) -> float:
        """Longest over shortest axis."""
        return float(self.axes[0] / self.axes[2])


def moments(body: np.ndarray, spacing: Spacing = (1, 1, 1)) -> Moments:
    """Moments of body[z, y, x], a voxel a box and not a point; the first voxel's centre is 0."""
    step = np.asarray(spacing, float)
    box = (np.array(body.shape) - 1) / 2
    places = np.stack(np.nonzero(body)).astype(np.float32)
    places -= box.astype(np.float32)[:, None]  # small numbers: float32 is enough
    centre = (places @ np.ones(places.shape[1], np.float32) / places.shape[1]).astype(np.float64)
    spread = (places @ places.T / places.shape[1]).astype(np.float64) - np.outer(centre, centre)
    centre += box
    spread = (spread + np.eye(3) / 12) * np.outer(step, step)
    values, vectors = np.linalg.eigh(spread)
    return Moments(centre * step, 2 * np.sqrt(5 * values[::-1]), vectors[:, ::-1].T)


def euler(directions: np.ndarray) -> tuple[float, float, float]:
    """Angles about x, y, z in degrees of the rotation to axes [axis, (z, y, x)].

    The axes' signs are arbitrary (they are made right-handed, the first with x >= 0), so angles
    jump: that is a defect of the published feature, kept for comparison.
    """
    rotation = directions[:, ::-1].T.copy()  # columns are axes in (x, y, z)
    if rotation[0, 0] < 0:
        rotation[:, 0] *= -1
    if np.linalg.det(rotation) < 0:
        rotation[:, 2] *= -1
    roll = np.arctan2(rotation[2, 1], rotation[2, 2])
    pitch = np.arcsin(np.clip(-rotation[2, 0], -1, 1))
    yaw = np.arctan2(rotation[1, 0], rotation[0, 0])
    x, y, z = np.degrees([roll, pitch, yaw])
    return float(x), float(y), float(z)
