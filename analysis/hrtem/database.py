"""Make phases.json: cells and sites in, reflections out.

    python -m beamside.analysis.hrtem.database

gemmi is needed here only; at run time the JSON is enough. Structure factors are kinematic, with
electron form factors c4322 and an isotropic U of 0.01 square angstrom.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

Site = tuple[str, float, float, float]

D_MIN = 0.9
"""Smallest d-spacing listed, angstrom."""
U_ISO = 0.01
"""Isotropic mean square displacement, square angstrom."""
WEAKEST = 1e-4
"""Reflections with a smaller fraction of the strongest |F| are extinct and left out."""


@dataclass(frozen=True, slots=True)
class Structure:
    """A crystal structure as its source gives it."""

    space_group: str
    cell: tuple[float, float, float, float, float, float]
    """a, b, c in angstrom; alpha, beta, gamma in degrees."""
    sites: tuple[Site, ...]
    """Element and fractional coordinates of the asymmetric unit."""
    source: str
    temperature: float = 298.0
    """Of the cell, in K."""
    expansion: tuple[float, str] | None = None
    """Mean linear thermal expansion in 1/K, and where it is known from."""


def cubic(group: str, a: float, sites: tuple[Site, ...], source: str, **more: Any) -> Structure:
    """Make a cubic structure."""
    return Structure(group, (a, a, a, 90, 90, 90), sites, source, **more)


def hexagonal(a: float, c: float, sites: tuple[Site, ...], source: str, group: str) -> Structure:
    """Make a hexagonal structure."""
    return Structure(group, (a, a, c, 90, 90, 120), sites, source)


def rock_salt(a: float, cation: str, anion: str, source: str) -> Structure:
    """Make a rock-salt structure."""
    return cubic("F m -3 m", a, ((cation, 0, 0, 0), (anion, 0.5, 0.5, 0.5)), source)


def antifluorite(a: float, cation: str, anion: str, source: str) -> Structure:
    """Make an antifluorite structure."""
    return cubic("F m -3 m", a, ((anion, 0, 0, 0), (cation, 0.25, 0.25, 0.25)), source)


HEX = (1 / 3, 2 / 3)
LI_EXPANSION = (
    (3.5092 - 3.491) / 3.5092 / (298 - 78),
    "a at 298 K (Nadler & Kempter 1959) and at 78 K (Barrett 1956)",
)
NA_EXPANSION = (
    (4.2906 - 4.235) / 4.2906 / (293 - 78),
    "a at 293 K (Aruja & Perlitz 1939) and at 78 K (Barrett 1956)",
)

STRUCTURES: dict[str, Structure] = {
    "Li": cubic(
        "I m -3 m",
        3.5092,
        (("Li", 0, 0, 0),),
        "Nadler & Kempter, Anal. Chem. 31 (1959) 2109, 298 K",
        expansion=LI_EXPANSION,
    ),
    "Li2O": antifluorite(4.6114, "Li", "O", "PDF 12-0254 (NBS Monogr. 25-1, 1962)"),
    "LiOH": Structure(
        "P 4/n m m:1",
        (3.549, 3.549, 4.334, 90, 90, 90),
        (("Li", 0, 0, 0), ("O", 0, 0.5, 0.1951), ("H", 0, 0.5, 0.407)),
        "Dachs, Z. Krist. 112 (1959) 60 (neutron)",
    ),
    "LiF": rock_salt(4.027, "Li", "F", "PDF 04-0857 (NBS Circ. 539-1)"),
    "Li2CO3": Structure(
        "C 1 2/c 1",
        (8.359, 4.9767, 6.194, 90, 114.72, 90),
        (
            ("Li", 0.1966, 0.449, 0.8344),
            ("C", 0, 0.0657, 0.25),
            ("O", 0, 0.3216, 0.25),
            ("O", 0.1459, -0.0657, 0.3127),
        ),
        "Effenberger & Zemann, Z. Krist. 150 (1979) 133",
    ),
    "LiH": rock_salt(
        4.0834, "Li", "H", "Staritzky & Walker, Anal. Chem. 28 (1956) 1055; PDF 09-0340"
    ),
    "Li3N": hexagonal(
        3.648,
        3.875,
        (("N", 0, 0, 0), ("Li", 0, 0, 0.5), ("Li", *HEX, 0)),
        "Rabenau & Schulz, J. Less-Common Met. 50 (1976) 155 (alpha)",
        "P 6/m m m",
    ),
    "Li2S": antifluorite(5.72, "Li", "S", "PDF 23-0369"),
    "Li2O2": hexagonal(
        3.183,
        7.7258,
        (("Li", 0, 0, 0), ("Li", *HEX, 0.25), ("O", *HEX, 0.6485)),
        "Cota & de la Mora, Acta Cryst. B61 (2005) 133",
        "P 63/m m c",
    ),
    "Cu": cubic(
        "F m -3 m", 3.615, (("Cu", 0, 0, 0),), "PDF 04-0836 (Straumanis & Yu 1969: 3.61496)"
    ),
    "Cu2O": cubic("P n -3 m:1", 4.2696, (("O", 0, 0, 0), ("Cu", 0.25, 0.25, 0.25)), "PDF 05-0667"),
    "Na": cubic(
        "I m -3 m",
        4.2906,
        (("Na", 0, 0, 0),),
        "Aruja & Perlitz, Z. Krist. 100 (1939) 195, 293 K",
        temperature=293.0,
        expansion=NA_EXPANSION,
    ),
    "NaF": rock_salt(4.6333, "Na", "F", "PDF 36-1455"),
    "Na2O": antifluorite(5.55, "Na", "O", "Zintl, Harder & Dauth, Z. Elektrochem. 40 (1934) 588"),
    "NaOH": Structure(
        "C m c m",
        (3.4013, 11.378, 3.3984, 90, 90, 90),
        (("Na", 0, 0.163, 0.25), ("O", 0, 0.368, 0.25)),
        "Stehr, Z. Krist. 125 (1967) 332; PDF 35-1009 (H omitted)",
    ),
    "Na2CO3": Structure(
        "C 1 2/m 1",
        (8.92, 5.245, 6.05, 90, 101.35, 90),
        (
            ("Na", 0, 0, 0),
            ("Na", 0, 0, 0.5),
            ("Na", 0.1706, 0.5, 0.7478),
            ("C", 0.165, 0.5, 0.249),
            ("O", 0.1017, 0.294, 0.285),
            ("O", 0.2891, 0.5, 0.177),
        ),
        "gamma, average cell: Dusek et al., Acta Cryst. B59 (2003) 337",
    ),
    "NaH": rock_salt(4.88, "Na", "H", "PDF 02-0809; Shull et al., Phys. Rev. 73 (1948) 842"),
    "graphite": hexagonal(
        2.4612,
        6.7079,
        (("C", 0, 0, 0.25), ("C", *HEX, 0.25)),
        "Trucano & Chen, Nature 258 (1975) 136",
        "P 63/m m c",
    ),
    "Au": cubic("F m -3 m", 4.0786, (("Au", 0, 0, 0),), "PDF 04-0784"),
    "Si": cubic("F d -3 m:1", 5.4309, (("Si", 0, 0, 0),), "NIST SRM 640 series"),
    "Co3O4": cubic(
        "F d -3 m:2",
        8.0837,
        (("Co", 0.125, 0.125, 0.125), ("Co", 0.5, 0.5, 0.5), ("O", 0.2632, 0.2632, 0.2632)),
        "PDF 42-1467; ICSD 36256: 8.072",
    ),
    "CoO": rock_salt(4.2612, "Co", "O", "PDF 48-1719"),
    "SrTiO3": cubic(
        "P m -3 m",
        3.905,
        (("Sr", 0, 0, 0), ("Ti", 0.5, 0.5, 0.5), ("O", 0.5, 0.5, 0)),
        "PDF 35-0734",
    ),
    "MoS2": hexagonal(
        3.1604,
        12.295,
        (("Mo", *HEX, 0.25), ("S", *HEX, 0.6275)),
        "2H, Schonfeld et al., Acta Cryst. B39 (1983) 404",
        "P 63/m m c",
    ),
}


def record(structure: Structure) -> dict[str, Any]:
    """Say everything about one phase: cell, sites, density [g/cm3], rotations, reflections."""
    import gemmi

    crystal = gemmi.SmallStructure()
    crystal.cell = gemmi.UnitCell(*structure.cell)
    group = gemmi.find_spacegroup_by_name(structure.space_group)
    atoms = _unit_cell(structure, group)
    crystal.spacegroup = gemmi.find_spacegroup_by_name("P 1")
    for n, (element, place) in enumerate(atoms):
        site = gemmi.SmallStructure.Site()
        site.label, site.element = f"{element}{n}", gemmi.Element(element)
        site.fract, site.occ, site.u_iso = gemmi.Fractional(*place), 1.0, U_ISO
        crystal.add_site(site)
    crystal.setup_cell_images()
    mass = sum(gemmi.Element(element).weight for element, _ in atoms)
    rotations = _rotations(group)
    return {
        "space_group": structure.space_group,
        "cell": list(structure.cell),
        "sites": [[element, list(map(float, place))] for element, *place in structure.sites],
        "source": structure.source,
        "T_K": structure.temperature,
        "expansion_per_K": round(structure.expansion[0], 9) if structure.expansion else None,
        "expansion_source": structure.expansion[1] if structure.expansion else None,
        "density_g_cm3": round(mass * 1.66053907 / crystal.cell.volume, 4),
        "rotations": [list(itertools.chain(*rotation)) for rotation in rotations],
        "reflections": _reflections(crystal, rotations),
    }


def _unit_cell(structure: Structure, group: Any) -> list[tuple[str, tuple[float, ...]]]:
    """All atoms of one cell, special positions counted once."""
    atoms: list[tuple[str, tuple[float, ...]]] = []
    for element, *place in structure.sites:
        seen: list[tuple[float, ...]] = []
        for operation in group.operations():
            image = tuple(x % 1.0 for x in operation.apply_to_xyz(place))
            if all(_apart(image, other) for other in seen):
                seen.append(image)
        atoms += [(element, image) for image in seen]
    return atoms


def _apart(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return max(abs((p - q + 0.5) % 1.0 - 0.5) for p, q in zip(one, other, strict=True)) > 1e-3


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
