"""Calibration with a specimen whose phase is known: gold, silicon, strontium titanate, ..."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import xarray as xr

from .library import Library, shipped
from .selfcal import SelfCalibration
from .selfcal_groups import Groups, distinct

COMPARED = 12
"""Best grains with which other phases are tried."""
BETTER = 4.6
"""Log of the odds (100) from which on another phase is said to fit better."""
TOLD = 3
"""Phases that are named, at most."""
FAINTEST = 1 / 300
"""Spots of less power than this part of the strongest one are none of a reference: streaks that
scanning draws through strong spots, double diffraction."""
VAGUE = 0.01
"""Standard deviation of the scale above which a reference tells too little: its one grain may be
strained by 0.4 %, and headers are wrong by more than both."""
EXPLAINED = 0.5
"""Share of the grains that a reference explains at least."""


def reference(
    phases: str | tuple[str, ...],
    temperature: float | None = None,
    library: Library | None = None,
) -> SelfCalibration:
    """Make the calibration for a specimen that holds `phases` and nothing else that diffracts.

    It is fed, merged and finished as any `SelfCalibration`. No phase is doubted, and grains with a
    single row of spots count too, faint spots do not. `temperature` of the specimen in K.
    """
    return SelfCalibration(
        candidates=phases,
        temperature=temperature,
        library=library or shipped(),
        unknown_prior=0.01,
        strangers=False,
        rows=True,
        faintest=FAINTEST,
        vague=VAGUE,
        origin="reference",
    )


def doubts(state: Groups, given: SelfCalibration, said: xr.Dataset) -> list[str]:
    """Say what speaks against the reference that was `given`, in words; nothing if nothing does.

    Grains that it does not explain, and phases of the library that fit clearly better, each with a
    pixel of its own. `said` is what `given` made of `state`.
    """
    used = distinct(state)
    best = used.keep(np.arange(min(len(used), COMPARED)))
    if not len(best):
        return []
    own, words = given.known(), []
    share = float(said["phase_grains"].sum()) / len(used)
    if share < EXPLAINED:
        words.append(
            f"only {share:.0%} of the grains fit the reference: is the specimen "
            f"{' or '.join(own.names)}, and the pixel size right within "
            f"{3 * given.scale_prior:.0%}?"
        )
    score = given.score(best, own)
    others = {}
    for name in given.library.records:
        if name not in own.names:
            other = replace(given, candidates=(name,))
            others[name] = other.score(best, other.known()) - score
    for name in sorted(others, key=lambda n: -others[n])[:TOLD]:
        if others[name] > BETTER:
            words.append(f"{name} fits better: odds of 10^{others[name] / np.log(10):.0f} to 1")
    return words
