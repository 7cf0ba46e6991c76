"""What is true of a simulated image: maps, reflections, and which of them could have been seen."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

DETECTABLE = 20.0
"""`snr_local` from which a true spot could have been seen: one false alarm in ten frames of noise
takes a threshold of about 17."""
COLLINEAR = np.sin(np.deg2rad(5))
"""Sine of the angle below which two spots count as one row."""
COLUMNS = ("grain", "kx_nm", "ky_nm", "d_nm", "snr_local")
"""Of the true spots, those that are used."""


@dataclass(frozen=True, slots=True)
class Truth:
    """What is true of one image."""

    phase_map: np.ndarray
    """[y, x], index into `labels`: 0 vacuum, 1 amorphous"""
    grain_map: np.ndarray
    """[y, x], 0 = none"""
    spots: np.ndarray
    """Structured, with `COLUMNS`."""
    labels: tuple[str, ...]
    pixels: tuple[float, float]
    """True (y, x) size in nm."""
    header: tuple[float, float]
    """(y, x) size in nm that the header claims: what the operator was told."""
    voltage: float | None
    """Acceleration voltage in kV."""

    @property
    def null(self) -> bool:
        """Whether there is nothing to find."""
        return not len(self.spots) and not self.grain_map.any()


def truth(arrays: Mapping[str, np.ndarray]) -> Truth:
    """Read a simulation's `phase_map, grain_map, spots, meta`; ValueError says what is missing."""
    missing = [name for name in ("phase_map", "grain_map", "spots", "meta") if name not in arrays]
    if missing:
        raise ValueError(f"no {missing[0]!r} in it: this is no image with truth")
    meta = json.loads(str(arrays["meta"]))
    for key in ("px_nm_true", "px_nm_header", "labels"):
        if key not in meta:
            raise ValueError(f"its meta has no {key!r}")
    spots = arrays["spots"]
    if not len(spots):
        spots = np.zeros(0, [(name, "<f4") for name in COLUMNS])
    absent = [name for name in COLUMNS if name not in (spots.dtype.names or ())]
    if absent:
        raise ValueError(f"its spots have no column {absent[0]!r}")
    ratio = float(np.sqrt(1 + meta.get("anisotropy_true", 0.0)))
    volts = meta.get("condition", {}).get("E")
    pixel, header = float(meta["px_nm_true"]), float(meta["px_nm_header"])
    return Truth(
        phase_map=arrays["phase_map"],
        grain_map=arrays["grain_map"],
        spots=spots,
        labels=tuple(meta["labels"]),
        pixels=(pixel * ratio, pixel / ratio),
        header=(header, header),
        voltage=None if volts is None else float(volts) / 1e3,
    )


def halves(spots: np.ndarray) -> np.ndarray:
    """Take one of each Friedel pair of each grain."""
    k = spots["kx_nm"] + 1j * spots["ky_nm"]
    back = (k.imag < 0) | ((k.imag == 0) & (k.real < 0))
    k = np.where(back, -k, k)
    key = np.stack([spots["grain"], np.rint(k.real * 1e3), np.rint(k.imag * 1e3)], axis=1)
    return np.asarray(spots[np.sort(np.unique(key, axis=0, return_index=True)[1])])


def sums(spots: np.ndarray) -> np.ndarray:
    """Give the sums (doubles too) of the detectable spots of each grain, complex."""
    sums = [np.zeros(0, complex)]
    bright = spots[spots["snr_local"] >= DETECTABLE]
    for grain in np.unique(bright["grain"]):
        k = (bright["kx_nm"] + 1j * bright["ky_nm"])[bright["grain"] == grain]
        k = np.concatenate([k, -k])
        sums.append((k[:, None] + k).ravel())
    every = np.concatenate(sums)
    every = np.unique(np.round(every / 2e-3)) * 2e-3
    return np.asarray(every[np.abs(every) > 0.5])


def phases(true: Truth) -> dict[int, str]:
    """Name the phase of each true grain."""
    grains, first = np.unique(true.grain_map, return_index=True)
    phases = true.phase_map.ravel()[first]
    return {int(g): true.labels[p] for g, p in zip(grains, phases, strict=True) if g}


def kinds(true: Truth) -> dict[int, str]:
    """Say which true grains show detectable spots: in two directions, or in one row."""
    kinds = {}
    bright = true.spots[true.spots["snr_local"] >= DETECTABLE]
    for grain in np.intersect1d(np.unique(bright["grain"]), true.grain_map):
        spots = bright[bright["grain"] == grain]
        unit = (spots["kx_nm"] + 1j * spots["ky_nm"]) * spots["d_nm"]
        sine = np.abs((unit[:, None].conj() * unit).imag)
        kinds[int(grain)] = "multi_spot" if sine.max() > COLLINEAR else "single_row"
    return kinds
