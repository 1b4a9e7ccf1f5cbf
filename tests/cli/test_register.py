"""radiofib register: files for extract, a line a person understands, the exit status."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
from typer.testing import CliRunner

from radiofib.cli.app import app
from radiofib.table import FeatureTable
from tests.prepare.cases import patient, registration

SHIFT = 4.0


@pytest.fixture(autouse=True)
def aligned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("radiofib.prepare.pair.register_pair", registration(SHIFT))


def write(folder: Path) -> Path:
    rows = [*patient(folder, "a", shift_mm=SHIFT), *patient(folder, "b", shift_mm=SHIFT)]
    path = folder / "cohort.csv"
    pd.DataFrame(rows).to_csv(path, index=False)
    return path


def test_register_then_extract(tmp_path: Path) -> None:
    table = write(tmp_path)
    out = tmp_path / "elsewhere" / "aligned"
    done = CliRunner().invoke(
        app, ["register", str(table), "--to", "GED4", "--out", str(out), "--workers", "1"]
    )
    assert done.exit_code == 0, done.output
    assert "2 of 2 channels aligned to ged4: 2 good, 0 look, 0 failed" in done.output
    cohort = pd.read_csv(out / "cohort.csv")
    assert cohort["registration"].tolist() == ["good", "reference"] * 2
    assert not any(Path(p).is_absolute() for p in cohort["image"])
    transform = sitk.ReadTransform(str(out / "registration/a/t1.tfm"))
    assert np.allclose(transform.TransformPoint((0, 0, 0)), (SHIFT, 0, 0))
    assert (out / "registration/a/t1.png").stat().st_size > 100
    config = tmp_path / "config.yaml"
    config.write_text("featureClass: {firstorder: [Mean]}\n")
    features = tmp_path / "features.parquet"
    done = CliRunner().invoke(
        app,
        ["extract", str(out / "cohort.csv"), "--config", str(config), "--out", str(features)],
    )
    assert done.exit_code == 0, done.output
    means = FeatureTable.from_parquet(features).X
    # The bright box lies under the mask on both channels.
    assert (means.to_numpy() > 190).all()


def test_a_failed_pair_is_told_by_the_exit_status(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unlike = registration(0.0, "failed", ("nothing in common",))
    monkeypatch.setattr("radiofib.prepare.pair.register_pair", unlike)
    table = write(tmp_path)
    done = CliRunner().invoke(
        app, ["register", str(table), "--out", str(tmp_path / "o"), "--workers", "1"]
    )
    assert done.exit_code == 1  # nothing was aligned
    assert "0 of 2 channels aligned to ged4: 0 good, 0 look, 2 failed" in done.output
    assert "radiofib extract" not in done.output
    listed = pd.read_csv(tmp_path / "o/failures.csv")
    assert listed["channel"].tolist() == ["t1", "t1"]


def test_an_unknown_rule_is_refused(tmp_path: Path) -> None:
    table = write(tmp_path)
    done = CliRunner().invoke(
        app, ["register", str(table), "--out", str(tmp_path / "o"), "--on-failure", "ignore"]
    )
    assert done.exit_code == 2
    assert "--on-failure" in done.output
    assert "'stop'" in done.output


def test_a_file_says_what_options_cannot(tmp_path: Path) -> None:
    table = write(tmp_path)
    config = tmp_path / "align.yaml"
    config.write_text("registration: {to: T1, pictures: false}\nmasks: {localiser: false}\n")
    out = tmp_path / "o"
    arguments = ["register", str(table), "--out", str(out), "--config", str(config)]
    done = CliRunner().invoke(app, [*arguments, "--workers", "1"])
    assert "2 of 2 channels aligned to t1" in done.output
    assert not list(out.rglob("*.png"))
    config.write_text("registration: {reference: T1}\n")
    done = CliRunner().invoke(app, [*arguments, "--workers", "1"])
    assert "'reference' is not a known key" in str(done.exception)
    config.write_text("to: T1\n")
    done = CliRunner().invoke(app, arguments)
    assert "no section for the alignment" in str(done.exception)
