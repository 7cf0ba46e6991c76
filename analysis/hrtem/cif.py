"""A crystal structure out of the text of a CIF (IUCr, Hall et al., Acta Cryst. A47 (1991) 655).

Whatever can't be right is refused in words: a phase that is wrong would be found in images.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .cif_values import atoms_said, number, text_of
from .database import places
from .origin import settled
from .structures import Site, Structure

EDGES = (1.5, 60.0)
"""Smallest and largest edge of a cell, angstrom."""
VOLUME = 4000.0
"""Largest volume of a cell, cubic angstrom."""
MOST_SITES = 500
DENSITIES = (0.05, 30.0)
"""g/cm3; beyond, cell, sites and symmetry don't belong together."""
FULL = 1.02
"""Largest sum of the occupancies of one site: they are rounded."""
ROOM = 298.0


class CifError(ValueError):
    """This CIF gives no phase; the text says why."""


@dataclass(frozen=True, slots=True)
class Read:
    """What a CIF says."""

    structure: Structure
    name: str
    """Its chemical formula, without blanks; or the name of its block."""
    notes: tuple[str, ...]
    """What a person should know about it."""


def read_cif(text: str, block: str | None = None) -> Read:
    """Read the structure in `text`, in the block called `block` where several have atoms.

    CifError says what is missing or can't be.
    """
    import gemmi

    try:
        document = gemmi.cif.read_string(text)
    except (ValueError, RuntimeError) as error:
        where = str(error).splitlines()[0][:200]
        raise CifError(f"this is no CIF: {where}") from error
    chosen = _block(list(document), block)
    crystal = gemmi.make_small_structure_from_block(chosen)
    notes: list[str] = []
    _check_cell(crystal.cell)
    group = _group(crystal, notes)
    sites = _sites(crystal, notes)
    if group is None:
        group, sites = gemmi.find_spacegroup_by_name("P 1"), _spread(crystal, sites)
    group = settled(crystal, atoms_said(chosen), group, sites, notes)
    if not crystal.cell.is_compatible_with_spacegroup(group):
        raise CifError(f"a cell of {_shown(crystal.cell)} can't have the symmetry {group.xhm()}")
    kelvin = _temperature(chosen, notes)
    a, b, c, *angles = crystal.cell.parameters
    cell = (a, b, c, angles[0], angles[1], angles[2])
    structure = Structure(group.xhm(), cell, sites, _source(chosen), kelvin)
    return Read(structure, _formula(chosen), tuple(notes))


def check_density(record: dict[str, Any]) -> None:
    """Refuse a record of `database.record` whose density no crystal has; CifError."""
    density = record["density_g_cm3"]
    if not DENSITIES[0] < density < DENSITIES[1]:
        raise CifError(
            f"its density would be {density:g} g/cm3: cell, sites and symmetry don't belong "
            "together"
        )


def _block(blocks: Sequence[Any], wanted: str | None) -> Any:
    named = {block.name: block for block in blocks}
    if wanted is not None:
        if wanted not in named:
            raise CifError(f"no block {wanted!r}; there are: {', '.join(named) or 'none'}")
        return named[wanted]
    full = [block for block in blocks if block.find_values("_atom_site_fract_x")]
    if not full:
        raise CifError("no atoms in it: there is no _atom_site_fract_x in any block")
    if len(full) > 1:
        names = ", ".join(block.name for block in full)
        raise CifError(f"{len(full)} blocks have atoms: choose one with --block: {names}")
    return full[0]


def _check_cell(cell: Any) -> None:
    values = cell.parameters
    if not cell.is_crystal() or not all(math.isfinite(x) for x in values):
        raise CifError("no cell in it: _cell_length_a ... _cell_angle_gamma are needed")
    if min(values[:3]) < EDGES[0] or max(values[:3]) > EDGES[1]:
        raise CifError(
            f"a cell of {_shown(cell)} is none of a crystal that can be mapped here: edges "
            f"must lie between {EDGES[0]:g} and {EDGES[1]:g} angstrom"
        )
    if cell.volume > VOLUME:
        raise CifError(
            f"a cell of {cell.volume:.0f} cubic angstrom is too large to be told from others by a "
            f"few spots: {VOLUME:.0f} at most"
        )
    if not (min(values[3:]) > 20 and max(values[3:]) < 160 and cell.volume > 1):
        raise CifError(f"the angles of the cell can't be: {_shown(cell)}")


def _shown(cell: Any) -> str:
    return " ".join(f"{x:g}" for x in cell.parameters)


def _group(crystal: Any, notes: list[str]) -> Any:
    """The space group; None where the operations are of no listed setting."""
    import gemmi

    given = list(crystal.symops)
    if given:
        try:
            operations = gemmi.GroupOps([gemmi.Op(text) for text in given])
        except (ValueError, RuntimeError) as error:
            raise CifError(f"a symmetry operation can't be read: {error}") from error
        found = gemmi.find_spacegroup_by_ops(operations)
        if found is None:
            notes.append(
                f"its {len(given)} symmetry operations are of no setting in the tables: all atoms "
                "were spread over the cell, and it is kept as P 1"
            )
        return found
    words = crystal.spacegroup_hm.strip()
    cell = crystal.cell
    found = gemmi.find_spacegroup_by_name(words or "?", cell.alpha, cell.gamma, prefer="2H")
    if found is None and crystal.spacegroup_number:
        found = gemmi.find_spacegroup_bynumber(crystal.spacegroup_number)
    if found is None:
        said = f"{words!r} is no space group" if words else "no space group"
        raise CifError(
            f"{said}, and no symmetry operations in it (_space_group_symop_operation_xyz)"
        )
    return found


def _sites(crystal: Any, notes: list[str]) -> tuple[Site, ...]:
    if len(crystal.sites) > MOST_SITES:
        raise CifError(f"{len(crystal.sites)} sites are too many: {MOST_SITES} at most")
    sites: list[Site] = []
    for site in crystal.sites:
        place = tuple(site.fract.tolist())
        if not all(math.isfinite(x) for x in place):
            raise CifError(f"site {site.label} has no coordinates")
        if site.element.atomic_number < 1:
            raise CifError(f"site {site.label}: {site.type_symbol or '?'} is no element")
        if not 0 < site.occ <= FULL:
            raise CifError(f"site {site.label} has an occupancy of {site.occ:g}")
        element = "H" if site.element.name == "D" else site.element.name
        share = () if site.occ > 0.999 else (float(site.occ),)
        sites.append((element, *place, *share))
    if not sites:
        raise CifError("no atoms in it")
    if {site[0] for site in sites} == {"H"}:
        raise CifError("only hydrogen in it: it scatters too little to be seen")
    _check_shared(sites)
    if partly := sum(len(site) > 4 for site in sites):
        notes.append(f"{partly} of {len(sites)} sites are partly occupied: the average is used")
    return tuple(sites)


def _check_shared(sites: Sequence[Site]) -> None:
    total: Counter[tuple[float, ...]] = Counter()
    for site in sites:
        here = tuple(round(x % 1, 3) % 1 for x in site[1:4])
        total[here] += site[4] if len(site) > 4 else 1.0  # type: ignore[assignment]
    for place, share in total.items():
        if share > FULL:
            raise CifError(f"the occupancies at {place} add up to {share:g}, more than 1")


def _spread(crystal: Any, sites: Sequence[Site]) -> tuple[Site, ...]:
    """All atoms of the cell, by the operations as they stand."""
    import gemmi

    operations = gemmi.GroupOps([gemmi.Op(text) for text in crystal.symops])
    return tuple(
        (element, a, b, c, *share)  # type: ignore[misc]
        for element, x, y, z, *share in sites
        for a, b, c in places((x, y, z), operations, crystal.cell.parameters)
    )


def _temperature(block: Any, notes: list[str]) -> float:
    for tag in ("_cell_measurement_temperature", "_diffrn_ambient_temperature"):
        kelvin = number(block, tag)
        if kelvin is not None and 1 <= kelvin <= 3000:
            return kelvin
    notes.append(f"it says no temperature: {ROOM:g} K was taken")
    return ROOM


def _formula(block: Any) -> str:
    return text_of(block, "_chemical_formula_sum").replace(" ", "") or block.name


def _source(block: Any) -> str:
    """Where it is from, in the words of the CIF."""
    journal = text_of(
        block, "_journal_name_full", "_citation_journal_full", "_citation_journal_abbrev"
    )
    volume, year = (
        text_of(block, f"_journal_{key}", f"_citation_{other}")
        for key, other in (("volume", "journal_volume"), ("year", "year"))
    )
    page = text_of(block, "_journal_page_first", "_citation_page_first")
    paper = " ".join(filter(None, (journal, volume, f"({year})" if year else "", page)))
    codes = [
        f"{name} {code}"
        for name, tag in (
            ("COD", "_cod_database_code"),
            ("ICSD", "_database_code_ICSD"),
            ("AMCSD", "_database_code_amcsd"),
        )
        if (code := text_of(block, tag))
    ]
    return "; ".join([*([paper] if paper else []), *codes])
