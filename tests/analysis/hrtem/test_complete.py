"""The lattice that a grain's spots share, and the weak spots that it leads to."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from beamside.analysis.hrtem.candidates import candidates
from beamside.analysis.hrtem.complete import complete
from beamside.analysis.hrtem.crop import fourier_crop
from beamside.analysis.hrtem.detect import Optics, Reflections, detect, look
from beamside.analysis.hrtem.envelopes import plane
from beamside.analysis.hrtem.gather import Prior
from beamside.analysis.hrtem.grains import ZONE, Grains, name_grains
from beamside.analysis.hrtem.groups import group
from beamside.analysis.hrtem.lattice import lattices
from beamside.analysis.hrtem.regions import Regions

KNOWN = candidates(("LiF", "Li2CO3"), None, 8.3)
OPTICS = Optics((7.7, 15.0), 1.5, 8.3, 0.1, 1)
PRIOR = Prior(0.005, 0.004, 0.004, 0.1, 8.3)
STRONG = np.array([[2, 0, 0], [0, 2, 0], [2, 2, 0], [2, -2, 0]])
TURN = np.exp(0.3j)
EDGE = 1 / 0.4027


def ideal(hkl: np.ndarray) -> np.ndarray:
    """LiF seen along [001]."""
    return np.asarray((hkl[:, 0] + 1j * hkl[:, 1]) * EDGE * TURN)


def one_grain(k: np.ndarray, hkl: np.ndarray) -> tuple[Reflections, Grains]:
    """The tables of a single grain of LiF, 6 nm wide, with spots at `k`."""
    many, ones = len(k), np.ones(len(k))
    blank = fourier_crop(
        np.random.default_rng(0).normal(size=(128, 128)).astype("f4"), (0.05,) * 2, 8
    )
    mask = sparse.csr_array(np.ones((many, 4), np.float32))
    places = Regions(np.arange(many), mask, 50 * ones, *(3 * ones,) * 2, *(1.5 * ones,) * 2)
    found = Reflections(
        k.imag, k.real, 0.01 * ones, 100 * ones, places, plane(blank, 1.0, 1.2), ones
    )
    zero = np.zeros(1)
    kind, spots, zone = np.array([ZONE], np.uint8), np.array([many]), np.array([[0, 0, 1]])
    explained = np.ones(many, bool)
    posterior = np.array([[0.95, 0.01]])
    correction = np.zeros((1, 3)), np.zeros((1, 3)), np.zeros(3), np.eye(3) * 1e-4
    grains = Grains(
        posterior, kind, zone, zero, spots, hkl, explained, zero, zero, zero, *correction
    )
    return found, grains


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("stretch", [0.0, 0.04])
def test_a_lattice_says_where_its_nodes_are_however_it_lies(mirror: bool, stretch: float) -> None:
    def seen(hkl: np.ndarray) -> np.ndarray:
        k = ideal(hkl).conj() if mirror else ideal(hkl)
        return np.asarray(1.02 * k + stretch * k.conj())

    found, grains = one_grain(seen(STRONG), STRONG)
    (lattice,) = lattices(found, np.zeros(4, int), grains, KNOWN)
    other = np.array([[4, 2, 0], [-2, 4, 0]])
    apart = np.abs(lattice.place(other) - seen(other))
    assert (apart < 0.1 * lattice.sigma(other) + 1e-6).all()
    assert (lattice.sigma(other) > lattice.sigma(STRONG).max()).all()


def test_a_spot_that_is_not_of_the_lattice_does_not_bend_it() -> None:
    k = ideal(STRONG)
    k[3] += 0.4
    found, grains = one_grain(k, STRONG)
    fitted = lattices(found, np.zeros(4, int), grains, KNOWN)
    for lattice in fitted:
        assert 3 not in lattice.rows
        assert np.abs(lattice.place(STRONG[:3]) - k[:3]).max() < 0.02


def test_a_row_of_spots_has_no_lattice() -> None:
    row = np.array([[2, 0, 0], [4, 0, 0], [6, 0, 0]])
    found, grains = one_grain(ideal(row), row)
    assert not lattices(found, np.zeros(3, int), grains, KNOWN)


def picture(weak: float, seed: int) -> np.ndarray:
    """A disc of LiF, 8 nm wide: {200} strong, {220} as strong as `weak`, in unit noise."""
    y, x = (np.indices((640, 640)) + 0.5) * 0.03
    mask = 1 / (1 + np.exp((np.hypot(y - 9, x - 10) - 4) / 0.15))
    image = np.random.default_rng(seed).standard_normal((640, 640))
    for k, strength in zip(ideal(STRONG), (0.3, 0.3, weak, weak), strict=True):
        image += mask * strength * np.cos(2 * np.pi * (k.imag * y + k.real * x))
    return np.asarray(image, np.float32)


def spots(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What is found alone, and what is with the help of the lattice; k complex."""
    view = fourier_crop(image, (0.03, 0.03), OPTICS.k_max)
    seen, spectra, single = look(view, OPTICS)
    first = detect(view, seen, single, spectra, OPTICS)
    grain, grains = name_grains(first, group(first.regions.mask), KNOWN, PRIOR, True)
    then, grain, grains = complete(view, first, grain, grains, KNOWN, spectra, OPTICS)
    assert len(then) == len(grain) == len(grains.hkl) == len(grains.explained)
    assert grains.spots.sum() == len(then)
    return first.kx + 1j * first.ky, then.kx + 1j * then.ky


def nearest(k: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    both = np.concatenate([k, -k, [99]])
    return np.asarray(np.abs(wanted[:, None] - both).min(axis=1))


def test_weak_spots_are_found_where_the_lattice_wants_them() -> None:
    alone = together = 0
    for seed in range(4):
        first, then = spots(picture(0.04, seed))
        alone += int((nearest(first, ideal(STRONG)[2:]) < 0.06).sum())
        together += int((nearest(then, ideal(STRONG)[2:]) < 0.06).sum())
    assert alone <= 4
    assert together >= 7


def test_nothing_is_added_where_the_nodes_are_empty() -> None:
    added = 0
    for seed in range(4):
        first, then = spots(picture(0.0, 10 + seed))
        assert (nearest(then, ideal(STRONG)[:2]) < 0.02).all()
        added += len(then) - len(first)
    assert added <= 1
