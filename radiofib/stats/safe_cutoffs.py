"""Rule-out and rule-in cut-offs that keep what was wanted for new cases, not only for their own."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import bdtr

from radiofib._checks import check_1d, check_same_length
from radiofib.errors import UsageError
from radiofib.stats.conformal import smallest_calibration
from radiofib.stats.estimate import check_binary
from radiofib.stats.thresholds import Cutoffs

__all__ = ["safe_cutoffs"]

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

#: Ranks are whole numbers: what rounding may add to them.
_ROUNDING = 1e-9
_WORDS = {"sensitivity": "sensitivity", "npv": "NPV", "specificity": "specificity", "ppv": "PPV"}


def safe_cutoffs(
    y: ArrayLike,
    score: ArrayLike,
    *,
    sensitivity: float | None = None,
    npv: float | None = None,
    specificity: float | None = None,
    ppv: float | None = None,
    confidence: float = 0.9,
) -> Cutoffs:
    r"""Choose cut-offs to rule out and to rule in, and a grey zone between, on training cases.

    A cut-off that just reaches a wanted rate on its own cases misses it on half of new ones.
    Here the wanted rates are those of new cases:

    - ``sensitivity`` w: of m positive cases, at most :math:`\lfloor (m + 1)(1 - w) \rfloor - 1`
      lie below the rule-out cut-off. A new positive case, exchangeable with them, is then ruled
      out with probability at most 1 - w (a one-sided conformal set); ``specificity`` likewise
      with negative cases and the rule-in cut-off;
    - ``npv`` w: going up from the lowest scores, the last cut-off at which e positive among c
      cases below are so few that :math:`P(B \le e) \le 1 - \gamma`, with B binomial of c and
      1 - w, before the first at which they are not. A cut-off with a lower NPV is then found
      with probability at most :math:`1 - \gamma` (tests in a fixed order need no correction);
      ``ppv`` likewise from above. Such values hold where as many cases are positive as here.

    Where too few cases are there to reach it, nobody is ruled out (-inf) or in (inf).

    Parameters
    ----------
    y : array-like of 0 and 1
        One entry for each training patient.
    score : array-like
        Higher means "more likely positive".
    sensitivity, npv : float, optional
        What ruling out has to reach; one of the two, above 0 and below 1.
    specificity, ppv : float, optional
        What ruling in has to reach; one of the two.
    confidence : float
        :math:`\gamma`, for predictive values.

    Returns
    -------
    Cutoffs
        A case below ``low`` is ruled out, one of at least ``high`` is ruled in. Where the two
        cross nobody is undecided: both are then their mean, at which sensitivity and specificity
        are no lower.

    Raises
    ------
    UsageError
        When not exactly one rate is given for each side, or a class is absent.

    References
    ----------
    Angelopoulos AN, Bates S, Candes EJ, Jordan MI, Lei L. Learn then test: calibrating predictive
    algorithms to achieve risk control. Ann Appl Stat 2025;19:1641-1662 (fixed sequence).

    Examples
    --------
    >>> y, score = [0] * 9 + [1] * 9, [*range(9), *range(4, 13)]
    >>> found = safe_cutoffs(y, score, sensitivity=0.9, specificity=0.8)
    >>> float(found.low), round(float(found.high), 6)
    (4.0, 7.0)
    >>> safe_cutoffs(y, score, sensitivity=0.95, specificity=0.8).note
    'no one can be ruled out: 9 positive cases, 19 are needed'
    """
    out, wanted_out = _the_one({"sensitivity": sensitivity, "npv": npv})
    into, wanted_in = _the_one({"specificity": specificity, "ppv": ppv})
    positive, values = check_binary(y, both=True), check_1d(score, "score")
    check_same_length(y=positive, score=values)
    low = _lower(positive, values, wanted_out, level=confidence if out == "npv" else None)
    # Ruling in is ruling out of the turned question; a case just at its cut-off is not in.
    turned = _lower(~positive, -values, wanted_in, level=confidence if into == "ppv" else None)
    high = float(np.nextafter(-turned, np.inf))
    sizes = int(positive.sum()), int((~positive).sum())
    notes = []
    if low == -math.inf:
        notes.append(f"no one can be ruled out: {_why(out, wanted_out, 'positive', sizes[0])}")
    if high == math.inf:
        notes.append(f"no one can be ruled in: {_why(into, wanted_in, 'negative', sizes[1])}")
    if low > high:
        low = high = low / 2 + high / 2
        notes.append("one cut-off reaches both: nobody is undecided")
    rates = f"rule out at {_WORDS[out]} {wanted_out:g}, rule in at {_WORDS[into]} {wanted_in:g}"
    return Cutoffs(
        f"{rates}, for new cases, chosen on {sum(sizes)} cases",
        low,
        high,
        *sizes,
        "; ".join(notes),
    )


def _the_one(given: dict[str, float | None]) -> tuple[str, float]:
    """Return the one rate that is given."""
    found = [(name, value) for name, value in given.items() if value is not None]
    if len(found) != 1:
        raise UsageError(
            f"give one of {' and '.join(given)}", found=", ".join(n for n, _ in found) or "none"
        )
    name, value = found[0]
    if not 0 < value < 1:
        raise UsageError(f"{name} must lie between 0 and 1", found=f"{value:g}")
    return name, value


def _lower(positive: BoolArray, values: FloatArray, wanted: float, *, level: float | None) -> float:
    """Return the highest cut-off below which few enough cases are positive; -inf for none."""
    if level is None:
        sides = np.sort(values[positive])
        rank = math.floor((sides.size + 1) * (1 - wanted) + _ROUNDING)
        return float(sides[rank - 1]) if rank else -math.inf
    cuts = np.unique(values)
    called = np.searchsorted(np.sort(values), cuts, side="left")
    errors = np.searchsorted(np.sort(values[positive]), cuts, side="left")
    first = called >= _start(values.size, wanted, level)
    cuts, called, errors = cuts[first], called[first], errors[first]
    good = bdtr(errors, called, 1 - wanted) <= 1 - level + _ROUNDING
    steps = good.size if good.all() else int(np.argmin(good))
    return float(cuts[steps - 1]) if steps else -math.inf


def _start(n: int, wanted: float, level: float) -> int:
    """Return below how many cases the first cut-off lies: one error is borne where n allows it."""
    counts = np.arange(1, n + 1)
    for errors, most in ((1.0, n / 2), (0.0, float(n))):
        enough = counts[bdtr(errors, counts, 1 - wanted) <= 1 - level + _ROUNDING]
        if enough.size and enough[0] <= most:
            return int(enough[0])
    return n + 1


def _why(rate: str, wanted: float, side: str, n: int) -> str:
    """Say why there is no cut-off."""
    if rate in ("npv", "ppv"):
        return f"no cut-off is sure to reach {_WORDS[rate]} {wanted:g}"
    return f"{n} {side} cases, {smallest_calibration(1 - wanted)} are needed"
