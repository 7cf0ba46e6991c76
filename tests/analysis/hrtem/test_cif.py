"""Crystal structures out of CIFs, and what is refused in words."""

from __future__ import annotations

import pytest

from beamside.analysis.hrtem.cif import CifError, check_density, read_cif
from beamside.analysis.hrtem.database import record
from beamside.analysis.hrtem.library import shipped

ROCK_SALT = """data_NaF
_chemical_formula_sum 'Na1 F1'
_journal_name_full 'J. of Salt'
_journal_year 1999
_journal_volume 7
_journal_page_first 12
_cell_length_a 4.6333(2)
_cell_length_b 4.6333(2)
_cell_length_c 4.6333(2)
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_space_group_name_H-M 'F m -3 m'
_cell_measurement_temperature 293(2)
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
Na1 Na1+ 0 0 0 1
F1 F1- 0.5 0.5 0.5 1
"""
SYMMETRY = "_symmetry_space_group_name_H-M 'F m -3 m'\n"


def test_a_cif_gives_the_reflections_of_the_shipped_phase() -> None:
    read = read_cif(ROCK_SALT)
    assert read.name == "Na1F1"
    assert read.structure.temperature == 293
    assert read.structure.source == "J. of Salt 7 (1999) 12"
    assert read.notes == ()
    made = record(read.structure)
    assert made["reflections"] == shipped().records["NaF"]["reflections"]
    assert made["density_g_cm3"] == pytest.approx(2.80, rel=0.01)


def test_operations_count_where_there_are_any_and_name_the_group() -> None:
    import gemmi

    group = gemmi.find_spacegroup_by_name("F m -3 m")
    loop = "loop_\n_space_group_symop_operation_xyz\n"
    loop += "".join(f"'{op.triplet()}'\n" for op in group.operations())
    read = read_cif(ROCK_SALT.replace(SYMMETRY, loop))
    assert read.structure.space_group == "F m -3 m"
    assert record(read.structure)["reflections"] == shipped().records["NaF"]["reflections"]


def test_operations_of_no_listed_setting_become_all_atoms_of_the_cell() -> None:
    """The rock-salt structure in a doubled cell: its operations are in no table."""
    import gemmi

    group = gemmi.find_spacegroup_by_name("F m -3 m")
    halves = [op for op in group.operations() if "y/2" not in op.triplet()]
    loop = "loop_\n_space_group_symop_operation_xyz\n"
    odd = [f"'{op.triplet()}'\n" for op in halves if op.triplet() in ("x,y,z", "-x,-y,-z")]
    loop += "".join(odd) + "'x+1/3,y,z'\n'x+2/3,y,z'\n'-x+1/3,-y,-z'\n'-x+2/3,-y,-z'\n"
    wide = ROCK_SALT.replace("_cell_length_a 4.6333(2)", "_cell_length_a 13.9")
    read = read_cif(wide.replace(SYMMETRY, loop))
    assert read.structure.space_group == "P 1"
    assert len(read.structure.sites) == 6
    assert "kept as P 1" in read.notes[0]


def test_partly_occupied_sites_count_by_their_share_and_are_told() -> None:
    mixed = ROCK_SALT.replace("Na1 Na1+ 0 0 0 1", "Na1 Na 0 0 0 0.5\nLi1 Li 0 0 0 0.5")
    read = read_cif(mixed)
    assert any("partly occupied" in note for note in read.notes)
    made = record(read.structure)
    assert made["sites"][0] == ["Na", [0.0, 0.0, 0.0], 0.5]
    assert made["density_g_cm3"] < record(read_cif(ROCK_SALT).structure)["density_g_cm3"]


def test_rhombohedral_axes_span_a_primitive_cell() -> None:
    from beamside.analysis.hrtem.library import extended
    from beamside.analysis.hrtem.phases import load_phase

    text = ROCK_SALT.replace("'F m -3 m'", "'R -3 m :R'").replace("gamma 90", "gamma 80")
    text = text.replace("alpha 90", "alpha 80").replace("beta 90", "beta 80")
    read = read_cif(text)
    assert read.structure.space_group == "R -3 m:R"
    assert load_phase("x", None, 8.3, extended({"x": record(read.structure)})).centring == "P"


def test_one_block_with_atoms_is_found_among_others_and_two_must_be_chosen_from() -> None:
    assert read_cif("data_global\n_journal_year 2000\n" + ROCK_SALT).name == "Na1F1"
    two = ROCK_SALT + ROCK_SALT.replace("data_NaF", "data_other")
    with pytest.raises(CifError, match=r"2 blocks have atoms.*--block: NaF, other"):
        read_cif(two)
    assert read_cif(two, "other").name == "Na1F1"
    with pytest.raises(CifError, match="no block 'third'; there are: NaF, other"):
        read_cif(two, "third")


GRAPHITE = """data_graphite
_chemical_formula_sum 'C'
_cell_length_a 2.4612
_cell_length_b 2.4612
_cell_length_c 6.7079
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 120
_symmetry_space_group_name_H-M 'P 63/m m c'
loop_
_atom_site_label
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
C1 0 0 0.25
C2 0.333 0.667 0.25
"""


def test_a_third_may_be_written_with_three_digits() -> None:
    """Images of an atom on a special position are one atom, at the place they share."""
    exact = record(read_cif(GRAPHITE.replace("0.333 0.667", "0.33333333 0.66666667")).structure)
    rounded = record(read_cif(GRAPHITE).structure)
    assert rounded["density_g_cm3"] == exact["density_g_cm3"] == pytest.approx(2.27, rel=0.01)
    assert rounded["reflections"] == exact["reflections"]


SILICON = """data_Si
_chemical_formula_sum 'Si'
_cell_length_a 5.4309
_cell_length_b 5.4309
_cell_length_c 5.4309
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_space_group_name_H-M 'F d -3 m'
loop_
_atom_site_label
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
Si1 0 0 0
"""


def test_of_two_origins_that_is_taken_by_which_the_cell_holds_what_the_cif_says() -> None:
    read = read_cif(SILICON + "_cell_formula_units_Z 8\n")
    assert read.structure.space_group == "F d -3 m:1"
    assert record(read.structure)["reflections"] == shipped().records["Si"]["reflections"]
    assert any("its cell then holds 16 atoms, else 8" in note for note in read_cif(SILICON).notes)


def test_a_cell_that_holds_other_than_formula_and_z_say_is_told() -> None:
    """The formula may be that of the whole cell, and hydrogen may be left out."""
    for formula in ("Na1 F1", "Na4 F4", "Na1 F1 H2"):
        text = ROCK_SALT.replace("'Na1 F1'", f"'{formula}'") + "_cell_formula_units_Z 4\n"
        assert read_cif(text).notes == ()
    half = ROCK_SALT.replace("'F m -3 m'", "'P 1'") + "_cell_formula_units_Z 4\n"
    assert "holds 2 atoms beside H, by formula and Z it is 8" in read_cif(half).notes[0]


ATOMS = "Na1 Na1+ 0 0 0 1\nF1 F1- 0.5 0.5 0.5 1\n"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (ROCK_SALT, "\x00\xff nonsense", "this is no CIF"),
        (ROCK_SALT, "", "no atoms"),
        (ATOMS, "", "this is no CIF|no atoms"),
        ("_cell_length_a 4.6333(2)\n", "", "no cell"),
        ("_cell_length_a 4.6333(2)", "_cell_length_a nan", "no cell"),
        ("_cell_length_a 4.6333(2)", "_cell_length_a 4.9", "can't have the symmetry"),
        ("_cell_length_a 4.6333(2)", "_cell_length_a 1e9", "edges must lie between"),
        ("4.6333(2)", "46", "too large"),
        ("4.6333(2)", "0.46", "edges must lie between"),
        ("_cell_angle_alpha 90", "_cell_angle_alpha 5", "angles"),
        (SYMMETRY, "", "no space group, and no symmetry operations"),
        ("F m -3 m", "Q 7", "'Q 7' is no space group"),
        (SYMMETRY, "_space_group_symop_operation_xyz 'x,y,w'\n", "operation can't be read"),
        ("Na1+ 0 0 0 1", "Na1+ 0 0 0 1.5", "Na1 has an occupancy of 1.5"),
        ("Na1+ 0 0 0 1", "Na1+ 0 0 0 -1", "Na1 has an occupancy of -1"),
        ("Na1+ 0 0 0 1", "Na1+ ? 0 0 1", "Na1 has no coordinates"),
        ("Na1 Na1+", "Q1 Q", "Q is no element"),
        ("F1 F1- 0.5 0.5 0.5 1", "F1 F1- 0 0 0 1", "add up to 2"),
        (ATOMS, "H1 H 0 0 0 1\n", "only hydrogen"),
    ],
)
def test_what_can_not_be_a_phase_says_why(old: str, new: str, words: str) -> None:
    assert old in ROCK_SALT
    with pytest.raises(CifError, match=words):
        read_cif(ROCK_SALT.replace(old, new))


def test_a_density_that_no_crystal_has_is_refused() -> None:
    dense = ROCK_SALT.replace("4.6333(2)", "1.9").replace("Na1 Na1+", "W1 W")
    with pytest.raises(CifError, match="density would be"):
        check_density(record(read_cif(dense).structure))
