from __future__ import annotations

import numpy as np
import xarray as xr

from beamside.analysis.selected import selected


def batch() -> xr.Dataset:
    """Three frames with 2, 0 and 1 grains; each spot belongs to a grain, or to none."""
    return xr.Dataset(
        {
            "total": ("frame", [10.0, 11.0, 12.0], {"units": "counts"}),
            "map": (("frame", "y"), np.arange(6).reshape(3, 2)),
            "grain_frame": ("grain", np.array([0, 0, 2], np.int32)),
            "grain_area": ("grain", [1.0, 2.0, 3.0]),
            "spot_frame": ("spot", np.array([0, 0, 2, 2], np.int32)),
            "spot_grain": ("spot", np.array([1, -1, 2, -1], np.int32)),
            "k": ("k", [1.0, 2.0]),
        },
        attrs={"title": "three"},
    )


def test_some_frames_of_a_batch_are_as_if_they_had_been_alone() -> None:
    some = selected(batch(), [2])
    assert some["total"].values.tolist() == [12.0]
    assert some["map"].values.tolist() == [[4, 5]]
    assert some["grain_area"].values.tolist() == [3.0]
    assert some["grain_frame"].values.tolist() == [0]
    assert some["spot_grain"].values.tolist() == [0, -1]
    assert some["spot_frame"].dtype == np.int32
    assert some["total"].attrs == {"units": "counts"}
    assert some.attrs == {"title": "three"}


def test_all_frames_are_the_whole_batch() -> None:
    assert selected(batch(), [0, 1, 2]).identical(batch())


def test_a_frame_without_things_has_none() -> None:
    some = selected(batch(), [1])
    assert some.sizes["grain"] == some.sizes["spot"] == 0
    assert some["total"].values.tolist() == [11.0]


def test_tables_alone_are_cut_too() -> None:
    some = selected(batch().drop_vars(["total", "map"]), [2, 0])
    assert some["grain_frame"].values.tolist() == [1, 1, 0]
    assert some["spot_grain"].values.tolist() == [1, -1, 2, -1]
