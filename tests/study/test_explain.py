"""A study that asks for an explanation, and one that brings readers."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from radiofib.study import StudyConfig, run_study
from tests.study.builders import STUDY, write_pictures


@pytest.fixture(scope="module")
def explained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("explain")
    cohort = write_pictures(root)
    cohort.to_csv(root / "cohort.csv", index=False)
    readers = pd.DataFrame({"case": cohort["case"], "R1": range(len(cohort))})
    readers["R2"] = (cohort["stage"] == "F4") * 3 + readers["R1"] % 3
    readers.loc[2, "R2"] = None
    readers.to_csv(root / "readings.csv", index=False)
    more = "explain: {repeats: 2, top: 3, grid: 4}\nreaders: readings.csv\n"
    (root / "study.yaml").write_text(STUDY.replace("name: logistic", "name: xgboost") + more)
    study = StudyConfig.from_yaml(root / "study.yaml")
    result = run_study(study, root=root, out=root / "run", workers=1)
    assert [(f.case, f.step) for f in result.failures] == [("p01_0", "readers")]
    return root


def test_importance_and_partial_dependence_are_written(explained: Path) -> None:
    table = pd.read_csv(explained / "run/evaluation/importance.csv")
    assert list(table.columns) == [
        "model", "target", "kind", "group_by", "group", "members", "importance", "sd", "note",
    ]  # fmt: skip
    assert set(table["kind"]) == {"shap", "permutation"}
    assert set(table["group_by"]) == {"feature", "cluster", "channel"}
    assert set(table[table["group_by"] == "channel"]["group"]) == {"us"}
    curves = pd.read_csv(explained / "run/evaluation/partial_dependence.csv")
    assert curves.groupby(["target", "feature"]).size().le(4).all()
    assert curves["feature"].nunique() == 3


def test_readers_of_a_study(explained: Path) -> None:
    table = pd.read_csv(explained / "run/evaluation/readers.csv", keep_default_na=False)
    assert set(table["reader"]) == {"R1", "R2"}
    assert {"xgboost", "control_scanner"} <= set(table["model"])
    assert not table[table["model"].str.startswith("control_")]["note"].str.contains("best").any()


def test_what_a_study_no_longer_asks_for_is_removed(explained: Path) -> None:
    study = StudyConfig.from_yaml(explained / "study.yaml")
    kept = explained / "run/evaluation/importance.csv"
    before = kept.stat().st_mtime_ns
    run_study(study, root=explained, out=explained / "run", workers=1)
    assert kept.stat().st_mtime_ns == before
    plain = study.model_copy(update={"explain": None, "readers": None})
    run_study(plain, root=explained, out=explained / "run", workers=1)
    left = {p.stem for p in (explained / "run/evaluation").iterdir()}
    assert not left & {"importance", "partial_dependence", "readers", "reader_auc"}
