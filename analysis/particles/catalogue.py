"""The catalogue of features: names, units and words of every column of the table."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Feature:
    """One of the published 21 features, in both definitions."""

    name: str
    """`particle_<name>`, and `particle_published_<name>`."""
    column: str
    """Its name in the published tables."""
    units: str
    words: str
    published_units: str
    published_words: str
    leaks: bool = False
    """Whether the corrected value holds Damage by construction."""
    published_leaks: bool = False


_NEIGHBOURS = "of the nearest neighbours"
_ZERO = "always 0: the published code assigns one value of the neighbours only"
FEATURES = (
    Feature("z", "Z", "um", "depth of the centre", "voxel", "centre in the cropped volume"),
    Feature(
        "roll", "Roll", "degree", "angle of the long axis to x, axial",
        "degree", "Euler angle about x",
    ),
    Feature(
        "pitch", "Pitch", "degree", "angle of the long axis to y, axial",
        "degree", "Euler angle about y",
    ),
    Feature(
        "yaw", "Yaw", "degree", "angle of the long axis to z, axial",
        "degree", "Euler angle about z",
    ),
    Feature(
        "edensity", "Edensity", "grey", "mean grey value of the solid, cracks left out",
        "grey", "mean grey value over particle and cracks where it is not 0", published_leaks=True,
    ),
    Feature(
        "homogeneity", "Homogeneity", "1/grey", "one over the spread of the solid's grey values",
        "grey", "spread of grey values over particle and cracks", published_leaks=True,
    ),
    Feature(
        "surf_inner", "SurfInner", "um2", "area of the walls of cracks",
        "voxel", "perimeter voxels, solid less closed", leaks=True, published_leaks=True,
    ),
    Feature(
        "surf_outer", "SurfOuter", "um2", "area of the outer surface, by marching cubes",
        "voxel", "perimeter voxels of the closed particle",
    ),
    Feature(
        "volume", "Volume", "um3", "volume, cracks counted in",
        "voxel", "voxels of the closed particle",
    ),
    Feature(
        "elongation", "Elongation", "1", "longest over shortest axis of the closed particle",
        "1", "longest over shortest axis of the solid", published_leaks=True,
    ),
    Feature(
        "sphericity", "Sphericity", "1", "area of a ball of its volume over its outer area",
        "1", "36 pi V^2 over the cube of all perimeter voxels", published_leaks=True,
    ),
    Feature(
        "vs_ratio", "Vsratio", "1", "cube root of volume over square root of outer area",
        "1", "cube root of voxels over square root of all perimeter voxels", published_leaks=True,
    ),
    Feature(
        "rough_inner", "RoughInner", "1", "area of crack walls over that of smoothed cracks",
        "1", "perimeter, filtered over raw, of the cracks", leaks=True, published_leaks=True,
    ),
    Feature(
        "rough_outer", "RoughOuter", "1", "outer area over that of the smoothed particle",
        "1", "perimeter, filtered over raw (1 is smooth)",
    ),
    Feature(
        "contact", "Contact", "1", "share of the outer surface that touches other particles",
        "1", "share of a shell of 10 voxels that other particles fill",
    ),
    Feature(
        "density", "PDensity", "1", "share of the window around it that other particles fill",
        "1", "voxels of particles over valid voxels of the window", published_leaks=True,
    ),
    Feature(
        "nearest", "DisNearest", "um", f"mean distance of the centres {_NEIGHBOURS}",
        "voxel", "mean of the 6 smallest rounded distances of centres",
    ),
    Feature(
        "loc_volume", "locVolume", "um3", f"spread of the volumes {_NEIGHBOURS}", "voxel", _ZERO
    ),
    Feature(
        "loc_orientation", "locOri", "degree", f"axial spread of the long axes {_NEIGHBOURS}",
        "degree", _ZERO,
    ),
    Feature(
        "loc_elongation", "locElongation", "1", f"spread of the elongations {_NEIGHBOURS}",
        "1", _ZERO,
    ),
    Feature(
        "loc_sphericity", "locSphericity", "1", f"spread of the sphericities {_NEIGHBOURS}",
        "1", _ZERO,
    ),
)  # fmt: skip
"""In the order of the published tables."""
DAMAGE = Feature(
    "damage", "Damage", "1", "volume of cracks over volume, cracks counted in",
    "1", "share of the voxels of the particle, closed in its box, that are not solid",
)  # fmt: skip
MORE = {
    "y": ("um", "centre"),
    "x": ("um", "centre"),
    "diameter": ("um", "diameter of a ball of its volume"),
    "axis_long": ("um", "longest axis of the ellipsoid of its moments"),
    "axis_middle": ("um", "middle axis of the ellipsoid of its moments"),
    "axis_short": ("um", "shortest axis of the ellipsoid of its moments"),
    "crack_volume": ("um3", "volume of cracks"),
    "contact_area": ("um2", "area of contact with other particles"),
}
"""Columns of the table beside the published ones: units and words."""
LEAKAGE_FREE = tuple(f.name for f in FEATURES if not f.leaks)
"""Corrected features that don't hold Damage by construction."""
