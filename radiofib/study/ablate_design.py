"""Which combinations of levels are tried: all of them, or a balanced fraction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from radiofib.errors import ConfigError

__all__ = ["LARGEST_GRID", "Design", "balance", "fraction", "grid"]

IntArray = NDArray[np.int64]

#: Combinations that are still tried one by one.
LARGEST_GRID = 2048
_STARTS = 20
_FEW_RUNS = 100
_PASSES = 50


@dataclass(frozen=True, eq=False)
class Design:
    """Combinations of levels.

    Parameters
    ----------
    factors : dict of factor to tuple of str
        Levels, the reference first.
    codes : ndarray of int, shape (n_runs, n_factors)
        Number of the level of each factor in each run.
    kind : {"grid", "fraction"}
    """

    factors: dict[str, tuple[str, ...]]
    codes: IntArray
    kind: str

    @property
    def names(self) -> list[str]:
        """Name of each run: ``r001`` and so on."""
        digits = max(3, len(str(len(self.codes))))
        return [f"r{k + 1:0{digits}d}" for k in range(len(self.codes))]

    def frame(self) -> pd.DataFrame:
        """Return one row for each run: ``run``, and the level of each factor.

        Examples
        --------
        >>> grid({"select": ["no", "mrmr"]}).frame().to_numpy().tolist()
        [['r001', 'no'], ['r002', 'mrmr']]
        """
        frame = pd.DataFrame({"run": self.names})
        for place, (factor, levels) in enumerate(self.factors.items()):
            frame[factor] = [levels[code] for code in self.codes[:, place]]
        return frame


def grid(factors: Mapping[str, Sequence[str]]) -> Design:
    """Return every combination of levels, the last factor changing fastest.

    Raises
    ------
    ConfigError
        When there are more than :data:`LARGEST_GRID`.

    Examples
    --------
    >>> grid({"a": ["x", "y"], "b": ["1", "2", "3"]}).codes.tolist()
    [[0, 0], [0, 1], [0, 2], [1, 0], [1, 1], [1, 2]]
    """
    levels = {factor: tuple(names) for factor, names in factors.items()}
    size = int(np.prod([float(len(v)) for v in levels.values()]))
    if size > LARGEST_GRID:
        raise ConfigError(
            "the grid is too large",
            where="ablate",
            expected=f"at most {LARGEST_GRID} combinations",
            found=str(size),
            hint="use 'design: fraction' and say how many 'runs'",
        )
    codes = np.array(list(product(*(range(len(v)) for v in levels.values()))), dtype=np.int64)
    return Design(levels, codes, "grid")


def fraction(factors: Mapping[str, Sequence[str]], runs: int, *, seed: int = 0) -> Design:
    r"""Return a balanced fraction of the grid from which every main effect can be estimated.

    Every level of a factor comes as often as any other (but for one run where the numbers do
    not divide). Among such designs one is sought that makes

    .. math:: J_2 = \sum_{i < k} \Big( \sum_f s_f [x_{if} = x_{kf}] \Big)^2

    small, with :math:`s_f` the number of levels of factor f: pairs of runs then agree in equally
    many factors, and levels of different factors come together equally often. From several
    random starts levels of two runs are exchanged as long as that makes :math:`J_2` smaller. All
    of it is done in whole numbers, so a seed gives the same design everywhere. The whole grid is
    returned when it is not larger than `runs`.

    Parameters
    ----------
    factors : mapping of factor to levels
    runs : int
        Combinations to try.
    seed : int

    Raises
    ------
    ConfigError
        When there are fewer runs than main effects.

    References
    ----------
    Xu H. An algorithm for constructing orthogonal and nearly-orthogonal arrays with mixed levels
    and small runs. Technometrics 2002;44:356-368.

    Examples
    --------
    >>> found = fraction({"a": ["x", "y"], "b": ["x", "y"], "c": ["x", "y"]}, 4, seed=1)
    >>> found.codes.sum(axis=0).tolist(), float(balance(found)["worst_association"].iloc[0])
    ([2, 2, 2], 0.0)
    """
    levels = {factor: tuple(names) for factor, names in factors.items()}
    sizes = [len(names) for names in levels.values()]
    needed = 1 + sum(size - 1 for size in sizes)
    if runs < needed:
        raise ConfigError(
            "too few runs for the main effects of all factors",
            where="ablate",
            expected=f"at least {needed}",
            found=str(runs),
            hint="raise 'runs', or leave out factors or levels",
        )
    if float(np.prod([float(s) for s in sizes])) <= runs:
        whole = grid(levels)
        return Design(levels, whole.codes, "grid")
    best: tuple[int, IntArray] | None = None
    for start in range(_STARTS if runs <= _FEW_RUNS else _STARTS // 4):
        rng = np.random.default_rng(np.random.SeedSequence(entropy=seed, spawn_key=(start,)))
        codes = np.column_stack([rng.permutation(np.arange(runs) % size) for size in sizes])
        found = _apart(_exchange(codes.astype(np.int64), sizes), sizes)
        if _estimable(found, sizes):
            score = _agreement(found, sizes)
            if best is None or score < best[0]:
                best = (score, found)
    if best is None:
        raise ConfigError(
            "no balanced fraction was found in which every main effect can be estimated",
            where="ablate",
            found=f"{runs} runs for {needed} effects",
            hint="ask for another number of 'runs'",
        )
    codes = best[1]
    return Design(levels, codes[np.lexsort(codes.T[::-1])], "fraction")


def balance(design: Design) -> pd.DataFrame:
    """Return how evenly levels and pairs of levels come.

    Returns
    -------
    DataFrame
        ``factor, levels, fewest, most, worst_association, with``: runs of the rarest and the
        commonest level, and the largest Cramer's V with another factor, which is 0 where each
        level meets each level of the other in proportion.

    Examples
    --------
    >>> balance(grid({"a": ["x", "y"], "b": ["x", "y"]}))["worst_association"].tolist()
    [0.0, 0.0]
    """
    names = list(design.factors)
    rows = []
    for f, (factor, levels) in enumerate(design.factors.items()):
        counts = np.bincount(design.codes[:, f], minlength=len(levels))
        others = [
            (_cramer(design.codes[:, f], design.codes[:, g]), names[g])
            for g in range(len(names))
            if g != f
        ]
        worst, other = max(others, key=lambda pair: pair[0], default=(0.0, ""))
        rows.append(
            {
                "factor": factor,
                "levels": len(levels),
                "fewest": int(counts.min()),
                "most": int(counts.max()),
                "worst_association": round(worst, 6),
                "with": other if worst > 0 else "",
            }
        )
    return pd.DataFrame(rows)


def _cramer(a: IntArray, b: IntArray) -> float:
    """Return Cramer's V of two columns of levels."""
    table = np.zeros((int(a.max()) + 1, int(b.max()) + 1))
    np.add.at(table, (a, b), 1.0)
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = np.where(expected > 0, (table - expected) ** 2 / expected, 0.0)
    smaller = min(table.shape) - 1
    return float(np.sqrt(parts.sum() / (table.sum() * smaller))) if smaller else 0.0


def _weighted(codes: IntArray, sizes: Sequence[int]) -> IntArray:
    """Return how far each pair of runs agrees, weighted by numbers of levels."""
    delta = np.zeros((len(codes), len(codes)), dtype=np.int64)
    for f, size in enumerate(sizes):
        delta += size * (codes[:, f, None] == codes[None, :, f])
    return delta


def _agreement(codes: IntArray, sizes: Sequence[int]) -> int:
    delta = _weighted(codes, sizes)
    np.fill_diagonal(delta, 0)
    return int((delta**2).sum()) // 2


def _exchange(codes: IntArray, sizes: Sequence[int]) -> IntArray:
    """Exchange levels of two runs, the best exchange of each run first, until none helps."""
    codes = codes.copy()
    delta = _weighted(codes, sizes)
    np.fill_diagonal(delta, 0)
    for _ in range(_PASSES):
        changed = False
        for f, size in enumerate(sizes):
            for i in range(len(codes)):
                gain = _gains(delta, codes[:, f], size, i)
                k = int(np.argmin(gain))
                if gain[k] >= 0:
                    continue
                codes[[i, k], f] = codes[[k, i], f]
                _renew(delta, codes, sizes, (i, k))
                changed = True
        if not changed:
            break
    return codes


def _renew(delta: IntArray, codes: IntArray, sizes: Sequence[int], rows: Sequence[int]) -> None:
    """Compute the agreement of these runs with all others again, in place."""
    for row in rows:
        agreement = ((codes == codes[row]) * np.asarray(sizes)).sum(axis=1)
        agreement[row] = 0
        delta[row] = delta[:, row] = agreement


def _apart(codes: IntArray, sizes: Sequence[int]) -> IntArray:
    """Exchange levels at the least cost until no run comes twice, or nothing helps."""
    codes = codes.copy()
    delta = _weighted(codes, sizes)
    np.fill_diagonal(delta, 0)
    for _ in range(len(codes)):
        twice = delta.max(axis=1) == sum(sizes)
        if not twice.any():
            break
        i = int(np.argmax(twice))
        best: tuple[int, int, int] | None = None
        for f, size in enumerate(sizes):
            gain = _gains(delta, codes[:, f], size, i)
            for k in np.flatnonzero(codes[:, f] != codes[i, f]).tolist():
                if best is not None and gain[k] >= best[0]:
                    continue
                tried = codes.copy()
                tried[[i, k], f] = tried[[k, i], f]
                if len(np.unique(tried, axis=0)) > len(np.unique(codes, axis=0)):
                    best = (int(gain[k]), f, k)
        if best is None:
            break
        _, f, k = best
        codes[[i, k], f] = codes[[k, i], f]
        _renew(delta, codes, sizes, (i, k))
    return codes


def _gains(delta: IntArray, column: IntArray, size: int, i: int) -> IntArray:
    """Return by how much J2 changes when run i exchanges its level with each other run."""
    same = column[:, None] == column[None, :]
    # Row k: what the pairs (i, j) lose or win when i takes the level of k; and (k, j) the reverse.
    change = size * (same.astype(np.int64) - same[i].astype(np.int64)[None, :])
    inside = np.ones_like(same)
    inside[:, i] = False
    np.fill_diagonal(inside, False)
    first = (2 * delta[i][None, :] * change + change**2) * inside
    second = (-2 * delta * change + change**2) * inside
    gain: IntArray = (first + second).sum(axis=1)
    gain[same[i]] = 0
    return gain


def _estimable(codes: IntArray, sizes: Sequence[int]) -> bool:
    """Tell whether all main effects can be told apart, and no run comes twice."""
    if len(np.unique(codes, axis=0)) < len(codes):
        return False
    columns = [np.ones((len(codes), 1))]
    for f, size in enumerate(sizes):
        columns.append((codes[:, f, None] == np.arange(1, size)).astype(np.float64))
    design = np.hstack(columns)
    return bool(np.linalg.matrix_rank(design) == design.shape[1])
