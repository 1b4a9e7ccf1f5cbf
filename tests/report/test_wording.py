"""What a reader would take amiss: wrong counts, unexplained dashes, raw names of stages."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from radiofib.report import write_report
from radiofib.report.context import Context
from radiofib.report.folder import read_run
from tests.report.run_folder import build_run, make_cohort


def test_a_pattern_counts_as_the_columns_it_stands_for(tmp_path: Path) -> None:
    missing = pd.DataFrame(
        {
            "case": make_cohort()["case"].drop_duplicates().iloc[:2],
            "instance": "",
            "column": "ged4_*",
            "reason": "channel not acquired",
        }
    )
    build_run(tmp_path, missing=missing)
    book = pd.read_csv(tmp_path / "export/codebook.csv")
    n = int(book["column"].str.startswith("ged4_").sum())
    assert n > 1
    page = write_report(tmp_path).read_text(encoding="utf-8")
    assert f"{2 * n} values missing in {n} columns of 2 cases" in page


def test_absent_control_by_size_is_explained(tmp_path: Path) -> None:
    build_run(tmp_path)
    sentence = "There is no control by image size"
    assert sentence not in write_report(tmp_path).read_text(encoding="utf-8")
    path = tmp_path / "evaluation/metrics.csv"
    metrics = pd.read_csv(path)
    metrics[metrics["model"] != "control_geometry"].to_csv(path, index=False)
    assert sentence in write_report(tmp_path).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("note", "shown"),
    [
        ("decision collapse: s4 predicted for 99.2%", "decision collapse: S4 predicted for 99.2%"),
        ("no AUC: only rows of s1, s2", "no AUC: only rows of S1, S2"),
        ("decision collapse: negative predicted for 100.0%",) * 2,
        ("sparse: 5 patients in the smaller class",) * 2,
    ],
)
def test_notes_show_stages_as_the_scheme_does(tmp_path: Path, note: str, shown: str) -> None:
    build_run(tmp_path)
    assert Context(read_run(tmp_path)).note_text(note) == shown
