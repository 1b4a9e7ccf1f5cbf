"""A feature table seen by patient: the unit that is shuffled, split and counted."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from radiofib._checks import list_some
from radiofib.datacard import derive_scheme
from radiofib.errors import SplitError, TableError
from radiofib.evaluation.apply import scanner_names
from radiofib.evaluation.crossval import check_finite
from radiofib.evaluation.linked import copy_groups, link_groups
from radiofib.evaluation.splits import Split, patient_folds
from radiofib.staging import Target, targets_for
from radiofib.table import FeatureTable

__all__ = ["Patients", "patients_of", "stratified_folds"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Patients:
    """Rows of a table and the patients they belong to.

    Parameters
    ----------
    table : FeatureTable
        Rows with a stage.
    levels : tuple of str
        Stages in order.
    targets : tuple of Target
        Questions that models answer.
    questions : tuple of Target
        Questions that the audit asks: these and, of ordered stages, every cumulative cut, since
        a shortcut may lie where no model is asked.
    owner : ndarray of int, shape (rows,)
        Patient of each row, numbered in order of appearance.
    names : tuple of str
        Name of each patient.
    stages : ndarray of str, shape (patients,)
        The highest stage of each patient's rows.
    row_stages : ndarray of str, shape (rows,)
    scanners : ndarray of object, shape (patients,)
        The commonest scanner of each patient's rows; None where none is named.
    row_scanners : ndarray of object, shape (rows,)
    linked : ndarray of str, shape (patients,)
        The same for patients that share a picture: they are not parted by folds.
    without_stage : int
        Rows that were left out because they have no stage.
    """

    table: FeatureTable
    levels: tuple[str, ...]
    targets: tuple[Target, ...]
    questions: tuple[Target, ...]
    owner: NDArray[np.intp]
    names: tuple[str, ...]
    stages: NDArray[np.str_]
    row_stages: NDArray[np.str_]
    scanners: NDArray[np.object_]
    row_scanners: NDArray[np.object_]
    linked: NDArray[np.str_]
    without_stage: int

    @property
    def count(self) -> int:
        """Number of patients."""
        return len(self.names)

    def means(self, columns: pd.DataFrame) -> FloatArray:
        """Return the mean of each column over each patient's rows, missing values left out.

        Shape (patients, columns).
        """
        values: FloatArray = columns.to_numpy(dtype=np.float64, na_value=np.nan)
        if self.count == len(values):
            return values
        known = ~np.isnan(values)
        total = np.zeros((self.count, values.shape[1]))
        count = np.zeros_like(total)
        np.add.at(total, self.owner, np.where(known, values, 0.0))
        np.add.at(count, self.owner, known)
        blank = np.full(total.shape, np.nan)
        result: FloatArray = np.divide(total, count, out=blank, where=count > 0)
        return result

    def numbers(self) -> FloatArray:
        """Return where each patient stands: order in the table and number in the case name.

        The second column is there when every case name holds a number.
        """
        first = [int(np.flatnonzero(self.owner == k)[0]) for k in range(self.count)]
        cases = self.table.obs["case"].astype(str).to_numpy()[first]
        found = [re.search(r"[0-9]+", case) for case in cases]
        columns = [np.arange(self.count, dtype=np.float64)]
        if all(found):
            digits = [float(m.group()) for m in found if m is not None]
            columns.append(np.array(digits))
        return np.column_stack(columns)


def patients_of(table: FeatureTable, *, label: str, scanner: str) -> Patients:
    """Return the labelled rows of a table by patient.

    Parameters
    ----------
    table : FeatureTable
    label, scanner : str
        Columns of ``obs``; the second need not be there.

    Raises
    ------
    TableError
        When there is no such label, no row has one, a feature is infinite, or all labels are
        the same.
    """
    if label not in table.obs:
        raise TableError(
            f"no column {label!r} for the stage",
            found=list_some(table.obs.columns),
            hint="name the column with --label",
        )
    labelled = table.obs[label].notna().to_numpy()
    rows = table.subset(labelled)
    if rows.n_rows == 0:
        raise TableError("no row has a stage", where=f"column {label!r}")
    check_finite(rows)
    y = rows.obs[label]
    ordered = isinstance(y.dtype, pd.CategoricalDtype) and y.dtype.ordered
    scheme = derive_scheme(y, name=label, order=list(y.cat.categories) if ordered else None)
    row_stages = np.array([scheme.parse(v) for v in y], dtype=str)
    present = tuple(level for level in scheme.levels if level in set(row_stages.tolist()))
    if len(present) < 2:
        raise TableError(
            "all rows have one stage: there is nothing that could tell it",
            where=f"column {label!r}",
            found=list_some(present),
        )
    who = "patient" if "patient" in rows.obs else "case"
    given = rows.obs[who].where(rows.obs[who].notna(), rows.obs["case"]).astype(str)
    owner, names = pd.factorize(given)
    rank = {level: k for k, level in enumerate(scheme.levels)}
    highest = np.full(len(names), -1, dtype=np.intp)
    np.maximum.at(highest, owner, np.array([rank[s] for s in row_stages], dtype=np.intp))
    machines = scanner_names(rows, scanner).to_numpy(dtype=object)
    targets = targets_for(present, ordered=scheme.ordered)
    return Patients(
        rows,
        present,
        targets,
        (*targets, *_other_cuts(present, targets)) if scheme.ordered else targets,
        owner.astype(np.intp),
        tuple(map(str, names)),
        np.array(scheme.levels, dtype=str)[highest],
        row_stages,
        _commonest(machines, owner, len(names)),
        machines,
        link_groups(given.to_numpy(), copy_groups(rows.obs))[
            np.unique(owner, return_index=True)[1]
        ],
        int((~labelled).sum()),
    )


def _other_cuts(levels: tuple[str, ...], targets: tuple[Target, ...]) -> Iterator[Target]:
    """Yield the cumulative cuts that no target asks, in whichever direction."""
    asked = {frozenset((t.positive, t.negative)) for t in targets}
    for k in range(1, len(levels)):
        low, high = levels[:k], levels[k:]
        if frozenset((frozenset(low), frozenset(high))) not in asked:
            yield Target(f"{_span(high)}_vs_{_span(low)}", frozenset(high), frozenset(low))


def _span(levels: tuple[str, ...]) -> str:
    return levels[0] if len(levels) == 1 else f"{levels[0]}-{levels[-1].removeprefix('s')}"


def _commonest(values: NDArray[np.object_], owner: NDArray[np.intp], n: int) -> NDArray[np.object_]:
    counts: list[Counter[str]] = [Counter() for _ in range(n)]
    for k, value in zip(owner.tolist(), values.tolist(), strict=True):
        if value is not None:
            counts[k][value] += 1
    result = np.full(n, None, dtype=object)
    for k, count in enumerate(counts):
        if count:
            result[k] = max(count, key=lambda v: (count[v], v))
    return result


def stratified_folds(
    groups: NDArray[np.str_],
    *,
    folds: int = 5,
    random_state: int = 0,
    linked: NDArray[np.str_] | None = None,
) -> list[Split]:
    """Return folds over patients, balanced by group; groups too small for it are put together.

    Patients of one name in `linked` are not parted.

    Raises
    ------
    SplitError
        When there are fewer than four patients for a fold.

    Examples
    --------
    >>> groups = np.array(["a"] * 12 + ["b"] * 11 + ["c"])
    >>> [len(s.test) for s in stratified_folds(groups, folds=3)]
    [8, 8, 8]
    """
    if len(groups) < 4 * folds:
        raise SplitError(
            "too few patients for folds",
            expected=f"at least {4 * folds}",
            found=str(len(groups)),
        )
    counts = Counter(groups.tolist())
    rare = [g for g in counts if counts[g] < folds]
    merged = np.where(np.isin(groups, rare), "rare", groups) if rare else groups
    if rare and (merged == "rare").sum() < folds:
        large = max(counts, key=lambda g: (counts[g], g))
        merged = np.where(merged == "rare", large, merged)
    patients = [f"{k:08d}" for k in range(len(groups))]
    return patient_folds(
        patients, merged.astype(str), folds=folds, random_state=random_state, copies=linked
    )
