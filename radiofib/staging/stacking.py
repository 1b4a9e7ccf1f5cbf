"""Several stagers as one: stacked, or by the mean of their probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from radiofib.staging.base import BaseStager
from radiofib.staging.inputs import StagerInputError
from radiofib.staging.meta import MetaStager, fit_on, proba_of
from radiofib.staging.out_of_fold import count_patients, inner_dealing, out_of_fold
from radiofib.staging.rows import Rows
from radiofib.staging.scaling import log_ratios
from radiofib.staging.stagers import LogisticStager, RandomForestStager

__all__ = ["StackingStager", "VotingStager", "mean_proba"]

FloatArray = NDArray[np.float64]


class StackingStager(MetaStager):
    r"""A small stager that learns how to join the probabilities of several.

    The training rows are dealt into inner folds by patient; each member predicts every row
    after learning without its fold. What the final stager learns from are the members'
    log-odds against the first stage, :math:`\log(p_k / p_1)`, K - 1 for each member (the K-th
    probability says nothing new; see :func:`radiofib.staging.scaling.log_ratios`). The members
    are then learnt again on all rows.

    Parameters
    ----------
    stagers : sequence of BaseStager
        The members. Default: a logistic regression and a random forest.
    final : BaseStager, optional
        Default: a multinomial logistic regression with an L2 penalty, ``LogisticStager(C=1)``.
    folds : int
        Inner folds; fewer when a stage has fewer patients.
    scanner_column, patient_column : str, optional
        Columns of X that name scanner and patient. Without the latter every row is taken for
        a patient of its own.
    random_state : int
        Seed of the folds; stagers have seeds of their own.

    Attributes
    ----------
    classes_ : ndarray
        Stages, sorted.
    stagers_ : list of BaseStager
        Members learnt on all rows.
    final_ : BaseStager
        Its columns are ``stager<m>_<stage>``.
    n_patients_ : int
        Patients (rows without `patient_column`) of the training table.

    References
    ----------
    Wolpert DH. Neural Netw 1992;5:241-259. Ting KM, Witten IH. J Artif Intell Res
    1999;10:271-289. Breiman L. Mach Learn 1996;24:49-64.

    Examples
    --------
    >>> X = pd.DataFrame({"f": [0.0, 1.0, 2.0, 8.0, 9.0, 7.0]})
    >>> members = [LogisticStager(), LogisticStager(C=1.0)]
    >>> stack = StackingStager(members, folds=3).fit(X, ["s1"] * 3 + ["s4"] * 3)
    >>> stack.predict(X).tolist(), stack.final_.feature_names_in_.tolist()
    (['s1', 's1', 's1', 's4', 's4', 's4'], ['stager1_s4', 'stager2_s4'])
    """

    def __init__(
        self,
        stagers: Sequence[BaseStager] = (),
        final: BaseStager | None = None,
        *,
        folds: int = 5,
        scanner_column: str | None = None,
        patient_column: str | None = None,
        random_state: Any = 0,
    ) -> None:
        self.stagers = stagers
        self.final = final
        self.folds = folds
        self.scanner_column = scanner_column
        self.patient_column = patient_column
        self.random_state = random_state

    def _parts(self) -> list[Any]:
        return [*self.stagers, *([] if self.final is None else [self.final])]

    def _fit_rows(self, rows: Rows) -> None:
        members = list(self.stagers) or [LogisticStager(), RandomForestStager()]
        patients = self._patients(rows)
        dealing = inner_dealing(rows, patients, self.folds, self.random_state)
        self.n_patients_ = count_patients(rows, patients)
        apart = [out_of_fold(m, rows, dealing, self.classes_) for m in members]
        below = Rows(self._joined(apart), rows.y, rows.context, rows.weight)
        self.final_ = fit_on(self.final or LogisticStager(C=1.0), below)
        self.stagers_ = [fit_on(m, rows) for m in members]

    def _rows_proba(self, X: pd.DataFrame, context: pd.DataFrame) -> FloatArray:
        each = [proba_of(m, X, context, self.classes_) for m in self.stagers_]
        return proba_of(self.final_, self._joined(each), context, self.classes_)

    def _joined(self, each: list[FloatArray]) -> pd.DataFrame:
        """Return the log-odds of the members side by side."""
        names = [
            f"stager{m + 1}_{stage}"
            for m in range(len(each))
            for stage in self.classes_[1:].tolist()
        ]
        values = np.hstack([log_ratios(proba, self.n_patients_) for proba in each])
        return pd.DataFrame(values, columns=names)


class VotingStager(MetaStager):
    """The mean of the probabilities of several models: over inner folds, stagers, or both.

    With `folds`, each stager is learnt once without each of the folds that patients are dealt
    into, so that every model has seen another part of the patients; without, once on all rows.

    Parameters
    ----------
    stager : BaseStager, optional
        Default, when `stagers` is empty: :class:`LogisticStager`.
    folds : int, optional
        Inner folds, fewer when a stage has fewer patients; None for models learnt on all rows.
    stagers : sequence of BaseStager
        Several stagers that vote together; `stager` is then one more of them.
    scanner_column, patient_column : str, optional
        Columns of X that name scanner and patient.
    random_state : int
        Seed of the folds; stagers have seeds of their own.

    Attributes
    ----------
    classes_ : ndarray
        Stages, sorted.
    stagers_ : list of BaseStager
        Fitted, fold after fold for each stager.

    References
    ----------
    Breiman L. Mach Learn 1996;24:123-140 (bagging). Parmanto B et al. Connect Sci
    1996;8:405-426 (committees of cross-validation). Used in this way by two systems of
    arXiv 2605.25595.

    Examples
    --------
    >>> X = pd.DataFrame({"f": [0.0, 1.0, 2.0, 8.0, 9.0, 7.0]})
    >>> vote = VotingStager(LogisticStager(), folds=3).fit(X, ["s1"] * 3 + ["s4"] * 3)
    >>> len(vote.stagers_), vote.predict(X).tolist()
    (3, ['s1', 's1', 's1', 's4', 's4', 's4'])
    """

    def __init__(
        self,
        stager: BaseStager | None = None,
        folds: int | None = 5,
        *,
        stagers: Sequence[BaseStager] = (),
        scanner_column: str | None = None,
        patient_column: str | None = None,
        random_state: Any = 0,
    ) -> None:
        self.stager = stager
        self.folds = folds
        self.stagers = stagers
        self.scanner_column = scanner_column
        self.patient_column = patient_column
        self.random_state = random_state

    def _parts(self) -> list[Any]:
        return [*([] if self.stager is None else [self.stager]), *self.stagers]

    def _fit_rows(self, rows: Rows) -> None:
        members = self._parts() or [LogisticStager()]
        if self.folds is None:
            self.stagers_ = [fit_on(member, rows) for member in members]
            return
        dealing = inner_dealing(rows, self._patients(rows), self.folds, self.random_state)
        self.stagers_ = [
            fit_on(member, rows.take(train)) for member in members for train, _ in dealing
        ]

    def _rows_proba(self, X: pd.DataFrame, context: pd.DataFrame) -> FloatArray:
        return mean_proba(self.stagers_, X, context, self.classes_)


def mean_proba(
    stagers: Sequence[BaseStager], X: pd.DataFrame, context: pd.DataFrame, classes: NDArray[Any]
) -> FloatArray:
    """Return the mean of the probabilities of fitted stagers, one column for each class.

    Raises
    ------
    StagerInputError
        When there is none.

    Examples
    --------
    >>> X = pd.DataFrame({"f": [0.0, 1.0, 8.0, 9.0]})
    >>> fitted = LogisticStager().fit(X, ["s1", "s1", "s4", "s4"])
    >>> twice = mean_proba([fitted, fitted], X, pd.DataFrame(), fitted.classes_)
    >>> bool((twice == fitted.predict_proba(X)).all())
    True
    """
    if not stagers:
        raise StagerInputError("there is no stager to ask")
    total = np.zeros((len(X), len(classes)))
    for stager in stagers:
        total += proba_of(stager, X, context, classes)
    mean: FloatArray = total / len(stagers)
    return mean
