"""Are there enough cases for the number of parameters? Riley's criteria."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from radiofib.errors import UsageError

__all__ = ["expected_shrinkage", "minimum_sample_size"]


def _largest_r2(shares: Sequence[float]) -> float:
    """Return the largest Cox-Snell R2 an outcome with these class shares allows."""
    p = np.asarray(shares, dtype=np.float64)
    if p.size < 2 or p.min() <= 0 or abs(p.sum() - 1.0) > 1e-6:
        raise UsageError(
            "class shares must be positive and sum to one", found=str([float(v) for v in p])
        )
    return float(1.0 - np.exp(2.0 * (p * np.log(p)).sum()))


def _check_r2(r2: float, largest: float) -> None:
    if not 0 < r2 < largest:
        raise UsageError(
            "the expected Cox-Snell R2 is out of reach",
            expected=f"above 0 and below {largest:.4f}, the most these class shares allow",
            found=f"{r2:g}",
        )


def minimum_sample_size(
    parameters: int,
    shares: Sequence[float],
    *,
    r2: float | None = None,
    shrinkage: float = 0.9,
    optimism: float = 0.05,
    margin: float = 0.05,
) -> pd.DataFrame:
    r"""Return the smallest number of cases for a prediction model by Riley's criteria.

    1. Little overfitting: expected shrinkage at least S, with
       :math:`n = P / ((S - 1) \ln(1 - R^2_{CS} / S))`.
    2. Apparent and adjusted Nagelkerke R2 differ by at most ``optimism``: the same formula with
       :math:`S = R^2_{CS} / (R^2_{CS} + \delta \max R^2_{CS})`.
    3. Overall risk within ``margin``: :math:`n = (1.96 / margin)^2 \phi (1 - \phi)`, for ordered
       outcomes at the cut nearest to one half.

    The criteria are published for binary outcomes; for ordered ones 1 and 2 hold through the
    same likelihood-based R2, which is an extension of ours.

    Parameters
    ----------
    parameters : int
        Candidate slopes, *before* any selection.
    shares : sequence of float
        Share of each class, in order; ``[1 - prevalence, prevalence]`` for a binary outcome.
    r2 : float, optional
        Expected Cox-Snell R2. Left out: 15 % of the largest possible, Riley's suggestion when
        nothing is known.
    shrinkage, optimism, margin : float
        S, delta and the margin above.

    Returns
    -------
    DataFrame
        ``criterion, n, events`` (cases in the smaller side or smallest class); the last row is
        the largest.

    References
    ----------
    Riley RD et al. Stat Med 2019;38:1276-1296; BMJ 2020;368:m441.

    Examples
    --------
    >>> minimum_sample_size(24, [0.826, 0.174], r2=0.288)["n"].tolist()
    [623, 662, 221, 662]
    """
    if parameters < 1:
        raise UsageError("at least one parameter is needed", found=str(parameters))
    if not 0 < shrinkage < 1:
        raise UsageError("shrinkage must lie between 0 and 1", found=f"{shrinkage:g}")
    largest = _largest_r2(shares)
    expected = 0.15 * largest if r2 is None else r2
    _check_r2(expected, largest)
    second = expected / (expected + optimism * largest)
    cuts = np.cumsum(shares)[:-1]
    phi = float(cuts[np.argmin(np.abs(cuts - 0.5))])
    sizes = [
        parameters / ((s - 1.0) * math.log(1.0 - expected / s))
        for s in (shrinkage, second)
        if s > expected
    ]
    if len(sizes) < 2:
        raise UsageError("shrinkage must be above the expected R2", found=f"{expected:g}")
    sizes.append((1.96 / margin) ** 2 * phi * (1.0 - phi))
    # A hair below a whole number is that number, not one case more.
    whole = [math.ceil(size - 1e-9) for size in sizes]
    whole.append(max(whole))
    smallest = min(shares)
    return pd.DataFrame(
        {
            "criterion": ["shrinkage", "optimism of R2", "overall risk", "largest"],
            "n": whole,
            "events": [math.ceil(n * smallest - 1e-9) for n in whole],
        }
    )


def expected_shrinkage(n: int, parameters: int, r2: float) -> float:
    r"""Return the uniform shrinkage to expect: :math:`S = 1 + P / (n \ln(1 - R^2_{CS}))`.

    Below 0.9 predictions will be too extreme on new cases; 0 or less means that the model is
    expected to be worse than none.

    Parameters
    ----------
    n : int
        Cases.
    parameters : int
        Candidate slopes, before any selection.
    r2 : float
        Cox-Snell R2, adjusted for optimism.

    Examples
    --------
    >>> round(expected_shrinkage(623, 24, 0.288), 3)
    0.887
    """
    if n < 1 or parameters < 1 or not 0 < r2 < 1:
        raise UsageError(
            "cases and parameters must be positive and R2 between 0 and 1",
            found=f"{n}, {parameters}, {r2:g}",
        )
    return 1.0 + parameters / (n * math.log(1.0 - r2))
