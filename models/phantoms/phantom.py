"""One image of a specimen, with what is true of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .grains import Grain, Specimen
from .optics import Microscope, expose, illumination
from .scene import MARGIN, Scene, compose
from .truth import measure, spots

FORMAT = "beamside phantom 1"


@dataclass(frozen=True, slots=True)
class Phantom:
    """An image and what is true of it."""

    image: np.ndarray
    """uint16[y, x], counts"""
    phase_map: np.ndarray
    """uint8[y, x], index into `meta["labels"]`: 0 vacuum, 1 amorphous, then the phases"""
    grain_map: np.ndarray
    """int16[y, x], `id` in `meta["grains"]`, 0 = none"""
    spots: np.ndarray
    """`truth.SPOTS`: every reflection of every grain, faint ones included"""
    meta: dict[str, Any]
    """px_nm_true, px_nm_header, labels, condition, dose_e_A2, grains, ... (JSON)"""
    scene: Scene
    """The specimen without noise, with a margin; it isn't saved."""

    def save(self, path: str | Path) -> None:
        """Write image and truth as one npz file (arrays and a JSON text, no pickles)."""
        np.savez_compressed(
            path,
            image=self.image,
            phase_map=self.phase_map,
            grain_map=self.grain_map,
            spots=self.spots,
            meta=np.array(json.dumps(self.meta)),
        )


def look(seed: int, shape: tuple[int, int], specimen: Specimen, microscope: Microscope) -> Phantom:
    """Put a specimen under a microscope and take one image of `shape` (y, x)."""
    if min(shape) < 128:
        raise ValueError(f"a phantom of {shape[0]} x {shape[1]} pixels is too small: at least 128")
    scene = compose(seed, shape, specimen, microscope)
    return shoot(scene, shape, np.random.default_rng([seed, 3]))


def shoot(
    scene: Scene,
    shape: tuple[int, int],
    rng: np.random.Generator,
    drift: tuple[int, int] = (0, 0),
    dose: float = 1.0,
) -> Phantom:
    """Take one image of a scene: `drift` (y, x) in pixels, `dose` relative to the microscope's."""
    view = tuple(slice(MARGIN + d, MARGIN + d + n) for d, n in zip(drift, shape, strict=True))
    microscope = scene.microscope
    light = illumination(shape, microscope, np.random.default_rng([scene.seed, 4]))
    image = expose(scene.relative[view] * (light * np.float32(dose)), microscope, rng)
    labels = ["vacuum", "amorphous", *scene.specimen.phases]
    of_grain = [0, *(labels.index(grain.phase) for grain in scene.grains)]
    grain_map = np.ascontiguousarray(scene.grain_map[view])
    phase_map = np.array(of_grain, np.uint8)[grain_map]
    phase_map[(grain_map == 0) & scene.solid[view]] = 1
    listed = spots(scene.grains, microscope, labels)
    listed = listed[np.bincount(grain_map.ravel(), minlength=len(of_grain))[listed["grain"]] > 0]
    measured = measure(listed, image, grain_map, microscope.pixels)
    meta = _meta(scene, shape, labels, drift, dose)
    return Phantom(image, phase_map, grain_map, measured, meta, scene)


def _meta(
    scene: Scene,
    shape: tuple[int, int],
    labels: list[str],
    drift: tuple[int, int],
    dose: float,
) -> dict[str, Any]:
    """Describe the image; as in the format's first files, lengths in `grains` are in angstrom."""
    microscope = scene.microscope
    return {
        "engine": FORMAT,
        "seed": scene.seed,
        "n": shape[1],
        "shape": list(shape),
        "labels": labels,
        "px_nm_true": microscope.pixel,
        "px_nm_header": microscope.pixel * (1 + microscope.header_scale_error),
        "anisotropy_true": microscope.anisotropy,
        "condition_name": f"{microscope.voltage:g} kV",
        "condition": {
            "E": microscope.voltage * 1e3,
            "Cs": microscope.spherical * 1e7,
            "df": microscope.focus * 10,
            "fs": microscope.focal_spread * 10,
            "alpha": microscope.convergence * 1e-3,
        },
        "dose_e_A2": microscope.dose * dose,
        "thickness_A": scene.specimen.thickness * 10,
        "film_A": scene.specimen.film * 10,
        "grains": [_grain(grain, microscope, drift) for grain in scene.grains],
    }


def _grain(grain: Grain, microscope: Microscope, drift: tuple[int, int]) -> dict[str, Any]:
    corner = [(MARGIN + d) * p for d, p in zip(drift, microscope.pixels, strict=True)]
    orientation = grain.orientation
    return {
        "id": grain.number,
        "phase": grain.phase,
        "x": 10 * (grain.centre[1] - corner[1]),
        "y": 10 * (grain.centre[0] - corner[0]),
        "a": 10 * grain.axes[0],
        "b": 10 * grain.axes[1],
        "phi": grain.angle,
        "t": 10 * grain.thickness,
        "uvw": list(orientation.zone),
        "mode": orientation.mode,
        "tilt": orientation.tilt,
        "R": orientation.rotation.tolist(),
        "scale": grain.scale,
    }
