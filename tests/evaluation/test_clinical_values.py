"""Single impossible values of clinical columns cost a cell, not a model."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from radiofib.errors import UsageError
from radiofib.evaluation.clinical_models import covariate_model, score_model
from radiofib.evaluation.clinical_values import without_impossible
from radiofib.table import FeatureTable

N = 60


@pytest.fixture
def obs():
    rng = np.random.default_rng(1)
    return pd.DataFrame(
        {
            "case": [f"c{k:02d}" for k in range(N)],
            "age": rng.integers(30, 80, N),
            "AST": rng.integers(20, 90, N),
            "alt": rng.integers(20, 90, N),
            "platelets": rng.integers(120, 300, N),
            "sex": ["f", "m"] * (N // 2),
        }
    )


def cleaned(obs):
    table = FeatureTable(pd.DataFrame({"t1_x": np.arange(float(len(obs)))}), obs)
    return without_impossible(table, ["age", "sex"], ["fib4", "apri"], {"ast": "AST"})


def test_each_impossible_value_is_missing_and_listed(obs):
    for column in ("age", "AST"):
        obs[column] = obs[column].astype(object)
    obs.loc[3, "age"], obs.loc[7, "AST"], obs.loc[9, "AST"] = 350, -5, "<5"
    table, failures = cleaned(obs)
    assert [f.case for f in failures] == ["c03", "c07", "c09"]
    for failure, words in zip(
        failures, (("'age'", "350"), ("'AST'", "-5"), ("'AST'", "'<5'")), strict=True
    ):
        assert all(word in failure.reason for word in words)
    fib4 = score_model(table, "fib4", {"ast": "AST"})
    assert np.flatnonzero(np.isnan(fib4.scores)).tolist() == [3, 7, 9]
    ages = covariate_model(table, ["age", "sex"]).columns
    assert np.flatnonzero(ages["age"].isna()).tolist() == [3]
    assert obs.loc[3, "age"] == 350


def test_possible_values_are_left_alone(obs):
    table, failures = cleaned(obs.assign(alt=obs["alt"].where(obs["alt"] > 30)))
    assert failures == []
    assert table.obs["age"].tolist() == obs["age"].tolist()


def test_a_column_in_a_wrong_unit_stays_refused(obs):
    for rows in (slice(None), slice(0, 3)):  # all, and four of sixty
        wrong = obs.copy()
        wrong.loc[rows, "platelets"] *= 1000
        table, failures = cleaned(wrong)
        assert failures == []
        with pytest.raises(UsageError, match="platelets are not possible"):
            score_model(table, "fib4", {"ast": "AST"})


def test_rows_of_one_patient_count_once(obs):
    obs["patient"] = [f"p{k // 6}" for k in range(N)]
    obs.loc[:5, "age"] = 350
    assert len(cleaned(obs)[1]) == 6
    obs.loc[6, "age"] = 350
    assert cleaned(obs)[1] == []
