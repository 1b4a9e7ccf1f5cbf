"""The recipe of LiFS from end to end on a simulated folder, traps and all."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pandas as pd
import pytest

from radiofib.cli.app import main
from radiofib.simulate.mri import MriSettings
from radiofib.simulate.mri_lifs import LifsTraps, write_lifs_folder
from radiofib.study import StudyConfig, find_study


def status(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stop:
        main([str(a) for a in arguments])
    return int(stop.value.code or 0)


def test_recipe_has_both_settings_of_the_challenge() -> None:
    study = StudyConfig.from_yaml(find_study("lifs"))
    assert study.card == "lifs"
    assert study.submission == "care-liver"
    assert study.channel_sets == {
        "Contrast": ("t1", "t2", "dwi", "ged1", "ged2", "ged3", "ged4"),
        "NonContrast": ("t1", "t2", "dwi"),
    }
    assert study.evaluation.controls


@pytest.mark.proof
@pytest.mark.timeout(1800)
def test_folder_to_valid_submission_and_a_spoiled_one_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """30 + 6 cases on tiny grids, all features of the recipe but alignment."""
    root = write_lifs_folder(
        tmp_path / "lifs",
        n_training=30,
        n_validation=6,
        seed=3,
        settings=MriSettings(size=0.12),
        masks="all",
        workers=2,
    )
    out = tmp_path / "run"
    # Of 30 cases three have S3, too few for the recipe's five folds; all else is as packaged.
    recipe = tmp_path / "lifs.yaml"
    text = find_study("lifs").read_text(encoding="utf-8").replace("folds: 5", "folds: 3")
    # Every channel has its mask here, on voxels of a centimetre: alignment is tested below.
    alone = re.sub(r"^registration: .*\n", "", text, flags=re.MULTILINE)
    assert alone != text
    recipe.write_text(alone, encoding="utf-8")
    run = ("run", recipe, "--root", root, "--out", out, "--workers", 2)
    assert status(*run) == 0
    info, file = root / "LiQA_val/info.csv", out / "LiFS_pred.csv"
    capsys.readouterr()
    assert status("submission", "check", file, "--cases", info) == 0
    assert "is valid: 6 cases" in capsys.readouterr().out
    by_card = ("--cases", "lifs", "--root", root, "--split", "val")
    assert status("submission", "check", file, *by_card) == 0
    assert status("submission", "check", file, "--cases", out / "cohort.csv", "--split", "val") == 0
    # The table behind it gives the same file again.
    again = tmp_path / "again.csv"
    assert status("submission", "write", out / "submission.csv", "--out", again, *by_card) == 0
    assert again.read_bytes() == file.read_bytes()
    # Spoiled by hand, it is refused with the place.
    lines = file.read_text().splitlines()
    cells = lines[4].split(",")
    lines[4] = ",".join([*cells[:2], "1.2", cells[3]])
    file.write_text("\n".join([*lines[:-1], lines[1]]) + "\n")
    assert status("submission", "check", file, "--cases", info) == 1
    said = capsys.readouterr().err
    assert "row 5, column 'Subtask1_prob_S4': not from 0 to 1: '1.2'" in said
    assert "again, first in row 2" in said
    assert "no row for case" in said
    # What was changed by hand is noticed, and written anew.
    assert status("verify", out) == 1
    assert status(*run) == 0
    assert file.read_bytes() == again.read_bytes()
    assert status("verify", out) == 0

    metrics = pd.read_csv(out / "evaluation/metrics.csv")
    sets = {f"random_forest [{s}]" for s in ("Contrast", "NonContrast")}
    assert sets < set(metrics["model"])
    assert json.loads((out / "run.json").read_text())["main"]["model"] == "random_forest [Contrast]"
    report = (out / "report.html").read_text(encoding="utf-8")
    shown = [name.replace("random_forest", "Random forest") for name in sets]
    assert all(name in report for name in shown)
    validation = pd.read_csv(out / "submission.csv", keep_default_na=False)
    assert set(validation["flag"]) == {""}


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_channels_of_the_folder_are_aligned_as_the_recipe_says(tmp_path: Path) -> None:
    """Card, traps and registration together; GED4 alone has a mask."""
    root = write_lifs_folder(
        tmp_path / "lifs",
        n_training=3,
        n_validation=1,
        seed=5,
        settings=MriSettings(size=0.5),
        traps=LifsTraps(t2wi=1, singleton=1, spike=0, duplicates=0, straddling=0),
        masks="ged4",
        workers=2,
    )
    out = tmp_path / "aligned"
    code = status("register", "lifs", "--root", root, "--out", out, "--workers", 2)
    quality = pd.read_csv(out / "registration.csv")
    cohort = pd.read_csv(out / "cohort.csv")
    failed = int((quality["verdict"] == "failed").sum())
    assert code == (3 if failed else 0)
    assert failed <= len(quality) // 4
    assert len(cohort) == quality["case"].nunique() + len(quality) - failed
    assert cohort["mask"].notna().all()
    known = pd.read_csv(root / "truth_transforms.csv").set_index(["case", "channel"])
    good = quality[quality["verdict"] == "good"]
    assert len(good) >= len(quality) // 2
    for row in good.itertuples():
        truth = known.loc[(row.case, row.channel)]
        moved = (truth[["tx_mm", "ty_mm", "tz_mm"]] ** 2).sum() ** 0.5
        assert abs(row.shift_mm - moved) < 5
