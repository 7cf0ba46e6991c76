from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from beamside.models.phantoms.crystals import CRYSTALS, reflections
from beamside.models.phantoms.grains import Specimen
from beamside.models.phantoms.hrtem import Phantom, look, make, mosaic
from beamside.models.phantoms.optics import Microscope, expose
from beamside.models.phantoms.orientation import orient
from beamside.models.phantoms.sequence import frames
from beamside.models.phantoms.truth import measure

SHAPE = (512, 512)


@pytest.fixture(scope="module")
def phantom() -> Phantom:
    return make(3, SHAPE)


def strongest(name: str) -> tuple[int, ...]:
    table = reflections(name)
    hkl = table.hkl[np.abs(table.potential).argmax()]
    return tuple(sorted(abs(int(i)) for i in hkl))


def test_the_same_seed_gives_the_same_phantom_and_another_seed_another(phantom: Phantom) -> None:
    again, other = make(3, SHAPE), make(4, SHAPE)
    assert np.array_equal(phantom.image, again.image)
    assert phantom.spots.tobytes() == again.spots.tobytes()
    assert not np.array_equal(phantom.image, other.image)


def test_a_saved_phantom_has_the_format_of_the_shared_simulations(
    phantom: Phantom, tmp_path: Path, shared_data: Path
) -> None:
    path = tmp_path / "phantom.npz"
    phantom.save(path)
    model = shared_data / "hrtem" / "simulated" / "s1_T300_d500.npz"
    with np.load(path, allow_pickle=False) as ours, np.load(model, allow_pickle=False) as theirs:
        assert sorted(ours.files) == sorted(theirs.files)
        for name in ("image", "phase_map", "grain_map", "spots"):
            assert ours[name].dtype == theirs[name].dtype
        meta, shown = json.loads(str(ours["meta"])), json.loads(str(theirs["meta"]))
        assert {"px_nm_true", "px_nm_header", "labels", "condition", "grains"} <= set(meta)
        assert set(shown["grains"][0]) == set(meta["grains"][0])
        assert set(shown["condition"]) == set(meta["condition"])
        assert np.array_equal(ours["image"], phantom.image)


def test_a_null_phantom_has_matrix_and_vacuum_and_nothing_to_find() -> None:
    null = make(3, SHAPE, null=True)
    assert len(null.spots) == 0
    assert set(np.unique(null.phase_map)) == {0, 1}
    assert 0.1 < (null.phase_map == 0).mean() < 0.2


def test_maps_and_spots_tell_the_same_story(phantom: Phantom) -> None:
    labels = phantom.meta["labels"]
    for grain in phantom.meta["grains"]:
        of = phantom.grain_map == grain["id"]
        if of.any():
            assert set(np.unique(phantom.phase_map[of])) == {labels.index(grain["phase"])}
            rows = phantom.spots[phantom.spots["grain"] == grain["id"]]
            assert set(rows["phase"]) <= {labels.index(grain["phase"])}
    assert set(np.unique(phantom.phase_map[phantom.grain_map == 0])) <= {0, 1}


def test_d_spacings_are_the_crystals_own_but_for_strain_and_tilt(phantom: Phantom) -> None:
    labels = phantom.meta["labels"]
    for row in phantom.spots[phantom.spots["amp_pred"] > 0.01]:
        table = reflections(labels[row["phase"]])
        same = (table.hkl == (row["h"], row["k"], row["l"])).all(axis=1)
        d = 1 / np.linalg.norm(table.g[same][0])
        assert row["d_nm"] == pytest.approx(d, rel=0.02)
        assert row["d_nm"] == pytest.approx(1 / np.hypot(row["kx_nm"], row["ky_nm"]), rel=1e-5)


def test_strong_reflections_stand_out_where_the_truth_says() -> None:
    specimen = Specimen(phases=("LiF",), diameter=(5, 6), rows=0)
    lit = look(8, SHAPE, specimen, Microscope())
    null = look(8, SHAPE, replace(specimen, n_grains=0), Microscope())
    strong = lit.spots[lit.spots["amp_pred"] > 0.05]
    without = measure(strong, null.image, lit.grain_map, null.scene.microscope.pixels)
    assert len(strong) >= 8
    assert np.median(strong["snr_local"]) > 4 * np.median(without["snr_local"])
    assert np.median(without["snr_local"]) < 6


@pytest.mark.parametrize("anisotropy", [0.0, 0.06])
def test_fringes_in_the_image_have_the_predicted_contrast(anisotropy: float) -> None:
    microscope = Microscope(diffuse=0.0, astigmatism=0.0, anisotropy=anisotropy)
    specimen = Specimen(phases=("Li",), n_grains=1, diameter=(6, 6), rows=0, tilt=0, vacuum=0)
    found = look(5, SHAPE, specimen, microscope)
    row = found.spots[found.spots["amp_pred"].argmax()]
    ny, nx = found.scene.relative.shape
    inside = found.scene.grain_map == 1
    y, x = np.mgrid[:ny, :nx] * np.array(microscope.pixels)[:, None, None]
    centre = np.hypot(y - y[inside].mean(), x - x[inside].mean()) < 1.3
    wave = np.exp(-2j * np.pi * (row["ky_nm"] * y + row["kx_nm"] * x))
    measured = 2 * abs((found.scene.relative[centre] * wave[centre]).mean())
    both = found.spots[["h", "k", "l"]] == np.array(
        (-row["h"], -row["k"], -row["l"]), found.spots[["h", "k", "l"]].dtype
    )
    predicted = row["amp_pred"] + found.spots["amp_pred"][both].sum()
    assert measured == pytest.approx(predicted, rel=0.25)


def test_the_header_may_be_wrong_while_the_specimen_stays() -> None:
    right, wrong = make(3, SHAPE), make(3, SHAPE, header_scale_error=0.04)
    assert np.array_equal(right.image, wrong.image)
    assert wrong.meta["px_nm_true"] == 0.03
    assert wrong.meta["px_nm_header"] == pytest.approx(0.0312)


def test_noise_is_poisson_coloured_by_the_camera() -> None:
    rng = np.random.default_rng(1)
    for dose in (20.0, 400.0):
        camera = Microscope(dose=dose, blur=0.0, readout=0.0, offset=0.0, gain=100.0)
        electrons = expose(np.ones(SHAPE, np.float32), camera, rng) / 100
        assert electrons.mean() == pytest.approx(dose * 0.09, rel=0.01)
        assert electrons.var() == pytest.approx(dose * 0.09, rel=0.03)
    blurred = expose(np.ones(SHAPE, np.float32), replace(camera, blur=0.6), rng) / 100
    neighbours = np.corrcoef(blurred[:, 1:].ravel(), blurred[:, :-1].ravel())[0, 1]
    assert neighbours > 0.2
    assert blurred.var() < 0.7 * electrons.var()


def test_the_matrix_shows_thon_rings() -> None:
    null = make(9, SHAPE, null=True, vacuum=0.0)
    image = null.image - null.image.mean()
    power = np.abs(np.fft.fft2(image)) ** 2
    k = np.hypot(*np.meshgrid(*[np.fft.fftfreq(n, 0.03) for n in SHAPE], indexing="ij"))
    ring = {at: power[np.abs(k - at) < 0.15].mean() for at in (0.4, 2.3, 11.0)}
    assert ring[2.3] > 8 * ring[0.4]
    assert ring[2.3] > 20 * ring[11.0]


def test_structure_factors_follow_the_published_order() -> None:
    assert strongest("Li") == (0, 1, 1)
    assert strongest("LiF") == (0, 0, 2)
    assert strongest("Li2O") == (0, 2, 2)
    assert strongest("Li2CO3") == (0, 0, 2)
    assert strongest("NaF") == (0, 0, 2)


def test_lattice_centring_forbids_reflections() -> None:
    body, face = reflections("Li").hkl, reflections("Cu").hkl
    assert not (body.sum(axis=1) % 2).any()
    assert not np.ptp(face % 2, axis=1).any()


@pytest.mark.parametrize("name", sorted(CRYSTALS))
def test_every_crystal_can_be_looked_along_a_zone(name: str) -> None:
    turned = orient(name, rows=0.0, tilt=0.0, rng=np.random.default_rng(0))
    assert turned.tilt == pytest.approx(0.0, abs=1e-4)
    assert np.allclose(turned.rotation @ turned.rotation.T, np.eye(3))
    assert np.linalg.det(turned.rotation) == pytest.approx(1)
    assert 2 < 0.4788 * reflections(name).mean < 40


def test_a_phase_without_a_crystal_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"no crystal 'kryptonite'.*Li2CO3"):
        make(1, SHAPE, phases=("Li", "kryptonite"))


def test_an_image_too_small_to_hold_a_specimen_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 128"):
        make(1, (64, 512))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"phases": ()}, "phases is empty"),
        ({"vacuum": 1.5}, "0 to 0.9"),
        ({"dose": 0.0}, "dose = 0.0"),
        ({"pixel_nm": -0.03}, "pixel = -0.03"),
    ],
)
def test_settings_that_mean_nothing_are_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make(1, SHAPE, **settings)


@pytest.mark.slow
def test_the_mosaic_is_dense_and_hard_to_see_as_a_whole() -> None:
    dense = mosaic()
    assert dense.image.shape == (4096, 4096)
    assert len(dense.meta["grains"]) == 67
    assert (dense.phase_map > 1).mean() > 0.3
    listed = dense.spots[dense.spots["snr_local"] > 10]
    assert (listed["snr"] < 10).mean() > 0.8


def test_frames_drift_and_their_truth_drifts_along(phantom: Phantom) -> None:
    taken = list(frames(phantom, 4, seed=2, drift=0.3))
    first, last = taken[0], taken[-1]
    assert not np.array_equal(first.grain_map, last.grain_map)
    shift = [
        a["x"] - b["x"] for a, b in zip(first.meta["grains"], last.meta["grains"], strict=True)
    ]
    assert np.ptp(shift) < 1e-6
    product = np.fft.fft2(first.image - first.image.mean()) * np.conj(
        np.fft.fft2(last.image - last.image.mean())
    )
    peak = np.unravel_index(np.abs(np.fft.ifft2(product)).argmax(), SHAPE)
    assert (int(peak[1]) + 256) % 512 - 256 == round(shift[0] / 0.3)


def test_a_growing_phase_comes_from_nothing_to_its_full_size(phantom: Phantom) -> None:
    phase = phantom.meta["grains"][0]["phase"]
    number = phantom.meta["labels"].index(phase)
    taken = list(frames(phantom, 5, seed=2, growing=phase, drift=0.0, flicker=0.0))
    area = [int((frame.phase_map == number).sum()) for frame in taken]
    assert area == sorted(area)
    assert area[0] < 0.4 * area[-1]
    assert area[-1] == (phantom.phase_map == number).sum()
    assert np.abs(taken[-1].image.astype(float) - phantom.image).mean() < 0.2 * phantom.image.mean()


def test_growing_a_phase_that_is_not_there_is_refused(phantom: Phantom) -> None:
    with pytest.raises(ValueError, match="no grain of 'Au' to grow"):
        next(frames(phantom, 2, seed=1, growing="Au"))
