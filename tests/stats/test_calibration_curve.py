from __future__ import annotations

import math

import numpy as np
import pytest

from radiofib import stats
from radiofib.errors import UsageError


def cohort(seed=0, n=300):
    rng = np.random.default_rng(seed)
    p = rng.beta(2, 2, n)
    return (rng.random(n) < p).astype(int), p


def test_patients_keep_the_interval_wide():
    y, p = cohort()
    many = np.tile(np.arange(300), 10)
    once = stats.calibration_curve(y, p, points=5, clusters=np.arange(300))
    again = stats.calibration_curve(y[many], p[many], points=5, clusters=many)
    for column in ("observed", "ci_low", "ci_high"):
        assert again[column].to_numpy() == pytest.approx(once[column].to_numpy(), abs=1e-7)
    assert ((once["ci_low"] < once["observed"]) & (once["observed"] < once["ci_high"])).all()


def test_lowess_takes_over_where_the_spline_has_no_fit():
    y, p = cohort()
    assert stats.calibration_curve(y, p, knots=5)["method"].iloc[0].endswith("5 knots")
    few = stats.calibration_curve([0, 1, 0, 1], [0.2, 0.2, 0.7, 0.7], points=3)
    assert few["method"].eq("lowess, share 2/3").all()
    assert few["ci_low"].isna().all()
    apart = stats.calibration_curve([0] * 20 + [1] * 20, np.linspace(0.01, 0.99, 40))
    assert apart["method"].eq("lowess, share 2/3").all()
    constant = stats.calibration_curve([0, 1, 1, 1], [0.5] * 4, points=2)
    assert constant["observed"].tolist() == [0.75, 0.75]
    with pytest.raises(UsageError, match="unknown calibration curve"):
        stats.calibration_curve(y, p, knots=9)


def test_groups_and_tests():
    y, p = cohort()
    groups = stats.calibration_groups(y, p, 10, "width")
    assert groups["n"].sum() == 300
    assert (groups["p_low"] > (groups["group"] - 1) / 10 - 1e-12).all()
    assert 0 < stats.expected_calibration_error(y, p, 10, "width") < 0.1
    outside, inside = stats.hosmer_lemeshow(y, p), stats.hosmer_lemeshow(y, p, fitted=True)
    assert (outside.df, inside.df) == (10, 8)
    assert outside.statistic == inside.statistic
    sure = stats.hosmer_lemeshow([0, 1], [0.0, 1.0], 2)
    assert math.isnan(sure.p)
    assert "0 or 1" in sure.note
    assert "not defined" in stats.spiegelhalter([0, 1], [0.5, 1.0]).note
    with pytest.raises(UsageError, match="unknown kind"):
        stats.calibration_groups(y, p, 10, "equal")


def test_errors_of_constant_and_certain_probabilities():
    frame = stats.calibration_errors([0, 1, 1, 0], [0.5, 0.5, 0.5, 0.5]).set_index("metric")
    assert frame.loc["Eavg", "estimate"] == 0
    certain = stats.calibration_errors([0, 1, 1, 0], [0.0, 1.0, 1.0, 0.0]).set_index("metric")
    assert certain.loc["Eavg", "estimate"] == pytest.approx(0, abs=1e-12)
    assert math.isnan(certain.loc["R2", "estimate"])
