"""Real data: golden numbers, and agreement with SimpleITK to the last bit."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from radiofib.errors import ImageError, MaskError
from radiofib.images import load_roi, overlay_png, read_image, read_mask
from radiofib.images.grids import Grid, carry_mask
from tests.images.dicom_objects import write_rtstruct
from tests.images.test_dicom_rtstruct import outlines

pytestmark = pytest.mark.external

_TABLE = Path(__file__).parent.parent / "reference" / "images.csv"


@pytest.fixture(scope="module")
def golden():
    """Compare a value with its row of the reference table; every row must be used."""
    with _TABLE.open(newline="") as stream:
        rows = {row["name"]: row for row in csv.DictReader(stream)}
    used = set()

    def check(name, value):
        used.add(name)
        assert value == pytest.approx(
            float(rows[name]["value"]), rel=0, abs=float(rows[name]["tolerance"])
        ), name

    check.rows, check.used = set(rows), used
    return check


def test_abdominal_mr_liver(external_data, golden):
    folder = external_data / "mri" / "totalsegmentator"
    roi = load_roi(
        folder / "example_mr_sm.nii.gz", folder / "example_seg_mr.nii.gz", mask_label=5,
        channel="t1",
    )  # fmt: skip
    golden("mr_liver_voxels", roi.n_voxels)
    golden("mr_liver_mean", roi.values.astype(float).mean())
    golden("mr_liver_sd", roi.values.astype(float).std())
    assert roi.pixels.dtype == np.int16
    assert roi.notes == ()


def test_small_ct_liver(external_data, golden):
    folder = external_data / "mri" / "totalsegmentator"
    roi = load_roi(
        folder / "example_ct_sm.nii.gz", folder / "example_seg.nii.gz", mask_label=5, channel="ct"
    )
    golden("ct_liver_voxels", roi.n_voxels)


def test_dicom_ct_with_a_mask_in_another_direction(external_data, golden, tmp_path):
    folder = external_data / "ct" / "totalsegmentator_dicom"
    roi = load_roi(
        folder / "example_ct_dicom", folder / "example_seg_dicom.nii.gz", mask_label=5,
        channel="ct",
    )  # fmt: skip
    golden("dicom_liver_voxels", roi.n_voxels)
    golden("dicom_liver_mean", roi.values.astype(float).mean())
    assert roi.spacing_mm == (2.0, 0.9765625, 0.9765625)
    assert any("resampled" in note for note in roi.notes)
    overlay = overlay_png(roi, tmp_path / "ct.png").read_bytes()
    assert overlay_png(roi, tmp_path / "ct.png").read_bytes() == overlay
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(
        sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder / "example_ct_dicom"))
    )
    theirs = reader.Execute()
    np.testing.assert_array_equal(roi.pixels, sitk.GetArrayFromImage(theirs))
    assert roi.pixels.dtype == sitk.GetArrayFromImage(theirs).dtype
    assert roi.origin_mm == pytest.approx(theirs.GetOrigin())


def test_dcmqi_slices_named_against_their_direction(external_data, golden):
    folder = external_data / "ct" / "dcmqi_ct3slice"
    roi = load_roi(folder, folder / "liver_seg.nrrd", channel="ct")
    golden("dcmqi_liver_voxels", roi.n_voxels)
    assert roi.direction == tuple(np.eye(3).ravel())
    assert roi.spacing_mm[0] == 1.0
    assert "passed over: 1 SEG object" in roi.notes
    assert not any("resampled" in note for note in roi.notes)
    with pytest.raises(ImageError, match="a SEG object"):
        read_image(folder / "liver.dcm")
    through_seg = load_roi(folder, folder / "liver.dcm", channel="ct")
    golden("dcmqi_seg_voxels", through_seg.n_voxels)
    np.testing.assert_array_equal(through_seg.mask, roi.mask)
    assert through_seg.notes == roi.notes
    np.testing.assert_array_equal(load_roi(folder, folder, channel="ct").mask, roi.mask)
    own = read_mask(folder / "liver.dcm", 1)
    np.testing.assert_array_equal(own.pixels, roi.mask)
    assert own.spacing_mm == pytest.approx(roi.spacing_mm)
    with pytest.raises(MaskError, match=r"no segment 3 \(found segments 1 \(liver, 3 frames\)\)"):
        load_roi(folder, folder / "liver.dcm", mask_label=3, channel="ct")


def test_outlines_of_the_mr_liver_give_the_liver(external_data, golden, tmp_path):
    folder = external_data / "mri" / "totalsegmentator"
    image = folder / "example_mr_sm.nii.gz"
    mask = read_mask(folder / "example_seg_mr.nii.gz", 5)
    grid = Grid.of(mask)
    contours = [
        grid.to_physical(np.column_stack([line, np.full(len(line), float(z))]))
        for z, plane in enumerate(mask.pixels)
        for line in outlines(plane)
    ]
    path = write_rtstruct(tmp_path / "liver", {5: contours}, decimals=3)
    roi = load_roi(image, path, mask_label=5, channel="t1")
    golden("mr_liver_rtstruct_voxels", roi.n_voxels)
    np.testing.assert_array_equal(roi.mask, mask.pixels)


@pytest.mark.parametrize("patient", ["STS_002", "STS_003"])
def test_soft_tissue_sarcoma(external_data, golden, patient):
    folder = external_data / "mri" / "ibsi_sts" / patient
    ct = load_roi(folder / "CT_image.nii.gz", folder / "CT_mask.nii.gz", channel="ct")
    mr = load_roi(folder / "MR_T1_image.nii.gz", folder / "MR_T1_mask.nii.gz", channel="t1")
    golden(f"{patient.lower()}_ct_voxels", ct.n_voxels)
    assert mr.n_voxels == ct.n_voxels
    carried = load_roi(folder / "MR_T1_image.nii.gz", folder / "CT_mask.nii.gz", channel="t1")
    np.testing.assert_array_equal(carried.mask, mr.mask)  # Dice 1.0 at identity
    # and there and back again
    grids = [Grid.of(read_image(folder / f"{c}_image.nii.gz")) for c in ("MR_T1", "CT")]
    np.testing.assert_array_equal(carry_mask(mr.mask, *grids), ct.mask)


def test_pyradiomics_cases_are_read_as_simpleitk_reads_them(external_data):
    for case in ("brain1", "breast1"):
        path = external_data / "pyradiomics" / f"{case}_image.nrrd"
        roi = load_roi(path, path.with_name(f"{case}_label.nrrd"), channel="t1")
        theirs = sitk.ReadImage(str(path))
        np.testing.assert_array_equal(roi.pixels, sitk.GetArrayFromImage(theirs))
        assert roi.pixels.dtype == sitk.GetArrayFromImage(theirs).dtype
        assert roi.spacing_mm == theirs.GetSpacing()[::-1]
        assert roi.origin_mm == theirs.GetOrigin()
        assert roi.direction == theirs.GetDirection()


def test_all_ultrasound_regions_load(external_data):
    files = sorted((external_data / "us" / "byra_rois" / "rois").rglob("*.jp*g"))
    rois = [load_roi(path, channel="us") for path in files]
    assert Counter(r.pixels.shape for r in rois) == {(28, 28): 544, (27, 27): 6}
    assert all(r.mask.all() and r.pixels.dtype == np.float64 for r in rois)
    assert len({r.source_hash for r in rois}) > 500


def test_slides_are_sent_elsewhere(external_data):
    with pytest.raises(ImageError, match="several pages"):
        read_image(external_data / "wsi" / "cmu-1-small-region.svs")


def test_every_reference_value_was_used(golden):
    assert golden.used == golden.rows
