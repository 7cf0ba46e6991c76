"""Which of two origins a CIF means, told by how many atoms its cell holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .database import places
from .structures import Site

CONTENT = 0.1
"""Relative difference of the atoms in a cell from what formula and Z say that needs no word."""


def settled(
    crystal: Any, said: Sequence[float], group: Any, sites: Sequence[Site], notes: list[str]
) -> Any:
    """Give `group`, or the same with the other origin where only so the cell holds what is `said`.

    `crystal` is gemmi's, `said` are the numbers of atoms (without H) that the cell may hold. What
    does not fit is added to `notes`.
    """
    choices = [group, *_other(crystal, group)]
    held = [_held(crystal, one, sites) for one in choices]
    fits = [n for n, many in enumerate(held) if any(abs(many / x - 1) < CONTENT for x in said)]
    best = fits[0] if fits else 0
    if len(choices) > 1:
        words = f"no symmetry operations in it: origin choice {choices[best].ext} was taken"
        if not fits and held[0] != held[1]:
            words += f"; its cell then holds {held[0]:g} atoms, else {held[1]:g}: check the density"
        notes.append(words)
    if said and not fits:
        notes.append(
            f"its cell holds {held[0]:g} atoms beside H, by formula and Z it is {said[0]:g}: check "
            "sites and space group"
        )
    return choices[best]


def _other(crystal: Any, group: Any) -> list[Any]:
    """The same group with its other origin, where the CIF does not say which is meant."""
    import gemmi

    if crystal.symops or ":" in crystal.spacegroup_hm or group.ext not in ("1", "2"):
        return []
    return [gemmi.find_spacegroup_by_name(f"{group.hm}:{'2' if group.ext == '1' else '1'}")]


def _held(crystal: Any, group: Any, sites: Sequence[Site]) -> float:
    """Atoms in the cell, without H."""
    operations, cell = group.operations(), crystal.cell.parameters
    return float(
        sum(
            (site[4] if len(site) > 4 else 1.0) * len(places(site[1:4], operations, cell))
            for site in sites
            if site[0] != "H"
        )
    )
