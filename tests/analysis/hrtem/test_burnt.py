"""Images as people keep them: scale bars, scan lines, eight bits, numbers that are no counts."""

from __future__ import annotations

import numpy as np
import pytest

from beamside.analysis.hrtem.burnt import patches
from beamside.analysis.hrtem.mapper import PhaseMapper
from beamside.analysis.hrtem.pixels import clean
from beamside.analysis.operators import AnalysisError, Calibration
from beamside.models.phantoms.hrtem import make

HEADER = Calibration((0.03, 0.03))


@pytest.fixture(scope="module")
def empty() -> np.ndarray:
    """A film without crystals, and vacuum beside it."""
    return make(62, (768, 768), null=True).image


def with_bar(image: np.ndarray) -> np.ndarray:
    """A bar, and something like letters above it."""
    image = image.copy()
    image[700:720, 500:700] = image[660:690, 560:580:4] = np.iinfo(image.dtype).max
    return image


def in_bytes(image: np.ndarray) -> np.ndarray:
    low, high = np.quantile(image, [0.001, 0.999])
    return np.asarray(255 * np.clip((image - low) / (high - low), 0, 1), np.uint8)


@pytest.mark.parametrize("depth", [8, 16])
def test_a_scale_bar_is_taken_out_and_told(empty: np.ndarray, depth: int) -> None:
    image = with_bar(in_bytes(empty) if depth == 8 else empty)
    said = PhaseMapper(candidates="sei")(image[None], HEADER)
    assert said.sizes["spot"] == said.sizes["grain"] == 0
    assert "a scale bar?" in said.attrs["note"]
    assert abs((said["phase_map"].values == 0).mean() - 0.15) < 0.05


def test_what_is_under_the_bar_is_marked_and_little_else(empty: np.ndarray) -> None:
    marked = patches(with_bar(empty).astype(np.float32))
    assert marked is not None
    assert marked[700:720, 500:700].all()
    assert marked.sum() < 2 * 20 * 200


def test_pixels_that_are_not_finite_are_no_scale_bar(empty: np.ndarray) -> None:
    image = empty.astype(np.float32)
    image[100:140, 200:260] = np.nan
    pixels, notes = clean(image)
    assert np.ptp(pixels[105:135, 205:255]) > 0  # noise, no plain patch with edges
    assert "2400 pixels were not finite" in notes[0]
    assert not any("scale bar" in note for note in notes)
    image[700:720, 500:700] = image[0, 0]
    assert any("scale bar" in note for note in clean(image)[1])


def test_saturation_and_few_levels_are_no_scale_bar(empty: np.ndarray) -> None:
    middle = np.median(empty)
    for image in (empty, in_bytes(empty), np.minimum(empty, middle), empty > middle):
        assert patches(image.astype(np.float32)) is None


@pytest.mark.parametrize("axis", [0, 1])
def test_scan_lines_leave_nothing_but_the_specimen(empty: np.ndarray, axis: int) -> None:
    lines = np.random.default_rng(1).normal(0, 60, (768, 1) if axis else (1, 768))
    said = PhaseMapper(candidates="sei")((empty + lines)[None], HEADER)
    assert said.sizes["spot"] == 0
    assert abs((said["phase_map"].values == 0).mean() - 0.15) < 0.05


def test_eight_bits_are_enough() -> None:
    phantom = make(61, (768, 768))
    k = [
        said["spot_kx"].values + 1j * said["spot_ky"].values
        for said in (
            PhaseMapper()(image[None], HEADER) for image in (phantom.image, in_bytes(phantom.image))
        )
    ]
    assert abs(len(k[0]) - len(k[1])) <= 2
    assert np.median(np.abs(k[0][:, None] - k[1]).min(axis=1)) < 0.005


@pytest.mark.parametrize("scale", [1e30, 1e-30])
def test_numbers_that_are_no_counts_are_refused(empty: np.ndarray, scale: float) -> None:
    with pytest.raises(AnalysisError, match="no counts"):
        clean(empty * scale)


def test_large_and_odd_images_are_answered() -> None:
    image = np.random.default_rng(2).poisson(100, (2501, 3203)).astype(np.uint16)
    assert PhaseMapper()(image[None], HEADER).sizes["spot"] <= 1
