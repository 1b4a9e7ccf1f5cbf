"""Filters around the region against pyradiomics' filters of the whole image."""

from __future__ import annotations

import logging
import sys
import types
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radiofib.errors import EngineError, UsageError
from radiofib.filters import IMAGE_TYPES, filtered
from radiofib.filters.gaussian import laplacian_of_gaussian
from radiofib.filters.lbp3d import binary_pattern_3d, icosphere
from radiofib.filters.pointwise import pointwise
from radiofib.preprocess.crop import bounding_box
from tests.features.upstream import operations

#: The recursive filter has no end: bound of the difference in shares of the range.
LOG_BOUND = 1e-8
KINDS = ("int16", "uint8", "int32", "float32", "float64")


def theirs(
    pixels: Any, mask: Any, spacing: Any, image_type: str, options: dict[str, Any]
) -> dict[str, Any]:
    sitk = pytest.importorskip("SimpleITK")
    logging.getLogger("radiomics").setLevel(logging.CRITICAL + 1)
    make = getattr(operations(), f"get{image_type}Image")
    image = sitk.GetImageFromArray(pixels)
    image.SetSpacing(tuple(float(s) for s in reversed(spacing)))
    label = sitk.GetImageFromArray(mask.astype(np.uint32))
    label.CopyInformation(image)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return {
            name: sitk.GetArrayFromImage(found) for found, name, _ in make(image, label, **options)
        }


def check(
    pixels: Any, mask: Any, spacing: Any, image_type: str, options: dict[str, Any]
) -> dict[str, Any]:
    box = bounding_box(mask)
    reference = theirs(pixels, mask, spacing, image_type, options)
    ours = dict(filtered(pixels, mask, spacing, image_type, options))
    assert list(ours) == list(reference)
    for name, found in ours.items():
        expected = reference[name][box]
        assert found.dtype == expected.dtype
        if image_type == "LoG":
            apart = np.abs(found.astype(float) - expected.astype(float)).max()
            assert apart <= LOG_BOUND * np.ptp(expected)
        else:
            assert np.array_equal(found, expected, equal_nan=found.dtype.kind == "f")
    return ours


@st.composite
def cases(draw: Any) -> tuple[Any, Any, tuple[float, ...]]:
    ndim = draw(st.sampled_from([2, 3]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = tuple(int(n) for n in rng.integers(6, 26, ndim))
    values = rng.normal(60, 50, shape)
    if draw(st.booleans()):
        values[values < 80] = 0
    kind = draw(st.sampled_from(KINDS))
    pixels = np.clip(values, 0, 255).astype(kind) if kind == "uint8" else values.astype(kind)
    mask = np.zeros(shape, dtype=bool)
    low = [int(rng.integers(0, n)) for n in shape]
    high = [int(rng.integers(a + 1, n + 1)) for a, n in zip(low, shape, strict=True)]
    mask[tuple(slice(a, b) for a, b in zip(low, high, strict=True))] = True
    return pixels, mask, tuple(float(s) for s in rng.choice([1.0, 0.7, 3.0], ndim))


OPTIONS = st.fixed_dictionaries(
    {
        "sigma": st.just([1.0, 2.5]),
        "level": st.sampled_from([1, 2]),
        "start_level": st.sampled_from([0, 1]),
        "wavelet": st.sampled_from(["coif1", "haar", "db3"]),
        "force2D": st.booleans(),
        "force2Ddimension": st.integers(0, 2),
        "gradientUseSpacing": st.booleans(),
        "lbp2DMethod": st.sampled_from(["default", "ror", "uniform", "var"]),
        "lbp2DRadius": st.sampled_from([1.0, 2.0]),
        "lbp2DSamples": st.sampled_from([8, 9]),
    }
)


@pytest.mark.parametrize("image_type", [t for t in IMAGE_TYPES if t != "LBP3D"])
@settings(max_examples=25)
@given(case=cases(), options=OPTIONS)
def test_equals_pyradiomics(image_type: str, case: Any, options: dict[str, Any]) -> None:
    pixels, mask, spacing = case
    if pixels.ndim == 2:
        options = options | {"force2D": False, "force2Ddimension": 0}
    check(pixels, mask, spacing, image_type, options)


@pytest.mark.parametrize("wavelet", ["haar", "coif1", "db3", "bior2.2", "sym8", "coif3"])
@settings(max_examples=15)
@given(case=cases())
def test_one_level_of_any_wavelet(wavelet: str, case: Any) -> None:
    pixels, mask, spacing = case
    check(pixels, mask, spacing, "Wavelet", {"wavelet": wavelet})


def test_log_far_from_the_border() -> None:
    rng = np.random.default_rng(1)
    pixels = rng.normal(100, 30, (30, 120, 130)).astype(np.int16)
    mask = np.zeros(pixels.shape, dtype=bool)
    mask[12:18, 55:66, 60:64] = True
    found = check(pixels, mask, (3.0, 1.2, 1.2), "LoG", {"sigma": [1.0, 2.0]})
    assert set(found) == {"log-sigma-1-0-mm-3D", "log-sigma-2-0-mm-3D"}


def test_log_depends_on_its_surroundings_only() -> None:
    pixels = np.random.default_rng(1).normal(100, 30, (12, 90))
    box = (slice(0, 12), slice(80, 90))
    before = laplacian_of_gaussian(pixels, (1.0, 1.0), 1.0, box)
    pixels[:, :50] = 1e6
    assert np.array_equal(laplacian_of_gaussian(pixels, (1.0, 1.0), 1.0, box), before)
    pixels[:, 78] = 1e6
    assert not np.allclose(laplacian_of_gaussian(pixels, (1.0, 1.0), 1.0, box), before)


@pytest.mark.parametrize("shape", [(4, 4, 4), (4, 9), (3, 9, 9)])
def test_log_of_small_images(shape: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(2).normal(size=shape)
    check(pixels, np.ones(shape, dtype=bool), (1.0,) * len(shape), "LoG", {"sigma": [1.0, 8.0]})


def test_log_says_what_it_needs() -> None:
    with pytest.raises(UsageError, match="at least 4"):
        laplacian_of_gaussian(np.ones((3, 9)), (1.0, 1.0), 1.0, (slice(0, 1), slice(0, 1)))


@pytest.mark.parametrize("value", [0.0, 5.0])
@pytest.mark.parametrize("name", ["Square", "SquareRoot", "Logarithm", "Exponential"])
def test_constant_images(name: str, value: float) -> None:
    pixels = np.full((5, 6), value)
    mask = np.zeros((5, 6), dtype=bool)
    mask[1:3, 2:5] = True
    check(pixels, mask, (1.0, 1.0), name, {})


def old_sph_harm(order: int, degree: int, azimuth: Any, polar: Any) -> Any:
    from scipy.special import sph_harm_y

    return sph_harm_y(degree, order, np.abs(polar), azimuth)


@pytest.mark.parametrize("kind", ["float64", "int16"])
@pytest.mark.parametrize("levels", [2, 3])
def test_lbp3d(kind: str, levels: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """pyradiomics' code, given the modules it imports that newer versions do not have."""
    import scipy.ndimage
    import scipy.special

    old = types.ModuleType("scipy.ndimage.interpolation")
    old.map_coordinates = scipy.ndimage.map_coordinates  # type: ignore[attr-defined]
    creation = types.ModuleType("trimesh.creation")
    sphere = types.SimpleNamespace
    creation.icosphere = lambda n, r: sphere(vertices=icosphere(n, r))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "scipy.ndimage.interpolation", old)
    monkeypatch.setitem(sys.modules, "trimesh", types.ModuleType("trimesh"))
    monkeypatch.setitem(sys.modules, "trimesh.creation", creation)
    monkeypatch.setattr(scipy.special, "sph_harm", old_sph_harm, raising=False)
    rng = np.random.default_rng(4)
    pixels = rng.normal(100, 30, (9, 50, 11)).astype(kind)
    mask = np.zeros(pixels.shape, dtype=bool)
    mask[2:8, 3:7, 1:11] = rng.random((6, 4, 10)) < 0.7
    options = {"lbp3DLevels": levels, "lbp3DIcosphereRadius": 1.5}
    reference = theirs(pixels, mask, (1.0,) * 3, "LBP3D", options)
    ours = dict(filtered(pixels, mask, (1.0,) * 3, "LBP3D", options))
    assert list(ours) == list(reference)
    inside = mask[bounding_box(mask)]
    for name, found in ours.items():
        assert np.array_equal(found[inside], reference[name][mask]), name


def test_icosphere_is_on_the_sphere() -> None:
    for subdivisions, count in ((0, 12), (1, 42), (2, 162)):
        points = icosphere(subdivisions, 2.5)
        assert points.shape == (count, 3)
        assert np.allclose(np.linalg.norm(points, axis=1), 2.5)
        assert len(np.unique(points.round(9), axis=0)) == count
        # The corners of trimesh's icosahedron: cyclic permutations of (0, 1, golden ratio).
        golden = (1 + 5**0.5) / 2
        corner = 2.5 * np.array([0.0, 1.0, golden]) / np.hypot(1, golden)
        assert np.isclose(np.abs(points - corner).max(axis=1), 0).any()


def test_lbp3d_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    from radiofib.filters import lbp3d

    pixels = np.random.default_rng(0).normal(size=(6, 7, 8))
    mask = np.ones(pixels.shape, dtype=bool)
    whole = dict(binary_pattern_3d(pixels, mask, bounding_box(mask)))
    monkeypatch.setattr(lbp3d, "_CHUNK", 50)
    for name, found in binary_pattern_3d(pixels, mask, bounding_box(mask)):
        assert np.array_equal(found, whole[name])


def test_nothing_for_lbp3d_of_a_picture() -> None:
    pixels = np.ones((5, 5))
    assert list(filtered(pixels, pixels > 0, (1.0, 1.0), "LBP3D", {})) == []


def test_unknown_names() -> None:
    pixels = np.ones((5, 5))
    with pytest.raises(EngineError, match="did you mean 'LoG'"):
        list(filtered(pixels, pixels > 0, (1.0, 1.0), "Log", {}))
    with pytest.raises(UsageError, match="unknown pointwise filter"):
        pointwise(pixels, "cube", bounding_box(pixels > 0))


@pytest.mark.external
@pytest.mark.parametrize("image_type", [t for t in IMAGE_TYPES if t != "LBP3D"])
@pytest.mark.parametrize("case", ["brain1", "breast1"])
def test_real_images(external_data: Path, case: str, image_type: str) -> None:
    sitk = pytest.importorskip("SimpleITK")
    folder = external_data / "pyradiomics"
    image, label = (
        sitk.ReadImage(str(folder / f"{case}_{kind}.nrrd")) for kind in ("image", "label")
    )
    mask = sitk.GetArrayFromImage(label) == 1
    pixels = sitk.GetArrayFromImage(image)
    check(pixels, mask, image.GetSpacing()[::-1], image_type, {"sigma": [1.0, 3.0]})
