"""Reflections without the shear of the pixel grid."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .applied import sheared
from .correction import Correction
from .detect import Reflections


def straight(found: Reflections, correction: Correction) -> Reflections:
    """Take the shear from k; the pixel size holds scale and anisotropy already."""
    if not correction.shear:
        return found
    k = sheared(found.kx + 1j * found.ky, correction)
    return replace(found, ky=k.imag, kx=k.real)


def halved(found: Reflections) -> Reflections:
    """Of each Friedel pair the one with kx >= 0."""
    flip = np.where((found.kx < 0) | ((found.kx == 0) & (found.ky < 0)), -1.0, 1.0)
    return replace(found, ky=found.ky * flip, kx=found.kx * flip)
