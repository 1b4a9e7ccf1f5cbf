"""Decision curves: what acting on a probability is worth, at each threshold."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from radiofib._checks import check_1d, check_same_length
from radiofib.errors import UsageError
from radiofib.stats.estimate import Estimate, check_binary, check_clusters, z_value

__all__ = ["decision_curve", "net_benefit", "net_benefit_difference"]

FloatArray = NDArray[np.float64]


def _chances(y: ArrayLike, p: ArrayLike, name: str = "p") -> tuple[NDArray[np.bool_], FloatArray]:
    """Return checked outcomes and probabilities; other scores are refused with the reason."""
    check_same_length(y=np.asarray(y), p=np.asarray(p))
    values = check_1d(p, name)
    wrong = np.flatnonzero((values < 0) | (values > 1))
    if wrong.size:
        raise UsageError(
            f"a decision curve needs probabilities in {name}",
            expected="values from 0 to 1",
            found=f"{values[wrong[0]]:g} at position {wrong[0]} ({wrong.size} in all)",
            hint="the threshold is itself a probability, so a reading or another score has none: "
            "calibrate it on training data first, or use AUC, sensitivity and specificity",
        )
    return check_binary(y), values


def _thresholds(thresholds: ArrayLike | None) -> FloatArray:
    cuts: FloatArray = (
        np.arange(1, 100) / 100 if thresholds is None else check_1d(thresholds, "thresholds")
    )
    wrong = cuts[(cuts <= 0) | (cuts >= 1)]
    if wrong.size:
        raise UsageError(
            "a threshold must lie between 0 and 1, both excluded", found=f"{wrong[0]:g}"
        )
    return cuts


def _mean_error(values: FloatArray, codes: NDArray[np.intp] | None) -> float:
    """Return the standard error of a mean, cases of a patient summed first."""
    centred = values - values.mean()
    sums = centred if codes is None else np.bincount(codes, weights=centred)
    if sums.size < 2:
        return math.nan
    return math.sqrt(float(sums @ sums) * sums.size / (sums.size - 1)) / values.size


def _gain(positive: NDArray[np.bool_], treated: NDArray[np.bool_], cut: float) -> FloatArray:
    """Return what each case adds to the net benefit."""
    gain: FloatArray = np.where(treated, np.where(positive, 1.0, -cut / (1 - cut)), 0.0)
    return gain


def net_benefit(
    y: ArrayLike,
    p: ArrayLike,
    threshold: float,
    level: float = 0.95,
    clusters: ArrayLike | None = None,
) -> Estimate:
    r"""Return the net benefit of treating cases whose probability reaches the threshold.

    .. math:: NB(t) = \frac{TP}{n} - \frac{FP}{n} \frac{t}{1 - t}

    It is the mean over cases of 1 for a treated positive, -t/(1-t) for a treated negative and 0
    otherwise; the interval is that of a mean, by patient when `clusters` is given.

    Parameters
    ----------
    y : array-like of 0 and 1
    p : array-like
        Probability of class 1.
    threshold : float
        Between 0 and 1.
    level : float
    clusters : array-like, optional
        Patient of each case.

    References
    ----------
    Vickers AJ, Elkin EB. Med Decis Making 2006;26:565-574.

    Examples
    --------
    >>> round(net_benefit([0, 0, 1, 1, 1], [0.1, 0.6, 0.4, 0.7, 0.9], 0.5).value, 4)
    0.2
    """
    frame = decision_curve(y, p, [threshold], level=level, clusters=clusters)
    row = frame.iloc[0]
    return Estimate(
        float(row["net_benefit"]),
        float(row["ci_low"]),
        float(row["ci_high"]),
        "normal, mean over patients" if clusters is not None else "normal, mean over cases",
        str(row["note"]),
    )


def decision_curve(
    y: ArrayLike,
    p: ArrayLike,
    thresholds: ArrayLike | None = None,
    *,
    level: float = 0.95,
    clusters: ArrayLike | None = None,
) -> pd.DataFrame:
    r"""Return the net benefit at each threshold, with pointwise intervals.

    Parameters
    ----------
    y : array-like of 0 and 1
    p : array-like
        Probability of class 1. A case is treated when its probability is at least the threshold.
    thresholds : array-like, optional
        0.01, 0.02, ... 0.99 by default.
    level : float
    clusters : array-like, optional
        Patient of each case; the interval then counts patients.

    Returns
    -------
    DataFrame
        One row for each threshold: ``threshold``; ``net_benefit`` with ``ci_low`` and
        ``ci_high``; ``treat_all``, the net benefit of treating everybody (treating nobody has
        0); ``standardised``, the net benefit over the prevalence (1 is perfect; Kerr 2016) with
        ``standardised_low`` and ``standardised_high`` by the delta method of that ratio; ``n``
        and ``n_pos``; ``note``.

    Raises
    ------
    UsageError
        When `p` holds no probabilities.

    References
    ----------
    Vickers AJ, Elkin EB. Med Decis Making 2006;26:565-574. Kerr KF et al. J Clin Oncol
    2016;34:2534-2540. Marsh TL, Janes H, Pepe MS. Biometrics 2020;76:843-852 (intervals).

    Examples
    --------
    >>> curve = decision_curve([0, 0, 1, 1, 1], [0.1, 0.6, 0.4, 0.7, 0.9], [0.25, 0.5])
    >>> curve[["threshold", "net_benefit", "treat_all", "standardised"]].round(3)
       threshold  net_benefit  treat_all  standardised
    0       0.25        0.533      0.467         0.889
    1       0.50        0.200      0.200         0.333
    >>> decision_curve([0, 1], [3, 7])
    Traceback (most recent call last):
    radiofib.errors.UsageError: a decision curve needs probabilities in p (expected values from 0
    to 1; found 3 at position 0 (2 in all)). Next: the threshold is itself a probability, so a
    reading or another score has none: calibrate it on training data first, or use AUC,
    sensitivity and specificity.
    """
    positive, chance = _chances(y, p)
    cuts = _thresholds(thresholds)
    z = z_value(level)
    codes = None if clusters is None else check_clusters(clusters, chance.size)
    n, n_pos = positive.size, int(positive.sum())
    odds, prevalence = cuts / (1 - cuts), n_pos / n
    tp, fp = (side.size - np.searchsorted(np.sort(side), cuts) for side in _sides(positive, chance))
    value = (tp - fp * odds) / n
    ratio = value / prevalence if n_pos else np.full(cuts.size, math.nan)
    if codes is None:
        # Means of squares of each case's gain, and of its gain less the ratio times its outcome.
        square = (tp + odds**2 * fp) / n - value**2
        missed = tp * (1 - ratio) ** 2 + (n_pos - tp) * ratio**2
        least = np.array([square, (missed + odds**2 * fp) / n])
        error = np.sqrt(np.maximum(least, 0.0) / (n - 1)) if n > 1 else np.full((2, 1), math.nan)
    else:
        error = np.empty((2, cuts.size))
        for place, cut in enumerate(cuts.tolist()):
            gain = _gain(positive, chance >= cut, cut)
            error[0, place] = _mean_error(gain, codes)
            error[1, place] = _mean_error(gain - ratio[place] * positive, codes)
    error = np.where(tp + fp > 0, z * error, math.nan)
    half, wide = error[0], error[1] / prevalence if n_pos else error[1] * math.nan
    decisions = bool(np.isin(chance, (0.0, 1.0)).all())
    notes = ["p holds decisions (0 and 1), not probabilities"] if decisions else []
    notes += [] if n_pos else ["no positive case"]
    return pd.DataFrame(
        {
            "threshold": cuts,
            "net_benefit": value,
            "ci_low": value - half,
            "ci_high": value + half,
            "treat_all": prevalence - (1 - prevalence) * odds,
            "standardised": ratio,
            "standardised_low": ratio - wide,
            "standardised_high": ratio + wide,
            "n": n,
            "n_pos": n_pos,
            "note": ["; ".join(notes + ([] if t else ["nobody is treated"])) for t in tp + fp],
        }
    )


def _sides(positive: NDArray[np.bool_], chance: FloatArray) -> tuple[FloatArray, FloatArray]:
    return chance[positive], chance[~positive]


def net_benefit_difference(
    y: ArrayLike,
    first: ArrayLike,
    second: ArrayLike | None = None,
    thresholds: ArrayLike | None = None,
    *,
    level: float = 0.95,
    clusters: ArrayLike | None = None,
) -> pd.DataFrame:
    """Return the difference of two net benefits on the same cases, with pointwise intervals.

    Parameters
    ----------
    y : array-like of 0 and 1
    first, second : array-like
        Probabilities of class 1; without a second the comparison is with treating everybody.
    thresholds, level, clusters
        As in :func:`decision_curve`.

    Returns
    -------
    DataFrame
        ``threshold, difference, ci_low, ci_high``: first minus second.

    References
    ----------
    Vickers AJ et al. BMC Med Inform Decis Mak 2008;8:53.

    Examples
    --------
    >>> net_benefit_difference([0, 0, 1, 1], [0.1, 0.6, 0.4, 0.7], thresholds=[0.5]).round(3)
       threshold  difference  ci_low  ci_high
    0        0.5         0.0    -0.8      0.8
    """
    positive, chance = _chances(y, first, "first")
    other = np.ones(chance.size) if second is None else _chances(y, second, "second")[1]
    z = z_value(level)
    codes = None if clusters is None else check_clusters(clusters, chance.size)
    rows = []
    for cut in _thresholds(thresholds).tolist():
        gain = _gain(positive, chance >= cut, cut) - _gain(positive, other >= cut, cut)
        value, half = float(gain.mean()), z * _mean_error(gain, codes)
        rows.append((cut, value, value - half, value + half))
    return pd.DataFrame(rows, columns=["threshold", "difference", "ci_low", "ci_high"])
