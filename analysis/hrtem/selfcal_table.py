"""The result of a self-calibration as labelled arrays, and in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from .candidates import Candidates
from .columns import Variable
from .correction import Correction, Spread
from .selfcal_doubt import Belief, moved
from .selfcal_fit import shares
from .selfcal_groups import Groups
from .selfcal_votes import Votes

QUANTITIES = ("scale", "anisotropy", "shear")
VAGUE = 0.005
"""Standard deviation of the scale above which the evidence is called too little."""
STEPS = 481


@dataclass(frozen=True, slots=True)
class Finding:
    """What a session gave."""

    belief: Belief
    votes: Votes
    state: Groups
    score: float
    """Of the best grains; log posterior, 0 = all unknown."""
    chance: np.ndarray
    """The same with permuted azimuths, one for each permutation."""
    vague: float = VAGUE
    """Standard deviation of the scale above which the evidence is called too little."""

    @property
    def p_value(self) -> float:
        """Probability of such a score by chance, at least 1 / (permutations + 1); nan = unknown."""
        if not len(self.chance):
            return float("nan")
        return float((1 + (self.chance >= self.score).sum()) / (1 + len(self.chance)))

    @property
    def beyond_chance(self) -> bool:
        """Whether no permutation reached the score."""
        return bool((self.chance < self.score).all())


def dataset(finding: Finding, known: Candidates, prior: Spread, alarm: float) -> xr.Dataset:
    """Put the finding into arrays."""
    grains = _grains(finding, len(known.phases))
    scale, density = _posterior(finding.belief, prior)
    variables = _correction(finding.belief) | {
        "posterior": _variable("scale", density, "probability density of the scale error"),
        "phase_grains": _variable("phase", grains, "grains that are read as a phase"),
        "score_permuted": _variable("permutation", finding.chance, "score with permuted azimuths"),
    }
    parts, axes = np.array(QUANTITIES), np.array(["y", "x"])
    coords = {
        "quantity": ("quantity", parts, {"long_name": "part of the correction"}),
        "with": ("with", parts, {"long_name": "part of the correction"}),
        "to": ("to", axes, {"long_name": "true length along"}),
        "of": ("of", axes, {"long_name": "length by the header along"}),
        "scale": _variable("scale", scale, "error of the pixel size"),
        "phase": ("phase", np.array(known.names), {"long_name": "candidate phase"}),
    }
    return xr.Dataset(variables, coords, _attributes(finding, known, prior, alarm, grains))


def _variable(dims: str | tuple[str, ...], values: np.ndarray, words: str) -> Variable:
    return (
        (dims,) if isinstance(dims, str) else dims,
        values,
        {"long_name": words, "units": "1"},
    )


def _correction(belief: Belief) -> dict[str, Variable]:
    """Variables of the correction itself."""
    correction = Correction(*map(float, belief.mean))
    what = "error of the header's pixel grid"
    return {
        "calibration": _variable("quantity", correction.values, f"{what}: log of true over header"),
        "calibration_sigma": _variable(
            "quantity", np.sqrt(np.diag(belief.covariance)), f"standard deviation of the {what}"
        ),
        "calibration_covariance": _variable(
            ("quantity", "with"), belief.covariance, f"covariance of the {what}"
        ),
        "matrix": _variable(
            ("to", "of"), correction.matrix, "true lengths from those by the header"
        ),
    }


def _grains(finding: Finding, phases: int) -> np.ndarray:
    """Expected number of grains read as each phase."""
    total = np.zeros(phases)
    votes = finding.votes
    for p, answer in zip(finding.belief.probability, finding.belief.answers, strict=True):
        there = moved(votes, answer)
        total += p * np.bincount(votes.phase, shares(there, answer.peak.at)[0], phases)
    return total.astype(np.float32)


def _posterior(belief: Belief, prior: Spread) -> tuple[np.ndarray, np.ndarray]:
    """Scale error and its probability density."""
    scale = np.linspace(-3, 3, STEPS) * prior.scale
    step = float(scale[1] - scale[0])
    density = np.zeros(STEPS)
    for p, answer in zip(belief.probability, belief.answers, strict=True):
        width = np.hypot(np.sqrt(answer.peak.covariance[0, 0]), step / 2)
        density += p * np.exp(-(((scale - answer.peak.at[0]) / width) ** 2) / 2) / width
    return scale, (density / np.sqrt(2 * np.pi)).astype(np.float32)


def _attributes(
    finding: Finding, known: Candidates, prior: Spread, alarm: float, grains: np.ndarray
) -> dict[str, Any]:
    belief = finding.belief
    value, sigma = belief.mean, np.sqrt(np.diag(belief.covariance))
    words = _words(finding, known, value, sigma, alarm)
    chance = finding.chance
    return {
        "title": "Self-calibration of the pixel grid",
        "candidates": " ".join(known.names),
        "database_sha256": known.database,
        "cell_temperatures_K": [phase.temperature for phase in known.phases],
        "prior_sigma": [prior.scale, prior.anisotropy, prior.shear],
        "frames": finding.state.frames,
        "grains_seen": finding.state.seen,
        "grains_used": round(float(grains.sum()), 1),
        "score": round(finding.score, 2),
        "score_gain": round(finding.score - float(np.mean(chance)), 2) if len(chance) else "none",
        "p_value": round(finding.p_value, 4) if len(chance) else "none",
        "scale": round(float(np.exp(value[0])), 5),
        "anisotropy": round(float(np.expm1(value[1])), 5),
        "shear_degrees": round(float(np.degrees(value[2])), 3),
        "enough": int(_enough(finding, sigma)),
        "accepted": "no: it is applied only when a person or the settings say so",
        "proposed_correction": [round(float(v), 6) for v in value],
        "proposed_correction_sigma": [round(float(s), 6) for s in sigma],
        "applied_correction": [round(float(v), 6) for v in finding.state.applied],
        "alarm": "; ".join(words[1:]) or "none",
        "note": "; ".join(words),
    }


def _words(
    finding: Finding, known: Candidates, value: np.ndarray, sigma: np.ndarray, alarm: float
) -> list[str]:
    """Say the finding, then what is alarming about it."""
    said = (
        f"pixel {100 * value[0]:+.2f} ± {100 * sigma[0]:.2f} %, "
        f"height over width {100 * value[1]:+.2f} ± {100 * sigma[1]:.2f} %, "
        f"shear {np.degrees(value[2]):+.2f} ± {np.degrees(sigma[2]):.2f} degrees"
    )
    if not _enough(finding, sigma):
        return [f"too little evidence to calibrate: {said}"]
    if (np.abs(value - finding.state.applied) < sigma).all():
        said += ": nothing of it exceeds its error, and accepting it would improve nothing"
    return [said, *_alarms(finding, known, value, alarm)]


def _enough(finding: Finding, sigma: np.ndarray) -> bool:
    """Whether the evidence carries a correction."""
    return bool(sigma[0] <= finding.vague and finding.beyond_chance)


def _alarms(finding: Finding, known: Candidates, value: np.ndarray, alarm: float) -> list[str]:
    """Say what exceeds `alarm`, and which phase seems to be another one.

    Compared is with what is applied; that is nothing until somebody accepts a correction.
    """
    words = []
    applied = finding.state.applied
    value = value - applied
    than = "the correction in force says" if applied.any() else "the header says"
    if abs(value[0]) > alarm:
        more = "larger" if value[0] > 0 else "smaller"
        words.append(f"the true pixel is {100 * abs(value[0]):.1f} % {more} than {than}")
    if abs(value[1]) > alarm:
        more = "higher than wide" if value[1] > 0 else "wider than high"
        words.append(f"the true pixel is {100 * abs(value[1]):.1f} % {more}")
    if abs(value[2]) > alarm:
        words.append(f"the axes of the image are {np.degrees(value[2]):+.2f} degrees off square")
    if words:
        words.append("accept the proposed correction, or correct the pixel size in the settings")
    best = finding.belief.answers[0]
    if best.stranger >= 0:
        words.append(
            f"what looks like {known.names[best.stranger]} has a lattice {100 * best.off:+.1f} % "
            "off: it may be another phase of the same structure, add it to the candidates"
        )
    return words
