"""Rows with their context, steps, and a chain of them as one stager."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

from radiofib.staging import ChainStager, LogisticStager, Rows, RowStep, StagerInputError, Step
from radiofib.staging.rows import inner_folds, placed


class Centred(Step):
    """Takes the mean of each scanner away; an unknown scanner loses the mean of all."""

    def __init__(self, scanner_column=None):
        self.scanner_column = scanner_column

    def _learn(self, frame, y, context):
        self.mean_ = frame.mean()
        self.means_ = {}
        if self.scanner_column is not None:
            names = context[self.scanner_column].to_numpy()
            self.means_ = {n: frame[names == n].mean() for n in set(names)}

    def _apply(self, frame, context):
        if self.scanner_column is None:
            return frame - self.mean_
        rows = [
            frame.iloc[i] - self.means_.get(name, self.mean_)
            for i, name in enumerate(context[self.scanner_column])
        ]
        return pd.DataFrame(rows).reset_index(drop=True)


class Twice(RowStep):
    """Learns from every row of the rare stage twice."""

    def train_rows(self, rows):
        rare = min(set(rows.y), key=lambda s: (rows.y == s).sum())
        return rows.take(np.r_[np.arange(len(rows.y)), np.flatnonzero(rows.y == rare)])


@parametrize_with_checks(
    [ChainStager(LogisticStager(), [Centred()]), Centred()],
    expected_failed_checks=lambda _: {
        "check_dataframe_column_names_consistency": "columns are put in order by name",
    },
)
def test_scikit_learn_check(estimator, check):
    assert check(estimator) is None


@pytest.fixture
def shifted():
    rng = np.random.default_rng(0)
    y = np.tile(["s1", "s4"], 60)
    scanner = np.repeat(["A", "B"], 60)
    X = pd.DataFrame({"f": rng.normal(size=120) + 2 * (y == "s4") + 20 * (scanner == "B")})
    return X.assign(scanner=scanner), y


def test_a_step_learns_from_the_context_of_training_rows(shifted):
    X, y = shifted
    chain = ChainStager(steps=[Centred(scanner_column="scanner")])
    assert chain.context_columns == ("scanner",)
    fitted = clone(chain).fit(X, y)
    assert (fitted.predict(X) == y).mean() > 0.8
    assert (clone(ChainStager()).fit(X[["f"]], y).predict(X[["f"]]) == y).mean() < 0.7
    with pytest.raises(StagerInputError, match="'scanner'"):
        fitted.predict(X[["f"]])


def test_rows_that_are_added_are_seen_in_training_alone(shifted):
    X, y = shifted
    y = np.where(np.arange(120) % 4 == 1, "s4", "s1")
    plain, twice = ChainStager(), ChainStager(steps=[Twice()])
    shares = [c.fit(X[["f"]], y).predict_proba(X[["f"]])[:, 1].mean() for c in (plain, twice)]
    assert shares[0] == pytest.approx(0.25, abs=0.01)
    assert shares[1] == pytest.approx(0.40, abs=0.02)


def test_context_must_be_that_of_the_rows():
    X = pd.DataFrame({"f": [1.0, 2.0]})
    with pytest.raises(StagerInputError, match="different numbers of rows"):
        Centred().fit(X, context=pd.DataFrame({"scanner": ["A"]}))


def test_a_frame_comes_back_with_its_index_and_an_array_as_one():
    X = pd.DataFrame({"f": [1.0, 3.0]}, index=[7, 9])
    found = Centred().fit_transform(X)
    assert found.index.tolist() == [7, 9]
    assert isinstance(Centred().fit_transform(X.to_numpy()), np.ndarray)


def test_inner_folds_keep_patients_and_stages_together():
    y = np.array(["s1"] * 12 + ["s4"] * 6)
    patients = np.repeat([f"p{i}" for i in range(9)], 2)
    seen = []
    for train, test in inner_folds(y, patients, 5, 0):
        assert not set(patients[train]) & set(patients[test])
        assert set(y[train]) == {"s1", "s4"}
        seen += test.tolist()
    assert sorted(seen) == list(range(18))
    with pytest.raises(StagerInputError, match="one training patient"):
        next(inner_folds(y, np.where(y == "s4", "x", patients), 5))


def test_classes_that_were_not_seen_have_no_probability():
    found = placed(np.array([[0.3, 0.7]]), np.array(["s2", "s4"]), np.array(["s1", "s2", "s4"]))
    assert found.tolist() == [[0.0, 0.3, 0.7]]


def test_rows_keep_their_weights():
    rows = Rows(
        pd.DataFrame({"f": [1.0, 2.0]}),
        np.array(["s1", "s4"]),
        pd.DataFrame(index=range(2)),
        np.array([1.0, 3.0]),
    )
    assert rows.take(np.array([1, 1, 0])).weight.tolist() == [3.0, 3.0, 1.0]
    assert list(rows.frame) == ["f"]
