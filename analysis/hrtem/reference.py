"""Calibration with a specimen whose phase is known: gold, silicon, strontium titanate, ..."""

from __future__ import annotations

from .library import Library, shipped
from .selfcal import SelfCalibration


def reference(
    phases: str | tuple[str, ...],
    temperature: float | None = None,
    library: Library | None = None,
) -> SelfCalibration:
    """Make the calibration for a specimen that holds `phases` and nothing else that diffracts.

    It is fed, merged and finished as any `SelfCalibration`. No phase is doubted, and grains with a
    single row of spots count too. `temperature` of the specimen in K.
    """
    return SelfCalibration(
        candidates=phases,
        temperature=temperature,
        library=library or shipped(),
        unknown_prior=0.1,
        strangers=False,
        rows=True,
        origin="reference",
    )
