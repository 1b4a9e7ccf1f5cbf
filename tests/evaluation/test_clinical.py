"""Clinical models beside the stager: same folds, nothing seen twice, added value as planted."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest

from radiofib.errors import ConfigError, TableError, UsageError
from radiofib.evaluation import cross_validate
from radiofib.evaluation.clinical import (
    FEATURES,
    clinical_predictions,
    setting_splits,
    stage_score,
    with_features,
)
from radiofib.evaluation.clinical_models import CLINICAL, covariate_model, score_model
from radiofib.evaluation.clinical_value import ADDED_COLUMNS, added_value, cutoff_rows
from radiofib.staging import BaseStager, make_stager, targets_for
from radiofib.table import FeatureTable
from tests.evaluation.clinical_cohorts import COHORTS, STAGES, clinical_cohort

COVARIATES = ("age", "sex", "ast", "alt", "platelets")
CLAIMS = Path(__file__).parent.parent / "reference" / "added_value_claims.csv"
TARGETS = targets_for(STAGES)


def compared(table, stager=None, names=COVARIATES, scores=("fib4",), setting="cv", inner=2):
    models = [covariate_model(table, names), *(score_model(table, s) for s in scores)]
    run = clinical_predictions(
        table,
        stager or make_stager("logistic"),
        models,
        setting_splits(table, setting),
        levels=STAGES,
        setting=setting,
        folds=inner,
    )
    return run, added_value(run, models, TARGETS)


@pytest.fixture(scope="module")
def table():
    return clinical_cohort("added", 5, n=120)


@pytest.fixture(scope="module")
def done(table):
    return compared(table, scores=("fib4", "apri"))


def test_all_models_are_tested_in_the_folds_of_the_stager(table, done):
    run, _ = done
    own, failures = cross_validate(table, make_stager("logistic"))
    assert not failures
    assert not run.failures
    parts = dict(list(run.predictions.groupby("model", sort=False)))
    assert list(parts) == [
        FEATURES,
        *("clinical", "fib4", "apri"),
        *("clinical + features", "fib4 + features", "apri + features"),
    ]
    for part in parts.values():
        assert part["case"].tolist() == own["case"].tolist()
        assert part["fold"].tolist() == own["fold"].tolist()
    columns = [f"p_{level}" for level in STAGES]
    assert parts[FEATURES][columns].to_numpy() == pytest.approx(own[columns].to_numpy())
    for part in parts.values():
        assert part[columns].to_numpy().sum(axis=1) == pytest.approx(1)


def test_scanners_are_left_out_alike(table):
    obs = table.obs.assign(scanner=np.resize(["a", "b", "c"], len(table.obs)))
    named = FeatureTable(table.X, obs)
    run, found = compared(named, setting="loso", scores=())
    own, _ = cross_validate(named, make_stager("logistic"), setting="loso")
    part = run.predictions[run.predictions["model"] == "clinical + features"]
    assert part["fold"].tolist() == own["fold"].tolist()
    assert part["domain"].tolist() == own["domain"].tolist() == ["unseen_scanner"] * len(own)
    assert set(found["setting"]) == {"loso"}


def test_the_table_has_the_agreed_rows(done):
    run, found = done
    assert tuple(found.columns) == ADDED_COLUMNS
    assert len(run.predictions) == 7 * 120
    tests = found[found["measure"] == "likelihood_ratio"]
    assert tests["base"].tolist() == ["clinical", "fib4", "apri"]
    assert (tests["adjustment"] == "Holm over 3").all()
    assert (tests["n"] == 120).all()
    assert set(tests["verdict"]) <= {"added", "not shown"}
    # Three bases, with features and features alone, two questions: AUC, Brier, three benefits.
    assert len(found) == 3 + 3 * 2 * 2 * 5
    areas = found[found["measure"] == "auc_difference"]
    assert areas["p_adjusted"].notna().all()
    assert set(areas["adjustment"]) == {"Holm over 6"}
    assert areas["method"].str.startswith("DeLong, paired, within 5 folds").all()
    assert not found["measure"].isin(["idi", "nri"]).any()
    net = found[found["measure"] == "net_benefit_difference"]
    assert sorted(set(net["threshold"])) == [0.25, 0.5, 0.75]
    assert found["estimate"].notna().all()


class Memory(BaseStager):
    """Knows every patient it has seen by heart, and nothing of any other."""

    seen: ClassVar[list[tuple[tuple[str, ...], int]]] = []

    def __init__(self, scanner_column=None, random_state=0):
        self.scanner_column = scanner_column
        self.random_state = random_state

    def _fit_learner(self, features, flags, codes, weights):
        self.known_ = {tuple(row): int(c) for row, c in zip(features.tolist(), codes, strict=True)}
        Memory.seen.append((tuple(self.feature_names_in_), len(features)))

    def _learner_proba(self, features, flags):
        k = len(self.classes_)
        proba = np.full((len(features), k), 1 / k)
        for place, row in enumerate(features.tolist()):
            code = self.known_.get(tuple(row))
            if code is None:
                proba[place, int(abs(row[0]) * 1e6) % k] += 1.0
            else:
                proba[place, code] += 50.0
        return proba / proba.sum(axis=1, keepdims=True)


def test_no_score_is_weighed_on_rows_its_stager_has_seen(table):
    Memory.seen.clear()
    run, found = compared(table, Memory())
    # Weighed on remembered rows, guesses for the others would drown the covariates.
    lost = found[(found["measure"] == "auc_difference") & (found["model"] != FEATURES)]
    assert (lost["estimate"] > -0.05).all()
    assert (found.loc[found["measure"] == "likelihood_ratio", "verdict"] == "not shown").all()
    assert len(run.predictions) == 5 * 120
    # Five folds, each with one fit on its training rows and two on halves of them.
    sizes = sorted(n for _, n in Memory.seen)
    assert sizes[-5:] == [96] * 5
    assert len(sizes) == 15
    assert sizes[-6] <= 50
    # And covariates were never among what the stager saw.
    assert {names for names, _ in Memory.seen} == {tuple(table.X.columns)}


def test_a_covariate_among_the_features_is_refused(table):
    both = FeatureTable(table.X.assign(age=table.obs["age"]), table.obs.drop(columns="age"))
    with pytest.raises(ConfigError, match="covariate 'age' is among the features"):
        covariate_model(both, ["age"])
    with pytest.raises(ConfigError, match="is among the features"):
        score_model(both, "fib4")


def test_covariates_are_numbers_as_they_are_and_flags():
    obs = pd.DataFrame(
        {
            "case": list("abcd"),
            "age": [20, 40.5, None, 80],
            "years": ["20", "40.5", "", "80"],
            "cause": ["viral", None, "alcohol", " other "],
            "treated": [True, False, True, True],
            "empty": [None, "", " ", np.nan],
            "remark": ["a", "b", "c", "d"],
            "stage": ["s1", "s1", "s4", "s4"],
        }
    )
    table = FeatureTable(pd.DataFrame({"t1_x": [1.0, 2, 3, 4]}), obs)
    found = covariate_model(table, ["age", "years", "cause", "treated"])
    assert found.name == CLINICAL
    nan = np.nan
    wanted = {
        "age": [20, 40.5, nan, 80],
        "years": [20, 40.5, nan, 80],
        "cause_is_other": [0, nan, 0, 1],
        "cause_is_viral": [1, nan, 0, 0],
        "treated": [1, 0, 1, 1],
    }
    pd.testing.assert_frame_equal(found.columns, pd.DataFrame(wanted, dtype=float))
    assert [n.partition(":")[0] for n in found.notes] == [
        "age missing in 1 of 4 rows",
        "years missing in 1 of 4 rows",
        "cause missing in 1 of 4 rows",
    ]
    with pytest.raises(ConfigError, match="covariate 'empty' is empty"):
        covariate_model(table, ["empty"])
    with pytest.raises(ConfigError, match=r"covariate 'aeg'.*age"):
        covariate_model(table, ["aeg"])
    many = FeatureTable(
        pd.DataFrame({"t1_x": np.arange(12.0)}),
        pd.DataFrame({"case": [f"c{k}" for k in range(12)], "name": [f"n{k}" for k in range(12)]}),
    )
    with pytest.raises(ConfigError, match="holds texts of 12 kinds"):
        covariate_model(many, ["name"])
    with pytest.raises(TableError, match="infinite"):
        covariate_model(FeatureTable(table.X, obs.assign(age=np.inf)), ["age"])


def test_scores_name_the_case_that_cannot_be(table):
    obs = table.obs.copy()
    obs.loc[7, "platelets"] = 210_000
    with pytest.raises(UsageError, match="case 'c007': platelets are not possible in 10\\^9/l"):
        score_model(FeatureTable(table.X, obs), "fib4")
    texts = obs["ast"].astype(object)
    texts[3] = "< 40"
    with pytest.raises(TableError, match="case 'c003', column 'ast': a serum score needs numbers"):
        score_model(FeatureTable(table.X, obs.assign(ast=texts)), "apri")
    with pytest.raises(ConfigError, match="ast of apri, 'ast'"):
        score_model(FeatureTable(table.X, obs.drop(columns="ast")), "apri")


def test_missing_values_are_filled_and_named(table):
    obs = table.obs.copy()
    obs.loc[:4, "age"] = np.nan
    obs.loc[10, "platelets"] = np.nan
    run, found = compared(FeatureTable(table.X, obs))
    assert len(run.predictions) == 5 * 120
    notes = found[found["measure"] == "likelihood_ratio"].set_index("base")["note"]
    assert "age missing in 5 of 120 rows: median of the training rows" in notes["clinical"]
    assert "platelets missing in 1 of 120 rows" in notes["clinical"]
    assert "fib4 missing in 6 of 120 rows" in notes["fib4"]


def test_the_median_is_that_of_the_training_rows(table):
    splits = setting_splits(table, "cv")
    obs = table.obs.copy()
    gone = int(splits[0].test[0])
    obs.loc[gone, "age"] = np.nan
    shifted = obs.copy()
    others = splits[0].test[1:]
    shifted.loc[others, "age"] += 30
    found = []
    for frame in (obs, shifted):
        run, _ = compared(FeatureTable(table.X, frame), names=("age",), scores=())
        part = run.predictions[run.predictions["model"] == CLINICAL].set_index("case")
        found.append(part.loc[obs["case"][gone], "p_s4"])
    assert found[0] == found[1]


def test_two_rows_of_a_patient_are_one_patient(table):
    twice = FeatureTable(
        pd.concat([table.X] * 2, ignore_index=True),
        pd.concat([table.obs] * 2, ignore_index=True),
    )
    _, once = compared(table, make_stager("logistic", C=0.02), scores=())
    _, often = compared(twice, make_stager("logistic", C=0.01), scores=())
    tests = [f[f["measure"] == "likelihood_ratio"].iloc[0] for f in (once, often)]
    assert tests[0]["n"] == tests[1]["n"] == 120
    assert tests[1]["estimate"] == pytest.approx(tests[0]["estimate"], rel=0.02)


def test_a_fold_that_fails_costs_the_features_only(table):
    class Broken(Memory):
        def _fit_learner(self, features, flags, codes, weights):
            raise ValueError("no")

    run, found = compared(table, Broken(), scores=())
    assert set(run.predictions["model"]) == {CLINICAL}
    assert len(run.failures) == 5
    assert run.failures[0].reason.startswith("features, fold 1:")
    assert found.empty
    assert tuple(found.columns) == ADDED_COLUMNS


def test_cutoffs_do_what_was_published(table):
    models = [score_model(table, "fib4"), score_model(table, "apri")]
    found = cutoff_rows(table, models, TARGETS, levels=STAGES)
    value, s4 = models[0].scores, (table.obs["stage"] == "s4").to_numpy()
    rows = found[(found["score"] == "fib4") & (found["target"] == "s4_vs_s1-3")]
    low = rows[rows["cutoff"] == 1.45].set_index("measure")["estimate"]
    assert low["sensitivity"] == pytest.approx((value[s4] >= 1.45).mean())
    assert low["share"] == pytest.approx((value < 1.45).mean())
    high = rows[rows["cutoff"] == 3.25].set_index("measure")["estimate"]
    assert high["specificity"] == pytest.approx((value[~s4] <= 3.25).mean())
    old = rows[(rows["cutoff"] == 2.0) & (rows["measure"] == "share")].iloc[0]
    assert old["n"] == int((table.obs["age"] >= 65).sum())
    without = FeatureTable(table.X, table.obs.drop(columns="age"))
    assert len(cutoff_rows(without, models[1:], TARGETS, levels=STAGES)) == 4 * 2 * 3


def test_the_score_of_a_stage_rises_with_it():
    proba = np.array([[1, 0, 0, 0], [0.4, 0.3, 0.2, 0.1], [0.1, 0.2, 0.3, 0.4], [0, 0, 0, 1.0]])
    found = stage_score(proba)
    assert (np.diff(found) > 0).all()
    assert found[0] == pytest.approx(-found[-1])
    assert np.isfinite(found).all()


def _claims() -> dict[tuple[str, str], tuple[float, float]]:
    with CLAIMS.open(encoding="utf-8") as stream:
        return {
            (r["cohort"], r["measure"]): (float(r["least"]), float(r["most"]))
            for r in csv.DictReader(stream)
        }


def _seeds(
    cohort: str, count: int, scores: tuple[str, ...] = ("fib4",)
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return verdicts by base and differences of AUC over the covariates, by seed."""
    verdicts, areas = [], []
    for seed in range(count):
        _, found = compared(clinical_cohort(cohort, 1000 + seed), scores=scores, inner=5)
        tests = found[found["measure"] == "likelihood_ratio"].set_index("base")
        verdicts.append((tests["verdict"] == "added").to_dict())
        both = f"{CLINICAL} + {FEATURES}"
        own = found[(found["measure"] == "auc_difference") & (found["model"] == both)]
        areas.append(own.set_index("target")["estimate"].to_dict())
    return pd.DataFrame(verdicts), pd.DataFrame(areas)


@pytest.mark.parametrize(("cohort", "adds"), [("added", True), ("nothing beyond", False)])
def test_one_cohort_of_either_kind(cohort, adds):
    _, found = compared(clinical_cohort(cohort, 77))
    tests = found[found["measure"] == "likelihood_ratio"].set_index("base")["verdict"]
    assert tests[CLINICAL] == ("added" if adds else "not shown")


@pytest.mark.proof
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("cohort", COHORTS)
def test_planted_added_value_is_found_and_none_is_made_up(cohort):
    verdicts, areas = _seeds(cohort, 20)
    found = {
        "seeds of 20 in which added value over the covariates is claimed": [
            verdicts[CLINICAL].sum()
        ],
        "seeds of 20 in which added value over FIB-4 is claimed": [verdicts["fib4"].sum()],
        "mean difference of AUC over the covariates in 20 seeds": areas.mean().tolist(),
    }
    asked = {measure: limits for (name, measure), limits in _claims().items() if name == cohort}
    for measure, (least, most) in asked.items():
        for value in found.get(measure, []):
            assert least <= value <= most, (measure, value)


@pytest.mark.proof
@pytest.mark.timeout(3600)
def test_noise_is_claimed_no_more_often_than_said():
    verdicts, _ = _seeds("noise", 200, scores=())
    measure = "share of 200 seeds in which added value over the covariates is claimed"
    least, most = _claims()["noise", measure]
    assert least <= verdicts[CLINICAL].mean() <= most


def test_names_of_models_with_features(table):
    assert with_features(covariate_model(table, ["age"])) == "clinical + features"
