"""The units a measure counts, rows or patients, of probabilities or of one ordinal score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from radiofib.staging import Target

__all__ = ["BinaryView", "Unit", "patient_unit", "row_unit"]

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


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
        Probability of each stage; one column, the score, when there are no probabilities.
    folds : ndarray of int, shape (n,)
        Fold in which a row was predicted, as a code into `fold_names`.
    fold_names : tuple of str
    clusters : ndarray of int, shape (n,)
        Patient, numbered from 0 without gaps.
    note : str
        What happened when rows became patients.
    is_score : bool
        Whether `proba` holds one score, higher for higher stages, instead of probabilities.
    """

    name: str
    levels: tuple[str, ...]
    codes: NDArray[np.intp]
    proba: FloatArray
    folds: NDArray[np.intp]
    fold_names: tuple[str, ...]
    clusters: NDArray[np.intp]
    note: str = ""
    is_score: bool = False

    @property
    def n_patients(self) -> int:
        """Number of different patients."""
        return int(self.clusters.max(initial=-1)) + 1

    @property
    def clustered(self) -> bool:
        """Whether a patient has more than one row."""
        return self.n_patients < self.codes.size

    def subset(self, rows: BoolArray) -> Unit:
        """Return some of the rows, patients numbered anew in the same order."""
        _, clusters = np.unique(self.clusters[rows], return_inverse=True)
        return replace(
            self,
            codes=self.codes[rows],
            proba=self.proba[rows],
            folds=self.folds[rows],
            clusters=clusters,
        )

    def binary(self, target: Target) -> BinaryView:
        """Return the rows a binary question is about, their side and their score.

        A single score stands for the higher stages: it is turned for a question whose positive
        side is the lower one, and there is none when the sides are not apart in order.
        """
        known = np.array([s in target.positive | target.negative for s in self.levels])
        side = np.array([s in target.positive for s in self.levels])
        unit = self.subset(known[self.codes])
        positive: BoolArray = side[unit.codes]
        if not self.is_score:
            return BinaryView(unit, positive, target.score(unit.proba, unit.levels))
        up, down = np.flatnonzero(side), np.flatnonzero(known & ~side)
        value = unit.proba[:, 0]
        if up.size and down.size and up.min() > down.max():
            return BinaryView(unit, positive, value)
        if up.size and down.size and up.max() < down.min():
            return BinaryView(unit, positive, -value, turned=True)
        return BinaryView(unit, positive, None)


@dataclass(frozen=True, eq=False)
class BinaryView:
    """Rows of a binary question.

    Parameters
    ----------
    unit : Unit
        The rows it is about.
    positive : ndarray of bool
    score : ndarray or None
        Higher for "more likely positive"; None when a single score cannot tell the sides.
    turned : bool
        Whether it is the negative of the score that was given.
    """

    unit: Unit
    positive: BoolArray
    score: FloatArray | None
    turned: bool = False

    @property
    def both(self) -> bool:
        """Whether rows of both sides are there."""
        return bool(self.positive.any() and not self.positive.all())

    @property
    def class_patients(self) -> tuple[int, int]:
        """Number of patients with a positive row, and with a negative one."""
        clusters = self.unit.clusters
        return (
            int(np.unique(clusters[self.positive]).size),
            int(np.unique(clusters[~self.positive]).size),
        )


def row_unit(frame: pd.DataFrame, levels: Sequence[str]) -> Unit:
    """Return the rows of checked predictions of one model and setting.

    Rows without a true stage are left out. The order of rows in `frame` does not matter.
    """
    known = frame[frame["y_true"].notna()]
    keys = [c for c in ("fold", "patient", "case", "instance") if c in known]
    known = known.assign(**{c: known[c].fillna("").astype(str) for c in keys})
    columns = [f"p_{level}" for level in levels]
    is_score = bool(known[columns].isna().all(axis=None)) and "score" in known
    columns = ["score"] if is_score else columns
    # The values too, so that rows that share all names stand in an order of their own.
    known = known.sort_values([*keys, "y_true", *columns], kind="stable")
    place = {level: code for code, level in enumerate(levels)}
    fold_names, folds = np.unique(known["fold"].to_numpy(dtype=str), return_inverse=True)
    _, clusters = np.unique(known["patient"].to_numpy(dtype=str), return_inverse=True)
    lost = len(frame) - len(known)
    return Unit(
        "row",
        tuple(levels),
        np.asarray(known["y_true"].map(place), dtype=np.intp),
        known[columns].to_numpy(dtype=np.float64),
        folds,
        tuple(fold_names.tolist()),
        clusters,
        f"{lost} rows without a true stage left out" if lost else "",
        is_score,
    )


def patient_unit(rows: Unit) -> Unit:
    """Return one row for each patient and fold: the mean probability of each stage, or score.

    A patient whose rows differ in stage counts as the highest of them, and `note` says so.
    """
    key = rows.folds.astype(np.int64) * (int(rows.clusters.max(initial=0)) + 1) + rows.clusters
    _, first, index = np.unique(key, return_index=True, return_inverse=True)
    sizes = np.bincount(index).astype(np.float64)
    proba = np.column_stack([np.bincount(index, weights=p) for p in rows.proba.T])
    highest = np.full(first.size, -1, dtype=np.intp)
    lowest = np.full(first.size, len(rows.levels), dtype=np.intp)
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
        folds=rows.folds[first],
        clusters=rows.clusters[first],
        note="; ".join(notes),
    )
