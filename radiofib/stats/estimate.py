"""What every interval function returns, and the checks that all of them share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from radiofib._checks import check_1d, check_same_length
from radiofib.errors import UsageError

__all__ = [
    "Estimate",
    "HypothesisTest",
    "check_binary",
    "check_clusters",
    "check_codes",
    "check_probabilities",
    "z_value",
]


@dataclass(frozen=True)
class Estimate:
    """A number, its confidence interval, and how the interval was made.

    Parameters
    ----------
    value : float
        The point estimate; NaN when it is not defined.
    low, high : float
        Limits of the interval; NaN when there is none.
    method : str
        Name of the interval.
    note : str
        What a reader should know before trusting it.

    Examples
    --------
    >>> Estimate(0.8, 0.7, 0.9, "Wilson").width
    0.2
    """

    value: float
    low: float
    high: float
    method: str
    note: str = ""

    @property
    def width(self) -> float:
        """Length of the interval."""
        return round(self.high - self.low, 15)


@dataclass(frozen=True)
class HypothesisTest:
    """A test statistic and its p value.

    Parameters
    ----------
    statistic : float
    df : float
        Degrees of freedom; infinite for a normal statistic, NaN for an exact test.
    p : float
        Two-sided p value unless `method` says otherwise; NaN when the test is not defined.
    method : str
        Name of the test.
    note : str
        What a reader should know before trusting it.

    Examples
    --------
    >>> HypothesisTest(3.84, 1.0, 0.05, "chi-square").p
    0.05
    """

    statistic: float
    df: float
    p: float
    method: str
    note: str = ""


def z_value(level: float) -> float:
    """Return the normal quantile of a two-sided interval.

    Examples
    --------
    >>> round(z_value(0.95), 6)
    1.959964
    """
    if not 0 < level < 1:
        raise UsageError("confidence level must lie between 0 and 1", found=str(level))
    return float(ndtri(0.5 + level / 2))


def check_binary(y: ArrayLike, name: str = "y", *, both: bool = False) -> NDArray[np.bool_]:
    """Return labels as booleans; anything but 0, 1, True and False is refused.

    Parameters
    ----------
    y : array-like
        Labels.
    name : str
        What they are, for the message.
    both : bool
        Whether both classes must occur.

    Raises
    ------
    UsageError
        When a label is neither 0 nor 1, or a class is absent although both are needed.

    Examples
    --------
    >>> check_binary([0, 1, 1])
    array([False,  True,  True])
    """
    labels = check_1d(y, name)
    wrong = np.flatnonzero((labels != 0) & (labels != 1))
    if wrong.size:
        raise UsageError(
            f"{name} must hold 0 and 1",
            found=f"{labels[wrong[0]]:g} at position {wrong[0]} ({wrong.size} in all)",
        )
    flags: NDArray[np.bool_] = labels == 1
    if both and (flags.all() or not flags.any()):
        raise UsageError(
            f"{name} must hold both classes", found=f"{flags.sum()} of {flags.size} are 1"
        )
    return flags


def check_codes(y: ArrayLike, n_levels: int, name: str = "y") -> NDArray[np.intp]:
    """Return labels as codes 0..n_levels-1.

    Raises
    ------
    UsageError
        When a label is not a whole number in that range.

    Examples
    --------
    >>> check_codes([0, 2, 1], 3)
    array([0, 2, 1])
    """
    values = check_1d(y, name)
    wrong = np.flatnonzero((values != np.floor(values)) | (values < 0) | (values >= n_levels))
    if wrong.size:
        raise UsageError(
            f"{name} must hold level codes",
            expected=f"whole numbers from 0 to {n_levels - 1}",
            found=f"{values[wrong[0]]:g} at position {wrong[0]}",
        )
    return values.astype(np.intp)


def check_probabilities(p: ArrayLike, name: str = "p") -> NDArray[np.float64]:
    """Return probabilities as floats, refusing what lies outside 0 to 1.

    Raises
    ------
    UsageError
        When a value is NaN, infinite or outside [0, 1].

    Examples
    --------
    >>> check_probabilities([0, 0.5, 1])
    array([0. , 0.5, 1. ])
    """
    values = check_1d(p, name)
    wrong = np.flatnonzero((values < 0) | (values > 1))
    if wrong.size:
        raise UsageError(
            f"{name} must hold probabilities",
            expected="values from 0 to 1",
            found=f"{values[wrong[0]]:g} at position {wrong[0]} ({wrong.size} in all)",
            hint="a score that is not a probability has an AUC but no Brier score or calibration",
        )
    return values


def check_clusters(clusters: ArrayLike, n: int) -> NDArray[np.intp]:
    """Return patients as codes 0..G-1 in sorted order of their names.

    Raises
    ------
    UsageError
        When there is not one name for each of the `n` cases, or a name is missing.

    Examples
    --------
    >>> check_clusters(["b", "a", "b"], 3)
    array([1, 0, 1])
    """
    names = np.asarray(clusters)
    if names.ndim != 1:
        raise UsageError("patients must be a one-dimensional array", found=str(names.shape))
    check_same_length(y=np.empty(n, dtype=np.bool_), clusters=names)
    missing = np.asarray(pd.isna(names))
    if names.dtype.kind == "O":
        names = names.astype(str)
    if missing.any():
        raise UsageError(
            "every case needs a patient",
            found=f"none at position {np.flatnonzero(missing)[0]} ({missing.sum()} in all)",
        )
    codes: NDArray[np.intp] = np.unique(names, return_inverse=True)[1]
    return codes
