"""Seven statistics that the set takes of intensities and of gradient magnitudes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["EQUAL", "STATISTICS", "Result", "statistics"]

#: Values by name, and why those that are NaN are not defined.
Result = tuple[dict[str, float], dict[str, str]]
STATISTICS = ("mean", "std", "min", "max", "median", "skew", "kurtosis")
EQUAL = "all values of the region are equal"


def statistics(values: NDArray[np.generic], what: str) -> Result:
    """Return mean, deviation, extremes, median, skewness and excess kurtosis.

    With central moments m2, m3, m4 (over N), skewness is ``sqrt(N (N - 1)) / (N - 2) m3 /
    m2^1.5`` and kurtosis ``(N - 1) / ((N - 2)(N - 3)) ((N + 1) m4 / m2^2 - 3 (N - 1))``, the
    estimates adjusted for N that the publication used; std divides by N.

    Parameters
    ----------
    values : ndarray
        Values of the region.
    what : str
        Start of the names, ``intensity`` or ``grad``.

    References
    ----------
    Joanes and Gill, J R Stat Soc D 1998;47:183-189, doi 10.1111/1467-9884.00122.

    Examples
    --------
    >>> found, why = statistics(np.array([1.0, 2.0, 3.0, 6.0]), "grad")
    >>> found["grad_mean"], found["grad_median"], round(found["grad_skew"], 3), why
    (3.0, 2.5, 1.19, {})
    """
    x = np.asarray(values, dtype=np.float64)
    n = len(x)
    mean = x.mean()
    apart = x - mean
    squares = apart * apart
    # Equal values have no spread, whatever rounding leaves of it.
    flat = bool(x.min() == x.max())
    second = 0.0 if flat else float(squares.mean())
    found = {
        "mean": float(mean),
        "std": second**0.5,
        "min": float(x.min()),
        "max": float(x.max()),
        "median": float(np.median(x)),
        "skew": float("nan"),
        "kurtosis": float("nan"),
    }
    why: dict[str, str] = {}
    if flat:
        why = dict.fromkeys(("skew", "kurtosis"), EQUAL)
    else:
        third, fourth = float((squares * apart).mean()), float((squares * squares).mean())
        if n > 2:
            found["skew"] = (n * (n - 1)) ** 0.5 / (n - 2) * third / second**1.5
        else:
            why["skew"] = "needs three voxels"
        if n > 3:
            ratio = (n + 1) * fourth / second**2 - 3 * (n - 1)
            found["kurtosis"] = (n - 1) / ((n - 2) * (n - 3)) * ratio
        else:
            why["kurtosis"] = "needs four voxels"
    return (
        {f"{what}_{name}": found[name] for name in STATISTICS},
        {f"{what}_{name}": reason for name, reason in why.items()},
    )
