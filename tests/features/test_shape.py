"""Shape in 3-D and 2-D against pyradiomics' own classes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from radiofib.features import shape, shape2d
from radiofib.features._diameter import diameters_3d
from radiofib.registry import FEATURES
from tests._examples import examples
from tests.features.upstream import SPACINGS, crop, differing, masks, upstream

LINE = np.ones((1, 1, 9), dtype=bool)
SLICE = np.ones((1, 5, 6), dtype=bool)
VOXEL = np.ones((1, 1, 1), dtype=bool)
#: Two voxels that touch by an edge, and by a corner: where the mesh is ambiguous.
BY_EDGE = np.array([[[1, 0], [0, 1]]], dtype=bool)
BY_CORNER = np.array([[[1, 0], [0, 0]], [[0, 0], [0, 1]]], dtype=bool)
OBLIQUE = np.zeros((5, 5, 5), dtype=bool)
OBLIQUE[np.arange(5), np.arange(5)] = True


@settings(max_examples=examples(40))
@given(masks(), st.tuples(SPACINGS, SPACINGS, SPACINGS))
@example(VOXEL, (1.0, 1.0, 1.0))
@example(LINE, (10.0, 1.0, 1.0))
@example(SLICE, (10.0, 1.0, 0.7))
@example(BY_EDGE, (1.0, 1.0, 1.0))
@example(BY_CORNER, (3.0, 0.7, 1.2))
@example(OBLIQUE, (0.1, 0.7, 10.0))
def test_equals_pyradiomics(mask: Any, spacing: Any) -> None:
    theirs = upstream("shape", mask.astype(np.int16), mask, spacing)
    assert differing(shape.compute(mask, spacing), theirs) == {}


@pytest.mark.parametrize("case", range(1, 256))
def test_every_case_of_a_cube(case: int) -> None:
    corners = [(0, 0, 0), (0, 0, 1), (0, 1, 1), (0, 1, 0), (1, 0, 0), (1, 0, 1), (1, 1, 1)]
    mask = np.zeros((2, 2, 2), dtype=bool)
    for bit, corner in enumerate([*corners, (1, 1, 0)]):
        mask[corner] = bool(case >> bit & 1)
    # Uncropped, so that every case is tried at its own place.
    spacing = (1.9, 0.7, 1.1)
    theirs = upstream("shape", mask.astype(np.int16), mask, spacing)
    assert differing(shape.compute(mask, spacing), theirs) == {}


@settings(max_examples=80)
@given(masks(ndim=2, longest=12), st.tuples(SPACINGS, SPACINGS))
@example(VOXEL[0], (1.0, 1.0))
@example(LINE[0], (1.0, 10.0))
@example(BY_EDGE[0], (0.7, 1.2))
def test_equals_pyradiomics_in_2d(mask: Any, spacing: Any) -> None:
    theirs = upstream("shape2D", mask.astype(np.int16), mask, spacing)
    assert differing(shape2d.compute(mask, spacing), theirs) == {}


def blob(shape_: tuple[int, ...], seed: int) -> Any:
    from scipy.ndimage import gaussian_filter

    noise = gaussian_filter(np.random.default_rng(seed).normal(size=shape_), 2)
    return crop(noise > np.quantile(noise, 0.7))


@pytest.mark.parametrize("seed", range(4))
def test_blobs(seed: int) -> None:
    mask = blob((12, 30, 26), seed)
    theirs = upstream("shape", mask.astype(np.int16), mask, (3.0, 1.2, 0.9))
    assert differing(shape.compute(mask, (3.0, 1.2, 0.9)), theirs) == {}


def corners(mask: Any) -> Any:
    """All mesh corners in doubled indices, found one axis at a time."""
    padded = np.pad(mask.astype(np.int8), 1)
    found = []
    for axis in range(3):
        where = np.argwhere(np.diff(padded, axis=axis) != 0) * 2
        where[:, axis] += 1
        found.append(where)
    return np.concatenate(found)


@settings(max_examples=60)
@given(masks(longest=9), st.tuples(SPACINGS, SPACINGS, SPACINGS))
def test_diameters_equal_all_pairs(mask: Any, spacing: Any) -> None:
    points = corners(mask)
    where = points * np.array(spacing) / 2
    apart = np.sqrt(((where[:, None] - where[None]) ** 2).sum(axis=-1))
    planes = [apart[points[:, None, k] == points[None, :, k]].max() for k in range(3)]
    found = diameters_3d(np.pad(mask.astype(np.uint8), 1), np.array(spacing))
    assert np.allclose(found, [*planes, apart.max()], rtol=1e-14, atol=0)


def test_names_are_the_registry() -> None:
    for family, found in (
        ("shape", shape.compute(SLICE, (1.0, 1.0, 1.0))),
        ("shape2d", shape2d.compute(SLICE[0], (1.0, 1.0))),
    ):
        assert {s.name for s in FEATURES if s.family == family} == set(found)


def test_long_region_has_no_overflow() -> None:
    mask = np.zeros((2, 2, 40_000), dtype=bool)
    mask[0, 0], mask[1, 1] = True, True
    found = shape.compute(mask, (1.0, 1.0, 0.5))
    assert found["voxel_volume"] == 40_000
    assert found["maximum_2d_diameter_slice"] == pytest.approx(20_000, abs=1e-3)


@pytest.mark.external
@pytest.mark.parametrize("case", ["brain1", "breast1"])
def test_real_regions(external_data: Path, case: str) -> None:
    sitk = pytest.importorskip("SimpleITK")
    label = sitk.ReadImage(str(external_data / "pyradiomics" / f"{case}_label.nrrd"))
    mask = crop(sitk.GetArrayFromImage(label) == 1)
    spacing = label.GetSpacing()[::-1]
    theirs = upstream("shape", mask.astype(np.int16), mask, spacing)
    assert differing(shape.compute(mask, spacing), theirs) == {}


@pytest.mark.external
def test_real_liver(external_data: Path) -> None:
    sitk = pytest.importorskip("SimpleITK")
    folder = external_data / "mri" / "totalsegmentator"
    checked = 0
    for path in sorted(folder.rglob("*.nii.gz")):
        image = sitk.ReadImage(str(path))
        found = sitk.GetArrayFromImage(image)
        if image.GetDimension() != 3 or not np.issubdtype(found.dtype, np.integer):
            continue
        if found.min() < 0 or found.max() > 200 or not (found == 5).any() or found.max() < 20:
            continue
        mask = crop(found == 5)
        spacing = image.GetSpacing()[::-1]
        theirs = upstream("shape", mask.astype(np.int16), mask, spacing)
        assert differing(shape.compute(mask, spacing), theirs) == {}
        checked += 1
    assert checked >= 1
