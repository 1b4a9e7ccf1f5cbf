"""Morphology: analytic bodies, hulls of all mesh corners, boxes and ellipsoids that are best."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.spatial import ConvexHull
from scipy.spatial.transform import Rotation
from scipy.special import eval_legendre

from radiofib.errors import MaskError
from radiofib.features import shape
from radiofib.features.ibsi import _box, _ellipsoid, intensity, morphology
from radiofib.features.ibsi._hull import convex_hull
from tests._examples import examples
from tests.features.ibsi.test_spatial import LINE, VOXEL, blob
from tests.features.test_shape import corners
from tests.features.upstream import SPACINGS, crop, masks

SLICE = np.ones((1, 5, 6), dtype=bool)
#: Three voxels whose hull does not hold the centre of their bounding box.
APART = np.zeros((3, 4, 4), dtype=bool)
APART[(0, 2, 2), (0, 1, 3), (1, 3, 0)] = True
TRIPLES = st.tuples(SPACINGS, SPACINGS, SPACINGS)


def measured(
    mask: Any, spacing: Any, pixels: Any = None
) -> tuple[dict[str, float], dict[str, str]]:
    values = np.indices(mask.shape).sum(axis=0) + 1.0 if pixels is None else pixels
    return morphology.compute(values, mask, mask, spacing)


@settings(max_examples=examples(20))
@given(masks(longest=6), TRIPLES)
@example(VOXEL, (1.0, 1.0, 1.0))
@example(LINE, (10.0, 1.0, 1.0))
@example(SLICE, (10.0, 1.0, 0.7))
@example(APART, (0.1, 0.1, 0.1))
def test_bodies(mask: Any, spacing: Any) -> None:
    found, why = measured(mask, spacing)
    assert tuple(found) == morphology.NAMES
    assert {name for name, value in found.items() if np.isnan(value)} == set(why)
    theirs = shape.compute(mask, spacing)
    same = {
        "volume": "mesh_volume",
        "vol_approx": "voxel_volume",
        "area_mesh": "surface_area",
        "av": "surface_volume_ratio",
        "comp_1": "compactness1",
        "comp_2": "compactness2",
        "sph_dispr": "spherical_disproportion",
        "sphericity": "sphericity",
        "diam": "maximum_3d_diameter",
    }
    for name, other in same.items():
        assert found[name] == pytest.approx(theirs[other], rel=1e-12), name
    assert found["asphericity"] == pytest.approx(1 / found["sphericity"] - 1, abs=1e-12)
    points = corners(mask) * np.array(spacing) / 2
    sides = np.ptp(points, axis=0)
    hull = ConvexHull(points / sides)
    assert found["vol_dens_aabb"] == pytest.approx(found["volume"] / np.prod(sides))
    box_area = 2 * (sides[0] * sides[1] + sides[0] * sides[2] + sides[1] * sides[2])
    assert found["area_dens_aabb"] == pytest.approx(found["area_mesh"] / box_area)
    solid = hull.volume * np.prod(sides)
    assert found["vol_dens_conv_hull"] == pytest.approx(found["volume"] / solid, rel=1e-9)
    triangles = points[hull.simplices]
    across = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    surface = np.linalg.norm(across, axis=1).sum() / 2
    assert found["area_dens_conv_hull"] == pytest.approx(found["area_mesh"] / surface, rel=1e-9)
    # The oriented box is no larger than the one along the axes, and holds the hull.
    assert found["vol_dens_aabb"] * (1 - 1e-9) <= found["vol_dens_ombb"]
    assert found["vol_dens_ombb"] <= found["vol_dens_conv_hull"] * (1 + 1e-9)
    assert found["vol_dens_mvee"] <= found["vol_dens_conv_hull"] * (1 + 1e-9)
    if mask.sum() > 1:
        scale = np.sqrt(mask.sum() / (mask.sum() - 1))
        for name, other in (("maj", "major"), ("min", "minor"), ("least", "least")):
            ours, expected = found[f"pca_{name}_axis"], theirs[f"{other}_axis_length"] * scale
            assert ours == pytest.approx(expected, rel=1e-9, abs=1e-5 * found["diam"])


def test_one_voxel() -> None:
    found, why = measured(VOXEL, (2.0, 1.0, 1.0))
    axes = {name for name in morphology.NAMES if name.startswith("pca_")}
    assert set(why) == axes | {"vol_dens_aee", "area_dens_aee", "moran_i", "geary_c"}
    assert why["pca_maj_axis"] == "one voxel has no axes"
    assert found["vol_approx"] == 2
    assert found["com"] == 0


def test_one_line_and_one_slice() -> None:
    found, why = measured(LINE, (1.0, 1.0, 1.0))
    assert set(why) == {"vol_dens_aee", "area_dens_aee"}
    assert found["pca_maj_axis"] == pytest.approx(4 * np.sqrt(60 / 8))
    assert (found["pca_min_axis"], found["pca_elongation"], found["pca_flatness"]) == (0, 0, 0)
    found, why = measured(SLICE, (10.0, 1.0, 1.0))
    assert set(why) == {"vol_dens_aee"}
    assert "in a plane" in why["vol_dens_aee"]
    assert found["pca_least_axis"] == 0
    assert found["area_dens_aee"] > 0


def test_slice_that_no_axis_follows_has_no_thickness() -> None:
    oblique = np.zeros((5, 5, 4), dtype=bool)
    for i in range(5):
        oblique[i, i] = True
    found, why = measured(oblique, (0.7, 1.1, 1.3))
    assert found["pca_least_axis"] == 0
    assert set(why) == {"vol_dens_aee"}


def test_constant_region() -> None:
    mask = np.ones((3, 4, 5), dtype=bool)
    found, why = measured(mask, (1.0, 2.0, 3.0), np.full(mask.shape, 0.1))
    assert set(why) == {"moran_i", "geary_c"}
    assert found["com"] == 0
    assert found["integ_int"] == pytest.approx(0.1 * found["volume"])
    _, why = measured(mask, (1.0, 2.0, 3.0), np.zeros(mask.shape))
    assert why["com"] == "the intensities add up to 0"


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_intensities_that_are_no_numbers(value: float) -> None:
    mask = np.ones((3, 4, 5), dtype=bool)
    pixels = np.ones(mask.shape)
    pixels[1, 1, 1] = value
    _, why = measured(mask, (1.0, 2.0, 3.0), pixels)
    assert set(why) == {"com", "integ_int", "moran_i", "geary_c"}
    assert set(why.values()) == {"an intensity of the region is NaN or infinite"}
    found, why = intensity.compute(pixels)
    assert set(why) == set(found)
    assert set(why.values()) == {"an intensity of the region is NaN or infinite"}


def test_masks_have_their_own_parts() -> None:
    pixels = np.array([[[1.0, 5.0, 3.0, 100.0]]])
    outer = np.ones(pixels.shape, dtype=bool)
    inner = pixels < 50
    found, _ = morphology.compute(pixels, inner, outer, (1.0, 1.0, 2.0))
    assert found["vol_approx"] == 8
    assert found["com"] == pytest.approx(2 * abs(1.5 - (5 * 1 + 3 * 2) / 9))
    assert found["integ_int"] == pytest.approx(3 * found["volume"])


def test_place_in_the_image_does_not_matter() -> None:
    mask = crop(blob((6, 9, 8), 4))
    moved = np.pad(mask, [(3, 1), (0, 2), (5, 0)])
    pixels = np.random.default_rng(0).random(mask.shape)
    there = np.pad(pixels, [(3, 1), (0, 2), (5, 0)], constant_values=np.nan)
    near, far = measured(mask, (3.0, 1.0, 1.0), pixels), measured(moved, (3.0, 1.0, 1.0), there)
    assert near[1] == far[1] == {}
    assert near[0] == pytest.approx(far[0], rel=1e-9)


def test_planes() -> None:
    mask = blob((20, 30), 3)
    pixels = np.random.default_rng(0).random(mask.shape)
    found, why = measured(mask, (0.5, 0.3), pixels)
    assert set(found) - set(why) == set(morphology.PLANE_NAMES)
    assert "2-D image" in why["volume"]
    values = np.cov((np.argwhere(mask) * [0.5, 0.3]).T)
    axes = 4 * np.sqrt(np.linalg.eigvalsh(values))
    assert found["pca_maj_axis"] == pytest.approx(axes[1])
    assert found["pca_elongation"] == pytest.approx(axes[0] / axes[1])
    _, why = measured(np.ones((1, 1), dtype=bool), (1.0, 1.0))
    assert why["pca_elongation"] == "one voxel has no axes"


def test_empty_masks() -> None:
    full, nothing = np.ones((2, 2, 2), dtype=bool), np.zeros((2, 2, 2), dtype=bool)
    for pair in ((full, nothing), (nothing, full)):
        with pytest.raises(MaskError):
            morphology.compute(full, *pair, (1.0, 1.0, 1.0))


def hulls(seed: int) -> tuple[Any, Any]:
    """Corners and face normals of a body: voxels for even seeds, loose points for odd ones."""
    rng = np.random.default_rng(seed)
    if seed % 2 == 0:
        hull = convex_hull(
            np.pad(crop(blob((8, 16, 16), seed)).astype(np.uint8), 1), np.array([3.0, 1.2, 1.2])
        )
        return hull.corners, hull.normals
    points = rng.normal(size=(rng.integers(6, 60), 3)) * rng.uniform(0.3, 3, 3)
    found = ConvexHull(points)
    return points[found.vertices], found.equations[:, :3].copy()


@pytest.mark.parametrize("seed", range(10))
def test_no_box_is_smaller(seed: int) -> None:
    points, normals = hulls(seed)
    volume = np.prod(_box.oriented_box(points, normals))
    # Many more directions, each made smaller until nothing helps, the best of them turned freely.
    frames = Rotation.random(600, random_state=seed).as_matrix()
    volumes = _box._shrink_all(points, frames, 90)
    least = min(_box._freely(points, frames[at])[1] for at in np.argsort(volumes)[:30])
    assert volume <= least * (1 + 1e-6)
    for turn in Rotation.random(2000, random_state=seed + 1).as_matrix():
        assert volume <= np.prod(np.ptp(points @ turn.T, axis=0)) * (1 + 1e-12)
    assert volume >= ConvexHull(points).volume


def test_turned_box_is_found() -> None:
    grid = np.stack(np.meshgrid(*[np.arange(60) - 29.5] * 3, indexing="ij"), axis=-1)
    turn = Rotation.from_euler("zyx", [20, 35, 50], degrees=True).as_matrix()
    inside = (np.abs(grid @ turn.T) <= np.array([20.0, 12.0, 7.0])).all(axis=-1)
    found, _ = measured(inside, (1.0, 1.0, 1.0), np.ones(inside.shape))
    assert found["vol_dens_ombb"] > 0.89
    assert found["vol_dens_aabb"] < 0.5


@pytest.mark.parametrize("seed", range(8))
def test_no_ellipsoid_is_smaller(seed: int) -> None:
    points, _ = hulls(seed)
    a, b, c = _ellipsoid.enclosing(points)
    # Weights that sum to 1 bound the volume from below, those of the optimum tightly.
    x = np.column_stack([points, np.ones(len(points))])
    weights = _ellipsoid._ascent(x)
    moments = np.linalg.det(x.T @ (x * weights[:, None]))
    assert weights.sum() == pytest.approx(1)
    assert weights.min() >= 0
    assert _ellipsoid.volume(a, b, c) == pytest.approx(
        4 / 3 * np.pi * np.sqrt(27 * moments), rel=1e-6
    )
    far = np.einsum("ij,jk,ik->i", x, np.linalg.inv(x.T @ (x * weights[:, None])), x)
    assert far.max() <= 4 * (1 + 1e-6)


def test_known_ellipsoids() -> None:
    directions = np.random.default_rng(0).normal(size=(4000, 3))
    directions /= np.linalg.norm(directions, axis=1)[:, None]
    turn = Rotation.random(random_state=0).as_matrix()
    found = _ellipsoid.enclosing(directions * [5.0, 3.0, 1.0] @ turn + 7)
    assert found == pytest.approx([5, 3, 1], rel=2e-2)
    thin = np.array([[z, y, x] for z in (0, 0.001) for y in (0, 1) for x in (0, 1000)])
    assert np.prod(_ellipsoid.enclosing(thin)) == pytest.approx((3**0.5 / 2) ** 3)


@pytest.mark.parametrize(
    "axes", [(1.0, 1.0, 1.0), (2.0, 1.7, 1.5), (5.7, 4.7, 4.3), (3.0, 2.9, 2.0)]
)
def test_area_is_the_sum_of_the_series(axes: tuple[float, float, float]) -> None:
    a, b, c = axes
    s, t = np.sqrt(1 - (b / a) ** 2), np.sqrt(1 - (c / a) ** 2)
    if s * t == 0:
        assert _ellipsoid.area(a, b, c) == pytest.approx(4 * np.pi * a * a)
        return
    k = np.arange(120)
    terms = (s * t) ** k / (1 - 4.0 * k**2) * eval_legendre(k, (s * s + t * t) / (2 * s * t))
    assert _ellipsoid.area(a, b, c) == pytest.approx(4 * np.pi * a * b * terms.sum(), rel=1e-9)
    first = 4 * np.pi * a * b * terms[:21].sum()
    assert _ellipsoid.area(a, b, c) == pytest.approx(first, rel=1e-3)
