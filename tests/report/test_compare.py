"""Several runs on one page: what differs, and no difference without shared cases and interval."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from radiofib.cli.app import app
from radiofib.errors import UsageError
from radiofib.report import write_comparison
from radiofib.report.paired import paired_difference
from radiofib.staging import Target
from radiofib.stats import delong_paired
from tests.report.page_text import Page, check_structure
from tests.report.run_folder import build_run, make_cohort

QUESTION = Target("y", frozenset("y"), frozenset("x"))


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("runs")
    own = {"stager": {"name": "xgboost"}, "main": {"model": "xgboost", "target": "s4_vs_s1-3"}}
    first = build_run(folder / "a", scale=0.3, pictures=0)
    second = build_run(folder / "b", scale=0.3, pictures=0, run={**own, "config_hash": "0" * 64})
    (second / "study.yaml").write_text("title: Other\nevaluation: {folds: 4}\n")
    return [first, second]


def compare(runs: list[Path], out: Path) -> Page:
    return Page(write_comparison(runs, out).read_text(encoding="utf-8"))


def test_shows_metrics_side_by_side_and_what_differs(runs: list[Path], tmp_path: Path) -> None:
    page = compare(runs, tmp_path / "c.html")
    check_structure(page)
    assert [a["id"] for a in page.all("section")] == [
        *("runs", "metrics", "paired", "differences", "cohorts", "glossary")
    ]
    for root, model in zip(runs, ("random_forest", "xgboost"), strict=True):
        metrics = pd.read_csv(root / "evaluation/metrics.csv")
        chosen = metrics[
            (metrics["model"] == model)
            & (metrics["unit"] == "patient")
            & (metrics["metric"] == "auc")
        ]
        for row in chosen.itertuples():
            assert f"{row.estimate:.3f} ({row.ci_low:.3f}–{row.ci_high:.3f})" in page.text
    assert "evaluation.folds" in page.text
    assert "Run A minus run B" in page.text
    assert page.text.count("within folds") == 4


def test_equal_runs_give_equal_bytes_and_no_path(runs: list[Path], tmp_path: Path) -> None:
    first = write_comparison(runs, tmp_path / "c.html").read_bytes()
    assert write_comparison(runs, tmp_path / "d.html").read_bytes() == first
    assert str(tmp_path).encode() not in first
    assert str(runs[0].parent).encode() not in first


def test_other_patients_give_no_difference(runs: list[Path], tmp_path: Path) -> None:
    cohort = make_cohort(scale=0.3)
    cohort["patient"] = "other" + cohort["patient"]
    other = build_run(tmp_path / "x", cohort=cohort, pictures=0)
    page = compare([runs[0], other], tmp_path / "c.html")
    assert "no difference is claimed" in page.text
    assert "Differences of AUC" not in page.text


def test_shared_names_with_other_stages_are_other_patients(
    runs: list[Path], tmp_path: Path
) -> None:
    root = build_run(tmp_path / "x", scale=0.3, pictures=0)
    frame = pd.read_csv(root / "predictions.csv")
    frame["y_true"] = frame["y_true"].map({"s1": "s4", "s4": "s1"}).fillna(frame["y_true"])
    frame.to_csv(root / "predictions.csv", index=False)
    page = compare([runs[0], root], tmp_path / "c.html")
    assert "no interval, no claim" in page.text
    assert "other patients?" in page.text


def test_hostile_titles_stay_text(runs: list[Path], tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
    root = build_run(tmp_path / "x", scale=0.15, pictures=0, run={"title": evil, "versions": {}})
    (root / "study.yaml").write_text(f"'{evil.replace(chr(39), chr(39) * 2)}': 1\n")
    page = compare([runs[0], root], tmp_path / "c.html")
    assert len(page.all("script")) == 1
    assert not page.all("img")
    assert page.text.count("<script>alert(1)</script>") >= 2


@pytest.mark.parametrize("case", ["one", "twice", "parts", "absent", "folder"])
def test_wrong_usage_says_what_to_do(runs: list[Path], tmp_path: Path, case: str) -> None:
    out = tmp_path / "c.html"
    folders = {
        "one": runs[:1],
        "twice": [runs[0], runs[0]],
        "parts": [runs[0], tmp_path / "parts"],
        "absent": [runs[0], tmp_path / "nothing"],
        "folder": runs,
    }[case]
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts/run.json").write_text('{"parts": ["a"]}')
    if case == "folder":
        out.mkdir()
    with pytest.raises(UsageError):
        write_comparison(folders, out)
    assert not out.is_file()


def test_command_takes_several_runs(runs: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "c.html"
    done = CliRunner().invoke(app, ["report", *map(str, runs), "--out", str(out)])
    assert done.exit_code == 0
    assert out.is_file()


def frames(n: int, seed: int, folds: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    base = pd.DataFrame(
        {
            "patient": [f"p{i}" for i in range(n)],
            "y_true": np.where(y, "y", "x"),
            "fold": (np.arange(n) // 2 % folds).astype(str),
        }
    )
    p = [1 / (1 + np.exp(-(y - 0.5 + rng.normal(size=n)))) for _ in range(2)]
    return tuple(base.assign(p_y=q, p_x=1 - q) for q in p)  # type: ignore[return-value]


def test_one_fold_equals_delong() -> None:
    first, second = frames(60, 1, 1)
    found = paired_difference(first, second, QUESTION, ["x", "y"])
    wanted = delong_paired(first["y_true"] == "y", first["p_y"], second["p_y"])
    assert (found.difference, found.low, found.high) == pytest.approx(
        (wanted.difference, wanted.low, wanted.high), abs=1e-12
    )


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 4))
def test_difference_changes_its_sign_with_the_order(seed: int, folds: int) -> None:
    first, second = frames(48, seed, folds)
    one = paired_difference(first, second, QUESTION, ["x", "y"])
    two = paired_difference(second, first, QUESTION, ["x", "y"])
    assert one.difference == pytest.approx(-two.difference, abs=1e-12)
    assert (one.low, one.high) == pytest.approx((-two.high, -two.low), abs=1e-9)
    repeated = paired_difference(pd.concat([first] * 3), second, QUESTION, ["x", "y"])
    assert (repeated.low, repeated.high) == pytest.approx((one.low, one.high), abs=1e-9)


def test_intervals_within_folds_cover_the_truth() -> None:
    """Two equally good scores: 95 % of the intervals hold zero."""
    held = 0
    for seed in range(60):
        found = paired_difference(*frames(80, seed, 4), QUESTION, ["x", "y"])
        held += found.low <= 0 <= found.high
    assert held >= 52


def test_other_folds_are_pooled_and_said() -> None:
    first, second = frames(40, 2, 2)
    second = second.assign(fold=(np.arange(40) % 5).astype(str))
    found = paired_difference(first, second, QUESTION, ["x", "y"])
    assert "folds differ" in found.note
    same = paired_difference(first, first, QUESTION, ["x", "y"])
    assert same.difference == 0
    assert np.isnan(same.low)
