"""The sample-size check of a run: its file, its channel sets, its sentence in the report."""

from __future__ import annotations

from html import unescape

import numpy as np
import pandas as pd
import pytest

from radiofib.datacard import get_scheme
from radiofib.evaluation.feature_counts import FEATURE_COUNT_COLUMNS
from radiofib.study import StudyConfig, run_study
from radiofib.study.counts import counts_step
from radiofib.study.folder import RunFolder
from radiofib.study.progress import silent
from radiofib.table import FeatureTable
from tests.study.builders import STUDY, write_pictures, write_study

PLAN = """\
stager:
  name: logistic
  scanner_flag: true
  select: [{name: correlation, params: {threshold: 0.8}}]
"""
FILE = "evaluation/feature_counts.csv"


def test_a_run_writes_the_check_and_the_report_says_it(tmp_path):
    text = STUDY.replace("stager: {name: logistic}\n", PLAN)
    study = write_study(tmp_path, write_pictures(tmp_path), text)
    run = run_study(StudyConfig.from_yaml(study), root=tmp_path, out=tmp_path / "run", workers=1)
    counts = pd.read_csv(run.out / FILE)
    assert list(counts) == ["model", *FEATURE_COUNT_COLUMNS]
    assert set(counts["model"]) == {"logistic"}
    main = counts[counts["target"] == "f4_vs_f0-f3"].iloc[0]
    features = FeatureTable.from_parquet(run.out / "features/features.parquet")
    assert (main["patients"], main["events"], main["folds"]) == (12, 6, 3)
    assert main["features"] == features.n_features
    # Two scanner flags come on top of what the correlated ones leave.
    assert main["selected"] + 2 == main["candidates"] < main["features"]
    assert main["verdict"].startswith("too few patients: 12 for ")
    page = unescape(run.report.read_text(encoding="utf-8"))
    assert f"F4 vs F0–F3: {main['verdict']}." in page
    assert "Enough patients for so many features?" in page


def _table(levels: list[str], *, ordered: bool) -> FeatureTable:
    rng = np.random.default_rng(3)
    n = 12 * len(levels)
    X = pd.DataFrame(
        rng.normal(size=(n, 6)), columns=[f"t1_f{i}" for i in range(4)] + ["t2_a", "t2_b"]
    )
    stage = pd.Categorical(levels * 12, categories=levels, ordered=ordered)
    obs = pd.DataFrame({"case": [f"c{i}" for i in range(n)], "stage": stage})
    return FeatureTable(X, obs)


def _study(**more: object) -> StudyConfig:
    return StudyConfig(
        title="A", cohort="a.csv", stager={"name": "logistic", "scanner_flag": False}, **more
    )


@pytest.mark.parametrize(
    ("levels", "ordered", "targets"),
    [
        (["a", "b"], True, ["b_vs_a"]),
        (["a", "b", "c"], False, ["a_vs_rest", "b_vs_rest", "c_vs_rest", "all_stages"]),
    ],
)
def test_each_channel_set_has_its_counts(tmp_path, levels, ordered, targets):
    folder = RunFolder(tmp_path)
    study = _study(channel_sets={"All": ["t1", "t2"], "Plain": ["t1"]})
    table = _table(levels, ordered=ordered)
    assert counts_step(study, table, get_scheme("metavir"), folder, "h", silent) == []
    counts = pd.read_csv(tmp_path / FILE)
    assert counts.groupby("model", sort=False)["features"].first().to_dict() == {
        "logistic [All]": 6,
        "logistic [Plain]": 4,
    }
    assert list(counts.loc[counts["model"] == "logistic [All]", "target"]) == targets


def test_what_cannot_be_counted_is_a_failure_and_leaves_no_file(tmp_path):
    folder = RunFolder(tmp_path)
    table = _table(["a", "b"], ordered=True)
    assert counts_step(_study(), table, get_scheme("metavir"), folder, "h", silent) == []
    assert (tmp_path / FILE).is_file()
    (failure,) = counts_step(
        _study(), table.subset(np.arange(24) < 1), get_scheme("metavir"), folder, "i", silent
    )
    assert failure.step == "feature counts"
    assert not (tmp_path / FILE).exists()
    counts_step(_study(), table, get_scheme("metavir"), folder, "h", silent)
    assert counts_step(_study(), table, None, folder, "h", silent) == []
    assert not (tmp_path / FILE).exists()
