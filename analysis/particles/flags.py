"""Flags: why a feature of a particle is not a number, or not to be trusted."""

from __future__ import annotations

from enum import IntFlag
from typing import Any

import numpy as np
import xarray as xr


class Flag(IntFlag):
    """One reason a bit; several may hold. `WORDS` tells each."""

    BORDER = 1
    THIN = 2
    NO_CRACK = 4
    ROUND = 8
    NO_GREY = 16
    EVEN_GREY = 32
    FEW_NEIGHBOURS = 64
    PIECES = 128
    NO_SURROUNDINGS = 256
    THIN_CRACKS = 512
    DOUBTFUL = 1024
    SMALL = 2048
    ROUND_NEIGHBOURS = 4096


WORDS: dict[Flag, str] = {
    Flag.BORDER: "it touches a face of the volume, so that a part of it may be missing",
    Flag.THIN: "nowhere thicker than a voxel or two: roughness is undefined",
    Flag.NO_CRACK: "no voxel of it is a crack: there is no inner surface (surf_inner, rough_inner)",
    Flag.ROUND: "its two longest axes are nearly the same: roll, pitch and yaw are undefined",
    Flag.NO_GREY: "no finite grey value in it: edensity and homogeneity are undefined",
    Flag.EVEN_GREY: "all its grey values are the same: homogeneity is undefined",
    Flag.FEW_NEIGHBOURS: "too few other particles: statistics over neighbours are undefined",
    Flag.PIECES: "its voxels are not connected",
    Flag.NO_SURROUNDINGS: "the window around it holds no voxel but its own: density is undefined",
    Flag.THIN_CRACKS: "all its cracks vanish when they are smoothed: rough_inner is undefined",
    Flag.DOUBTFUL: "more than half of it is crack, or all of it as dark as one: most likely it is "
    "no particle",
    Flag.SMALL: "less than 12 voxels across: its area is low and its sphericity high, by 10 % or "
    "more where it has edges (1 can be exceeded)",
    Flag.ROUND_NEIGHBOURS: "less than 3 of its neighbours have a longest axis: the spread of their "
    "orientations is undefined",
}


def doubtful(table: xr.Dataset) -> np.ndarray:
    """Which rows of a table of particles are most likely none, bool [particle]."""
    if "particle_flags" not in table:
        return np.zeros(table.sizes["particle"], bool)
    return np.asarray(table["particle_flags"].values & Flag.DOUBTFUL != 0)


def attributes() -> dict[str, Any]:
    """CF attributes of the variable that holds flags."""
    return {
        "long_name": "why features are undefined or in doubt",
        "flag_masks": np.array([int(flag) for flag in Flag], np.int32),
        "flag_meanings": " ".join(str(flag.name).lower() for flag in Flag),
    }
