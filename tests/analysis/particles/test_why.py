from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from beamside.analysis.operators import AnalysisError
from beamside.analysis.particles.catalogue import FEATURES, LEAKAGE_FREE
from beamside.analysis.particles.dependence import curves, non_monotonic
from beamside.analysis.particles.flags import Flag
from beamside.analysis.particles.states import compare
from beamside.analysis.particles.why import Why, fitted, glance
from beamside.models import forest

QUICK = Why(seeds=2, subsets=2, subset_size=150, folds=2, permutations=3)


def table(seed: int, cause: str, particles: int = 220) -> xr.Dataset:
    """Damage that follows |cause| and nothing else, in a table of noise."""
    random = np.random.default_rng(seed)
    columns = {feature.name: random.normal(size=particles) for feature in FEATURES}
    damage = 0.05 + 0.04 * np.abs(columns[cause]) + random.normal(0, 0.003, particles)
    columns |= {"damage": damage, "surf_inner": 10 * damage}
    variables: dict[str, tuple[str, np.ndarray]] = {
        f"particle_{name}": ("particle", values) for name, values in columns.items()
    }
    variables["particle_label"] = ("particle", 2 * np.arange(particles) + 1)
    variables["particle_flags"] = ("particle", np.zeros(particles, np.int32))
    return xr.Dataset(variables)


@pytest.fixture(scope="module")
def found() -> xr.Dataset:
    return QUICK(table(0, "sphericity"))


def test_the_cause_is_found_with_its_shape_and_above_chance(found: xr.Dataset) -> None:
    assert (found["importance"].idxmax("feature") == "sphericity").all()
    assert found["above_chance"].sel(feature="sphericity")
    assert int(found["above_chance"].sum()) == 1
    assert float(found["r2_cv"].mean()) > 0.4
    assert float(found["r2_oob"].mean()) > 0.3 > float(found["r2_by_chance"].max())
    assert float(found["p_value"]) == 0.25  # as low as three permutations can tell
    assert float(found["non_monotonic"].sel(feature="sphericity")) > 0.4


def test_shapley_values_add_up_to_the_answer() -> None:
    model, given = fitted(table(0, "z"))
    shares, base = forest.shapley(model, given.values)
    answer = model.predict(np.asarray(given.values, np.float32))
    assert np.allclose(base + shares.sum(axis=1), answer, atol=1e-10)
    assert base == pytest.approx(answer.mean(), abs=0.01)


def test_features_that_hold_damage_are_named_and_left_out(found: xr.Dataset) -> None:
    assert tuple(found["feature"].values) == LEAKAGE_FREE
    assert "surf_inner, rough_inner left out" in found.attrs["note"]
    leaky = Why(features="corrected", seeds=1, subsets=0, folds=0, permutations=0)
    told = leaky(table(0, "sphericity"))
    assert told["importance"].sel(kind="seed").idxmax("feature") == "surf_inner"


def test_the_answer_names_its_particles(found: xr.Dataset) -> None:
    given = table(0, "sphericity")
    assert np.array_equal(found["particle_label"], given["particle_label"])
    assert np.allclose(
        found["particle_value"].sel(feature="sphericity"), given["particle_sphericity"]
    )
    assert np.isfinite(found["particle_shap"]).all()


def test_one_glance_is_one_forest(found: xr.Dataset) -> None:
    one = glance(table(0, "sphericity"), QUICK)
    first = found["importance_each"].sel(kind="seed").isel(repeat=0)
    assert np.allclose(one["importance"].sel(kind="seed"), first)
    assert "r2_cv" not in one


def test_two_states_tell_what_changed(found: xr.Dataset) -> None:
    late = QUICK(table(1, "nearest"))
    both = compare(found, late)
    change = both["difference"] / both["difference_sigma"]
    for kind in both["kind"].values:
        assert both["difference"].sel(kind=kind).idxmax("feature") == "nearest"
        assert both["difference"].sel(kind=kind).idxmin("feature") == "sphericity"
        assert change.sel(kind=kind, feature="nearest") > 3
    assert (both["rank"].sel(state="late", feature="nearest") == 1).all()
    assert np.allclose(both["share"].sum("feature"), 1)
    with pytest.raises(AnalysisError, match="no feature in common"):
        compare(found, late.assign_coords(feature=[f"{n}x" for n in late["feature"].values]))


def test_undefined_features_and_border_particles_are_told() -> None:
    given = table(0, "z")
    given["particle_edensity"][:] = np.nan
    given["particle_roll"][:7] = np.nan
    given["particle_yaw"][:] = 3.0
    given["particle_flags"][:20] = int(Flag.BORDER)
    told = glance(given)
    assert told.sizes["particle"] == 200
    assert "20 particles at the border left out" in told.attrs["note"]
    assert "edensity: left out, undefined everywhere" in told.attrs["note"]
    assert "yaw: left out, the same everywhere" in told.attrs["note"]
    assert not {"edensity", "yaw"} & set(told["feature"].values)
    assert glance(given, Why(border=True)).sizes["particle"] == 220
    assert "roll: median for 7 undefined" in glance(given, Why(border=True)).attrs["note"]


def test_what_can_not_be_explained_is_refused_in_words() -> None:
    with pytest.raises(AnalysisError, match=r"12 particles.*needs 30"):
        glance(table(0, "z", 12))
    flat = table(0, "z")
    flat["particle_damage"][:] = 0.0
    with pytest.raises(AnalysisError, match="the same damage"):
        glance(flat)
    with pytest.raises(AnalysisError, match="particle_published_z"):
        glance(table(0, "z"), Why(features="published"))
    with pytest.raises(ValueError, match="leakage-free, corrected, published"):
        Why(features="all")


def test_the_shape_of_a_curve() -> None:
    x = np.linspace(-1, 1, 21)
    even = np.ones(21)
    assert non_monotonic(x**3, even) == pytest.approx(0)
    assert non_monotonic(-np.exp(x), even) == pytest.approx(0)
    assert 0.6 < non_monotonic(x**2, even) < 0.7
    assert np.isnan(non_monotonic(np.ones(21), even))


def test_curves_are_means_over_equally_many_particles() -> None:
    x = np.repeat(np.arange(4.0), [10, 10, 10, 10])[:, None]
    drawn = curves(x, 2 * x, 4)
    assert drawn["curve"][1].tolist() == [[0, 2, 4, 6]]
    assert drawn["curve_particles"][1].tolist() == [[10] * 4]
    ties = curves(np.ones((9, 1)), np.ones((9, 1)), 4)  # equal values are one bin
    assert ties["curve_particles"][1].tolist() == [[9, 0, 0, 0]]
    assert np.isnan(ties["curve"][1][0, 1:]).all()
