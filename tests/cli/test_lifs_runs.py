"""Run folders as methods of the LiFS table."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from radiofib.cli.app import main
from radiofib.evaluation.lifs import score_cells


def predictions(better: float) -> pd.DataFrame:
    """Predictions of a run: the stager in both settings, before its correction, and a control."""
    rows = []
    for channels in ("Contrast", "NonContrast"):
        for model, right in (
            (f"forest [{channels}] (uncalibrated)", 0.4),
            (f"forest [{channels}]", better),
            ("control_scanner", 0.25),
        ):
            for domain in ("in_scanner", "unseen_scanner"):
                for i in range(40):
                    row = {f"p_s{k}": (1 - right) / 3 for k in (1, 2, 3, 4)}
                    row[f"p_s{1 + i % 4}"] = right
                    facts = {"case": f"c{i}", "y_true": f"s{1 + i % 4}", "domain": domain}
                    rows.append({**facts, **row, "model": model, "channels": channels})
    return pd.DataFrame(rows)


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stop:
        main([str(a) for a in arguments])
    return int(stop.value.code or 0)


def test_runs_are_methods_of_their_folders_names(tmp_path: Path) -> None:
    for name, better in (("good", 0.7), ("poor", 0.24)):
        (tmp_path / name).mkdir()
        predictions(better).to_csv(tmp_path / name / "predictions.csv", index=False)
    out = tmp_path / "table"
    assert run("lifs", "score", tmp_path / "good", tmp_path / "poor", "--out", out) == 0
    cells = pd.read_csv(out / "cells.csv")
    assert cells.groupby("reader").size().to_dict() == {"good": 16, "poor": 16}
    scores = pd.read_csv(out / "aggregate.csv").set_index("reader")
    assert scores.loc["good", "ID"] == 100
    assert scores.loc["poor", "ID"] < 50


def test_a_correction_keeps_its_two_settings_together() -> None:
    cells = score_cells(predictions(0.7).query("not model.str.startswith('control')"))
    assert cells.groupby("reader").size().to_dict() == {"forest": 16, "forest (uncalibrated)": 16}


def test_a_folder_that_is_no_run_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("lifs", "score", tmp_path, "--out", tmp_path / "table") != 0
    assert "predictions.csv" in capsys.readouterr().err
