"""A volume that grows: damage from cross-sections, what goes with it, and how it looks."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from beamside.analysis.particles.evolution import ParticleNetwork
from beamside.analysis.particles.found import assemble, drawn
from beamside.analysis.particles.growing import NOT_GREY, importance
from beamside.analysis.particles.network import Network
from beamside.analysis.particles.sections import Sections
from beamside.analysis.particles.stars import Stars
from beamside.analysis.particles.volume import ParticleVolume
from beamside.models.phantoms.cuts import cuts
from beamside.tests.analysis.particles.cut import packed

pytest.importorskip("numba")
pytest.importorskip("shap")
LABELS = packed(seed=2, fill=0.4, side=40, radius=6)
PIXEL = 0.5


def collected(damaged: np.ndarray, pixel: float | None = PIXEL) -> Sections:
    """The slices of LABELS; a fixed part of each particle in `damaged` is dark."""
    rng = np.random.default_rng(1)
    grey = (LABELS > 0) * (1 - (rng.random(LABELS.shape) < damaged[LABELS]))
    volume, state = ParticleVolume(), Sections()
    for one in cuts(np.random.default_rng(0), LABELS, 0.0, 0.02):
        image = np.moveaxis(grey, one.view, 0)[one.index].astype(np.float32)
        found = drawn(Stars(one.points, one.dist, one.prob), one.shape)
        said = assemble([found], [image], None if pixel is None else (pixel, pixel))
        place = {"slice_view": ("frame", [one.view]), "slice_index": ("frame", [one.index])}
        state = volume.add(state, said.assign_coords(place), [one.index])
    return state


@pytest.fixture(scope="module")
def truth() -> np.ndarray:
    """Damage by label, more with depth."""
    depth = np.array(
        [np.argwhere(np.equal(LABELS, n))[:, 0].mean() for n in range(1, LABELS.max() + 1)]
    )
    return np.concatenate([[0], 0.4 * depth / len(LABELS)])


@pytest.fixture(scope="module")
def said(truth: np.ndarray) -> xr.Dataset:
    return ParticleVolume().finish(collected(truth))


def test_damage_of_cross_sections_is_that_of_the_particle(
    said: xr.Dataset, truth: np.ndarray
) -> None:
    labels = said["particle_map"].values
    assert labels.shape == LABELS.shape
    inside = said["particle_edge"].values == 0
    compared = 0
    for label, damage, whole in zip(
        said["particle_label"].values, said["particle_damage"].values, inside, strict=True
    ):
        true = np.bincount(LABELS[labels == label]).argmax()
        if whole and true:
            assert damage == pytest.approx(truth[true], abs=0.06)
            compared += 1
    assert compared >= 5


def test_what_goes_with_damage_is_told_once_there_are_enough(said: xr.Dataset) -> None:
    assert "importance" not in said
    assert "a forest needs 30" in said.attrs["note"]
    rng, many = np.random.default_rng(3), 80
    table = xr.Dataset({f"particle_{name}": ("particle", rng.random(many)) for name in NOT_GREY})
    table["particle_damage"] = 0.3 * table["particle_z"] ** 2
    table["particle_label"] = ("particle", np.arange(1, many + 1))
    table["particle_edge"] = ("particle", np.arange(many) % 4 == 0)
    found = importance(table)
    assert found["feature"].values[0] == "z"
    assert found["importance"].values[0] > 3 * found["importance"].values[1]
    assert float(found["r2_oob"]) > 0.5
    assert found.identical(importance(table)), "whoever is asked, and when"


def test_every_column_that_colours_the_scene_has_its_values_there(said: xr.Dataset) -> None:
    assert {"damage", "diameter", "sphericity", "contact"} <= set(said["colour"].values)
    for name in said["colour"].values:
        seen = said["view"].sel(colour=name).values
        known = np.isfinite(seen)
        column = said[f"particle_{name}"].values.astype(np.float32)
        assert known.mean() > 0.1
        assert np.isin(seen[known], column).all()
    assert not np.isinf(said["view"].values).any()


def test_without_a_voxel_size_there_is_no_form_but_damage(truth: np.ndarray) -> None:
    said = ParticleVolume().finish(collected(truth, None))
    assert "particle_damage" in said
    assert "particle_sphericity" not in said
    network = ParticleNetwork().finish(collected(truth, None))
    assert "what a voxel measures" in network.attrs["note"]


def test_the_network_is_seen_half_cycle_by_half_cycle(truth: np.ndarray) -> None:
    said = ParticleNetwork(model=Network(cycles=2)).finish(collected(truth))
    assert said["damage_view"].dims == ("half_cycle", "row", "column")
    assert said.sizes["half_cycle"] == 4
    first, last = (said["damage_view"].values[n] for n in (0, -1))
    assert np.array_equal(np.isfinite(first), np.isfinite(last))
    assert np.nanmean(last) > np.nanmean(first)
    values = said["particle_damage"].values[-1].astype(np.float32)
    assert np.isin(last[np.isfinite(last)], values).all()


def test_no_particle_and_no_slice_are_no_trouble() -> None:
    assert not ParticleVolume().finish(Sections()).data_vars
    assert not ParticleNetwork().finish(Sections()).data_vars
