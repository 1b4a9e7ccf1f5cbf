from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.nonparametric.smoothers_lowess import lowess

from radiofib import stats
from radiofib.errors import UsageError


# With a handful of points statsmodels takes other neighbours where R's distances are equal.
@settings(max_examples=25, derandomize=True)
@given(st.integers(0, 10_000), st.integers(20, 300), st.floats(0.2, 1.0))
def test_lowess_is_near_statsmodels(seed, n, fraction):
    rng = np.random.default_rng(seed)
    x, y = np.sort(rng.normal(size=n)), rng.normal(size=n)
    # R's differs from statsmodels by as much; equality with R is tested in R itself.
    size = max(2, int(fraction * n + 1e-7))
    delta = 0.01 * (x[-1] - x[0])
    expected = lowess(y, x, min(1.0, size / n + 1e-9), it=0, delta=delta, return_sorted=False)
    assert stats.lowess(x, y, fraction) == pytest.approx(expected, abs=1e-3)
    back = stats.lowess(x[::-1], y[::-1], fraction)
    assert back[::-1] == pytest.approx(expected, abs=1e-3)


def test_ties_and_constants():
    assert stats.lowess([1, 1, 2, 2], [0, 1, 0, 1]).tolist() == [0.5] * 4
    assert stats.lowess([3, 3, 3], [0, 1, 2]).tolist() == [1.0] * 3
    assert stats.lowess([3], [2]).tolist() == [2.0]
    with pytest.raises(UsageError, match="share of cases"):
        stats.lowess([1, 2], [1, 2], 0)
    with pytest.raises(UsageError, match="finite"):
        stats.lowess([1, np.nan], [1, 2])


def test_spline_is_linear_outside_its_knots():
    basis = stats.restricted_spline(np.array([5.0, 6.0, 7.0, -3.0, -4.0]), [0, 1, 2, 4])
    assert basis[2] - basis[1] == pytest.approx(basis[1] - basis[0])
    assert basis[3:, 1:].tolist() == [[0, 0], [0, 0]]
