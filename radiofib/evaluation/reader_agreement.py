"""Readers against each other: two by two, and all together."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from radiofib import stats
from radiofib.evaluation.rows import Row
from radiofib.stats import Estimate

__all__ = ["AGREEMENT_COLUMNS", "agreement_rows"]

FloatArray = NDArray[np.float64]

AGREEMENT_COLUMNS = (
    *("reader_a", "reader_b", "reading", "target", "metric", "estimate", "ci_low", "ci_high"),
    *("n", "method", "note"),
)


def agreement_rows(
    readings: pd.DataFrame,
    predictions: pd.DataFrame,
    target: str,
    level: float = 0.95,
) -> list[Row]:
    """Return how far readers agree, for each reading.

    For two readers, on the cases both scored: ``quadratic_weighted_kappa``, by the distance of
    the scores as numbers, and ``icc_a_1``, the intraclass correlation ICC(A,1) of one reader
    (absolute agreement). For three and more, ICC(A,1) on the cases all of them scored. When a
    patient has several cases, the interval of kappa counts patients, and ICC(A,1) is that of the
    patients' mean scores.

    Parameters
    ----------
    readings : DataFrame
        Readings of one target.
    predictions : DataFrame
        Where the patients of the cases are from.
    target : str
        Name written into the rows; empty for scores of the stage.
    level : float

    Returns
    -------
    list of dict
        :data:`AGREEMENT_COLUMNS`.

    Examples
    --------
    >>> read = pd.DataFrame({"case": list("abcd") * 2, "reader": ["R1"] * 4 + ["R2"] * 4,
    ...                      "reading": "", "score": [1, 3, 5, 7, 1, 3, 5, 6]})
    >>> cases = pd.DataFrame({"case": list("abcd"), "patient": list("abcd")})
    >>> [round(r["estimate"], 3) for r in agreement_rows(read, cases, "")]
    [0.971, 0.978]
    """
    patient = predictions.drop_duplicates("case").set_index("case")["patient"]
    rows: list[Row] = []
    for reading, part in readings.groupby("reading", sort=False):
        table = part.pivot_table(index="case", columns="reader", values="score", sort=True)
        table = table[list(dict.fromkeys(part["reader"]))]
        head = {"reading": reading, "target": target}
        for a, b in combinations(table.columns, 2):
            both = table[[a, b]].dropna()
            patients = patient.reindex(both.index).to_numpy(dtype=str)
            scores = both.to_numpy(dtype=np.float64)
            pair = {**head, "reader_a": a, "reader_b": b, "n": len(both)}
            found = _kappa(scores, patients, level)
            rows.append({**pair, "metric": "quadratic_weighted_kappa", **_fields(found)})
            rows.append({**pair, "metric": "icc_a_1", **_fields(_icc(scores, patients, level))})
        if table.shape[1] > 2:
            full = table.dropna()
            patients = patient.reindex(full.index).to_numpy(dtype=str)
            found = _icc(full.to_numpy(dtype=np.float64), patients, level)
            whole = {**head, "reader_a": "all", "reader_b": "all", "n": len(full)}
            rows.append({**whole, "metric": "icc_a_1", **_fields(found)})
    return rows


def _fields(found: Estimate) -> Row:
    return {
        "estimate": found.value,
        "ci_low": found.low,
        "ci_high": found.high,
        "method": found.method,
        "note": found.note,
    }


def _repeats(patients: NDArray[np.str_]) -> bool:
    return np.unique(patients).size < patients.size


def _kappa(scores: FloatArray, patients: NDArray[np.str_], level: float) -> Estimate:
    """Return kappa weighted by the squared distance of the scores."""
    if len(scores) < 2:
        return Estimate(math.nan, math.nan, math.nan, "none", "fewer than two cases in common")
    values, codes = np.unique(scores, return_inverse=True)
    first, second = codes.reshape(scores.shape).T
    if values.size < 2:
        return Estimate(math.nan, math.nan, math.nan, "none", "ties only: one score throughout")
    if _repeats(patients):
        found = stats.kappa_by_patient(
            first, second, values.size, patients, values=values, level=level
        )
    else:
        counts = stats.confusion_matrix(first, second, values.size)
        found = stats.kappa(counts, "quadratic", values, level)
    return Estimate(found.value, found.low, found.high, found.method, found.note)


def _icc(scores: FloatArray, patients: NDArray[np.str_], level: float) -> Estimate:
    """Return ICC(A,1), of the patients' mean scores when a patient has several cases."""
    note = ""
    if _repeats(patients):
        scores = pd.DataFrame(scores).groupby(patients).mean().to_numpy(dtype=np.float64)
        note = f"mean scores of {len(scores)} patients"
    if len(scores) < 2:
        return Estimate(math.nan, math.nan, math.nan, "none", "fewer than two cases in common")
    row = stats.intraclass(scores, level).set_index("type").loc["ICC2"].to_dict()
    if not math.isfinite(row["estimate"]):
        note = "not defined: no spread"
    value, low, high = (float(row[name]) for name in ("estimate", "ci_low", "ci_high"))
    return Estimate(value, low, high, f"ICC(A,1), {row['method']}", note)
