"""Spots of known lattices on a wrong pixel grid, in the form in which `PhaseMapper` gives them."""

from __future__ import annotations

import numpy as np
import xarray as xr

from beamside.analysis.hrtem.correction import Correction, matrices
from beamside.analysis.hrtem.phases import load_phase

Uvw = tuple[int, int, int]
MIX: tuple[tuple[str, Uvw], ...] = (
    ("LiF", (0, 1, 1)),
    ("Li2O", (0, 1, 1)),
    ("Li", (0, 0, 1)),
    ("LiOH", (1, 0, 0)),
    ("Li2CO3", (1, 0, 1)),
    ("Cu", (0, 1, 1)),
)
DIAMETER = 9.0


def zone(name: str, uvw: Uvw, turn: float, many: int = 4) -> np.ndarray:
    """Strongest reflections of a zone, one of each pair: complex, kx + i ky."""
    phase = load_phase(name, None, 6.5)
    hkl = phase.hkl[(phase.hkl @ np.array(uvw)) == 0]
    strength = phase.amplitude[(phase.hkl @ np.array(uvw)) == 0]
    half = (np.sign(hkl) @ (9, 3, 1)) > 0
    g = phase.g(hkl[half][np.argsort(-strength[half], kind="stable")][:many])
    along = g[0] / np.linalg.norm(g[0])
    across = np.cross(np.linalg.svd(g)[2][-1], along)
    return np.asarray((g @ along + 1j * (g @ across)) * np.exp(1j * turn))


def power(name: str, uvw: Uvw, many: int = 4) -> np.ndarray:
    """|F|^2 of the same reflections, over that of the strongest of the phase."""
    phase = load_phase(name, None, 6.5)
    here = ((phase.hkl @ np.array(uvw)) == 0) & ((np.sign(phase.hkl) @ (9, 3, 1)) > 0)
    return np.asarray(np.sort(phase.amplitude[here])[::-1][:many] ** 2)


def seen(k: np.ndarray, wrong: Correction) -> np.ndarray:
    """Say where the header puts the true `k`."""
    y, x = np.einsum("ij,jn->in", matrices(wrong.values), np.stack([k.imag, k.real]))
    return np.asarray(x + 1j * y)


def frame(
    wrong: Correction,
    rng: np.random.Generator,
    mix: tuple[tuple[str, Uvw], ...] = MIX,
    *,
    noise: float = 0.008,
    pixel: float | None = None,
    strange: float = 0.0,
    many: int = 4,
) -> xr.Dataset:
    """One frame of these grains; with `pixel` in nm its lengths are in pixels.

    `strange` is the relative error of the lattice of the first of them.
    """
    groups, snr = [], []
    for n, (name, uvw) in enumerate(mix):
        k = zone(name, uvw, rng.uniform(0, 6), many) / (1 + (strange if n == 0 else 0))
        k = k / (1 + 0.002 * rng.standard_normal())
        k = k + noise * (rng.standard_normal(len(k)) + 1j * rng.standard_normal(len(k)))
        groups.append(seen(k * rng.choice([-1, 1], len(k)), wrong))
        snr.append(300 * power(name, uvw, many) * rng.uniform(0.7, 1.4, len(k)))
    k = np.concatenate(groups)
    grain = np.repeat(np.arange(len(groups)), [len(g) for g in groups])
    length = 1.0 if pixel is None else pixel
    units = {"units": "1/nm" if pixel is None else "1/px"}
    size = np.full(len(groups), DIAMETER / length)
    return xr.Dataset(
        {
            "spot_kx": ("spot", k.real * length, units),
            "spot_ky": ("spot", k.imag * length, units),
            "spot_k_sigma": ("spot", np.full(len(k), noise * length), units),
            "spot_snr": ("spot", np.maximum(np.concatenate(snr), 20)),
            "spot_grain": ("spot", grain),
            "grain_area": ("grain", np.pi * size**2 / 4),
            "grain_frame": ("grain", np.zeros(len(groups), int)),
        }
    )
