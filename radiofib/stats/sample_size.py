"""Are there enough patients for so many parameters? Criteria of Riley and of Pate."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations

import pandas as pd
from scipy.optimize import brentq
from scipy.stats import chi2

from radiofib.errors import UsageError
from radiofib.stats.explained import (
    UNKNOWN_NAGELKERKE,
    check_reach,
    largest_r2,
    r2_from_c_statistic,
)

__all__ = [
    "binary_sample_size",
    "expected_shrinkage",
    "most_parameters",
    "multinomial_sample_size",
    "optimism_size",
    "shrinkage_size",
]

#: Parameters up to which the error of predicted risks was studied.
_MOST_STUDIED = 30


def shrinkage_size(parameters: int, r2: float, shrinkage: float = 0.9) -> float:
    r"""Return the size at which the expected shrinkage is S: :math:`P / ((S-1) \ln(1 - R^2/S))`.

    Parameters
    ----------
    parameters : int
        Candidate slopes P, before any selection.
    r2 : float
        Cox-Snell R2 to expect on new cases.
    shrinkage : float
        S.

    References
    ----------
    Riley RD et al. Stat Med 2019;38:1276-1296, equation 11.

    Examples
    --------
    >>> round(shrinkage_size(30, 0.05), 1)
    5248.6
    """
    if parameters < 1:
        raise UsageError("at least one parameter is needed", found=str(parameters))
    if not 0 < shrinkage < 1:
        raise UsageError("shrinkage must lie between 0 and 1", found=f"{shrinkage:g}")
    if not 0 < r2 < shrinkage:
        raise UsageError(
            "the expected R2 must lie above 0 and below the shrinkage",
            found=f"{r2:g} and {shrinkage:g}",
        )
    return parameters / ((shrinkage - 1.0) * math.log(1.0 - r2 / shrinkage))


def optimism_size(parameters: int, r2: float, largest: float, optimism: float = 0.05) -> float:
    r"""Return the size at which apparent and adjusted Nagelkerke R2 differ by delta.

    That of :func:`shrinkage_size` with :math:`S = R^2 / (R^2 + \delta \max R^2)`.

    Examples
    --------
    >>> round(optimism_size(24, 0.288, largest_r2([0.826, 0.174])))
    661
    """
    if optimism <= 0:
        raise UsageError("optimism must be above 0", found=f"{optimism:g}")
    return shrinkage_size(parameters, r2, r2 / (r2 + optimism * largest))


def binary_sample_size(
    parameters: int,
    prevalence: float,
    *,
    r2: float | None = None,
    c_statistic: float | None = None,
    shrinkage: float = 0.9,
    optimism: float = 0.05,
    margin: float = 0.05,
    absolute_error: float | None = None,
) -> pd.DataFrame:
    r"""Return the fewest cases for a prediction model of a binary outcome.

    ================ =========================================================================
    criterion        n
    ================ =========================================================================
    shrinkage        :func:`shrinkage_size`: little overfitting
    optimism of R2   :func:`optimism_size`
    overall risk     :math:`(1.96 / margin)^2 \phi (1 - \phi)`
    error of risks   :math:`\exp\frac{-0.508 + 0.259 \ln\phi + 0.504 \ln P - \ln MAPE}{0.544}`
    ================ =========================================================================

    The first three are those of 2019; the fourth, of 2020, is given when asked for. It knows
    nothing of how well the outcome can be predicted, and was studied up to 30 parameters.

    Parameters
    ----------
    parameters : int
        Candidate slopes P, before any selection.
    prevalence : float
        phi.
    r2 : float, optional
        Cox-Snell R2 to expect on new cases.
    c_statistic : float, optional
        Or the AUC, from which R2 follows (:func:`r2_from_c_statistic`). Without both, Nagelkerke
        R2 is taken for 0.15.
    shrinkage, optimism, margin : float
        S, delta and the margin above.
    absolute_error : float, optional
        Mean absolute error of predicted risks (MAPE), such as 0.05.

    Returns
    -------
    DataFrame
        ``criterion, n, events, events_per_parameter``; the last row is the largest.

    Raises
    ------
    UsageError
        When R2 is out of reach for this prevalence, or an argument out of its range.

    References
    ----------
    Riley RD et al. Stat Med 2019;38:1276-1296; BMJ 2020;368:m441. Van Smeden M et al. Stat
    Methods Med Res 2019;28:2455-2474 (error of risks).

    Examples
    --------
    >>> binary_sample_size(24, 0.174, r2=0.288)["n"].tolist()
    [623, 662, 221, 662]
    >>> binary_sample_size(30, 0.05, r2=0.05, absolute_error=0.05)["n"].tolist()
    [5249, 1770, 73, 544, 5249]
    """
    if not 0 < prevalence < 1:
        raise UsageError("prevalence must lie between 0 and 1", found=f"{prevalence:g}")
    if r2 is not None and c_statistic is not None:
        raise UsageError("give r2 or c_statistic, not both")
    largest = largest_r2([1.0 - prevalence, prevalence])
    if c_statistic is not None:
        r2 = r2_from_c_statistic(c_statistic, prevalence)
    expected = UNKNOWN_NAGELKERKE * largest if r2 is None else r2
    check_reach(expected, largest)
    sizes = {
        "shrinkage": shrinkage_size(parameters, expected, shrinkage),
        "optimism of R2": optimism_size(parameters, expected, largest, optimism),
        "overall risk": (1.96 / margin) ** 2 * prevalence * (1.0 - prevalence),
    }
    if absolute_error is not None:
        sizes["error of risks"] = _error_size(parameters, prevalence, absolute_error)
    frame = _whole(sizes)
    events = [math.ceil(n * prevalence - 1e-9) for n in frame["n"]]
    return frame.assign(
        events=events, events_per_parameter=[n * prevalence / parameters for n in frame["n"]]
    )


def multinomial_sample_size(
    parameters: int,
    shares: Sequence[float],
    *,
    r2: Sequence[float] | None = None,
    c_statistic: Sequence[float] | None = None,
    names: Sequence[str] | None = None,
    overall_nagelkerke: float = UNKNOWN_NAGELKERKE,
    shrinkage: float = 0.9,
    optimism: float = 0.05,
    margin: float = 0.05,
) -> pd.DataFrame:
    r"""Return the fewest cases for a multinomial prediction model of K classes.

    1. Little overfitting of each pair of classes k and r: :func:`shrinkage_size` for the
       logistic model of these two, over the share :math:`p_k + p_r` of the cases that are in it.
    2. Optimism of the R2 of the whole model with (K - 1) P slopes: :func:`optimism_size`.
    3. Each class's share within ``margin``, all at once:
       :math:`\chi^2_{1, 1 - 0.05/K}\, p_k (1 - p_k) / margin^2`.

    A model for ordered classes has P slopes, not (K - 1) P, and borrows strength between pairs:
    for it these numbers are on the safe side.

    Parameters
    ----------
    parameters : int
        Candidate slopes P of one equation, before any selection.
    shares : sequence of float
        Share of each class.
    r2, c_statistic : sequence of float, optional
        Cox-Snell R2 or AUC to expect of each pair, in the order (1, 2), (1, 3) ... (2, 3) ...;
        Nagelkerke R2 of 0.15 for each pair without both.
    names : sequence of str, optional
        Names of the classes; 1, 2 ... without.
    overall_nagelkerke : float
        Nagelkerke R2 to expect of the whole model.
    shrinkage, optimism, margin : float

    Returns
    -------
    DataFrame
        ``criterion, n, smallest_class``; one row for each pair, then the other criteria, and the
        largest last.

    References
    ----------
    Pate A et al. Stat Methods Med Res 2023;32:555-571. Goodman LA. Technometrics 1965;7:247-254
    (criterion 3).

    Examples
    --------
    >>> found = multinomial_sample_size(17, [1 / 6, 2 / 6, 3 / 6])
    >>> found[["criterion", "n"]].values.tolist()[-4:]
    [['shrinkage: 2, 3', 1552], ['optimism of R2', 714], ['overall risk', 574], ['largest', 2660]]
    """
    largest = largest_r2(shares)
    count = len(shares)
    labels = [str(k + 1) for k in range(count)] if names is None else [str(n) for n in names]
    pairs = list(combinations(range(count), 2))
    if r2 is not None and c_statistic is not None:
        raise UsageError("give r2 or c_statistic, not both")
    for given in (r2, c_statistic):
        if given is not None and len(given) != len(pairs):
            raise UsageError(
                "one value for each pair of classes is needed",
                expected=f"{len(pairs)}",
                found=f"{len(given)}",
            )
    if len(labels) != count:
        raise UsageError("one name for each class is needed", found=f"{len(labels)}")
    sizes: dict[str, float] = {}
    for place, (k, r) in enumerate(pairs):
        both = shares[k] + shares[r]
        within = largest_r2([shares[k] / both, shares[r] / both])
        if c_statistic is not None:
            expected = r2_from_c_statistic(c_statistic[place], shares[r] / both)
        else:
            expected = UNKNOWN_NAGELKERKE * within if r2 is None else r2[place]
        check_reach(expected, within)
        whole = math.ceil(shrinkage_size(parameters, expected, shrinkage) - 1e-9)
        sizes[f"shrinkage: {labels[k]}, {labels[r]}"] = whole / both
    slopes = (count - 1) * parameters
    check_reach(overall_nagelkerke * largest, largest)
    sizes["optimism of R2"] = optimism_size(slopes, overall_nagelkerke * largest, largest, optimism)
    share = min(shares, key=lambda p: abs(p - 0.5))
    quantile = float(chi2.ppf(1.0 - 0.05 / count, 1))
    sizes["overall risk"] = quantile * share * (1.0 - share) / margin**2
    frame = _whole(sizes)
    return frame.assign(smallest_class=[math.ceil(n * min(shares) - 1e-9) for n in frame["n"]])


def expected_shrinkage(n: int, parameters: int, r2: float) -> float:
    r"""Return the shrinkage S to expect of a model: the one at which n is just enough.

    Solves :math:`n = P / ((S - 1) \ln(1 - R^2_{CS} / S))`, the criterion of
    :func:`shrinkage_size`. Below 0.9 predictions will be too extreme on new cases; with more
    parameters than cases S comes down to R2 itself: nothing of what the model seems to know will
    be left.

    Parameters
    ----------
    n : int
        Cases (patients).
    parameters : int
        Candidate slopes, before any selection.
    r2 : float
        Cox-Snell R2 to expect on new cases (adjusted for optimism).

    References
    ----------
    Riley RD et al. Stat Med 2019;38:1276-1296. Van Houwelingen JC, Le Cessie S. Stat Med
    1990;9:1303-1325.

    Examples
    --------
    >>> round(expected_shrinkage(623, 24, 0.288), 3), round(expected_shrinkage(360, 3000, 0.1), 3)
    (0.9, 0.1)
    """
    if n < 1 or parameters < 1 or not 0 < r2 < 1:
        raise UsageError(
            "cases and parameters must be positive and R2 between 0 and 1",
            found=f"{n}, {parameters}, {r2:g}",
        )

    # In terms of ln(1 - R2 / S), which covers all of S between R2 and 1 without losing digits.
    def excess(log_rest: float) -> float:
        s = r2 / -math.expm1(log_rest)
        return -n * (1.0 - s) * log_rest - parameters

    lowest = -(parameters / (n * (1.0 - r2)) + 1.0)
    while excess(lowest) < 0:
        lowest *= 2.0
    root = float(brentq(excess, lowest, math.log1p(-r2), xtol=1e-14, rtol=1e-13))
    return r2 / -math.expm1(root)


def most_parameters(
    n: int, shares: Sequence[float], *, r2: float | None = None, shrinkage: float = 0.9
) -> int:
    """Return the most candidate parameters that n cases are enough for.

    By shrinkage and by optimism of R2 (both at their usual limits), which grow with the number of
    parameters; 0 when not even one is supported.

    Parameters
    ----------
    n : int
        Cases (patients).
    shares : sequence of float
        Share of each class.
    r2 : float, optional
        Cox-Snell R2 to expect on new cases; Nagelkerke R2 of 0.15 without.
    shrinkage : float

    Examples
    --------
    >>> most_parameters(662, [0.826, 0.174], r2=0.288)
    24
    """
    largest = largest_r2(shares)
    expected = UNKNOWN_NAGELKERKE * largest if r2 is None else r2
    check_reach(expected, largest)
    each = max(shrinkage_size(1, expected, shrinkage), optimism_size(1, expected, largest))
    return math.floor(n / each + 1e-9)


def _error_size(parameters: int, prevalence: float, absolute_error: float) -> float:
    """Return the size at which predicted risks are off by so much on average."""
    if parameters > _MOST_STUDIED or not 0 < absolute_error < 1:
        raise UsageError(
            "the error of predicted risks was studied up to 30 parameters",
            expected=f"at most {_MOST_STUDIED} parameters, and an error between 0 and 1",
            found=f"{parameters} and {absolute_error:g}",
            hint="leave absolute_error out",
        )
    rarer = min(prevalence, 1.0 - prevalence)
    log_n = -0.508 + 0.259 * math.log(rarer) + 0.504 * math.log(parameters)
    return math.exp((log_n - math.log(absolute_error)) / 0.544)


def _whole(sizes: dict[str, float]) -> pd.DataFrame:
    """Return whole numbers of cases, the largest last."""
    # A hair above a whole number is that number, not one case more.
    whole = [math.ceil(size - 1e-9) for size in sizes.values()]
    return pd.DataFrame({"criterion": [*sizes, "largest"], "n": [*whole, max(whole)]})
