from __future__ import annotations

import numpy as np
import pytest
import scipy.ndimage

from beamside.analysis.operators import AnalysisError, Calibration
from beamside.analysis.quality import Quality


def picture(blur: tuple[float, float], seed: int = 1) -> np.ndarray:
    """A grainy specimen, blurred by (y, x) pixels, with noise of the camera."""
    random = np.random.default_rng(seed)
    specimen = scipy.ndimage.gaussian_filter(random.normal(size=(256, 300)), 1.0)
    image = 1000 + 2000 * scipy.ndimage.gaussian_filter(specimen, blur)
    return np.asarray(random.poisson(np.clip(image, 0, None)), np.uint16)


def judged(*images: np.ndarray) -> dict[str, np.ndarray]:
    said = Quality()(np.stack(images), Calibration())
    return {str(name): said[name].values for name in said}


def test_a_sharper_picture_has_more_quality() -> None:
    quality = judged(*(picture((blur, blur)) for blur in (0.0, 0.5, 1.0, 2.0, 4.0)))["quality"]
    assert (np.diff(quality) < 0).all()
    assert quality[-1] < quality[0] / 3


def test_quality_is_the_contrast_in_the_band() -> None:
    wave = 100 * (1 + 0.2 * np.cos(2 * np.pi * 0.1 * np.arange(256)))  # 0.2 of Nyquist
    image = np.random.default_rng(3).normal(np.broadcast_to(wave, (256, 256)), 3)
    assert judged(image)["quality"][0] == pytest.approx(0.2 / np.sqrt(2), rel=0.03)


def test_a_picture_blurred_in_one_direction_says_which() -> None:
    said = judged(picture((3.0, 0.0)), picture((0.0, 3.0)), picture((1.0, 1.0)))
    assert said["elongation"][0] > 0.3
    assert said["elongation"][1] > 0.3
    assert said["elongation"][2] < 0.1
    assert abs(said["direction"][0]) < 10  # blurred along y: what is left varies along x
    assert abs(abs(said["direction"][1]) - 90) < 10


def test_noise_alone_has_no_quality() -> None:
    noise = np.random.default_rng(2).normal(100, 5, (1, 200, 200))
    assert abs(float(Quality()(noise, Calibration())["quality"][0])) < 0.01


def test_a_constant_picture_has_none_and_a_dark_one_can_not_be_told() -> None:
    said = judged(np.full((64, 64), 7, np.uint16), np.zeros((64, 64), np.uint16))
    assert said["quality"][0] == 0
    assert np.isnan(said["quality"][1])


@pytest.mark.parametrize("settings", [{"low": 0.6, "high": 0.5}, {"high": 0.9}, {"size": 4}])
def test_settings_that_mean_nothing_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be"):
        Quality(**settings)  # type: ignore[arg-type]


def test_a_picture_that_is_too_small_is_an_error_in_words() -> None:
    with pytest.raises(AnalysisError, match="16 px at least"):
        Quality()(np.zeros((1, 8, 8)), Calibration())
