from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radiofib import stats
from radiofib.errors import UsageError


def by_hand(a, b, power=2, by_position=False):
    """Cohen's weighted kappa from all pairs of cases."""
    a, b = np.asarray(a, float), np.asarray(b, float)
    if by_position:
        levels = np.unique(np.concatenate([a, b]))
        a, b = np.searchsorted(levels, a), np.searchsorted(levels, b)
    seen = (np.abs(a - b) ** power).mean()
    chance = (np.abs(a[:, None] - b) ** power).mean()
    return 1 - seen / chance


counts = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), min_size=4, max_size=25)


@given(counts)
@settings(deadline=None, max_examples=40)
def test_kappa_weighs_counts_by_their_distance(pairs) -> None:
    a, b = zip(*pairs, strict=True)
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return
    found = stats.count_agreement(a, b).set_index("metric")["estimate"]
    assert found["quadratic_weighted_kappa"] == pytest.approx(by_hand(a, b), abs=1e-9)
    assert found["linear_weighted_kappa"] == pytest.approx(by_hand(a, b, 1), abs=1e-9)
    assert found["quadratic_weighted_kappa_by_position"] == pytest.approx(
        by_hand(a, b, by_position=True), abs=1e-9
    )


def test_distance_by_position_and_by_value_differ_on_skewed_counts() -> None:
    levels = [5, 6, 12, 18, 30]
    rng = np.random.default_rng(0)
    a = rng.choice(levels, 40)
    b = np.where(rng.random(40) < 0.5, a, rng.choice(levels, 40))
    found = stats.count_agreement(a, b).set_index("metric")["estimate"]
    gap = found["quadratic_weighted_kappa"] - found["quadratic_weighted_kappa_by_position"]
    assert abs(gap) > 0.01


def test_cases_that_are_not_countable_are_left_out_and_said() -> None:
    a, b = [5, 7, 9, math.nan, 4], [5, 8, 9, 3, math.nan]
    frame = stats.count_agreement(a, b)
    assert (frame["n"] == 3).all()
    assert frame["note"].str.contains("2 cases without both values").all()
    with pytest.raises(UsageError, match="three cases"):
        stats.count_agreement(a[:3:2], b[:3:2])


def test_areas_have_icc_limits_and_pearson() -> None:
    rng = np.random.default_rng(1)
    length = rng.uniform(8, 30, 40)
    area = 0.9 * length + rng.normal(0, 1.5, 40)
    frame = stats.measurement_agreement(area, length).set_index("metric")
    pearson = frame.loc["pearson"]
    assert pearson["estimate"] == pytest.approx(np.corrcoef(area, length)[0, 1], rel=1e-12)
    assert pearson["ci_low"] < pearson["estimate"] < pearson["ci_high"]
    assert frame.loc["bias", "estimate"] == pytest.approx((area - length).mean(), rel=1e-12)
    icc = stats.intraclass(np.column_stack([area, length])).set_index("type").loc["ICC2"]
    assert frame.loc["icc_a_1", "estimate"] == icc["estimate"]
    # A constant factor costs agreement but no correlation.
    doubled = stats.measurement_agreement(2 * length, length).set_index("metric")["estimate"]
    assert doubled["pearson"] == pytest.approx(1)
    assert doubled["icc_a_1"] < 0.6


def test_stage_has_spearman_and_jonckheere_beside_pearson() -> None:
    stage = np.repeat([0, 1, 2, 3], 6)
    value = stage**2 + np.linspace(0, 0.5, 24)
    frame = stats.stage_association(value, stage, 4).set_index("metric")
    assert frame.loc["spearman", "estimate"] > frame.loc["pearson", "estimate"]
    test = stats.jonckheere(stage, value, 4)
    assert frame.loc["jonckheere", "estimate"] == test.statistic
    assert frame.loc["jonckheere", "p"] == test.p
    alone = stats.stage_association([1.0, 2.0, 3.0], [1, 1, 1], 4).set_index("metric")
    assert math.isnan(alone.loc["jonckheere", "estimate"])


labels = st.lists(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=12),
    min_size=1,
    max_size=5,
)


@given(labels, st.integers(1, 3))
@settings(deadline=None, max_examples=40)
def test_overlap_is_that_of_masks_one_by_one(slides, batch) -> None:
    pairs = [tuple(np.array(v) for v in zip(*slide, strict=True)) for slide in slides]
    frame = stats.label_overlap(pairs, ["a", "b", "c"], batch=batch)
    frame = frame.set_index(["class", "metric", "average"])
    for number, name in enumerate("abc"):
        for metric, measure in (("dice", stats.dice), ("jaccard", stats.jaccard)):
            each = [measure(p == number, r == number) for p, r in pairs]
            each = [v for v in each if not math.isnan(v)]
            row = frame.loc[(name, metric, "per_slide")]
            assert row["n"] == len(each)
            assert row["value"] == pytest.approx(np.mean(each) if each else math.nan, nan_ok=True)
            one, other = (np.concatenate([pair[i] for pair in pairs]) for i in range(2))
            pooled = measure(one == number, other == number)
            assert frame.loc[(name, metric, "pooled"), "value"] == pytest.approx(
                pooled, nan_ok=True
            )
            if batch == 1:
                assert frame.loc[(name, metric, "per_batch"), "value"] == pytest.approx(
                    row["value"], nan_ok=True
                )


def test_labels_that_cannot_be_compared_are_refused() -> None:
    with pytest.raises(UsageError, match="same grid"):
        stats.label_overlap([(np.zeros(3, int), np.zeros(4, int))], ["a"])
    with pytest.raises(UsageError, match="0 to 0"):
        stats.label_overlap([(np.ones(3, int), np.zeros(3, int))], ["a"])
    with pytest.raises(UsageError, match="no pictures"):
        stats.label_overlap([], ["a"])
    counted = stats.label_counts(np.array([0, 2]), np.array([0, 1]))
    with pytest.raises(UsageError, match="expected 0 to 1; found 0 to 2"):
        stats.overlap_of_counts([counted], ["a", "b"])


def test_large_pictures_are_counted_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, 4, (2, 37, 29)).astype(np.uint8)
    whole = stats.label_counts(first, second)
    monkeypatch.setattr("radiofib.stats.counted_labels._AT_ONCE", 100)
    np.testing.assert_array_equal(stats.label_counts(first, second), whole)
    assert whole.sum() == first.size
