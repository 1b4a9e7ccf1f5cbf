from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from radiofib.datacard import (
    SCHEME_NAMES,
    derive_scheme,
    get_scheme,
    make_scheme,
    schemes_that_fit,
)
from radiofib.errors import CohortError

NUMBERED = {
    "scheuer": ("s", range(5)),
    "lifs": ("s", range(1, 5)),
    "metavir": ("f", range(5)),
    "ishak": ("i", range(7)),
    "ludwig": ("l", range(1, 5)),
    "ludwig_0_4": ("l", range(5)),
    "batts_ludwig": ("b", range(5)),
}
LETTERS = {letter for letter, _ in NUMBERED.values()}


def test_every_known_scheme_is_tested():
    assert {*NUMBERED, "binary"} == set(SCHEME_NAMES)


@pytest.mark.parametrize("name", NUMBERED)
def test_levels_and_spellings(name):
    letter, stages = NUMBERED[name]
    scheme = get_scheme(name)
    assert scheme.levels == tuple(f"{letter}{i}" for i in stages)
    assert scheme.ordered
    for i, level in zip(stages, scheme.levels, strict=True):
        ways = [i, float(i), np.int64(i), np.float32(i), str(i), f"{i}.0", f" {i} "]
        ways += [level, level.upper(), scheme.labels[level], f"stage {i}", f"Stage {level.upper()}"]
        assert {scheme.parse(w) for w in ways} == {level}


@pytest.mark.parametrize("name", NUMBERED)
def test_stages_of_another_scale_are_refused(name):
    letter, stages = NUMBERED[name]
    scheme = get_scheme(name)
    for other in LETTERS - {letter}:
        assert scheme.find(f"{other}2") is None
    assert scheme.find(stages[-1] + 1) is None
    assert scheme.find(stages[0] - 1) is None


@pytest.mark.parametrize(
    "value",
    [None, "", "  ", float("nan"), float("inf"), 1.5, "1.5", True, -1, "cirrhosis", b"1", []],
)
def test_what_is_no_stage_raises(value):
    with pytest.raises(CohortError, match="outside the scheme 'scheuer'"):
        get_scheme("scheuer").parse(value)


@given(st.one_of(st.text(), st.integers(), st.floats(), st.booleans(), st.none()))
def test_parse_gives_a_level_or_raises(value):
    for name in SCHEME_NAMES:
        scheme = get_scheme(name)
        try:
            assert scheme.parse(value) in scheme.levels
        except CohortError as error:
            assert len(str(error)) < 300  # noqa: PT017


@given(st.text())
def test_parsing_is_stable(value):
    """What parses to a level parses to it again, by level and by label."""
    for name in SCHEME_NAMES:
        scheme = get_scheme(name)
        level = scheme.find(value)
        if level is not None:
            assert scheme.find(level) == scheme.find(scheme.labels[level]) == level


def test_binary():
    binary = get_scheme("binary")
    assert [binary.parse(v) for v in (0, "No", False, "false", np.bool_(False))] == ["no"] * 5
    assert [binary.parse(v) for v in (1.0, "y", True, "YES", np.bool_(True))] == ["yes"] * 5
    assert binary.find(2) is None


def test_unknown_scheme_names_nearest():
    with pytest.raises(CohortError, match="did you mean 'ishak'"):
        get_scheme("ischak")


@given(
    st.lists(
        st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=8),
        min_size=2,
        max_size=6,
        unique=True,
    )
)
def test_made_schemes_parse_their_levels(levels):
    # Two spellings of one number ("1" and "01") are one level.
    if len({str(int(v)) if v.isdecimal() and len(v) < 3 else v for v in levels}) < len(levels):
        with pytest.raises(CohortError, match="stands for two levels"):
            make_scheme("x", levels)
        return
    plain = {v.removeprefix("stage") for v in levels}
    if len(plain) < len(levels):
        return
    scheme = make_scheme("x", levels)
    assert [scheme.parse(v.upper()) for v in levels] == levels


@pytest.mark.parametrize(
    ("levels", "labels", "message"),
    [
        (["a"], None, "at least two"),
        (["a", "a"], None, "duplicate level"),
        (["a", "B"], None, "use 'b'"),
        (["a", "x" * 31], None, "at most 30"),
        (["a", "b"], {"c": "C"}, "unknown level 'c'"),
        (["a", "b"], {"a": "b"}, "stands for two"),
        (["a", "b"], {"a": " "}, "stands for two"),
    ],
)
def test_unusable_schemes_are_refused(levels, labels, message):
    with pytest.raises(CohortError, match=message):
        make_scheme("x", levels, labels)


def test_scheme_survives_pickling():
    scheme = get_scheme("metavir")
    again = pickle.loads(pickle.dumps(scheme))  # noqa: S301
    assert again == scheme
    assert again.parse("F3") == "f3"
    assert hash(again) == hash(scheme)


@given(st.lists(st.integers(0, 30), min_size=1, max_size=15), st.sampled_from(["", "F", "grade "]))
def test_derived_from_numbered_labels_is_in_numeric_order(numbers, prefix):
    values = [f"{prefix}{n}" for n in numbers]
    scheme = derive_scheme(values)
    assert scheme.ordered
    assert [int(scheme.labels[v].removeprefix(prefix)) for v in scheme.levels] == sorted(
        set(numbers)
    )
    assert [scheme.labels[scheme.parse(v)] for v in values] == values


def test_derived_labels():
    scheme = derive_scheme(["No steatosis", "steatosis", None, float("nan")])
    assert scheme.levels == ("no_steatosis", "steatosis")
    assert not scheme.ordered
    assert derive_scheme(["high", "low"], order=["low", "mid", "high"]).levels == ("low", "high")
    assert derive_scheme(["肝硬変", "正常"]).levels == ("level1", "level2")
    assert derive_scheme([True, False]).levels == ("no", "yes")


@pytest.mark.parametrize(
    ("values", "message"),
    [([], "found 0"), (range(21), "found 21"), (["a b", "a-b"], "differ only in")],
)
def test_underivable(values, message):
    with pytest.raises(CohortError, match=message):
        derive_scheme(values)


def test_hint_names_all_that_fit():
    assert schemes_that_fit([1, 4]) == [*NUMBERED]
    assert schemes_that_fit(["S0", "S4"]) == ["scheuer"]
    assert schemes_that_fit([]) == []
