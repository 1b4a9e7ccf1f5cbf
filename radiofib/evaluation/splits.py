"""Splits in which no patient stands on both sides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radiofib._checks import check_same_length, list_some
from radiofib.errors import SplitError
from radiofib.evaluation.linked import Values, copies_apart, is_missing, link_groups, texts

__all__ = [
    "Split",
    "check_no_leak",
    "leave_one_group_out",
    "leave_one_scanner_out",
    "patient_folds",
]

IndexArray = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Split:
    """One division into training and test rows.

    Parameters
    ----------
    name : str
        Number of the fold, or name of the scanner left out.
    train, test : ndarray of int
        Row positions, ascending.
    """

    name: str
    train: IndexArray
    test: IndexArray


def check_no_leak(
    splits: Iterable[Split],
    patients: Values,
    *,
    copies: Values | None = None,
    cases: Values | None = None,
) -> None:
    """Raise when a patient is on both sides of a split, or a row is tested twice.

    With `copies` (see :func:`link_groups`) a picture and its copies count as one patient.

    Raises
    ------
    SplitError
        Naming the split and the patients; for copies also the rows, by `cases` where given.

    Examples
    --------
    >>> check_no_leak([Split("1", np.array([0]), np.array([1]))], ["a", "b"])
    >>> check_no_leak([Split("1", np.array([0]), np.array([1]))], ["a", "a"])
    Traceback (most recent call last):
    radiofib.errors.SplitError: split '1': patients are in training and test (found a).
    """
    names, linked = texts(patients, "patient"), link_groups(patients, copies)
    tested = np.zeros(len(names), dtype=np.intp)
    for split in splits:
        both = sorted(set(names[split.train]) & set(names[split.test]))
        if both:
            raise SplitError(
                "patients are in training and test",
                where=f"split {split.name!r}",
                found=list_some(both),
            )
        if set(linked[split.train]) & set(linked[split.test]):
            error = copies_apart(
                names, copies, (split.train, split.test), ("training", "test"), cases=cases
            )
            error.where = f"split {split.name!r}"
            raise error
        np.add.at(tested, split.test, 1)
    if (tested > 1).any():
        rows = list_some(np.flatnonzero(tested > 1) + 1)
        raise SplitError("rows are tested more than once", found=f"rows {rows}")


def patient_folds(
    patients: Values,
    stages: Values,
    *,
    folds: int = 5,
    random_state: int = 0,
    copies: Values | None = None,
) -> list[Split]:
    """Return K folds that keep patients together and stages balanced.

    Patients are dealt out stage by stage, those with most rows first, so that in every fold the
    number of patients of a stage differs by at most one from that of any other fold, and so
    does the number of patients in all. A patient whose rows differ in stage counts as the
    commonest of them (the last of equals). Which fold a patient falls into depends on the set
    of patients and the seed, not on the order of rows.

    Parameters
    ----------
    patients, stages : sequence of shape (n_rows,)
        Patient and stage of each row, none missing.
    folds : int
        Number of folds, at least 2.
    random_state : int
        Seed of the dealing.
    copies : sequence of shape (n_rows,), optional
        Group of copies of each row, missing for none: patients that share a picture are dealt as
        one (:func:`radiofib.evaluation.linked.link_groups`).

    Raises
    ------
    SplitError
        When a stage has fewer patients than there are folds, saying which, how many, and what
        to do; when a value is missing.

    Examples
    --------
    >>> splits = patient_folds(list("aabbccdd"), [0, 0, 0, 0, 1, 1, 1, 1], folds=2)
    >>> [len(s.test) for s in splits]
    [4, 4]
    """
    names, labels = link_groups(patients, copies), texts(stages, "stage")
    check_same_length(patients=names, stages=labels)
    if folds < 2:
        raise SplitError("at least two folds are needed", found=str(folds))
    holders = {
        stage: len(set(names[labels == stage].tolist())) for stage in sorted(set(labels.tolist()))
    }
    few = {stage: n for stage, n in holders.items() if n < folds}
    if few:
        stage, n = min(few.items(), key=lambda item: (item[1], item[0]))
        others = f" ({len(few)} stages have too few)" if len(few) > 1 else ""
        way = f"ask for {n} folds" if n >= 2 else "leave that stage out"
        raise SplitError(
            f"stage {stage!r} has too few patients for {folds} folds{others}",
            expected=f"at least {folds} patients",
            found=f"{n} patient{'s' if n != 1 else ''}",
            hint=f"{way}, or join stages that are next to each other",
        )
    fold_of = _deal(names, labels, folds, random_state)
    numbers = np.array([fold_of[name] for name in names])
    splits = [
        Split(str(k + 1), np.flatnonzero(numbers != k), np.flatnonzero(numbers == k))
        for k in range(folds)
    ]
    check_no_leak(splits, names)
    return splits


def _deal(
    names: NDArray[np.str_], labels: NDArray[np.str_], folds: int, random_state: int
) -> dict[str, int]:
    rng = np.random.default_rng(random_state)
    rows_of = Counter(names.tolist())
    stratum: dict[str, list[str]] = {}
    for name in sorted(rows_of):
        counts = Counter(labels[names == name].tolist())
        stage = max(counts, key=lambda s: (counts[s], s))
        stratum.setdefault(stage, []).append(name)
    patients_in, rows_in = np.zeros(folds, dtype=np.intp), np.zeros(folds, dtype=np.intp)
    fold_of: dict[str, int] = {}
    for stage in sorted(stratum):
        shuffled = [stratum[stage][i] for i in rng.permutation(len(stratum[stage]))]
        shuffled.sort(key=lambda name: -rows_of[name])
        for begin in range(0, len(shuffled), folds):
            block = shuffled[begin : begin + folds]
            # A part block goes where patients are fewest; the largest where rows are fewest.
            order = np.lexsort((rng.permutation(folds), rows_in, patients_in))[: len(block)]
            order = order[np.argsort(rows_in[order], kind="stable")]
            for name, fold in zip(block, order.tolist(), strict=True):
                fold_of[name] = fold
                patients_in[fold] += 1
                rows_in[fold] += rows_of[name]
    return fold_of


def leave_one_scanner_out(
    patients: Values, scanners: Values, *, copies: Values | None = None
) -> tuple[list[Split], IndexArray]:
    """Return one split for each scanner, tested on its rows and trained on the others.

    A patient seen under the scanner that is left out is taken out of training altogether. Rows
    whose scanner is unknown are in no split, because they could be from the one left out.

    Parameters
    ----------
    patients, scanners : sequence of shape (n_rows,)
        Patient and scanner of each row; a missing scanner is None, NaN or empty.
    copies : sequence of shape (n_rows,), optional
        As in :func:`patient_folds`.

    Returns
    -------
    splits : list of Split
        In order of scanner names.
    excluded : ndarray of int
        Rows whose scanner is unknown.

    Raises
    ------
    SplitError
        When there are fewer than two scanners.

    Examples
    --------
    >>> splits, excluded = leave_one_scanner_out(list("abca"), ["x", "y", None, "y"])
    >>> [(s.name, s.train.tolist(), s.test.tolist()) for s in splits], excluded.tolist()
    ([('x', [1], [0]), ('y', [], [1, 3])], [2])
    """
    return leave_one_group_out(patients, scanners, what="scanner", copies=copies)


def leave_one_group_out(
    patients: Values, groups: Values, *, what: str, copies: Values | None = None
) -> tuple[list[Split], IndexArray]:
    """Return one split for each scanner, centre or other group: :func:`leave_one_scanner_out`.

    Examples
    --------
    >>> leave_one_group_out(["a"], ["x"], what="centre")
    Traceback (most recent call last):
    radiofib.errors.SplitError: leave-one-centre-out needs at least two centres (found x). Next:
    give the cohort a column that names the centre, or use setting 'cv'.
    """
    names = link_groups(patients, copies)
    check_same_length(patients=names, groups=groups)
    used = np.array(["" if is_missing(s) else str(s) for s in groups], dtype=object)
    known = sorted(set(used.tolist()) - {""})
    if len(known) < 2:
        raise SplitError(
            f"leave-one-{what}-out needs at least two {what}s",
            found=list_some(known) or f"no {what} at all",
            hint=f"give the cohort a column that names the {what}, or use setting 'cv'",
        )
    splits = []
    for group in known:
        test = used == group
        seen = np.isin(names, names[test])
        splits.append(
            Split(group, np.flatnonzero(~test & ~seen & (used != "")), np.flatnonzero(test))
        )
    check_no_leak(splits, names)
    return splits, np.flatnonzero(used == "")
