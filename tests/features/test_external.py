"""Texture matrices and features of real regions against pyradiomics."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from radiofib.features.matrices import Levels, Matrices
from tests.features.test_matrices import check
from tests.features.test_texture_features import compare
from tests.features.upstream_matrices import cropped

pytestmark = pytest.mark.external
imageoperations = pytest.importorskip("radiomics.imageoperations")


def discretised(image: np.ndarray, mask: np.ndarray, **binning: float) -> np.ndarray:
    levels, _ = imageoperations.binImage(image, mask, **binning)
    return cropped(np.where(mask, levels, 0))


def read(path: Path) -> np.ndarray:
    array: np.ndarray = sitk.GetArrayFromImage(sitk.ReadImage(str(path)))
    return array


@pytest.mark.parametrize("binning", [{"binWidth": 25}, {"binCount": 32}, {"binCount": 300}])
@pytest.mark.parametrize("case", ["brain1", "breast1"])
def test_upstream_cases(external_data: Path, case: str, binning: dict[str, float]) -> None:
    folder = external_data / "pyradiomics"
    image, mask = (read(folder / f"{case}_{kind}.nrrd") for kind in ("image", "label"))
    levels = discretised(image, mask == 1, **binning)
    check(levels, (1,), None, 0)
    check(levels, (1, 2), 0, 1)
    if binning != {"binCount": 300}:
        compare(levels)
        compare(levels, forced=0, norm="euclidean", spacing_mm=(6.5, 0.78, 0.78))


def liver(external_data: Path) -> np.ndarray:
    folder = external_data / "mri" / "totalsegmentator"
    mask = read(folder / "example_seg_mr.nii.gz") == 5
    assert np.count_nonzero(mask) == 18_480
    return discretised(read(folder / "example_mr_sm.nii.gz"), mask, binCount=32)


def test_mr_liver(external_data: Path) -> None:
    levels = liver(external_data)
    check(levels, (1,), None, 0)
    check(levels, (1,), 0, 0)
    compare(levels)


def sts(external_data: Path) -> Iterator[np.ndarray]:
    for image in sorted((external_data / "mri" / "ibsi_sts").glob("*/*_image.nii.gz")):
        mask = read(image.with_name(image.name.replace("_image", "_mask"))) > 0
        yield discretised(read(image), mask, binCount=32)


def test_sts_tumours(external_data: Path) -> None:
    found = list(sts(external_data))
    assert len(found) == 6  # two patients, each CT, MR and PET
    for levels in found:
        check(levels, (1,), None, 0)
        compare(levels)


def test_ultrasound(external_data: Path) -> None:
    folder = external_data / "us" / "byra_rois"
    pictures = sorted((folder / "rois").glob("*.jpg"))[::50]
    assert len(pictures) == 11
    for path in pictures:
        pixels = read(path)
        pixels = pixels if pixels.ndim == 2 else pixels[..., 0]
        levels = discretised(pixels, np.ones(pixels.shape, bool), binWidth=8)
        check(levels, (1,), None, 0)
        compare(levels)


def test_a_region_that_fills_a_real_volume(external_data: Path) -> None:
    levels = liver(external_data)
    filled = np.where(levels == 0, 1, levels)
    assert Matrices(Levels.of(filled)).gldm().sum() == filled.size
    check(filled, (1,), None, 0)
