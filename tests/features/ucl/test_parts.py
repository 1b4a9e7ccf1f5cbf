"""Each part of the set against something independent."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import scipy.stats
import skimage.feature
import skimage.measure
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from radiofib.features import firstorder, shape
from radiofib.features.ibsi._box import oriented_box
from radiofib.features.ibsi._hull import convex_hull
from radiofib.features.ucl import _published, ucl_features
from radiofib.features.ucl._derivatives import derivatives, kernel_1d
from radiofib.features.ucl._eigen import coherence, eigenvalues, hessian_anisotropy
from radiofib.features.ucl._glcm import contrast, plane_contrasts, quantised, steps_mm
from radiofib.features.ucl._shape import inertia_ratio, mesh_measures
from radiofib.features.ucl._statistics import statistics
from tests.features.ucl.phantoms import noisy


def brute_contrast(levels: np.ndarray, offset: tuple[int, ...], mask: np.ndarray) -> float:
    """Count a co-occurrence matrix pair by pair, both ways, and sum p (i - j)^2."""
    matrix = np.zeros((int(levels.max()) + 1,) * 2)
    for at in itertools.product(*map(range, levels.shape)):
        to = tuple(a + o for a, o in zip(at, offset, strict=True))
        if all(0 <= t < n for t, n in zip(to, levels.shape, strict=True)) and mask[at] and mask[to]:
            matrix[levels[at], levels[to]] += 1
            matrix[levels[to], levels[at]] += 1
    if not matrix.any():
        return float("nan")
    i, j = np.indices(matrix.shape)
    return float(np.sum(matrix / matrix.sum() * (i - j) ** 2))


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.tuples(*[st.integers(-3, 3)] * 3))
def test_contrast_is_that_of_a_counted_matrix(seed: int, offset: tuple[int, ...]) -> None:
    rng = np.random.default_rng(seed)
    levels = rng.integers(0, 6, (3, 4, 5)).astype(np.int16)
    mask = rng.random(levels.shape) < 0.7
    expected = brute_contrast(levels, offset, mask)
    assert contrast(levels, offset, mask) == pytest.approx(expected, nan_ok=True)


def test_planes_from_counted_matrices() -> None:
    roi = noisy(0)
    found, why = plane_contrasts(roi.pixels, roi.mask, roi.spacing_mm)
    assert why == {}
    levels = quantised(roi.pixels, roi.mask)
    slant = 7 / 2**0.5
    values = [
        sum(w * brute_contrast(levels, step, roi.mask) for w, step in steps_mm(d, roi.spacing_mm))
        for d in ((0, 0, 7), (7, 0, 0), (slant, 0, slant), (slant, 0, -slant))
    ]
    assert found["glcm_xz_contrast_mean"] == pytest.approx(np.mean(values))
    assert found["glcm_xz_anisotropy"] == pytest.approx(np.ptp(values) / np.mean(values))


@settings(max_examples=60)
@given(
    st.tuples(*[st.floats(-15, 15)] * 3),
    st.tuples(*[st.floats(0.4, 8)] * 3),
)
def test_steps_keep_the_squared_length(displacement: tuple[float, ...], spacing: tuple) -> None:
    steps = steps_mm(displacement, spacing)
    weights = [w for w, _ in steps]
    assert sum(weights) == pytest.approx(1)
    assert min(weights) >= 0
    for axis in range(3):
        square = sum(w * (at[axis] * spacing[axis]) ** 2 for w, at in steps)
        assert square == pytest.approx(displacement[axis] ** 2, rel=1e-4, abs=1e-4)
        assert all(at[axis] * displacement[axis] >= 0 for _, at in steps)


def test_quantisation_uses_the_region_alone() -> None:
    roi = noisy(1)
    levels = quantised(roi.pixels, roi.mask)
    spiked = np.where(roi.mask, roi.pixels, 25117)
    assert np.array_equal(quantised(spiked, roi.mask), levels)
    assert levels[roi.mask].min() == 0
    assert levels[roi.mask].max() == 31


@settings(max_examples=30)
@given(hnp.arrays(np.float64, st.integers(4, 60), elements=st.floats(-1e3, 1e3, width=32)))
def test_statistics_are_those_of_scipy_and_of_firstorder(values: np.ndarray) -> None:
    if np.std(values) < 1e-3:
        return
    found, why = statistics(values, "grad")
    assert why == {}
    assert found["grad_skew"] == pytest.approx(scipy.stats.skew(values, bias=False), abs=1e-8)
    assert found["grad_kurtosis"] == pytest.approx(
        scipy.stats.kurtosis(values, bias=False), abs=1e-6
    )
    ours = firstorder.compute(values, np.ones(1, dtype=int), (1.0, 1.0, 1.0))
    n = len(values)
    biased = found["grad_skew"] * (n - 2) / (n * (n - 1)) ** 0.5
    assert biased == pytest.approx(ours["skewness"], abs=1e-8)
    for name, other in (("mean", "mean"), ("std", "standard_deviation"), ("median", "median")):
        assert found[f"grad_{name}"] == pytest.approx(ours[other], rel=1e-9, abs=1e-9)


@settings(max_examples=30)
@given(hnp.arrays(np.float64, (7, 6), elements=st.floats(-100, 100)))
def test_eigenvalues(entries: np.ndarray) -> None:
    a, b, c, d, e, f = entries.T
    full = np.moveaxis(np.array([[a, b, c], [b, d, e], [c, e, f]]), -1, 0)
    expected = np.linalg.eigvalsh(full)[:, ::-1]
    assert eigenvalues(entries) == pytest.approx(expected, abs=3e-5)


def test_anisotropies_of_known_matrices() -> None:
    plate = np.array([[4.0, 0, 0, 0, 0, 0]])
    assert coherence(plate) == pytest.approx([1])
    assert coherence(np.array([[2.0, 0, 0, 2, 0, 2]])) == pytest.approx([0])
    assert hessian_anisotropy(np.array([[-1.0, 0, 0, -2, 0, -2]])) == pytest.approx([0.25])


@pytest.mark.parametrize("width", [0.2, 0.5, 1.0, 3.0])
def test_weights_give_polynomials_their_derivatives(width: float) -> None:
    for order in range(3):
        weights = kernel_1d(width, order)
        x = np.arange(len(weights)) - len(weights) // 2
        moments = [np.sum(weights * x**p) for p in range(order + 1)]
        expected = [0.0] * order + [(1.0, 1.0, 2.0)[order]]
        assert moments == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (3.5, 0.6, 0.6), (7.0, 1.2, 1.2)])
def test_derivatives_of_a_quadratic(spacing: tuple[float, float, float]) -> None:
    shape_of = tuple(int(40 / s) | 1 for s in spacing)
    z, y, x = np.meshgrid(
        *((np.arange(n) - n // 2) * s for n, s in zip(shape_of, spacing, strict=True)),
        indexing="ij",
    )
    image = 5 + 2 * x - y + 0.5 * z + 0.3 * x * x - 0.2 * z * z + 0.1 * x * y + 0.05 * y * z
    mask = np.ones(image.shape, dtype=bool)
    gradient, hessian = derivatives(image, mask, spacing, 2.0)
    middle = np.ravel_multi_index([n // 2 for n in shape_of], shape_of)
    assert gradient[middle] == pytest.approx([0.5, -1, 2], abs=2e-3)
    assert hessian[middle] == pytest.approx([-0.4, 0.05, 0, 0, 0.1, 0.6], abs=2e-3)


def test_mesh_of_the_bare_mask_is_that_of_the_shape_features() -> None:
    grid = np.meshgrid(*(np.linspace(-1.1, 1.1, n) for n in (11, 18, 23)), indexing="ij")
    ball = sum(g**2 for g in grid) < 1
    spacing = (2.5, 1.5, 1.2)
    padded = np.pad(ball, 1).astype(np.float32)
    volume, area, hull, box = mesh_measures(padded, np.array(spacing))
    ours = shape.compute(ball, spacing)
    assert volume == pytest.approx(ours["mesh_volume"], rel=1e-6)
    assert area == pytest.approx(ours["surface_area"], rel=1e-6)
    theirs = convex_hull(np.pad(ball, 1).astype(np.uint8), np.array(spacing))
    assert hull == pytest.approx(theirs.volume, rel=1e-6)
    sides = oriented_box(theirs.corners, theirs.normals)
    assert box == pytest.approx(np.prod(sides), rel=0.02)


def test_volume_of_the_region_is_that_of_its_voxels() -> None:
    roi = noisy(6)
    expected = shape.compute(roi.mask, roi.spacing_mm)["voxel_volume"]
    assert ucl_features(roi).values["volume"] == pytest.approx(expected)


def test_inertia_is_that_of_skimage() -> None:
    mask = noisy(7).mask
    region = skimage.measure.regionprops(mask.astype(np.uint8))[0]
    moments = np.linalg.eigvalsh(region.inertia_tensor)
    found = inertia_ratio(np.pad(mask, 1).astype(np.uint8), np.ones(3))
    assert found == pytest.approx(np.sqrt(moments[0] / moments[-1]))


def test_published_derivatives_are_those_of_skimage_on_the_whole_image() -> None:
    roi = noisy(8, (22, 30, 26))
    pixels = roi.pixels.T.astype(np.float32)
    mask = np.zeros(pixels.shape, dtype=bool)
    mask[9:13, 12:18, 9:12] = True
    found, _ = _published.derivatives(pixels, mask)
    magnitude = np.sqrt(np.sum(np.square(np.gradient(pixels)), axis=0))[mask]
    assert found["grad_mean"] == pytest.approx(magnitude.mean(), rel=1e-5)
    assert found["grad_kurtosis"] == pytest.approx(
        scipy.stats.kurtosis(magnitude, bias=False), abs=1e-3
    )
    a, b, _ = skimage.feature.structure_tensor_eigenvalues(
        skimage.feature.structure_tensor(pixels, sigma=1, order="rc")
    )
    assert found["coherence_mean"] == pytest.approx(((a - b) / (a + b))[mask].mean(), rel=1e-4)
    hessian = skimage.feature.hessian_matrix(
        pixels, sigma=1, order="rc", use_gaussian_derivatives=False
    )
    h = np.abs(skimage.feature.hessian_matrix_eigvals(hessian))
    ratio = (h[0] / (h[1] + h[2]))[mask]
    assert found["hessian_aniso_mean"] == pytest.approx(ratio.mean(), rel=1e-3)


def test_published_glcm_is_that_of_skimage_with_wrap_around() -> None:
    rng = np.random.default_rng(0)
    pixels = rng.uniform(0, 2000, (9, 8, 7)).astype(np.float32)
    mask = np.zeros(pixels.shape, dtype=bool)
    mask[2:6, 3:6, 1:5] = True
    found, _ = _published.glcm(pixels, mask)
    for axis, (plane, at) in enumerate((("xy", 3), ("xz", 4), ("yz", 2))):
        levels = (np.take(pixels, at, axis).astype(int) % 256).astype(np.uint8)
        angles = [0, np.pi / 4, np.pi / 2, 3 * np.pi / 4]
        matrix = skimage.feature.graycomatrix(levels, [1], angles, symmetric=True, normed=True)
        values = skimage.feature.graycoprops(matrix, "contrast")[0]
        assert found[f"glcm_{plane}_contrast_mean"] == pytest.approx(values.mean())
        assert found[f"glcm_{plane}_anisotropy"] == pytest.approx(np.ptp(values) / values.mean())


def test_published_shape_counts_voxels_within_a_mesh_too_large() -> None:
    ball = np.sum((np.indices((25, 25, 25)) - 12) ** 2, axis=0) <= 64
    found, why = _published.shape(ball)
    assert why == {}
    assert found["volume_voxels"] == ball.sum()
    assert found["vol_portion"] == pytest.approx(ball.mean())
    assert found["convex_volume"] > 4 / 3 * np.pi * 8.5**3
    assert found["solidity"] < 0.9
