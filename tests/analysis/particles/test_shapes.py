from __future__ import annotations

import numpy as np
import pytest
import scipy.ndimage as ndi

from beamside.analysis.particles.areas import interface_area, mesh_area, stairs_area
from beamside.analysis.particles.balls import closed, closed_in_box, depth, filled, grown
from beamside.analysis.particles.moments import moments
from beamside.tests.analysis.particles.bodies import cracked, ellipsoid, ellipsoid_area, touching


def ball(radius: int) -> np.ndarray:
    grid = np.arange(-radius, radius + 1) ** 2
    return np.asarray(grid[:, None, None] + grid[:, None] + grid <= radius**2)


@pytest.fixture
def noise() -> np.ndarray:
    return np.random.default_rng(1).random((14, 17, 12)) > 0.8


@pytest.mark.parametrize("radius", [1, 3])
def test_closing_is_that_of_a_structuring_element_in_endless_background(
    noise: np.ndarray, radius: int
) -> None:
    pad = 2 * radius + 1
    inner = (slice(pad, -pad),) * 3
    slow = ndi.binary_closing(np.pad(noise, pad), ball(radius))[inner]
    assert np.array_equal(closed(noise, radius), slow)
    assert np.array_equal(closed(noise, 0.3 * radius, (0.3, 0.3, 0.3)), slow)


@pytest.mark.parametrize("radius", [11, 12])
def test_large_closings_are_exact_too(noise: np.ndarray, radius: int) -> None:
    noise &= np.random.default_rng(4).random(noise.shape) > 0.97
    padded = np.pad(noise, 2 * radius + 1)
    near = ndi.distance_transform_edt(~padded) <= radius
    slow = ndi.distance_transform_edt(near) > radius
    assert np.array_equal(
        closed(noise, radius), slow[(slice(2 * radius + 1, -2 * radius - 1),) * 3]
    )


def test_dilation_grows_the_box(noise: np.ndarray) -> None:
    assert np.array_equal(grown(noise, 3), ndi.binary_dilation(np.pad(noise, 3), ball(3)))


def test_closing_in_a_box_fills_concavities_at_its_faces(noise: np.ndarray) -> None:
    grew = ndi.binary_dilation(noise, ball(3))
    assert np.array_equal(
        closed_in_box(noise, 3), ndi.binary_erosion(grew, ball(3), border_value=1)
    )


def test_voxels_need_not_be_cubes(noise: np.ndarray) -> None:
    spacing = (2.0, 0.5, 1.0)
    outside = ndi.distance_transform_edt(~np.pad(noise, 8), sampling=spacing)
    near = outside <= 2.0
    inner = grown(noise, 2.0, spacing)
    assert inner.shape == (16, 25, 16)
    assert np.array_equal(inner, near[7:-7, 4:-4, 6:-6])
    exact = ndi.distance_transform_edt(np.pad(noise, 1), sampling=spacing)[1:-1, 1:-1, 1:-1]
    assert np.allclose(depth(noise, spacing), exact)


def test_depth_is_the_distance_from_outside() -> None:
    body = ellipsoid((9, 6, 12))
    assert np.allclose(depth(body), ndi.distance_transform_edt(body))


def test_holes_are_filled_and_bays_are_not() -> None:
    body = np.zeros((9, 9, 9), bool)
    body[1:8, 1:8, 1:8] = True
    body[4, 4, 4] = body[4, 4, 6:] = False
    assert filled(body)[4, 4, 4]
    assert not filled(body)[4, 4, 6]


@pytest.mark.parametrize("axes", [(10, 10, 10), (20, 20, 20), (12, 16, 22), (40, 34, 28)])
def test_area_volume_and_axes_of_ellipsoids(axes: tuple[int, int, int]) -> None:
    body = ellipsoid(axes)
    known = ellipsoid_area(axes)
    assert mesh_area(body) == pytest.approx(known, rel=0.015)
    assert interface_area(body, ~body) == pytest.approx(known, rel=0.015)
    assert stairs_area(body) == pytest.approx(known, rel=0.11)
    assert np.allclose(moments(body).axes, 2 * np.sort(axes)[::-1], rtol=0.01)
    assert np.allclose(
        moments(body).centre, int(max(axes)) + 3 - np.array((0.3, 0.2, -0.4)), atol=0.1
    )


def test_areas_are_physical() -> None:
    body = ellipsoid((20, 10, 10))
    assert mesh_area(body, (0.5, 1, 1)) == pytest.approx(4 * np.pi * 100, rel=0.015)
    assert interface_area(body, ~body, (0.5, 1, 1)) == pytest.approx(4 * np.pi * 100, rel=0.015)
    assert np.allclose(moments(body, (0.5, 1, 1)).axes, 20, rtol=0.01)


@pytest.mark.parametrize("normal", [(1, 0, 0), (1, 1, 0), (1, 1, 1), (3, -1, 2)])
@pytest.mark.parametrize("radius", [10, 20])
def test_contact_area_of_truncated_balls(radius: int, normal: tuple[float, float, float]) -> None:
    labels = touching(radius, normal)
    found = interface_area(labels == 4, labels == 9)
    assert found == pytest.approx(np.pi * radius**2, rel=0.03)


def test_both_walls_of_a_crack_count() -> None:
    solid, crack = cracked(20, width=2, reach=15)
    known = 2 * np.pi * 15**2 + 2 * np.pi * 15 * 2
    assert interface_area(crack, solid) == pytest.approx(known, rel=0.08)


def test_the_mesh_of_raw_voxels_is_a_sum_over_cubes() -> None:
    from skimage.measure import marching_cubes, mesh_surface_area

    body = np.pad(np.random.default_rng(2).random((6, 7, 8)) > 0.5, 1)
    points, faces, _, _ = marching_cubes(body.astype(np.float32), 0.5, spacing=(2, 1, 0.5))
    assert stairs_area(body, (2, 1, 0.5)) == pytest.approx(mesh_surface_area(points, faces))
