"""More ways to divide rows, each of which keeps a patient, and a copy of one, on one side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from radiofib._checks import check_known, check_same_length, list_some
from radiofib.errors import SplitError, TableError
from radiofib.evaluation.linked import (
    Values,
    is_missing,
    link_copies,
    link_groups,
    texts,
)
from radiofib.evaluation.splits import (
    IndexArray,
    Split,
    check_no_leak,
    leave_one_group_out,
    patient_folds,
)
from radiofib.table import read_frame

__all__ = [
    "NestedSplit",
    "fixed_splits",
    "id_ood_splits",
    "leave_one_centre_out",
    "link_copies",
    "nested_folds",
    "read_split_file",
    "rows_of_pairs",
]


@dataclass(frozen=True, eq=False)
class NestedSplit:
    """An outer split and the inner splits of its training rows.

    Parameters
    ----------
    outer : Split
    inner : tuple of Split
        Positions are those of the whole table; every inner row is an outer training row.
    """

    outer: Split
    inner: tuple[Split, ...]


def nested_folds(
    patients: Values,
    stages: Values,
    *,
    outer: int = 5,
    inner: int = 5,
    random_state: int = 0,
    copies: Values | None = None,
) -> list[NestedSplit]:
    """Return outer folds for testing, each with inner folds of its training rows for choosing.

    Both are patient-grouped and stage-stratified, and copies are kept together
    (:func:`patient_folds`).

    Raises
    ------
    SplitError
        When a stage has too few patients for the inner folds of some outer fold.

    Examples
    --------
    >>> splits = nested_folds(list("abcdefghijkl"), [0, 1] * 6, outer=3, inner=2)
    >>> [(len(s.outer.test), [len(i.test) for i in s.inner]) for s in splits]
    [(4, [4, 4]), (4, [4, 4]), (4, [4, 4])]
    """
    names, labels = link_groups(patients, copies), texts(stages, "stage")
    result = []
    for split in patient_folds(names, labels, folds=outer, random_state=random_state):
        rows = split.train
        parts = patient_folds(names[rows], labels[rows], folds=inner, random_state=random_state)
        within = tuple(Split(p.name, rows[p.train], rows[p.test]) for p in parts)
        check_no_leak(within, names)
        result.append(NestedSplit(split, within))
    return result


def leave_one_centre_out(
    patients: Values, centres: Values, *, copies: Values | None = None
) -> tuple[list[Split], IndexArray]:
    """Return one split for each centre, as :func:`leave_one_scanner_out` does for scanners.

    A patient seen at the centre that is left out is taken out of training altogether. Rows whose
    centre is unknown are in no split.

    Examples
    --------
    >>> splits, excluded = leave_one_centre_out(list("abc"), ["x", "y", "y"])
    >>> [(s.name, s.train.tolist(), s.test.tolist()) for s in splits]
    [('x', [1, 2], [0]), ('y', [0], [1, 2])]
    """
    return leave_one_group_out(patients, centres, what="centre", copies=copies)


def fixed_splits(
    patients: Values,
    names: Values,
    *,
    train: str = "train",
    copies: Values | None = None,
    cases: Values | None = None,
) -> list[Split]:
    """Return one split for each published part but `train`, all trained on `train`.

    Rows without a part are in no split.

    Parameters
    ----------
    patients : sequence of shape (n_rows,)
    names : sequence of shape (n_rows,)
        Part of each row: ``train``, ``val``, ``test`` ...
    train : str
        Name of the training part.
    copies : sequence of shape (n_rows,), optional
        As in :func:`patient_folds`.
    cases : sequence of shape (n_rows,), optional
        What rows are called in messages.

    Raises
    ------
    SplitError
        When there is no training part or no other, or a patient or a copy of a picture is in
        training and elsewhere:
        published splits are taken as they are or not at all.

    Examples
    --------
    >>> [s.test.tolist() for s in fixed_splits(list("abc"), ["train", "test", "val"])]
    [[1], [2]]
    >>> fixed_splits(list("aab"), ["train", "test", "test"])
    Traceback (most recent call last):
    radiofib.errors.SplitError: split 'test': patients are in training and test (found a).
    """
    who = texts(patients, "patient")
    check_same_length(patients=who, names=names)
    parts = np.array(["" if is_missing(n) else str(n).strip() for n in names], dtype=object)
    found = sorted(set(parts.tolist()) - {""})
    if train not in found or len(found) < 2:
        raise SplitError(
            "a fixed split needs a training part and another",
            expected=f"{train!r} and at least one other name",
            found=list_some(map(repr, found)) or "no part at all",
        )
    rows = np.flatnonzero(parts == train)
    splits = [Split(p, rows, np.flatnonzero(parts == p)) for p in found if p != train]
    check_no_leak(splits, who, copies=copies, cases=cases)
    return splits


def read_split_file(path: str | Path, cases: Sequence[Any]) -> list[str | None]:
    r"""Return the part of each case from a file with columns ``case`` and ``split``.

    Parameters
    ----------
    path : path
        CSV, XLSX, SAV or Parquet.
    cases : sequence
        Cases of the table, several rows of one case allowed.

    Returns
    -------
    list
        Part of each row of the table, None where the file does not name the case.

    Raises
    ------
    TableError
        When a column is missing, a case stands twice with different parts, or no case of the
        table is named.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "splits.csv"
    ...     _ = path.write_text("case,split\na,train\nb,test\n")
    ...     parts = read_split_file(path, ["b", "a", "c"])
    >>> parts
    ['test', 'train', None]
    """
    path = Path(path)
    frame = read_frame(path, text=("case", "split"))
    for column in ("case", "split"):
        check_known(
            column, map(str, frame.columns), what="column", where=path.name, error=TableError
        )
    part: dict[str, str] = {}
    for row, (case, given) in enumerate(zip(frame["case"], frame["split"], strict=True)):
        if is_missing(case) or is_missing(given):
            continue
        key, value = str(case).strip(), str(given).strip()
        if part.setdefault(key, value) != value:
            raise TableError(
                "a case is in two splits",
                where=f"{path.name}, row {row + 2}",
                found=f"case {key!r}: {part[key]!r} and {value!r}",
            )
    wanted = [str(c) for c in cases]
    if not set(wanted) & set(part):
        raise TableError(
            "no case of the table is named",
            where=path.name,
            expected=list_some(dict.fromkeys(wanted), 3),
            found=list_some(part, 3),
        )
    return [part.get(c) for c in wanted]


def id_ood_splits(
    patients: Values,
    stages: Values,
    scanners: Values,
    *,
    ood: Sequence[str],
    test_share: float = 0.25,
    random_state: int = 0,
    copies: Values | None = None,
) -> tuple[list[Split], IndexArray]:
    """Return the challenge's form: one training set, tested on known and on unseen scanners.

    Patients seen on a scanner of `ood` make the test set ``OOD`` (with their rows on those
    scanners; their other rows are left out). Of the others a stage-stratified share makes the
    test set ``ID`` and the rest trains both.

    Parameters
    ----------
    patients, stages, scanners : sequence of shape (n_rows,)
    ood : sequence of str
        Scanners that training must not see.
    test_share : float
        Share of the remaining patients in the test set ``ID``: 1/k for a whole k.
    random_state : int
    copies : sequence of shape (n_rows,), optional
        As in :func:`patient_folds`.

    Returns
    -------
    splits : list of Split
        ``ID`` and ``OOD``, with the same training rows.
    excluded : ndarray of int
        Rows in neither: of unknown scanner, or of a patient of `ood` elsewhere.

    Raises
    ------
    SplitError
        When a scanner of `ood` does not occur, or too few patients are left.

    Examples
    --------
    >>> splits, excluded = id_ood_splits(list("abcdefgh") + ["a"], [0, 1] * 4 + [0],
    ...                                  ["x"] * 6 + ["y"] * 2 + ["y"], ood=["y"], test_share=0.5)
    >>> [(s.name, len(s.train), len(s.test)) for s in splits], excluded.tolist()
    ([('ID', 2, 3), ('OOD', 2, 3)], [0])
    """
    who, labels = link_groups(patients, copies), texts(stages, "stage")
    check_same_length(patients=who, stages=labels, scanners=scanners)
    if not 0.05 <= test_share <= 0.5:
        raise SplitError("share of the test set", expected="0.05 to 0.5", found=str(test_share))
    used = np.array(["" if is_missing(s) else str(s) for s in scanners], dtype=object)
    for name in ood:
        check_known(str(name), sorted(set(used.tolist()) - {""}), what="scanner", error=SplitError)
    outside = np.isin(used, [str(name) for name in ood])
    seen = np.isin(who, who[outside])
    inside = np.flatnonzero(~seen & (used != ""))
    folds = round(1 / test_share)
    first = patient_folds(who[inside], labels[inside], folds=folds, random_state=random_state)[0]
    train, test = inside[first.train], inside[first.test]
    splits = [Split("ID", train, test), Split("OOD", train, np.flatnonzero(outside))]
    check_no_leak(splits, who)
    return splits, np.flatnonzero((seen & ~outside) | ((used == "") & ~outside))


def rows_of_pairs(pairs: pd.DataFrame, cases: Sequence[Any]) -> list[tuple[int, int]]:
    """Return row positions of the audit's copies (``case_a``, ``case_b``).

    Examples
    --------
    >>> rows_of_pairs(pd.DataFrame({"case_a": ["a"], "case_b": ["c"]}), ["a", "b", "c"])
    [(0, 2)]
    """
    place = {str(case): k for k, case in reversed(list(enumerate(cases)))}
    names = zip(pairs["case_a"].astype(str), pairs["case_b"].astype(str), strict=True)
    return [(place[a], place[b]) for a, b in names if a in place and b in place]
