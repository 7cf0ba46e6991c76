"""Settings of `beamside batch particles`: those of the analysis, and of what follows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from ...analysis.particles.features import Features
from ...analysis.particles.network import Network
from ...analysis.particles.sections import VIEWS

AUTO = "auto"


@dataclass(frozen=True)
class Following:
    """What is done with the slices once particles were found in them."""

    volume: bool | str = AUTO
    """Whether they are one volume; auto: one file of several, or files numbered alike."""
    views: tuple[int, ...] = (0, 1, 2)
    voxel_um: tuple[float, float, float] | None = None
    """(z, y, x)"""
    features: Features = field(default_factory=lambda: Features(crack_below=AUTO))
    network: Network = field(default_factory=Network)
    gap_um: float = 0.0
    """Particles that are so near to each other touch."""


def parted(settings: Mapping[str, Any]) -> tuple[dict[str, Any], Following]:
    """Part settings into those of the analysis and the others; ValueError says what is wrong.

    Others are `volume`, `views`, `voxel_um`, `gap_um`, and those of `Features` and `Network`.
    """
    left: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in settings.items()
    }
    own: dict[str, Any] = {}
    if "volume" in left:
        own["volume"] = left.pop("volume")
        if own["volume"] not in (True, False, AUTO):
            raise ValueError(f"volume is {own['volume']!r}; allowed: true, false, auto")
    if "views" in left:
        own["views"] = _views(str(left.pop("views")))
    if "voxel_um" in left:
        own["voxel_um"] = _voxel(left.pop("voxel_um"))
    if "gap_um" in left:
        own["gap_um"] = float(left.pop("gap_um"))
    own["features"] = Features(**{"crack_below": AUTO} | _taken(left, Features))
    own["network"] = Network(**_taken(left, Network))
    return left, Following(**own)


def _taken(left: dict[str, Any], kind: type) -> dict[str, Any]:
    """Take the fields of a dataclass out of `left`."""
    return {one.name: left.pop(one.name) for one in fields(kind) if one.name in left}


def _views(text: str) -> tuple[int, ...]:
    names = text.split(",")
    unknown = [name for name in names if name not in VIEWS]
    if unknown:
        raise ValueError(
            f"no view {unknown[0]!r}; allowed: {', '.join(VIEWS)}, with commas between"
        )
    return tuple(sorted({VIEWS.index(name) for name in names}))


def _voxel(said: Any) -> tuple[float, float, float]:
    sizes = [float(one) for one in (said if isinstance(said, tuple) else (said,) * 3)]
    if len(sizes) != 3 or not all(0 < size < float("inf") for size in sizes):
        raise ValueError(f"voxel_um is {said!r}; give one length in um, or [z, y, x]")
    return sizes[0], sizes[1], sizes[2]
