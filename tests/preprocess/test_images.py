"""Normalising, resampling, resegmentation and checks against pyradiomics' own functions."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radiofib.errors import EngineError, MaskError, UsageError
from radiofib.preprocess import Grid, normalise, resample, resampled_size, resegment, why_unusable
from tests.features.upstream import masks, operations

sitk = pytest.importorskip("SimpleITK")
OBLIQUE = (0.8, 0.6, 0.0, -0.6, 0.8, 0.0, 0.0, 0.0, 1.0)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Sums of several threads differ in the last digit."""
    before = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    yield
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(before)


@st.composite
def regions(draw: Any) -> tuple[Any, Any, Grid]:
    ndim = draw(st.sampled_from([2, 3]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = tuple(int(n) for n in rng.integers(6, 16, ndim))
    kind = draw(st.sampled_from(["int16", "uint8", "float32", "float64"]))
    pixels = np.clip(rng.normal(100, 40, shape), 0, 255).astype(kind)
    mask = np.zeros(shape, dtype=bool)
    low = [int(rng.integers(0, n)) for n in shape]
    high = [int(rng.integers(a + 1, n + 1)) for a, n in zip(low, shape, strict=True)]
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    mask[box] = rng.random(mask[box].shape) < 0.7
    mask[tuple(low)] = True
    spacing = tuple(float(s) for s in rng.choice([1.0, 0.7, 3.0], ndim))
    turned = draw(st.booleans()) and ndim == 3
    origin = (5.5, -30.1, 7.0)[:ndim]
    return pixels, mask, Grid(spacing, origin, OBLIQUE if turned else None)


def pair(pixels: Any, mask: Any, grid: Grid) -> tuple[Any, Any]:
    logging.getLogger("radiomics").setLevel(logging.CRITICAL + 1)
    return grid.image(pixels), grid.image(mask.astype(np.uint32))


@settings(max_examples=80)
@given(
    regions(),
    st.lists(st.sampled_from([0.0, 0.5, 1.0, 1.7, 4.0]), min_size=3, max_size=3),
    st.sampled_from(
        ["sitkBSpline", "sitkLinear", "sitkNearestNeighbor", "sitkLanczosWindowedSinc"]
    ),
    st.integers(0, 6),
)
def test_resample(region: Any, spacing: list[float], interpolator: str, pad: int) -> None:
    pixels, mask, grid = region
    wanted = spacing[: pixels.ndim]
    image, label = operations().resampleImage(
        *pair(pixels, mask, grid),
        resampledPixelSpacing=wanted,
        interpolator=interpolator,
        padDistance=pad,
    )
    found, inside, moved = resample(pixels, mask, grid, wanted, interpolator=interpolator, pad=pad)
    assert found.dtype == pixels.dtype
    assert np.array_equal(found, sitk.GetArrayFromImage(image))
    assert np.array_equal(inside, sitk.GetArrayFromImage(label) == 1)
    assert moved.spacing_mm == image.GetSpacing()[::-1]
    assert np.allclose(moved.origin_mm, image.GetOrigin(), rtol=0, atol=1e-12)
    if not np.allclose(moved.spacing_mm, grid.spacing_mm):
        assert resampled_size(mask, grid, wanted, pad=pad) == found.size


def test_resample_refuses_what_does_not_fit() -> None:
    pixels, grid = np.ones((4, 4, 4)), Grid((1.0, 1.0, 1.0))
    with pytest.raises(UsageError, match="another number of axes"):
        resample(pixels, pixels > 0, grid, (1.0, 1.0))
    with pytest.raises(UsageError, match="unknown interpolator"):
        resample(pixels, pixels > 0, grid, (2.0, 2.0, 2.0), interpolator="linear")
    with pytest.raises(EngineError, match="larger resampledPixelSpacing"):
        resample(pixels, pixels > 0, grid, (1e-4,) * 3)


@settings(max_examples=40)
@given(
    regions(), st.sampled_from([1.0, 100.0, 0.1]), st.one_of(st.none(), st.sampled_from([1.0, 3.0]))
)
def test_normalise(region: Any, scale: float, outliers: float | None) -> None:
    pixels, mask, grid = region
    image, _ = pair(pixels, mask, grid)
    theirs = operations().normalizeImage(image, normalizeScale=scale, removeOutliers=outliers)
    ours = normalise(pixels, scale=scale, outliers=outliers)
    assert np.array_equal(ours, sitk.GetArrayFromImage(theirs), equal_nan=True)


@settings(max_examples=80)
@given(
    regions(),
    st.sampled_from(
        [
            ("absolute", (90.0, 160.0)),
            ("absolute", (160.0, 90.0)),
            ("absolute", (100.0,)),
            ("absolute", (254.0, 255.0)),
            ("relative", (0.3, 0.8)),
            ("sigma", (-1.0, 1.5)),
            ("sigma", (3.0,)),
        ]
    ),
)
def test_resegment(region: Any, how: Any) -> None:
    pixels, mask, grid = region
    mode, limits = how
    options = {"resegmentRange": list(limits), "resegmentMode": mode}
    try:
        label = operations().resegmentMask(*pair(pixels, mask, grid), **options)
    except ValueError:
        with pytest.raises(MaskError, match="too little"):
            resegment(pixels, mask, limits, mode=mode)
        return
    found = resegment(pixels, mask, limits, mode=mode)
    assert np.array_equal(found, sitk.GetArrayFromImage(label) == 1)


def test_resegment_refuses() -> None:
    pixels = np.ones((3, 3))
    with pytest.raises(UsageError, match="one or two limits"):
        resegment(pixels, pixels > 0, [])
    with pytest.raises(UsageError, match="unknown mode"):
        resegment(pixels, pixels > 0, [1], mode="sd")  # type: ignore[arg-type]


@settings(max_examples=80)
@given(masks(longest=4), st.integers(1, 3), st.one_of(st.none(), st.integers(1, 9)))
def test_why_unusable(mask: Any, dimensions: int, size: int | None) -> None:
    pixels = np.zeros(mask.shape)
    options = {"minimumROIDimensions": dimensions, "minimumROISize": size}
    reason = why_unusable(mask, least_dimensions=dimensions, least_size=size)
    try:
        operations().checkMask(*pair(pixels, mask, Grid((1.0,) * 3)), **options)
    except ValueError:
        assert reason is not None
    else:
        assert reason is None


@pytest.mark.external
@pytest.mark.parametrize("case", ["brain1", "breast1"])
def test_real_images(external_data: Path, case: str) -> None:
    folder = external_data / "pyradiomics"
    image, label = (
        sitk.ReadImage(str(folder / f"{case}_{kind}.nrrd")) for kind in ("image", "label")
    )
    theirs = operations().resampleImage(
        image,
        sitk.Cast(label, sitk.sitkUInt32),
        resampledPixelSpacing=[2, 2, 2],
        interpolator="sitkBSpline",
        padDistance=5,
    )
    mask = sitk.GetArrayFromImage(label) == 1
    found = resample(sitk.GetArrayFromImage(image), mask, Grid.of(image), [2, 2, 2])
    assert np.array_equal(found[0], sitk.GetArrayFromImage(theirs[0]))
    assert np.array_equal(found[1], sitk.GetArrayFromImage(theirs[1]) == 1)
