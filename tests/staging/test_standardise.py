"""Scaling equals scikit-learn's to the last bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.preprocessing import StandardScaler

from radiofib.staging.standardise import beside, learn_scaling, standardised
from tests._examples import examples

LEARNT = ("mean_", "var_", "scale_", "n_samples_seen_", "n_features_in_")


def _same(columns, weights=None):
    ours = learn_scaling(columns, weights)
    theirs = StandardScaler().fit(columns, sample_weight=weights)
    for name in LEARNT:
        assert np.array_equal(getattr(ours, name), getattr(theirs, name)), name
    assert np.array_equal(standardised(ours, columns), theirs.transform(columns))
    assert np.array_equal(ours.transform(columns), theirs.transform(columns))


@settings(max_examples=examples(60), deadline=None)
@given(
    hnp.arrays(
        np.float64,
        hnp.array_shapes(min_dims=2, max_dims=2, max_side=12),
        elements=st.floats(-1e12, 1e12, allow_subnormal=False),
    )
)
def test_bits_are_scikit_learns(columns):
    _same(columns)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("offset", [0.0, 1e9])
def test_bits_of_a_wide_table_near_a_constant_or_not(order, offset):
    rng = np.random.default_rng(0)
    columns = rng.normal(size=(288, 301)) * 10.0 ** rng.integers(-12, 8, 301) + offset
    columns[:, 7] = 0.1
    _same(np.asarray(columns, order=order))


def test_weighted_rows_are_scikit_learns():
    rng = np.random.default_rng(1)
    _same(rng.normal(size=(30, 4)), rng.random(30))


def test_columns_without_flags_are_not_copied():
    columns = np.ones((3, 2))
    assert beside(columns, np.zeros((3, 0))) is columns
    assert beside(columns, np.zeros((3, 1))).tolist() == [[1.0, 1.0, 0.0]] * 3
