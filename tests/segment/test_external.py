"""Real masks of TotalSegmentator, and the localiser on real volumes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from radiofib.cohort import Acquisition
from radiofib.errors import MaskError
from radiofib.images import make_roi, read_image, read_mask
from radiofib.segment import MaskSettings, find_masks, localise_liver, mask_for

pytestmark = pytest.mark.external


def test_single_organ_folder(external_data: Path) -> None:
    root = external_data / "mri/totalsegmentator"
    one = Acquisition("example_seg_fast", "p", "ct", root / "example_ct_sm.nii.gz")
    found = find_masks(root, [one], pattern="{case}/liver.nii.gz").found
    assert [m.path.parent.name for m in found] == ["example_seg_fast"]
    mask = mask_for(one, MaskSettings(folder=root, pattern="{case}/liver.nii.gz"))
    assert mask is not None
    whole = read_mask(root / "example_seg_fast.nii.gz").pixels == 5
    assert np.count_nonzero(mask.mask.pixels) == pytest.approx(np.count_nonzero(whole), rel=0.02)


def test_label_of_a_file_of_all_organs_on_a_dicom_series(external_data: Path) -> None:
    root = external_data / "ct/totalsegmentator_dicom"
    one = Acquisition("dicom", "p", "ct", root / "example_ct_dicom")
    settings = MaskSettings(folder=root, pattern="example_seg_{case}.nii.gz", label=5)
    mask = mask_for(one, settings)
    assert mask is not None
    roi = make_roi(read_image(one.image), mask.mask, mask_label=1, channel="ct")
    assert roi.n_voxels == 366708
    assert roi.values.mean() == pytest.approx(89.3046, abs=5e-5)
    with pytest.raises(MaskError, match="several labels"):
        mask_for(one, MaskSettings(folder=root, pattern="example_seg_{case}.nii.gz"))


@pytest.mark.parametrize(
    ("image", "labels"),
    [
        ("example_mr_sm.nii.gz", "example_seg_mr.nii.gz"),
        ("example_ct_sm.nii.gz", "example_seg.nii.gz"),
    ],
)
def test_localiser_on_real_abdomens(external_data: Path, image: str, labels: str) -> None:
    root = external_data / "mri/totalsegmentator"
    truth = read_mask(root / labels).pixels == 5
    found = localise_liver(read_image(root / image)).mask.pixels > 0
    # What it reaches is in the benchmark; below this it has broken.
    assert 2 * (found & truth).sum() / (found.sum() + truth.sum()) > 0.75


@pytest.mark.parametrize("patient", ["STS_002", "STS_003"])
@pytest.mark.parametrize("image", ["CT_image.nii.gz", "MR_T1_image.nii.gz"])
def test_no_liver_is_found_in_legs(external_data: Path, patient: str, image: str) -> None:
    volume = read_image(external_data / "mri/ibsi_sts" / patient / image)
    with pytest.raises(MaskError):
        localise_liver(volume)
