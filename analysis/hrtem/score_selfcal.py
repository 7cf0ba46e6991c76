"""How right a self-calibration is: the truth of sessions against what was said of them.

tally = merge([score_session(calibration, said, truth) for ...])     # score.merge
report_sessions(tally)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from .correction import Correction
from .score import Tally
from .selfcal import SelfCalibration
from .selfcal_table import QUANTITIES
from .truth import Truth


def true_correction(true: Truth, shear: float = 0.0) -> Correction:
    """Give the correction that the header of a simulation calls for; `shear` in radian."""
    y, x = (float(np.log(t / h)) for t, h in zip(true.pixels, true.header, strict=True))
    return Correction((y + x) / 2, y - x, shear)


def score_session(
    calibration: SelfCalibration, frames: Sequence[xr.Dataset], true: Correction
) -> Tally:
    """Calibrate on what `PhaseMapper` said of the frames of one session; compare with the truth."""
    state = calibration.start()
    for number, said in enumerate(frames):
        state = calibration.add(state, said, [number])
    belief = calibration.belief(state)
    error = belief.mean - true.values
    sigma = np.sqrt(np.diag(belief.covariance))
    counts, errors = {}, {}
    for n, name in enumerate(QUANTITIES):
        errors[f"self {name}"] = (float(abs(error[n])),)
        counts[f"self {name}"] = (int(abs(error[n]) <= 2 * sigma[n]), 1)
    return Tally(counts, errors)


def report_sessions(tally: Tally) -> dict[str, Any]:
    """Say median and p90 of the errors, and how many lie within two sigma; JSON.

    `self_calibration{scale, anisotropy, shear}{median, p90, within_2_sigma}, sessions`; None where
    there was no session.
    """
    told: dict[str, Any] = {}
    for name in QUANTITIES:
        errors = np.array(tally.errors.get(f"self {name}", ()))
        good, of = tally.counts.get(f"self {name}", (0, 0))
        told[name] = {
            "median": float(np.median(errors)) if of else None,
            "p90": float(np.quantile(errors, 0.9)) if of else None,
            "within_2_sigma": good / of if of else None,
        }
        told["sessions"] = of
    return {"self_calibration": told}
