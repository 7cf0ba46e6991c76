"""What was given on the command line, as what the analysis takes."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import orjson
import xarray as xr

from ...stream.errors import FileError
from ...stream.files import parse_length
from ...stream.labelled import read_labelled
from ...stream.plain import plain
from ...stream.volume import Volume, read_volume
from ..settings import assignment

Voxel = tuple[float, float, float]


def micrometres(text: str) -> float:
    """Read a length such as '0.1 um'; ValueError says what is wrong with it."""
    return parse_length(text) / 1000


def voxel_of(text: str | None, *said: Volume | None) -> Voxel:
    """Read a voxel size (z, y, x) in um, or take what the volumes say of their pixels.

    FileError if nothing says it.
    """
    if text is not None:
        *sides, last = text.replace(",", " ").split()
        unit = last if sides and not last[:1].isdigit() else ""
        numbers = sides if unit else [text.strip()]
        sizes = [micrometres(f"{number} {unit}") for number in numbers]
        if len(sizes) not in (1, 3):
            raise ValueError(f"--voxel {text!r}: give one length, or three for z y x")
        z, y, x = sizes * 3 if len(sizes) == 1 else sizes
        return z, y, x
    for volume in said:
        if volume is not None and volume.pixel_um is not None:
            y, x = volume.pixel_um
            if abs(y - x) > 1e-3 * x:
                raise FileError("the file says a pixel of two lengths; give --voxel 'Z Y X um'")
            return y, y, x
    raise FileError("no file says what a voxel measures; give it, e.g. --voxel '0.1 um'")


def settings_of(kind: type, assignments: Sequence[str]) -> dict[str, Any]:
    """Read KEY=VALUE settings of a dataclass; ValueError names an unknown one."""
    settings: dict[str, Any] = {}
    for text in assignments:
        settings |= assignment(f"analysis.{text}")["analysis"]
    known = [field.name for field in fields(kind)]
    unknown = sorted(set(settings) - set(known))
    if unknown:
        raise ValueError(f"there is no setting {unknown[0]!r}; allowed: {', '.join(known)}")
    return {k: tuple(v) if isinstance(v, list) else v for k, v in settings.items()}


def volume(path: Path | None) -> Volume | None:
    """Read a volume, if one is given."""
    return None if path is None else read_volume(path)


def table(path: Path) -> xr.Dataset:
    """Read a table of particles; FileError if it is none."""
    data = read_labelled(path, "particle")
    if "particle_label" not in data:
        raise FileError(f"{path} is no table of particles; `beamside particles features` makes one")
    return data


def say(told: dict[str, Any], lines: Sequence[str], *, as_json: bool) -> None:
    """Print one JSON object, or lines for people."""
    if as_json:
        options = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS
        sys.stdout.write(orjson.dumps(told, plain, options).decode() + "\n")
    else:
        sys.stdout.write("\n".join(lines) + "\n")
