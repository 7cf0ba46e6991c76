from __future__ import annotations

import pickle

import numpy as np
import pytest
import scipy.ndimage as ndi
import xarray as xr

from beamside.analysis.operators import AnalysisError
from beamside.analysis.particles.catalogue import DAMAGE, FEATURES, LEAKAGE_FREE
from beamside.analysis.particles.depth import depth_profile
from beamside.analysis.particles.features import Features
from beamside.analysis.particles.flags import Flag
from beamside.analysis.particles.table import merge
from beamside.models.phantoms.cracked import cracked as cracked_particles
from beamside.tests.analysis.particles.bodies import (
    cracked,
    ellipsoid,
    ellipsoid_area,
    packing,
    touching,
)

VOXEL = 0.1


@pytest.fixture(scope="module")
def table() -> xr.Dataset:
    labels = packing()
    grey = np.where(labels > 0, 100.0, 20.0) + np.random.default_rng(3).normal(0, 4, labels.shape)
    return Features(closing=0.5)(labels, grey, VOXEL)


def flagged(table: xr.Dataset, flag: Flag) -> np.ndarray:
    return np.asarray(table["particle_flags"].values & flag != 0)


def test_an_ellipsoid_has_its_volume_area_and_sphericity_in_um() -> None:
    axes = (14, 18, 24)
    body = ellipsoid(axes)
    table = Features(closing=0.5)(body.astype(np.uint8) * 7, None, VOXEL)
    one = {str(name): table[name].values[0] for name in table.data_vars}
    volume, area = 4 / 3 * np.pi * np.prod(axes) * VOXEL**3, ellipsoid_area(axes) * VOXEL**2
    assert one["particle_label"] == 7
    assert one["particle_volume"] == pytest.approx(volume, rel=0.01)
    assert one["particle_surf_outer"] == pytest.approx(area, rel=0.01)
    roundness = np.pi ** (1 / 3) * (6 * volume) ** (2 / 3) / area
    assert one["particle_sphericity"] == pytest.approx(roundness, rel=0.01)
    assert one["particle_vs_ratio"] == pytest.approx(volume ** (1 / 3) / area**0.5, rel=0.01)
    assert one["particle_elongation"] == pytest.approx(24 / 14, rel=0.02)
    assert one["particle_roll"] == pytest.approx(0, abs=2)
    assert one["particle_yaw"] == pytest.approx(90, abs=2)
    assert one["particle_rough_outer"] == pytest.approx(1, abs=0.02)
    assert one["particle_damage"] < 0.01
    # what is not there is not a number, and the reason is told
    for name in ("rough_inner", "edensity", "nearest", "loc_volume", "loc_orientation"):
        assert np.isnan(one[f"particle_{name}"]), name
    reasons = Flag(int(one["particle_flags"]))
    assert Flag.NO_GREY | Flag.FEW_NEIGHBOURS in reasons


def test_a_crack_has_its_volume_and_walls_and_lies_in_its_shells() -> None:
    solid, crack = cracked(20, width=3, reach=12)
    table = Features(closing=0.5)(solid.astype(np.uint8), None, VOXEL)
    known = crack.sum() * VOXEL**3
    assert table["particle_crack_volume"].item() == pytest.approx(known, rel=0.03)
    assert table["particle_damage"].item() == pytest.approx(
        crack.sum() / (solid | crack).sum(), rel=0.03
    )
    walls = (2 * np.pi * 12**2 + 2 * np.pi * 12 * 3) * VOXEL**2
    assert table["particle_surf_inner"].item() == pytest.approx(walls, rel=0.1)
    shells = table["particle_shell_damage"].values[0]
    assert shells[0] < 0.01  # the crack ends 8 voxels below the surface
    assert shells[4] > 0.4  # it crosses the core


def test_grey_values_leave_cracks_out() -> None:
    solid, crack = cracked(14, width=4, reach=10)
    grey = np.where(solid, 100.0, 0.0) + np.arange(solid.shape[2]) % 2
    table = Features(closing=0.5)(solid.astype(np.uint8), grey, VOXEL)
    assert table["particle_edensity"].item() == pytest.approx(100.5, abs=0.1)
    assert table["particle_homogeneity"].item() == pytest.approx(2, rel=0.01)
    assert table["particle_published_edensity"].item() < 99  # cracks of grey 1 are in
    # a label that covers its cracks: the grey values tell them
    whole = Features(closing=0.5, crack_below="auto")
    again = whole((solid | crack).astype(np.uint8), grey, VOXEL)
    assert again["particle_damage"].item() == pytest.approx(
        table["particle_damage"].item(), rel=0.05
    )


def test_a_level_that_no_or_every_grey_value_is_below_is_said() -> None:
    labels = np.zeros((9, 9, 20), np.uint8)
    labels[2:7, 2:7, 2:7], labels[2:7, 2:7, 12:17] = 1, 2
    grey = np.where(labels == 1, 50.0, np.where(labels == 2, 100.0, 20.0))
    low = Features(closing=0.2, crack_below=30.0)(labels, grey, VOXEL)
    assert "grey values in particles are 50 to 100: none of them is a crack" in low.attrs["note"]
    some = Features(closing=0.2, crack_below=70.0)(labels, grey, VOXEL)
    assert "note" not in some.attrs
    assert flagged(some, Flag.DOUBTFUL).tolist() == [True, False]
    with pytest.raises(AnalysisError, match="every particle would be one crack"):
        Features(crack_below=101.0)(labels, grey, VOXEL)
    with pytest.raises(AnalysisError, match="needs the volume of grey values"):
        Features(crack_below="auto")(labels, None, VOXEL)


def test_contact_is_the_touching_share_of_the_surface() -> None:
    table = Features(closing=0.2)(touching(12, (1, 2, 2)), None, VOXEL)
    area = np.pi * 12**2 * VOXEL**2
    assert np.allclose(table["particle_contact_area"], area, rtol=0.03)
    share = table["particle_contact_area"] / table["particle_surf_outer"]
    assert np.allclose(table["particle_contact"], share)
    assert table["particle_label"].values.tolist() == [4, 9]


def test_every_published_feature_is_there_in_both_definitions_with_units(table: xr.Dataset) -> None:
    assert len(FEATURES) == 21
    assert len(LEAKAGE_FREE) == 19
    for feature in (*FEATURES, DAMAGE):
        for name in (f"particle_{feature.name}", f"particle_published_{feature.name}"):
            assert table[name].dims == ("particle",)
            assert table[name].attrs["units"]
            assert table[name].attrs["published_name"] == feature.column
            assert not np.isinf(table[name]).any()
    assert table["particle_label"].values.tolist() == [3 * n + 2 for n in range(27)]


def test_every_undefined_feature_has_a_reason(table: xr.Dataset) -> None:
    reasons = {
        "surf_inner": Flag.NO_CRACK,
        "rough_inner": Flag.NO_CRACK | Flag.THIN_CRACKS,
        "roll": Flag.ROUND, "pitch": Flag.ROUND, "yaw": Flag.ROUND,
        "edensity": Flag.NO_GREY, "homogeneity": Flag.NO_GREY | Flag.EVEN_GREY,
        "rough_outer": Flag.THIN, "density": Flag.NO_SURROUNDINGS,
        "loc_orientation": Flag.FEW_NEIGHBOURS | Flag.ROUND_NEIGHBOURS,
    }  # fmt: skip
    for feature in FEATURES:
        missing = np.isnan(table[f"particle_{feature.name}"].values)
        flag = reasons.get(feature.name, Flag.FEW_NEIGHBOURS)
        assert not (missing & ~flagged(table, flag)).any(), feature.name
    assert flagged(table, Flag.NO_CRACK).any()


def test_small_bodies_are_flagged_and_no_other_is_rounder_than_a_ball() -> None:
    labels = np.zeros((44, 44, 130), np.uint8)
    labels[2:7, 2:9, 2:8] = 1
    labels[30:42, 2:22, 2:22] = 2
    for label, radius, x in ((3, 5, 30), (4, 8, 50), (5, 17, 90)):
        ball = ellipsoid((radius,) * 3, margin=0)
        side = len(ball)
        labels[2 : 2 + side, 2 : 2 + side, x : x + side][ball] = label
    table = Features(closing=0.2, published=False)(labels, None, VOXEL)
    assert flagged(table, Flag.SMALL).tolist() == [True, False, True, False, False]
    sphericity = table["particle_sphericity"].values
    assert sphericity[0] < 1  # 0.80 is true
    assert (sphericity <= 1.05).all()
    assert (sphericity[[3, 4]] <= 1).all()
    assert (sphericity[[2, 3, 4]] > 0.98).all()


def test_round_neighbours_are_another_reason_than_few() -> None:
    balls, ball = np.zeros((15, 15, 60), np.uint8), ellipsoid((5, 5, 5), margin=0)
    for n in range(4):
        balls[2:13, 2:13, 14 * n + 2 : 14 * n + 13][ball] = n + 1
    found = Features(closing=0.2, neighbours=3, published=False)(balls, None, VOXEL)
    assert flagged(found, Flag.ROUND_NEIGHBOURS).all()
    assert not flagged(found, Flag.FEW_NEIGHBOURS).any()
    profile = depth_profile(found)
    assert profile.sizes["depth"] == 1
    assert profile["particles"].item() == 4


def test_the_published_definition_keeps_its_defects(table: xr.Dataset) -> None:
    for name in ("volume", "orientation", "elongation", "sphericity"):
        assert (table[f"particle_published_loc_{name}"] == 0).all()
        assert (table[f"particle_loc_{name}"] > 0).any()
    # the closing of an unpadded crop fills what is concave at the faces of the box
    assert (table["particle_published_damage"] >= table["particle_damage"] - 0.01).all()
    assert float(table["particle_published_damage"].mean()) > float(table["particle_damage"].mean())


def test_workers_and_order_make_no_difference() -> None:
    labels = packing(side=2)
    features = Features(closing=0.5, neighbours=3)
    whole = features(labels, None, VOXEL)
    job, crops, around = features.jobs(labels, None, VOXEL)
    found = [pickle.loads(pickle.dumps(job))(crop) for crop in reversed(list(crops))]  # noqa: S301
    assert features.table(found, around, VOXEL).identical(whole)
    parts = [features.table(found[n::3], around, VOXEL) for n in (2, 0, 1)]
    assert merge([merge(parts[:2]), parts[2]]).identical(merge([parts[0], merge(parts[1:])]))
    assert merge(parts).identical(whole)
    with pytest.raises(AnalysisError, match="more than one table"):
        merge([parts[0], parts[0]])


def test_density_counts_others_in_the_part_of_the_window_that_is_there() -> None:
    labels = np.zeros((20, 20, 20), np.uint8)
    labels[8:12, 8:12, 8:12] = 1
    labels[:, :, 16:] = 2
    table = Features(closing=0.1, window=2.0)(labels, None, VOXEL)  # the window is the volume
    assert table["particle_density"].values[0] == pytest.approx(1600 / (8000 - 64))


def test_axes_have_no_sign_and_voxels_need_not_be_cubes() -> None:
    body = ellipsoid((8, 8, 10)).astype(np.uint8)
    for flipped in (body, body[:, :, ::-1], body[::-1]):
        table = Features(closing=0.2)(flipped, None, (0.2, 0.1, 0.1))
        assert table["particle_yaw"].item() == pytest.approx(0, abs=2)
        assert table["particle_roll"].item() == pytest.approx(90, abs=2)
        assert table["particle_axis_long"].item() == pytest.approx(3.2, rel=0.02)
        known = 4 / 3 * np.pi * 1.6 * 0.8 * 1.0
        assert table["particle_volume"].item() == pytest.approx(known, rel=0.02)


@pytest.mark.parametrize(
    ("labels", "grey", "words"),
    [
        (np.zeros((4, 4, 4), np.uint8), None, "no particle"),
        (np.full((4, 4, 4), -1), None, "labels are from 1"),
        (np.full((4, 4, 4), 0.5), None, "whole numbers"),
        (np.zeros(4, np.uint8), None, "volume"),
        (np.ones((4, 4, 4), np.uint8), np.ones((4, 4, 5)), "both must be one volume"),
    ],
)
def test_bad_volumes_are_refused_in_words(
    labels: np.ndarray, grey: np.ndarray | None, words: str
) -> None:
    with pytest.raises(AnalysisError, match=words):
        Features()(labels, grey, VOXEL)
    with pytest.raises(AnalysisError, match="lengths above 0"):
        Features()(np.ones((2, 2, 2), np.uint8), None, 0.0)


@pytest.mark.parametrize("shape", [(1, 9, 9), (1, 1, 1), (9, 1, 9), (5, 5)])
def test_thin_and_filling_labels_are_measured(shape: tuple[int, ...]) -> None:
    labels = np.ones(shape, np.int64)
    labels.flat[0] = 4_000_000_000 if labels.size > 1 else 1  # a hole in numbering, and huge
    table = Features()(labels, np.full(shape, np.nan), VOXEL)
    assert flagged(table, Flag.BORDER | Flag.THIN).all()
    for name, values in table.data_vars.items():
        assert not np.isinf(values.values.astype(float)).any(), name
    assert (table["particle_surf_outer"] > 0).all()
    assert flagged(table, Flag.NO_GREY).all()


def test_a_particle_in_pieces_is_told() -> None:
    labels = np.zeros((10, 10, 30), np.uint8)
    labels[2:8, 2:8, 2:8] = labels[2:8, 2:8, 22:28] = 5
    assert flagged(Features(closing=0.2)(labels, None, VOXEL), Flag.PIECES).all()


def test_settings_that_can_not_be_are_refused() -> None:
    for wrong in ({"closing": 0}, {"neighbours": 0}, {"crack_below": "dark"}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            Features(**wrong)
    table = Features(closing=0.05)(np.ones((3, 3, 3), np.uint8), None, VOXEL)
    assert "less than a voxel" in table.attrs["note"]


def test_damage_versus_depth_and_rings(table: xr.Dataset) -> None:
    rings = depth_profile(table, 3)
    assert rings["particles"].values.tolist() == [9, 9, 9]
    upper = table["particle_damage"].values[:9]
    assert rings["damage"].values[0] == pytest.approx(upper.mean())
    assert rings["damage_sigma"].values[0] == pytest.approx(upper.std(ddof=1) / 3)
    assert rings["shell_damage"].dims == ("depth", "shell")
    assert int(depth_profile(table, 4, "radius")["particles"].sum()) == 27
    with pytest.raises(AnalysisError, match="allowed: z, y, x, radius"):
        depth_profile(table, along="time")


def test_damage_and_volume_of_cracked_particles_are_the_truth() -> None:
    phantom = cracked_particles(8, 12, seed=2)
    table = Features(closing=0.5)(phantom.labels, phantom.grey, VOXEL)
    assert np.allclose(table["particle_damage"], phantom.damage, atol=0.003)
    assert np.allclose(table["particle_volume"], phantom.volume * VOXEL**3, rtol=0.003)
    assert np.allclose(table["particle_edensity"], 100, atol=0.5)
    # where the voxels of cracks are labelled too, the grey values tell
    labels = np.array(phantom.labels)
    for number in range(1, 9):
        one = labels == number
        labels[ndi.binary_closing(one, iterations=4) & (labels == 0)] = number
    grey = np.where(phantom.labels > 0, 100.0, 20.0)
    again = Features(closing=0.5, crack_below="auto")(labels, grey, VOXEL)
    assert np.allclose(again["particle_damage"], phantom.damage, atol=0.01)
