"""Which correction of the pixel grid `PhaseMapper` works with: none unless somebody says so.

The pixel size is corrected before anything is measured. What that leaves, the shear of the axes, is
taken from the spots before they are identified.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .correction import Correction, Spread

WORDS = ("accepted", "header")
LARGEST = 0.3
"""No microscope is wrong by more; a larger number is a mistake."""
USUAL, LEAST = 0.003, 0.001
"""Standard deviation of scale, anisotropy and shear that a calibration leaves, usually and best."""


def chosen(setting: str | Sequence[float], accepted: Sequence[float] | None = None) -> Correction:
    """Give the correction that the setting `calibration` asks for.

    "header" = none; "accepted" = the one that a person accepted, `accepted`, none before that; or
    the three numbers (scale, anisotropy, shear) themselves, as `SelfCalibration` gives them, and
    their standard deviations behind them where they are known. ValueError where the setting means
    nothing.
    """
    if isinstance(setting, str):
        if setting not in WORDS:
            raise ValueError(
                f"calibration is {' or '.join(WORDS)} or three numbers (scale, anisotropy, shear), "
                f"not {setting!r}"
            )
        if setting == "header" or accepted is None:
            return Correction()
        setting = accepted
    values = np.asarray(setting, float)
    if values.shape not in ((3,), (6,)) or not (np.abs(values) < LARGEST).all():
        raise ValueError(
            "calibration must be three numbers (scale, anisotropy, shear) below "
            f"{LARGEST}, or these and their standard deviations, not {setting!r}"
        )
    if (values[3:] <= 0).any():
        raise ValueError(f"standard deviations must be above 0, not {setting!r}")
    return Correction(*map(float, values[:3]))


def accuracy(setting: str | Sequence[float], accepted: Sequence[float] | None = None) -> Spread:
    """Standard deviations that the correction of `chosen` leaves.

    As they were said with the numbers, `accepted` with those that a person accepted; where nobody
    said any, USUAL. Never below LEAST, which cells and lens leave.
    """
    said = accepted if isinstance(setting, str) else setting[3:]
    values = np.maximum(said, LEAST) if said is not None and len(said) else [USUAL] * 3
    return Spread(*map(float, values))


def sheared(k: np.ndarray, correction: Correction) -> np.ndarray:
    """Give the true k (complex) of k measured with the pixel size `correction.pixel(header)`.

    That size already holds scale and anisotropy, and to second order nothing but the shear is left.
    """
    matrix = correction.matrix
    rest = np.linalg.inv(matrix / np.linalg.norm(matrix, axis=0)).T
    ky, kx = k.imag, k.real
    return np.asarray(
        (rest[1, 0] * ky + rest[1, 1] * kx) + 1j * (rest[0, 0] * ky + rest[0, 1] * kx)
    )
