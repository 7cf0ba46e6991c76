"""The crystal structures that are shipped, as their sources give them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Site = tuple[str, float, float, float] | tuple[str, float, float, float, float]
"""Element, fractional coordinates, and the occupancy where it is not 1."""


@dataclass(frozen=True, slots=True)
class Structure:
    """A crystal structure as its source gives it."""

    space_group: str
    cell: tuple[float, float, float, float, float, float]
    """a, b, c in angstrom; alpha, beta, gamma in degrees."""
    sites: tuple[Site, ...]
    """Of the asymmetric unit."""
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


def layered(
    a: float, c: float, z: float, metals: tuple[tuple[str, float], ...], source: str
) -> Structure:
    """Make a layered oxide LiMO2 (alpha-NaFeO2); `metals` share one site."""
    sites: tuple[Site, ...] = tuple((metal, 0, 0, 0, share) for metal, share in metals)
    sites = (*sites, ("Li", 0, 0, 0.5), ("O", 0, 0, z))
    return hexagonal(a, c, sites, source, "R -3 m:H")


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
    "LiCoO2": layered(2.8155, 14.0541, 0.2602, (("Co", 1.0),), "PDF 50-0653"),
    "LiNiO2": layered(2.878, 14.19, 0.2585, (("Ni", 1.0),), "PDF 09-0063"),
    "NMC111": layered(
        2.862,
        14.227,
        0.2587,
        (("Ni", 1 / 3), ("Mn", 1 / 3), ("Co", 1 / 3)),
        "LiNi1/3Mn1/3Co1/3O2: Yabuuchi & Ohzuku, J. Power Sources 119-121 (2003) 171",
    ),
    "Li2MnO3": Structure(
        "C 1 2/m 1",
        (4.937, 8.532, 5.030, 90, 109.46, 90),
        (
            ("Li", 0, 0.5, 0),
            ("Li", 0, 0, 0.5),
            ("Li", 0, 0.6606, 0.5),
            ("Mn", 0, 0.1671, 0),
            ("O", 0.2189, 0, 0.2273),
            ("O", 0.2540, 0.3214, 0.2233),
        ),
        "Strobel & Lambert-Andron, J. Solid State Chem. 75 (1988) 90",
    ),
    "LiMn2O4": cubic(
        "F d -3 m:2",
        8.2476,
        (("Li", 0.125, 0.125, 0.125), ("Mn", 0.5, 0.5, 0.5), ("O", 0.2625, 0.2625, 0.2625)),
        "PDF 35-0782",
    ),
    "LiFePO4": Structure(
        "P n m a",
        (10.332, 6.010, 4.692, 90, 90, 90),
        (
            ("Li", 0, 0, 0),
            ("Fe", 0.2822, 0.25, 0.9747),
            ("P", 0.0949, 0.25, 0.4182),
            ("O", 0.0968, 0.25, 0.7428),
            ("O", 0.4571, 0.25, 0.2060),
            ("O", 0.1656, 0.0465, 0.2848),
        ),
        "Streltsov et al., Acta Cryst. B49 (1993) 147",
    ),
    "FePO4": Structure(
        "P n m a",
        (9.8142, 5.7893, 4.7820, 90, 90, 90),
        (
            ("Fe", 0.2751, 0.25, 0.9478),
            ("P", 0.0944, 0.25, 0.3955),
            ("O", 0.1222, 0.25, 0.7096),
            ("O", 0.4390, 0.25, 0.1594),
            ("O", 0.1696, 0.0447, 0.2513),
        ),
        "heterosite: Andersson et al., Solid State Ionics 130 (2000) 41; "
        "sites: Rousse et al., Chem. Mater. 15 (2003) 4082",
    ),
    "NiO": rock_salt(4.1771, "Ni", "O", "PDF 47-1049"),
    "MnO": rock_salt(4.445, "Mn", "O", "PDF 07-0230"),
    "Mn3O4": Structure(
        "I 41/a m d:2",
        (5.765, 5.765, 9.442, 90, 90, 90),
        (("Mn", 0, 0.75, 0.125), ("Mn", 0, 0, 0.5), ("O", 0, 0.4715, 0.2595)),
        "hausmannite: Jarosch, Mineral. Petrol. 37 (1987) 15",
    ),
    "Al": cubic("F m -3 m", 4.0495, (("Al", 0, 0, 0),), "PDF 04-0787"),
}
