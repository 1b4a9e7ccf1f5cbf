"""Steps that keep some columns: near-constant, correlated, not repeating."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import skops.io
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

from radiofib.staging import pairwise
from radiofib.staging.chain import ChainStager
from radiofib.staging.clusters import CorrelationClusters, correlation_clusters
from radiofib.staging.inputs import StagerInputError
from radiofib.staging.pairwise import PairwiseColumns, column_ranks
from radiofib.staging.reduce import PartialLeastSquares, PrincipalComponents
from radiofib.staging.relevance import RelevanceFilter
from radiofib.staging.repeats import absolute_agreement, one_way_agreement
from radiofib.staging.selection import NearConstant, ReliabilityFilter, commonest_share
from radiofib.staging.selector import patient_means
from radiofib.staging.stability import StabilityFilter
from radiofib.stats.reliability import intraclass

STEPS = [
    NearConstant(),
    CorrelationClusters(0.9),
    ReliabilityFilter(known={}, keep_unknown=True),
    RelevanceFilter(2),
    StabilityFilter(per_half=1, pairs=2),
    PrincipalComponents(2),
    PartialLeastSquares(1),
]
CONSTANT = "a table of constant columns leaves nothing to learn from, which is an error"


def _cannot(estimator):
    failures = {"check_dataframe_column_names_consistency": "columns are put in order by name"}
    if isinstance(estimator, NearConstant):
        failures["check_fit2d_1sample"] = CONSTANT
    return failures


@parametrize_with_checks(STEPS, expected_failed_checks=_cannot)
def test_scikit_learn_check(estimator, check):
    assert check(estimator) is None


@pytest.fixture
def frame():
    rng = np.random.default_rng(3)
    base = rng.normal(size=(48, 4))
    X = base[:, [0, 0, 1, 1, 2, 3]] + 0.1 * rng.normal(size=(48, 6))
    return pd.DataFrame(X, columns=[f"t{i % 2}_original_glcm_f{i}" for i in range(6)])


@pytest.fixture
def context():
    return pd.DataFrame({"patient": np.repeat(np.arange(24), 2).astype(str)})


STAGES = np.repeat(np.tile(["s1", "s2", "s4"], 8), 2)


@pytest.mark.parametrize("step", STEPS, ids=lambda s: type(s).__name__)
def test_a_step_is_stored_and_comes_back_the_same(step, frame):
    fitted = clone(step).fit(frame.mask(np.eye(48, 6) > 0), STAGES)
    blob = skops.io.dumps(fitted)
    kind = type(step)
    own = f"{kind.__module__}.{kind.__qualname__}"
    back = skops.io.loads(blob, trusted=[own, "numpy.dtype"])
    pd.testing.assert_frame_equal(back.transform(frame), fitted.transform(frame))
    assert back.get_feature_names_out().tolist() == fitted.get_feature_names_out().tolist()
    again = clone(step).fit(frame.mask(np.eye(48, 6) > 0), STAGES)
    pd.testing.assert_frame_equal(again.transform(frame), fitted.transform(frame))


def test_steps_in_a_chain_take_their_columns_from_the_training_rows(frame, context):
    steps = [
        NearConstant(),
        ReliabilityFilter(-1.0, patient_column="patient"),
        CorrelationClusters(0.8),
        RelevanceFilter(2, patient_column="patient"),
    ]
    chain = ChainStager(steps=steps, patient_column="patient")
    X = pd.concat([frame, context], axis=1)
    fitted = clone(chain).fit(X, STAGES)
    assert fitted.context_columns == ("patient",)
    assert fitted.stager_.n_features_in_ == 2
    assert fitted.predict_proba(X[X.columns[::-1]]) == pytest.approx(fitted.predict_proba(X))


# Near-constant columns


@settings(max_examples=60, deadline=None)
@given(
    hnp.arrays(
        np.float64, st.tuples(st.integers(1, 12), st.integers(1, 5)),
        elements=st.sampled_from([0.0, -0.0, 1.0, 2.5, np.nan]),
    )
)  # fmt: skip
def test_share_of_the_commonest_value_is_that_of_a_count(values):
    found = commonest_share(values)
    for column, share in zip(values.T, found, strict=True):
        counts = pd.Series(column).value_counts(normalize=True)
        assert np.isnan(share) if counts.empty else share == pytest.approx(counts.iloc[0])


def test_columns_that_say_nothing_leave_with_their_reason():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "fine": rng.normal(size=40),
            "missing": np.nan,
            "constant": 3.0,
            "rounding": 1e6 * (1 + 1e-12 * rng.normal(size=40)),
            "rare": np.r_[1.0, 2.0, np.zeros(38)],
            "seldom": np.r_[rng.normal(size=3), np.full(37, np.nan)],
        }
    )
    step = NearConstant(0.95).fit(X)
    assert step.table()["reason"].tolist() == [
        "", "no value", "constant", "constant", "95% have one value", ""
    ]  # fmt: skip
    assert step.get_feature_names_out().tolist() == ["fine", "seldom"]
    assert NearConstant(0.96).fit(X).table()["kept"].tolist()[4]
    with pytest.raises(StagerInputError, match=r"leaves no feature.*2 of 2: constant"):
        NearConstant().fit(X[["constant", "rounding"]])
    with pytest.raises(StagerInputError, match="share"):
        NearConstant(0.0).fit(X)


# Correlations and clusters


@pytest.mark.parametrize("worth", [0, 10**9])
def test_correlations_are_those_of_the_rows_that_both_have(worth, monkeypatch):
    monkeypatch.setattr(pairwise, "_WORTH", worth)
    rng = np.random.default_rng(1)
    X = 1e3 + rng.normal(size=(60, 20)) @ rng.normal(size=(20, 20))
    X[rng.random(X.shape) < 0.2] = np.nan
    X[:, 3], X[:, 7], X[8:, 9] = 5.0, np.nan, np.nan
    X[:30, 10:15] = np.nan
    wanted = pd.DataFrame(X).corr(min_periods=10).fillna(0.0).to_numpy()
    columns = PairwiseColumns(X)
    places = np.arange(20)
    assert columns.block(places, places) == pytest.approx(wanted, abs=1e-9)
    assert columns.block(places[4:9], places[::-2]) == pytest.approx(wanted[4:9, ::-2], abs=1e-9)
    for place in places:
        assert columns.one(int(place)) == pytest.approx(wanted[place], abs=1e-9)


def test_ranks_are_those_of_the_values_that_are_there():
    rng = np.random.default_rng(2)
    X = rng.integers(0, 6, size=(30, 8)).astype(float)
    X[rng.random(X.shape) < 0.3] = np.nan
    wanted = pd.DataFrame(X).rank().to_numpy()
    np.testing.assert_array_equal(column_ranks(X), wanted)


def _partition(labels):
    return {frozenset(np.flatnonzero(labels == k).tolist()) for k in set(labels.tolist())}


@pytest.mark.parametrize("how", ["average", "complete"])
@pytest.mark.parametrize("missing", [0.0, 0.1])
def test_clusters_are_those_of_the_tree_of_all_columns(how, missing):
    rng = np.random.default_rng(5)
    X = rng.normal(size=(50, 12))[:, rng.integers(0, 12, 80)] + rng.uniform(0.1, 1.5, 80) * (
        rng.normal(size=(50, 80))
    )
    X[rng.random(X.shape) < missing] = np.nan
    columns = PairwiseColumns(X)
    near = np.abs(columns.block(np.arange(80), np.arange(80)))
    away = 1.0 - near
    np.fill_diagonal(away, 0.0)
    tree = linkage(squareform(away, checks=False), how)
    for threshold in (0.3, 0.6, 0.8):
        cluster, medoid, value = correlation_clusters(
            X, threshold, method="pearson", linkage_method=how
        )
        wanted = _partition(fcluster(tree, 1 - threshold, criterion="distance"))
        assert _partition(cluster) == wanted
        for part in wanted:
            members = sorted(part)
            within = near[np.ix_(members, members)]
            # Of two columns both are in the middle: then the fuller, then the first.
            full = (~np.isnan(X[:, members])).sum(axis=0)
            best = np.lexsort((members, -full, -within.sum(axis=1).round(9)))[0]
            assert set(medoid[members]) == {members[best]}
            if how == "complete":
                assert within.min() >= threshold - 1e-9
        assert value == pytest.approx(near[np.arange(80), medoid], abs=1e-9)


def test_clusters_do_not_depend_on_the_order_of_columns_nor_on_a_monotone_scale():
    rng = np.random.default_rng(6)
    X = rng.normal(size=(40, 5))[:, np.repeat(np.arange(5), 6)] + rng.normal(size=(40, 30))
    order = rng.permutation(30)
    first = correlation_clusters(X, 0.5)
    other = correlation_clusters(np.exp(3 * X[:, order]), 0.5)
    assert {frozenset(order[list(p)].tolist()) for p in _partition(other[0])} == _partition(
        first[0]
    )
    large = [part for part in _partition(first[0]) if len(part) > 2]
    back = order[other[1]][np.argsort(order)]
    for part in large:
        assert len({int(first[1][j]) for j in part} | {int(back[j]) for j in part}) == 1
    assert large


def test_of_equal_columns_the_fullest_stays_then_the_first():
    x = np.arange(20.0)
    holes = x.copy()
    holes[[3, 9]] = np.nan
    X = pd.DataFrame({"holes": holes, "a": x, "b": -x, "other": np.tile([1.0, 5.0], 10)})
    step = CorrelationClusters(1.0, method="pearson").fit(X)
    assert step.get_feature_names_out().tolist() == ["a", "other"]
    assert step.cluster_.tolist() == [0, 0, 0, 1]
    assert step.table()["reason"].tolist() == ["stands behind a", "", "stands behind a", ""]
    for name, value in (("threshold", 0.0), ("method", "kendall"), ("linkage", "single")):
        with pytest.raises(StagerInputError):
            CorrelationClusters().set_params(**{name: value}).fit(X)


# Repeats


def test_agreement_is_that_of_the_table_of_ratings():
    rng = np.random.default_rng(7)
    n, k, p = 15, 3, 6
    table = rng.normal(size=(n, 1, p)) + rng.uniform(0.2, 2, p) * rng.normal(size=(n, k, p))
    table += 50.0
    patients = np.repeat(np.arange(n), k)
    one = one_way_agreement(table.reshape(n * k, p), patients)
    two = absolute_agreement(table.reshape(n * k, p), patients)
    for j in range(p):
        wanted = intraclass(table[:, :, j]).set_index("type")
        assert one.estimate[j] == pytest.approx(wanted.loc["ICC1", "estimate"], abs=1e-10)
        assert one.low[j] == pytest.approx(wanted.loc["ICC1", "ci_low"], abs=1e-9)
        assert two.estimate[j] == pytest.approx(wanted.loc["ICC2", "estimate"], abs=1e-10)
        assert two.low[j] == pytest.approx(wanted.loc["ICC2", "ci_low"], abs=1e-9)


def test_agreement_with_missing_values_and_other_numbers_of_repeats():
    rng = np.random.default_rng(8)
    patients = np.repeat(np.arange(12), rng.integers(1, 5, 12))
    X = rng.normal(size=(12, 3))[patients] + rng.normal(size=(len(patients), 3))
    X[rng.random(X.shape) < 0.15] = np.nan
    shuffled = rng.permutation(len(patients))
    found = one_way_agreement(X[shuffled], patients[shuffled])
    for j in range(3):
        rows = pd.DataFrame({"p": patients, "x": X[:, j]}).dropna()
        rows = rows[rows.groupby("p")["x"].transform("size") >= 2]
        each = rows.groupby("p")["x"]
        a, total, size = each.ngroups, len(rows), each.size()
        between = (size * (each.mean() - rows["x"].mean()) ** 2).sum() / (a - 1)
        within = ((rows["x"] - each.transform("mean")) ** 2).sum() / (total - a)
        k0 = (total - (size**2).sum() / total) / (a - 1)
        wanted = (between - within) / (between + (k0 - 1) * within)
        assert found.estimate[j] == pytest.approx(wanted, abs=1e-10)
        assert found.patients[j] == a


def test_columns_that_do_not_repeat_leave(context):
    rng = np.random.default_rng(9)
    true = rng.normal(size=24).repeat(2)
    X = pd.DataFrame(
        {
            "steady": true + 0.1 * rng.normal(size=48),
            "noise": rng.normal(size=48),
            "empty": np.nan,
            "few": np.where(np.arange(48) < 8, true, np.nan),
        }
    )
    for form in ("icc_1", "icc_a1"):
        step = ReliabilityFilter(0.75, form=form, patient_column="patient").fit(X, context=context)
        assert step.get_feature_names_out().tolist() == ["steady"]
        assert step.n_patients_ == 24
        assert step.table()["reason"].tolist()[2:] == ["not known to repeat"] * 2
        low = clone(step).set_params(bound="lower").fit(X, context=context)
        assert low.value_[0] < step.value_[0]
        both = clone(step).set_params(keep_unknown=True).fit(X, context=context)
        assert both.kept_.tolist() == [0, 2, 3]
    shifted = X.assign(steady=X["steady"] + 3 * np.tile([0, 1], 24))
    absolute = ReliabilityFilter(0.0, form="icc_a1", patient_column="patient")
    assert absolute.fit(shifted, context=context).value_[0] < 0.5


def test_correlations_found_elsewhere_are_taken_as_they_are():
    X = pd.DataFrame({"a": [1.0, 2.0], "b": [1.0, 3.0], "c": [0.0, 1.0]})
    step = ReliabilityFilter(0.8, known={"a": 0.8, "b": 0.79, "z": 1.0}).fit(X)
    assert step.kept_.tolist() == [0]
    assert step.table()["reason"].tolist() == ["", "0.79 is below 0.8", "not known to repeat"]
    assert clone(step).set_params(keep_unknown=True).fit(X).kept_.tolist() == [0, 2]


def test_without_repeats_nothing_is_said_about_repeating(frame):
    alone = pd.DataFrame({"patient": np.arange(48).astype(str)})
    step = ReliabilityFilter(patient_column="patient")
    with pytest.raises(StagerInputError, match=r"0 of 48"):
        step.fit(frame, context=alone)
    assert len(step.set_params(keep_unknown=True).fit(frame, context=alone).kept_) == 6
    with pytest.raises(StagerInputError, match="patient_column"):
        ReliabilityFilter().fit(frame)
    for name, value in (("form", "icc3"), ("bound", "upper"), ("threshold", 2.0)):
        with pytest.raises(StagerInputError):
            clone(step).set_params(**{name: value}).fit(frame, context=alone)


def test_rows_of_a_patient_are_averaged_by_stage():
    values = np.array([[1.0, np.nan], [3.0, np.nan], [5.0, 2.0], [7.0, 4.0]])
    means, codes = patient_means(values, np.array([0, 0, 0, 1]), np.array(["a", "a", "b", "b"]))
    np.testing.assert_array_equal(means, [[2.0, np.nan], [5.0, 2.0], [7.0, 4.0]])
    assert codes.tolist() == [0, 0, 1]
