from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from radiofib import stats
from radiofib.errors import UsageError

NAN = math.nan
#: Krippendorff K. Computing Krippendorff's alpha-reliability (2011), example C: four observers.
FOUR = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, NAN, NAN, NAN],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NAN, 3],
        [NAN, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NAN],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NAN],
    ]
).T


@settings(max_examples=25)
@given(st.integers(0, 10_000))
def test_kappa_equals_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    a = rng.integers(0, 4, 40)
    b = np.clip(a + rng.integers(-1, 2, 40), 0, 3)
    counts = stats.confusion_matrix(a, b, 4)
    for ours, theirs in (("none", None), ("linear", "linear"), ("quadratic", "quadratic")):
        found = stats.kappa(counts, ours)
        assert found.value == pytest.approx(cohen_kappa_score(a, b, weights=theirs), abs=1e-12)


def test_error_of_kappa_equals_a_bootstrap():
    rng = np.random.default_rng(1)
    a = rng.integers(0, 4, 200)
    b = np.clip(a + rng.integers(-1, 2, 200), 0, 3)
    found = stats.kappa(stats.confusion_matrix(a, b, 4))
    drawn = [
        float(stats.weighted_kappa(stats.confusion_matrix(a[rows], b[rows], 4)))
        for rows in rng.integers(0, 200, (1500, 200))
    ]
    assert found.se == pytest.approx(np.std(drawn), rel=0.08)


def test_kappa_by_patient():
    rng = np.random.default_rng(2)
    a = rng.integers(0, 4, 300)
    b = np.clip(a + rng.integers(-1, 2, 300), 0, 3)
    plain = stats.kappa(stats.confusion_matrix(a, b, 4))
    own = stats.kappa_by_patient(a, b, 4, np.arange(300))
    # The factor n / (n - 1) of the sum over patients is all that differs.
    assert own.se == pytest.approx(plain.se * np.sqrt(300 / 299), rel=1e-9)
    many = np.tile(np.arange(300), 10)
    again = stats.kappa_by_patient(a[many], b[many], 4, many)
    assert (again.low, again.high) == pytest.approx((own.low, own.high))


def test_counts_are_weighed_by_their_distance():
    levels = [5, 6, 12, 18, 30]
    counts = np.diag([6, 6, 6, 6, 6]) + np.eye(5, k=1, dtype=int) * 2
    by_place, by_value = stats.kappa(counts), stats.kappa(counts, values=levels)
    assert by_place.method.endswith("by position")
    assert by_value.method.endswith("by value")
    pairs = np.repeat(np.argwhere(counts > 0), counts[counts > 0], axis=0)
    x, y = np.array(levels)[pairs[:, 0]], np.array(levels)[pairs[:, 1]]
    # Quadratic weights by value: Lin's concordance of the values (Krippendorff 1970).
    assert by_value.value == pytest.approx(stats.concordance(x, y).value, abs=1e-12)


def test_kappa_without_disagreement_or_spread():
    perfect = stats.kappa([[5, 0], [0, 5]])
    assert (perfect.value, perfect.se) == (1, 0)
    assert "no disagreement" in perfect.note
    assert "not defined" in stats.kappa([[5, 0], [0, 0]]).note
    with pytest.raises(UsageError, match="at least one case"):
        stats.kappa([[0, 0], [0, 0]])


@pytest.mark.parametrize(
    ("kind", "value"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)]
)
def test_alpha_of_krippendorffs_example(kind, value):
    found = stats.krippendorff_alpha(FOUR, kind)
    assert found.value == pytest.approx(value, abs=5e-4)
    assert found.low < found.value < found.high
    assert found.note.startswith("1 cases with fewer than two ratings")
    many = np.tile(np.arange(12), 5)
    again = stats.krippendorff_alpha(FOUR[many], kind, clusters=many)
    # More ratings of each case: only the factor n - 1 over n changes.
    assert again.width == pytest.approx(found.width, rel=0.05)


def test_alpha_of_many_measurements_is_quick_and_close_to_the_icc():
    rng = np.random.default_rng(0)
    table = rng.normal(size=(3000, 1)) + 0.5 * rng.normal(size=(3000, 3))
    found = stats.krippendorff_alpha(table, "interval", n_boot=200)
    single = stats.intraclass(table).set_index("type").loc["ICC1", "estimate"]
    assert found.value == pytest.approx(single, abs=1e-3)
    with pytest.raises(UsageError, match="too many different ratings"):
        stats.krippendorff_alpha(table, "ordinal")


def test_alpha_that_is_not_defined():
    assert "equal" in stats.krippendorff_alpha([[1, 1], [1, 1]]).note
    assert "no pairs" in stats.krippendorff_alpha([[1, NAN], [NAN, 2]]).note
    with pytest.raises(UsageError, match="unknown kind"):
        stats.krippendorff_alpha([[1, 2]], "ratio")


def test_intraclass_of_shrout_and_fleiss():
    table = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
    found = stats.intraclass(table).set_index("type")
    published = {"ICC1": 0.17, "ICC2": 0.29, "ICC3": 0.71}
    published |= {"ICC1k": 0.44, "ICC2k": 0.62, "ICC3k": 0.91}
    assert found["estimate"].round(2).to_dict() == published
    assert found.loc["ICC2", ["ci_low", "ci_high"]].tolist() == pytest.approx(
        [0.019, 0.761], abs=5e-4
    )
    with pytest.raises(UsageError, match="full table"):
        stats.intraclass([[1, NAN], [2, 3]])
    same = stats.intraclass([[1, 1], [2, 2], [3, 3]])
    assert same["estimate"].iloc[2] == 1


def test_limits_of_agreement():
    rng = np.random.default_rng(0)
    x = rng.normal(10, 2, 200)
    y = x + rng.normal(0.5, 1, 200)
    frame = stats.bland_altman(y, x).set_index("metric")
    gap = y - x
    assert frame.loc["bias", "estimate"] == pytest.approx(gap.mean())
    inside = (gap > frame.loc["lower_limit", "estimate"]) & (
        gap < frame.loc["upper_limit", "estimate"]
    )
    assert 0.92 < inside.mean() < 0.98
    assert frame["note"].eq("").all()
    grows = stats.bland_altman(x * 1.3, x)
    assert grows["note"].str.contains("changes with the size").all()
    with pytest.raises(UsageError, match="three cases"):
        stats.bland_altman([1, 2], [1, 2])


def test_concordance_is_lower_than_correlation_with_a_shift():
    rng = np.random.default_rng(0)
    x = rng.normal(size=300)
    y = x + 0.3 * rng.normal(size=300) + 1
    found = stats.concordance(x, y)
    assert found.low < found.value < found.high
    assert found.value < np.corrcoef(x, y)[0, 1] - 0.1
    drawn = [stats.concordance(x[rows], y[rows]).value for rows in rng.integers(0, 300, (800, 300))]
    assert found.width == pytest.approx(2 * 1.96 * np.std(drawn), rel=0.15)
