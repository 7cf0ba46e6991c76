"""How far the spot network may be believed: its answers to candidates whose truth is known.

    parts = [judged(image, true, limits, judge) for ...]      # candidates of images with truth
    calibration(parts, nulls)                                 # numbers for the card

Temperature and shift come from crystals, the scale of evidence from images without any.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .background import Rings, azimuthal, ring_background, rings
from .crop import View, fourier_crop
from .network import CANDIDATE, Network, joint, scores
from .peaks import Peaks, find_peaks, ratio, side_lobes
from .tiles import Tiling, tile_power, tiling
from .truth import Truth, halves, sums

K_RANGE = (1.5, 8.3)
"""1/nm, where candidates are looked for."""
WINDOWS = (7.7, 15.0)
"""nm"""
CLEAR, UNCLEAR = 1.0, 2.5
"""Bins from a true reflection up to which a candidate is it, and from which it is none."""
SHARE = 0.03
"""Of a tile's window that a grain must fill to be seen in it."""
TAIL = 300
"""Strongest answers to noise that the scale of evidence is fitted to."""
BINS = 10


@dataclass(frozen=True, slots=True)
class Judged:
    """Candidates of one image, one row each."""

    logit: np.ndarray
    z: np.ndarray
    real: np.ndarray
    """Whether each is a reflection, or a sum of two."""
    trials: float
    """Independent looks at the image."""


def judged(image: np.ndarray, true: Truth, judge: Network) -> Judged:
    """Ask the network about the candidates of `image` (float32, finite) with truth."""
    view = fourier_crop(image, true.pixels, K_RANGE[1])
    rows: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    trials = 0.0
    for length in WINDOWS:
        z, cut, bins, found = candidates_of(view, length)
        trials += float(np.prod(cut.grid) * bins.inside.sum())
        verdict = _true(found, cut, true)
        keep = verdict >= 0
        rows.append((scores(z, cut, found, judge)[keep], found.z[keep], verdict[keep] > 0))
    logit, height, real = (np.concatenate(column) for column in zip(*rows, strict=True))
    return Judged(logit, height, real, trials)


def candidates_of(view: View, length: float) -> tuple[np.ndarray, Tiling, Rings, Peaks]:
    """Give z of all tiles of `length`, and the maxima worth a look."""
    cut = tiling(view, length)
    bins = rings(cut.shape, cut.pixel, *K_RANGE)
    power = tile_power(view.image, cut, len(bins.kx))
    z = ratio(power, ring_background(power, cut, bins), None, bins)
    z *= 1 / azimuthal(z, bins)
    found = find_peaks(z, bins, CANDIDATE)
    return z, cut, bins, found.keep(~side_lobes(found, found.tile, cut.length))


def _true(found: Peaks, cut: Tiling, true: Truth) -> np.ndarray:
    """1 for reflections, 0 for none, -1 where it is not clear: int [candidate]."""
    verdict = np.zeros(len(found), int)
    spots = halves(true.spots)
    k = found.kx + 1j * found.ky
    share = _shares(cut, true)
    for grain in np.unique(spots["grain"]):
        of = spots[spots["grain"] == grain]
        every = np.r_[of["kx_nm"] + 1j * of["ky_nm"], sums(of)]
        if not every.size:
            continue
        near = np.flatnonzero(share[:, grain][found.tile] > SHARE)
        apart = np.abs(k[near, None] - every).min(axis=1)
        apart = np.minimum(apart, np.abs(k[near, None] + every).min(axis=1)) * cut.length
        unsure = near[(apart < UNCLEAR) & (verdict[near] == 0)]
        verdict[unsure] = -1
        verdict[near[apart < CLEAR]] = 1
    return verdict


def _shares(cut: Tiling, true: Truth) -> np.ndarray:
    """Share of each tile that each grain fills, [tile, grain]."""
    many = int(max(true.grain_map.max(initial=0), true.spots["grain"].max(initial=0))) + 1
    result = np.zeros((int(np.prod(cut.grid)), many))
    scale = [cut.pixel[axis] / true.pixels[axis] for axis in (0, 1)]
    corners = [(top, left) for top in cut.rows for left in cut.columns]
    for tile, (top, left) in enumerate(corners):
        y, x = round(top * scale[0]), round(left * scale[1])
        height, width = round(cut.shape[0] * scale[0]), round(cut.shape[1] * scale[1])
        part = true.grain_map[y : y + height, x : x + width]
        result[tile] = np.bincount(part.ravel(), minlength=many) / max(part.size, 1)
    return result


def calibration(crystals: Sequence[Judged], nulls: Sequence[Judged]) -> dict[str, float]:
    """Give temperature, shift and the scale of evidence, with how well they hold."""
    logit = np.concatenate([part.logit for part in crystals])
    real = np.concatenate([part.real for part in crystals])
    slope, shift = _logistic(logit, real)
    noise = np.sort(np.concatenate([joint(part.z, part.logit) for part in nulls]))[::-1][:TAIL]
    trials = sum(part.trials for part in nulls)
    rarity = -np.log((np.arange(len(noise)) + 0.7) / trials)
    line = np.polyfit(noise, rarity, 1)
    chance = 1 / (1 + np.exp(-(slope * logit + shift)))
    return {
        "temperature": 1 / slope,
        "shift": shift,
        "evidence_slope": float(line[0]),
        "evidence_offset": float(line[1]),
        "ece": expected_error(chance, real),
        "candidates": float(len(logit)),
        "looks_at_noise": trials,
    }


def _logistic(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Fit P(y) = 1 / (1 + exp(-(a x + b))) by Newton's method; give a, b."""
    design = np.stack([x, np.ones_like(x)], axis=1).astype(float)
    beta = np.array([1.0, 0.0])
    for _ in range(50):
        chance = 1 / (1 + np.exp(-np.clip(design @ beta, -30, 30)))
        weight = chance * (1 - chance) + 1e-9
        step = np.linalg.solve(
            (design * weight[:, None]).T @ design + 1e-6 * np.eye(2), design.T @ (y - chance)
        )
        beta += np.clip(step, -1, 1)
    return float(beta[0]), float(beta[1])


def expected_error(chance: np.ndarray, real: np.ndarray) -> float:
    """Expected calibration error: |said - true| frequency over ten bins, weighted by count."""
    place = np.minimum((chance * BINS).astype(int), BINS - 1)
    said = np.bincount(place, chance, BINS)
    happened = np.bincount(place, real.astype(float), BINS)
    return float(np.abs(said - happened).sum() / max(len(chance), 1))
