"""``radiofib extract --maps`` end to end."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import SimpleITK as sitk

from radiofib.cli.app import main
from tests.extract.cohorts import two_sequences


def call(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stop:
        main(["extract", *arguments, "--workers", "1"])
    return int(stop.value.code or 0)


@pytest.fixture
def study(tmp_path: Path) -> Path:
    two_sequences(tmp_path).to_csv(tmp_path / "cohort.csv", index=False)
    (tmp_path / "params.yaml").write_text(
        "imageType: {Original: {}}\n"
        "featureClass: {firstorder: [Mean], glcm: [Contrast]}\n"
        "setting: {binWidth: 25}\n"
        "voxelSetting: {kernelRadius: 2, maskedKernel: true, initValue: -1, voxelBatch: 100}\n"
    )
    return tmp_path


def test_table_maps_and_index(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = study / "out" / "f.parquet"
    code = call(
        str(study / "cohort.csv"), "--out", str(table), "--config", str(study / "params.yaml"),
        "--maps", "--maps-format", "nrrd", "--map-features", "glcm_*",
    )  # fmt: skip
    assert code == 0
    assert "maps.csv" in capsys.readouterr().out
    assert table.is_file()
    index = pd.read_csv(table.parent / "maps" / "maps.csv")
    assert set(index["column"]) == {"t1_original_glcm_contrast", "dwi_original_glcm_contrast"}
    found = sitk.ReadImage(str(table.parent / "maps" / index["file"][0]))
    values = sitk.GetArrayFromImage(found)
    assert values.min() == -1
    assert values.max() == pytest.approx(index["maximum"][0])
    assert (table.parent / "f.failures.csv").is_file()


def test_a_failure_is_listed_once_and_the_status_is_3(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (study / "m2_T1.nii.gz").write_bytes(b"nothing")
    code = call(str(study / "cohort.csv"), "--out", str(study / "f.parquet"), "--maps",
                "--config", str(study / "params.yaml"))  # fmt: skip
    assert code == 3
    assert "1 failures" in capsys.readouterr().err
    assert len(pd.read_csv(study / "f.failures.csv")) == 1
    assert "m2" in set(pd.read_csv(study / "maps" / "maps.csv")["case"])


def test_without_maps_the_section_has_no_effect(study: Path) -> None:
    assert call(str(study / "cohort.csv"), "--out", str(study / "f.parquet"),
                "--config", str(study / "params.yaml")) == 0  # fmt: skip
    assert not (study / "maps").exists()


def test_the_reference_engine_writes_none(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = call(str(study / "cohort.csv"), "--out", str(study / "f.parquet"), "--maps",
                "--engine", "pyradiomics")  # fmt: skip
    assert code == 2
    assert "only the native engine" in capsys.readouterr().err
    assert not (study / "f.parquet").exists()
