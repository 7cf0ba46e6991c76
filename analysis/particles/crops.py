"""Crops: the particles of a label volume one at a time, each with what lies around it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import scipy.ndimage

from ..operators import AnalysisError

MARGIN = 4
"""Voxels around the bounding box: the faces that tell the normal of a contact at its edge."""
_DENSE = 4
"""Labels may be so many times the voxels before they are renumbered to be found."""


@dataclass(frozen=True, slots=True)
class Crop:
    """One particle and its surroundings; all that its own features need."""

    label: int
    labels: np.ndarray
    """[z, y, x]; of the box with its margin, cut at the faces of the volume."""
    grey: np.ndarray | None
    """The same box."""
    start: tuple[int, int, int]
    """Of the box in the volume, in voxels."""
    inner: tuple[slice, slice, slice]
    """Where the bounding box of the particle lies in `labels`."""
    volume: tuple[int, int, int]
    """Shape of the whole volume."""

    @property
    def border(self) -> bool:
        """Whether the particle touches a face of the volume, so that a part may be missing."""
        begins = (s + i.start for s, i in zip(self.start, self.inner, strict=True))
        ends = (s + i.stop for s, i in zip(self.start, self.inner, strict=True))
        return any(a == 0 for a in begins) or any(
            b == n for b, n in zip(ends, self.volume, strict=True)
        )


def checked(labels: np.ndarray, grey: np.ndarray | None) -> tuple[np.ndarray, np.ndarray | None]:
    """Give volumes that can be measured; AnalysisError says what is wrong with these.

    Labels are whole numbers [z, y, x] from 0 (background); an image [y, x] is one slice.
    """
    labels = np.asarray(labels)
    if labels.ndim == 2:
        labels = labels[None]
        grey = None if grey is None else np.asarray(grey).reshape(labels.shape[-grey.ndim :])
    if labels.ndim != 3 or not labels.size:
        raise AnalysisError(f"labels are of shape {labels.shape}; give a volume [z, y, x]")
    if labels.dtype.kind == "f" and np.array_equal(labels, np.rint(labels)):
        labels = labels.astype(np.int64)
    if labels.dtype.kind not in "iub":
        raise AnalysisError(
            f"labels are {labels.dtype} with fractions; give whole numbers, 0 where nothing is"
        )
    if labels.dtype.kind == "i" and labels.min() < 0:
        raise AnalysisError(f"a label is {labels.min()}; labels are from 1, and 0 where nothing is")
    if grey is not None:
        grey = np.asarray(grey).reshape(labels.shape) if grey.ndim == 2 else np.asarray(grey)
        if grey.shape != labels.shape:
            raise AnalysisError(
                f"labels are {labels.shape} and grey values {grey.shape}; both must be one volume"
            )
    return labels.view(np.uint8) if labels.dtype.kind == "b" else labels, grey


def crops(labels: np.ndarray, grey: np.ndarray | None, margin: int = MARGIN) -> Iterator[Crop]:
    """Give every particle of labels[z, y, x] with `margin` voxels around, in order of labels."""
    for label, box in boxes(labels):
        outer = tuple(
            slice(max(0, side.start - margin), min(size, side.stop + margin))
            for side, size in zip(box, labels.shape, strict=True)
        )
        inner = tuple(
            slice(side.start - out.start, side.stop - out.start)
            for side, out in zip(box, outer, strict=True)
        )
        nz, ny, nx = labels.shape
        yield Crop(
            label,
            labels[outer],
            None if grey is None else grey[outer],
            (outer[0].start, outer[1].start, outer[2].start),
            (inner[0], inner[1], inner[2]),
            (nz, ny, nx),
        )


def boxes(labels: np.ndarray) -> list[tuple[int, tuple[slice, ...]]]:
    """Label and bounding box of every particle; labels may have holes and be huge."""
    highest = int(labels.max())
    if highest <= _DENSE * labels.size and highest < 2**31:
        kept = labels if labels.dtype.kind == "i" else labels.astype(np.int32, copy=False)
        found = scipy.ndimage.find_objects(kept, max_label=highest)
        return [(n + 1, box) for n, box in enumerate(found) if box is not None]
    values, places = np.unique(labels, return_inverse=True)
    found = scipy.ndimage.find_objects(places.reshape(labels.shape) + 1)
    return [(int(value), box) for value, box in zip(values, found, strict=True) if value]
