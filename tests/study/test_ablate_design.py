"""Designs: the whole grid, and fractions that are balanced and can tell main effects apart."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radiofib.errors import ConfigError
from radiofib.study.ablate_design import (
    _agreement,
    _estimable,
    _gains,
    _weighted,
    balance,
    fraction,
    grid,
)


def levels(*sizes: int) -> dict[str, list[str]]:
    return {f"f{k}": [f"l{j}" for j in range(size)] for k, size in enumerate(sizes)}


def test_a_grid_has_every_combination_once() -> None:
    found = grid(levels(2, 3, 2))
    assert len(found.codes) == 12
    assert len(np.unique(found.codes, axis=0)) == 12
    assert found.frame().iloc[0].tolist() == ["r001", "l0", "l0", "l0"]
    assert (balance(found)["worst_association"] == 0).all()


def test_a_grid_that_is_too_large_says_what_to_do() -> None:
    with pytest.raises(ConfigError, match=r"found 4096.*design: fraction"):
        grid(levels(*([4] * 6)))


@settings(max_examples=25, deadline=None)
@given(
    sizes=st.lists(st.integers(2, 4), min_size=2, max_size=6),
    extra=st.integers(2, 12),
    seed=st.integers(0, 5),
)
def test_fractions_are_balanced_and_estimable(sizes: list[int], extra: int, seed: int) -> None:
    runs = 1 + sum(s - 1 for s in sizes) + extra
    try:
        found = fraction(levels(*sizes), runs, seed=seed)
    except ConfigError as error:
        assert "another number of 'runs'" in str(error)  # noqa: PT017
        return
    if found.kind == "grid":
        assert len(found.codes) == np.prod(sizes) <= runs
        return
    assert len(found.codes) == runs
    assert _estimable(found.codes, sizes)
    table = balance(found)
    assert (table["most"] - table["fewest"] <= 1).all()


def test_a_seed_gives_one_design_and_another_seed_another() -> None:
    first, again, other = (fraction(levels(3, 2, 4, 2), 20, seed=s).codes for s in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()


def test_an_orthogonal_array_is_found_where_there_is_one() -> None:
    half = fraction(levels(2, 2, 2), 4)
    assert (balance(half)["worst_association"] == 0).all()
    quarter = fraction(levels(2, 2, 2, 2, 2, 2, 2), 8)
    assert (balance(quarter)["worst_association"] == 0).all()
    mixed = fraction(levels(3, 3, 3), 9)
    assert (balance(mixed)["worst_association"] == 0).all()


def test_large_fractions_have_no_run_twice() -> None:
    found = fraction(levels(3, 2, 2, 4, 2, 3, 2), 128, seed=3)
    assert len(np.unique(found.codes, axis=0)) == 128


def test_too_few_runs_are_refused() -> None:
    with pytest.raises(ConfigError, match="at least 7"):
        fraction(levels(3, 3, 3), 6)


def test_the_gain_of_an_exchange_is_what_it_changes() -> None:
    rng = np.random.default_rng(0)
    sizes = [3, 2, 4]
    codes = np.column_stack([rng.permutation(np.arange(12) % s) for s in sizes])
    delta = _weighted(codes, sizes)
    np.fill_diagonal(delta, 0)
    for f, size in enumerate(sizes):
        for i in range(12):
            gain = _gains(delta, codes[:, f], size, i)
            for k in range(12):
                moved = codes.copy()
                moved[[i, k], f] = moved[[k, i], f]
                assert _agreement(moved, sizes) - _agreement(codes, sizes) == gain[k]
