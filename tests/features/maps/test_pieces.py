"""Pieces of the window kernels against numpy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from radiofib.errors import UsageError
from radiofib.features.maps import NAMES, WindowSettings, window_features
from radiofib.features.maps._common import entropy_table, sort
from radiofib.features.maps._firstorder import _sum
from radiofib.features.maps._mcc import _largest, components, second_singular
from radiofib.features.maps.layout import make_layout, summation_plan
from radiofib.registry import FEATURES


@given(st.integers(1, 700), st.integers(0, 2**32 - 1))
def test_sum_is_numpy_s_to_the_last_digit(n: int, seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=n)
    plan = summation_plan(n)
    assert _sum(values, plan, np.empty(len(plan) + 8)) == values.sum()


@given(st.integers(1, 80), st.integers(0, 2**32 - 1))
def test_sort(n: int, seed: int) -> None:
    values = np.random.default_rng(seed).integers(0, 20, 80).astype(float)
    expected = np.append(np.sort(values[:n]), values[n:])
    sort(values, n)
    assert np.array_equal(values, expected)


@given(st.integers(3, 20), st.integers(0, 2**32 - 1), st.booleans())
def test_largest_eigenvalue(n: int, seed: int, sparse: bool) -> None:
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(n, n)) * (rng.random((n, n)) < (0.3 if sparse else 1))
    matrix = matrix + matrix.T
    expected = np.abs(np.linalg.eigvalsh(matrix)).max()
    found = _largest(matrix.copy(), n, np.empty(n), np.empty(n), np.empty(n))
    assert found == pytest.approx(expected, rel=1e-12, abs=1e-12)


@given(st.integers(2, 9), st.integers(0, 2**32 - 1), st.booleans())
def test_second_singular_value(k: int, seed: int, symmetrical: bool) -> None:
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 3, (k, k)) * (rng.random((k, k)) < 0.5)
    counts[0, 1] = 1
    if symmetrical:
        counts = counts + counts.T
    px, py = counts.sum(axis=1).astype(float), counts.sum(axis=0).astype(float)
    ci, cj = np.nonzero(np.triu(counts) if symmetrical else counts)
    cells = counts[ci, cj].astype(float)
    inside = counts[px > 0][:, py > 0] / np.sqrt(np.outer(px[px > 0], py[py > 0]))
    singular = np.linalg.svd(inside, compute_uv=False)
    n_used = int((px > 0).sum() + (py > 0).sum())
    parent = np.empty(2 * k, np.int64)
    blocks = components(ci, cj, len(ci), k, n_used, symmetrical, parent)
    assert (blocks > 1) == (np.count_nonzero(singular > 1 - 1e-9) > 1)
    if (px > 0).sum() < 2 or (py > 0).sum() < 2 or blocks > 1:
        return
    work = [np.empty((k, k + 1)), np.empty((k, k + 1)), np.empty(k + 1), np.empty(k + 1)]
    place = np.empty(2 * k, np.int64)
    found = second_singular(
        ci, cj, cells, len(ci), k, px, py, float(counts.sum()), symmetrical, place, *work
    )
    assert found == pytest.approx(singular[1], abs=1e-7 if not symmetrical else 1e-12)


def test_entropy_table() -> None:
    counts = np.array([3, 1, 4])
    p = counts / counts.sum()
    logs = entropy_table(8)
    assert (logs[8] - logs[counts].sum()) / 8 == pytest.approx(-np.sum(p * np.log2(p)))


def test_names_are_the_registry_s() -> None:
    named = {f"{family}_{name}" for family, names in NAMES.items() for name in names if name}
    families = set(NAMES)
    wanted = {s.key for s in FEATURES if s.family in families and s.pyradiomics_name}
    assert named == wanted
    assert len(named) == 94  # 93 and the standard deviation, which is computed when asked for


def test_lines_pass_each_voxel_once_and_pairs_are_neighbours() -> None:
    layout = make_layout((5, 5, 5), (5, 5, 5), radius=2)
    offsets = np.argwhere(np.ones((5, 5, 5))) - 2
    for a, direction in enumerate(layout.run_directions):
        line = layout.lines[layout.line_starts[a] : layout.line_starts[a + 1]]
        assert sorted(line[line >= 0]) == list(range(125))
        pair = layout.pairs[layout.pair_starts[a] : layout.pair_starts[a + 1]]
        assert np.array_equal(
            offsets[pair[:, 1]] - offsets[pair[:, 0]], np.tile(direction, (len(pair), 1))
        )


def test_what_does_not_fit_is_refused() -> None:
    image = np.eye(4)
    with pytest.raises(UsageError, match="radius"):
        window_features(image, image > 0, (1.0, 1.0), WindowSettings(radius=0))
    with pytest.raises(UsageError, match="families"):
        window_features(image, image > 0, (1.0, 1.0), WindowSettings(families=("shape",)))
    with pytest.raises(UsageError, match="one shape"):
        window_features(image, np.ones((3, 3), bool), (1.0, 1.0))
