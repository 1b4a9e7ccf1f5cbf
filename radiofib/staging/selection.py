"""Columns that say nothing, and columns that do not repeat."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from radiofib._checks import check_known
from radiofib.staging.inputs import StagerInputError
from radiofib.staging.repeats import absolute_agreement, one_way_agreement
from radiofib.staging.selector import Choice, Selector

__all__ = ["BOUNDS", "FORMS", "NearConstant", "ReliabilityFilter", "commonest_share"]

FloatArray = NDArray[np.float64]

#: form -> what it says of repeated rows
FORMS = {
    "icc_1": "ICC(1,1), one-way: repeats are interchangeable",
    "icc_a1": "ICC(A,1), two-way, absolute agreement: the first repeat, the second ...",
}
BOUNDS = ("estimate", "lower")
#: Fewer patients with repeats than this say nothing of a column.
_FEWEST_PATIENTS = 5


class NearConstant(Selector):
    """Drops columns without a value, (nearly) constant ones, and those with one common value.

    Parameters
    ----------
    share : float
        A column leaves when its commonest value makes up at least this share of those present.
    spread : float
        A column leaves when its standard deviation is at most this times the root of its mean
        square: it varies by rounding alone.

    Attributes
    ----------
    kept_ : ndarray of int
        Positions of the columns that stay, ascending.
    value_ : ndarray of float
        Share of the commonest value; NaN without any.
    reason_ : ndarray of str

    References
    ----------
    Kuhn M, Johnson K. Applied Predictive Modeling. Springer 2013, section 3.5.

    Examples
    --------
    >>> X = pd.DataFrame({"a": [1.0, 2, 3, 4], "b": [7.0, 7, 7, 7], "c": [np.nan] * 4})
    >>> NearConstant().fit(X).table()["reason"].tolist()
    ['', 'constant', 'no value']
    """

    def __init__(self, share: float = 0.95, *, spread: float = 1e-6) -> None:
        self.share = share
        self.spread = spread

    def _choose(
        self,
        frame: pd.DataFrame,
        y: NDArray[Any] | None,  # noqa: ARG002
        context: pd.DataFrame,  # noqa: ARG002
    ) -> Choice:
        if not (0 < self.share <= 1 and self.spread >= 0):
            raise StagerInputError(
                "share must lie above 0, up to 1, and spread not be negative",
                found=f"{self.share:g} and {self.spread:g}",
            )
        values = frame.to_numpy()
        present = ~np.isnan(values)
        count = present.sum(axis=0)
        filled = np.where(present, values, 0.0)
        mean = filled.sum(axis=0) / np.maximum(count, 1)
        away = np.where(present, values - mean, 0.0)
        flat = np.sqrt((away**2).sum(axis=0)) <= self.spread * np.sqrt((filled**2).sum(axis=0))
        common = commonest_share(values)
        reason = []
        for n, is_flat, part in zip(count.tolist(), flat.tolist(), common.tolist(), strict=True):
            if n == 0:
                reason.append("no value")
            elif is_flat:
                reason.append("constant")
            else:
                reason.append(f"{part:.0%} have one value" if part >= self.share else "")
        kept = np.array([not why for why in reason])
        return Choice(kept, common, reason)


def commonest_share(values: FloatArray) -> FloatArray:
    """Return the share of each column's commonest value among those present; NaN without any.

    Examples
    --------
    >>> commonest_share(np.array([[1.0, np.nan], [1.0, np.nan], [2.0, np.nan]])).round(2).tolist()
    [0.67, nan]
    """
    ordered = np.sort(values, axis=0)
    n, p = ordered.shape
    count = (~np.isnan(ordered)).sum(axis=0)
    # A run is as long as the distance from its first place to here; NaN starts new runs.
    starts = np.vstack([np.ones((1, p), dtype=np.bool_), ordered[1:] != ordered[:-1]])
    begin = np.maximum.accumulate(np.where(starts, np.arange(n)[:, None], 0), axis=0)
    longest = (np.arange(1, n + 1)[:, None] - begin).max(axis=0)
    share: FloatArray = np.full(p, np.nan)
    np.divide(longest, count, out=share, where=count > 0)
    return share


class ReliabilityFilter(Selector):
    """Drops columns that do not repeat: intraclass correlation of a patient's repeated rows.

    Rows of a patient are repeats when the region was drawn again or jittered, or the image
    registered again; slices or phases are not. Only training rows of patients with at least two
    of them count. Or give what another experiment found, as a table.

    Parameters
    ----------
    threshold : float
        A column stays when its correlation is at least this.
    form : {"icc_1", "icc_a1"}
        For ``icc_a1`` the rows of each patient stand in the same order (first drawing, second
        ...); as many are used as every patient with repeats has.
    bound : {"estimate", "lower"}
        Judge by the estimate, or by the lower limit of its interval.
    level : float
        Level of the two-sided interval.
    known : mapping of str to float, optional
        Column -> correlation (or lower limit) from elsewhere; rows are then not looked at.
    keep_unknown : bool
        Whether a column stays for which there is no correlation (not in the table, or fewer
        than 5 patients with repeats of it).
    patient_column : str, optional
        Context column that names the patient; needed without ``known``.

    Attributes
    ----------
    kept_ : ndarray of int
        Positions of the columns that stay, ascending.
    value_ : ndarray of float
        What was compared with the threshold.
    reason_ : ndarray of str
    n_patients_ : int
        Patients with repeats; 0 with a table.

    References
    ----------
    Shrout PE, Fleiss JL. Psychol Bull 1979;86:420-428. McGraw KO, Wong SP. Psychol Methods
    1996;1:30-46. Koo TK, Li MY. J Chiropr Med 2016;15:155-163 (0.75 and 0.9 as marks).

    Examples
    --------
    >>> X = pd.DataFrame({"a": [1.0, 1.1, 5.0, 5.2], "b": [3.0, 9.0, 8.0, 2.0]})
    >>> step = ReliabilityFilter(0.75, known={"a": 0.98, "b": 0.11}).fit(X)
    >>> step.get_feature_names_out().tolist(), step.table()["reason"][1]
    (['a'], '0.11 is below 0.75')
    """

    def __init__(
        self,
        threshold: float = 0.75,
        *,
        form: str = "icc_1",
        bound: str = "estimate",
        level: float = 0.95,
        known: Mapping[str, float] | None = None,
        keep_unknown: bool = False,
        patient_column: str | None = None,
    ) -> None:
        self.threshold = threshold
        self.form = form
        self.bound = bound
        self.level = level
        self.known = known
        self.keep_unknown = keep_unknown
        self.patient_column = patient_column

    def _choose(
        self,
        frame: pd.DataFrame,
        y: NDArray[Any] | None,  # noqa: ARG002
        context: pd.DataFrame,
    ) -> Choice:
        check_known(self.form, FORMS, what="intraclass correlation", error=StagerInputError)
        check_known(self.bound, BOUNDS, what="bound", error=StagerInputError)
        if not (-1 <= self.threshold <= 1 and 0 < self.level < 1):
            raise StagerInputError(
                "threshold must lie within -1 and 1, and level between 0 and 1",
                found=f"{self.threshold:g} and {self.level:g}",
            )
        value = self._given(frame) if self.known is not None else self._found(frame, context)
        unknown = np.isnan(value)
        kept = np.where(unknown, self.keep_unknown, value >= self.threshold).astype(np.bool_)
        reason = [
            ""
            if stays
            else "not known to repeat"
            if np.isnan(icc)
            else f"{icc:.2f} is below {self.threshold:g}"
            for stays, icc in zip(kept.tolist(), value.tolist(), strict=True)
        ]
        return Choice(kept, value, reason)

    def _given(self, frame: pd.DataFrame) -> FloatArray:
        self.n_patients_ = 0
        known = {str(column): float(icc) for column, icc in (self.known or {}).items()}
        return np.array([known.get(str(column), np.nan) for column in frame.columns])

    def _found(self, frame: pd.DataFrame, context: pd.DataFrame) -> FloatArray:
        if self.patient_column is None:
            raise StagerInputError(
                "repeated rows can only be found by their patient",
                hint="give patient_column, or known correlations",
            )
        names, number = np.unique(
            context[self.patient_column].to_numpy(dtype=str), return_inverse=True
        )
        repeats = np.bincount(number)
        self.n_patients_ = int((repeats > 1).sum())
        if self.n_patients_ < _FEWEST_PATIENTS and not self.keep_unknown:
            raise StagerInputError(
                "too few training patients have repeated rows",
                expected=f"at least {_FEWEST_PATIENTS}",
                found=f"{self.n_patients_} of {len(names)}",
                hint="give known correlations from an experiment with repeats, or leave this out",
            )
        used = repeats[number] > 1
        if not used.any():
            return np.full(frame.shape[1], np.nan)
        agreement = one_way_agreement if self.form == "icc_1" else absolute_agreement
        found = agreement(frame.to_numpy()[used], number[used], level=self.level)
        value = found.estimate if self.bound == "estimate" else found.low
        return np.where(found.patients >= _FEWEST_PATIENTS, value, np.nan)
