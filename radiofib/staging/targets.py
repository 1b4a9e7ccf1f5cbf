"""Binary questions asked of a stage scheme: which levels against which."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radiofib._checks import check_no_duplicates, list_some
from radiofib.errors import UsageError

__all__ = ["Target", "check_levels", "targets_for"]

_LEVEL = re.compile(r"^[a-z0-9][a-z0-9_]{0,30}$")


@dataclass(frozen=True)
class Target:
    """A binary question: the levels of one side against those of the other.

    Parameters
    ----------
    name : str
        ``s4_vs_s1-3``; :attr:`column` is the same, fit for a column name.
    positive, negative : frozenset of str
        Levels on each side. Levels on neither side are left out of the question.

    Examples
    --------
    >>> cut = Target("s4_vs_s1-3", frozenset({"s4"}), frozenset({"s1", "s2", "s3"}))
    >>> cut.column
    's4_vs_s1_3'
    >>> cut.labels(["s4", "s1"]).tolist()
    [True, False]
    """

    name: str
    positive: frozenset[str]
    negative: frozenset[str]

    def __post_init__(self) -> None:
        if not self.positive or not self.negative or self.positive & self.negative:
            raise UsageError(
                f"target {self.name!r} needs levels on both sides, and none on both",
                found=f"{sorted(self.positive)} and {sorted(self.negative)}",
            )

    @property
    def column(self) -> str:
        """The name with every character that a column cannot hold turned into ``_``."""
        return re.sub(r"[^a-z0-9_]", "_", self.name.lower())

    def concerns(self, stages: Sequence[str] | NDArray[np.str_]) -> NDArray[np.bool_]:
        """Tell for each stage whether the question is about it."""
        known = self.positive | self.negative
        return np.array([s in known for s in stages], dtype=np.bool_)

    def labels(self, stages: Sequence[str] | NDArray[np.str_]) -> NDArray[np.bool_]:
        """Tell for each stage whether it is on the positive side."""
        return np.array([s in self.positive for s in stages], dtype=np.bool_)

    def score(self, proba: NDArray[np.float64], levels: Sequence[str]) -> NDArray[np.float64]:
        """Return the probability of the positive side from one column for each level.

        The sum over positive levels; when the target leaves levels out, divided by the sum
        over both sides (one half where that is zero).
        """
        missing = sorted((self.positive | self.negative) - set(levels))
        if missing:
            raise UsageError(
                f"target {self.name!r} speaks of unknown levels",
                expected=list_some(levels),
                found=list_some(missing),
            )
        positive: NDArray[np.float64] = proba[:, [level in self.positive for level in levels]].sum(
            axis=1
        )
        if len(self.positive | self.negative) == len(levels):
            return positive.clip(0.0, 1.0)
        negative = proba[:, [level in self.negative for level in levels]].sum(axis=1)
        total = positive + negative
        half = np.full(len(proba), 0.5)
        share: NDArray[np.float64] = np.divide(positive, total, out=half, where=total > 0)
        return share


def check_levels(levels: Sequence[str]) -> tuple[str, ...]:
    """Return levels as a tuple when each can be used in a column ``p_<level>``.

    Raises
    ------
    UsageError
        When there are fewer than two, one repeats, or one has other characters than lower-case
        letters, digits and ``_``.

    Examples
    --------
    >>> check_levels(["s1", "s2"])
    ('s1', 's2')
    """
    names = tuple(str(level) for level in levels)
    if len(names) < 2:
        raise UsageError("at least two stage levels are needed", found=list_some(names) or "none")
    check_no_duplicates(names, what="stage level")
    wrong = [n for n in names if not _LEVEL.match(n)]
    if wrong:
        raise UsageError(
            "stage levels must be fit for a column name",
            expected="lower-case letters, digits and '_', at most 31 characters",
            found=list_some(map(repr, wrong)),
            hint="give the cohort a label scheme, which has short levels and display labels",
        )
    return names


def _span(levels: Sequence[str], *, short: bool) -> str:
    if len(levels) == 1:
        return levels[0]
    return f"{levels[0]}-{levels[-1].removeprefix('s') if short else levels[-1]}"


def targets_for(levels: Sequence[str], *, ordered: bool = True) -> tuple[Target, ...]:
    """Return the binary questions of a scheme.

    Two levels: the second against the first. The LiFS levels s1 to s4: the challenge's two
    cuts, in which the second asks for the *low* stage. Other ordered levels: every cumulative
    cut, the higher side positive. Unordered levels: each against the rest.

    Parameters
    ----------
    levels : sequence of str
        Levels in order.
    ordered : bool
        Whether the order means anything.

    Examples
    --------
    >>> [t.name for t in targets_for(["s1", "s2", "s3", "s4"])]
    ['s4_vs_s1-3', 's1_vs_s2-4']
    >>> [t.name for t in targets_for(["f0", "f1", "f2", "f3"])]
    ['f1-f3_vs_f0', 'f2-f3_vs_f0-f1', 'f3_vs_f0-f2']
    >>> [t.name for t in targets_for(["healthy", "steatosis"])]
    ['steatosis_vs_healthy']
    """
    names = check_levels(levels)
    if names == ("s1", "s2", "s3", "s4"):
        sides = [(names[3:], names[:3]), (names[:1], names[1:])]
        return tuple(_target(up, down, short=True) for up, down in sides)
    if ordered or len(names) == 2:
        return tuple(_target(names[k:], names[:k]) for k in range(1, len(names)))
    return tuple(
        Target(f"{name}_vs_rest", frozenset({name}), frozenset(names) - {name}) for name in names
    )


def _target(positive: Sequence[str], negative: Sequence[str], *, short: bool = False) -> Target:
    name = f"{_span(positive, short=short)}_vs_{_span(negative, short=short)}"
    return Target(name, frozenset(positive), frozenset(negative))
