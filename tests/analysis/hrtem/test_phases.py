"""The phase database and what is made of it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from beamside.analysis.hrtem import database
from beamside.analysis.hrtem.candidates import candidates
from beamside.analysis.hrtem.library import shipped
from beamside.analysis.hrtem.phases import load_phase

DENSITIES = {
    "Li": 0.533,
    "Li2O": 2.02,
    "LiOH": 1.46,
    "LiF": 2.64,
    "Li2CO3": 2.10,
    "Li3N": 1.30,
    "Cu": 8.94,
    "Au": 19.3,
    "Si": 2.33,
    "MoS2": 5.0,
    "graphite": 2.27,
    "Al": 2.70,
    "LiCoO2": 5.05,
    "LiNiO2": 4.78,
    "NMC111": 4.77,
    "Li2MnO3": 3.88,
    "LiMn2O4": 4.28,
    "LiFePO4": 3.60,
    "FePO4": 3.68,
    "NiO": 6.81,
    "CoO": 6.44,
    "MnO": 5.37,
    "Co3O4": 6.06,
    "Mn3O4": 4.84,
}
"""g/cm3, from handbooks."""


def test_the_shipped_file_is_what_the_generator_makes() -> None:
    assert json.loads(database.build())["phases"] == shipped().records


@pytest.mark.parametrize("name", sorted(DENSITIES))
def test_cells_have_the_densities_of_the_handbooks(name: str) -> None:
    assert shipped().records[name]["density_g_cm3"] == pytest.approx(DENSITIES[name], rel=0.015)


def test_every_phase_says_where_it_is_from_and_at_what_temperature() -> None:
    for record in shipped().records.values():
        assert record["source"]
        assert 250 < record["T_K"] < 310
        assert (record["expansion_per_K"] is None) == (record["expansion_source"] is None)


def test_reflections_agree_with_an_independent_list(shared_data: Path) -> None:
    path = shared_data / "hrtem" / "phasedb_reflections.json"
    if not path.is_file():
        pytest.skip("the reference list is absent")
    for name, other in json.loads(path.read_text()).items():
        ours = [
            (row["d_A"], row["mult"], row["F_rel"])
            for row in shipped().records[name]["reflections"]
        ]
        for row in other["reflections"]:
            wanted = row["d_A"], row["mult"], row["F_rel"]
            if row["F_rel"] < 2e-4:  # extinct but for rounding
                continue
            close = [one for one in ours if abs(one[0] - wanted[0]) < 2e-4 and one[1] == wanted[1]]
            assert any(abs(one[2] - wanted[2]) < 5e-3 for one in close), (name, wanted)


def test_symmetry_makes_as_many_reflections_as_the_multiplicity() -> None:
    for name in ("LiF", "LiOH", "Li3N", "Li2CO3", "NaOH"):
        phase = load_phase(name, None, 8.3)
        records = shipped().records[name]["reflections"]
        for family in np.unique(phase.family):
            rows = phase.family == family
            assert rows.sum() == records[family]["mult"]
            d = 10 / np.linalg.norm(phase.g(phase.hkl[rows]), axis=1)
            assert np.allclose(d, records[family]["d_A"], atol=2e-5)


def test_angles_come_from_the_metric_tensor_not_from_the_indices() -> None:
    phase = load_phase("Li2CO3", None, 8.3)
    one, two = phase.g(np.array([1, 0, 0])), phase.g(np.array([0, 0, 1]))
    cosine = one @ two / np.linalg.norm(one) / np.linalg.norm(two)
    assert np.degrees(np.arccos(cosine)) == pytest.approx(180 - 114.72)


def test_lithium_shrinks_in_the_cold_and_the_others_stay() -> None:
    assert load_phase("Li", 78.0, 8.3).cell[0] == pytest.approx(0.3491, abs=1e-5)
    assert load_phase("Na", 78.0, 8.3).cell[0] == pytest.approx(0.4235, abs=1e-5)
    cold = load_phase("LiF", 78.0, 8.3)
    assert cold.cell[0] == pytest.approx(0.4027)
    assert cold.temperature == 298.0


def test_candidates_are_chosen_by_set_by_name_or_both() -> None:
    assert shipped().choose("li-sei")[0] == "Li"
    assert shipped().choose(("LiF", "calibrants", "Au")) == (
        *("LiF", "Au", "Si", "graphite", "MoS2", "SrTiO3", "Cu"),
    )
    assert len(shipped().choose("all")) == 35


def test_an_unknown_phase_is_refused_with_the_ones_there_are() -> None:
    with pytest.raises(LookupError, match=r"no phase or set 'LiFe'.*li-sei.*LiF"):
        shipped().choose("LiFe")
    with pytest.raises(LookupError, match="no candidate"):
        shipped().choose(())


def test_pair_priors_of_a_phase_add_up_to_one() -> None:
    known = candidates("sei", None, 8.3)
    total = np.bincount(known.pair_phase, np.exp(known.pair_weight))
    assert np.allclose(total, 1)
    assert np.allclose(np.bincount(known.line_phase, np.exp(known.line_weight)), 1)


def test_visibility_knows_the_lattice() -> None:
    known = candidates(("LiF",), None, 8.3)
    zero = np.zeros(4, int)
    hkl = np.array([[1, 1, 1], [1, 0, 0], [2, 0, 0], [90, 0, 0]])
    seen = known.visibility(zero, hkl)
    assert seen[0] > 0
    assert seen[2] > seen[0]
    assert seen[1] == seen[3] == 0
