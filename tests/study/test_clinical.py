"""A study's clinical models: written once, in the stager's folds, and gone with the key."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from radiofib.datacard import make_scheme
from radiofib.errors import ConfigError
from radiofib.evaluation.clinical_value import ADDED_COLUMNS, CUTOFF_COLUMNS
from radiofib.study import RunFolder, StudyConfig, run_study, verify_run
from radiofib.study.clinical import CLINICAL_FILES, clinical_step
from radiofib.study.model import evaluate_step
from radiofib.table import FeatureTable
from tests.evaluation.clinical_cohorts import STAGES, clinical_cohort
from tests.study.builders import STUDY, write_pictures, write_study

SCHEME = make_scheme("lifs", STAGES, None, True)
SAID = {"covariates": ["age", "sex"], "scores": ["fib4", "apri"], "folds": 2}


def silent(step: str, done: int, total: int) -> None:
    pass


def study_of(**clinical) -> StudyConfig:
    return StudyConfig.parse(
        {
            "title": "A study",
            "cohort": "cohort.csv",
            "stager": {"name": "logistic"},
            "evaluation": {"settings": ["cv", "loso"], "folds": 3, "n_boot": 100},
            "clinical": {**SAID, **clinical} if clinical or SAID else None,
        },
        where="study.yaml",
    )


def test_the_step_writes_once_in_the_folds_of_the_stager(tmp_path: Path) -> None:
    table = clinical_cohort("added", 3, n=80)
    folder, study = RunFolder(tmp_path), study_of()
    assert evaluate_step(study, table, SCHEME, folder, "hash", silent) == []
    assert clinical_step(study, table, SCHEME, folder, "hash", silent) == []
    tables = [pd.read_csv(tmp_path / name, keep_default_na=False) for name in CLINICAL_FILES]
    predictions, metrics, added, cutoffs, failures = tables
    main = pd.read_csv(tmp_path / "predictions.csv")
    own = predictions[predictions["model"] == "features"].reset_index(drop=True)
    columns = ["case", "fold", "setting", *(f"p_{level}" for level in STAGES)]
    stager = main[main["model"] == "logistic"].reset_index(drop=True)
    # One scanner, so that there is no leave-one-scanner-out.
    assert set(stager["setting"]) == set(own["setting"]) == {"cv"}
    pd.testing.assert_frame_equal(own[columns], stager[columns], check_dtype=False)
    assert tuple(added.columns) == ADDED_COLUMNS
    assert tuple(cutoffs.columns) == CUTOFF_COLUMNS
    assert failures.empty
    assert set(metrics["model"]) == set(predictions["model"])
    before = {name: (tmp_path / name).stat().st_mtime_ns for name in CLINICAL_FILES}
    assert clinical_step(study, table, SCHEME, folder, "hash", silent) == []
    assert before == {name: (tmp_path / name).stat().st_mtime_ns for name in CLINICAL_FILES}
    plain = study.model_copy(update={"clinical": None})
    assert clinical_step(plain, table, SCHEME, folder, "hash", silent) == []
    assert not any((tmp_path / name).exists() for name in CLINICAL_FILES)


def test_a_score_in_another_unit_costs_itself_and_names_the_case(tmp_path: Path) -> None:
    table = clinical_cohort("noise", 3, n=60)
    obs = table.obs.assign(PLT=table.obs["platelets"] * 1000).drop(columns="platelets")
    study = study_of(columns={"platelets": "PLT"})
    table, folder = FeatureTable(table.X, obs), RunFolder(tmp_path)
    for _ in range(2):
        failed = clinical_step(study, table, SCHEME, folder, "hash", silent)
        assert [f.step for f in failed] == ["clinical", "clinical"]
        assert failed[0].reason.startswith("case 'c000': platelets are not possible in 10^9/l")
    assert set(pd.read_csv(tmp_path / CLINICAL_FILES[2])["base"]) == {"clinical"}
    alone = study_of(covariates=[], columns={"platelets": "PLT"})
    failed = clinical_step(alone, table, SCHEME, folder, "hash", silent)
    assert failed[0].reason.startswith("no clinical model could be made")
    assert not any((tmp_path / name).exists() for name in CLINICAL_FILES)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"covariates": [], "scores": []}, "name covariates or scores"),
        ({"covariates": ["age", "age"]}, "a covariate is named twice"),
        ({"scores": ["fib5"]}, "fib4"),
        ({"scores": ["apri"], "columns": {"alt": "ALT"}}, "columns of no score: alt"),
        ({"columns": {"ast": "AST", "plt": "PLT"}}, "plt"),
        ({"uln_ast": 0.6}, "uln_ast"),
        ({"thresholds": [0.0]}, "thresholds"),
        ({"covariate": ["age"]}, "covariates"),
    ],
)
def test_the_study_file_is_strict(said: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        study_of(**said)


def test_stages_without_an_order_are_refused(tmp_path: Path) -> None:
    scheme = make_scheme("causes", ("s1", "s2", "s3", "s4"), None, False)
    table = clinical_cohort("noise", 1, n=60)
    failed = clinical_step(study_of(), table, scheme, RunFolder(tmp_path), "hash", silent)
    assert [f.step for f in failed] == ["clinical"]
    assert "order" in failed[0].reason


def test_a_run_writes_and_reports_them(tmp_path: Path) -> None:
    quick = STUDY.replace("{folds: 3, n_boot: 100}", "{settings: [cv], folds: 2, n_boot: 100}")
    text = quick + "export: [csv]\nexamples: 0\nclinical: {covariates: [age], folds: 2}\n"
    frame = write_pictures(tmp_path, n_patients=8, images=1)
    frame["age"] = frame["patient"].str[1:].astype(int) % 5 + 40.0
    study = StudyConfig.from_yaml(write_study(tmp_path, frame, text))
    done = run_study(study, root=tmp_path, out=tmp_path / "run", workers=1)
    assert not [f for f in done.failures if f.step == "clinical"]
    assert (verify_run(tmp_path / "run")["status"] == "ok").all()
    added = pd.read_csv(tmp_path / "run" / CLINICAL_FILES[2])
    # Two of the five stages of the scheme have patients.
    assert set(added["base"]) == {"clinical"}
    page = done.report.read_text(encoding="utf-8")
    assert "Added value of the features" in page
    assert "Covariates with features" in page
