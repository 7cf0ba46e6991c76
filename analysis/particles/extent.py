"""The volume that slices belong to: what most of them say; the others are named."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .sections import VIEWS, Key, Section, Sections

NAMED = 20
"""Slices that are named when they are left out."""


@dataclass(frozen=True, slots=True)
class Extent:
    """The volume that slices belong to."""

    shape: tuple[int, int, int]
    """Voxels (z, y, x)"""
    pixel: tuple[float, float, float]
    """um (z, y, x); 0 = unknown"""
    notes: tuple[str, ...]
    """What was left out, in words."""


def agreed(sections: Sections) -> tuple[Sections, Extent]:
    """Tell the volume that most slices belong to, and those that do; the others are named."""
    lengths: list[Counter[int]] = [Counter(), Counter(), Counter()]
    pixels: list[Counter[float]] = [Counter(), Counter(), Counter()]
    for one in sections:
        for axis, length, pixel in zip(_left(one.view), one.shape, one.pixel, strict=True):
            lengths[axis][length] += 1
            pixels[axis][pixel] += 1
    shape, size = [], []
    for axis in range(3):
        indices = [one.index + 1 for one in sections if one.view == axis]
        shape.append(_most(lengths[axis]) or max(indices, default=1))
        size.append(_most(pixels[axis]) or 0.0)
    kept, notes = {}, []
    for one in sections:
        refusal = _refusal(one, shape, size)
        if refusal:
            notes.append(f"{VIEWS[one.view]} slice {one.index} left out: {refusal}")
        else:
            kept[one.view, one.index] = one
    notes = [*notes[:NAMED], *([f"{len(notes)} left out in all"] if len(notes) > NAMED else [])]
    extent = Extent(
        (int(shape[0]), int(shape[1]), int(shape[2])),
        (size[0], size[1], size[2]),
        (*notes, *_gaps(kept, shape)),
    )
    return Sections(kept), extent


def _most(votes: Counter[Any]) -> Any:
    """What most say, the larger of two; None without votes."""
    return max(votes, key=lambda value: (votes[value], value), default=None)


def _left(view: int) -> tuple[int, ...]:
    """The axes of the volume that a slice shows."""
    return tuple(axis for axis in range(3) if axis != view)


def _refusal(one: Section, shape: list[int], size: list[float]) -> str:
    """Why a slice is not of the volume; nothing if it is."""
    left = _left(one.view)
    wanted, pixel = [shape[axis] for axis in left], [size[axis] for axis in left]
    if list(one.shape) != wanted:
        return f"{one.shape[0]} x {one.shape[1]} pixels, most have {wanted[0]} x {wanted[1]}"
    if list(one.pixel) != pixel:
        here, most = (
            (f"{p[0]:g} x {p[1]:g} um" if any(p) else "unknown") for p in (one.pixel, pixel)
        )
        return f"the size of its pixels is {here}, of most {most}"
    return "" if one.index < shape[one.view] else f"there are {shape[one.view]} such slices"


def _gaps(kept: Mapping[Key, Section], shape: list[int]) -> list[str]:
    """Name the slices that are missing in views of which there are some."""
    notes = []
    for view in range(3):
        there = {index for v, index in kept if v == view}
        absent = sorted(set(range(shape[view])) - there)
        if there and absent:
            words = ", ".join(map(str, absent[:5])) + (", ..." if len(absent) > 5 else "")
            notes.append(f"{len(absent)} of {shape[view]} {VIEWS[view]} slices missing: {words}")
    return notes
