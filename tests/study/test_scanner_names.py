"""Scanner names that are nearly equal stay two scanners, and everyone is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from typer.testing import CliRunner

from radiofib.cli.app import app
from radiofib.staging import load_stager
from tests.study.builders import write_pictures, write_study


def test_report_shows_both_scanners_and_the_note(tmp_path: Path) -> None:
    frame = write_pictures(tmp_path, n_patients=8, images=1)
    frame["scanner"] = frame["scanner"].map({"alpha": "GE", "beta": "ge"})
    study = write_study(tmp_path, frame)
    out = tmp_path / "run"
    done = CliRunner().invoke(
        app, ["run", str(study), "--root", str(tmp_path), "--out", str(out), "--workers", "1"]
    )
    assert done.exit_code in (0, 3), done.output
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "scanner names that differ only in case or space, taken as different" in page
    assert set(pd.read_csv(out / "cohort.csv")["scanner"]) == {"GE", "ge"}
    assert set(pd.read_csv(out / "predictions.csv")["scanner"]) == {"GE", "ge"}


def test_train_says_so_and_keeps_them_apart(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"mean": rng.normal(size=20), "stage": ["F0", "F4"] * 10})
    frame["scanner"] = ["GE", "ge", "Philips", "Philips "] * 5
    frame.to_csv(tmp_path / "t.csv", index=False)
    model = tmp_path / "m.skops"
    arguments = ["train", str(tmp_path / "t.csv"), "--scanner", "scanner", "--out", str(model)]
    done = CliRunner().invoke(app, [*arguments, "--stager", "logistic"])
    assert done.exit_code == 0, done.output
    assert "taken as different: 'GE', 'ge'" in done.stderr
    assert "taken as different: 'Philips', 'Philips '" in done.stderr
    stager, _ = load_stager(model)
    assert stager.scanner_flags_.categories_[0].tolist() == ["GE", "Philips", "Philips ", "ge"]
