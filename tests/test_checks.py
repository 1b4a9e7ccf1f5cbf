"""Small checks: what passes comes back, what does not is named."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from radiofib._checks import (
    check_1d,
    check_known,
    check_no_duplicates,
    check_same_length,
    list_some,
    nearest,
)
from radiofib.errors import ConfigError, UsageError


@given(st.lists(st.text(max_size=5), max_size=30), st.integers(1, 10))
def test_list_some_never_hides_how_many(items: list[str], most: int) -> None:
    text = list_some(items, most)
    if len(items) > most:
        assert text.endswith(f"and {len(items) - most} more")
    else:
        assert text == ", ".join(items)


def test_unknown_names_are_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"did you mean 'binWidth'"):
        check_known("binwidht", ["binWidth", "label"], what="setting", error=ConfigError)
    assert nearest("LABEL", ["label"]) == "label"


@pytest.mark.parametrize("bad", [[], [[1.0]], [1.0, np.nan], [np.inf]])
def test_check_1d_refuses(bad: list[float]) -> None:
    with pytest.raises(UsageError, match="score"):
        check_1d(bad, "score")


def test_lengths_and_duplicates() -> None:
    assert check_same_length(a=[1], b=np.zeros(1)) == 1
    with pytest.raises(UsageError, match="a 1, b 2"):
        check_same_length(a=[1], b=[1, 2])
    with pytest.raises(UsageError, match="x"):
        check_no_duplicates(["x", "y", "x"], what="column")
