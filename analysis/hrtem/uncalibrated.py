"""Identification without any scale: by ratios of lengths and by angles alone.

All grains of a session share one pixel size, whatever it is; so several grains together tell more
than each alone, and the pixel size comes out as well. Phases of the same cubic lattice stay
indistinguishable as long as nothing else is seen: their posteriors say so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import xarray as xr

from ..operators import AnalysisError
from .candidates import Candidates
from .library import Library, shipped
from .selfcal import SelfCalibration
from .selfcal_doubt import Belief, believe, moved
from .selfcal_fit import shares
from .selfcal_groups import Groups, distinct, merged, nothing, taken
from .selfcal_votes import Votes

GUESS = 0.03
"""Pixel in nm that is tried first; the middle of high-resolution images."""
WIDE = 0.7
"""Standard deviation of the log of the pixel size about that."""
BEYOND = 1.2
"""Largest spatial frequency at which spots were looked for, over that of the spots."""
CLIMBS = 60
"""Maxima that are climbed: without a scale there are many."""
TRUST = 0.12
"""Exponent of the odds of pixel sizes, and ..."""
TEMPER = 0.5
"""... of the odds of the phases of a grain: without a scale, phases that are no candidates look
like those that are, and errors are shared. Found on phantoms of one frame each, so that of the
answers given with more than 0.9 hardly any is wrong where the candidates hold what is there."""
STRANGE = 0.5
"""Share of the grains of no candidate that have the structure of one, with another cell. They fit
as well as its own grains: without a scale no answer is surer than that they are rare."""
LISTED = 0.05
"""A phase is listed among those that fit a grain from this posterior on."""


@dataclass(frozen=True)
class Uncalibrated:
    """Find the phases, and the pixel size, of images that come without one."""

    candidates: str | tuple[str, ...] = "li-sei"
    """Phases that the chemistry allows, as for `PhaseMapper`."""
    anisotropy_prior: float = 0.02
    """Standard deviation of pixel height over width, before looking."""
    shear_prior: float = 0.015
    """The same for the angle between the axes, radian."""
    unknown_prior: float = 0.2
    """Probability, before looking, that a grain is none of the candidates, or no grain."""
    grains: int = 100
    """Best grains that are kept."""
    temperature: float | None = None
    """Of the specimen, K."""
    library: Library = field(default_factory=shipped, repr=False)
    """The phases to choose from."""

    def start(self) -> Groups:
        """Begin a session: nothing is known."""
        return nothing()

    def add(self, state: Groups, said: xr.Dataset, numbers: Sequence[int]) -> Groups:
        """Take in what `PhaseMapper` said of the frames `numbers` without a pixel size.

        AnalysisError if there was one.
        """
        if said["spot_kx"].attrs.get("units", "1/px") != "1/px":
            raise AnalysisError("these spots are calibrated; `SelfCalibration` is for them")
        return self.merge(state, _guessed(taken(said, numbers)))

    def merge(self, one: Groups, other: Groups) -> Groups:
        """Join the states of two workers; the order doesn't matter."""
        return merged(one, other, self.grains)

    def finish(self, state: Groups) -> xr.Dataset:
        """Say what the grains are, and the pixel size.

        Variables: `grain_posterior` [grain, phase], `grain_phase` (words), `grain_candidates`,
        `grain_frame`, `grain_row` (in its batch) [grain]; `pixel`, `pixel_sigma` [option] in nm
        and `pixel_probability` [option], most probable first.
        """
        used = distinct(state)
        settings = SelfCalibration(
            candidates=self.candidates,
            scale_prior=WIDE,
            anisotropy_prior=self.anisotropy_prior,
            shear_prior=self.shear_prior,
            unknown_prior=self.unknown_prior,
            k_max=BEYOND * float(np.abs(used.k).max(initial=1e-3)),
            temperature=self.temperature,
            library=self.library,
        )
        known = replace(settings, k_max=8.3).known()
        votes = settings.votes(used, known)
        belief = believe(votes, settings.prior, strangers=False, climbs=CLIMBS, trust=TRUST)
        own = 1 - self.unknown_prior
        real = own / (own + STRANGE * self.unknown_prior)
        posterior = real * _posterior(votes, belief, len(known.phases))
        return _dataset(used, posterior, belief, known)


def _guessed(groups: Groups) -> Groups:
    """Turn lengths in pixels into nm as if the pixel were GUESS."""
    return replace(groups, k=groups.k / GUESS, sigma=groups.sigma / GUESS, size=groups.size * GUESS)


def _posterior(votes: Votes, belief: Belief, phases: int) -> np.ndarray:
    """Probability of each phase for each grain, [grain, phase]; the rest is unknown."""
    total = np.zeros(votes.grains * phases)
    for p, answer in zip(belief.probability, belief.answers, strict=True):
        share = shares(moved(votes, answer), answer.peak.at)[0]
        total += p * np.bincount(votes.grain * phases + votes.phase, share, len(total))
    return tempered(total.reshape(votes.grains, phases))


def tempered(posterior: np.ndarray) -> np.ndarray:
    """Bring the odds of a grain's phases, and of unknown, nearer to one."""
    full = np.concatenate([posterior, 1 - posterior.sum(axis=1, keepdims=True)], axis=1)
    full = np.maximum(full, 1e-9) ** TEMPER
    return np.asarray(full[:, :-1] / full.sum(axis=1, keepdims=True))


def _dataset(used: Groups, posterior: np.ndarray, belief: Belief, known: Candidates) -> xr.Dataset:
    names = np.array(known.names)
    width = np.array([np.sqrt(a.peak.covariance[0, 0]) for a in belief.answers])
    real = width < WIDE / 2  # that nothing is known is among the answers
    pixel = np.array([GUESS * np.exp(a.peak.at[0]) for a in belief.answers])
    full = np.concatenate([posterior, 1 - posterior.sum(axis=1, keepdims=True)], axis=1)
    leaders = np.append(names, "unknown")[full.argmax(axis=1)]
    fits = [",".join(names[n] for n in np.argsort(-row) if row[n] >= LISTED) for row in posterior]
    variables = {
        "grain_posterior": (
            ("grain", "phase"),
            posterior.astype(np.float32),
            {"long_name": "posterior probability; the rest is unknown", "units": "1"},
        ),
        "grain_phase": ("grain", leaders.astype(str), {"long_name": "most probable phase"}),
        "grain_candidates": (
            "grain",
            np.array(fits, str) if fits else np.zeros(0, "<U1"),
            {"long_name": "phases that fit"},
        ),
        "grain_frame": ("grain", used.frame, {"long_name": "frame of the run"}),
        "grain_row": ("grain", used.row, {"long_name": "row in the grain table of its batch"}),
        "pixel": ("option", pixel[real], {"long_name": "size of a pixel", "units": "nm"}),
        "pixel_sigma": (
            "option",
            (width * pixel)[real],
            {"long_name": "standard deviation of the size of a pixel", "units": "nm"},
        ),
        "pixel_probability": (
            "option",
            belief.probability[real],
            {"long_name": "posterior probability of a pixel size", "units": "1"},
        ),
    }
    coords = {"phase": ("phase", names, {"long_name": "candidate phase"})}
    attrs = {
        "title": "Phases by ratios and angles alone",
        "candidates": " ".join(names),
        "database_sha256": known.database,
        "frames": used.frames,
    }
    return xr.Dataset(variables, coords, attrs)
