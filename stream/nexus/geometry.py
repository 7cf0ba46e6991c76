"""Where the detector stands, as NXmx wants it: from what DECTRIS detectors say in their header.

Lengths are in metres, the beam's centre in pixels; axes are NeXus' own (McStas: z along the beam, y
up), with the fast pixels to -x and the slow ones to -y, as the detector is seen from the source.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import h5py

from .columns import put_text
from .tree import put_group

NAMES = {
    "distance": ("detector_distance",),
    "pixel_x": ("x_pixel_size", "pixel_size_x"),
    "pixel_y": ("y_pixel_size", "pixel_size_y"),
    "thickness": ("sensor_thickness",),
    "center_x": ("beam_center_x",),
    "center_y": ("beam_center_y",),
}
"""By ours, the names of SIMPLON's stream and of stream2."""


@dataclass(frozen=True, slots=True)
class Geometry:
    """One flat detector, square to the beam."""

    distance: float
    pixel_x: float
    pixel_y: float
    thickness: float
    center_x: float
    center_y: float
    material: str


def geometry_of(known: Mapping[str, Any]) -> Geometry | None:
    """Give the geometry, or None where any of it is unknown or makes no sense."""
    values: dict[str, float] = {}
    for ours, theirs in NAMES.items():
        value: Any = next((known[name] for name in theirs if name in known), None)
        if type(value) not in (int, float) or not 0 < value < math.inf:
            return None  # detectors say 0 for what nobody told them
        values[ours] = float(value)
    material = known.get("sensor_material")
    if not isinstance(material, str) or not material:
        return None
    return Geometry(**values, material=material)


def put_geometry(detector: h5py.Group, known: Geometry) -> None:
    """Write it into an NXdetector, with the chain of axes from the sample to each pixel."""
    put_text(detector, "sensor_material", known.material)
    lengths = {
        "sensor_thickness": known.thickness,
        "x_pixel_size": known.pixel_x,
        "y_pixel_size": known.pixel_y,
        "distance": known.distance,
    }
    for name, value in lengths.items():
        detector[name] = value
        detector[name].attrs["units"] = "m"
    for name, value in (("beam_center_x", known.center_x), ("beam_center_y", known.center_y)):
        detector[name] = value
        detector[name].attrs["units"] = "pixel"
    chain = put_group(detector, "transformations", "NXtransformations")
    _axis(chain, "translation", known.distance, (0.0, 0.0, 1.0), ".")
    away = f"{chain.name}/translation"
    put_text(detector, "depends_on", away)
    module = put_group(detector, "detector_module", "NXdetector_module")
    _, ny, nx = detector["data"].shape
    module["data_origin"] = [0, 0]
    module["data_size"] = [ny, nx]
    x, y = known.center_x * known.pixel_x, known.center_y * known.pixel_y
    length = math.hypot(x, y)
    _axis(module, "module_offset", length, (x / length, y / length, 0.0), away)
    corner = f"{module.name}/module_offset"
    _axis(module, "fast_pixel_direction", known.pixel_x, (-1.0, 0.0, 0.0), corner)
    _axis(module, "slow_pixel_direction", known.pixel_y, (0.0, -1.0, 0.0), corner)


def _axis(
    group: h5py.Group, name: str, value: float, vector: tuple[float, ...], depends_on: str
) -> None:
    group[name] = value
    attrs = group[name].attrs
    attrs["units"] = "m"
    attrs["transformation_type"] = "translation"
    attrs["vector"] = vector
    attrs["offset"] = (0.0, 0.0, 0.0)
    attrs["offset_units"] = "m"
    attrs["depends_on"] = depends_on
