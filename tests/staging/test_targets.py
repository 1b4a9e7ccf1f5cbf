from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from radiofib.errors import UsageError
from radiofib.staging import Target, check_levels, targets_for

SCHEMES = {
    "lifs": ("s1", "s2", "s3", "s4"),
    "scheuer": ("s0", "s1", "s2", "s3", "s4"),
    "metavir": ("f0", "f1", "f2", "f3", "f4"),
    "ishak": tuple(f"i{k}" for k in range(7)),
    "binary": ("healthy", "steatosis"),
}


def test_lifs_asks_the_challenge_questions():
    late, early = targets_for(SCHEMES["lifs"])
    assert (late.name, late.positive) == ("s4_vs_s1-3", frozenset({"s4"}))
    assert (early.name, early.positive) == ("s1_vs_s2-4", frozenset({"s1"}))
    assert early.negative == frozenset({"s2", "s3", "s4"})


def test_other_schemes_ask_every_cumulative_cut():
    names = [t.name for t in targets_for(SCHEMES["metavir"])]
    assert names == ["f1-f4_vs_f0", "f2-f4_vs_f0-f1", "f3-f4_vs_f0-f2", "f4_vs_f0-f3"]
    assert len(targets_for(SCHEMES["ishak"])) == 6


@pytest.mark.parametrize("levels", SCHEMES.values(), ids=SCHEMES)
@pytest.mark.parametrize("ordered", [True, False])
def test_columns_can_be_columns(levels, ordered):
    targets = targets_for(levels, ordered=ordered)
    columns = [t.column for t in targets]
    assert all(re.fullmatch(r"[a-z][a-z0-9_]{0,62}", c) for c in columns)
    assert len(set(columns)) == len(columns)
    assert all(t.positive | t.negative == set(levels) for t in targets)


def test_unordered_levels_are_asked_one_by_one():
    assert [t.name for t in targets_for(["aih", "pbc", "psc"], ordered=False)] == [
        "aih_vs_rest",
        "pbc_vs_rest",
        "psc_vs_rest",
    ]


@given(st.integers(0, 10_000))
def test_scores_of_the_two_sides_are_complements(seed):
    levels = SCHEMES["metavir"]
    proba = np.random.default_rng(seed).dirichlet(np.ones(5), 10)
    for target in targets_for(levels):
        other = Target("other", target.negative, target.positive)
        both = target.score(proba, levels) + other.score(proba, levels)
        assert both == pytest.approx(np.ones(10))


def test_levels_on_neither_side_are_left_out():
    extreme = Target("s1_vs_s4", frozenset({"s4"}), frozenset({"s1"}))
    assert extreme.concerns(["s1", "s2", "s4"]).tolist() == [True, False, True]
    proba = np.array([[0.2, 0.2, 0.2, 0.4], [0.0, 0.5, 0.5, 0.0]])
    assert extreme.score(proba, SCHEMES["lifs"]).tolist() == pytest.approx([2 / 3, 0.5])


def test_unusable_levels_and_targets_are_refused():
    with pytest.raises(UsageError, match=r"column name .*found 'Stage 1'"):
        check_levels(["Stage 1", "s2"])
    with pytest.raises(UsageError, match="at least two"):
        check_levels(["s1"])
    with pytest.raises(UsageError, match="duplicate stage level"):
        check_levels(["s1", "s1"])
    with pytest.raises(UsageError, match="levels on both sides"):
        Target("x", frozenset({"a"}), frozenset({"a"}))
    with pytest.raises(UsageError, match=r"unknown levels .*found s9"):
        Target("x", frozenset({"s9"}), frozenset({"s1"})).score(np.eye(4), SCHEMES["lifs"])
