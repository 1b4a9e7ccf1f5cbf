"""Stagers that begin alike: learnt once, predicted as each by itself would."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from radiofib.errors import ModelError
from radiofib.staging import (
    BaseStager,
    ChainStager,
    LogisticStager,
    RandomForestStager,
    RowStep,
    Step,
    XGBoostStager,
)
from radiofib.staging.chain import train_step
from radiofib.staging.memo import current_memo, remembered_steps
from radiofib.staging.recalibrate import RecalibratedStager
from radiofib.staging.rows import Rows
from radiofib.study.ablate_shared import describe_estimator, grow, step_key, unroll

FITS: list[str] = []


class Centred(Step):
    """Takes the mean of each known scanner away."""

    def __init__(self, scanner_column: str | None = "scanner", name: str = "centred") -> None:
        self.scanner_column = scanner_column
        self.name = name

    def _learn(self, frame: pd.DataFrame, y: Any, context: pd.DataFrame) -> None:
        FITS.append(self.name)
        self.means_ = frame.groupby(context["scanner"].to_numpy()).mean()
        self.mean_ = frame.mean()

    def _apply(self, frame: pd.DataFrame, context: pd.DataFrame) -> pd.DataFrame:
        means = self.means_.reindex(context["scanner"].to_numpy()).fillna(self.mean_)
        return frame - means.to_numpy()


class Few(Step):
    """Keeps the columns that tell the stages apart most."""

    def __init__(self, count: int = 5) -> None:
        self.count = count

    def _learn(self, frame: pd.DataFrame, y: Any, context: pd.DataFrame) -> None:
        FITS.append(f"few {self.count}")
        apart = (frame[y == "s4"].mean() - frame[y != "s4"].mean()).abs().to_numpy()
        self.kept_ = np.sort(np.argsort(-apart, kind="stable")[: self.count])

    def _apply(self, frame: pd.DataFrame, context: pd.DataFrame) -> pd.DataFrame:
        return frame.iloc[:, self.kept_]

    def _names_out(self) -> list[str]:
        return [self._names_in()[k] for k in self.kept_]


class Broken(Step):
    """Fails."""

    def _learn(self, frame: pd.DataFrame, y: Any, context: pd.DataFrame) -> None:
        raise ZeroDivisionError("no luck")

    def _apply(self, frame: pd.DataFrame, context: pd.DataFrame) -> pd.DataFrame:
        return frame


class Heavier(RowStep):
    """Learns from rows of the last stage twice."""

    def train_rows(self, rows: Any) -> Any:
        FITS.append("heavier")
        last = np.flatnonzero(rows.y == np.unique(rows.y)[-1])
        return rows.take(np.r_[np.arange(len(rows.y)), last])


@pytest.fixture
def data() -> tuple[pd.DataFrame, np.ndarray, pd.DataFrame]:
    rng = np.random.default_rng(0)
    y = np.tile(["s1", "s2", "s4"], 40)
    X = pd.DataFrame(rng.normal(size=(120, 12)), columns=[f"t1_a_b_f{i}" for i in range(12)])
    X.iloc[:, 0] += 1.5 * (y == "s4")
    X.iloc[3, 4] = np.nan
    X["scanner"] = np.tile(["A", "B"], 60)
    FITS.clear()
    return X.iloc[:90], y[:90], X.iloc[90:].reset_index(drop=True)


def stagers() -> dict[str, BaseStager]:
    shared = [Centred(), Few(5)]
    return {
        "plain": LogisticStager(C=1.0),
        "plain with flags": LogisticStager(C=1.0, scanner_column="scanner"),
        "chain": ChainStager(LogisticStager(C=1.0), shared),
        "chain flags": ChainStager(LogisticStager(C=1.0, scanner_column="scanner"), shared),
        "forest": ChainStager(RandomForestStager(20), shared),
        "trees": ChainStager(XGBoostStager(10), [Centred(), Few(3)]),
        "rows": ChainStager(LogisticStager(C=1.0), [*shared, Heavier()]),
        "no step": ChainStager(LogisticStager(C=1.0)),
        "default": ChainStager(steps=[Few(5)]),
    }


def test_predictions_are_those_of_each_stager_by_itself(data: Any) -> None:
    X, y, unseen = data
    found = {o.name: o for o in grow([unroll(n, s) for n, s in stagers().items()], X, y, unseen)}
    for name, stager in stagers().items():
        seen = [c for c in X if c != "scanner" or "scanner" in stager.context_columns]
        alone = stager.fit(X[seen], y).predict_proba(unseen[seen])
        assert found[name].error is None
        assert np.array_equal(found[name].proba, alone), name


def test_equal_beginnings_are_learnt_once(data: Any) -> None:
    X, y, unseen = data
    chained = {n: s for n, s in stagers().items() if isinstance(s, ChainStager)}
    assert len(list(grow([unroll(n, s) for n, s in chained.items()], X, y, unseen))) == len(chained)
    assert sorted(FITS) == ["centred", "few 3", "few 5", "few 5", "heavier"]
    FITS.clear()
    for stager in chained.values():
        seen = [c for c in X if c != "scanner" or "scanner" in stager.context_columns]
        stager.fit(X[seen], y)
    assert len(FITS) == 12


def test_a_failure_takes_along_what_begins_with_it_alone(data: Any) -> None:
    X, y, unseen = data
    given = {
        "good": ChainStager(LogisticStager(), [Few(5)]),
        "bad": ChainStager(LogisticStager(), [Broken(), Centred()]),
        "worse": ChainStager(RandomForestStager(5), [Broken()]),
        "bad end": ChainStager(LogisticStager(C=-1.0), [Few(5)]),
    }
    found = {o.name: o for o in grow([unroll(n, s) for n, s in given.items()], X, y, unseen)}
    assert found["good"].proba is not None
    assert isinstance(found["bad"].error, ZeroDivisionError)
    assert isinstance(found["worse"].error, ZeroDivisionError)
    assert isinstance(found["bad end"].error, ValueError)


def test_rows_that_cannot_be_used_fail_each_branch(data: Any) -> None:
    X, y, unseen = data
    X = X.assign(t1_a_b_f0=np.inf)
    given = [unroll(n, s) for n, s in stagers().items()]
    found = list(grow(given, X, y, unseen))
    assert len(found) == len(given)
    assert all(o.proba is None and "finite" in str(o.error) for o in found)


def test_warnings_are_kept_beside_the_result(data: Any) -> None:
    X, y, unseen = data
    slow = ChainStager(LogisticStager(C=100.0, max_iter=1), [Centred()])
    [found] = grow([unroll("slow", slow)], X, y, unseen)
    assert any("ConvergenceWarning" in text for text in found.warnings)


def test_descriptions_tell_parameters_apart() -> None:
    a, b = LogisticStager(C=1.0), LogisticStager(C=2.0)
    assert describe_estimator(a) == describe_estimator(LogisticStager(C=1.0))
    assert describe_estimator(a) != describe_estimator(b)
    assert describe_estimator([ChainStager(a)]) != describe_estimator([ChainStager(b)])
    assert describe_estimator({"w": np.array([1.0, 2.0]), 3: (np.int64(4), None)}) == {
        "mapping": [["w", {"array": [1.0, 2.0]}], [3, [4, None]]]
    }
    with pytest.raises(ModelError, match="cannot be described"):
        describe_estimator(object())


def test_steps_inside_what_stands_around_a_chain_are_learnt_once(data: Any) -> None:
    X, y, unseen = data
    chain = [Few(5)]
    given = {
        "plain": ChainStager(LogisticStager(C=1.0), chain),
        "corrected": RecalibratedStager(ChainStager(LogisticStager(C=1.0), chain), folds=3),
        "forest": RecalibratedStager(ChainStager(RandomForestStager(5), chain), folds=3),
        "weights": RecalibratedStager(
            ChainStager(LogisticStager(C=1.0), [*chain, Heavier()]), folds=3
        ),
    }
    X, unseen = X.drop(columns="scanner"), unseen.drop(columns="scanner")
    branches = [unroll(n, s) for n, s in given.items()]
    assert {b.first for b in branches} == {step_key(Few(5))}
    with remembered_steps(step_key) as memo:
        found = {o.name: o for o in grow(branches, X, y, unseen)}
    # One outer and three inner training sets, whatever the number of stagers.
    assert [f for f in FITS if f.startswith("few")] == ["few 5"] * 4
    assert (memo.misses, memo.hits) == (4, 9)
    FITS.clear()
    for name, stager in given.items():
        assert np.array_equal(found[name].proba, stager.fit(X, y).predict_proba(unseen)), name
    assert len([f for f in FITS if f.startswith("few")]) == 13


def test_a_memory_that_is_full_forgets_the_oldest(data: Any) -> None:
    X, y, _ = data
    rows = [
        Rows(X.iloc[k:, :12].reset_index(drop=True), y[k:], pd.DataFrame(index=range(90 - k)))
        for k in range(3)
    ]
    one = int(rows[0].X.memory_usage(index=False).sum())
    with remembered_steps(step_key, most_bytes=2 * one) as memo:
        for k in (0, 1, 0, 2, 0, 1):
            train_step(Few(12), rows[k])
    assert (memo.hits, memo.misses) == (2, 4)
    assert current_memo() is None


def test_other_rows_stages_or_context_are_learnt_anew(data: Any) -> None:
    X, y, _ = data
    context = X[["scanner"]]
    rows = Rows(X.iloc[:, :12], y, context)
    others = [
        Rows(rows.X.assign(t1_a_b_f1=0.0), y, context),
        Rows(rows.X.rename(columns={"t1_a_b_f1": "t1_a_b_f99"}), y, context),
        Rows(rows.X, y[::-1].copy(), context),
        Rows(rows.X, y, context[::-1].reset_index(drop=True)),
    ]
    with remembered_steps(step_key) as memo:
        train_step(Centred(), rows)
        for other in others:
            train_step(Centred(), other)
        train_step(Centred(name="other"), rows)
        assert memo.misses == 6
        fitted, after = train_step(Centred(), Rows(rows.X.copy(), y.copy(), context.copy()))
    assert memo.hits == 1
    assert after.X.equals(fitted.transform(rows.X, context=context))
