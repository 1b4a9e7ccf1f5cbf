"""A curriculum of certainty: rows that a quick stager is sure of count more."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiofib._checks import check_known
from radiofib.staging.base import BaseStager
from radiofib.staging.inputs import StagerInputError
from radiofib.staging.out_of_fold import inner_dealing, out_of_fold
from radiofib.staging.rows import Rows
from radiofib.staging.stagers import LogisticStager
from radiofib.staging.steps import RowStep

__all__ = ["MEASURES", "UncertaintyWeights", "curriculum_weights", "uncertainty"]

FloatArray = NDArray[np.float64]

#: measure -> what it looks at
MEASURES = {
    "entropy": "how evenly the probabilities are spread, whatever the stage is",
    "true_class": "how improbable the row's own stage was",
}


class UncertaintyWeights(RowStep):
    r"""Weigh training rows by how certain a quick stager is of them.

    A curriculum shows a network the easy cases first and lets the others in as training goes
    on. A stager that is fitted once has no "later", so the curriculum is stopped at one moment,
    given by the annealing strength s: the quick stager predicts every training row from inner
    folds by patient, a row of uncertainty u (0 to 1, see :func:`uncertainty`) is multiplied by
    :math:`\exp(-s u)`, and the weights of each stage are brought back to the sum they had. At
    s = 0, the end of the curriculum, every row counts as before; at the default of 1 the most
    uncertain row counts :math:`e^{-1} = 0.37` of the most certain one, so that none is dropped;
    at 5 hard rows hardly count.

    The mean of the weights is 1 within each stage (when there were none before), so that a rare
    stage, of which a stager is rarely sure, does not lose its share.

    Parameters
    ----------
    stager : BaseStager, optional
        The quick stager; default :class:`LogisticStager`.
    measure : {"entropy", "true_class"}
        Uncertainty of the prediction, or improbability of the stage that the row has; the
        latter also weighs down rows with a wrong label.
    strength : float
        Annealing strength s, at least 0; up to 20.
    folds : int
        Inner folds; fewer when a stage has fewer patients.
    scanner_column, patient_column : str, optional
        Columns of X that name scanner and patient; without the latter every row is taken for
        a patient of its own.
    random_state : int
        Seed of the folds; the stager has a seed of its own.

    References
    ----------
    Bengio Y et al. ICML 2009:41-48. Kumar MP et al. NIPS 2010:1189-1197 (self-paced learning).
    The classical analogue of the uncertainty curriculum of a system of arXiv 2605.25595.

    Examples
    --------
    >>> import pandas as pd
    >>> X = pd.DataFrame({"f": [0.0, 1.0, 4.4, 8.0, 9.0, 4.6]})
    >>> rows = Rows(X, np.array(["s1"] * 3 + ["s4"] * 3), pd.DataFrame(index=range(6)))
    >>> found = UncertaintyWeights(LogisticStager(C=1.0), folds=3).train_rows(rows)
    >>> bool(found.weight[2] < found.weight[0]), round(float(found.weight.mean()), 6)
    (True, 1.0)
    """

    def __init__(
        self,
        stager: BaseStager | None = None,
        measure: str = "entropy",
        *,
        strength: float = 1.0,
        folds: int = 5,
        scanner_column: str | None = None,
        patient_column: str | None = None,
        random_state: Any = 0,
    ) -> None:
        self.stager = stager
        self.measure = measure
        self.strength = strength
        self.folds = folds
        self.scanner_column = scanner_column
        self.patient_column = patient_column
        self.random_state = random_state

    @property
    def context_columns(self) -> tuple[str, ...]:
        """Columns that the step and its stager read from the context."""
        inside = () if self.stager is None else self.stager.context_columns
        return tuple(dict.fromkeys([*super().context_columns, *inside]))

    def train_rows(self, rows: Rows) -> Rows:
        """Return the same rows with their new weights.

        Raises
        ------
        StagerInputError
            When a parameter is out of range, or a stage has one patient only.
        """
        check_known(self.measure, MEASURES, what="measure", error=StagerInputError)
        classes, codes = np.unique(rows.y, return_inverse=True)
        patients = None
        if self.patient_column is not None:
            patients = rows.context[self.patient_column].to_numpy(dtype=str)
        dealing = inner_dealing(rows, patients, self.folds, self.random_state)
        proba = out_of_fold(self.stager or LogisticStager(), rows, dealing, classes)
        doubt = uncertainty(proba, codes if self.measure == "true_class" else None)
        weight = curriculum_weights(doubt, codes, self.strength, rows.weight)
        return replace(rows, weight=weight)


def uncertainty(proba: FloatArray, codes: NDArray[np.intp] | None = None) -> FloatArray:
    r"""Return how uncertain each prediction is, from 0 (sure) to 1.

    Without the true stages the entropy over that of even chances,
    :math:`-\sum_k p_k \log p_k / \log K`; with them ``1 - p`` of the true stage.

    Parameters
    ----------
    proba : ndarray of shape (n, K)
    codes : ndarray of int, optional
        True stages.

    References
    ----------
    Shannon CE. Bell Syst Tech J 1948;27:379-423.

    Examples
    --------
    >>> proba = np.array([[0.5, 0.5], [1.0, 0.0]])
    >>> (0.0 + uncertainty(proba)).tolist(), uncertainty(proba, np.array([0, 1])).tolist()
    ([1.0, 0.0], [0.5, 1.0])
    """
    if codes is not None:
        return np.asarray(1.0 - proba[np.arange(len(codes)), codes])
    terms = np.where(proba > 0, proba * np.log(np.where(proba > 0, proba, 1.0)), 0.0)
    spread: FloatArray = -terms.sum(axis=1) / np.log(proba.shape[1])
    return spread.clip(0.0, 1.0)


def curriculum_weights(
    doubt: FloatArray,
    codes: NDArray[np.intp],
    strength: float,
    weights: FloatArray | None = None,
) -> FloatArray:
    """Return ``w exp(-strength doubt)``, each stage brought back to its sum of weights.

    Parameters
    ----------
    doubt : ndarray of shape (n,)
        From 0 to 1.
    codes : ndarray of int, shape (n,)
        Stages.
    strength : float
        From 0 to 20.
    weights : ndarray of shape (n,), optional
        Weights the rows had; 1 each by default.

    Raises
    ------
    StagerInputError
        When the strength is out of range.

    Examples
    --------
    >>> curriculum_weights(np.array([0.0, 1.0, 1.0]), np.array([0, 0, 1]), np.log(3)).tolist()
    [1.5, 0.5, 1.0]
    """
    if not 0 <= strength <= 20:
        raise StagerInputError("strength lies between 0 and 20", found=f"{strength:g}")
    before = np.ones(len(doubt)) if weights is None else weights
    after = before * np.exp(-strength * doubt)
    total, left = np.bincount(codes, weights=before), np.bincount(codes, weights=after)
    balanced: FloatArray = after * total[codes] / left[codes]
    return balanced
