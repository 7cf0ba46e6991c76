"""The phases that there are to choose from: the shipped ones, and a user's own beside them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

SETS: Mapping[str, tuple[str, ...]] = {
    "li-sei": ("Li", "Li2O", "LiOH", "LiF", "Li2CO3", "LiH", "Li3N", "Li2S", "Li2O2", "Cu"),
    "na-sei": ("Na", "NaF", "Na2O", "NaOH", "Na2CO3", "NaH", "Cu"),
    "sei": (
        *("Li", "Li2O", "LiOH", "LiF", "Li2CO3", "LiH", "Li3N", "Li2S", "Li2O2", "Cu", "Cu2O"),
        *("Na", "NaF", "Na2O", "NaOH", "Na2CO3"),
    ),
    "cathodes": (
        *("LiCoO2", "LiNiO2", "NMC111", "Li2MnO3", "LiMn2O4", "LiFePO4", "FePO4"),
        *("NiO", "CoO", "MnO", "Co3O4", "Mn3O4", "Al"),
    ),
    "oxides": ("Co3O4", "CoO", "Li2O", "Li2O2", "Cu2O"),
    "calibrants": ("Au", "Si", "graphite", "MoS2", "SrTiO3", "Cu"),
}
"""Candidate sets by the chemistry of the experiment; `all` is every phase there is."""
TAKEN = ("all", "vacuum", "amorphous", "unknown")
"""Words that name no phase and no set."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+()\[\]-]{0,39}")
"""Names of phases and sets: they stand in lists with blanks and commas between them."""
ALIKE = 0.005
"""Relative difference of spacings that no image tells."""
STRONG = 0.3
"""Reflections of this part of the strongest one tell phases."""
KEYS = ("space_group", "cell", "source", "T_K", "expansion_per_K", "rotations", "reflections")


@dataclass(frozen=True, eq=False)
class Library:
    """Phases by name, the sets they are in, and one number that stands for all of it."""

    records: Mapping[str, Any]
    """What `database.record` says of each phase."""
    sets: Mapping[str, tuple[str, ...]]
    sha256: str
    own: tuple[str, ...] = ()
    """Names of the phases that are the user's."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Library) and other.sha256 == self.sha256

    def __hash__(self) -> int:
        return hash(self.sha256)

    def choose(self, candidates: str | tuple[str, ...]) -> tuple[str, ...]:
        """Names of the phases of a set, or the given names; LookupError says what there is."""
        if isinstance(candidates, str):
            candidates = (candidates,)
        names: list[str] = []
        for name in candidates:
            if name == "all":
                names += self.records
            elif name in self.sets:
                names += self.sets[name]
            elif name in self.records:
                names.append(name)
            else:
                allowed = ", ".join([*self.sets, "all", *self.records])
                raise LookupError(f"no phase or set {name!r}; there are: {allowed}")
        if not names:
            raise LookupError(f"no candidate phase given; sets: {', '.join([*self.sets, 'all'])}")
        return tuple(dict.fromkeys(names))


@lru_cache(maxsize=1)
def shipped() -> Library:
    """Give the phases of phases.json; `sha256` is the file's."""
    text = files(__package__).joinpath("phases.json").read_bytes()
    return Library(json.loads(text)["phases"], SETS, hashlib.sha256(text).hexdigest())


def extended(own: Mapping[str, Mapping[str, Any]]) -> Library:
    """Put a user's own phases beside the shipped ones, `sha256` is then of both.

    `own` are records as `database.record` makes them; their "sets" names the sets that they
    belong to, new ones too. ValueError says which is none, or has a name that is taken.
    """
    if not own:
        return shipped()
    base = shipped()
    sets = dict(base.sets)
    for name, record in own.items():
        _check_name(name, (*base.records, *base.sets, *TAKEN))
        _check_record(name, record)
        for one in record.get("sets", ()):
            _check_name(one, (*base.records, *own, *TAKEN))
            sets[one] = (*sets.get(one, ()), name)
    text = json.dumps([base.sha256, own], sort_keys=True, default=dict).encode()
    digest = hashlib.sha256(text).hexdigest()
    return Library({**base.records, **own}, sets, digest, tuple(own))


def alike(record: Mapping[str, Any], others: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Names of those phases whose strong reflections have the same spacings, within ALIKE."""
    own = _spacings(record)
    found = []
    for name, other in others.items():
        its = _spacings(other)
        if len(its) == len(own) and all(
            abs(a / b - 1) < ALIKE for a, b in zip(own, its, strict=True)
        ):
            found.append(name)
    return found


def _spacings(record: Mapping[str, Any]) -> list[float]:
    return [row["d_A"] for row in record["reflections"] if row["F_rel"] > STRONG]


def _check_name(name: str, taken: tuple[str, ...]) -> None:
    if not NAME.fullmatch(name):
        raise ValueError(
            f"{name!r} can't be a name: up to 40 letters, digits and _.+()[]-, no blank or comma"
        )
    if name in taken:
        raise ValueError(f"the name {name!r} is taken; choose another one")


def _check_record(name: str, record: Mapping[str, Any]) -> None:
    """Refuse what a person may have spoilt; ValueError."""
    missing = [key for key in KEYS if key not in record]
    if missing:
        raise ValueError(f"phase {name!r} has no {missing[0]!r}: add it again from its CIF")
    try:
        cell = [float(x) for x in record["cell"]]
        rows = [(*map(int, row["hkl"]), float(row["d_A"])) for row in record["reflections"]]
        fine = len(cell) == 6 and min(cell) > 0 and all(len(r) == 4 and r[3] > 0 for r in rows)
        fine = fine and all(len(rotation) == 9 for rotation in record["rotations"])
    except (TypeError, ValueError, KeyError):
        fine = False
    if not fine:
        raise ValueError(f"phase {name!r} is damaged: add it again from its CIF")
