from __future__ import annotations

import pytest

from radiofib.cohort import Cohort
from radiofib.datacard import DataCard
from radiofib.datacard.voxels import nifti_shape
from radiofib.errors import DataCardError
from tests.datacard.lifs_folder import nifti

HEAD = """---
name: mine
title: Mine
licence: none
source: here
"""


def write(root, *names, text="x"):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}{name}")


def test_aild_layout_has_images_as_instances(tmp_path):
    write(tmp_path, "images/P1/1.png", "images/P1/2.jpg", "images/P2/1.png", "masks/P1/1.png")
    (tmp_path / "patients.csv").write_text("patient;stage;scanner;split\nP1;F2;A;train\nP2;;;\n")
    cohort = Cohort.from_card("aild_ultrasound", tmp_path)
    obs = cohort.obs()
    assert obs[["case", "patient", "instance"]].to_numpy().tolist() == [
        ["P1", "P1", "1"],
        ["P1", "P1", "2"],
        ["P2", "P2", "1"],
    ]
    assert obs["stage"].tolist()[:2] == ["f2", "f2"]
    assert [a.mask is not None for a in cohort.acquisitions] == [True, False, False]
    assert cohort.without_scanner == ("P2",)


def test_hotspot_layout_knows_slides_with_companion_folders(tmp_path):
    write(tmp_path, "slides/aperio/B1.svs", "slides/3dhistech/B2.mrxs")
    write(tmp_path, "slides/3dhistech/B2/Slidedat.ini", "slides/3dhistech/B2/Data0001.dat")
    (tmp_path / "slides.csv").write_text("case,patient,stage\nB1,P1,0\nB2,P1,\n")
    report = DataCard.read("hotspot_biopsies").validate(tmp_path)
    assert report.ok
    assert report.extra.empty
    cohort = Cohort.from_card("hotspot_biopsies", tmp_path)
    assert cohort.obs()["vendor"].tolist() == ["3DHISTECH", "Aperio"]
    assert [a.channel for a in cohort.acquisitions] == ["wsi", "wsi"]
    assert {a.stage for a in cohort.acquisitions} == {"l0", None}


def test_simulated_card_reads_its_table(tmp_path):
    write(tmp_path, "us/a.png", "us/b.png", "us/left.png", "truth.csv")
    (tmp_path / "cohort.csv").write_text(
        "case,patient,channel,image,scanner,stage\na,a,us,us/a.png,A,S1\nb,b,us,us/b.png,B,S4\n"
    )
    cohort = Cohort.from_card("simulated", tmp_path)
    assert cohort.source == "simulated"
    assert cohort.scheme.levels == ("s1", "s4")
    report = DataCard.read("simulated").validate(tmp_path)
    assert report.ok
    assert report.extra["path"].tolist() == ["us/left.png"]
    assert report.counts[["scanner", "stage", "cases"]].to_numpy().tolist() == [
        ["A", "S1", 1],
        ["B", "S4", 1],
    ]
    (tmp_path / "us" / "b.png").unlink()
    report = DataCard.read("simulated").validate(tmp_path)
    assert not report.ok
    assert report.missing.to_numpy().tolist() == [["b", "image", "us/b.png"]]
    assert "us/b.png" in Cohort.from_card("simulated", tmp_path).failures[0].reason


def test_dicom_folders_are_images(tmp_path):
    write(tmp_path, "dicom/c1/1.dcm", "dicom/c1/2.dcm", "dicom/c2/1.dcm", "dicom/readme.txt")
    card = DataCard.from_text(
        HEAD + "channels: {ct: {title: CT}}\nlayouts:\n- images: 'dicom/{case}/'\n---\n"
    )
    found = card.load(tmp_path)
    assert found.frame["case"].tolist() == ["c1", "c2"]
    assert found.places == ("dicom/c1/", "dicom/c2/")
    assert card.validate(tmp_path).extra["path"].tolist() == ["dicom/readme.txt"]


LABELLED = (
    HEAD
    + """scheme: binary
channels: {us: {title: US}}
layouts:
- images: "{case}.png"
labels:
- {table: labels.csv, key: "{case}", key_column: name, columns: {stage: class}}
---
"""
)


def test_label_tables(tmp_path):
    card = DataCard.from_text(LABELLED)
    write(tmp_path, "a.png", "b.png", "c.png")
    with pytest.raises(DataCardError, match="label table is missing"):
        card.load(tmp_path)
    assert card.validate(tmp_path).missing["path"].tolist() == ["labels.csv"]
    (tmp_path / "labels.csv").write_text("name,class\na,yes\nb,perhaps\nd,no\n")
    cohort = Cohort.from_card(card, tmp_path)
    assert cohort.cases == ("a",)
    assert [(f.case, "labels.csv" in f.reason) for f in cohort.failures] == [
        ("c", True),
        ("b", False),
    ]
    report = card.validate(tmp_path)
    assert [f.case for f in report.failures] == ["c", "b"]
    assert report.missing["case"].tolist() == ["d"]
    (tmp_path / "labels.csv").write_text("name,class\na,yes\na,no\n")
    with pytest.raises(DataCardError, match="contradict each other"):
        card.load(tmp_path)
    (tmp_path / "labels.csv").write_text("name,klass\na,yes\n")
    with pytest.raises(DataCardError, match="lacks a column"):
        card.load(tmp_path)
    (tmp_path / "labels.csv").write_bytes(b"name,class\n\xff,yes\n")
    with pytest.raises(DataCardError, match="not a readable CSV"):
        card.load(tmp_path)


def test_label_table_outside_the_root_counts_as_missing(tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    write(root, "a.png")
    (tmp_path / "labels.csv").write_text("name,class\na,yes\n")
    (root / "labels.csv").symlink_to(tmp_path / "labels.csv")
    with pytest.raises(DataCardError, match="label table is missing"):
        DataCard.from_text(LABELLED).load(root)


def test_required_masks_are_missing_files(tmp_path):
    card = DataCard.from_text(
        HEAD
        + """channels: {us: {title: US}}
layouts:
- images: "{case}.png"
  mask: {pattern: "{case}_mask.png", required: true, label: 2}
---
"""
    )
    write(tmp_path, "a.png", "a_mask.png", "b.png", "c_mask.png")
    report = card.validate(tmp_path)
    assert report.missing.to_numpy().tolist() == [["b", "mask", "b_mask.png"]]
    assert report.extra.to_numpy().tolist() == [["c_mask.png", "mask without an image"]]
    cohort = Cohort.from_card(card, tmp_path)
    assert [(a.case, a.mask_label) for a in cohort.acquisitions] == [("a", 2), ("b", None)]


def test_unknown_scanners_are_noted(tmp_path):
    card = DataCard.from_text(
        HEAD
        + """channels: {us: {title: US}}
layouts:
- images: "{scanner}/{case}.png"
scanners: {A: {vendor: X, field_t: 1.5}}
---
"""
    )
    write(tmp_path, "A/a.png", "B/b.png")
    cohort = Cohort.from_card(card, tmp_path)
    assert cohort.notes == ("scanners that the card does not know: B",)
    assert cohort.obs()["field_t"].tolist()[0] == 1.5


def test_a_card_that_only_documents(tmp_path):
    card = DataCard.from_text(HEAD + "---\n")
    with pytest.raises(DataCardError, match="documents only"):
        card.load(tmp_path)
    with pytest.raises(DataCardError, match="documents only"):
        card.validate(tmp_path)


def test_folder_of_other_data_is_refused_with_the_layout(tmp_path):
    write(tmp_path, "LiQA_val/readme.txt")
    message = r"no case was found under the folder.*expected 'LiQA_training_data/Vendor_.*val"
    for read in (DataCard.read("lifs").validate, DataCard.read("lifs").load):
        with pytest.raises(DataCardError, match=message):
            read(tmp_path)


def test_cohort_table_without_any_of_its_images(tmp_path):
    (tmp_path / "cohort.csv").write_text(
        "case,patient,channel,image,scanner,stage\na,a,us,us/a.png,A,S1\n"
    )
    report = DataCard.read("simulated").validate(tmp_path)
    assert report.missing["path"].tolist() == ["us/a.png"]
    assert report.traps.empty


def test_patient_in_two_splits(tmp_path):
    card = DataCard.from_text(
        HEAD
        + "channels: {us: {title: US}}\nlayouts:\n- images: '{split}/{patient}_{case}.png'\n---\n"
    )
    write(tmp_path, "train/p_1.png", "test/p_2.png", "test/q_3.png")
    traps = card.validate(tmp_path, contents=False).traps
    assert traps.to_numpy().tolist() == [["patient_in_splits", "p", "test, train"]]


def test_nifti_header(tmp_path):
    path = tmp_path / "a.nii.gz"
    path.write_bytes(nifti(5, 6, 7, 1))
    assert nifti_shape(path) == (5, 6, 7, 1)
    path.write_bytes(b"not gzip")
    assert nifti_shape(path) is None
    assert nifti_shape(tmp_path / "none.nii") is None
    assert nifti_shape(tmp_path / "a.png") is None
    short = tmp_path / "short.nii"
    short.write_bytes(b"\x5c\x01\x00\x00")
    assert nifti_shape(short) is None
