"""The key ``ablate``: what it refuses, and what a combination becomes."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from radiofib.config import parse_yaml
from radiofib.errors import ConfigError
from radiofib.staging import StagerPlan
from radiofib.study.ablate import ablation_runs
from radiofib.study.ablate_config import AblationConfig, LevelPatch, apply_patches
from radiofib.study.config import StudyConfig

FACTORS: dict[str, Any] = {
    "learner": {"logistic": {"name": "logistic"}, "trees": {"name": "xgboost"}},
    "flag": {"no": {}, "yes": {"scanner_flag": True}},
}


def config(**keys: Any) -> AblationConfig:
    return AblationConfig.parse({"factors": FACTORS, **keys}, where="study.yaml")


def study(ablate: dict[str, Any], **keys: Any) -> StudyConfig:
    return StudyConfig.parse({"title": "A", "cohort": "c.csv", "ablate": ablate, **keys}, where="s")


@pytest.mark.parametrize(
    ("factors", "message"),
    [
        ({}, "at least one factor"),
        ({"a": {"x": {}}}, "'a' needs at least two levels"),
        ({"a": {"x": {}, "y": {}}}, "change the same: x, y"),
        ({"run": {"x": {}, "y": {"scanner_flag": True}}}, "'run' is a column of the results"),
        ({"a": {"x": {}, "y": {"harmonize": "combat"}}}, "did you mean 'harmonise'"),
        ({"a": {"x": {}, "y": {"chanels": ["t1"]}}}, "did you mean 'channels'"),
        ({"a": {"x": {}, "y": {"channels": []}}}, "'channels' must list at least one"),
        ({"A b": {"x": {}, "y": {"scanner_flag": True}}}, "not a name of a factor"),
        ({"a": {"=x": {}, "y": {"scanner_flag": True}}}, "not a name of a level"),
        ({"a": {True: {}, False: {"scanner_flag": True}}}, "put the name in quotes"),
        ({"a": {"x": {}, "y": {"select": [{"nam": "mrmr"}]}}}, "'nam"),
    ],
)
def test_what_cannot_be_compared_is_refused(factors: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        AblationConfig.parse({"factors": factors}, where="study.yaml")


@pytest.mark.parametrize(
    ("other", "named"),
    [
        ({"x": {}, "y": {"scanner_flag": False, "harmonise": None}}, "'scanner_flag'"),
        ({"x": {}, "y": {"params": {"C": 2.0}}}, "'name' or 'params'"),
    ],
)
def test_factors_that_set_the_same_key_are_named(other: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError) as error:
        config(factors={**FACTORS, "third": other})
    text = str(error.value)
    owner = "flag" if "flag" in named else "learner"
    assert f"'{owner}'" in text
    assert "'third'" in text
    assert named in text


def test_an_empty_level_changes_nothing_and_null_is_a_value() -> None:
    data = parse_yaml("factors: {a: {as is: , without: {harmonise: null}}}")
    patches = AblationConfig.parse(data, where="s").factors["a"]
    assert patches["as is"].sets() == ()
    assert patches["without"].sets() == ("harmonise",)
    base = StagerPlan.parse({"harmonise": "combat"}, where="s")
    assert apply_patches(base, {"a": patches["as is"]}, where="r").harmonise is not None
    assert apply_patches(base, {"a": patches["without"]}, where="r").harmonise is None


def test_another_learner_does_not_keep_the_parameters() -> None:
    base = StagerPlan(name="logistic", params={"C": 3.0})
    same = LevelPatch.parse({"scanner_flag": True}, where="s")
    other = LevelPatch.parse({"name": "xgboost"}, where="s")
    both = LevelPatch.parse({"name": "logistic"}, where="s")
    assert apply_patches(base, {"a": same}, where="r").params == {"C": 3.0}
    assert apply_patches(base, {"a": other}, where="r").params == {}
    assert apply_patches(base, {"a": both}, where="r").params == {"C": 3.0}


def test_a_study_that_was_written_out_reads_back_the_same() -> None:
    first = study({"factors": FACTORS})
    written = yaml.safe_dump(first.model_dump(mode="json"))
    again = StudyConfig.parse(parse_yaml(written), where="s")
    assert again == first
    assert again.ablate is not None
    assert again.ablate.factors["flag"]["no"].sets() == ()


def test_a_table_of_features_needs_no_cohort() -> None:
    data = {"title": "A", "ablate": {"factors": FACTORS, "features": "f.parquet"}}
    assert StudyConfig.parse(data, where="s").cohort is None
    with pytest.raises(ConfigError, match="give either 'card' or 'cohort'"):
        StudyConfig.parse({"title": "A", "ablate": {"factors": FACTORS}}, where="s")


def test_combinations_become_stagers() -> None:
    one = study({"factors": FACTORS}, stager={"name": "random_forest"})
    assert one.ablate is not None
    design, runs = ablation_runs(one, one.ablate, 3)
    assert design.frame()["run"].tolist() == ["r001", "r002", "r003", "r004"]
    assert [run.levels for run in runs][1] == {"learner": "logistic", "flag": "yes"}
    assert [type(run.branch.end).__name__ for run in runs] == ["LogisticStager"] * 2 + [
        "XGBoostStager"
    ] * 2
    assert [run.branch.context_columns for run in runs] == [(), ("scanner",)] * 2
    assert {run.branch.end.random_state for run in runs} == {3}


def test_a_combination_that_cannot_be_built_is_named() -> None:
    bad = study({"factors": {"a": {"x": {}, "y": {"params": {"tres": 5}}}}})
    assert bad.ablate is not None
    with pytest.raises(ConfigError, match=r"a=y.*unknown parameter.*'tres'"):
        ablation_runs(bad, bad.ablate, 0)
