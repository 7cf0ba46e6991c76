"""Phantoms of specimens and microscopes of every kind: settings at random, within what is usual."""

from __future__ import annotations

import numpy as np

from .crystals import CRYSTALS
from .grains import Specimen
from .optics import Microscope
from .phantom import Phantom, look


def varied(seed: int, shape: tuple[int, int] = (1024, 1024), *, null: bool = False) -> Phantom:
    """Make a phantom of `shape` (y, x) whose settings follow from `seed` too.

    `null` leaves the crystals out.
    """
    rng = np.random.default_rng([seed, 6])
    specimen = _specimen(rng, null)
    return look(seed, shape, specimen, _microscope(rng))


def _specimen(rng: np.random.Generator, null: bool) -> Specimen:
    phases = tuple(str(p) for p in rng.choice(sorted(CRYSTALS), 4, replace=False))
    thickness = rng.uniform(5, 16)
    return Specimen(
        phases=phases,
        n_grains=0 if null else None,
        cover=rng.uniform(0.1, 0.5),
        diameter=(3.0, rng.uniform(6, 16)),
        thickness=thickness,
        film=thickness * rng.uniform(0.1, 0.4),
        vacuum=float(rng.choice([0.0, 0.15, 0.3])),
        tilt=rng.uniform(0.3, 1.5),
    )


def _microscope(rng: np.random.Generator) -> Microscope:
    return Microscope(
        pixel=rng.uniform(0.022, 0.036),
        voltage=float(rng.choice([200.0, 300.0])),
        spherical=float(rng.choice([0.005, 0.5, 1.2])),
        defocus=rng.uniform(-120, -20),
        astigmatism=rng.uniform(0, 6),
        astigmatism_angle=rng.uniform(0, 180),
        focal_spread=rng.uniform(2, 5),
        convergence=rng.uniform(0.1, 0.5),
        dose=float(np.exp(rng.uniform(np.log(100), np.log(1500)))),
        shading=rng.uniform(0, 0.05),
        blur=rng.uniform(0.3, 0.9),
    )
