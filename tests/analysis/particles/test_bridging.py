"""Bad slices of a volume that grows are bridged, and the lines that they are in other views."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from beamside.analysis.operators import Calibration
from beamside.analysis.particles.finder import ParticleFinder
from beamside.analysis.particles.lines import filled, mended, said
from beamside.analysis.particles.sections import Section, Sections, packed, section, unpacked
from beamside.analysis.particles.strays import without_strays
from beamside.analysis.particles.volume import ParticleVolume, sections_of
from beamside.tests.analysis.particles.cut import packed as labelled
from beamside.tests.analysis.particles.cut import seen

LABELS = labelled(seed=2, fill=0.4, side=72, radius=8)


@pytest.fixture(scope="module")
def grey() -> np.ndarray:
    labels = labelled(seed=2, fill=0.4, side=64, radius=11)
    noise = np.random.default_rng(0).normal(0, 8, labels.shape)
    return np.asarray(np.clip(np.where(labels > 0, 150, 60) + noise, 0, 255), np.uint8)


def test_lines_that_do_not_belong_become_the_way_between_their_neighbours(grey: np.ndarray) -> None:
    image = grey[:, 30]
    assert mended(image)[1] == []
    bad = image.copy()
    bad[20], bad[31:33], bad[:, 40] = 0, 255, 255 - bad[:, 40]
    given = bad.copy()
    repaired, lines = mended(bad)
    assert lines == [(0, 20), (0, 31), (0, 32), (1, 40)]
    assert np.array_equal(bad, given), "the frame itself is left as it is"
    off = np.abs(repaired.astype(int) - image)
    assert off[[20, 31, 32]].mean() < 20
    off[[20, 31, 32]] = 0
    assert off[:, :40].max() == 0
    assert said(lines).startswith("rows 20, 31, 32 and column 40, unlike what lies on both sides")


def test_pictures_of_nothing_and_small_ones_are_left_alone() -> None:
    rng = np.random.default_rng(0)
    for image in (
        rng.normal(0, 1, (60, 80)),
        np.zeros((40, 40)),
        np.ones((5, 90)),
        np.repeat([0.0, 1.0], 30)[:, None] * np.ones(50),  # half of it is empty
        np.outer(np.arange(50.0), np.ones(40)),
    ):
        assert mended(image)[1] == []


def test_the_finder_says_which_lines_it_filled_and_leaves_them_when_told_to(
    grey: np.ndarray,
) -> None:
    images = np.stack([grey[:, 20], grey[:, 30]])
    images[1, 25] = 0
    finder = ParticleFinder(particle_px=22.0)
    told = finder(images, Calibration())
    assert told["line_frame"].values.tolist() == [1]
    assert told["line_index"].values.tolist() == [25]
    assert "frame 1: row 25, unlike what lies on both sides, was filled in" in told.attrs["note"]
    one = sections_of(told.assign_coords(slice_view=("frame", [1, 1])), [20, 30])
    assert [s.lines for s in one] == [(), ((0, 25),)]
    assert "line_frame" not in replace(finder, mend=False)(images, Calibration())


def blank(one: Section) -> Section:
    return section(one.view, one.index, one.shape, np.zeros((0, 32, 2)), np.zeros(0))


def test_slices_whose_particles_are_missing_or_others_are_left_out_and_named() -> None:
    good = {(s.view, s.index): s for s in seen(LABELS)}
    assert without_strays(Sections(good))[1] == []
    bad = dict(good)
    for n in (20, 21, 50):
        bad[0, n] = blank(good[0, n])
    lines = ((0, 50),)
    bad |= {k: replace(s, lines=lines) for k, s in bad.items() if k[0] == 1}
    left, words = without_strays(Sections(bad))
    assert words[0] == f"xy slice 50 is bridged in {LABELS.shape[1]} slices that cut it"
    assert [text.split(":")[0] for text in words[1:]] == [
        f"xy slice {n} is bridged" for n in (20, 21, 50)
    ]
    assert set(bad) - set(left.parts) == {(0, 20), (0, 21), (0, 50)}
    again = unpacked(packed(Sections(bad)))
    assert {k: s.lines for k, s in again.parts.items()} == {k: s.lines for k, s in bad.items()}


def test_a_growing_volume_is_whole_across_slices_that_were_bad() -> None:
    volume = ParticleVolume()
    slices = seen(LABELS, missed=0.0, views=(0,))
    for n in (30, 31, 45):
        slices[n] = blank(slices[n])
    state = Sections().with_(slices[::2]).with_(slices[1::2])
    told: xr.Dataset = volume.finish(state)
    whole = volume.finish(Sections().with_(seen(LABELS, missed=0.0, views=(0,))))
    assert told.sizes["particle"] == pytest.approx(whole.sizes["particle"], rel=0.05)
    for n in (30, 31, 45):
        assert f"xy slice {n} is bridged" in told.attrs["note"]
    assert not filled([[], []])["line_frame"][1].size
