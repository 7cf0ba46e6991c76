"""Flags: why a feature of a particle is not a number, or not to be trusted."""

from __future__ import annotations

from enum import IntFlag
from typing import Any

import numpy as np


class Flag(IntFlag):
    """One reason a bit; several may hold."""

    BORDER = 1
    """It touches a face of the volume: a part of it may be missing. Nothing is undefined."""
    THIN = 2
    """Nowhere thicker than a voxel or two: roughness is undefined."""
    NO_CRACK = 4
    """No voxel of it is a crack: there is no inner surface (surf_inner, rough_inner)."""
    ROUND = 8
    """Its two longest axes are nearly the same: roll, pitch and yaw are undefined."""
    NO_GREY = 16
    """No grey volume, or no finite value in it: edensity and homogeneity are undefined."""
    EVEN_GREY = 32
    """All its grey values are the same: homogeneity is undefined."""
    FEW_NEIGHBOURS = 64
    """Fewer other particles than neighbours are asked for: statistics over them are undefined."""
    PIECES = 128
    """Its voxels are not connected. Nothing is undefined."""
    NO_SURROUNDINGS = 256
    """The window around it holds no voxel but its own: density is undefined."""
    THIN_CRACKS = 512
    """All its cracks vanish when they are smoothed: rough_inner is undefined."""


def attributes() -> dict[str, Any]:
    """CF attributes of the variable that holds flags."""
    return {
        "long_name": "why features are undefined or in doubt",
        "flag_masks": np.array([int(flag) for flag in Flag], np.int32),
        "flag_meanings": " ".join(str(flag.name).lower() for flag in Flag),
    }
