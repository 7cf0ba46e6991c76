"""What one pixel measures: the header's word, the user's word, or honestly nothing."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from ..errors import FileError
from .units import in_nm

PixelSize: TypeAlias = float | tuple[float, float]
"""nm per pixel: one number, or (y, x)."""

_PIXELS = ("px", "pixel", "pixels")


@dataclass(frozen=True, slots=True)
class Scale:
    """What a header says about one pixel, as found there."""

    value: tuple[float, float]
    """(y, x), in `unit` per pixel."""
    unit: tuple[str, str]
    """(y, x)"""
    where: str
    """Which header, in words."""

    def __str__(self) -> str:
        y, x = (f"{v:.6g} {u!r}" for v, u in zip(self.value, self.unit, strict=True))
        return y if y == x else f"{y} by {x}"

    @property
    def says_nothing(self) -> bool:
        """Whether it is a default that programs write for images without a calibration."""
        pairs = zip(self.value, self.unit, strict=True)
        return any(v == 0 or u in _PIXELS or (v == 1 and not u.strip()) for v, u in pairs)

    def in_nm(self) -> tuple[float, float]:
        """(y, x) in nm per pixel; ValueError if the unit is unknown or the value impossible."""
        y, x = (in_nm(v, u) for v, u in zip(self.value, self.unit, strict=True))
        if not (0 < y < math.inf and 0 < x < math.inf):
            raise ValueError("a pixel size must be above 0 and finite")
        return y, x


def pixel_calibration(path: Path, scale: Scale | None, given: PixelSize | None) -> dict[str, Any]:
    """Settle `pixel_size_nm` and `origin`; empty if neither header nor user says anything.

    `given` wins over the header. A header with a value in an unknown unit is a FileError
    unless `given` overrides it: a wrong guess would be a wrong result everywhere.
    """
    if scale is not None and scale.says_nothing:
        scale = None
    if given is not None:
        said = "nothing" if scale is None else str(scale)
        origin = f"given by the user (header said {said})"
        return {"pixel_size_nm": list(_pair(given)), "origin": origin}
    if scale is None:
        return {}
    try:
        return {"pixel_size_nm": list(scale.in_nm()), "origin": f"header ({scale.where})"}
    except ValueError as error:
        raise FileError(
            f"{path}: the pixel size in the header ({scale.where}) is {scale}: {error}; "
            "give the right one with --pixel-size VALUEunit, e.g. --pixel-size 0.02nm"
        ) from None


def _pair(given: PixelSize) -> tuple[float, float]:
    y, x = given if isinstance(given, tuple) else (given, given)
    if not (0 < y < math.inf and 0 < x < math.inf):
        raise FileError(f"a pixel size of {given} nm was given; it must be above 0 and finite")
    return float(y), float(x)
