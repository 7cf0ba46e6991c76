"""A volume on the disk, to be cut along any axis: from one file, or a folder of slices.

Slices are placed by the numbers in their names. One that is missing, damaged or of another size is
named, and its neighbour stands in for it; nothing is invented for the slice itself. What grey
values say about slices is not looked at here.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .decompress import decode
from .errors import FileError
from .files import KNOWN_SUFFIXES, open_file
from .files.formats import split
from .unfinished import Unfinished

MOST = 1 << 17
"""Slices of a volume."""


@dataclass(frozen=True, slots=True)
class Stack:
    """A volume of grey values."""

    values: np.ndarray
    """[z, y, x], mapped from the disk"""
    missing: tuple[int, ...]
    """Slices that are not there."""
    pixel_um: tuple[float, float] | None
    """(y, x) of a pixel of a slice; None = no file says it."""
    left_out: Mapping[str, str]
    """Files, or frames of them, that are no slices of it, and why."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What was wrong, in words."""
        return tuple(f"{name} left out: {why}" for name, why in self.left_out.items())


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a slice is found."""

    path: Path
    frame: int
    index: int
    shape: tuple[int, int]
    kind: str
    pixel: tuple[float, float] | None


def stamp(source: Path) -> list[tuple[str, int, int]]:
    """Names, sizes and dates of the files of `source`, to tell whether they changed."""
    said = [(path.name, split(path)[0].stat()) for path in _files(source)]
    return [(name, one.st_size, one.st_mtime_ns) for name, one in said]


def stack(source: Path, work: Unfinished) -> Stack:
    """Copy a volume to where any axis can be cut; FileError if there is none.

    It is there when work goes on, and is not read again then.
    """
    left_out: dict[str, str] = {}
    places = list(_places(source, left_out))
    if not places:
        why = "".join(f": {name}: {words}" for name, words in [*left_out.items()][:1])
        raise FileError(f"{source} holds no slices{why}")
    shape = Counter(one.shape for one in places).most_common(1)[0][0]
    pixel = Counter(one.pixel for one in places).most_common(1)[0][0]
    good = []
    for one in places:
        if one.shape != shape:
            size, most = (" x ".join(map(str, s)) for s in (one.shape, shape))
            left_out[one.path.name] = f"{size} pixels, most have {most}"
        elif one.pixel != pixel:
            here, most = (_length(p) for p in (one.pixel, pixel))
            left_out[one.path.name] = f"a pixel measures {here}, of most {most}"
        else:
            good.append(one)
    many = max(one.index for one in places) + 1
    kind = np.result_type(*{one.kind for one in good})
    values = work.mapped("volume", (many, *shape), kind)
    copied = work.get("copied")
    if copied is None:
        copied = {"missing": _copy(good, values, left_out)}
        told = np.array([*left_out.items()], str).reshape(-1, 2)
        work.put("copied", {**copied, "left_out": told})
    else:
        left_out = {str(name): str(why) for name, why in copied["left_out"]}
    missing = tuple(int(n) for n in copied["missing"])
    return Stack(values, missing, pixel, left_out)


def _length(pixel: tuple[float, float] | None) -> str:
    return "nothing that is known" if pixel is None else f"{pixel[0]:g} x {pixel[1]:g} um"


def _files(source: Path) -> list[Path]:
    if not source.is_dir():
        return [source] if split(source)[0].exists() else []
    found = [path for path in source.iterdir() if path.suffix.lower() in KNOWN_SUFFIXES]
    return sorted(found, key=lambda path: ([int(n) for n in re.findall(r"\d+", path.stem)], path))


def _places(source: Path, left_out: dict[str, str]) -> Iterator[_Place]:
    """Where the slices are; files that can't be read are named."""
    files = _files(source) if source.is_dir() else [source]
    numbers = _numbers(files)
    for path, number in zip(files, numbers, strict=True):
        try:
            with open_file(path, source="slices") as recording:
                start = recording.start
                if start.shape is None or start.dtype is None or len(start.shape) != 2:
                    raise FileError(f"{path} holds no image")
                if source.is_dir() and recording.count != 1:
                    raise FileError(f"{path} holds {recording.count} images, not one slice")
                said = start.calibration.get("pixel_size_nm")
                pixel = None if said is None else (said[0] / 1000, said[1] / 1000)
                kind, shape = np.dtype(start.dtype).str, (start.shape[0], start.shape[1])
                for frame in range(recording.count):
                    yield _Place(path, frame, number + frame, shape, kind, pixel)
        except FileError as error:
            if not source.is_dir():
                raise
            left_out[path.name] = str(error)


def _numbers(files: list[Path]) -> list[int]:
    """Place of each file by the last number in its name; in their order if that tells nothing."""
    found = [re.findall(r"\d+", path.stem) for path in files]
    if len(files) > 1 and all(found):
        numbers = np.array([int(text[-1][-12:]) for text in found])
        steps = np.diff(np.sort(numbers))
        if steps.min() > 0:
            places = (numbers - numbers.min()) // np.gcd.reduce(steps)
            if places.max() < min(2 * len(files) + 16, MOST):
                return [int(n) for n in places]
    return list(range(len(files)))


def _copy(places: list[_Place], values: np.ndarray, left_out: dict[str, str]) -> np.ndarray:
    """Fill `values`; give the slices that are missing, int64."""
    there = np.zeros(len(values), bool)
    by_file: dict[Path, list[_Place]] = {}
    for one in places:
        by_file.setdefault(one.path, []).append(one)
    for path, own in by_file.items():
        with open_file(path, source="slices") as recording:
            for one in own:
                try:
                    values[one.index] = decode(recording.frame(one.frame).channels["data"])
                    there[one.index] = True
                except FileError as error:
                    left_out[f"{path.name} frame {one.frame}"] = str(error)
    if not there.any():
        raise FileError("no slice could be read: " + "; ".join([*left_out.values()][:3]))
    good = np.flatnonzero(there)
    missing = np.flatnonzero(~there)
    for index in missing:
        values[index] = values[good[np.abs(good - index).argmin()]]
    return np.asarray(missing, np.int64)
