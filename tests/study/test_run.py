"""The whole chain on small pictures: files, restarts, bad input, exit statuses."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
from PIL import Image

from radiofib.cli.app import main
from radiofib.study import StudyConfig, run_study, verify_run
from radiofib.table import FeatureTable
from tests.study.builders import STUDY, write_pictures, write_study


def _exit_status(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stop:
        main(list(arguments))
    return int(stop.value.code or 0)


def _hashes(folder: Path, leave_out: tuple[str, ...] = ()) -> dict[str, str]:
    return {
        p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*"))
        if p.is_file() and p.suffix not in leave_out
    }


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("study")
    study = write_study(root, write_pictures(root))
    assert _exit_status("run", str(study), "--root", str(root), "--out", str(root / "run")) == 0
    return root


def test_run_writes_what_design_promises(finished: Path) -> None:
    out = finished / "run"
    for name in (
        "report.html",
        "study.yaml",
        "run.json",
        "cohort.csv",
        "failures.csv",
        "model.skops",
        "predictions.csv",
        "manifest.json",
        "features/features.parquet",
        "export/features.csv",
        "export/codebook.csv",
        "export/features.sav",
        "export/features.rds",
        "evaluation/metrics.csv",
    ):
        assert (out / name).stat().st_size > 0, name
    assert (verify_run(out)["status"] == "ok").all()
    table = FeatureTable.from_parquet(out / "features/features.parquet")
    assert (table.n_rows, table.patients) == (24, 12)
    assert set(table.codebook["column"]) == set(table.X.columns)


def test_metrics_hold_stager_and_controls_in_both_settings(finished: Path) -> None:
    metrics = pd.read_csv(finished / "run/evaluation/metrics.csv")
    assert {"cv", "loso"} <= set(metrics["setting"])
    # All pictures have one size, so there is no geometry to learn from.
    assert set(metrics["model"]) == {"logistic", "control_scanner"}
    assert {"row", "patient"} <= set(metrics["unit"])


def test_no_path_or_time_in_text_outputs(finished: Path) -> None:
    for path in (finished / "run").rglob("*"):
        if path.suffix in {".csv", ".json", ".yaml", ".html"}:
            assert str(finished) not in path.read_text(encoding="utf-8"), path.name


def test_equal_bytes_for_one_worker_and_two(finished: Path, tmp_path: Path) -> None:
    study = StudyConfig.from_yaml(finished / "study.yaml")
    result = run_study(study, root=finished, out=tmp_path / "again", workers=1)
    # .sav holds the time of writing, and the manifest its hash.
    again = _hashes(result.out, (".sav",))
    first = _hashes(finished / "run", (".sav",))
    for hashes in (first, again):
        hashes.pop("manifest.json")
        hashes.pop("steps.json")
    assert again == first


def test_second_run_computes_nothing_again(finished: Path) -> None:
    pieces = sorted((finished / "run/features/pieces").iterdir())
    before = {p: p.stat().st_mtime_ns for p in [*pieces, finished / "run/model.skops"]}
    study = str(finished / "study.yaml")
    assert _exit_status("run", study, "--root", str(finished), "--out", f"{finished}/run") == 0
    assert {p: p.stat().st_mtime_ns for p in before} == before


def test_changed_setting_is_computed_not_reused(finished: Path) -> None:
    changed = finished / "study16.yaml"
    changed.write_text(STUDY.replace("binCount: 16", "binCount: 8"), encoding="utf-8")
    before = set((finished / "run/features/pieces").iterdir())
    assert _exit_status("run", str(changed), "--root", str(finished), "--out", f"{finished}/c") == 0
    old = FeatureTable.from_parquet(finished / "run/features/features.parquet").X
    new = FeatureTable.from_parquet(finished / "c/features/features.parquet").X
    column = "us_original_glcm_joint_entropy"
    assert not np.allclose(old[column], new[column])
    assert set((finished / "run/features/pieces").iterdir()) == before


def _bad_rows(root: Path, frame: pd.DataFrame) -> pd.DataFrame:
    """Spoil one case per kind of bad input; its name says which."""
    images = root / "images"

    def picture(name: str, pixels: np.ndarray) -> str:
        Image.fromarray(pixels).save(images / f"{name}.png")
        return f"images/{name}.png"

    good = np.uint8(np.random.default_rng(9).integers(0, 255, (40, 40)))
    (images / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    (images / "empty.png").write_bytes(b"")
    nan = good.astype(np.float32)
    nan[5, 5] = np.nan
    sitk.WriteImage(sitk.GetImageFromArray(nan), str(images / "nan.mha"))
    volume = sitk.GetImageFromArray(good[None].repeat(4, 0))
    sitk.WriteImage(volume, str(images / "volume.nii.gz"))
    far = sitk.GetImageFromArray(np.ones((4, 40, 40), np.uint8))
    far.SetOrigin((900, 900, 900))
    sitk.WriteImage(far, str(images / "far.nii.gz"))
    labels = sitk.GetImageFromArray(np.full((4, 40, 40), 3, np.uint8))
    labels.CopyInformation(volume)
    sitk.WriteImage(labels, str(images / "labels.nii.gz"))
    one = np.zeros((40, 40), np.uint8)
    one[3, 3] = 1
    bad = {
        "missing_file": {"image": "images/nowhere.png"},
        "unreadable": {"image": "images/broken.png"},
        "empty_file": {"image": "images/empty.png"},
        "empty_mask": {"mask": picture("zero", np.zeros((40, 40), np.uint8))},
        "far_mask": {"image": "images/volume.nii.gz", "mask": "images/far.nii.gz"},
        "no_label": {
            "image": "images/volume.nii.gz",
            "mask": "images/labels.nii.gz",
            "mask_label": 7,
        },
        "nan_voxel": {"image": "images/nan.mha"},
        "bad_stage": {"stage": "F9"},
        "one_voxel": {"mask": picture("one", one)},
        "constant": {"image": picture("flat", np.full((40, 40), 77, np.uint8))},
        "no_scanner": {"scanner": None},
    }
    rows = []
    for number, (case, change) in enumerate(bad.items()):
        row = {**frame.iloc[0].to_dict(), "case": case, "patient": f"bad{number}"}
        rows.append({**row, "image": picture(case, good), **change})
    twice = {**frame.iloc[0].to_dict(), "case": "twice", "patient": "bad_twice"}
    rows += [{**twice, "image": frame["image"][n]} for n in (0, 1)]
    return pd.concat([frame, pd.DataFrame(rows)], ignore_index=True)


def test_bad_cases_are_listed_and_the_others_go_on(tmp_path: Path) -> None:
    frame = write_pictures(tmp_path)
    study = write_study(tmp_path, _bad_rows(tmp_path, frame))
    out = tmp_path / "run"
    assert _exit_status("run", str(study), "--root", str(tmp_path), "--out", str(out)) == 3
    failures = pd.read_csv(out / "failures.csv").set_index("case")["reason"]
    expected = {
        "missing_file": "nowhere.png",
        "unreadable": "broken.png",
        "empty_file": "empty.png",
        "empty_mask": "zero.png",
        "far_mask": "far.nii.gz",
        "no_label": "label 7|labels",
        "nan_voxel": "nan.mha",
        "bad_stage": "row 33, column 'stage'",
        "twice": "rows 37, 38",
        "one_voxel": "one grey",
        "constant": "one grey",
        "no_scanner": "scanner",
    }
    for case, words in expected.items():
        reason = " ".join(np.atleast_1d(failures[case]))
        assert pd.Series([reason]).str.contains(words).all(), (case, reason)
        assert "Next: " in reason, reason
    assert set(failures.index) == set(expected)
    table = FeatureTable.from_parquet(out / "features/features.parquet")
    done = set(table.obs["case"])
    assert {"no_scanner", *frame["case"]} <= done
    assert json.loads((out / "run.json").read_text())["counts"]["failures"] == len(failures)


def test_fewer_patients_than_folds_keeps_the_features(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = write_pictures(tmp_path, n_patients=4)
    study = write_study(tmp_path, frame)
    out = tmp_path / "run"
    assert _exit_status("run", str(study), "--root", str(tmp_path), "--out", str(out)) == 3
    said = capsys.readouterr().err
    assert "ask for 2 folds ('evaluation: {folds: 2}')" in said
    assert said.index("too few patients") < said.index("features: ")
    reason = pd.read_csv(out / "failures.csv")["reason"].str.cat()
    assert "fold" in reason
    assert "patients" in reason
    assert (out / "features/features.parquet").is_file()
    assert (out / "report.html").is_file()


def test_an_absent_network_is_told_before_anything_is_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = write_study(tmp_path, write_pictures(tmp_path, n_patients=6))
    section = "extraction:\n  embedding: {model: absent.onnx, name: net, region: whole}\n"
    study.write_text(study.read_text().replace("extraction:\n", section))
    out = tmp_path / "run"
    assert _exit_status("run", str(study), "--root", str(tmp_path), "--out", str(out)) == 2
    said = capsys.readouterr().err
    assert "absent.onnx: no such model file" in said
    assert "leave 'embedding' out" in said
    assert "features:" not in said


def test_nothing_usable_exits_1_and_lists_every_case(tmp_path: Path) -> None:
    frame = write_pictures(tmp_path, n_patients=2)
    for name in frame["image"]:
        (tmp_path / name).write_bytes(b"")
    study = write_study(tmp_path, frame)
    out = tmp_path / "run"
    assert _exit_status("run", str(study), "--root", str(tmp_path), "--out", str(out)) == 1
    assert len(pd.read_csv(out / "failures.csv")) == len(frame)


def test_results_of_an_earlier_run_never_pass_for_this_one(tmp_path: Path) -> None:
    frame = write_pictures(tmp_path)
    study = write_study(tmp_path, frame)
    out = tmp_path / "run"
    call = ("run", str(study), "--root", str(tmp_path), "--out", str(out))
    assert _exit_status(*call) == 0
    assert (out / "model.skops").is_file()
    write_study(tmp_path, frame.assign(stage="F0"))
    assert _exit_status(*call) == 3
    for name in ("model.skops", "predictions.csv", "evaluation/metrics.csv"):
        assert not (out / name).exists(), name
    assert "AUC is 1" not in (out / "report.html").read_text(encoding="utf-8")


def test_a_failed_extraction_leaves_no_older_table(tmp_path: Path) -> None:
    frame = write_pictures(tmp_path, n_patients=2)
    frame.to_csv(tmp_path / "c.csv", index=False)
    call = ("extract", str(tmp_path / "c.csv"), "--out", str(tmp_path / "f.parquet"))
    assert _exit_status(*call) == 0
    for name in frame["image"]:
        (tmp_path / name).write_bytes(b"")
    assert _exit_status(*call) == 1
    assert not (tmp_path / "f.parquet").exists()
    assert len(pd.read_csv(tmp_path / "f.failures.csv")) == len(frame)


def test_outputs_that_cannot_be_are_usage_errors(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_pictures(tmp_path, n_patients=2).to_csv(tmp_path / "c.csv", index=False)
    cohort = str(tmp_path / "c.csv")
    assert _exit_status("extract", cohort, "--out", str(tmp_path / "f.csv")) == 2
    assert "Parquet" in capsys.readouterr().err
    assert _exit_status("extract", cohort, "--out", "/proc/radiofib/f.parquet") == 2
    assert "/proc/radiofib" in capsys.readouterr().err
    assert _exit_status("report", str(tmp_path)) == 2
    assert "run.json" in capsys.readouterr().err


def test_wrong_root_exits_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frame = write_pictures(tmp_path, n_patients=2)
    frame["image"] = "elsewhere/" + frame["image"]
    study = write_study(tmp_path, frame)
    out = tmp_path / "run"
    assert _exit_status("run", str(study), "--root", str(tmp_path), "--out", str(out)) == 2
    assert "none of the 4 image files exists" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (STUDY.replace("folds:", "fold:"), "did you mean 'folds'"),
        (STUDY.replace("scheme: metavir", "scheme: metavr"), "metavir"),
        (STUDY.replace("name: logistic", "name: logistik"), "logistic"),
        (STUDY.replace("binCount", "binCont"), "binCount"),
    ],
)
def test_misspelt_settings_exit_2_and_name_the_nearest(
    tmp_path: Path, text: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    study = write_study(tmp_path, write_pictures(tmp_path, n_patients=4), text)
    status = _exit_status("run", str(study), "--root", str(tmp_path), "--out", str(tmp_path / "r"))
    assert status == 2
    assert words in capsys.readouterr().err


def test_misspelt_column_exits_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frame = write_pictures(tmp_path, n_patients=4).rename(columns={"scanner": "scaner"})
    study = write_study(tmp_path, frame)
    status = _exit_status("run", str(study), "--root", str(tmp_path), "--out", str(tmp_path / "r"))
    assert status == 2
    assert "scanner" in capsys.readouterr().err
