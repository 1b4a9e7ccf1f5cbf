from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radiofib.slides.morphometry.adequacy import PRESETS, adequacy
from radiofib.slides.morphometry.portal import adequacy_values
from radiofib.slides.specs import SLIDE_REGISTRY

NAN = math.nan


@pytest.mark.parametrize(
    ("length", "tracts", "complete", "expected"),
    [
        (10.0, 6.0, 6.0, [1, 0, 0, 0, 0]),
        (9.99, 40.0, 40.0, [0, 0, 0, 0, 0]),
        (20.0, 11.0, 11.0, [1, 1, 1, 1, 0]),
        (20.0, 11.0, 10.0, [1, 1, 1, 0, 0]),
        (25.0, 5.0, 5.0, [0, 0, 0, 0, 1]),
        (25.0, NAN, NAN, [NAN, NAN, NAN, NAN, 1]),
        (12.0, NAN, NAN, [NAN, 0, 0, 0, 0]),
        (NAN, 8.0, 8.0, [NAN, 0, 0, 0, NAN]),
    ],
)
def test_rules_stand_side_by_side(length, tracts, complete, expected) -> None:
    found = list(adequacy(length, tracts, complete).values())
    assert found == pytest.approx(expected, nan_ok=True)


known = st.one_of(st.just(NAN), st.floats(0, 60))


@given(known, known, known)
def test_what_is_not_known_is_decided_neither_way(length, tracts, complete) -> None:
    """A verdict given with something unknown stays whatever that turns out to be."""
    found = adequacy(length, tracts, complete)
    for fill in (0.0, 1000.0):
        certain = adequacy(*(fill if math.isnan(v) else v for v in (length, tracts, complete)))
        assert all(math.isnan(v) or v == certain[k] for k, v in found.items())


def test_the_reason_names_what_lacks() -> None:
    values, missing = adequacy_values(
        {
            "morphometry_core_length_mm": NAN,
            "portal_tract_count": NAN,
            "portal_complete_tract_count": 12.0,
        }
    )
    assert math.isnan(values["adequacy_rcpath_minimum"])
    assert missing["adequacy_rcpath_minimum"] == "not known: core length, number of portal tracts"
    assert missing["adequacy_colloredo_2003"] == "not known: core length"


def test_each_rule_has_its_column_and_its_source() -> None:
    for rule in PRESETS:
        assert SLIDE_REGISTRY[f"adequacy_{rule.key}"].citation == rule.citation
