"""The units a measure counts, rows or patients, and their resampling by patient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from radiofib.stats import resample_weights, weighted_pairs

__all__ = ["Unit", "patient_unit", "row_unit"]

FloatArray = NDArray[np.float64]
_CHUNK = 4_000_000


@dataclass(frozen=True, eq=False)
class Unit:
    """Rows or patients of one model and setting, ordered by fold, patient and case.

    Parameters
    ----------
    name : {"row", "patient"}
    levels : tuple of str
        Stages in order.
    codes : ndarray of int, shape (n,)
        True stage.
    proba : ndarray, shape (n, k)
        Probability of each stage.
    folds : ndarray of int, shape (n,)
        Fold in which a row was predicted, as a code into `fold_names`.
    fold_names : tuple of str
    clusters : ndarray of int, shape (n,)
        Patient.
    note : str
        What happened when rows became patients.
    """

    name: str
    levels: tuple[str, ...]
    codes: NDArray[np.intp]
    proba: FloatArray
    folds: NDArray[np.intp]
    fold_names: tuple[str, ...]
    clusters: NDArray[np.intp]
    note: str = ""

    @property
    def n_patients(self) -> int:
        """Number of different patients."""
        return int(np.unique(self.clusters).size)

    @property
    def clustered(self) -> bool:
        """Whether a patient has more than one row."""
        return self.n_patients < self.codes.size

    def subset(self, rows: NDArray[np.bool_]) -> Unit:
        """Return some of the rows, patients numbered anew in the same order."""
        _, clusters = np.unique(self.clusters[rows], return_inverse=True)
        return replace(
            self,
            codes=self.codes[rows],
            proba=self.proba[rows],
            folds=self.folds[rows],
            clusters=clusters,
        )

    def weights(self, classes: NDArray[np.intp], n_boot: int, random_state: int) -> FloatArray:
        """Return weights of patients, shape (1 + n_boot, patients); the first row is ones.

        Patients are drawn within strata of equal folds and classes; one whose rows are of
        several classes or folds is in a stratum of its kind.
        """
        count = self.n_patients
        plain = np.ones((1, count))
        if n_boot == 0:
            return plain
        cell = self.folds * (int(classes.max()) + 1) + classes
        pairs = np.unique(np.column_stack([self.clusters, cell]), axis=0)
        kinds: list[list[str]] = [[] for _ in range(count)]
        for cluster, value in pairs.tolist():
            kinds[cluster].append(str(value))
        strata = ["+".join(kind) for kind in kinds]
        return np.vstack([plain, resample_weights(strata, n_boot, random_state)])

    def totals(self, columns: FloatArray, weights: FloatArray) -> FloatArray:
        """Return weighted sums over rows of each column, shape (len(weights), m)."""
        per_patient = np.zeros((weights.shape[1], columns.shape[1]))
        np.add.at(per_patient, self.clusters, columns)
        sums: FloatArray = weights @ per_patient
        return sums

    def fold_pairs(
        self, positive: NDArray[np.bool_], score: FloatArray, weights: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Return rightly ordered and all pairs within each fold, shape (len(weights), folds)."""
        right = np.zeros((len(weights), len(self.fold_names)))
        pairs = np.zeros_like(right)
        for fold in np.unique(self.folds):
            rows = self.folds == fold
            step = max(1, _CHUNK // int(rows.sum()))
            for begin in range(0, len(weights), step):
                part = slice(begin, begin + step)
                drawn = weights[part][:, self.clusters[rows]]
                right[part, fold], pairs[part, fold] = weighted_pairs(
                    positive[rows], score[rows], drawn
                )
        return right, pairs


def row_unit(frame: pd.DataFrame, levels: Sequence[str]) -> Unit:
    """Return the rows of checked predictions of one model and setting.

    Rows without a true stage are left out. The order of rows in `frame` does not matter.
    """
    known = frame[frame["y_true"].notna()]
    keys = [c for c in ("fold", "patient", "case", "instance") if c in known]
    known = known.assign(**{c: known[c].fillna("").astype(str) for c in keys})
    known = known.sort_values(keys, kind="stable")
    place = {level: code for code, level in enumerate(levels)}
    fold_names, folds = np.unique(known["fold"].to_numpy(dtype=str), return_inverse=True)
    _, clusters = np.unique(known["patient"].to_numpy(dtype=str), return_inverse=True)
    lost = len(frame) - len(known)
    return Unit(
        "row",
        tuple(levels),
        np.array([place[s] for s in known["y_true"]], dtype=np.intp),
        known[[f"p_{level}" for level in levels]].to_numpy(dtype=np.float64),
        folds,
        tuple(fold_names.tolist()),
        clusters,
        f"{lost} rows without a true stage left out" if lost else "",
    )


def patient_unit(rows: Unit) -> Unit:
    """Return one row for each patient and fold: the mean probability of each stage.

    A patient whose rows differ in stage counts as the highest of them, and `note` says so.
    """
    key = np.column_stack([rows.folds, rows.clusters])
    pairs, index = np.unique(key, axis=0, return_inverse=True)
    index = index.ravel()
    sizes = np.bincount(index).astype(np.float64)
    proba = np.column_stack([np.bincount(index, weights=p) for p in rows.proba.T])
    highest = np.full(len(pairs), -1, dtype=np.intp)
    lowest = np.full(len(pairs), len(rows.levels), dtype=np.intp)
    np.maximum.at(highest, index, rows.codes)
    np.minimum.at(lowest, index, rows.codes)
    mixed = int((highest != lowest).sum())
    notes = [rows.note] if rows.note else []
    if mixed:
        notes.append(f"{mixed} patients have rows of several stages: the highest counts")
    return replace(
        rows,
        name="patient",
        codes=highest,
        proba=proba / sizes[:, None],
        folds=pairs[:, 0],
        clusters=pairs[:, 1],
        note="; ".join(notes),
    )
