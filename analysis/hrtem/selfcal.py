"""Self-calibration: what the crystals of a session say of the microscope's pixel grid.

    calibration = SelfCalibration(candidates="li-sei")
    state = calibration.start()
    state = calibration.add(state, mapper(images, header), numbers)     # any worker, any order
    state = calibration.merge(state, other)                              # associative
    calibration.finish(state)                                            # xarray.Dataset

One state stands for one magnification: one pixel size by the header. Nothing is applied by it; see
`applied`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np
import xarray as xr

from ..operators import AnalysisError
from .candidates import Candidates, candidates
from .correction import Spread
from .evidence import Spots
from .gather import Prior, gather
from .library import Library, shipped
from .selfcal_doubt import Belief, believe
from .selfcal_fit import peaks
from .selfcal_groups import COLUMNS, Groups, distinct, merged, nothing, planar, restored, taken
from .selfcal_readings import Readings
from .selfcal_rows import joined, row_votes
from .selfcal_table import VAGUE, Finding, dataset
from .selfcal_votes import Votes, votes

TILTED = 0.002
"""Standard deviation of one grain's own anisotropy and shear: tilt, strain."""
COMPARED = 30
"""Best grains on which the score is compared with that of permuted azimuths."""


@dataclass(frozen=True)
class SelfCalibration:
    """Find scale, anisotropy and shear of the pixel grid from the grains of a session."""

    candidates: str | tuple[str, ...] = "li-sei"
    """Phases that the chemistry allows, as for `PhaseMapper`."""
    scale_prior: float = 0.04
    """Standard deviation of the header's relative error, before looking."""
    anisotropy_prior: float = 0.03
    """The same for pixel height over width."""
    shear_prior: float = 0.02
    """The same for the angle between the axes, radian."""
    strain: float = 0.004
    """Standard deviation of the relative error of one grain's lattice parameter."""
    distortion: float = 0.004
    """Standard deviation of the relative misplacement of one spot."""
    unknown_prior: float = 0.2
    """Probability, before looking, that a grain is none of the candidates, or no grain."""
    strangers: bool = True
    """Whether a candidate's grains may all be another phase of the same structure."""
    rows: bool = False
    """Whether grains with a single row of spots count: where the phase is known."""
    faintest: float = 0.0
    """Power of the faintest spots that count over that of the strongest in their frame."""
    vague: float = VAGUE
    """Standard deviation of the scale above which the evidence is called too little."""
    origin: str = "self-calibration"
    """In words: what the result is to be called."""
    grains: int = 300
    """Best grains that are kept."""
    permutations: int = 19
    """Times the azimuths are permuted to see what score chance reaches; 0 = not at all."""
    alarm: float = 0.01
    """Say it in words when a number exceeds this."""
    k_max: float = 8.3
    """Largest spatial frequency at which spots were looked for, 1/nm."""
    temperature: float | None = None
    """Of the specimen, K."""
    library: Library = field(default_factory=shipped, repr=False)
    """The phases to choose from."""

    def __post_init__(self) -> None:
        """Refuse settings that mean nothing; ValueError names the setting and what is allowed."""
        above = ("scale_prior", "anisotropy_prior", "shear_prior", "strain", "distortion")
        for name in (*above, "alarm", "k_max"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0, not {getattr(self, name)!r}")
        if not 0 < self.unknown_prior < 1:
            raise ValueError(f"unknown_prior must lie between 0 and 1, not {self.unknown_prior!r}")
        if self.grains < 1 or self.permutations < 0:
            raise ValueError("grains must be at least 1, permutations at least 0")

    @property
    def prior(self) -> Spread:
        """What is known of the header before looking."""
        return Spread(self.scale_prior, self.anisotropy_prior, self.shear_prior)

    def start(self) -> Groups:
        """Begin a session: nothing is known."""
        return nothing()

    def add(self, state: Groups, said: xr.Dataset, numbers: Sequence[int]) -> Groups:
        """Take in what `PhaseMapper` said of the frames called `numbers` (in nm by the header).

        AnalysisError if it was said with another correction than the header's, or in pixels.
        """
        if said["spot_kx"].attrs.get("units") == "1/px":
            raise AnalysisError(
                "the spots are in 1/px: give the pixel size of the header, or use `Uncalibrated`"
            )
        return self.merge(state, taken(said, numbers, self.rows, self.faintest))

    def merge(self, one: Groups, other: Groups) -> Groups:
        """Join the states of two workers; the order doesn't matter."""
        return merged(one, other, self.grains)

    def save(self, state: Groups) -> Mapping[str, np.ndarray]:
        """Give the state as arrays."""
        return state.arrays()

    def restore(self, arrays: Mapping[str, np.ndarray]) -> Groups:
        """Take up what `save` gave; ValueError if it is none of a self-calibration."""
        return restored(arrays)

    def finish(self, state: Groups) -> xr.Dataset:
        """Say what the grains agree on, how sure that is, and what chance would have reached.

        Variables: `calibration` and `calibration_sigma` [quantity], `calibration_covariance`
        [quantity, with], `matrix` [to, of], `posterior` [scale], `phase_grains` [phase] and
        `score_permuted` [permutation]; words and counts are attributes.
        """
        known = self.known()
        used = distinct(state)
        read = self.votes(used, known)
        belief = believe(read, self.prior, self.strangers)
        best = used.keep(np.arange(min(len(used), COMPARED)))
        score, chance = _scores(self, _Best(best, _content(best)))
        finding = Finding(belief, read, state, score, np.array(chance), self.vague)
        said = dataset(finding, known, self.prior, self.alarm)
        return said.assign_attrs(calibration_origin=self.origin)

    def belief(self, state: Groups) -> Belief:
        """Give all possible corrections with their probabilities."""
        return believe(self.votes(distinct(state), self.known()), self.prior, self.strangers)

    def known(self) -> Candidates:
        """Prepare the candidates, with all reflections that a wrong header brings into view."""
        names = self.candidates
        reach = self.k_max * float(np.exp(3 * min(self.scale_prior, 0.05)))
        try:
            return candidates(
                names if isinstance(names, str) else tuple(names),
                self.temperature,
                reach,
                self.library,
            )
        except LookupError as error:
            raise AnalysisError(str(error.args[0])) from error

    def votes(self, groups: Groups, known: Candidates) -> Votes:
        """Read the grains in every way that the prior allows."""
        two = planar(groups.k)
        own = Spread(self.strain, TILTED, TILTED)
        settings = (known, self.prior, own, self.k_max, self.unknown_prior)
        found = nobody()
        for rows, read in ((two, votes), (~two, row_votes)):
            if rows.any():
                spots = self._spots(groups.keep(np.flatnonzero(rows)))
                found = joined(found, read(spots, *settings))
        return found

    def _spots(self, groups: Groups) -> Spots:
        errors = Prior(
            self.scale_prior, self.strain, self.distortion, self.unknown_prior, self.k_max
        )
        grain, spot = np.nonzero(groups.k)
        k, sigma, snr = (column[grain, spot] for column in (groups.k, groups.sigma, groups.snr))
        return gather(k, sigma, snr, groups.size[grain], grain, errors)

    def score(self, groups: Groups, known: Candidates) -> float:
        """Highest log posterior, 0 = all grains unknown."""
        found = self.votes(groups, known)
        return max((peak.height for peak in peaks(found, self.prior, 2)), default=0.0)


def calibrate(
    results: Iterable[tuple[xr.Dataset, Sequence[int]]], settings: SelfCalibration
) -> xr.Dataset:
    """Calibrate on the results of one session: each what `PhaseMapper` said, and of which frames.

    `settings` may be that of `reference` as well. The result is that of `SelfCalibration.finish`.
    """
    state = settings.start()
    for said, numbers in results:
        state = settings.add(state, said, numbers)
    return settings.finish(state)


def nobody() -> Votes:
    """No votes of no grain."""
    flat, number = np.zeros(0), np.zeros(0, np.intp)
    none = Readings(number, np.zeros((0, 2), np.intp), number, number.astype(bool))
    return Votes(number, number, np.zeros((0, 3)), np.zeros((0, 3, 3)), flat, number, flat, none)


@dataclass(frozen=True, slots=True)
class _Best:
    """Grains that are compared with others by what is in their table."""

    groups: Groups = field(compare=False)
    content: bytes


def _content(groups: Groups) -> bytes:
    return b"".join(getattr(groups, name).tobytes() for name in COLUMNS)


@lru_cache(maxsize=4)
def _scores(calibration: SelfCalibration, best: _Best) -> tuple[float, tuple[float, ...]]:
    """Score of the grains, and what they reach with permuted azimuths.

    It takes seconds, and is asked again and again while a session grows of whose grains the best
    were seen long ago.
    """
    known, rng = calibration.known(), np.random.default_rng(len(best.groups))
    chance = [
        calibration.score(_permuted(best.groups, rng), known)
        for _ in range(calibration.permutations)
    ]
    return calibration.score(best.groups, known), tuple(chance)


def _permuted(groups: Groups, rng: np.random.Generator) -> Groups:
    """Exchange the azimuths among all spots: lengths stay, what they had to do with it goes."""
    k = groups.k.copy()
    there = k != 0
    k[there] = np.abs(k[there]) * np.exp(1j * np.angle(k[there])[rng.permutation(there.sum())])
    return replace(groups, k=k)
