"""The lens is read off its rings, and what it did to small grains is undone."""

import numpy as np
import pytest

from beamside.analysis.hrtem.crop import View, fourier_crop
from beamside.analysis.hrtem.detect import Optics, look
from beamside.analysis.hrtem.lens import Lens, lens_of, restore
from beamside.analysis.hrtem.refine import refine
from beamside.analysis.hrtem.spectrum import power_spectrum
from beamside.models.phantoms.optics import Microscope, aberration

PIXEL = 0.03
SIZE = 768
LENSES = [
    Microscope(voltage=300.0, spherical=1.2, defocus=-58.0, astigmatism=2.0),
    Microscope(voltage=200.0, spherical=0.5, defocus=-90.0, astigmatism=5.0),
    Microscope(voltage=300.0, spherical=0.01, defocus=-40.0, astigmatism=4.0),
]


def frequencies() -> tuple[np.ndarray, np.ndarray]:
    return np.fft.fftfreq(SIZE, PIXEL)[:, None], np.fft.rfftfreq(SIZE, PIXEL)[None, :]


def through(matter: np.ndarray, lens: Microscope) -> np.ndarray:
    """What a weak phase object looks like behind a lens, with a little noise."""
    ky, kx = frequencies()
    passed = np.fft.rfft2(matter) * np.sin(aberration(lens, ky, kx))
    passed *= np.exp(-(((ky**2 + kx**2) / 60) ** 2))
    noise = np.random.default_rng(2).standard_normal(matter.shape)
    return (np.fft.irfft2(passed) + 0.1 * noise).astype(np.float32)


def film(seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((SIZE, SIZE))


def seen(image: np.ndarray) -> View:
    return fourier_crop(image, (PIXEL, PIXEL), 8.3)


@pytest.mark.parametrize("true", LENSES)
def test_the_signs_of_a_lens_are_read_off_its_rings(true: Microscope) -> None:
    view = seen(through(film(), true))
    lens = lens_of(view, power_spectrum(view))
    assert lens is not None
    ky, kx = frequencies()
    k = np.hypot(ky, kx)
    used = (k > 2) & (k < min(lens.highest, 6.5))
    same = (lens.sign(ky, kx) == (np.sin(aberration(true, ky, kx)) < 0))[used].mean()
    assert lens.highest > 5
    assert max(same, 1 - same) > 0.95


def test_no_lens_is_read_off_noise() -> None:
    view = seen(film().astype(np.float32))
    assert lens_of(view, power_spectrum(view)) is None


def test_no_lens_is_read_off_a_field_of_a_few_waves() -> None:
    view = seen(through(film(), LENSES[0])[:64, :64])
    assert lens_of(view, power_spectrum(view)) is None


def test_grains_on_a_zero_of_the_lens_are_measured_nearer_to_their_lattice() -> None:
    true = LENSES[0]
    y, x = (np.indices((SIZE, SIZE)) + 0.5) * PIXEL
    at = np.array([(5, 5), (5, 12), (5, 18), (12, 5), (12, 12), (12, 18), (18, 5), (18, 12)])
    k = np.linspace(4.85, 5.05, len(at)) * np.exp(1j * np.linspace(-1.2, 1.2, len(at)))
    spread = np.full(len(at), 1.1)
    where = (at[:, 0].astype(float), at[:, 1].astype(float)), (spread, spread), (k.imag, k.real)
    far = np.zeros(2)
    for seed in range(4):  # a film hides a grain now and then
        matter = film(seed)
        for (top, left), one in zip(at, k, strict=True):
            grain = np.hypot(y - top, x - left) < 2.2
            matter += 3 * grain * np.cos(2 * np.pi * (one.real * x + one.imag * y))
        view = seen(through(matter, true))
        lens = lens_of(view, power_spectrum(view))
        assert lens is not None
        background = look(view, Optics((7.7, 15.0), 1.5, 8.3, 0.1, 1))[1][-1].background
        for n, restored in enumerate((None, restore(view, lens))):
            found = refine(view, *where, (3.85, 15.4), background, restored)
            far[n] += np.abs(found.kx + 1j * found.ky - k).mean()
    assert far[1] < 0.5 * far[0]


def test_a_spot_is_surer_the_further_the_zeros_of_the_lens_are() -> None:
    lens = Lens((-60.0, 1.2, 0.0, 0.0), 7.0)
    k = np.arange(2.0, 7.0, 0.01)
    zeros = np.flatnonzero(np.diff(lens.sign(0 * k, k)))
    error = lens.left(0 * k, k, np.full(len(k), 5.0))
    assert error[zeros[zeros > 250]].min() > 2 * error[k < 3].max()


@pytest.mark.parametrize("highest", [5.0, 20.0])
def test_the_phase_on_a_grid_is_that_at_each_of_its_points(highest: float) -> None:
    ky, kx = frequencies()
    lens = Lens((-80.0, 1.3, 4.0, -3.0), highest)
    near = slice(0, 200)  # beyond, float32 knows whole turns no better
    np.testing.assert_allclose(
        lens.phases(ky[near, 0], kx[0, near]), lens.phase(ky[near], kx[:, near]), atol=2e-3
    )
