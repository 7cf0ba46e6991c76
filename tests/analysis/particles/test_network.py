from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from beamside.analysis.operators import AnalysisError
from beamside.analysis.particles.conduction import currents, laplacian
from beamside.analysis.particles.contacts import contacts
from beamside.analysis.particles.features import Features
from beamside.analysis.particles.graph import Graph, graph, morans_i
from beamside.analysis.particles.network import Network, evolve
from beamside.tests.analysis.particles.bodies import touching

SHORT = Network(cycles=3, steps=8)


def lattice(side: int = 4, seed: int | None = None) -> Graph:
    """Balls of 5 um on a grid that touch their neighbours; of other sizes with a seed."""
    index = np.arange(side**3).reshape(side, side, side)
    edges = []
    for axis in range(3):
        lines = np.moveaxis(index, axis, 0)
        edges.append(np.stack([lines[:-1].ravel(), lines[1:].ravel()], axis=1))
    first, second = np.concatenate(edges).T
    many = side**3
    radius = np.full(many, 5.0)
    if seed is not None:
        radius = np.random.default_rng(seed).uniform(3, 7, many)
    area, apart = np.full(len(first), 8.0), np.full(len(first), 10.0)
    surface = 4 * np.pi * radius**2
    return Graph(
        np.arange(many) + 1, 4 / 3 * np.pi * radius**3, surface, 0.7 * surface, np.zeros(many),
        first, second, area, apart,
    )  # fmt: skip


def alone(nodes: Graph) -> Graph:
    """The same particles without contacts."""
    none = np.zeros(0, np.intp)
    return replace(nodes, first=none, second=none, area=np.zeros(0), distance=np.zeros(0))


@pytest.mark.parametrize("normal", [(1, 0, 0), (0, 1, 1), (1, 2, 2)])
def test_contacts_are_pairs_of_labels_with_their_true_area(
    normal: tuple[float, float, float],
) -> None:
    found = contacts(touching(12, normal), 0.1)
    assert found["contact_a"].values.tolist() == [4]
    assert found["contact_b"].values.tolist() == [9]
    assert found["contact_area"].item() == pytest.approx(np.pi * 1.2**2, rel=0.03)


def test_a_contact_is_one_whatever_slabs_it_lies_in() -> None:
    labels = np.zeros((200, 6, 8), np.uint8)
    labels[1:199, 1:5, 1:4], labels[1:199, 1:5, 4:7] = 7, 3
    labels[150:] = np.where(labels[150:] == 7, 8, labels[150:])
    found = contacts(labels, (0.5, 1, 1))
    pairs = list(zip(found["contact_a"].values, found["contact_b"].values, strict=True))
    assert pairs == [(3, 7), (3, 8), (7, 8)]
    assert np.allclose(found["contact_area"], [149 * 4 * 0.5, 49 * 4 * 0.5, 12], rtol=0.02)


def test_a_gap_is_bridged_when_asked() -> None:
    labels = np.zeros((10, 10, 21), np.uint8)
    labels[:, :, :10], labels[:, :, 11:] = 1, 2
    assert contacts(labels, 0.1).sizes["contact"] == 0
    assert contacts(labels, 0.1, gap=0.2)["contact_area"].item() == pytest.approx(1, rel=0.02)


def test_a_table_and_its_contacts_make_a_graph() -> None:
    labels = touching(12, (1, 0, 0))
    table = Features(closing=0.2, published=False)(labels, None, 0.1)
    nodes = graph(table, contacts(labels, 0.1))
    assert nodes.first.tolist() == [0]
    assert nodes.second.tolist() == [1]
    assert np.allclose(nodes.free, table["particle_surf_outer"] - table["particle_contact_area"])
    less = graph(table.isel(particle=[1]), contacts(labels, 0.1))
    assert len(less.first) == 0
    table["particle_volume"][0] = np.nan
    with pytest.raises(AnalysisError, match="particle 4 has no volume"):
        graph(table, contacts(labels, 0.1))


def test_morans_i_of_known_patterns() -> None:
    nodes = lattice(4)
    place = np.indices((4, 4, 4)).sum(axis=0).ravel()
    assert morans_i(place % 2, nodes.first, nodes.second) == pytest.approx(-1)
    halves = (np.arange(64) >= 32).astype(float)
    assert morans_i(halves, nodes.first, nodes.second) == pytest.approx(1 - 2 * 16 / 144)
    assert np.isnan(morans_i(np.ones(64), nodes.first, nodes.second))
    assert np.isnan(morans_i(halves, nodes.first[:0], nodes.second[:0]))


def test_current_is_conserved_in_every_particle() -> None:
    random = np.random.default_rng(0)
    nodes = lattice(4)
    link = random.uniform(1e-9, 1e-7, len(nodes.first))
    shell, surface = random.uniform(0, 1e-8, 64), random.uniform(1e-9, 1e-8, 64)
    level = random.uniform(3.5, 4, 64)
    flow = currents(laplacian(nodes, link), shell, surface, level, 3e-8)
    assert flow.reaction.sum() == pytest.approx(3e-8, rel=1e-9)
    assert flow.collector == pytest.approx(3e-8, rel=1e-9)
    balance = -shell * flow.potential - flow.reaction
    step = link * (flow.potential[nodes.second] - flow.potential[nodes.first])
    np.add.at(balance, nodes.first, step)
    np.subtract.at(balance, nodes.second, step)
    assert np.abs(balance).max() < 1e-6 * np.abs(flow.reaction).max()


def test_one_particle_is_two_resistances_in_series() -> None:
    nodes = lattice(1)
    flow = currents(
        laplacian(nodes, np.zeros(0)), np.array([2e-9]), np.array([4e-9]), np.array([3.8]), 1e-9
    )
    assert -flow.electrolyte == pytest.approx(3.8 + 1e-9 / 2e-9 + 1e-9 / 4e-9)


def test_endless_conductance_makes_one_potential_and_none_makes_no_current() -> None:
    nodes = lattice(2)
    shell, surface = np.zeros(8), np.full(8, 1e-9)
    shell[0] = 1e-8
    level = np.linspace(3.6, 3.9, 8)
    joined = currents(laplacian(nodes, np.full(12, 1e3)), shell, surface, level, 1e-9)
    assert np.ptp(joined.potential) < 1e-9
    apart = currents(laplacian(nodes, np.zeros(12)), shell, surface, level, 1e-9)
    assert apart.reaction[0] == pytest.approx(1e-9)
    assert np.abs(apart.reaction[1:]).max() < 1e-18
    with pytest.raises(AnalysisError, match="no particle is connected to the collector"):
        currents(laplacian(nodes, np.zeros(12)), np.zeros(8), surface, level, 1e-9)


def test_charge_is_balanced_over_half_cycles() -> None:
    nodes = lattice(4, seed=1)
    found = evolve(nodes, SHORT)
    lithium = found["particle_lithium"].values.astype(float)
    mean = np.average(lithium, weights=nodes.volume, axis=2)
    asked = 0.9 - 0.7 * np.linspace(0, 1, 9)
    for half in range(6):
        assert np.allclose(mean[half], asked if half % 2 == 0 else asked[::-1], atol=1e-5)
    assert np.allclose(found["passed"], 1)
    activity = found["particle_activity"].values
    assert np.allclose(np.average(activity, weights=nodes.volume, axis=1), 1)


def test_equal_particles_stay_in_step() -> None:
    found = evolve(lattice(3), replace(SHORT, scatter=0.0))
    assert np.allclose(found["synchrony"], 1)
    assert np.ptp(found["particle_damage"].values, axis=1).max() < 1e-9
    assert np.isnan(found["moran"]).all()
    assert (np.diff(found["mean_damage"]) > 0).all()


def test_better_contacts_make_particles_go_in_step_and_less_damaged() -> None:
    nodes = lattice(4, seed=2)
    wide = replace(SHORT, scatter=0.7, growth=0.1, window=(-50.0, 50.0), swing=0.5, start=0.8)
    poor = evolve(nodes, replace(wide, conductivity=1e-4))
    good = evolve(nodes, replace(wide, conductivity=1.0))
    assert np.allclose(poor["passed"], 1)
    assert (good["synchrony"] > poor["synchrony"]).all()
    assert float(poor["mean_damage"][-1]) > float(good["mean_damage"][-1])


def test_a_particle_that_nothing_reaches_does_nothing() -> None:
    nodes = lattice(2)
    free = nodes.free.copy()
    free[5] = 0
    cut = (nodes.first != 5) & (nodes.second != 5)
    nodes = replace(
        nodes, free=free, first=nodes.first[cut], second=nodes.second[cut],
        area=nodes.area[cut], distance=nodes.distance[cut],
    )  # fmt: skip
    found = evolve(nodes, SHORT)
    assert np.allclose(found["particle_activity"][:, 5], 0)
    assert np.allclose(found["particle_damage"][:, 5], 0)
    assert len(np.unique(found["particle_part"])) == 2
    assert np.allclose(found["passed"], 1)


def test_one_particle_alone_cycles() -> None:
    found = evolve(alone(lattice(1)), SHORT)
    assert np.allclose(found["particle_activity"], 1)
    assert np.isnan(found["moran"]).all()


def test_the_voltage_ends_a_half_cycle_that_can_not_be_delivered() -> None:
    found = evolve(lattice(2, seed=3), replace(SHORT, binder=5.0, conductivity=1e-5))
    assert float(found["passed"][0]) < 1
    assert np.isnan(found["particle_lithium"][0, -1]).all()
    lithium = found["particle_lithium"].values
    assert np.nanmin(lithium) > 0
    assert np.nanmax(lithium) < 1


def test_the_result_says_whose_model_it_is_and_has_units() -> None:
    found = evolve(lattice(2), SHORT)
    assert "not that of a publication" in found.attrs["model"]
    assert found["particle_lithium"].dims == ("half_cycle", "step", "particle")
    for name, variable in found.data_vars.items():
        assert variable.attrs["long_name"], name
    assert found.equals(evolve(lattice(2), SHORT))  # the scatter has a seed


def test_parameters_that_can_not_be_are_refused() -> None:
    with pytest.raises(ValueError, match="conductivity is inf"):
        Network(conductivity=np.inf)
    with pytest.raises(ValueError, match="leaves 0 to 1"):
        Network(swing=0.95)
