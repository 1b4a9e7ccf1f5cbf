from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk

from radiofib.errors import UsageError
from radiofib.provenance import hash_file
from radiofib.simulate.mri import MriSettings
from radiofib.simulate.mri_lifs import LifsTraps, _lay_out, write_lifs_folder

TINY = MriSettings(size=0.1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("lifs") / "root"
    return write_lifs_folder(out, n_training=14, n_validation=4, seed=1, settings=TINY)


@pytest.fixture(scope="module")
def traps(folder) -> pd.DataFrame:
    return pd.read_csv(folder / "truth_traps.csv", dtype=str)


def test_folder_is_laid_out_as_published(folder):
    truth = pd.read_csv(folder / "truth.csv", keep_default_na=False)
    assert len(truth) == 18
    for _, row in truth.iterrows():
        case = folder / row["folder"]
        number, scanner, *stage = row["case"].split("-")
        assert case.parent.name == f"Vendor_{scanner}"
        assert len(number) == 4
        if "LiQA_training_data" in row["folder"]:
            assert stage == [row["stage"]]
            assert scanner != "C"
        else:
            assert stage == []
        assert (case / "GED4.nii.gz").is_file()
        names = {f.name.removesuffix(".nii.gz") for f in case.iterdir()} - {"mask_GED4"}
        assert len(names) == 7 - len(row["missing"].split())
    assert truth["case"].is_unique
    info = pd.read_csv(folder / "LiQA_val/info.csv")
    assert list(info) == ["Case", "Vendor", "Missing Modality"]
    assert set(info["Case"]) == set(truth.loc[truth["folder"].str.startswith("LiQA_val"), "case"])
    assert "C" in set(info["Vendor"])


def test_each_trap_is_where_the_truth_says(folder, traps):
    for _, row in traps.iterrows():
        case = folder / row["folder"]
        if row["trap"] == "t2wi":
            assert (case / "T2WI.nii.gz").is_file()
            assert not (case / "T2.nii.gz").exists()
        elif row["trap"] == "singleton":
            name = {"dwi": "DWI_800"}.get(row["detail"], row["detail"].upper())
            header = gzip.decompress((case / f"{name}.nii.gz").read_bytes())[:348]
            # NIfTI's dim field; SimpleITK itself drops the last axis on reading.
            dim = struct.unpack("<8h", header[40:56])
            assert (dim[0], dim[4]) == (4, 1)
        elif row["trap"] == "spike":
            pixels = sitk.GetArrayFromImage(sitk.ReadImage(str(case / "DWI_800.nii.gz")))
            assert (pixels == 25117).sum() >= 1
            assert pixels.max() == 25117 or np.median(pixels) > 1000
    assert set(traps["trap"]) == {"t2wi", "singleton", "spike", "duplicate", "recurring_number"}


def test_duplicates_hold_the_same_images_under_another_name(folder, traps):
    truth = pd.read_csv(folder / "truth.csv").set_index("case")
    pairs = traps[traps["trap"] == "duplicate"]
    assert len(pairs) == 2
    straddling = 0
    for _, row in pairs.iterrows():
        one, two = truth.loc[row["case"]], truth.loc[row["detail"]]
        assert one["stage"] == two["stage"]
        assert one["scanner"] == two["scanner"]
        a, b = folder / one["folder"], folder / two["folder"]
        for name in ("GED4.nii.gz", "T1.nii.gz"):
            assert hash_file(a / name) == hash_file(b / name)
        straddling += one["folder"].split("/")[0] != two["folder"].split("/")[0]
    assert straddling == 1


def test_only_training_cases_have_masks_and_counts_are_published_ones():
    places = _lay_out(MriSettings(), LifsTraps(duplicates=5, straddling=3), 360, 60, seed=0)
    training = [p for p in places if p.folder.startswith("LiQA_training_data")]
    assert sum(p.plan.has_mask for p in training) == 30
    assert not any(p.plan.has_mask for p in places[360:])
    assert sum("dwi" in p.plan.missing for p in training if p.plan.scanner.name == "B1") == 27
    assert sum(bool(p.copy_of) for p in places) == 8
    assert len({p.folder for p in places}) == 420


def test_same_seed_same_bytes(tmp_path):
    few = LifsTraps(duplicates=0, straddling=0)
    one, two = (
        write_lifs_folder(
            tmp_path / name, n_training=4, n_validation=0, seed=1, settings=TINY, traps=few
        )
        for name in "ab"
    )
    assert hash_file(one) == hash_file(two)


def test_clean_folder_has_no_planted_trap(tmp_path):
    none = LifsTraps(t2wi=0, singleton=0, spike=0, duplicates=0, straddling=0)
    out = write_lifs_folder(
        tmp_path / "clean", n_training=1, n_validation=0, settings=TINY, traps=none
    )
    assert (out / "truth_traps.csv").read_text().count("\n") <= 1
    assert not list(out.rglob("T2WI*"))


def test_too_few_cases_for_the_traps_are_refused(tmp_path):
    with pytest.raises(UsageError, match="duplicates"):
        write_lifs_folder(tmp_path / "x", n_training=3, n_validation=0, settings=TINY)
