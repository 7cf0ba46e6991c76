"""Fringes that the lens carried off are put back where their grain is, and no others."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse

from beamside.analysis.hrtem.carried import Undone, put_back
from beamside.analysis.hrtem.crop import View, fourier_crop
from beamside.analysis.hrtem.envelopes import envelopes, plane
from beamside.analysis.hrtem.groups import group
from beamside.analysis.hrtem.lens import Lens, restore
from beamside.analysis.hrtem.regions import HALF, Regions, redrawn
from beamside.models.phantoms.optics import Microscope, aberration

PIXEL, SIZE, SAMPLE, BLUR = 0.03, 768, 0.96, 1.2
TRUE = Microscope(voltage=300.0, spherical=1.2, defocus=-58.0, astigmatism=0.0)
LENS = Lens((-58.0, 1.2, 0.0, 0.0), 7.4)
K = np.array([6.1 * np.exp(0.4j), 2.4 * np.exp(-1j)])
"""One that this lens carries 1.4 nm to both sides, and one that it leaves."""
CENTRE, RADIUS = (11.5, 10.5), 3.0


def grain(k: complex) -> np.ndarray:
    """Fringes on a disc."""
    y, x = (np.indices((SIZE, SIZE)) + 0.5) * PIXEL
    disc = np.hypot(y - CENTRE[0], x - CENTRE[1]) < RADIUS
    return np.asarray(disc * np.cos(2 * np.pi * (k.real * x + k.imag * y)))


def view(straight: np.ndarray, after: np.ndarray) -> View:
    """What is linear passes the lens, what is of second order comes after it."""
    ky, kx = np.fft.fftfreq(SIZE, PIXEL)[:, None], np.fft.rfftfreq(SIZE, PIXEL)[None, :]
    passed = np.fft.irfft2(np.fft.rfft2(straight) * np.sin(aberration(TRUE, ky, kx)))
    noise = 0.3 * np.random.default_rng(5).standard_normal(passed.shape)
    return fourier_crop((passed + after + noise).astype(np.float32), (PIXEL, PIXEL), 8.3)


def drawn(seen: View, k: np.ndarray) -> tuple[Regions, np.ndarray, Undone]:
    """Regions as they are first cut, what noise leaves, and the restored image."""
    source = plane(seen, SAMPLE, BLUR)
    powers = envelopes(source, k.imag, k.real)
    inside = [np.flatnonzero(power > HALF * power.max()) for power in powers]
    flat = np.ones(len(k))
    nowhere = scipy.sparse.csr_array((len(k), powers[0].size), dtype=np.float32)
    start = Regions(np.arange(len(k)), nowhere, 100 * flat, flat, flat, flat, flat)
    moved = {n: (at, powers[n].ravel()[at]) for n, at in enumerate(inside)}
    cut = redrawn(start, moved, source.shape, source.pixel)
    by = restore(seen, LENS)
    return cut, 1e-6 * flat, Undone(by, plane(by.view, SAMPLE, BLUR))


def overlap(found: Regions, row: int, shape: tuple[int, int]) -> float:
    """Intersection over union with the disc."""
    y, x = ((np.indices(shape) + 0.5) * SIZE * PIXEL / shape[0]).reshape(2, -1)
    disc = np.hypot(y - CENTRE[0], x - CENTRE[1]) < RADIUS
    own = np.zeros(disc.size, bool)
    own[found.places(row)] = True
    return float((disc & own).sum() / (disc | own).sum())


def test_a_region_that_the_lens_carried_off_is_put_where_the_grain_is() -> None:
    seen = view(grain(K[0]) + grain(K[1]), np.zeros(1))
    cut, noise, undone = drawn(seen, K)
    back = put_back(cut, K.imag, K.real, noise, plane(seen, SAMPLE, BLUR), undone)
    shape = undone.plane.shape
    assert overlap(cut, 0, shape) < 0.7
    assert overlap(back, 0, shape) > 0.8
    assert (back.y[0], back.x[0]) == pytest.approx(CENTRE, abs=0.3)
    assert overlap(back, 1, shape) == overlap(cut, 1, shape) > 0.8
    assert group(back.mask).tolist() == [0, 0]
    assert np.array_equal(back.component, cut.component)


def test_fringes_of_second_order_stay_where_they_are() -> None:
    seen = view(grain(K[1]), grain(K[0]))
    cut, noise, undone = drawn(seen, K)
    back = put_back(cut, K.imag, K.real, noise, plane(seen, SAMPLE, BLUR), undone)
    assert (back.mask != cut.mask).nnz == 0
    assert overlap(back, 0, undone.plane.shape) > 0.8
