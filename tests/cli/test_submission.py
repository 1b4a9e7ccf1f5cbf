"""The commands write and check: exit statuses and reasons."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from radiofib.cli.app import main

INFO = "Case,Vendor,Missing Modality\n0930-A,A,None\n0931-B1,B1,DWI_800\n"


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stop:
        main([str(a) for a in arguments])
    return int(stop.value.code or 0)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "info.csv").write_text(INFO)
    rows = [
        {"case": c, "channels": s, "p_s1": 0.1, "p_s2": 0.2, "p_s3": 0.3, "p_s4": 0.4}
        for s in ("Contrast", "NonContrast")
        for c in ("0931-B1", "0930-A")
    ]
    pd.DataFrame(rows).to_csv(tmp_path / "predictions.csv", index=False)
    return tmp_path


def test_write_then_check(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, info = root / "LiFS_pred.csv", root / "info.csv"
    wrote = run("submission", "write", root / "predictions.csv", "--out", out, "--cases", info)
    assert wrote == 0
    assert out.read_text().splitlines()[1] == "0930-A,Contrast,0.4,0.1"
    assert run("submission", "check", out, "--cases", info) == 0
    assert "is valid: 2 cases" in capsys.readouterr().out
    out.write_text(out.read_text().replace("0.4", "1.4", 1))
    assert run("submission", "check", out, "--cases", info) == 1
    error = capsys.readouterr().err
    assert "row 2, column 'Subtask1_prob_S4': not from 0 to 1: '1.4'" in error
    assert "not valid: 1 problems" in error


def test_two_files_with_their_setting_named_give_the_same_bytes(root: Path) -> None:
    frame = pd.read_csv(root / "predictions.csv")
    given = []
    for setting, part in frame.groupby("channels"):
        part.drop(columns="channels").to_csv(root / f"{setting}.csv", index=False)
        given.append(f"{setting}={root / setting}.csv")
    assert run("submission", "write", *given, "--out", root / "two.csv") == 0
    one = ("submission", "write", root / "predictions.csv", "--out", root / "one.csv")
    assert run(*one) == 0
    # Without --cases the rows follow the predictions.
    assert (root / "two.csv").read_bytes() == (root / "one.csv").read_bytes()


def test_wrong_use_is_refused(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("submission", "check", root / "none.csv", "--cases", root / "info.csv") == 2
    assert run("submission", "check", root / "info.csv") == 2
    assert run("submission", "check", root / "info.csv", "--cases", "lifs") == 2
    assert "add --root" in capsys.readouterr().err
    (root / "info.csv").write_text(INFO + "0932-B2,B2,None\n")
    arguments = ("--out", root / "x.csv", "--cases", root / "info.csv")
    assert run("submission", "write", root / "predictions.csv", *arguments) == 1
    assert "0932-B2" in capsys.readouterr().err
    assert not (root / "x.csv").exists()
