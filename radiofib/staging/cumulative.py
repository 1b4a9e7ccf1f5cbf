"""Ordered stages from binary questions "beyond this stage?", whose answers are made to agree."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from radiofib._checks import list_some
from radiofib.staging.base import BaseStager
from radiofib.staging.inputs import StagerInputError
from radiofib.staging.meta import MetaStager, fit_on, proba_of
from radiofib.staging.rows import Rows
from radiofib.staging.stagers import LogisticStager

__all__ = ["CumulativeStager", "agreeing", "stage_shares"]

FloatArray = NDArray[np.float64]

#: The two answers to a question, as the stagers that are asked see them.
_ANSWERS = np.array([0, 1])


class CumulativeStager(MetaStager):
    r"""Any stager of two stages, fitted to each question "is the stage beyond k?".

    The answers :math:`P(y > k)` come from models of their own and may contradict each other.
    :func:`agreeing` puts them in order; the probability of a stage is the step from one answer to
    the next, so that a target such as S4 against S1-3 has the same probability whether it is
    asked for by itself or added up from the stages.

    Parameters
    ----------
    stager : BaseStager, optional
        Default :class:`LogisticStager`. It sees the labels 0 (no) and 1 (beyond), so that a
        ``class_weight`` by stage has no place in it.
    scanner_column, patient_column : str, optional
        Columns of X that name scanner and patient.
    random_state : int
        Kept for a uniform interface; the stager has a seed of its own.

    Attributes
    ----------
    classes_ : ndarray
        Stages; sorted, which must be their order.
    stagers_ : list of BaseStager
        Fitted, one for each stage but the last.

    References
    ----------
    Frank E, Hall M. ECML 2001:145-156.

    Examples
    --------
    >>> X = pd.DataFrame({"f": [0.0, 1.0, 4.0, 5.0, 8.0, 9.0]})
    >>> y = np.repeat(["s1", "s2", "s4"], 2)
    >>> CumulativeStager(LogisticStager(C=1.0)).fit(X, y).predict(X).tolist()
    ['s1', 's1', 's2', 's2', 's4', 's4']
    """

    def __init__(
        self,
        stager: BaseStager | None = None,
        *,
        scanner_column: str | None = None,
        patient_column: str | None = None,
        random_state: Any = 0,
    ) -> None:
        self.stager = stager
        self.scanner_column = scanner_column
        self.patient_column = patient_column
        self.random_state = random_state

    def _parts(self) -> list[Any]:
        return [] if self.stager is None else [self.stager]

    def _fit_rows(self, rows: Rows) -> None:
        stager = self.stager or LogisticStager()
        _refuse_stage_weights(stager)
        codes = np.searchsorted(self.classes_, rows.y)
        self.stagers_ = [
            fit_on(stager, replace(rows, y=_ANSWERS[(codes > k).astype(np.intp)]))
            for k in range(self.classes_.size - 1)
        ]

    def _rows_proba(self, X: pd.DataFrame, context: pd.DataFrame) -> FloatArray:
        answers = [proba_of(stager, X, context, _ANSWERS)[:, 1] for stager in self.stagers_]
        return stage_shares(agreeing(np.column_stack(answers)))


def agreeing(beyond: FloatArray) -> FloatArray:
    r"""Return answers that do not rise from one stage to the next: each row sorted.

    What happened is a step from 1 to 0 at the true stage. Of all orders of the same numbers the
    falling one is nearest to it, whichever stage that is: no row's ranked probability score gets
    worse. Isotonic regression moves the answers less, but gives every stage between two answers
    that it pools the probability 0, and with it an endless log loss where that stage happened. A
    row that has no smaller answer than another before has none after: constraints such as
    monotone features survive.

    Parameters
    ----------
    beyond : ndarray of shape (n, n_stages - 1)
        :math:`P(y > k)`, stages in order.

    Returns
    -------
    ndarray of the same shape

    References
    ----------
    Chernozhukov V, Fernandez-Val I, Galichon A. Biometrika 2009;96:559-575 (rearrangement).

    Examples
    --------
    >>> agreeing(np.array([[0.9, 0.5, 0.1], [0.6, 0.2, 0.4]])).tolist()
    [[0.9, 0.5, 0.1], [0.6, 0.4, 0.2]]
    """
    falling: FloatArray = np.sort(beyond, axis=1)[:, ::-1]
    return falling


def stage_shares(beyond: FloatArray) -> FloatArray:
    """Return the probability of each stage from those of being beyond each but the last.

    Parameters
    ----------
    beyond : ndarray of shape (n, n_stages - 1)
        Not rising from one stage to the next.

    Returns
    -------
    ndarray of shape (n, n_stages)
        Not negative, each row adding up to 1.

    Examples
    --------
    >>> stage_shares(np.array([[0.75, 0.5, 0.25]])).tolist()
    [[0.25, 0.25, 0.25, 0.25]]
    """
    ends = np.ones((len(beyond), 1)), np.zeros((len(beyond), 1))
    shares: FloatArray = -np.diff(np.hstack([ends[0], beyond, ends[1]]), axis=1)
    return shares


def _refuse_stage_weights(stager: BaseStager) -> None:
    """Refuse weights by stage inside a stager that is only asked yes or no."""
    for name, value in stager.get_params().items():
        if name.rpartition("__")[2] == "class_weight" and isinstance(value, dict):
            wrong = [key for key in value if key not in (0, 1)]
            if wrong:
                raise StagerInputError(
                    "a stager of cumulative targets sees no stages that could be weighed",
                    where=f"{type(stager).__name__}, {name}",
                    expected="None, 'balanced', or weights of 0 (no) and 1 (beyond)",
                    found=list_some(map(repr, wrong)),
                    hint="give the rows their weights (sample_weight) instead",
                )
