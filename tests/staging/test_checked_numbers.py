"""Checks of features that take no longer than they must, and say what they said before."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import StandardScaler

from radiofib.staging.inputs import LARGEST, checked_numbers, within_range
from radiofib.staging.linear import column_medians, fill_medians, learn_medians

TABLES = arrays(
    np.float64,
    st.tuples(st.integers(1, 9), st.integers(1, 4)),
    elements=st.one_of(st.just(np.nan), st.floats(-1e6, 1e6)),
)


@settings(max_examples=150, deadline=None)
@given(values=TABLES)
def test_medians_are_scikit_learns_to_the_last_bit(values: np.ndarray) -> None:
    theirs = SimpleImputer(strategy="median", keep_empty_features=True).fit(values)
    ours = learn_medians(values)
    assert np.array_equal(ours.statistics_, theirs.statistics_)
    assert np.array_equal(fill_medians(ours, values), theirs.transform(values))
    empty = np.isnan(values).all(axis=0)
    assert np.array_equal(np.isnan(column_medians(values)), empty)


def test_medians_leave_the_table_as_it_was() -> None:
    values = np.array([[3.0, np.nan], [1.0, 2.0], [2.0, 5.0]])
    before = values.copy()
    column_medians(values)
    column_medians(values[:, :1])
    assert np.array_equal(values, before, equal_nan=True)


@given(values=TABLES)
def test_values_that_are_there_decide_on_the_range(values: np.ndarray) -> None:
    assert within_range(values)
    for wrong in (np.inf, -np.inf, 2 * LARGEST, -2 * LARGEST):
        values[0, 0] = wrong
        assert not within_range(values)


def test_frames_and_arrays_are_checked_alike() -> None:
    frame = pd.DataFrame({"a": [1.0, np.nan], "b": [2.0, 3.0]})
    learner = StandardScaler()
    found = checked_numbers(learner, frame, reset=True)
    assert np.array_equal(found, frame.to_numpy(), equal_nan=True)
    assert learner.feature_names_in_.tolist() == ["a", "b"]
    assert learner.n_features_in_ == 2
    with pytest.raises(ValueError, match="feature names should match"):
        checked_numbers(learner, frame[["b", "a"]], reset=False)
    with pytest.raises(ValueError, match="0 sample"):
        checked_numbers(StandardScaler(), frame[:0], reset=True)
    with pytest.raises(ValueError, match="0 feature"):
        checked_numbers(StandardScaler(), frame[[]], reset=True)
    with pytest.raises(ValueError, match="2 features"):
        checked_numbers(learner, frame.to_numpy()[:, :1], reset=False)
