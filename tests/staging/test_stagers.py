from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from radiofib.errors import ConfigError, ModelError
from radiofib.staging import STAGERS, BaseStager, make_stager, stager_frame
from radiofib.table import FeatureTable

SMALL: dict[str, dict[str, object]] = {
    name: {"n_estimators": 30}
    for name in ("random_forest", "xgboost", "xgboost_ordinal", "xgboost_focal")
}
SMALL["explainable_boosting"] = {"max_rounds": 200, "outer_bags": 2}
TREES = tuple(SMALL)
BINARY = ("firth",)
#: Three rows of 3,000 columns have no maximum likelihood estimate, and they say so.
pytestmark = pytest.mark.filterwarnings("ignore::radiofib.staging.FallbackWarning")


def _stager(name, **params):
    return make_stager(name, **{**SMALL.get(name, {}), **params})


@pytest.fixture(params=list(STAGERS))
def name(request):
    return request.param


@pytest.fixture
def data(name):
    rng = np.random.default_rng(0)
    y = np.repeat(["s1", "s1" if name in BINARY else "s2", "s4"], 30)
    X = pd.DataFrame(rng.normal(size=(90, 5)), columns=list("abcde"))
    X["a"] += np.repeat([0, 2, 4], 30)
    X.loc[rng.random(90) < 0.1, "b"] = np.nan
    X["scanner"] = rng.choice(["A", "B"], 90)
    return X, y


def test_learns_and_orders_classes(name, data):
    X, y = data
    stager = _stager(name, scanner_column="scanner").fit(X, y)
    assert stager.classes_.tolist() == sorted(set(y))
    proba = stager.predict_proba(X)
    assert proba.sum(axis=1) == pytest.approx(np.ones(90), abs=1e-12)
    assert (stager.predict(X) == y).mean() > 0.7
    assert (stager.predict(X) == stager.classes_[proba.argmax(axis=1)]).all()


def test_same_input_same_model(name, data):
    X, y = data
    stager = _stager(name, scanner_column="scanner")
    first = clone(stager).fit(X, y).predict_proba(X)
    again = clone(stager).fit(X, y).predict_proba(X)
    assert (first == again).all()


def test_columns_are_found_by_name(name, data):
    X, y = data
    stager = _stager(name, scanner_column="scanner").fit(X, y)
    turned = X[X.columns[::-1]]
    assert (stager.predict_proba(turned) == stager.predict_proba(X)).all()


def test_missing_and_unknown_columns_are_named(name, data):
    X, y = data
    stager = _stager(name, scanner_column="scanner").fit(X, y)
    with pytest.raises(ModelError, match="now missing: b, d"):
        stager.predict_proba(X.drop(columns=["d", "b"]))
    with pytest.raises(ModelError, match="unseen at fit time: extra"):
        stager.predict_proba(X.assign(extra=1.0))
    with pytest.raises(ModelError, match="unknown scanner column 'scanner'"):
        stager.predict_proba(X.drop(columns="scanner"))
    with pytest.raises(ModelError, match="duplicate feature column"):
        stager.predict_proba(pd.concat([X, X[["a"]]], axis=1))


def test_an_unseen_scanner_is_like_a_missing_one(name, data):
    X, y = data
    stager = _stager(name, scanner_column="scanner").fit(X, y)
    unseen = stager.predict_proba(X.assign(scanner="C"))
    assert (unseen == stager.predict_proba(X.assign(scanner=None))).all()
    assert stager.scanner_flags_.categories_[0].tolist() == ["A", "B"]


def test_scanner_is_used_when_asked_for(name):
    rng = np.random.default_rng(1)
    X = pd.DataFrame({"f": rng.normal(size=80), "scanner": ["A", "B"] * 40})
    y = np.where(X["scanner"] == "A", "s1", "s4")
    stager = _stager(name, scanner_column="scanner")
    if name == "logistic":
        stager.set_params(C=1.0)
    assert (stager.fit(X, y).predict(X) == y).all()


def test_missing_values_do_not_leak_between_rows(name, data):
    X, y = data
    stager = _stager(name, scanner_column="scanner").fit(X, y)
    holes = X.copy()
    holes.loc[3, ["a", "c"]] = np.nan
    alone = stager.predict_proba(holes.iloc[[3]])
    among = stager.predict_proba(holes)[[3]]
    assert alone == pytest.approx(among, abs=1e-15)


def test_a_column_never_filled_changes_nothing_to_break(name, data):
    X, y = data
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        stager = _stager(name, scanner_column="scanner").fit(X.assign(empty=np.nan), y)
        before = stager.predict_proba(X.assign(empty=np.nan))
        after = stager.predict_proba(X.assign(empty=5.0))
    assert np.isfinite(before).all()
    # Boosted trees that draw columns may draw the empty one, which then only costs a draw.
    assert after == pytest.approx(before, abs=0.01 if name == "explainable_boosting" else 1e-9)


def test_bad_values_are_named(name, data):
    X, y = data
    stager = _stager(name, scanner_column="scanner")
    infinite = X.copy()
    infinite.loc[4, "c"] = np.inf
    with pytest.raises(ModelError, match=r"row 5, column 'c'.*inf"):
        stager.fit(infinite, y)
    huge = X.copy()
    huge.loc[0, "c"] = 1e39
    with pytest.raises(ModelError, match="too large"):
        stager.fit(huge, y)
    with pytest.raises(ModelError, match=r"numeric.*found scanner.*scanner_column"):
        _stager(name).fit(X, y)
    with pytest.raises(ModelError, match="only be found in a DataFrame"):
        stager.fit(X.drop(columns="scanner").to_numpy(), y)
    with pytest.raises(ModelError, match="1 class"):
        stager.fit(X, np.repeat("s1", 90))
    with pytest.raises(ModelError, match="too large"):
        _stager(name).fit(np.full((4, 1), 1e39), [0, 0, 1, 1])


def test_labels_as_category_or_number(name, data):
    X, y = data
    plain = _stager(name, scanner_column="scanner").fit(X, y)
    levels = ["s0", "s1", "s2", "s4"]
    category = pd.Series(pd.Categorical(y, categories=levels, ordered=True))
    other = _stager(name, scanner_column="scanner").fit(X, category)
    assert other.classes_.tolist() == sorted(set(y))
    assert (other.predict_proba(X) == plain.predict_proba(X)).all()
    numbers = np.array([{"s1": 0, "s2": 2, "s4": 7}[v] for v in y])
    gaps = _stager(name, scanner_column="scanner").fit(X, numbers)
    assert gaps.classes_.tolist() == sorted(set(numbers))
    assert (gaps.predict_proba(X) == plain.predict_proba(X)).all()


def test_integer_boolean_and_nullable_columns_are_numbers(name, data):
    _, y = data
    rng = np.random.default_rng(2)
    X = pd.DataFrame(
        {
            "count": rng.integers(0, 9, 90),
            "flag": rng.random(90) < 0.5,
            "nullable": pd.array([None, *rng.integers(0, 9, 89)], dtype="Int64"),
            "object": pd.Series([None, *rng.random(89)], dtype=object),
        }
    )
    assert np.isfinite(_stager(name).fit(X, y).predict_proba(X)).all()


def test_class_weights_by_stage(name, data):
    X, y = data
    few = np.r_[0:30, 30:35]
    X, y = X.iloc[few].reset_index(drop=True), np.repeat(["s1", "s2"], [30, 5])
    X["a"] = np.random.default_rng(0).normal(size=35)
    if name == "xgboost_focal":
        pytest.skip("its own parameter beta weighs stages (tested in test_boosting.py)")
    share = {}
    for weight in (None, {"s1": 1.0, "s2": 50.0}):
        stager = _stager(name, scanner_column="scanner", class_weight=weight)
        if "max_depth" in stager.get_params():
            stager.set_params(max_depth=1)
        share[weight is None] = stager.fit(X, y).predict_proba(X)[:, 1].mean()
    assert share[False] > share[True] + 0.05


def test_many_columns_and_three_rows(name):
    rng = np.random.default_rng(0)
    # Additive boosting goes from column to column: it is for few of them.
    X = rng.normal(size=(3, 30 if name == "explainable_boosting" else 3000))
    proba = _stager(name).fit(X, ["s1", "s4", "s4"]).predict_proba(X)
    assert proba.shape == (3, 2)
    assert np.isfinite(proba).all()


def test_constant_and_doubled_columns(name, data):
    X, y = data
    X = X.assign(constant=3.0, twin=X["a"])
    assert np.isfinite(_stager(name, scanner_column="scanner").fit(X, y).predict_proba(X)).all()


def test_unknown_names_suggest_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'xgboost'"):
        make_stager("xgbost")
    with pytest.raises(ConfigError, match="did you mean 'n_estimators'"):
        make_stager("random_forest", n_estimator=5)


class Mute(BaseStager):
    scanner_column = None


def test_a_stager_must_say_how_it_learns():
    with pytest.raises(NotImplementedError):
        Mute().fit([[0.0], [1.0]], ["s1", "s4"])


def test_a_weight_of_two_is_the_row_twice_and_of_zero_is_no_row(name, data):
    X, y = data
    numbers = X.drop(columns="scanner").fillna(0.0)
    weight = np.where(np.arange(len(X)) % 7 == 0, 2.0, 1.0)
    weight[3] = 0.0
    twice = np.repeat(np.arange(len(X)), weight.astype(int))
    weighted = _stager(name).fit(numbers, y, sample_weight=weight).predict_proba(numbers)
    repeated = _stager(name).fit(numbers.iloc[twice], y[twice]).predict_proba(numbers)
    # Trees sample rows at random: alike, not equal.
    assert np.abs(weighted - repeated).max() < (0.5 if name in TREES else 1e-4)


def test_frame_of_a_table():
    table = FeatureTable(
        pd.DataFrame({"f": [1.0, 2.0]}),
        pd.DataFrame({"case": ["a", "b"], "machine": ["x", None]}),
    )
    frame = stager_frame(table, "machine")
    assert frame["machine"].tolist() == ["x", None]
    with pytest.raises(Exception, match="no column 'scanner'"):
        stager_frame(table, "scanner")
