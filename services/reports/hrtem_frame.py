"""All pictures of one frame, as files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from ...analysis.hrtem.library import Library
from ...stream.messages import Result
from .hrtem_components import components_figure
from .hrtem_map import field_of, map_figure
from .hrtem_profile import profile_figure
from .hrtem_spectrum import spectrum_figure
from .style import drawing, save

KINDS = ("map", "spectrum", "profile", "components")
"""Ends of the files' names, in the order of the report."""


def draw(image: np.ndarray, result: Result, stem: Path, library: Library) -> list[Path]:
    """Draw image[y, x] and what was found in it to `stem`-map.png and so on; give the files."""
    data = result.data
    if result.error is not None:
        return []
    written = []
    with drawing():
        field = field_of(image, data)
        figures: dict[str, Callable[[], Figure | None]] = {
            "map": lambda: map_figure(field),
            "spectrum": lambda: spectrum_figure(data, library),
            "profile": lambda: profile_figure(data),
            "components": lambda: components_figure(image, field),
        }
        for kind in KINDS:
            figure = figures[kind]()
            if figure is not None:
                written.append(save(figure, stem.with_name(f"{stem.name}-{kind}.png")))
    return written
