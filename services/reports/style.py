"""How pictures look: one typeface, colours that the colour-blind can tell apart, no interaction."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

COLOURS = (
    *("#e69f00", "#56b4e9", "#009e73", "#cc79a7", "#f0e442", "#0072b2", "#d55e00", "#aa4499"),
    *("#44aa99", "#882255", "#999933", "#ddcc77", "#117733", "#6699cc", "#ee8866", "#bbcc33"),
)
"""Okabe and Ito's, then Tol's: for phases, in the order of the candidates."""
UNKNOWN = "#ffffff"
AMORPHOUS, VACUUM = "#8a8f98", "#22252b"
DPI = 180
RC: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 8.0,
    "axes.titlesize": 9.0,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "legend.frameon": False,
    "legend.fontsize": 7.5,
    "savefig.dpi": DPI,
    "image.interpolation": "nearest",
}


def colours(phases: Sequence[str]) -> dict[str, str]:
    """A colour for each phase: the same in all pictures of a batch."""
    return {name: COLOURS[n % len(COLOURS)] for n, name in enumerate(phases)}


@contextlib.contextmanager
def drawing() -> Iterator[None]:
    """Draw in the house's style inside; nothing of it stays."""
    with mpl.rc_context(RC):
        yield


def save(figure: Figure, path: Path) -> Path:
    """Write a figure as PNG, whole or not at all, and let go of it."""
    aside = path.with_name(f".{path.name}.part")
    figure.savefig(aside, format="png", dpi=DPI, bbox_inches="tight", pad_inches=0.06)
    aside.replace(path)
    figure.clear()
    return path


def bare(axes: Any) -> None:
    """Take ticks and numbers away: a scale bar tells the size."""
    axes.set_xticks([])
    axes.set_yticks([])
