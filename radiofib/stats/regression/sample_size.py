"""Are there enough cases for the number of parameters? Riley's criteria."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from radiofib.stats.explained import UNKNOWN_NAGELKERKE, check_reach, largest_r2
from radiofib.stats.sample_size import (
    expected_shrinkage,
    optimism_size,
    shrinkage_size,
)

__all__ = ["expected_shrinkage", "minimum_sample_size"]


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
    largest = largest_r2(shares)
    expected = UNKNOWN_NAGELKERKE * largest if r2 is None else r2
    check_reach(expected, largest)
    cuts = np.cumsum(shares)[:-1]
    phi = float(cuts[np.argmin(np.abs(cuts - 0.5))])
    sizes = [
        shrinkage_size(parameters, expected, shrinkage),
        optimism_size(parameters, expected, largest, optimism),
    ]
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
