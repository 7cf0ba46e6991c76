"""What the pixels of a run measure: from the words of its start to what an analysis takes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..analysis.operators import AnalysisError, Calibration
from .acceptance import in_words


def corrected(calibration: Calibration, event: Mapping[str, Any] | None) -> Calibration:
    """The same with the correction that a person accepted (see `acceptance`), if there is one."""
    if event is None:
        return calibration
    sigma = event.get("correction_sigma")
    return replace(
        calibration,
        correction=_three(event["correction"]),
        correction_sigma=_three(sigma) if sigma else None,
        accepted=in_words(event),
    )


def _three(values: Sequence[float]) -> tuple[float, float, float]:
    scale, anisotropy, shear = values
    return float(scale), float(anisotropy), float(shear)


def calibration_of(said: Mapping[str, Any]) -> Calibration:
    """The calibration in the keys of `RunStart.calibration`, as an analysis takes it.

    AnalysisError if it is none: it is the word of a stranger.
    """
    size = said.get("pixel_size_nm")
    try:
        return Calibration(
            pixel_size=(float(size[0]), float(size[1])) if size else None,
            voltage=_number(said.get("voltage_kV")),
            temperature=_number(said.get("temperature_K")),
            origin=str(said.get("origin", "none")),
        )
    except (TypeError, ValueError, LookupError) as error:
        raise AnalysisError(
            "the calibration of the run can't be understood: pixel_size_nm must be two numbers, "
            f"voltage_kV and temperature_K one each ({type(error).__name__}: {error})"[:300]
        ) from error


def digest(image: np.ndarray) -> str:
    """Stand for the pixels of an image: two files that hold the same have the same."""
    said = hashlib.blake2b(f"{image.dtype.str} {image.shape}".encode(), digest_size=16)
    said.update(np.ascontiguousarray(image).data)
    return said.hexdigest()


def _number(said: Any) -> float | None:
    return None if said is None else float(said)
