"""Scanner, vendor and field strength as centred flags, and slopes of a scanner's own."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.utils.estimator_checks import parametrize_with_checks

from radiofib.staging.chain import ChainStager
from radiofib.staging.context import ContextFlags, ScannerInteraction
from radiofib.staging.harmonise import ScannerScaler
from radiofib.staging.inputs import StagerInputError
from radiofib.staging.stagers import LogisticStager


@parametrize_with_checks(
    [ContextFlags(), ScannerInteraction()],
    expected_failed_checks=lambda _: {
        "check_dataframe_column_names_consistency": "columns are put in order by name",
    },
)
def test_scikit_learn_check(estimator, check):
    assert check(estimator) is None


names = st.one_of(st.sampled_from(["A", "B", "Vendor 1"]), st.none(), st.just(""))


@settings(max_examples=30)
@given(st.lists(names, min_size=1, max_size=20), st.lists(names, min_size=1, max_size=20))
def test_flags_are_centred_and_zero_for_none_of_the_known(train, test):
    X = pd.DataFrame({"t1_f": np.arange(float(len(train)))})
    step = ContextFlags(["vendor"]).fit(X, context=pd.DataFrame({"vendor": train}, dtype=object))
    known = sorted({v for v in train if v})
    found = step.transform(X, context=pd.DataFrame({"vendor": train}, dtype=object))
    assert found.shape[1] == 1 + len(known)
    assert found.iloc[:, 1:].mean().to_numpy() == pytest.approx(0.0, abs=1e-12)
    new = pd.DataFrame({"t1_f": np.zeros(len(test))})
    flags = step.transform(new, context=pd.DataFrame({"vendor": test}, dtype=object)).iloc[:, 1:]
    shares = [train.count(v) / sum(bool(t) for t in train) for v in known]
    for value, row in zip(test, flags.to_numpy(), strict=True):
        wanted = [(value == k) - s for k, s in zip(known, shares, strict=True)]
        assert row == pytest.approx(wanted if value in known else 0.0, abs=1e-12)


def test_several_columns_and_numbers_are_flags_too():
    X = pd.DataFrame({"t1_f": [1.0, 2.0, 3.0, 4.0]}, index=[5, 6, 7, 8])
    context = pd.DataFrame({"vendor": ["A", "B", "B", None], "field_t": [1.5, 3.0, None, 3.0]})
    step = ContextFlags(("vendor", "field_t"))
    assert step.context_columns == ("vendor", "field_t")
    found = step.fit_transform(X, context=context)
    assert list(found) == [
        "t1_f",
        "vendor_is_a",
        "vendor_is_b",
        "field_t_is_1_5",
        "field_t_is_3",
    ]
    assert found.index.tolist() == [5, 6, 7, 8]
    assert found.loc[8, ["vendor_is_a", "vendor_is_b"]].tolist() == [0.0, 0.0]
    assert found.loc[7, ["field_t_is_1_5", "field_t_is_3"]].tolist() == [0.0, 0.0]
    # Whole numbers are the same with and without a point.
    whole = pd.DataFrame({"vendor": ["A"], "field_t": [3]}, dtype=object)
    assert step.transform(X[:1], context=whole)["field_t_is_3"].item() == pytest.approx(1 / 3)


def test_a_flag_that_stands_often_is_penalised_less():
    rng = np.random.default_rng(1)
    scanner = np.repeat(["A", "B"], 100)
    X = pd.DataFrame(rng.normal(size=(200, 3)), columns=["t1_a", "t1_b", "t1_c"])
    y = np.where(rng.random(200) < np.where(scanner == "A", 0.2, 0.8), "s4", "s1")
    frame = X.assign(scanner=scanner)
    gaps = []
    for weight in (1, 5, 20):
        chain = ChainStager(LogisticStager(), [ContextFlags(("scanner",), weight=weight)])
        proba = chain.fit(frame, y).predict_proba(frame)[:, 1]
        logit = np.log(proba / (1 - proba))
        gaps.append(logit[scanner == "B"].mean() - logit[scanner == "A"].mean())
    step = ContextFlags(("scanner",), weight=2)
    found = step.fit_transform(X, context=frame[["scanner"]])
    assert list(found)[3:] == ["scanner_is_a", "scanner_is_b", "scanner_is_a__2", "scanner_is_b__2"]
    truth = 2 * np.log(4)
    assert gaps[0] < 0.6 * truth
    assert gaps[0] < gaps[1] < gaps[2]
    assert gaps[2] > 0.7 * truth
    with pytest.raises(StagerInputError, match="weight 0"):
        ContextFlags(("scanner",), weight=0).fit(X, context=frame[["scanner"]])


def test_names_that_clash_and_columns_that_are_missing_are_refused():
    X = pd.DataFrame({"vendor_is_a": [1.0, 2.0]})
    context = pd.DataFrame({"vendor": ["A", "B"]})
    with pytest.raises(StagerInputError, match="vendor_is_a"):
        ContextFlags(["vendor"]).fit(X, context=context)
    with pytest.raises(StagerInputError, match="'field_t'"):
        ContextFlags(["field_t"]).fit(X, context=context)
    with pytest.raises(StagerInputError, match="not in the table"):
        ScannerInteraction("vendor", features=["t9_x"]).fit(X, context=context)


def _slopes(seed=0, n=80):
    rng = np.random.default_rng(seed)
    scanner = np.repeat(["A", "B"], n)
    X = pd.DataFrame(rng.normal(size=(2 * n, 2)), columns=["t1_a", "t1_b"])
    sign = np.where(scanner == "A", 1.0, -1.0)
    score = 2 * sign * X["t1_a"] + X["t1_b"] + rng.logistic(0, 0.5, 2 * n)
    return X.assign(scanner=scanner), np.where(score > 0, "s4", "s1")


def test_each_scanner_can_have_a_slope_of_its_own_and_an_unknown_one_the_common():
    frame, y = _slopes()
    test, truth = _slopes(1)
    plain = ChainStager(LogisticStager(1.0)).fit(frame.drop(columns="scanner"), y)
    chain = ChainStager(LogisticStager(1.0), [ScannerInteraction("scanner")]).fit(frame, y)
    sign = np.where(test["scanner"] == "A", 1.0, -1.0)
    ideal = ((2 * sign * test["t1_a"] + test["t1_b"] > 0) == (truth == "s4")).mean()
    assert (plain.predict(test.drop(columns="scanner")) == truth).mean() < ideal - 0.1
    assert (chain.predict(test) == truth).mean() > ideal - 0.03
    unknown = [chain.predict_proba(test.assign(scanner=name)) for name in ("C", None, "")]
    assert np.array_equal(unknown[0], unknown[1])
    assert np.array_equal(unknown[0], unknown[2])
    known = [chain.predict_proba(test.assign(scanner=name)) for name in ("A", "B")]
    # The common slope lies between the two.
    logits = [np.log(p[:, 1] / p[:, 0]) for p in (unknown[0], *known)]
    assert logits[0] == pytest.approx((logits[1] + logits[2]) / 2, abs=1e-6)


def test_products_are_of_centred_columns_and_zero_for_a_missing_value():
    X = pd.DataFrame({"t1_a": [1.0, 3.0, np.nan, 5.0], "t1_b": [0.0, 1.0, 2.0, 3.0]})
    context = pd.DataFrame({"scanner": ["A", "A", "B", "B"]})
    step = ScannerInteraction("scanner", features=["t1_a"])
    found = step.fit_transform(X, context=context)
    assert list(found)[2:] == ["scanner_is_a", "scanner_is_b", "t1_a_at_a", "t1_a_at_b"]
    assert found["t1_a_at_a"].tolist() == [-1.0, 0.0, 0.0, -1.0]
    assert found["t1_a"].isna().tolist() == [False, False, True, False]


def test_centring_is_a_flag_without_a_penalty():
    # Least squares on features and flags has the slopes of features centred by scanner.
    rng = np.random.default_rng(3)
    scanner = rng.choice(["A", "B", "C"], 90)
    context = pd.DataFrame({"scanner": scanner})
    code = np.unique(scanner, return_inverse=True)[1]
    X = pd.DataFrame(rng.normal(size=(90, 3)) + code[:, None], columns=["t1_a", "t1_b", "t1_c"])
    y = X.to_numpy() @ [1.0, -1.0, 0.5] + 3 * code + rng.normal(size=90)
    flagged = ContextFlags(("scanner",)).fit_transform(X, context=context)
    whole = np.column_stack([flagged, np.ones(90)])
    centred = ScannerScaler("scanner", kind="centre").fit_transform(X, context=context)
    slopes = np.linalg.lstsq(whole, y, rcond=None)[0][:3]
    assert np.linalg.lstsq(centred, y, rcond=None)[0] == pytest.approx(slopes)
