"""Weights, synthetic rows and bags for rare stages."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
import skops.io
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.estimator_checks import parametrize_with_checks

from radiofib import _extras
from radiofib.errors import MissingExtraError
from radiofib.staging import ChainStager, LogisticStager, Rows, StagerInputError
from radiofib.staging.imbalance import (
    BagStager,
    ClassWeights,
    ImbalanceWarning,
    SmoteRows,
    stage_bags,
)

EXPECTED = {
    "check_sample_weight_equivalence_on_dense_data": "bags are drawn by row",
    "check_dataframe_column_names_consistency": "columns are put in order by name",
}


@parametrize_with_checks(
    [BagStager(LogisticStager(), 2)], expected_failed_checks=lambda _: EXPECTED
)
def test_scikit_learn_check(estimator, check):
    assert check(estimator) is None


def rows_of(counts, *, features=4, seed=0, weight=None, missing=0.0):
    rng = np.random.default_rng(seed)
    y = np.repeat([f"s{k + 1}" for k in range(len(counts))], counts)
    X = rng.normal(size=(y.size, features)) * [10.0**j for j in range(features)]
    X[rng.uniform(size=X.shape) < missing] = np.nan
    context = pd.DataFrame(
        {"patient": [f"p{i:03d}" for i in range(y.size)], "scanner": rng.choice(["A", "B"], y.size)}
    )
    return Rows(pd.DataFrame(X, columns=[f"t1_f{j}" for j in range(features)]), y, context, weight)


@given(st.lists(st.integers(1, 30), min_size=2, max_size=4), st.booleans())
def test_balanced_weights_are_scikit_learns_and_stages_weigh_the_same(counts, weighted):
    weight = np.linspace(0.5, 2.0, sum(counts)) if weighted else None
    rows = rows_of(counts, weight=weight)
    found = ClassWeights().train_rows(rows).weight
    sums = [found[rows.y == s].sum() for s in np.unique(rows.y)]
    assert np.allclose(sums, sums[0])
    total = sum(counts) if weight is None else weight.sum()
    assert found.sum() == pytest.approx(total)
    if weight is None:
        assert found == pytest.approx(compute_sample_weight("balanced", rows.y))


def test_given_weights_name_every_stage():
    rows = rows_of([3, 2], weight=np.array([1.0, 1.0, 2.0, 1.0, 1.0]))
    assert ClassWeights({"s1": 1, "s2": 3, "s9": 7}).train_rows(rows).weight.tolist() == [
        1,
        1,
        2,
        3,
        3,
    ]
    numbers = Rows(rows.X, np.array([1, 1, 1, 4, 4]), rows.context)
    assert ClassWeights({"1": 1.0, "4": 2.0}).train_rows(numbers).weight.tolist() == [1, 1, 1, 2, 2]
    for wrong, words in (
        ({"s1": 1}, "every stage"),
        ({"s1": 1, "s2": 0}, "above 0"),
        ("even", "'balanced'"),
        (None, "'balanced'"),
    ):
        with pytest.raises(StagerInputError, match=words):
            ClassWeights(wrong).train_rows(rows)


def test_weights_are_those_of_the_learner():
    rows = rows_of([60, 12], features=2)
    rows.X.iloc[60:, 0] += 2
    chain = ChainStager(LogisticStager(C=1.0), [ClassWeights()]).fit(rows.X, rows.y)
    inside = LogisticStager(C=1.0)
    inside.fit(rows.X, rows.y, sample_weight=compute_sample_weight("balanced", rows.y))
    assert chain.predict_proba(rows.X) == pytest.approx(inside.predict_proba(rows.X), abs=1e-9)


def test_synthetic_rows_lie_between_two_rows_of_their_stage_and_belong_to_the_nearer():
    rows = rows_of([30, 12, 7], weight=np.linspace(1, 2, 49))
    more = SmoteRows(random_state=1).train_rows(rows)
    assert [int((more.y == s).sum()) for s in ("s1", "s2", "s3")] == [30, 30, 30]
    pd.testing.assert_frame_equal(more.X.iloc[:49], rows.X)
    values = rows.X.to_numpy()
    scale = values.std(axis=0)
    for i in range(49, 90):
        parent = int(more.context["patient"].iloc[i][1:])
        assert rows.y[parent] == more.y[i]
        assert more.context["scanner"].iloc[i] == rows.context["scanner"].iloc[parent]
        assert more.weight[i] == rows.weight[parent]
        # On the segment from its parent to another row of the stage, in the nearer half.
        kin = [k for k in np.flatnonzero(rows.y == more.y[i]) if k != parent]
        at = (more.X.iloc[i].to_numpy() - values[parent]) / scale
        sides = (values[kin] - values[parent]) / scale
        step = (sides @ at) / (sides**2).sum(axis=1)
        off = np.abs(sides * step[:, None] - at).max(axis=1)
        best = int(off.argmin())
        assert off[best] < 1e-9
        assert -1e-9 <= step[best] <= 0.5
        # One of the two is among the five nearest of the other, in units of deviations.
        other = int(kin[best])
        near = [_nearest(values / scale, row, rows.y) for row in (parent, other)]
        assert other in near[0] or parent in near[1]


def _nearest(values, row, y):
    """Return the five rows of the same stage that are nearest to a row."""
    far = ((values - values[row]) ** 2).sum(axis=1)
    far[(y != y[row]) | (np.arange(len(y)) == row)] = np.inf
    return np.argsort(far)[:5].tolist()


def test_missing_values_are_those_of_the_parent():
    rows = rows_of([40, 15], missing=0.3)
    rows.X["t2_empty"] = np.nan
    rows.X["t2_same"] = 3.0
    more = SmoteRows().train_rows(rows)
    assert len(more.y) == 80
    for i in range(55, 80):
        parent = int(more.context["patient"].iloc[i][1:])
        assert (more.X.iloc[i].isna() == rows.X.iloc[parent].isna()).all()
    assert more.X["t2_empty"].isna().all()
    assert (more.X["t2_same"] == 3.0).all()


def test_equal_rows_and_one_feature_are_no_obstacle():
    rows = Rows(
        pd.DataFrame({"f": [0.0] * 20 + [1.0, 1.0, 1.0, 1.0 + 1e-9]}),
        np.repeat(["s1", "s4"], [20, 4]),
        pd.DataFrame({"patient": np.arange(24).astype(str)}),
    )
    more = SmoteRows(k_neighbors=3).train_rows(rows)
    assert more.X["f"].iloc[24:].to_numpy() == pytest.approx(np.ones(16), abs=1e-8)
    assert set(more.context["patient"].iloc[24:]) <= {"20", "21", "22", "23"}


def test_few_rows_have_fewer_neighbours_or_are_left_as_they_are():
    with pytest.warns(ImbalanceWarning, match=r"'s2' has 3 .* joined with 2 neighbours"):
        more = SmoteRows().train_rows(rows_of([10, 3]))
    assert (more.y == "s2").sum() == 10
    rows = rows_of([10, 1])
    with pytest.warns(ImbalanceWarning, match="'s2' has 1 .* left as they are"):
        assert SmoteRows().train_rows(rows) is rows
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        even = rows_of([8, 8])
        assert SmoteRows().train_rows(even) is even
        assert (SmoteRows(ratio=0.5).train_rows(rows_of([20, 6])).y == "s2").sum() == 10
    for wrong in ({"k_neighbors": 0}, {"ratio": 0.0}, {"ratio": 1.5}):
        with pytest.raises(StagerInputError, match="ratio above 0"):
            SmoteRows(**wrong).train_rows(rows_of([10, 6]))


def test_the_same_seed_makes_the_same_rows():
    rows = rows_of([20, 8])
    first, second, other = (SmoteRows(random_state=s).train_rows(rows) for s in (4, 4, 5))
    pd.testing.assert_frame_equal(first.X, second.X)
    assert not first.X.equals(other.X)


def test_without_imbalanced_learn_it_is_said_how_to_get_it(monkeypatch):
    def absent(name):
        raise ModuleNotFoundError(name=name)

    monkeypatch.setattr(_extras.importlib, "import_module", absent)
    with pytest.raises(MissingExtraError, match=r"radiofib\[models\]"):
        SmoteRows().train_rows(rows_of([10, 6]))


@given(
    st.lists(st.integers(1, 12), min_size=2, max_size=4),
    st.integers(1, 3),
    st.integers(1, 12),
    st.integers(0, 5),
)
def test_bags_hold_as_many_patients_of_each_stage_and_all_serve_equally(counts, rows, n, seed):
    codes = np.repeat(np.repeat(np.arange(len(counts)), counts), rows)
    patients = np.repeat([f"p{i}" for i in range(sum(counts))], rows)
    bags = stage_bags(codes, patients, n, np.random.RandomState(seed))
    fewest = min(counts)
    used = dict.fromkeys(patients.tolist(), 0)
    for bag in bags:
        assert (np.diff(bag) > 0).all()
        for stage in range(len(counts)):
            names, times = np.unique(patients[bag[codes[bag] == stage]], return_counts=True)
            assert names.size == fewest
            assert (times == rows).all()
            for name in names.tolist():
                used[name] += 1
    for stage in range(len(counts)):
        times = [used[p] for p in set(patients[codes == stage].tolist())]
        assert max(times) - min(times) <= 1


def test_a_patient_of_two_stages_counts_as_the_commonest_and_stays_whole():
    codes = np.array([0, 0, 0, 0, 0, 1, 1, 1])
    patients = np.array(["a", "b", "c", "d", "d", "d", "d", "e"])
    for bag in stage_bags(codes, patients, 6, np.random.RandomState(0)):
        names = patients[bag]
        assert {"d", "e"} <= set(names)  # d has two rows of each: the later stage
        assert (names == "d").sum() == 4
        assert len({"a", "b", "c"} & set(names)) == 2


def test_bags_bring_a_rare_stage_to_even_odds_and_keep_its_order():
    rows = rows_of([180, 20], features=3, seed=3)
    rows.X.iloc[180:, 0] += 1.5
    plain = LogisticStager(C=1.0).fit(rows.X, rows.y).predict_proba(rows.X)[:, 1]
    make = BagStager(LogisticStager(C=1.0), patient_column="patient")
    X = rows.X.assign(patient=rows.context["patient"])
    fitted = clone(make).fit(X, rows.y)
    found = fitted.predict_proba(X)[:, 1]
    assert plain.mean() == pytest.approx(0.1, abs=0.02)
    assert found.mean() > 0.3
    assert np.corrcoef(plain, found)[0, 1] > 0.8
    assert len(fitted.stagers_) == 10
    assert (clone(make).fit(X, rows.y).predict_proba(X)[:, 1] == found).all()
    with pytest.raises(StagerInputError, match="at least one bag"):
        BagStager(n_bags=0).fit(rows.X, rows.y)


def test_bags_can_be_stored(tmp_path):
    rows = rows_of([20, 6])
    fitted = BagStager(LogisticStager(), 2).fit(rows.X, rows.y)
    path = tmp_path / "m.skops"
    skops.io.dump(fitted, path)
    unknown = skops.io.get_untrusted_types(file=path)
    assert all(t.startswith("radiofib.staging.") or t == "numpy.dtype" for t in unknown), unknown
    loaded = skops.io.load(path, trusted=unknown)
    assert (loaded.predict_proba(rows.X) == fitted.predict_proba(rows.X)).all()


def test_steps_are_copied_with_their_settings():
    for step in (ClassWeights({"s1": 1, "s2": 2}), SmoteRows(3, 0.5, 7)):
        assert clone(step).get_params() == step.get_params()
        assert step.context_columns == ()
