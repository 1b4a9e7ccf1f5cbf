"""Steps and a stager as one stager, so that whatever is learnt is learnt inside the fold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import clone

from radiofib.staging.base import BaseStager
from radiofib.staging.memo import current_memo
from radiofib.staging.meta import MetaStager, fit_on, proba_of
from radiofib.staging.rows import Rows
from radiofib.staging.stagers import LogisticStager
from radiofib.staging.steps import RowStep, Step

__all__ = ["ChainStager", "train_step"]

FloatArray = NDArray[np.float64]


class ChainStager(MetaStager):
    """Steps, each learnt on what the one before it made of the training rows, then a stager.

    Parameters
    ----------
    stager : BaseStager, optional
        Default :class:`LogisticStager`.
    steps : sequence of Step or RowStep
        In the order in which they are applied.
    scanner_column, patient_column : str, optional
        Columns of X that name scanner and patient.
    random_state : int
        Kept for a uniform interface; steps and stager have seeds of their own.

    Attributes
    ----------
    classes_ : ndarray
        Stages, sorted.
    steps_ : list of Step
        Fitted; steps that only change training rows are not among them.
    stager_ : BaseStager
        Fitted.

    Examples
    --------
    >>> X = pd.DataFrame({"f": [0.0, 1.0, 8.0, 9.0]})
    >>> ChainStager().fit(X, ["s1", "s1", "s4", "s4"]).predict(X).tolist()
    ['s1', 's1', 's4', 's4']
    """

    def __init__(
        self,
        stager: BaseStager | None = None,
        steps: Sequence[Step | RowStep] = (),
        *,
        scanner_column: str | None = None,
        patient_column: str | None = None,
        random_state: Any = 0,
    ) -> None:
        self.stager = stager
        self.steps = steps
        self.scanner_column = scanner_column
        self.patient_column = patient_column
        self.random_state = random_state

    def _parts(self) -> list[Any]:
        return [*self.steps, *([] if self.stager is None else [self.stager])]

    def _fit_rows(self, rows: Rows) -> None:
        self.steps_ = []
        for step in self.steps:
            fitted, rows = train_step(step, rows)
            if isinstance(fitted, Step):
                self.steps_.append(fitted)
        self.stager_ = fit_on(self.stager or LogisticStager(), rows)

    def _rows_proba(self, X: pd.DataFrame, context: pd.DataFrame) -> FloatArray:
        for step in self.steps_:
            X = step.transform(X, context=context)
        return proba_of(self.stager_, X, context, self.classes_)


def train_step(step: Step | RowStep, rows: Rows) -> tuple[Step | RowStep, Rows]:
    """Return a fitted copy of a step, and the training rows after it.

    Inside :func:`radiofib.staging.memo.remembered_steps` a step that was learnt on the same rows
    before is not learnt again.
    """
    memo = current_memo()
    if memo is not None and isinstance(step, Step):
        return memo.train(step, rows, _train_step)
    return _train_step(step, rows)


def _train_step(step: Any, rows: Rows) -> tuple[Any, Rows]:
    """Learn a copy of a step."""
    fitted = clone(step)
    if isinstance(fitted, RowStep):
        return fitted, fitted.train_rows(rows)
    X = fitted.fit_transform(rows.X, rows.y, context=rows.context)
    return fitted, Rows(X, rows.y, rows.context, rows.weight)
