from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from radiofib import stats
from radiofib.errors import UsageError


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.sampled_from([0.5, 0.7, 0.8, 0.9]))
def test_equals_scikit_learn(seed, low):
    rng = np.random.default_rng(seed)
    y = np.concatenate([[0, 1], rng.integers(0, 2, 30)])
    score = rng.integers(0, 8, 32)
    # scikit-learn standardises by McClish, over false positive rates from 0.
    expected = roc_auc_score(y, score, max_fpr=1 - low)
    found = stats.partial_auc(y, score, low, 1, n_boot=0)
    assert found.value == pytest.approx(expected, abs=1e-12)
    turned = stats.partial_auc(1 - y, -score, low, 1, focus="sensitivity", n_boot=0)
    assert turned.value == pytest.approx(expected, abs=1e-12)


@settings(max_examples=25)
@given(st.integers(0, 10_000))
def test_parts_add_up_to_the_whole(seed):
    rng = np.random.default_rng(seed)
    y = np.concatenate([[0, 1], rng.integers(0, 2, 20)])
    score = rng.integers(0, 6, 22)
    for focus in ("specificity", "sensitivity"):
        parts = [
            stats.partial_auc(y, score, a, b, focus=focus, standardised=False, n_boot=0).value
            for a, b in ((0, 0.35), (0.35, 0.8), (0.8, 1))
        ]
        assert sum(parts) == pytest.approx(stats.auc(y, score), abs=1e-12)
    whole = stats.partial_auc(y, score, 0, 1, n_boot=0)
    assert whole.value == pytest.approx(stats.auc(y, score), abs=1e-12)


def test_interval_by_patient():
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], 40)
    score = rng.normal(size=80) + y
    once = stats.partial_auc(y, score, n_boot=400)
    many = np.tile(np.arange(80), 5)
    again = stats.partial_auc(y[many], score[many], n_boot=400, clusters=many)
    assert once.low < once.value < once.high
    assert (again.low, again.high) == pytest.approx((once.low, once.high), abs=1e-12)
    whole = stats.partial_auc(y, score, 0, 1, n_boot=2000, kind="percentile")
    assert whole.width == pytest.approx(stats.delong(y, score).width, rel=0.1)


def test_wrong_limits_are_refused():
    with pytest.raises(UsageError, match="limits must be ordered"):
        stats.partial_auc([0, 1], [1, 2], 0.9, 0.8)
    with pytest.raises(UsageError, match="unknown focus"):
        stats.partial_auc([0, 1], [1, 2], focus="fpr")
