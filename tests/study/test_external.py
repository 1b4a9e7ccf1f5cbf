"""The whole chain on real data: what each slice promised, through the command line."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest

from radiofib.cli.app import main
from radiofib.table import FeatureTable

pytestmark = pytest.mark.external


def _run(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as stop:
        main([str(a) for a in arguments])
    return int(stop.value.code or 0)


@pytest.fixture(scope="module")
def byra(external_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("byra") / "run"
    assert _run("run", "byra_rois", "--root", external_data / "us/byra_rois", "--out", out) == 0
    return out


def test_regions_become_features_model_and_report(byra: Path) -> None:
    table = FeatureTable.from_parquet(byra / "features/features.parquet")
    assert (table.n_rows, table.patients) == (550, 55)
    assert (byra / "report.html").stat().st_size > 50_000
    assert (byra / "model.skops").stat().st_size > 1000


def test_what_a_small_region_cannot_carry_is_missing_with_a_reason(byra: Path) -> None:
    table = FeatureTable.from_parquet(byra / "features/features.parquet")
    empty = [c for c in table.X if table.X[c].isna().all()]
    assert empty
    assert all(c.startswith(("us_log5mm_", "us_original_shape2d_")) for c in empty)
    reasons = table.missing.drop_duplicates(["column", "reason"])
    assert reasons["reason"].str.contains("LoG 5 mm needs an image of 31 x 31").any()
    assert reasons["reason"].str.contains("whole picture").any()


def test_both_units_are_reported_with_clustered_intervals(byra: Path) -> None:
    metrics = pd.read_csv(byra / "evaluation/metrics.csv")
    auc = metrics[(metrics["metric"] == "auc") & (metrics["model"] == "random_forest")]
    auc = auc.set_index("unit")
    assert set(auc.index) == {"row", "patient"}
    assert (auc["n_patients"] == 55).all()
    assert auc["method"].str.contains("patients within class and fold").all()
    assert (auc["ci_low"] < auc["estimate"]).all()
    assert (auc["estimate"] < auc["ci_high"]).all()
    # An interval that took the ten regions of a patient as independent would be about a third.
    assert auc.loc["row", "ci_high"] - auc.loc["row", "ci_low"] > 0.1


@pytest.mark.clients
def test_the_exports_open_in_r_and_pspp(byra: Path) -> None:
    if shutil.which("Rscript") is None or shutil.which("pspp") is None:
        pytest.skip("needs Rscript and pspp")
    code = """
    d <- readRDS('export/features.rds'); s <- haven::read_sav('export/features.sav')
    stopifnot(nrow(d) == 550, is.ordered(d$stage), nrow(s) == 550)
    stopifnot(identical(levels(d$stage), names(attr(s$stage, 'labels'))))
    labels <- vapply(names(d), function(n) !is.null(attr(d[[n]], 'label')), NA)
    stopifnot(all(labels), !is.null(attr(s$us_original_glcm_contrast, 'label')))
    """
    done = subprocess.run(
        ["Rscript", "-e", code], cwd=byra, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    (byra / "t.sps").write_text(
        "GET FILE='export/features.sav'.\nFREQUENCIES VARIABLES=stage.\nDISPLAY DICTIONARY.\n"
    )
    done = subprocess.run(["pspp", "t.sps"], cwd=byra, capture_output=True, text=True, check=False)
    (byra / "t.sps").unlink()
    assert done.returncode == 0, done.stdout
    assert "warning" not in done.stdout.lower()
    assert "steatosis" in done.stdout


def _extract(folder: Path, root: Path, rows: list[str]) -> FeatureTable:
    (folder / "c.csv").write_text("case,channel,image,mask,mask_label\n" + "\n".join(rows))
    (folder / "p.yaml").write_text("imageType: {Original: {}}\nsetting: {binWidth: 25}\n")
    out = folder / "f.parquet"
    assert _run("extract", folder / "c.csv", "--root", root, "--config", folder / "p.yaml",
                "--out", out) == 0  # fmt: skip
    return FeatureTable.from_parquet(out)


def test_abdominal_mr_gives_the_golden_numbers(external_data: Path, tmp_path: Path) -> None:
    base = "mri/totalsegmentator/example"
    table = _extract(tmp_path, external_data, [f"m,mr,{base}_mr_sm.nii.gz,{base}_seg_mr.nii.gz,5"])
    row = table.X.iloc[0]
    assert row["mr_original_firstorder_mean"] == pytest.approx(95.1803, abs=5e-5)
    assert row["mr_original_firstorder_variance"] ** 0.5 == pytest.approx(23.5353, abs=5e-5)


def test_two_channels_on_two_grids_are_one_row_a_patient(
    external_data: Path, tmp_path: Path
) -> None:
    rows = [
        f"{case},{channel},mri/ibsi_sts/{case}/{stem}_image.nii.gz,"
        f"mri/ibsi_sts/{case}/{stem}_mask.nii.gz,"
        for case in ("STS_002", "STS_003")
        for channel, stem in (("ct", "CT"), ("t1", "MR_T1"))
    ]
    table = _extract(tmp_path, external_data, rows)
    assert table.obs["case"].tolist() == ["STS_002", "STS_003"]
    for channel in ("ct", "t1"):
        assert sum(c.startswith(f"{channel}_") for c in table.X) == 107
    assert table.X.notna().all(axis=None)


def test_real_slide_gives_area_and_geojson_and_fluorescence_is_refused(
    external_data: Path, tmp_path: Path
) -> None:
    slides = sorted((external_data / "wsi").iterdir())
    assert _run("slides", "run", *slides, "--out", tmp_path / "s") == 3
    table = FeatureTable.from_parquet(tmp_path / "s/slides.parquet")
    assert table.obs["case"].tolist() == ["cmu-1-small-region"]
    assert table.X["wsi_original_morphometry_tissue_area_mm2"].iloc[0] > 0.3
    shapes = json.loads((tmp_path / "s/cmu-1-small-region.geojson").read_text())
    assert shapes["type"] == "FeatureCollection"
    assert len(shapes["features"]) >= 1
    failures = pd.read_csv(tmp_path / "s/failures.csv")
    assert failures["reason"].str.contains("not a brightfield slide").tolist() == [True]
