"""The particles of slices as labelled arrays: a map of labels, outlines, one row for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from .drawing import draw
from .stars import Stars

SAMPLED = 1 << 16
"""Pixels of a slice that tell how dark cracks are."""
Variable = tuple[tuple[str, ...], np.ndarray, dict[str, Any]]


@dataclass(frozen=True)
class Found:
    """The particles of one slice."""

    labels: np.ndarray
    """int32 [y, x], particle n of the slice has n + 1"""
    stars: Stars
    """In pixels of the slice, one for each particle, the most probable first."""


def drawn(stars: Stars, shape: tuple[int, int]) -> Found:
    """Draw the stars of one slice; those that no pixel shows are left out."""
    labels = draw(stars.corners(), shape)
    seen = np.bincount(labels.ravel(), minlength=len(stars) + 1)[1:] > 0
    if seen.all():
        return Found(labels, stars)
    number = np.concatenate([[0], np.cumsum(seen)]).astype(np.int32)
    return Found(number[labels], stars.keep(seen))


def measured(found: Found, image: np.ndarray) -> dict[str, np.ndarray]:
    """Give one value for each particle, in pixels: area, y, x, grey, dark, edge.

    Summed over runs of pixels along x: there are some hundred times fewer than pixels.
    """
    labels, width = found.labels.ravel(), found.labels.shape[1]
    many = len(found.stars) + 1
    new = labels[1:] != labels[:-1]
    new[width - 1 :: width] = True
    start = np.concatenate([[0], np.flatnonzero(new) + 1])
    of, length = labels[start], np.diff(start, append=labels.size)
    y, x = np.divmod(start, width)
    area = np.bincount(of, length, many)
    along_y = np.bincount(of, length * y, many)
    along_x = np.bincount(of, length * (x + (length - 1) / 2), many)
    grey = np.bincount(of, np.add.reduceat(image.ravel(), start, dtype=float), many)
    below = (image.ravel() < crack_level(found.labels, image)).view(np.uint8)
    dark = np.bincount(of, np.add.reduceat(below, start, dtype=np.int32), many)
    rows, columns = found.labels[[0, -1]].ravel(), found.labels[:, [0, -1]].ravel()
    edge = np.bincount(np.concatenate([rows, columns]), minlength=many) > 0
    area_of = np.maximum(area, 1)
    sums = {"y": along_y, "x": along_x, "grey": grey, "dark": dark}
    means = {name: total / area_of for name, total in sums.items()}
    return {name: value[1:] for name, value in {"area": area, **means, "edge": edge}.items()}


def crack_level(labels: np.ndarray, image: np.ndarray) -> float:
    """Grey value half way between particles and the rest of a slice; -inf without either."""
    step = max(1, int(np.sqrt(labels.size / SAMPLED)))
    inside, grey = labels[::step, ::step] > 0, image[::step, ::step]
    if inside.all() or not inside.any():
        return -np.inf
    return float(np.median(grey[inside]) + np.median(grey[~inside])) / 2


def assemble(
    found: Sequence[Found], images: Sequence[np.ndarray], pixel: tuple[float, float] | None
) -> xr.Dataset:
    """Put the particles of a batch into one dataset.

    `pixel` (y, x) in um; without it lengths are in pixels.
    """
    rows = [measured(one, image) for one, image in zip(found, images, strict=True)]
    size, length = (pixel, "um") if pixel else ((1.0, 1.0), "px")
    joined = {
        name: np.concatenate([row[name] for row in rows])
        for name in ("area", "y", "x", "grey", "dark", "edge")
    }
    variables = _maps(found) | _table(found, joined, size, length) | _outlines(found, size, length)
    return xr.Dataset(variables, _coordinates(found[0].labels.shape, size, length))


def _coordinates(shape: tuple[int, ...], size: tuple[float, float], length: str) -> dict[str, Any]:
    words = ("down from the upper edge", "right from the left edge")
    return {
        axis: (axis, (np.arange(n) + 0.5) * p, {"units": length, "long_name": text})
        for axis, n, p, text in zip("yx", shape, size, words, strict=True)
    }


def _maps(found: Sequence[Found]) -> dict[str, Variable]:
    covered = [np.count_nonzero(one.labels) / one.labels.size for one in found]
    most = max((len(one.stars) for one in found), default=0)
    kind = np.uint16 if most < 1 << 16 else np.int32
    return {
        "particle_map": (
            ("frame", "y", "x"),
            np.stack([one.labels for one in found]).astype(kind),
            {"long_name": "particle of the frame, from 1; 0 none"},
        ),
        "count": (
            ("frame",),
            np.array([len(one.stars) for one in found], np.int32),
            {"long_name": "particles", "units": "1"},
        ),
        "covered": (
            ("frame",),
            np.array(covered, np.float32),
            {"long_name": "share of the slice that particles cover", "units": "1"},
        ),
    }


def _table(
    found: Sequence[Found], of: dict[str, np.ndarray], size: tuple[float, float], length: str
) -> dict[str, Variable]:
    area = of["area"] * size[0] * size[1]
    counts = [len(one.stars) for one in found]
    columns: dict[str, tuple[np.ndarray, str, str | None]] = {
        "frame": (np.repeat(np.arange(len(found)), counts), "frame in the batch", None),
        "label": (
            np.concatenate([np.arange(1, many + 1) for many in counts]),
            "value in the map of particles",
            None,
        ),
        "y": ((of["y"] + 0.5) * size[0], "centroid, down from the upper edge", length),
        "x": ((of["x"] + 0.5) * size[1], "centroid, right from the left edge", length),
        "area": (area, "area in the slice", f"{length}^2"),
        "diameter": (2 * np.sqrt(area / np.pi), "diameter of a circle of equal area", length),
        "grey": (of["grey"], "mean of the pixels", "counts"),
        "dark": (of["dark"], "share of it that is darker than half way to what is around", "1"),
        "probability": (
            np.concatenate([one.stars.prob for one in found]),
            "probability that there is a particle",
            "1",
        ),
    }
    table: dict[str, Variable] = {}
    for name, (values, words, units) in columns.items():
        whole = name in ("frame", "label")
        attrs = {"long_name": words} | ({"units": units} if units else {})
        table[f"particle_{name}"] = (
            ("particle",),
            np.asarray(values, np.int32 if whole else np.float32),
            attrs,
        )
    cut: dict[str, Any] = {"long_name": "whether the edge of the slice cuts it"}
    cut |= {"flag_values": np.array([0, 1], np.uint8), "flag_meanings": "whole cut"}
    table["particle_edge"] = (("particle",), of["edge"].astype(np.uint8), cut)
    return table


def _outlines(
    found: Sequence[Found], size: tuple[float, float], length: str
) -> dict[str, Variable]:
    corners = np.concatenate([one.stars.corners() for one in found])
    return {
        f"particle_outline_{axis}": (
            ("particle", "ray"),
            np.asarray((corners[..., number] + 0.5) * size[number], np.float32),
            {"long_name": f"corners of the outline, {axis}", "units": length},
        )
        for number, axis in enumerate("yx")
    }
