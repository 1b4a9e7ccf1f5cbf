"""The command ablate: exit statuses, and what it says."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import yaml

from radiofib.cli.app import main
from tests.study.test_ablate import make_table


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stop:
        main([str(a) for a in arguments])
    return int(stop.value.code or 0)


def write(folder: Path, **patches: object) -> Path:
    factors = {"learner": {"plain": {}, **patches}}
    study = {
        "title": "A",
        "stager": {"name": "logistic"},
        "ablate": {"factors": factors, "features": "f.parquet", "folds": 2},
    }
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(study, sort_keys=False))
    make_table(40).to_parquet(folder / "f.parquet")
    return path


def test_a_page_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = write(tmp_path, weak={"params": {"C": 0.001}})
    arguments = ("ablate", study, "--root", tmp_path, "--out", tmp_path / "o", "--workers", 1)
    assert run(*arguments) == 0
    said = capsys.readouterr()
    assert "2 combinations: " in said.out
    assert "ablate: 10 of 10" in said.err
    assert (tmp_path / "o" / "ablation.html").is_file()
    assert len(pd.read_csv(tmp_path / "o" / "failures.csv")) == 0
    # The table can be named on the command line instead.
    (tmp_path / "f.parquet").rename(tmp_path / "g.parquet")
    arguments = (*arguments, "--features", tmp_path / "g.parquet")
    assert run(*arguments) == 0


def test_a_failing_level_is_status_3_and_a_misspelt_one_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = write(tmp_path, bad={"params": {"C": -1.0}})
    options = ("--root", tmp_path, "--out", tmp_path / "o", "--workers", 1)
    assert run("ablate", study, *options) == 3
    assert "ablate r002, fold 1" in capsys.readouterr().err
    study = write(tmp_path, bad={"parms": {"C": 1.0}})
    assert run("ablate", study, *options) == 2
    assert "did you mean 'params'" in capsys.readouterr().err
