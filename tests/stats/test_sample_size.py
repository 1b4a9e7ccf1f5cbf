"""Sample size: published examples, and what must hold between the criteria."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from radiofib.errors import UsageError
from radiofib.stats.explained import largest_r2, r2_from_c_statistic
from radiofib.stats.regression import minimum_sample_size
from radiofib.stats.sample_size import (
    binary_sample_size,
    expected_shrinkage,
    most_parameters,
    multinomial_sample_size,
    optimism_size,
    shrinkage_size,
)

REFERENCE = pd.read_csv(Path(__file__).parents[1] / "reference" / "sample_size.csv")

BINARY = {
    "chagas": {"parameters": 24, "prevalence": 0.174, "r2": 0.288},
    "chagas 36": {"parameters": 36, "prevalence": 0.174, "r2": 0.288},
    "chagas 0.55": {"parameters": 24, "prevalence": 0.174, "r2": 0.55},
    "chagas 0.25": {"parameters": 24, "prevalence": 0.25, "r2": 0.288},
    "pre-eclampsia": {
        "parameters": 30, "prevalence": 0.05, "r2": 0.05, "absolute_error": 0.05
    },
    "pre-eclampsia 20": {"parameters": 20, "prevalence": 0.05, "r2": 0.05},
    "ten parameters": {
        "parameters": 10, "prevalence": 0.3, "r2": 0.1, "absolute_error": 0.05
    },
    "risk 0.5": {"parameters": 10, "prevalence": 0.5},
    "risk 0.2": {"parameters": 10, "prevalence": 0.2},
    "risk 0.1": {"parameters": 10, "prevalence": 0.1},
    "c 0.89": {"parameters": 24, "prevalence": 0.17, "c_statistic": 0.89},
}  # fmt: skip
C_STATISTICS = {"c 0.81": (0.81, 0.77), "c 0.89": (0.89, 0.17)}
OVARIAN = [2557, 186, 176, 467, 120]
OVARIAN_C = [0.85, 0.92, 0.99, 0.95, 0.75, 0.95, 0.87, 0.87, 0.71, 0.82]
MULTINOMIAL = {
    "ovarian": ([n / sum(OVARIAN) for n in OVARIAN], OVARIAN_C),
    "three classes": ([1 / 6, 2 / 6, 3 / 6], None),
}


def _computed(case, quantity):
    if quantity == "largest R2":
        phi = float(case.split()[1])
        return largest_r2([1 - phi, phi])
    if quantity == "R2":
        return r2_from_c_statistic(*C_STATISTICS[case])
    if quantity.startswith("R2: "):
        pair = tuple(int(k) - 1 for k in quantity[4:].split(", "))
        place = list(combinations(range(5), 2)).index(pair)
        both = OVARIAN[pair[0]] + OVARIAN[pair[1]]
        return r2_from_c_statistic(OVARIAN_C[place], OVARIAN[pair[1]] / both)
    if case in MULTINOMIAL:
        shares, c_statistic = MULTINOMIAL[case]
        found = multinomial_sample_size(17, shares, c_statistic=c_statistic)
        return found.set_index("criterion").loc[quantity, "n"]
    found = binary_sample_size(**BINARY[case]).set_index("criterion")
    if quantity in found.columns:
        return found.loc["largest", quantity]
    return found.loc[quantity, "n"]


@pytest.mark.parametrize(
    "row", REFERENCE.to_dict("records"), ids=lambda r: f"{r['case']}-{r['quantity']}"
)
def test_published_value(row):
    found = _computed(row["case"], row["quantity"])
    assert found == pytest.approx(row["value"], abs=row["tolerance"])


def test_every_case_has_a_published_value():
    assert set(BINARY) | set(MULTINOMIAL) | set(C_STATISTICS) <= set(REFERENCE["case"])


@given(
    st.integers(1, 4000), st.floats(0.02, 0.98), st.floats(0.02, 0.98), st.floats(0.5, 0.99)
)  # fmt: skip
def test_expected_shrinkage_undoes_the_sample_size(parameters, prevalence, part, shrinkage):
    r2 = part * min(largest_r2([1 - prevalence, prevalence]), shrinkage - 0.01)
    n = max(1, round(shrinkage_size(parameters, r2, shrinkage)))
    found = expected_shrinkage(n, parameters, r2)
    assert r2 < found < 1
    assert shrinkage_size(parameters, r2, found) == pytest.approx(n, rel=1e-6)


@given(st.integers(1, 60), st.floats(0.05, 0.95))
def test_most_parameters_undoes_the_sample_size(parameters, prevalence):
    shares = [1 - prevalence, prevalence]
    largest = largest_r2(shares)
    r2 = 0.15 * largest
    n = max(shrinkage_size(parameters, r2), optimism_size(parameters, r2, largest))
    assert most_parameters(int(n) + 1, shares) == parameters
    assert most_parameters(int(n), shares) in (parameters - 1, parameters)


def test_two_classes_are_the_binary_model_but_for_the_margin():
    binary = binary_sample_size(12, 0.3).set_index("criterion")["n"]
    both = multinomial_sample_size(12, [0.7, 0.3]).set_index("criterion")["n"]
    assert both["shrinkage: 1, 2"] == binary["shrinkage"]
    assert both["optimism of R2"] == binary["optimism of R2"]
    ordered = minimum_sample_size(12, [0.7, 0.3]).set_index("criterion")["n"]
    assert ordered["shrinkage"] == binary["shrinkage"]
    # All shares at once take a larger quantile than one.
    assert both["overall risk"] > binary["overall risk"]


def test_r2_rises_with_the_c_statistic_and_knows_no_direction():
    values = [r2_from_c_statistic(c, 0.3) for c in (0.51, 0.6, 0.7, 0.8, 0.9, 0.99, 0.9999)]
    assert values == sorted(values)
    assert values[0] < 0.001
    assert values[-1] < largest_r2([0.7, 0.3])
    assert r2_from_c_statistic(0.8, 0.3) == pytest.approx(r2_from_c_statistic(0.8, 0.7), abs=1e-12)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: binary_sample_size(5, 0.0), "prevalence"),
        (lambda: binary_sample_size(0, 0.3), "at least one parameter"),
        (lambda: binary_sample_size(5, 0.05, r2=0.4), "out of reach"),
        (lambda: binary_sample_size(5, 0.3, r2=0.1, c_statistic=0.7), "not both"),
        (lambda: binary_sample_size(31, 0.3, absolute_error=0.05), "up to 30"),
        (lambda: binary_sample_size(5, 0.3, shrinkage=1.0), "shrinkage"),
        (lambda: binary_sample_size(5, 0.5, r2=0.6, shrinkage=0.5), "below the shrinkage"),
        (lambda: binary_sample_size(5, 0.3, optimism=0.0), "optimism"),
        (lambda: r2_from_c_statistic(0.5, 0.3), "C statistic"),
        (lambda: multinomial_sample_size(5, [0.5, 0.2, 0.2]), "sum to one"),
        (lambda: multinomial_sample_size(5, [0.5, 0.3, 0.2], r2=[0.1]), "each pair"),
        (lambda: multinomial_sample_size(5, [0.5, 0.5], names=["a"]), "each class"),
        (lambda: expected_shrinkage(0, 5, 0.1), "positive"),
    ],
)
def test_arguments_out_of_range_are_refused(call, match):
    with pytest.raises(UsageError, match=match):
        call()
