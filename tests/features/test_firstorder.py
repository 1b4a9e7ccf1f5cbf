"""First-order statistics against pyradiomics' own class."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from radiofib.features import firstorder
from radiofib.preprocess import discretise
from radiofib.registry import FEATURES
from tests.features.upstream import differing, masks, upstream

KINDS = ("int16", "uint8", "float32", "float64", "constant", "tenth")


def pixels(kind: str, shape: tuple[int, ...], seed: int) -> Any:
    values = np.random.default_rng(seed).normal(50, 60, shape)
    if kind == "constant":
        return np.full(shape, 25.0)
    if kind == "tenth":
        return np.full(shape, 0.1)
    return np.clip(values, 0, 255).astype(kind) if kind == "uint8" else values.astype(kind)


def check(image: Any, mask: Any, spacing: Any, **options: Any) -> None:
    found = discretise(
        image, mask, bin_width=options.get("binWidth", 25.0), bin_count=options.get("binCount")
    )
    shift = options.get("voxelArrayShift", 0)
    ours = firstorder.compute(image[mask], found.counts, spacing, voxel_array_shift=shift)
    theirs = upstream("firstorder", image, mask, spacing, **options)
    wrong = differing(ours, theirs, scale=1e-6 * float(np.abs(image[mask]).max()))
    # Skewness of a symmetric region is rounding around 0: its natural scale is 1.
    wrong = {k: v for k, v in wrong.items() if k != "skewness" or abs(v[0] - v[1]) > 1e-9}
    assert wrong == {}


@settings(max_examples=120)
@given(
    masks(longest=5),
    st.sampled_from(KINDS),
    st.integers(0, 2**32 - 1),
    st.sampled_from([{"binWidth": 25.0}, {"binWidth": 0.5}, {"binCount": 1}, {"binCount": 32}]),
    st.sampled_from([0, 300]),
)
@example(np.ones((1, 1, 1), dtype=bool), "float64", 1, {"binWidth": 25.0}, 0)
@example(np.ones((1, 1, 7), dtype=bool), "constant", 1, {"binCount": 32}, 0)
def test_equals_pyradiomics(
    mask: Any, kind: str, seed: int, bins: dict[str, Any], shift: int
) -> None:
    check(pixels(kind, mask.shape, seed), mask, (3.0, 1.2, 0.9), voxelArrayShift=shift, **bins)


def test_many_values() -> None:
    rng = np.random.default_rng(3)
    mask = rng.random((20, 50, 60)) < 0.6
    check(rng.gamma(2, 400, mask.shape), mask, (1.0, 1.0, 1.0))


def test_two_dimensions() -> None:
    rng = np.random.default_rng(3)
    check(rng.integers(0, 255, (28, 28)), np.ones((28, 28), dtype=bool), (0.3, 0.4))


def test_equal_intensities() -> None:
    found = firstorder.compute(np.full(5, 2.0), [5], (1.0,))
    assert found["skewness"] == found["kurtosis"] == found["variance"] == 0
    assert found["uniformity"] == 1


def test_names_are_the_registry() -> None:
    found = firstorder.compute([1.0, 2.0], [1, 1], (1.0,))
    assert {s.name for s in FEATURES if s.family == "firstorder"} == set(found)


@pytest.mark.external
@pytest.mark.parametrize("case", ["brain1", "breast1"])
def test_real_regions(external_data: Path, case: str) -> None:
    sitk = pytest.importorskip("SimpleITK")
    folder = external_data / "pyradiomics"
    image, label = (
        sitk.ReadImage(str(folder / f"{case}_{kind}.nrrd")) for kind in ("image", "label")
    )
    mask = sitk.GetArrayFromImage(label) == 1
    check(sitk.GetArrayFromImage(image), mask, image.GetSpacing()[::-1])
