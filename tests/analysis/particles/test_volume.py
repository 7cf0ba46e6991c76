from __future__ import annotations

import numpy as np
import pytest

from beamside.analysis.operators import AnalysisError
from beamside.analysis.particles.extent import agreed
from beamside.analysis.particles.fusion import Fusion, fused
from beamside.analysis.particles.linking import Linking
from beamside.analysis.particles.matching import tallies
from beamside.analysis.particles.sections import Sections, packed, section, unpacked
from beamside.analysis.particles.volume import ParticleVolume

from . import cut


def precision(true: np.ndarray, said: np.ndarray, least: float = 0.5) -> float:
    one = tallies(true, said)[least]
    return one.hits / (one.hits + one.false + one.missed)


@pytest.mark.parametrize(("fill", "missed"), [(0.25, 0.1), (0.5, 0.1), (0.5, 0.25)])
def test_three_views_find_the_particles_though_cross_sections_are_missed(
    fill: float, missed: float
) -> None:
    labels = cut.packed(seed=9, fill=fill, side=66, radius=11)
    sections = cut.collected(labels, missed)
    said, table = fused(sections)
    assert precision(labels, said) > (0.9 if missed < 0.2 else 0.85)
    assert precision(labels, said, 0.75) > (0.85 if missed < 0.2 else 0.75)
    voxels = np.bincount(said.ravel(), minlength=table["particle_label"].values.max() + 1)
    assert np.array_equal(table["particle_voxels"], voxels[table["particle_label"].values])
    inside = table["particle_edge"].values == 0
    assert table["particle_seen"].values[inside].mean() == pytest.approx(1 - missed, abs=0.05)


def test_fusing_is_better_than_linking_where_much_is_missed() -> None:
    labels = cut.packed(seed=8)
    sections = cut.collected(labels, 0.25)
    linked = Linking().link(sections, 0).labels()
    assert precision(labels, fused(sections)[0]) > precision(labels, linked) + 0.1


def test_linking_finds_apart_particles_and_closes_gaps() -> None:
    labels = cut.packed(seed=3, fill=0.2)
    sections = Sections().with_(
        one for one in cut.seen(labels, 0.0, views=(0,)) if one.index not in (20, 21, 40)
    )
    linked = Linking().link(sections).labels()
    assert precision(labels, linked) > 0.7
    assert (linked[20] > 0).sum() > 0.8 * (labels[20] > 0).sum()
    open_ = Linking(gap=0).link(sections).labels()
    assert not open_[20].any()
    assert precision(labels, open_) < precision(labels, linked)


def test_slabs_leave_no_seams() -> None:
    sections = cut.collected(cut.packed(seed=2, fill=0.3))
    whole, table = fused(sections)
    thin = Fusion(room_gb=0.01)
    assert len(thin.plan(sections).slabs) > 2
    said, same = fused(sections, thin)
    assert np.array_equal(whole, said)
    assert table.identical(same)


def test_axes_may_be_swapped() -> None:
    labels = cut.packed(seed=2, fill=0.3)
    said = fused(cut.collected(labels, 0.0))[0]
    turned = fused(cut.collected(np.ascontiguousarray(labels.transpose(2, 1, 0)), 0.0))[0]
    assert precision(said.astype(np.int64), turned.transpose(2, 1, 0).astype(np.int64)) > 0.95


def test_coarse_cells_give_labels_of_voxels() -> None:
    labels = cut.packed(seed=5, fill=0.4, side=72, radius=19)
    sections = cut.collected(labels, 0.1)
    assert Fusion().plan(sections).grid.stride == 1
    said, table = fused(sections, Fusion(stride=2))
    assert said.shape == labels.shape
    assert precision(labels, said) > 0.85
    cells, other = fused(sections, Fusion(stride=2), coarse=True)
    assert cells.shape == tuple(-(-n // 2) for n in labels.shape)
    assert np.allclose(table["particle_z"], other["particle_z"], atol=0.5)
    assert np.allclose(table["particle_volume"], other["particle_volume"], rtol=0.1, atol=200)


def test_workers_in_any_number_and_order_give_the_same_volume() -> None:
    volume = ParticleVolume()
    slices = cut.seen(cut.packed(seed=2, fill=0.3))
    whole = volume.start().with_(slices)
    ten = [Sections().with_(slices[n::10]) for n in range(10)]
    again = Sections().with_(slices[::7])  # a killed worker's share, done anew by another
    saved = [volume.restore(volume.save(one)) for one in ten]
    folded = volume.start()
    for one in [*saved[::-1], again]:
        folded = volume.merge(folded, one)
    left = volume.merge(volume.merge(ten[0], ten[1]), ten[2])
    right = volume.merge(ten[0], volume.merge(ten[1], ten[2]))
    assert all(
        np.array_equal(a, b, equal_nan=True)
        for a, b in zip(packed(left).values(), packed(right).values(), strict=True)
    )
    assert volume.finish(folded).identical(volume.finish(whole))


def test_slices_out_of_place_are_named_and_the_rest_is_fused() -> None:
    slices = cut.seen(cut.packed(seed=2, fill=0.3))
    odd = [
        section(0, 4, (9, 9), np.zeros((0, 32, 2)), np.zeros(0)),
        section(1, 5000, slices[-1].shape, np.zeros((0, 32, 2)), np.zeros(0)),
        section(2, 3, slices[-1].shape, np.zeros((0, 32, 2)), np.zeros(0), (0.2, 0.2)),
    ]
    rest = [s for s in slices if (s.view, s.index) not in {(0, 4), (0, 9), (2, 3)}]
    shown = ParticleVolume().finish(Sections().with_([*rest[::-1], *odd]))
    assert shown.sizes["particle"] > 5
    note = shown.attrs["note"]
    assert "xy slice 4 left out: 9 x 9 pixels, most have 72 x 58" in note
    assert "xz slice 5000 left out" in note
    assert "yz slice 3 left out: the size of its pixels is 0.2 x 0.2 um, of most unknown" in note
    assert "2 of 64 xy slices missing: 4, 9" in note


def test_what_is_no_slice_and_what_cannot_be_fused_is_said() -> None:
    with pytest.raises(ValueError, match="views are 0"):
        section(3, 0, (5, 5), np.zeros((0, 32, 2)), np.zeros(0))
    with pytest.raises(ValueError, match="slices count from 0"):
        section(0, 10**9, (5, 5), np.zeros((0, 32, 2)), np.zeros(0))
    with pytest.raises(ValueError, match="corners are"):
        section(0, 0, (5, 5), np.zeros((1, 32)), np.zeros(1))
    with pytest.raises(AnalysisError, match="link the slices"):
        fused(Sections().with_(cut.seen(cut.packed(), views=(0,))))
    with pytest.raises(ValueError, match="stride must be"):
        Fusion(stride=-1)
    with pytest.raises(ValueError, match="no 'corners'"):
        unpacked({"place": np.zeros((0, 5)), "pixel": np.zeros((0, 2)), "prob": np.zeros(0)})


def test_stars_that_are_not_finite_or_not_likely_are_left_out_and_nothing_gives_nothing() -> None:
    corners = np.full((3, 32, 2), 5.0)
    corners[1, 3, 0] = np.nan
    one = section(0, 0, (9, 9), corners, np.array([0.5, 0.5, np.nan]))
    assert len(one) == 1
    empty = [
        section(v, n, (9, 9), np.zeros((0, 32, 2)), np.zeros(0)) for v in (0, 1) for n in (0, 8)
    ]
    said, table = fused(Sections().with_([*empty, one]))
    assert not said.any()
    assert table.sizes["particle"] == 0
    assert agreed(Sections())[1].shape == (1, 1, 1)
    assert ParticleVolume().finish(Sections()).attrs["slices"] == "none"
