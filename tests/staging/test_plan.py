"""Plans: every part by name, built, learnt, stored and read back."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from radiofib.errors import ConfigError
from radiofib.evaluation import cross_validate
from radiofib.staging import (
    STAGERS,
    ChainStager,
    LogisticStager,
    StagerInputError,
    StagerPlan,
    load_stager,
    save_stager,
    stager_frame,
)
from radiofib.staging.parts import PARTS
from radiofib.staging.recalibrate import RecalibratedStager
from radiofib.staging.rows import inner_folds
from radiofib.table import FeatureTable

pytestmark = pytest.mark.filterwarnings("ignore::radiofib.staging.FallbackWarning")
FEW_TREES = {"n_estimators": 10}
QUICK = {
    "random_forest": FEW_TREES,
    "xgboost": FEW_TREES,
    "xgboost_ordinal": FEW_TREES,
    "xgboost_focal": FEW_TREES,
    "explainable_boosting": {"max_rounds": 20, "outer_bags": 2},
}
#: section -> name -> parameters that make it quick, or that it needs.
NEEDS: dict[str, dict[str, dict[str, object]]] = {
    "select": {
        "mrmr": {"n_features": 4},
        "reliability": {"threshold": 0.1},
        "stability": {"pairs": 2},
    },
    "reduce": {"pca": {"n_components": 2}, "pls": {"n_components": 2}},
    "fusion": {"middle": {"n_components": 2}},
    "harmonise": {name: {"min_rows": 2} for name in ("combat", "scale")},
}


def small(levels=("s1", "s2", "s3", "s4"), n=64, rows=2, seed=0):
    """Patients with two rows, three channels, one of which is missing for a third of them."""
    rng = np.random.default_rng(seed)
    stage = np.tile(np.array(levels), n)[:n]
    code = np.tile(np.arange(len(levels)), n)[:n]
    columns = [f"{c}_original_glcm_f{i}" for c in ("t1", "dwi", "ged4") for i in range(4)]
    person = rng.normal(size=(n, len(columns))) + 1.2 * code[:, None] * (np.arange(12) % 4 == 0)
    X = np.repeat(person, rows, axis=0) + 0.3 * rng.normal(size=(n * rows, len(columns)))
    scanner = np.repeat(np.where(np.arange(n) // len(levels) % 2, "B", "A"), rows)
    X[scanner == "B"] += 1.5
    frame = pd.DataFrame(X, columns=columns)
    frame.loc[np.repeat(np.arange(n) // len(levels) % 3 == 0, rows), columns[4:8]] = np.nan
    patient = np.repeat([f"p{i:02d}" for i in range(n)], rows)
    obs = pd.DataFrame({"case": [f"{p}-{i % rows}" for i, p in enumerate(patient)]})
    obs = obs.assign(
        patient=patient, scanner=scanner, vendor=np.where(scanner == "A", "x", "y"), field_t=1.5
    )
    obs["stage"] = pd.Categorical(np.repeat(stage, rows), list(levels), ordered=True)
    return FeatureTable(frame, obs)


def plans():
    """One plan for each part of each section."""
    found = {}
    for section, names in PARTS.items():
        for name in names:
            params = NEEDS.get(section, {}).get(name, {})
            if section == "context":
                plan = (
                    {"flags": ["vendor", "field_t"]} if name == "flags" else {"interaction": True}
                )
            elif section == "stack":
                plan = {"stack": ["proportional_odds", "elastic_net"]}
            else:
                plan = {section: {"name": name, "params": params}}
            found[f"{section}: {name}"] = plan
    return found


def everything():
    return {
        "name": "logistic",
        "scanner_flag": True,
        "flags": ["vendor"],
        "harmonise": {"name": "combat", "params": {"min_rows": 2}},
        "missing": [{"name": "dropout"}, "regress"],
        "balance": "class_weight",
        "curriculum": "uncertainty",
        "fusion": "late",
        "recalibrate": {"name": "logistic", "params": {"folds": 3}},
    }


@pytest.mark.parametrize(
    "settings", [*plans().values(), everything()], ids=[*plans(), "everything"]
)
def test_every_part_learns_is_stored_and_says_the_same_again(settings, tmp_path):
    # Step functions ask for many patients.
    table = small(n=320, rows=1) if "isotonic" in str(settings) else small(n=72)
    plan = StagerPlan.parse({"name": "logistic", **settings}, where="study")
    stager = plan.build(random_state=3)
    X = stager_frame(table, stager.context_columns)
    y = table.obs["stage"].astype(str).to_numpy()
    fitted = stager.fit(X, y)
    proba = fitted.predict_proba(X)
    assert proba.sum(axis=1) == pytest.approx(np.ones(len(X)), abs=1e-9)
    assert (fitted.predict(X) == y).mean() > 0.4
    save_stager(fitted, tmp_path / "model.skops")
    read, facts = load_stager(tmp_path / "model.skops")
    assert (read.predict_proba(X) == proba).all()
    assert facts["context_columns"] == list(stager.context_columns)
    again = plan.build(random_state=3).fit(X, y).predict_proba(X)
    assert (again == proba).all()


@pytest.mark.parametrize("name", STAGERS)
def test_every_learner_is_stored_and_says_the_same_again(name, tmp_path):
    table = small(levels=("s1", "s4") if name == "firth" else ("s1", "s2", "s3", "s4"))
    plan = StagerPlan(name=name, params=QUICK.get(name, {}), scanner_flag=True)
    stager = plan.build()
    X = stager_frame(table, stager.context_columns)
    fitted = stager.fit(X, table.obs["stage"].astype(str).to_numpy())
    save_stager(fitted, tmp_path / "model.skops")
    read, _ = load_stager(tmp_path / "model.skops")
    assert (read.predict_proba(X) == fitted.predict_proba(X)).all()


@pytest.mark.parametrize("setting", ["cv", "loso"])
def test_everything_at_once_is_judged_on_patients_it_did_not_see(setting):
    plan = StagerPlan.parse(
        {**everything(), "harmonise": {"name": "scale", "params": {"unseen": "pass"}}}, where="s"
    )
    predictions, failures = cross_validate(
        small(n=160, rows=1), plan.build(), setting=setting, folds=2
    )
    assert not failures
    assert len(predictions) == 160
    assert predictions.filter(like="p_").notna().all(axis=None)


def test_an_unseen_scanner_is_refused_by_name_unless_it_may_pass():
    plan = StagerPlan.parse({"harmonise": {"name": "combat"}, "name": "logistic"}, where="s")
    predictions, failures = cross_validate(small(), plan.build(), setting="loso")
    assert len(predictions) == 0
    assert len(failures) == 2
    assert all("not seen in training" in f.reason or "unseen" in f.reason for f in failures)


def test_nothing_asked_for_is_the_bare_learner():
    assert type(StagerPlan(name="logistic").build()) is LogisticStager
    assert not StagerPlan().uses_scanner


def test_probabilities_that_were_shifted_are_corrected_unless_told_otherwise():
    for settings in (
        {"balance": "smote"},
        {"balance": "bags"},
        {"params": {"class_weight": "balanced"}},
        {"name": "xgboost_focal"},
    ):
        built = StagerPlan.parse({"name": "logistic", **settings}, where="s").build()
        assert type(built) is RecalibratedStager, settings
        left = StagerPlan.parse({"name": "logistic", "recalibrate": "none", **settings}, where="s")
        assert type(left.build()) is not RecalibratedStager


def test_steps_stand_in_their_order():
    plan = StagerPlan.parse({**everything(), "fusion": None}, where="s")
    built = plan.build()
    assert type(built) is RecalibratedStager
    assert type(built.stager) is ChainStager
    assert [type(step).__name__ for step in built.stager.steps] == [
        "ComBatHarmoniser",
        "BlockDropout",
        "BlockRegression",
        "ContextFlags",
        "ClassWeights",
        "UncertaintyWeights",
    ]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"missing": "medain"}, "did you mean 'median'"),
        ({"missing": {"name": "dropout", "params": {"rat": 0.5}}}, "did you mean 'rate'"),
        ({"fusion": "lat"}, "unknown fusion 'lat'"),
        ({"fusion": {"name": "early", "params": {"a": 1}}}, "no parameters"),
        ({"harmonize": "combat"}, "did you mean 'harmonise'"),
        ({"recalibrate": {"name": "logistic", "params": {"method": "isotonic"}}}, "'method'"),
        ({"balance": {"name": "smote", "params": {"random_state": 1}}}, "random_state"),
        ({"flags": ["scanner"]}, "scanner_flag: true"),
        ({"name": "logistik"}, "did you mean 'logistic'"),
        ({"stack": ["logistik"]}, "did you mean 'logistic'"),
    ],
    ids=str,
)
def test_what_is_misspelt_is_named(settings, message):
    with pytest.raises(ConfigError, match=message):
        StagerPlan.parse(settings, where="study").build()


def test_stages_without_an_order_are_refused_by_parts_that_read_one():
    plan = StagerPlan.parse({"name": "logistic", "ordinal": "cumulative"}, where="s")
    with pytest.raises(ConfigError, match="ordinal: cumulative"):
        plan.check_order(["none", "severe", "mild"], ordered=True)
    StagerPlan(name="logistic").check_order(["none", "severe", "mild"], ordered=False)


def test_a_context_column_that_is_not_there_is_named():
    table = small()
    plan = StagerPlan.parse({"name": "logistic", "flags": ["field"]}, where="s")
    with pytest.raises(Exception, match="'field'"):
        cross_validate(table, plan.build(), folds=2)
    with pytest.raises(StagerInputError):
        plan.build().fit(table.X, table.obs["stage"].astype(str))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"select": {"name": "mrmr", "params": {"n_features": "many"}}},
         r"'n_features' of select 'mrmr'.*a whole number; found text 'many'"),
        ({"select": {"name": "mrmr", "params": {"n_features": "5"}}}, "without quotes"),
        ({"select": {"name": "mrmr", "params": {"n_features": True}}}, "found true"),
        ({"select": {"name": "mrmr", "params": {"n_features": None}}}, "found null"),
        ({"reduce": {"name": "pca", "params": {"n_components": [3]}}}, "expected a number; "),
        ({"missing": {"name": "dropout", "params": {"rate": "half"}}}, "missing 'dropout'"),
        ({"name": "logistic", "params": {"C": "1e-3"}}, "'C' of stager 'logistic'"),
        ({"name": "xgboost", "params": {"monotone": {"t1_a": "up"}}}, "names, each with a whole"),
        ({"stack": [{"name": "random_forest", "params": {"max_depth": 2.5}}]}, "number or null"),
        ({"vote": {"name": "folds", "params": {"folds": "5"}}}, "vote 'folds'"),
    ],
    ids=str,
)  # fmt: skip
def test_a_parameter_of_the_wrong_type_is_named_before_any_fit(settings, message):
    with pytest.raises(ConfigError, match=message):
        StagerPlan.parse(settings, where="study").build()


def test_whole_numbers_stand_for_numbers_and_none_where_it_may():
    for settings in (
        {"params": {"C": 1}},
        {"name": "random_forest", "params": {"max_depth": None, "max_features": 0.5}},
        {"select": {"name": "mrmr", "params": {"n_features": np.int64(4)}}},
        {"select": {"name": "reliability", "params": {"known": {"t1_a": 1}}}},
        {"vote": {"name": "folds", "params": {"folds": None}}},
        {"reduce": {"name": "pca", "params": {"n_components": 3}}},
    ):
        StagerPlan.parse(settings, where="study").build()


def test_none_is_among_the_recalibrations_that_a_message_lists():
    with pytest.raises(ConfigError, match=r"'platt': logistic, .*none"):
        StagerPlan.parse({"recalibrate": "platt"}, where="study")


def test_messages_call_stages_by_their_plain_names():
    X = pd.DataFrame({"t1_a": [1.0, 2.0, 3.0]})
    with pytest.raises(StagerInputError, match=r"found 's1' in all 3 rows"):
        LogisticStager().fit(X, np.array(["s1"] * 3))
    with pytest.raises(StagerInputError, match=r"stage 's2' has one training patient"):
        list(inner_folds(np.array(["s1", "s1", "s2"]), None, 2))
