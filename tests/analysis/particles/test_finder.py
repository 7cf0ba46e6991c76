"""The operator on slices with known particles, and on slices that are no good."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

pytest.importorskip("torch")

from beamside.analysis.operators import AnalysisError, Calibration
from beamside.analysis.particles.finder import ParticleFinder
from beamside.analysis.particles.matching import report, tallies
from beamside.analysis.particles.model import model
from beamside.analysis.particles.sizing import typical_diameter

OFFICIAL = Path(__file__).parents[2] / "models" / "official" / "shipped.npz"
UNKNOWN = Calibration()
FINE = Calibration((100.0, 100.0), origin="header")


def balls(
    shape: tuple[int, int], diameter: float, apart: float = 1.6, seed: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Bright balls on a dark ground in rows, blurred and noisy; uint8 image and its labels."""
    rng = np.random.default_rng(seed)
    labels = np.zeros(shape, np.int32)
    step = apart * diameter
    number = 0
    for cy in np.arange(step / 2, shape[0], step):
        for cx in np.arange(step / 2, shape[1], step):
            number += 1
            radius = diameter / 2 * rng.uniform(0.85, 1.15)
            place = rng.uniform(-0.1, 0.1, 2) * diameter + (cy, cx)
            low = [max(0, int(p - diameter)) for p in place]
            box = tuple(slice(n, n + int(2 * diameter) + 2) for n in low)
            y, x = (np.arange(labels[box].shape[n]) + low[n] - place[n] for n in (0, 1))
            labels[box][np.hypot(y[:, None], x) < radius] = number
    grey = 60 + 110.0 * (labels > 0) + rng.normal(0, 8, shape)
    return np.clip(grey, 0, 255).astype(np.uint8), labels


def score(true: np.ndarray, said: xr.Dataset, frame: int = 0) -> dict[str, float | None]:
    return report(tallies(true, said["particle_map"].values[frame]))


def good(true: np.ndarray, said: xr.Dataset) -> bool:
    told = score(true, said)
    return (told["ap0.5"] or 0) >= 0.95 and (told["ap0.75"] or 0) >= 0.9


def test_balls_are_found_and_measured_in_micrometres() -> None:
    image, labels = balls((200, 260), 30.0)
    said = ParticleFinder(particle_um=3.0)(image[None], FINE)
    assert good(labels, said)
    assert said["particle_diameter"].attrs["units"] == "um"
    assert abs(float(said["particle_diameter"].median()) - 3.0) < 0.3
    area = np.bincount(said["particle_map"].values.ravel())[1:] * 0.01
    np.testing.assert_allclose(said["particle_area"], area, rtol=1e-5)
    assert said["particle_y"].max() < 20.0
    assert said["y"].attrs["units"] == "um"
    assert said["particle_outline_y"].dims == ("particle", "ray")
    assert said.attrs["model_sha256"] == model().card.sha256
    bright = said["particle_grey"].values
    assert abs(np.median(bright) - 170) < 10


def test_the_table_says_where_each_particle_is_and_how_bright() -> None:
    image, _ = balls((90, 140), 30.0)
    said = ParticleFinder(particle_px=30)(image[None], UNKNOWN)
    shown = said["particle_map"].values[0]
    for row, number in enumerate(said["particle_label"].values):
        y, x = np.nonzero(shown == number)
        told = [said[f"particle_{name}"].values[row] for name in ("area", "y", "x", "grey")]
        expected = [len(y), y.mean() + 0.5, x.mean() + 0.5, image[y, x].mean()]
        np.testing.assert_allclose(told, expected, rtol=1e-5)
        cut = {0, 89} & set(y.tolist()) or {0, 139} & set(x.tolist())
        assert said["particle_edge"].values[row] == bool(cut)


@pytest.mark.parametrize("diameter", [12.0, 60.0, 110.0])
def test_the_first_look_tells_the_size(diameter: float) -> None:
    edge = int(max(160, 4.5 * diameter))
    image, labels = balls((edge, edge), diameter)
    seen = typical_diameter(image, model())
    assert seen is not None
    assert abs(seen / diameter - 1) < 0.25
    assert good(labels, ParticleFinder()(image[None], UNKNOWN))


def test_turned_and_inverted_slices_give_the_same_particles() -> None:
    image, labels = balls((192, 192), 32.0)
    for changed, true in (
        (np.rot90(image), np.rot90(labels)),
        (255 - image, labels),
        (image[::-1], labels[::-1]),
        (image.astype(np.float32) * 1e-6 - 3, labels),
        (image.astype(np.float32) * 1e-30, labels),
        (image.astype(np.uint16) * 200, labels),
    ):
        assert good(true, ParticleFinder(particle_px=32)(changed[None], UNKNOWN))


def test_a_slice_alone_gives_what_it_gives_in_a_batch() -> None:
    images = np.stack([balls((128, 128), 32.0, seed=s)[0] for s in range(3)])
    finder = ParticleFinder(particle_px=32)
    together, alone = finder(images, UNKNOWN), finder(images[1:2], UNKNOWN)
    np.testing.assert_array_equal(together["particle_map"][1], alone["particle_map"][0])
    assert together["count"].values[1] == alone.sizes["particle"]
    rows = together["particle_frame"].values == 1
    np.testing.assert_array_equal(together["particle_label"][rows], alone["particle_label"])


def test_blank_slices_hold_nothing_and_are_named() -> None:
    image, _ = balls((96, 96), 32.0)
    said = ParticleFinder()(np.stack([np.zeros_like(image), image]), UNKNOWN)
    assert said["count"].values[0] == 0 < said["count"].values[1]
    assert "frame 0: all pixels are equal" in said.attrs["note"]
    nothing = ParticleFinder()(np.full((1, 64, 64), 7, np.uint8), UNKNOWN)
    assert nothing.sizes["particle"] == 0
    assert "no particle was seen at any scale" in nothing.attrs["note"]


def test_noise_alone_holds_no_particles() -> None:
    noise = np.random.default_rng(1).normal(100, 10, (1, 256, 256)).astype(np.float32)
    assert ParticleFinder(particle_px=36)(noise, UNKNOWN).sizes["particle"] <= 3


def test_one_particle_is_found_also_when_it_is_larger_than_the_slice() -> None:
    y, x = np.mgrid[:160, :160]
    one = np.where(np.hypot(y - 80, x - 70) < 25, 170, 60).astype(np.uint8)
    assert ParticleFinder(particle_px=50)(one[None], UNKNOWN)["count"].item() == 1
    inside = np.random.default_rng(1).normal(170, 5, (1, 160, 160))
    said = ParticleFinder(particle_px=600)(inside, UNKNOWN)
    assert said["count"].item() <= 1
    assert np.isfinite(said["particle_area"]).all()


def test_saturated_and_not_finite_pixels_are_survived_and_said() -> None:
    image, labels = balls((192, 192), 32.0)
    said = ParticleFinder(particle_px=32)(np.minimum(image, 120)[None], UNKNOWN)
    assert "brightest grey: it is saturated" in said.attrs["note"]
    assert good(labels, said)
    hot = image.astype(np.uint16)
    hot[np.random.default_rng(1).random(hot.shape) < 3e-4] = 65535
    assert good(labels, ParticleFinder()(hot[None], UNKNOWN))
    holed = image.astype(float)
    holed[5:9, 50:60] = np.nan
    holed[100, 3] = np.inf
    said = ParticleFinder(particle_px=32)(holed[None], UNKNOWN)
    assert "41 pixels were not finite" in said.attrs["note"]
    assert good(labels, said)


def test_five_thousand_particles() -> None:
    image, labels = balls((1000, 1020), 9.0)
    assert labels.max() > 4800
    said = ParticleFinder(particle_px=24)(image[None], UNKNOWN)
    told = score(labels, said)
    assert (told["recall"] or 0) > 0.95
    assert (told["precision"] or 0) > 0.95


@pytest.mark.parametrize("shape", [(1, 1), (2, 200), (200, 5)])
def test_slices_of_any_size_are_survived(shape: tuple[int, int]) -> None:
    image = np.arange(shape[0] * shape[1], dtype=np.uint16).reshape(1, *shape)
    for finder in (ParticleFinder(), ParticleFinder(particle_px=500), ParticleFinder(exact=True)):
        assert finder(image, UNKNOWN)["particle_map"].shape == (1, *shape)


def test_an_image_in_pieces_gives_what_it_gives_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    from beamside.models import tiled

    image, _ = balls((300, 420), 36.0)
    finder = ParticleFinder(particle_px=36)
    whole = finder(image[None], UNKNOWN)
    monkeypatch.setattr(tiled, "WHOLE", 1000)
    monkeypatch.setattr(tiled, "TILE", 128)
    pieces = finder(image[None], UNKNOWN)
    assert (whole["particle_map"].values == pieces["particle_map"].values).mean() > 0.999


def test_what_cannot_be_analysed_is_said() -> None:
    with pytest.raises(AnalysisError, match="must be grey"):
        ParticleFinder()(np.zeros((2, 3, 4, 5)), UNKNOWN)
    with pytest.raises(AnalysisError, match="real numbers"):
        ParticleFinder()(np.zeros((1, 3, 4), complex), UNKNOWN)
    with pytest.raises(AnalysisError, match="no finite pixel"):
        ParticleFinder()(np.full((1, 3, 4), np.nan), UNKNOWN)
    with pytest.raises(AnalysisError, match="needs the size of a pixel"):
        ParticleFinder(particle_um=5)(np.zeros((1, 8, 8)), UNKNOWN)
    with pytest.raises(AnalysisError, match="no network 'nothing'"):
        ParticleFinder(model="nothing")(np.zeros((1, 8, 8)), UNKNOWN)
    with pytest.raises(AnalysisError, match="pixel size must be positive"):
        ParticleFinder()(np.zeros((1, 8, 8)), Calibration((0.0, 1.0)))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"particle_um": -1.0}, "particle_um must be a number above 0"),
        ({"particle_px": 5.0, "particle_um": 1.0}, "not both"),
        ({"probability": 1.5}, "probability must lie between 0 and 1"),
        ({"overlap": 0.0}, "overlap must lie between"),
        ({"engine": "steam"}, "engine is auto, torch, openvino"),
        ({"particle_px": "large"}, "particle_px must be a number above 0, not 'large'"),
        ({"exact": "no"}, "exact is true or false, not 'no'"),
    ],
)
def test_settings_that_mean_nothing_are_refused(settings: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        ParticleFinder(**settings)  # type: ignore[arg-type]


def test_the_particles_are_those_of_the_official_package() -> None:
    """`predict_instances` of stardist and tensorflow with the same weights, kept in a file."""
    with np.load(OFFICIAL, allow_pickle=False) as file:
        image, labels, digest = (file[name] for name in ("image", "labels", "sha256"))
    assert str(digest) == model().card.sha256, "make it again: tests/models/official/shipped.py"
    assert labels.max() > 50
    plain = {"refine": False, "half": False, "eight_bits": False}
    finder = ParticleFinder(particle_px=model().particle_px, **plain)  # type: ignore[arg-type]
    exact = score(labels, replace(finder, exact=True)(image[None], UNKNOWN))
    assert exact["ap0.9"] == 1.0
    quick = score(labels, finder(image[None], UNKNOWN))
    assert (quick["ap0.5"] or 0) >= 0.98
    refined = score(labels, replace(finder, refine=True)(image[None], UNKNOWN))
    assert (refined["ap0.5"] or 0) >= 0.98


def test_eight_bits_give_the_particles_of_the_official_package() -> None:
    pytest.importorskip("openvino", reason="openvino is not installed")
    with np.load(OFFICIAL, allow_pickle=False) as file:
        image, labels = file["image"], file["labels"]
    finder = ParticleFinder(particle_px=model().particle_px, engine="openvino", eight_bits=True)
    assert finder(image[None], UNKNOWN).attrs["precision"] == "8 bits"
    assert (score(labels, finder(image[None], UNKNOWN))["ap0.5"] or 0) >= 0.98


def test_the_engines_give_the_same_particles() -> None:
    pytest.importorskip("openvino", reason="openvino is not installed")
    image, _ = balls((200, 230), 32.0)
    maps = [
        ParticleFinder(particle_px=32, engine=engine, half=False, eight_bits=False)(
            image[None], UNKNOWN
        )
        for engine in ("torch", "openvino")
    ]
    one, two = (data["particle_map"].values for data in maps)
    assert (one == two).mean() > 0.9999


def test_the_operator_is_registered() -> None:
    text = (Path(__file__).parents[3] / "pyproject.toml").read_text()
    place = tomllib.loads(text)["project"]["entry-points"]["beamside.analyses"]["particles"]
    module, name = place.split(":")
    assert getattr(import_module(module), name) is ParticleFinder
