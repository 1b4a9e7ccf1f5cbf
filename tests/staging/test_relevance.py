"""mRMR and stability selection: statistics against other code, and what they find."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.base import clone
from sklearn.feature_selection import f_classif
from sklearn.metrics import mutual_info_score

from radiofib.staging.inputs import StagerInputError
from radiofib.staging.pairwise import PairwiseColumns, column_ranks
from radiofib.staging.relevance import (
    RelevanceFilter,
    f_statistics,
    least_redundant,
    mutual_information,
    rank_statistics,
)
from radiofib.staging.stability import StabilityFilter


@pytest.fixture
def holed():
    rng = np.random.default_rng(11)
    codes = rng.integers(0, 3, 60)
    X = np.round(rng.normal(size=(60, 8)) + np.linspace(0, 1, 8) * codes[:, None], 1)
    X[rng.random(X.shape) < 0.2] = np.nan
    X[codes == 2, 5] = np.nan
    return X, codes


def _present(X, codes):
    for column in X.T:
        yield column[~np.isnan(column)], codes[~np.isnan(column)]


def test_relevance_is_that_of_the_values_that_are_there(holed):
    X, codes = holed
    ranks = column_ranks(X)
    found_f = f_statistics(X, codes, 3)
    found_h = rank_statistics(ranks, codes, 3, trend=False)
    found_r = rank_statistics(ranks, codes, 3, trend=True)
    found_m = mutual_information(X, codes, 3)
    for j, (x, y) in enumerate(_present(X, codes)):
        assert found_f[j] == pytest.approx(f_classif(x[:, None], y)[0][0])
        groups = [x[y == k] for k in np.unique(y)]
        assert found_h[j] == pytest.approx(stats.kruskal(*groups)[0] / (len(groups) - 1))
        assert found_r[j] == pytest.approx((len(x) - 1) * stats.spearmanr(x, y)[0] ** 2)
        states = np.digitize(x, [x.mean() - x.std(), x.mean() + x.std()])
        assert found_m[j] == pytest.approx(mutual_info_score(states, y))


def test_columns_are_taken_one_after_the_other(holed):
    X, codes = holed
    value = f_statistics(X, codes, 3)
    r = np.abs(PairwiseColumns(X).block(np.arange(8), np.arange(8)))
    chance = np.sqrt(2 / (np.pi * 60))
    for scheme in ("quotient", "difference"):
        order, scores = least_redundant(value, PairwiseColumns(X), 8, scheme=scheme)
        chosen = [int(value.argmax())]
        wanted = [value.max()]
        while len(chosen) < 8:
            left = [j for j in range(8) if j not in chosen]
            means = {j: np.mean([r[j, s] for s in chosen]) for j in left}
            each = {
                j: value[j] / max(means[j], chance) if scheme == "quotient" else value[j] - means[j]
                for j in left
            }
            chosen.append(max(left, key=lambda j: each[j]))
            wanted.append(each[chosen[-1]])
        assert order.tolist() == chosen
        assert scores == pytest.approx(wanted)


def test_relevance_is_reported_with_its_place(holed):
    X, codes = holed
    frame = pd.DataFrame(X, columns=[f"us_f{i}" for i in range(8)])
    step = RelevanceFilter(3).fit(frame, codes)
    table = step.table()
    assert sorted(table["place"].tolist()) == [0, 0, 0, 0, 0, 1, 2, 3]
    assert table.loc[table["place"] == 0, "reason"].str.contains("not among the 3").all()
    assert (table["kept"] == (table["place"] > 0)).all()
    assert step.get_feature_names_out().tolist() == table.loc[table["kept"], "column"].tolist()
    everything = RelevanceFilter(100).fit(frame, codes)
    assert everything.kept_.tolist() == list(range(8))


def test_columns_without_values_or_spread_have_no_relevance():
    rng = np.random.default_rng(0)
    y = np.tile([0, 1], 20)
    X = pd.DataFrame(
        {"c": np.ones(40), "n": np.nan, "few": np.r_[y[:5] * 9.0, [np.nan] * 35], "f": y + 0.0}
    )
    X["g"] = y + rng.normal(size=40)
    for relevance in ("f", "kruskal", "rank", "mutual"):
        step = RelevanceFilter(2, relevance=relevance).fit(X, y)
        assert step.get_feature_names_out().tolist() == ["f", "g"]
        assert step.value_[:3].tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("step", [RelevanceFilter(2), StabilityFilter(per_half=1, pairs=2)])
def test_stages_are_asked_for(step):
    X = pd.DataFrame({"a": np.arange(12.0), "b": np.tile([1.0, 2.0], 6)})
    with pytest.raises(StagerInputError, match="requires y"):
        step.fit(X)
    with pytest.raises(StagerInputError, match="1 class"):
        step.fit(X, np.ones(12))


def test_parameters_out_of_range_are_refused():
    X, y = pd.DataFrame({"a": np.arange(12.0)}), np.tile([0, 1], 6)
    wrong = [
        RelevanceFilter(0),
        RelevanceFilter(1, relevance="chi2"),
        RelevanceFilter(1, scheme="ratio"),
        StabilityFilter(0.5),
        StabilityFilter(pairs=0),
        StabilityFilter(l1_ratio=0.0),
        StabilityFilter(at_least=0),
    ]
    for step in wrong:
        with pytest.raises(StagerInputError):
            step.fit(X, y)


def test_rows_repeated_within_patients_choose_the_same_columns():
    rng = np.random.default_rng(4)
    y = np.tile(["s1", "s2", "s4"], 16)
    X = pd.DataFrame(rng.normal(size=(48, 12))).rename(columns=lambda c: f"us_f{c}")
    X["us_f0"] += (y == "s4") * 1.5
    X = X.mask(rng.random(X.shape) < 0.05)
    context = pd.DataFrame({"patient": np.arange(48).astype(str)})
    ten = np.tile(np.arange(48), 10)
    for step in (
        RelevanceFilter(4, patient_column="patient"),
        RelevanceFilter(4, relevance="rank", scheme="difference", patient_column="patient"),
        RelevanceFilter(4),
        StabilityFilter(per_half=3, pairs=4, at_least=3, patient_column="patient"),
    ):
        once = clone(step).fit(X, y, context=context)
        often = clone(step).fit(X.iloc[ten], y[ten], context=context.iloc[ten])
        assert often.kept_.tolist() == once.kept_.tolist()


def test_stability_lets_the_most_frequent_in_where_none_is_frequent():
    rng = np.random.default_rng(5)
    X = pd.DataFrame(rng.normal(size=(60, 30))).rename(columns=lambda c: f"us_f{c}")
    y = rng.permutation(np.tile([0, 1], 30))
    step = StabilityFilter(1.0, per_half=2, pairs=6, at_least=2).fit(X, y)
    assert step.below_
    assert len(step.kept_) == 2
    assert step.value_[step.kept_].min() >= np.sort(step.value_)[-2]
    assert step.table().loc[lambda t: ~t["kept"], "reason"].str.contains("of the halves").all()
