"""The contract of an analysis, and how one is found by name.

*Per batch*: a frozen dataclass whose fields are its settings. It is called with a batch of images
and their calibration and returns an `xarray.Dataset`. It has no state, so any worker can take any
batch. Nothing of beamside needs to be imported to write one.

The dataset's variables have dims, coords, `units` and `long_name`. Per-image variables lead with
the dimension `frame`. A table with one row per thing is a set of variables along that thing's
dimension (`spot`, `grain`), each called `<thing>_<column>`, with `<thing>_frame` the index of the
image in the batch. Classes are integers with CF `flag_values` and `flag_meanings`; uncertainties
are called `<name>_sigma`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from importlib.metadata import entry_points
from typing import Any, Protocol

import numpy as np
import xarray as xr

GROUP = "beamside.analyses"
GIVEN: Mapping[str, bool] = {"given": True}
"""`metadata` of a field that is no setting: a service gives it, as it may need files to be read."""


class AnalysisError(Exception):
    """This batch can't be analysed; the text says why. The stream goes on."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """What a pixel measures, and where that is known from."""

    pixel_size: tuple[float, float] | None = None
    """(y, x) in nm per pixel; None = uncalibrated."""
    voltage: float | None = None
    """Acceleration voltage in kV."""
    temperature: float | None = None
    """Specimen temperature in K."""
    origin: str = "none"
    """In words: header, settings, reference, self-calibration."""


class Operator(Protocol):
    """One analysis with its settings."""

    def __call__(self, images: np.ndarray, calibration: Calibration, /) -> xr.Dataset:
        """Say what `images[n, y, x]` mean; AnalysisError if nothing can be said."""
        ...


def names() -> list[str]:
    """The installed analyses, by name."""
    return sorted({point.name for point in entry_points(group=GROUP)})


def load(
    name: str,
    settings: Mapping[str, Any] | None = None,
    gifts: Mapping[str, Callable[[], Any]] | None = None,
) -> Operator:
    """Make the analysis called `name`; LookupError or ValueError say what is wrong.

    `gifts` makes what an analysis may have a field marked GIVEN for; it is called only then.
    """
    found = list(entry_points(group=GROUP, name=name))
    if not found:
        raise LookupError(f"no analysis {name!r}; installed: {', '.join(names()) or 'none'}")
    kind = found[0].load()
    settings = dict(settings or {})
    given: dict[str, Any] = {}
    if is_dataclass(kind):
        marked = {field.name for field in fields(kind) if field.metadata.get("given")}
        known = [field.name for field in fields(kind) if field.name not in marked]
        unknown = sorted(set(settings) - set(known))
        if unknown:
            raise ValueError(
                f"analysis {name!r} has no setting {unknown[0]!r}; "
                f"allowed: {', '.join(known) or 'none'}"
            )
        given = {key: make() for key, make in (gifts or {}).items() if key in marked}
    operator: Operator = kind(**settings, **given)
    return operator
