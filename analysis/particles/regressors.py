"""Regressors: which columns of a table a forest is given, and which are left out and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from ..operators import AnalysisError
from .catalogue import FEATURES, LEAKAGE_FREE
from .flags import Flag, doubtful

FEWEST = 30
"""Particles that a forest is fitted to."""
SETS = {
    "leakage-free": ("particle_", LEAKAGE_FREE),
    "corrected": ("particle_", tuple(f.name for f in FEATURES)),
    "published": ("particle_published_", tuple(f.name for f in FEATURES)),
}
"""Sets of features by name: prefix of the columns, and features."""


@dataclass(frozen=True, slots=True)
class Regressors:
    """What a forest is fitted to."""

    names: tuple[str, ...]
    values: np.ndarray
    """[particle, feature]; what was undefined is the median of the others."""
    damage: np.ndarray
    labels: np.ndarray
    rows: np.ndarray
    """Of the particles in the table."""
    units: tuple[str, ...]
    notes: tuple[str, ...]
    """What was left out, and why."""


def regressors(table: xr.Dataset, chosen: str | Sequence[str], border: bool) -> Regressors:
    """Take the features `chosen` (a name of SETS, or names) of the particles of a table.

    Particles at the border are left out unless `border`: a part of them may be missing; so are
    doubtful ones (`flags`). Columns
    that are undefined everywhere or never differ are left out. AnalysisError if little is left.
    """
    prefix, names = SETS[chosen] if isinstance(chosen, str) else ("particle_", tuple(chosen))
    missing = [n for n in (*names, "damage") if f"{prefix}{n}" not in table]
    if missing:
        raise AnalysisError(
            f"the table has no column {prefix}{missing[0]}; measure it with the published features"
            if prefix.endswith("published_")
            else f"the table has no column {prefix}{missing[0]}; `particles features` makes tables"
        )
    damage = np.asarray(table[f"{prefix}damage"].values, float)
    kept = np.isfinite(damage)
    notes = []
    if not border and "particle_flags" in table:
        outside = table["particle_flags"].values & Flag.BORDER != 0
        notes += [f"{outside.sum()} particles at the border left out"] if outside.any() else []
        kept &= ~outside
    none = kept & doubtful(table)
    notes += [f"{none.sum()} doubtful particles left out (flag)"] if none.any() else []
    kept &= ~none
    rows = np.flatnonzero(kept)
    if len(rows) < FEWEST:
        raise AnalysisError(
            f"{len(rows)} particles with damage ({'; '.join(notes) or 'none left out'}); "
            f"a forest needs {FEWEST}"
        )
    columns, used = [], []
    for name in names:
        column, note = _column(np.asarray(table[f"{prefix}{name}"].values, float)[rows])
        notes += [f"{name}: {note}"] if note else []
        if column is not None:
            columns.append(column)
            used.append(name)
    if not used:
        raise AnalysisError("no feature of the table differs between particles")
    return Regressors(
        tuple(used),
        np.stack(columns, axis=1),
        damage[rows],
        np.asarray(table["particle_label"].values)[rows],
        rows,
        tuple(str(table[f"{prefix}{name}"].attrs.get("units", "")) for name in used),
        tuple(notes),
    )


def _column(values: np.ndarray) -> tuple[np.ndarray | None, str]:
    """A column without holes, or None, and what was done to it."""
    known = np.isfinite(values)
    if not known.any():
        return None, "left out, undefined everywhere"
    if np.ptp(values[known]) == 0:
        return None, "left out, the same everywhere"
    if known.all():
        return values, ""
    filled = np.where(known, values, np.median(values[known]))
    return filled, f"median for {(~known).sum()} undefined"
