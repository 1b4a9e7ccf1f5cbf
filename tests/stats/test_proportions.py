from __future__ import annotations

import csv
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radiofib import stats
from radiofib.errors import UsageError

REFERENCE = Path(__file__).parent.parent / "reference" / "proportion_intervals.csv"


def _reference() -> list[dict[str, str]]:
    with REFERENCE.open(encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.parametrize("row", _reference(), ids=lambda r: "-".join(list(r.values())[:4]))
def test_published_limits(row):
    found = getattr(stats, row["method"])(float(row["successes"]), float(row["n"]))
    assert getattr(found, row["limit"]) == pytest.approx(
        float(row["value"]), abs=float(row["tolerance"])
    )


@given(st.integers(1, 400), st.data(), st.sampled_from(["wilson", "clopper_pearson"]))
def test_interval_holds_the_share_and_mirrors(n, data, method):
    x = data.draw(st.integers(0, n))
    interval = getattr(stats, method)
    found, mirror = interval(x, n), interval(n - x, n)
    assert 0 <= found.low <= found.value <= found.high <= 1
    assert found.low == pytest.approx(1 - mirror.high, abs=1e-12)


def test_no_case_has_no_share():
    assert math.isnan(stats.wilson(0, 0).value)
    assert stats.clopper_pearson(0, 0).note == "no case"


def test_impossible_counts_are_refused():
    with pytest.raises(UsageError, match="found 5 of 3"):
        stats.wilson(5, 3)
    with pytest.raises(UsageError, match="confidence level"):
        stats.wilson(1, 3, level=1.0)
