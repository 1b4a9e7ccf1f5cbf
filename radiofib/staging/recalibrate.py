"""Stagers whose probabilities are corrected by predictions of patients they did not learn from."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.isotonic import IsotonicRegression
from sklearn.utils.validation import check_is_fitted, validate_data

from radiofib._checks import check_known
from radiofib.staging.base import BaseStager
from radiofib.staging.inputs import StagerInputError
from radiofib.staging.meta import MetaStager, fit_on, proba_of
from radiofib.staging.out_of_fold import count_patients, inner_dealing, out_of_fold
from radiofib.staging.rows import Rows
from radiofib.staging.scaling import fit_scaling, log_ratios, scaled, softened
from radiofib.staging.stagers import LogisticStager

__all__ = ["ISOTONIC_PATIENTS", "METHODS", "RecalibratedStager"]

FloatArray = NDArray[np.float64]
Codes = NDArray[np.intp]

#: method -> what it corrects
METHODS = {
    "logistic": "intercepts and one slope of the log-odds",
    "intercept": "intercepts of the log-odds: the mix of stages alone",
    "isotonic": "a step function of the probability of each cut",
}
#: Fewest patients in all, and on the smaller side of each cut, for the isotonic method.
ISOTONIC_PATIENTS = (200, 50)


class RecalibratedStager(MetaStager):
    r"""A stager and a map that makes its probabilities calibrated.

    The training rows are dealt into inner folds by patient, and each is predicted by a copy of
    the stager that learnt without its fold. From these predictions the map is learnt; it is
    then applied to the stager learnt on all rows. Whatever destroys calibration (weights,
    synthetic rows, bags, a focal objective) belongs *inside*, so that the folds see it and the
    map is learnt on rows as they are: ``RecalibratedStager(ChainStager(LogisticStager(),
    [ClassWeights()]))``.

    - ``logistic``: :math:`\log(p'_k / p'_1) = a_k + b \log(p_k / p_1)`, which for two stages
      is the logistic recalibration with intercept and slope (see
      :mod:`radiofib.staging.scaling`); ranks of two stages stay as they are.
    - ``intercept``: the same with b = 1: right where only the mix of stages was shifted.
    - ``isotonic``: for each cut between ordered stages a rising step function of the
      probability of lying above (pool adjacent violators); cuts that would cross are brought
      together half-way. It has as many parameters as steps, so it is refused with fewer than
      200 patients, or 50 on the smaller side of a cut.

    Parameters
    ----------
    stager : BaseStager, optional
        Default :class:`LogisticStager`.
    method : {"logistic", "intercept", "isotonic"}
    folds : int
        Inner folds; fewer when a stage has fewer patients.
    scanner_column, patient_column : str, optional
        Columns of X that name scanner and patient. Without the latter every row is taken for
        a patient of its own.
    random_state : int
        Seed of the folds; the stager has a seed of its own.

    Attributes
    ----------
    classes_ : ndarray
        Stages, sorted.
    stager_ : BaseStager
        Learnt on all rows, uncorrected.
    n_patients_ : int
        Patients (rows without `patient_column`) of the training table.
    intercepts_, slope_ : ndarray of shape (n_classes - 1,), float
        Of the methods ``logistic`` and ``intercept``. A slope is never below 0.01, where it
        would turn the ranks round: a stager that ranks no better than chance then gives every
        row nearly the shares of the stages.
    scores_, chances_ : list of ndarray
        Of the method ``isotonic``: for each cut, corners of the step function.

    References
    ----------
    Cox DR. Biometrika 1958;45:562-565. Platt J. Advances in Large Margin Classifiers
    1999:61-74. Zadrozny B, Elkan C. KDD 2002:694-699. Niculescu-Mizil A, Caruana R. ICML
    2005:625-632 (isotonic regression overfits small samples). Van den Goorbergh R et al. J Am
    Med Inform Assoc 2022;29:1525-1534 (corrections for imbalance harm calibration).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat(["s1", "s4"], [90, 10])
    >>> X = pd.DataFrame({"f": rng.normal(size=100) + 1.0 * (y == "s4")})
    >>> fitted = RecalibratedStager(LogisticStager(class_weight="balanced")).fit(X, y)
    >>> fitted.uncalibrated_proba(X)[:, 1].mean().round(1)
    np.float64(0.5)
    >>> fitted.predict_proba(X)[:, 1].mean().round(1)
    np.float64(0.1)
    """

    def __init__(
        self,
        stager: BaseStager | None = None,
        method: str = "logistic",
        folds: int = 5,
        *,
        scanner_column: str | None = None,
        patient_column: str | None = None,
        random_state: Any = 0,
    ) -> None:
        self.stager = stager
        self.method = method
        self.folds = folds
        self.scanner_column = scanner_column
        self.patient_column = patient_column
        self.random_state = random_state

    def uncalibrated_proba(self, X: pd.DataFrame | ArrayLike) -> FloatArray:
        """Return the probabilities of the stager before the correction.

        Columns are in the order of ``classes_``; `X` is as for :meth:`predict_proba`.
        """
        check_is_fitted(self)
        features, context = self._split(X, reset=False)
        checked = validate_data(
            self, features, reset=False, dtype=np.float64, ensure_all_finite="allow-nan"
        )
        return proba_of(self.stager_, *self._table(checked, context), self.classes_)

    def _parts(self) -> list[Any]:
        return [] if self.stager is None else [self.stager]

    def _fit_rows(self, rows: Rows) -> None:
        check_known(self.method, METHODS, what="method", error=StagerInputError)
        stager = self.stager or LogisticStager()
        patients = self._patients(rows)
        self.n_patients_ = count_patients(rows, patients)
        codes = np.searchsorted(self.classes_, rows.y)
        if self.method == "isotonic":
            _check_enough(codes, patients, self.classes_)
        dealing = inner_dealing(rows, patients, self.folds, self.random_state)
        apart = out_of_fold(stager, rows, dealing, self.classes_)
        weights = np.ones(len(codes)) if rows.weight is None else rows.weight
        # As many cases as patients: rows that repeat one do not outweigh the prior.
        weights = weights * (self.n_patients_ / weights.sum())
        if self.method == "isotonic":
            cuts = enumerate(_above(apart).T)
            corners = [_steps(above, codes > k, weights) for k, above in cuts]
            self.scores_ = [scores for scores, _ in corners]
            self.chances_ = [chances for _, chances in corners]
        else:
            self.intercepts_, self.slope_ = fit_scaling(
                log_ratios(apart, self.n_patients_),
                codes,
                weights,
                slope=1.0 if self.method == "intercept" else None,
            )
        self.stager_ = fit_on(stager, rows)

    def _rows_proba(self, X: pd.DataFrame, context: pd.DataFrame) -> FloatArray:
        proba = proba_of(self.stager_, X, context, self.classes_)
        if self.method == "isotonic":
            steps = zip(_above(proba).T, self.scores_, self.chances_, strict=True)
            chance = np.column_stack([np.interp(a, s, c) for a, s, c in steps])
            return softened(_apart(chance), self.n_patients_)
        return scaled(log_ratios(proba, self.n_patients_), self.intercepts_, self.slope_)


def _above(proba: FloatArray) -> FloatArray:
    """Return the probability of lying above each of the K - 1 cuts.

    Examples
    --------
    >>> _above(np.array([[0.5, 0.25, 0.25]])).tolist()
    [[0.5, 0.25]]
    """
    above: FloatArray = np.cumsum(proba[:, ::-1], axis=1)[:, -2::-1]
    return above


def _steps(
    above: FloatArray, happened: NDArray[np.bool_], weights: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the corners of the rising function nearest to what happened."""
    fitted = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip")
    fitted.fit(above, happened.astype(np.float64), sample_weight=weights)
    return (
        np.asarray(fitted.X_thresholds_, dtype=np.float64),
        np.asarray(fitted.y_thresholds_, dtype=np.float64),
    )


def _apart(chance: FloatArray) -> FloatArray:
    """Return stage probabilities from those of the cuts, which must not cross.

    Examples
    --------
    >>> _apart(np.array([[0.5, 0.25], [0.2, 0.4]])).round(6).tolist()
    [[0.5, 0.25, 0.25], [0.7, 0.0, 0.3]]
    """
    falling = np.minimum.accumulate(chance, axis=1)
    rising = np.maximum.accumulate(chance[:, ::-1], axis=1)[:, ::-1]
    level = (falling + rising) / 2
    edges = np.column_stack([np.ones(len(level)), level, np.zeros(len(level))])
    return edges[:, :-1] - edges[:, 1:]


def _check_enough(codes: Codes, patients: NDArray[Any] | None, classes: NDArray[Any]) -> None:
    """Refuse a step function of few patients."""
    names = np.arange(len(codes)) if patients is None else patients
    least, side = ISOTONIC_PATIENTS
    sides = [
        min(np.unique(names[codes > k]).size, np.unique(names[codes <= k]).size)
        for k in range(len(classes) - 1)
    ]
    total = np.unique(names).size
    if total < least or min(sides) < side:
        raise StagerInputError(
            "too few patients for an isotonic correction, which would follow chance",
            expected=f"{least} patients, {side} on the smaller side of each cut",
            found=f"{total} patients, {min(sides)} on the smaller side",
            hint="use method 'logistic', which has as many parameters as stages",
        )
