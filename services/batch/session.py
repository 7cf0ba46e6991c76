"""What all frames of an HRTEM session say of its pixel size, one magnification at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import xarray as xr

from ...analysis.hrtem.selfcal import SelfCalibration
from ...analysis.hrtem.selfcal_groups import Groups
from ...stream.messages import Result
from .items import SOURCE
from .technique import Done, Once

ANALYSIS = "selfcalibration"
Magnification = tuple[str, str]
"""Pixel size (y, x) as words: headers differ in their last digits."""


@dataclass(slots=True)
class Sitting:
    """The frames of one magnification."""

    pixel: tuple[float, float]
    state: Groups
    frames: list[int] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    fate: str = ""
    """What became of the correction, in words."""
    result: Result | None = None
    """What their crystals say of the pixel size."""

    @property
    def found(self) -> xr.Dataset | None:
        """The same, as labelled arrays."""
        return None if self.result is None else self.result.data

    @property
    def words(self) -> str:
        """What was found, for people."""
        said = "" if self.found is None else str(self.found.attrs["note"])
        return f"{self.name}, {len(self.frames)} frames: {said} ({self.fate})"

    @property
    def name(self) -> str:
        """The pixel size, for people."""
        y, x = self.pixel
        return f"pixel {y:.5g} nm" if abs(y / x - 1) < 1e-4 else f"pixel {y:.5g} x {x:.5g} nm"

    @property
    def correction(self) -> tuple[float, ...]:
        """Scale, anisotropy, shear and their errors, as the setting `calibration` takes them."""
        if self.found is None:
            raise ValueError("nothing was looked for yet")
        both = (self.found[name].values for name in ("calibration", "calibration_sigma"))
        return tuple(round(float(v), 6) for values in both for v in values)


def sittings(
    frames: Iterator[Done],
    calibration: SelfCalibration,
    once: Once,
    made_by: Mapping[str, Any],
    repeated: Container[int] = (),
) -> list[Sitting]:
    """Collect the grains of all calibrated frames, and find the correction of each pixel size.

    Frames that are `repeated`, by the time that they come, are no evidence of their own.
    """
    found: dict[Magnification, Sitting] = {}
    for done in frames:
        pixel = done.item.pixel_size
        if pixel is None or done.result.error is not None:
            continue
        key = (f"{pixel[0]:.4g}", f"{pixel[1]:.4g}")
        sitting = found.setdefault(key, Sitting(pixel, calibration.start()))
        sitting.frames.append(done.number)
        if done.number in repeated:
            continue
        sitting.keys.append(done.key)
        if done.result.data.sizes.get("grain"):
            sitting.state = calibration.add(sitting.state, done.result.data, [done.number])
    for sitting in found.values():
        result = once(_key(sitting, calibration), lambda: _finished(sitting, calibration, made_by))  # noqa: B023  called at once
        sitting.result = replace(result, frames=tuple(sitting.frames))
    return list(found.values())


def _key(sitting: Sitting, calibration: SelfCalibration) -> str:
    said = " ".join([repr(calibration), *sorted(sitting.keys)])
    return f"session-{hashlib.blake2b(said.encode(), digest_size=12).hexdigest()}"


def _finished(sitting: Sitting, calibration: SelfCalibration, made_by: Mapping[str, Any]) -> Result:
    data = calibration.finish(sitting.state)
    return Result(SOURCE, SOURCE, tuple(sitting.frames), ANALYSIS, data, dict(made_by))


def enough(sitting: Sitting) -> bool:
    """Whether the evidence carries a correction: then the finding says what, not how little."""
    return sitting.found is not None and bool(sitting.found.attrs["enough"])
