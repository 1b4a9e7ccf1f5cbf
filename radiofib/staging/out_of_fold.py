"""Predictions of training rows by models that did not see their patient."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiofib.staging.base import BaseStager
from radiofib.staging.inputs import StagerInputError
from radiofib.staging.meta import fit_on, proba_of
from radiofib.staging.rows import Rows, inner_folds

__all__ = ["Folds", "check_folds", "count_patients", "inner_dealing", "out_of_fold"]

FloatArray = NDArray[np.float64]
Folds = list[tuple[NDArray[np.intp], NDArray[np.intp]]]


def inner_dealing(rows: Rows, patients: NDArray[Any] | None, folds: int, seed: Any) -> Folds:
    """Deal training rows into folds by patient, to be used for several models.

    Parameters
    ----------
    rows : Rows
    patients : ndarray of shape (n_rows,), optional
        None when every row is a patient of its own.
    folds : int
        Most folds, at least 2; fewer when a stage has fewer patients.
    seed : int
        Of the dealing.

    Returns
    -------
    list of (train, test)
        Positions of rows.

    Raises
    ------
    StagerInputError
        When fewer than two folds are asked for, or a stage has one patient only.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = Rows(pd.DataFrame({"f": range(4)}), np.array(["s1", "s1", "s4", "s4"]),
    ...             pd.DataFrame(index=range(4)))
    >>> [len(test) for _, test in inner_dealing(rows, None, 2, 0)]
    [2, 2]
    """
    check_folds(folds)
    return list(inner_folds(rows.y, patients, folds, seed))


def check_folds(folds: int) -> None:
    """Refuse fewer than two folds.

    Examples
    --------
    >>> check_folds(2)
    >>> check_folds(1)
    Traceback (most recent call last):
    radiofib.staging.inputs.StagerInputError: inner folds must be two or more (found 1).
    """
    if not isinstance(folds, int | np.integer) or folds < 2:
        raise StagerInputError("inner folds must be two or more", found=str(folds))


def out_of_fold(
    stager: BaseStager, rows: Rows, dealing: Folds, classes: NDArray[Any]
) -> FloatArray:
    """Predict every training row by a copy of the stager learnt without its fold.

    Parameters
    ----------
    stager : BaseStager
        Untrained; copied for each fold.
    rows : Rows
        Training rows.
    dealing : list of (train, test)
        As :func:`inner_dealing` returns.
    classes : ndarray
        Stages in order.

    Returns
    -------
    ndarray of shape (n_rows, n_classes)

    References
    ----------
    Stone M. J R Stat Soc B 1974;36:111-147.

    Examples
    --------
    >>> import pandas as pd
    >>> from radiofib.staging.stagers import LogisticStager
    >>> rows = Rows(pd.DataFrame({"f": [0.0, 1.0, 8.0, 9.0]}), np.array(["s1", "s1", "s4", "s4"]),
    ...             pd.DataFrame(index=range(4)))
    >>> dealing = inner_dealing(rows, None, 2, 0)
    >>> out_of_fold(LogisticStager(), rows, dealing, np.array(["s1", "s4"])).argmax(axis=1)
    array([0, 0, 1, 1])
    """
    found = np.full((len(rows.y), len(classes)), np.nan)
    for train, test in dealing:
        fitted = fit_on(stager, rows.take(train))
        part = rows.take(test)
        found[test] = proba_of(fitted, part.X, part.context, classes)
    return found


def count_patients(rows: Rows, patients: NDArray[Any] | None) -> int:
    """Return how many patients there are; rows when nothing is known of them.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = Rows(pd.DataFrame({"f": [0.0, 1.0]}), np.array(["s1", "s4"]), pd.DataFrame())
    >>> count_patients(rows, None), count_patients(rows, np.array(["a", "a"]))
    (2, 1)
    """
    return len(rows.y) if patients is None else int(np.unique(patients).size)
