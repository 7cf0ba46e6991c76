"""Contacts: which particles touch, and over what area."""

from __future__ import annotations

import numpy as np
import xarray as xr

from .areas import projected
from .balls import Spacing
from .crops import checked
from .features import spaced

SLAB = 64
"""Slices that are looked at at once: bounds the memory."""


def contacts(labels: np.ndarray, voxel: float | Spacing, gap: float = 0.0) -> xr.Dataset:
    """Pairs of touching particles of labels[z, y, x] with the true area of contact.

    `voxel` in um, (z, y, x). Particles up to `gap` um apart touch too, as do those that a
    watershed line of a voxel divides: labels are first grown into what lies between them. Along
    `contact`: `contact_a` < `contact_b` (labels) and `contact_area` in um2.
    """
    spacing = spaced(voxel)
    labels, _ = checked(labels, None)
    if gap > 0:
        from skimage.segmentation import expand_labels

        labels = expand_labels(labels, gap / 2 + 1e-6, spacing)
    pairs, places, axes = _faces(labels)
    area = np.zeros(0)
    both = np.zeros((0, 2), np.int64)
    if len(pairs):
        both, where = np.unique(pairs, axis=0, return_inverse=True)
        order = np.argsort(where.ravel(), kind="stable")
        cuts = np.cumsum(np.bincount(where.ravel()))[:-1]
        area = np.array(
            [projected(places[one], axes[one], spacing).sum() for one in np.split(order, cuts)]
        )
    row = ("contact",)
    return xr.Dataset(
        {
            "contact_a": (row, both[:, 0], {"long_name": "label of one particle"}),
            "contact_b": (row, both[:, 1], {"long_name": "label of the other"}),
            "contact_area": (row, area, {"units": "um2", "long_name": "area of contact"}),
        },
        attrs={"title": "contacts of particles", "gap_um": gap},
    )


def _faces(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Faces between particles: labels [face, 2] in order, lower voxel [face, 3], axis [face]."""
    pairs, places, axes = [], [], []
    for start in range(0, labels.shape[0], SLAB):
        for axis in range(3):
            # the slab's last slice faces the first of the next
            slab = labels[start : start + SLAB + (axis == 0)]
            low = tuple(slice(None, -1) if a == axis else slice(None) for a in range(3))
            high = tuple(slice(1, None) if a == axis else slice(None) for a in range(3))
            one, other = slab[low], slab[high]
            found = np.nonzero((one != other) & (one != 0) & (other != 0))
            both = np.stack([one[found], other[found]], axis=1).astype(np.int64)
            pairs.append(np.sort(both, axis=1))
            places.append(np.stack(found, axis=1) + np.array([start, 0, 0]))
            axes.append(np.full(len(both), axis))
    return np.concatenate(pairs), np.concatenate(places), np.concatenate(axes)
