"""Outlines drawn by hand in VGG VIA (VGG Image Annotator 2): its JSON, project or export."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import FileError
from .guard import reading

LARGEST = 256 << 20
"""Bytes that are read."""
CORNERS = 64
"""Of the polygon that stands for a circle or an ellipse."""

Outlines = dict[str, list[np.ndarray]]
"""By name of the image: polygons float64 [corner, (y, x)], pixels."""


def is_via(path: Path) -> bool:
    """Whether a JSON file looks like one of VIA."""
    if path.suffix.lower() != ".json" or path.stat().st_size > LARGEST:
        return False
    try:
        return bool(_pictures(json.loads(path.read_text())))
    except (OSError, ValueError):
        return False


def outlines(path: Path) -> Outlines:
    """Read every outline of `path`; FileError says what can't be understood."""
    with reading(path, "VIA JSON"):
        if path.stat().st_size > LARGEST:
            raise FileError(f"{path} has more than {LARGEST} bytes: these are no annotations")
        pictures = _pictures(json.loads(path.read_text()))
        if not pictures:
            raise FileError(f"{path} holds no annotated image in the form of VIA")
        found: Outlines = {}
        for picture in pictures:
            regions = picture["regions"]
            listed = regions.values() if isinstance(regions, Mapping) else regions
            polygons = [_polygon(path, region["shape_attributes"]) for region in listed]
            found.setdefault(Path(str(picture["filename"])).name, []).extend(polygons)
        return found


def _pictures(facts: Any) -> list[Mapping[str, Any]]:
    """The annotated images of a project (`_via_img_metadata`) or of an export."""
    if not isinstance(facts, Mapping):
        return []
    inner = facts.get("_via_img_metadata", facts)
    values = inner.values() if isinstance(inner, Mapping) else []
    return [v for v in values if isinstance(v, Mapping) and {"filename", "regions"} <= set(v)]


def _polygon(path: Path, shape: Mapping[str, Any]) -> np.ndarray:
    kind = shape.get("name")
    if kind in ("polygon", "polyline"):
        y, x = shape["all_points_y"], shape["all_points_x"]
        corners = np.stack([np.asarray(y, float), np.asarray(x, float)], axis=1)
    elif kind == "rect":
        y, x, height, width = (float(shape[n]) for n in ("y", "x", "height", "width"))
        corners = np.array([[y, x], [y, x + width], [y + height, x + width], [y + height, x]])
    elif kind in ("circle", "ellipse"):
        corners = _ellipse(shape)
    else:
        raise FileError(
            f"{path}: a region of the kind {kind!r} has no area; draw polygons, rectangles, "
            "circles or ellipses"
        )
    if len(corners) < 3 or not np.isfinite(corners).all():
        raise FileError(f"{path}: a region has {len(corners)} corners; an outline needs three")
    return corners


def _ellipse(shape: Mapping[str, Any]) -> np.ndarray:
    radii = [float(shape[n]) for n in (("ry", "rx") if "rx" in shape else ("r", "r"))]
    turn = np.linspace(0, 2 * np.pi, CORNERS, endpoint=False)
    y, x = radii[0] * np.sin(turn), radii[1] * np.cos(turn)
    tilt = float(shape.get("theta", 0.0))
    c, s = np.cos(tilt), np.sin(tilt)
    return np.stack([x * s + y * c + float(shape["cy"]), x * c - y * s + float(shape["cx"])], 1)
