"""Serum scores: published formulas, units that cannot be, values that are missing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from radiofib.errors import UsageError
from radiofib.stats.serum import CUTOFFS, INPUTS, apri, fib4

AGE = st.floats(1, 110)
ENZYME = st.floats(5, 5000)
PLATELETS = st.floats(5, 1500)


@given(AGE, ENZYME, ENZYME, PLATELETS)
def test_scores_are_their_formulas(age: float, ast: float, alt: float, platelets: float) -> None:
    assert fib4([age], [ast], [alt], [platelets])[0] == pytest.approx(
        (age * ast) / (platelets * alt**0.5)
    )
    assert apri([ast], [platelets], uln_ast=35)[0] == pytest.approx(ast / 35 * 100 / platelets)


@given(AGE, ENZYME, ENZYME, PLATELETS, st.sampled_from([0.01, 0.001, 1000.0, 1e6]))
def test_platelets_in_another_unit_are_refused_or_plausible(
    age: float, ast: float, alt: float, platelets: float, factor: float
) -> None:
    if 1 <= platelets * factor <= 2500:
        return
    with pytest.raises(UsageError, match="platelets are not possible in 10\\^9/l"):
        fib4([age], [ast], [alt], [platelets * factor])


def test_a_value_in_another_unit_is_named_with_its_row_and_what_to_do() -> None:
    good = {"age": [50, 60], "ast": [40, 50], "alt": [30, 60], "platelets": [200, 150]}
    for name, value, hint in (
        ("platelets", 150_000, "counts per ul\\? Divide by 1000"),
        ("platelets", 0.15, "10\\^12/l\\? Multiply by 1000"),
        ("ast", 0.7, "ukat/l\\? Multiply by 60"),
        ("alt", 0.7, "ukat/l\\? Multiply by 60"),
        ("age", 720, "months or days\\? Give years"),
        ("age", -1, "an age is not negative"),
        ("platelets", 0, "10\\^12/l"),
        ("platelets", np.inf, "counts per ul"),
    ):
        wrong = {**good, name: [good[name][0], value]}
        with pytest.raises(UsageError, match=f"^case 'b': {name} .*{hint}"):
            fib4(**wrong, rows=["case 'a'", "case 'b'"])
    with pytest.raises(UsageError, match="upper limit of normal"):
        apri([40], [200], uln_ast=0.6)
    with pytest.raises(UsageError):
        apri([40, 50], [200])


def test_what_is_missing_stays_missing() -> None:
    found = fib4([50, np.nan], [40, 40], [30, 30], [200, 200])
    assert np.isfinite(found[0])
    assert np.isnan(found[1])
    assert np.isnan(apri([np.nan], [200])[0])


def test_published_cutoffs_are_of_known_scores_and_cited() -> None:
    assert {c.score for c in CUTOFFS} == set(INPUTS)
    known = {(c.score, c.value, c.rule) for c in CUTOFFS}
    assert {("fib4", 1.45, "out"), ("fib4", 3.25, "in")} <= known
    assert {("apri", 0.5, "out"), ("apri", 1.5, "in"), ("apri", 2.0, "in")} <= known
    assert all(c.citation and c.question for c in CUTOFFS)
    assert [c.value for c in CUTOFFS if c.from_age == 65] == [2.0]
