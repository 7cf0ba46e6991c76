"""Make phases.json: cells and sites in, reflections out.

    python -m beamside.analysis.hrtem.database

gemmi is needed here and in `cif` only; at run time the JSON is enough. Structure factors are
kinematic, with electron form factors c4322 and an isotropic U of 0.01 square angstrom.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from .structures import STRUCTURES, Structure

Atom = tuple[str, tuple[float, ...], float]
"""Element, place in the cell, occupancy."""

D_MIN = 0.9
"""Smallest d-spacing listed, angstrom."""
U_ISO = 0.01
"""Isotropic mean square displacement, square angstrom."""
SAME = 0.15
"""Images of an atom that are nearer than this are one, angstrom: less than split sites are apart,
more than coordinates of two digits are off."""
WEAKEST = 1e-4
"""Reflections with a smaller fraction of the strongest |F| are extinct and left out."""


def record(structure: Structure) -> dict[str, Any]:
    """Say everything about one phase: cell, sites, density [g/cm3], rotations, reflections."""
    import gemmi

    group = gemmi.find_spacegroup_by_name(structure.space_group)
    atoms = _unit_cell(structure, group)
    crystal = _crystal(structure, atoms)
    mass = sum(gemmi.Element(element).weight * share for element, _, share in atoms)
    rotations = _rotations(group)
    return {
        "space_group": structure.space_group,
        "cell": list(structure.cell),
        "sites": [
            [element, [float(x), float(y), float(z)], *share]
            for element, x, y, z, *share in structure.sites
        ],
        "source": structure.source,
        "T_K": structure.temperature,
        "expansion_per_K": round(structure.expansion[0], 9) if structure.expansion else None,
        "expansion_source": structure.expansion[1] if structure.expansion else None,
        "density_g_cm3": round(mass * 1.66053907 / crystal.cell.volume, 4),
        "rotations": [list(itertools.chain(*rotation)) for rotation in rotations],
        "reflections": _reflections(crystal, rotations),
    }


def _crystal(structure: Structure, atoms: list[Atom]) -> Any:
    """All atoms of one cell as gemmi has them, without symmetry."""
    import gemmi

    crystal = gemmi.SmallStructure()
    crystal.cell = gemmi.UnitCell(*structure.cell)
    crystal.spacegroup = gemmi.find_spacegroup_by_name("P 1")
    for n, (element, place, share) in enumerate(atoms):
        site = gemmi.SmallStructure.Site()
        site.label, site.element = f"{element}{n}", gemmi.Element(element)
        site.fract, site.occ, site.u_iso = gemmi.Fractional(*place), share, U_ISO
        crystal.add_site(site)
    crystal.setup_cell_images()
    return crystal


def _unit_cell(structure: Structure, group: Any) -> list[Atom]:
    """All atoms of one cell, special positions counted once."""
    atoms: list[Atom] = []
    for element, x, y, z, *share in structure.sites:
        images = places((x, y, z), group.operations(), structure.cell)
        atoms += [(element, image, share[0] if share else 1.0) for image in images]
    return atoms


def places(
    place: Sequence[float], operations: Any, cell: Sequence[float]
) -> list[tuple[float, ...]]:
    """Where gemmi's `operations` take one atom in a cell (angstrom, degrees).

    Images within SAME of each other are one atom on a special position, whose place was rounded
    (0.333 for a third): it is where they are on average.
    """
    import gemmi

    metric = np.array(gemmi.UnitCell(*cell).orth.mat.tolist())
    images = np.array([operation.apply_to_xyz(list(place)) for operation in operations]) % 1.0
    found = []
    left = np.ones(len(images), bool)
    while left.any():
        first = images[left][0]
        off = (images - first + 0.5) % 1.0 - 0.5
        same = left & (np.linalg.norm(off @ metric.T, axis=1) < SAME)
        found.append(tuple(((first + off[same].mean(axis=0)) % 1.0).tolist()))
        left &= ~same
    return found


def _rotations(group: Any) -> list[list[list[int]]]:
    """The point-group rotations as they act on hkl (row vector times matrix)."""
    found: list[list[list[int]]] = []
    for operation in group.operations().sym_ops:
        rotation = [[int(n) // operation.DEN for n in row] for row in operation.rot]
        if rotation not in found:
            found.append(rotation)
    return found


def _reflections(crystal: Any, rotations: list[list[list[int]]]) -> list[dict[str, Any]]:
    """One of each family of symmetry-equivalent reflections (Friedel pairs included)."""
    import gemmi

    calculator = gemmi.StructureFactorCalculatorE(crystal.cell)
    limits = [int(edge / D_MIN) for edge in crystal.cell.parameters[:3]]
    done: set[tuple[int, ...]] = set()
    rows = []
    for hkl in itertools.product(*[range(limit, -limit - 1, -1) for limit in limits]):
        d = crystal.cell.calculate_d(hkl) if any(hkl) else 0.0
        if d <= D_MIN or hkl in done:
            continue
        family = _family(hkl, rotations)
        done |= family
        amplitude = abs(calculator.calculate_sf_from_small_structure(crystal, hkl))
        rows.append((d, max(family), len(family), amplitude))
    strongest = max(row[3] for row in rows)
    return [
        {"hkl": list(hkl), "d_A": round(d, 5), "mult": mult, "F_rel": round(f / strongest, 4)}
        for d, hkl, mult, f in sorted(rows, key=lambda row: (-row[0], row[1]))
        if f > WEAKEST * strongest
    ]


def _family(hkl: tuple[int, ...], rotations: list[list[list[int]]]) -> set[tuple[int, ...]]:
    images = {
        tuple(sum(hkl[i] * rotation[i][j] for i in range(3)) for j in range(3))
        for rotation in rotations
    }
    return images | {(-h, -k, -m) for h, k, m in images}


def build() -> str:
    """Make the text of phases.json, the same on every machine."""
    head = {
        "made_by": f"beamside.analysis.hrtem.database, gemmi {version('gemmi')}",
        "form_factors": "electrons, c4322",
        "U_iso_A2": U_ISO,
        "d_min_A": D_MIN,
    }
    lines = [
        f"{json.dumps(name)}: {json.dumps(record(structure), separators=(',', ':'))}"
        for name, structure in STRUCTURES.items()
    ]
    body = ",\n".join(lines)
    return f'{{"about": {json.dumps(head)},\n"phases": {{\n{body}\n}}}}\n'


def main() -> None:
    """Write phases.json beside this file."""
    Path(__file__).with_name("phases.json").write_text(build(), encoding="utf-8")


if __name__ == "__main__":
    main()
