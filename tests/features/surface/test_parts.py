"""Parts of the measurement against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radiofib.features.surface._base import Points, base_surface, thinned, voxel_surface
from radiofib.features.surface._edge import locate_edges, noise_of
from radiofib.features.surface._fit import local_heights


def half_space(normal: np.ndarray, at: float, spacing: np.ndarray) -> np.ndarray:
    """1 where normal . p < at, 0 beyond, with partial volume from 6^3 points, 24^3 voxels."""
    fine = (np.arange(6) + 0.5) / 6 - 0.5
    axes = [((np.arange(24)[:, None] + fine).ravel() - 11.5) * s for s in spacing]
    z, y, x = np.meshgrid(*axes, indexing="ij", sparse=True)
    inside = normal[0] * z + normal[1] * y + normal[2] * x < at
    return inside.reshape(24, 6, 24, 6, 24, 6).mean(axis=(1, 3, 5))


@settings(max_examples=25)
@given(
    st.tuples(*[st.floats(-1, 1)] * 3).filter(lambda n: np.linalg.norm(n) > 0.1),
    st.floats(-1.5, 1.5),
    st.sampled_from([(1.0, 1.0, 1.0), (2.0, 2.0, 2.0), (2.5, 1.0, 1.0)]),
    st.sampled_from([50.0, -50.0]),
)
def test_a_plane_is_found_below_the_voxel(
    direction: tuple[float, ...], at: float, spacing: tuple[float, ...], contrast: float
) -> None:
    normal = np.array(direction) / np.linalg.norm(direction)
    step = np.array(spacing)
    image = 80 + contrast * half_space(normal, at, step)
    base = Points((11.5 * step)[None], normal[None])
    found = locate_edges(image, base, step, 0.0)
    assert found.usable == 1
    distance = float((found.points.at[0] - 11.5 * step) @ normal)
    # Shares of what a voxel measures along the normal; .04 on average over directions.
    assert distance == pytest.approx(at, abs=0.17 * np.linalg.norm(normal * step))


def test_noise() -> None:
    rng = np.random.default_rng(0)
    image = rng.normal(0, 7, (20, 30, 30)) + np.linspace(0, 100, 30)
    image[5, 5, :] = 25117
    assert noise_of(image, np.ones(image.shape, dtype=bool)) == pytest.approx(7, rel=0.05)


def test_waves_pass_with_the_gain_stated() -> None:
    grid = np.mgrid[-40:40.5:1.0, -40:40.5:1.0].reshape(2, -1)
    gains = ((2.5, 10.0, 0.787), (2.5, 15.0, 0.946), (8.0, 20.0, 0.304), (8.0, 30.0, 0.749))
    for width, wave, gain in gains:
        height = np.cos(2 * np.pi * grid[1] / wave)
        points = Points(
            np.stack([height * 0.05, *grid], 1), np.tile([1.0, 0, 0], (grid.shape[1], 1))
        )
        place = Points(np.zeros((1, 3)), np.array([[1.0, 0, 0]]))
        for reference in (False, True):
            found = local_heights(points, place, width, 3000, reference=reference)
            assert found.height[0] / 0.05 == pytest.approx(gain, abs=0.002)
            # The closed form has weights without an end.
            s = 2 * (np.pi * width / wave) ** 2
            assert (1 + s) * np.exp(-s) - 0.02 < gain < (1 + s) * np.exp(-s) + 0.16
            assert found.covered[0]


def test_a_reference_follows_an_ellipsoid() -> None:
    number = 20000
    z = 1 - (2 * np.arange(number) + 1) / number
    turn = np.pi * (3 - np.sqrt(5)) * np.arange(number)
    unit = np.stack([z, np.sqrt(1 - z**2) * np.sin(turn), np.sqrt(1 - z**2) * np.cos(turn)], 1)
    half = np.array([25.0, 30.0, 40.0])
    normals = unit / half
    normals /= np.linalg.norm(normals, axis=1)[:, None]
    points = Points(unit * half, normals)
    places = Points(points.at[::100], normals[::100])
    plain = local_heights(points, places, 8.0, 2500)
    reference = local_heights(points, places, 8.0, 2500, reference=True)
    assert np.abs(plain.height).mean() > 0.08
    assert np.abs(reference.height).mean() < 0.04
    assert np.abs(reference.height).max() < 0.2
    # At the ends of the shortest and the longest axis curvatures are known.
    assert reference.curvature.min() == pytest.approx(25 / 30**2, rel=0.15)
    assert reference.curvature.max() == pytest.approx(40 / 25**2, rel=0.2)


def test_one_side_is_not_covered() -> None:
    grid = np.mgrid[-20:20.5:1.0, 0:20.5:1.0].reshape(2, -1)
    points = Points(np.stack([0 * grid[0], *grid], 1), np.tile([1.0, 0, 0], (grid.shape[1], 1)))
    places = Points(np.array([[0.0, 0, 0], [0.0, 0, 10]]), np.tile([1.0, 0, 0], (2, 1)))
    assert local_heights(points, places, 4.0, 900).covered.tolist() == [False, True]


def test_base_lies_on_a_ball_and_voxel_faces_around_it() -> None:
    ball = np.sum((np.indices((41, 41, 41)) - 20) ** 2, axis=0) <= 15.3**2
    for points, spread in (
        (base_surface(ball, np.ones(3)), 0.15),
        (voxel_surface(ball, np.ones(3)), 0.4),
    ):
        radius = np.linalg.norm(points.at - 20, axis=1)
        assert radius.mean() == pytest.approx(15.3, abs=0.3)
        assert radius.std() < spread
        outward = np.sum((points.at - 20) * points.normals, axis=1) / radius
        assert outward.min() > 0.95


def test_thin_parts_are_left_out_when_thinned() -> None:
    at = np.array([[0.1, 0.1, 0.1], [0.4, 0.1, 0.1], [9.1, 0.1, 0.1]])
    normals = np.array([[1.0, 0, 0], [-1.0, 0, 0], [1.0, 0, 0]])
    assert thinned(Points(at, normals), 1.0).at.tolist() == [[9.1, 0.1, 0.1]]
