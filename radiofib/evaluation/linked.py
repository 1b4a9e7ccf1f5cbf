"""Rows that must stay on one side of a split: of one patient, or pictures of one another."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from radiofib._checks import check_same_length, list_some
from radiofib.errors import SplitError

__all__ = [
    "GROUP_COLUMN",
    "copies_apart",
    "copy_groups",
    "is_missing",
    "link_copies",
    "link_groups",
    "texts",
]

#: Column of ``obs`` in which pictures that are one, or of one sweep, have one name.
GROUP_COLUMN = "image_group"
Values = Sequence[Any] | NDArray[Any]


def link_copies(patients: Values, pairs: Iterable[tuple[int, int]]) -> list[str]:
    """Return a group for each row: patients that share a copy are one group.

    Give the groups in place of patients to any function here, and copies stay on one side.

    Parameters
    ----------
    patients : sequence of shape (n_rows,)
    pairs : iterable of (int, int)
        Rows that are copies of each other.

    Returns
    -------
    list of str
        The name of the group's first patient.

    Examples
    --------
    >>> link_copies(["a", "b", "c", "c", "d"], [(0, 2), (3, 4)])
    ['a', 'b', 'a', 'a', 'a']
    """
    names = texts(patients, "patient").tolist()
    parent = {name: name for name in names}

    def root(name: str) -> str:
        while parent[name] != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    order = {name: k for k, name in reversed(list(enumerate(names)))}
    for i, j in pairs:
        if not (0 <= i < len(names) and 0 <= j < len(names)):
            raise SplitError("a pair names a row that is not there", found=f"{i}, {j}")
        a, b = sorted((root(names[i]), root(names[j])), key=lambda n: order[n])
        parent[b] = a
    return [root(name) for name in names]


def link_groups(patients: Values, copies: Values | None) -> NDArray[np.str_]:
    """Return a group for each row: patients with a picture in one group of copies are one.

    Parameters
    ----------
    patients : sequence of shape (n_rows,)
    copies : sequence of shape (n_rows,), optional
        Name of the group of copies that a row belongs to; missing where it is no copy.

    Returns
    -------
    ndarray of str
        The name of the group's first patient; the patients themselves without `copies`.

    Examples
    --------
    >>> link_groups(["a", "b", "b", "c"], ["g1", None, "g1", None]).tolist()
    ['a', 'a', 'a', 'c']
    """
    names = texts(patients, "patient")
    if copies is None:
        return names
    check_same_length(patients=names, copies=copies)
    first: dict[str, int] = {}
    pairs = [
        (first.setdefault(str(copy), k), k) for k, copy in enumerate(copies) if not is_missing(copy)
    ]
    return np.array(link_copies(names, pairs), dtype=str) if pairs else names


def copies_apart(
    patients: Values,
    copies: Values | None,
    sides: Sequence[Values],
    names: Sequence[str],
    *,
    cases: Values | None = None,
) -> SplitError:
    """Return the error that names pictures of one group on two sides of a split.

    Parameters
    ----------
    patients, copies : sequence of shape (n_rows,)
        As in :func:`link_groups`.
    sides : two sequences of int
        Rows of either side.
    names : two str
        What the sides are called.
    cases : sequence of shape (n_rows,), optional
        What rows are called; else by their number.

    Examples
    --------
    >>> print(copies_apart(["p1", "p2"], ["g1", "g1"], ([0], [1]), ("train", "test"),
    ...                    cases=["a", "b"]))
    copies of one picture, or frames of one sweep, are in train and test (found case a of patient
    p1 in train and case b of patient p2 in test). Next: give cases with one image_group, and all
    others of their patients, one part (column 'split'), or take the copies out.
    """
    first, second = ([int(k) for k in side] for side in sides)

    def told(row: int) -> str:
        what = f"row {row + 1}" if cases is None else f"case {cases[row]}"
        return f"{what} of patient {patients[row]}"

    pairs = []
    if copies is not None:
        other = {str(copies[k]): k for k in reversed(second) if not is_missing(copies[k])}
        mine = {str(copies[k]): k for k in reversed(first) if not is_missing(copies[k])}
        pairs = [
            f"{told(mine[group])} in {names[0]} and {told(other[group])} in {names[1]}"
            for group in sorted(set(mine) & set(other), key=lambda group: mine[group])
        ]
    linked = link_groups(patients, copies)
    both = sorted(set(linked[first]) & set(linked[second]))
    return SplitError(
        f"copies of one picture, or frames of one sweep, are in {names[0]} and {names[1]}",
        found=list_some(pairs, most=3)
        or f"pictures shared, through others, with {list_some(both)}",
        hint="give cases with one image_group, and all others of their patients, one part "
        "(column 'split'), or take the copies out",
    )


def copy_groups(obs: pd.DataFrame) -> NDArray[np.object_] | None:
    """Return the group of copies of each row of a table's ``obs``; None without such a column.

    Examples
    --------
    >>> copy_groups(pd.DataFrame({"case": ["a"]})) is None
    True
    """
    return obs[GROUP_COLUMN].to_numpy(dtype=object) if GROUP_COLUMN in obs else None


def is_missing(value: Any) -> bool:
    """Tell whether a cell is empty."""
    return bool(pd.isna(value)) or str(value).strip() == ""


def texts(values: Values, what: str) -> NDArray[np.str_]:
    """Return values as text; an empty one is an error that names its row."""
    empty = [i for i, value in enumerate(values) if is_missing(value)]
    if empty:
        raise SplitError(
            f"{what} is missing",
            where=f"row {empty[0] + 1}",
            found=f"{len(empty)} rows without a {what}",
            hint=f"give every row a {what}",
        )
    return np.array([str(value) for value in values], dtype=str)
