"""The crystals that phantoms are made of: cells, sites, and their reflections.

Structure factors are computed by gemmi from the table below, so no other part of the house has to
be right for a phantom to be right. Cells are in angstrom and degrees at room temperature.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

import numpy as np

Site: TypeAlias = tuple[str, float, float, float]

DEBYE_WALLER = 0.8
"""Isotropic B of every atom in square angstrom, about that of oxides and fluorides at 300 K."""


@dataclass(frozen=True, slots=True)
class Crystal:
    """One crystal structure, as published."""

    group: str
    """Space group, Hermann-Mauguin, with the origin choice where there are two."""
    cell: tuple[float, float, float, float, float, float]
    """a, b, c in angstrom; alpha, beta, gamma in degrees."""
    sites: tuple[Site, ...]
    """Element and fractional coordinates of each atom of the asymmetric unit."""
    source: str
    """Where cell and sites were published."""


def _cubic(group: str, a: float, sites: tuple[Site, ...], source: str) -> Crystal:
    return Crystal(group, (a, a, a, 90.0, 90.0, 90.0), sites, source)


def _rocksalt(a: float, metal: str, other: str, source: str) -> Crystal:
    return _cubic("F m -3 m", a, ((metal, 0, 0, 0), (other, 0.5, 0.5, 0.5)), source)


def _antifluorite(a: float, metal: str, other: str, source: str) -> Crystal:
    return _cubic("F m -3 m", a, ((other, 0, 0, 0), (metal, 0.25, 0.25, 0.25)), source)


CRYSTALS: dict[str, Crystal] = {
    "Li": _cubic(
        "I m -3 m", 3.5092, (("Li", 0, 0, 0),), "Nadler & Kempter, Anal. Chem. 31 (1959) 2109"
    ),
    "Li2O": _antifluorite(4.6114, "Li", "O", "NBS Monograph 25-1 (1962)"),
    "LiF": _rocksalt(4.0271, "Li", "F", "Thewlis, Acta Cryst. 8 (1955) 36"),
    "LiH": _rocksalt(4.0834, "Li", "H", "Staritzky & Walker, Anal. Chem. 28 (1956) 1055"),
    "Li2S": _antifluorite(5.720, "Li", "S", "PDF 23-0369"),
    "Li2CO3": Crystal(
        "C 1 2/c 1",
        (8.359, 4.9767, 6.194, 90.0, 114.72, 90.0),
        (
            ("Li", 0.1966, 0.449, 0.8344),
            ("C", 0.0, 0.0657, 0.25),
            ("O", 0.0, 0.3216, 0.25),
            ("O", 0.1459, -0.0657, 0.3127),
        ),
        "Effenberger & Zemann, Z. Krist. 150 (1979) 133",
    ),
    "LiOH": Crystal(
        "P 4/n m m:1",
        (3.549, 3.549, 4.334, 90.0, 90.0, 90.0),
        (("Li", 0, 0, 0), ("O", 0, 0.5, 0.1951), ("H", 0, 0.5, 0.407)),
        "Dachs, Z. Krist. 112 (1959) 60",
    ),
    "Li3N": Crystal(
        "P 6/m m m",
        (3.648, 3.648, 3.875, 90.0, 90.0, 120.0),
        (("N", 0, 0, 0), ("Li", 0, 0, 0.5), ("Li", 1 / 3, 2 / 3, 0)),
        "Rabenau & Schulz, J. Less-Common Met. 50 (1976) 155",
    ),
    "Li2O2": Crystal(
        "P 63/m m c",
        (3.183, 3.183, 7.7258, 90.0, 90.0, 120.0),
        (("Li", 0, 0, 0), ("Li", 1 / 3, 2 / 3, 0.25), ("O", 1 / 3, 2 / 3, 0.6485)),
        "Cota & de la Mora, Acta Cryst. B61 (2005) 133",
    ),
    "Cu": _cubic("F m -3 m", 3.615, (("Cu", 0, 0, 0),), "NBS Circular 539-1 (1953)"),
    "Cu2O": _cubic("P n -3 m:1", 4.2696, (("O", 0, 0, 0), ("Cu", 0.25, 0.25, 0.25)), "PDF 05-0667"),
    "Na": _cubic(
        "I m -3 m", 4.2906, (("Na", 0, 0, 0),), "Aruja & Perlitz, Z. Krist. 100 (1939) 195"
    ),
    "NaF": _rocksalt(4.6333, "Na", "F", "PDF 36-1455"),
    "Na2O": _antifluorite(5.55, "Na", "O", "Zintl et al., Z. Elektrochem. 40 (1934) 588"),
    "NaH": _rocksalt(4.88, "Na", "H", "Shull et al., Phys. Rev. 73 (1948) 842"),
    "graphite": Crystal(
        "P 63/m m c",
        (2.4612, 2.4612, 6.7079, 90.0, 90.0, 120.0),
        (("C", 0, 0, 0.25), ("C", 1 / 3, 2 / 3, 0.25)),
        "Trucano & Chen, Nature 258 (1975) 136",
    ),
    "Au": _cubic("F m -3 m", 4.0786, (("Au", 0, 0, 0),), "PDF 04-0784"),
}
"""Battery interphases first; graphite and gold to test the microscope with."""


@dataclass(frozen=True, slots=True)
class Reflections:
    """What a crystal scatters, out to one resolution; both g and -g are listed."""

    hkl: np.ndarray
    """int16[n, 3]"""
    g: np.ndarray
    """float64[n, 3]: reciprocal vectors (x, y, z) in the crystal's Cartesian axes, 1/nm."""
    potential: np.ndarray
    """complex128[n]: electron structure factor over cell volume, 1/nm^2 (first Born, at rest)."""
    mean: float
    """The same at g = 0: gives the mean inner potential, 1/nm^2."""
    axes: np.ndarray
    """float64[3, 3]: rows are a, b, c in the same Cartesian axes, nm."""


def crystal(name: str) -> Crystal:
    """Give the crystal called `name`; ValueError lists those there are."""
    if name not in CRYSTALS:
        raise ValueError(
            f"no crystal {name!r} to make phantoms of; there are {', '.join(CRYSTALS)}"
        )
    return CRYSTALS[name]


@cache
def reflections(name: str, k_max: float = 9.0) -> Reflections:
    """Compute the reflections of a crystal with |g| <= `k_max` in 1/nm."""
    import gemmi

    structure = _structure(crystal(name))
    cell = structure.cell
    factors = gemmi.StructureFactorCalculatorE(cell)
    inverse = np.array(cell.frac.mat.tolist())
    limits = [int(k_max / 10 * edge) + 1 for edge in (cell.a, cell.b, cell.c)]
    grid = np.stack(np.meshgrid(*[np.arange(-n, n + 1) for n in limits], indexing="ij"), -1)
    hkl = grid.reshape(-1, 3)
    g = hkl @ inverse * 10
    length = np.linalg.norm(g, axis=1)
    near = (length > 0) & (length <= k_max)
    hkl, g = hkl[near], g[near]
    volume = cell.volume / 1000
    f = [factors.calculate_sf_from_small_structure(structure, list(map(int, i))) for i in hkl]
    potential = np.array(f) / 10 / volume
    kept = np.abs(potential) > 1e-3 * np.abs(potential).max()
    mean = factors.calculate_sf_from_small_structure(structure, [0, 0, 0]).real / 10 / volume
    axes = np.array(cell.orth.mat.tolist()).T / 10
    return Reflections(hkl[kept].astype(np.int16), g[kept], potential[kept], mean, axes)


def _structure(crystal: Crystal) -> Any:
    import gemmi

    structure = gemmi.SmallStructure()
    structure.spacegroup_hm = crystal.group
    structure.cell = gemmi.UnitCell(*crystal.cell)
    structure.determine_and_set_spacegroup("1")
    for number, (element, *position) in enumerate(crystal.sites):
        site = gemmi.SmallStructure.Site()
        site.label, site.type_symbol = f"{element}{number}", element
        site.element, site.fract = gemmi.Element(element), gemmi.Fractional(*position)
        site.u_iso, site.occ = DEBYE_WALLER / (8 * np.pi**2), 1.0
        structure.add_site(site)
    structure.change_occupancies_to_crystallographic()
    return structure


def scattering(element: str, k: np.ndarray) -> np.ndarray:
    """Give the electron scattering factor of a free atom in nm at `k` in 1/nm (first Born)."""
    import gemmi

    table = gemmi.Element(element).c4322
    squared = (np.asarray(k) / 20) ** 2
    terms = [a * np.exp(-b * squared) for a, b in zip(table.a, table.b, strict=True)]
    return np.asarray(sum(terms) / 10)
