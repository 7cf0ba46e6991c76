from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from beamside.analysis.stage import StageMap


def said(places: list[tuple[float, float]], values: list[float]) -> xr.Dataset:
    y, x = zip(*places, strict=True)
    coords = {"stage_y": ("frame", np.array(y)), "stage_x": ("frame", np.array(x))}
    return xr.Dataset({"mean": ("frame", np.array(values))}, coords)


def test_a_map_grows_whatever_the_order_and_whoever_folds() -> None:
    grid = StageMap(("mean",))
    one = grid.add(grid.start(), said([(0, 0), (10, 5)], [1, 2]), [0, 1])
    two = grid.add(grid.start(), said([(10, 0), (0, 0)], [3, 4]), [2, 3])
    for state in (grid.merge(one, two), grid.merge(two, one)):
        found = grid.finish(grid.restore(grid.save(state)))
        assert found["visit_frame"].values.tolist() == [0, 1, 2, 3]
        expected = np.array([[4, np.nan], [3, 2]])
        assert np.array_equal(found["mean_map"], expected, equal_nan=True)
        assert found["stage_y"].values.tolist() == [0, 10]
        assert found["stage_x"].attrs["units"] == "nm"


def test_nothing_visited_is_no_map() -> None:
    grid = StageMap(("mean",))
    assert grid.finish(grid.start()).sizes == {"visit": 0}


def test_frames_without_a_place_teach_nothing() -> None:
    grid = StageMap(("mean",))
    assert grid.add(grid.start(), xr.Dataset({"mean": ("frame", [1.0])}), [0]) == grid.start()


def test_a_state_of_other_fields_is_refused() -> None:
    grid = StageMap(("mean",))
    with pytest.raises(ValueError, match="no rows of mean, quality"):
        StageMap(("mean", "quality")).restore(grid.save({0: np.zeros(4)}))


def test_scans_that_share_a_run_are_told_apart_on_the_same_axes() -> None:
    grid = StageMap(("mean",))
    places = [(0.0, 0.0), (0.0, 5.0), (10.0, 0.0), (10.0, 5.0)]
    data = said(places, [1, 2, 3, 4]).assign_coords(scan=("frame", [1.0, 2.0, 1.0, 1.0]))
    found = grid.finish(grid.add(grid.start(), data, [0, 1, 2, 3]))
    assert np.array_equal(found["mean_map_1"], np.array([[1, np.nan], [3, 4]]), equal_nan=True)
    assert np.array_equal(
        found["mean_map_2"], np.array([[np.nan, 2], [np.nan, np.nan]]), equal_nan=True
    )
    assert found["visit_scan"].values.tolist() == [1, 2, 1, 1]
    assert "scan 2" in found["mean_map_2"].attrs["long_name"]
    assert [found[f"mean_map_{scan}"].attrs["scan"] for scan in (1, 2)] == [1, 2]


def test_a_map_that_is_half_done_lies_on_the_grid_of_its_positions() -> None:
    grid = StageMap(("mean",))
    step = 1 / 3
    rows = [(n * step, 0.0) for n in (0, 1, 2, 7)]
    found = grid.finish(grid.add(grid.start(), said(rows, [1, 2, 3, 4]), [0, 1, 2, 3]))
    np.testing.assert_allclose(found["stage_y"], np.arange(8) * step)
    assert np.isnan(found["mean_map"].values[:, 0]).tolist() == [False] * 3 + [True] * 4 + [False]
    for odd in ([0.0, 1.0, 2.37, 5.0], [0.0, 1e-3, 1.0, 1e6]):
        off = said([(y, 0.0) for y in odd], [1, 2, 3, 4])
        assert (
            grid.finish(grid.add(grid.start(), off, [0, 1, 2, 3]))["stage_y"].values.tolist() == odd
        )


def test_a_cell_where_nobody_was_is_uncertain() -> None:
    grid = StageMap(("mean",))
    places = [(float(y), float(x)) for y in range(6) for x in range(3)] + [(5.0, 9.0)]
    values = [y + x for y, x in places]
    found = grid.finish(grid.add(grid.start(), said(places, values), range(len(places))))
    sigma = found["mean_sigma"].sel(stage_x=9.0)
    assert sigma[0] > 2 * sigma[5]
    assert found["mean_expected"].notnull().all()
