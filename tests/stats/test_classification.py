from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from radiofib import stats
from radiofib.errors import UsageError

decisions = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=2, max_size=60)


@given(decisions)
def test_measures_equal_scikit_learn(pairs):
    true, guess = np.array(pairs).T
    counts = stats.confusion_matrix(true, guess, 4)
    assert counts.tolist() == metrics.confusion_matrix(true, guess, labels=range(4)).tolist()
    assert stats.accuracy(counts) == pytest.approx(metrics.accuracy_score(true, guess))
    recall = metrics.recall_score(true, guess, labels=np.unique(true), average="macro")
    assert stats.balanced_accuracy(counts) == pytest.approx(recall)
    assert stats.mean_absolute_stage_error(counts) == pytest.approx(
        metrics.mean_absolute_error(true, guess)
    )
    ours = stats.mcc(counts)
    if np.unique(true).size > 1 and np.unique(guess).size > 1:
        assert ours == pytest.approx(metrics.matthews_corrcoef(true, guess))
    else:
        assert np.isnan(ours)
    for words in ("linear", "quadratic", "none"):
        kappa = stats.weighted_kappa(counts, words)
        if not np.isnan(kappa):
            theirs = metrics.cohen_kappa_score(
                true, guess, labels=range(4), weights=None if words == "none" else words
            )
            assert kappa == pytest.approx(theirs, abs=1e-12)


def test_a_stack_of_matrices_is_one_call():
    rng = np.random.default_rng(0)
    stack = rng.integers(0, 9, (5, 4, 4))
    for measure in (stats.accuracy, stats.balanced_accuracy, stats.mcc, stats.weighted_kappa):
        assert measure(stack).tolist() == [float(measure(m)) for m in stack]


def test_two_levels():
    counts = [[18, 6], [10, 86]]
    assert stats.sensitivity(counts) == pytest.approx(86 / 96)
    assert stats.specificity(counts) == pytest.approx(18 / 24)
    assert np.isnan(stats.specificity([[0, 0], [1, 2]]))


def test_kappa_weighs_counts_by_value_when_told():
    rng = np.random.default_rng(1)
    values = [5, 6, 12, 18, 30]
    counts = rng.integers(1, 9, (5, 5))
    spread = np.repeat(np.arange(25), counts.ravel())
    a, b = np.array(values)[spread // 5], np.array(values)[spread % 5]
    # Quadratic kappa by value is Lin's concordance with population moments.
    expected = 2 * np.cov(a, b, bias=True)[0, 1] / (a.var() + b.var() + (a.mean() - b.mean()) ** 2)
    assert stats.weighted_kappa(counts, values=values) == pytest.approx(expected)
    assert stats.weighted_kappa(counts) != pytest.approx(expected, abs=1e-3)


def test_wrong_shapes_are_refused():
    with pytest.raises(UsageError, match="square"):
        stats.accuracy([[1, 2, 3], [4, 5, 6]])
    with pytest.raises(UsageError, match="level codes"):
        stats.confusion_matrix([0, 4], [0, 1], 3)
    with pytest.raises(UsageError, match="unknown weights"):
        stats.weighted_kappa([[1, 2], [3, 4]], "squared")
    with pytest.raises(UsageError, match="one value for each level"):
        stats.weighted_kappa([[1, 2], [3, 4]], values=[1, 2, 3])
