"""The command ``evaluate`` says which order of stages it takes, or takes the one given."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from typer.testing import CliRunner

from radiofib.cli.app import app


def test_levels_are_said_or_given(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {"case": range(8), "y_true": ["no", "yes"] * 4, "p": [0.1, 0.9, 0.4, 0.3] * 2}
    )
    binary, named = tmp_path / "binary.csv", tmp_path / "named.csv"
    frame.to_csv(binary, index=False)
    frame.assign(p_yes=frame["p"], p_no=1 - frame["p"]).drop(columns="p").to_csv(named, index=False)
    tail = ["--out", str(tmp_path / "out"), "--n-boot", "0"]
    given = CliRunner().invoke(app, ["evaluate", str(binary), *tail, "--levels", "no,yes"])
    assert given.exit_code == 0, given.output
    assert "stages in order" not in given.output
    said = CliRunner().invoke(app, ["evaluate", str(named), *tail])
    assert said.exit_code == 0, said.output
    assert "stages in order: yes < no\n" in said.output
