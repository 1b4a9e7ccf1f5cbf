"""What every regression returns, and its table of coefficients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import erfc

from radiofib._checks import check_same_length
from radiofib.stats.estimate import z_value

__all__ = ["COEFFICIENT_COLUMNS", "Fit", "coefficients", "thresholds"]

FloatArray = NDArray[np.float64]

COEFFICIENT_COLUMNS = (
    *("kind", "term", "label", "unit", "estimate", "se", "ci_low", "ci_high"),
    *("odds_ratio", "or_low", "or_high", "z", "p", "note"),
)


@dataclass(frozen=True)
class Fit:
    """A fitted regression.

    Parameters
    ----------
    kind : {"logistic", "firth", "proportional_odds"}
        What was maximised.
    link : {"logit", "probit"}
    cuts : tuple of str
        ``("intercept",)`` of a binary model; ``"s1|s2"`` ... of an ordered one.
    terms : tuple of str
        Names of the slopes.
    cut_values : ndarray
        Binary: a in ``logit P(y = 1) = a + x b``. Ordered: theta in
        ``logit P(y <= k) = theta_k - x b``, the sign of R's clm and polr and of SPSS PLUM.
    slopes : ndarray
        Change of the linear predictor by one unit of each term.
    covariance : ndarray
        Of cuts, then slopes.
    loglik, loglik_null : float
        Log-likelihood of this model (without any penalty) and of the model without terms.
    n : int
        Number of cases.
    ridge : float
        Penalty ``ridge / 2 x sum of squares`` of the slopes of standardised terms; 0 for none.
    separated : bool
        Whether the terms separate the outcomes, so that maximum likelihood has no solution.
    interval : {"Wald", "profile penalised likelihood"}
        How `limits` were made.
    limits : ndarray of shape (n_parameters, 2), optional
        Limits that are not Wald's, in the order of `covariance`.
    p_values : ndarray, optional
        p that is not Wald's.
    note : str
        What a reader should know before trusting it.

    Examples
    --------
    >>> fit = Fit("logistic", "logit", ("intercept",), ("age",), np.array([0.0]), np.array([0.5]),
    ...           np.diag([0.04, 0.01]), -10.0, -14.0, 40)
    >>> fit.se.round(3).tolist(), fit.likelihood_ratio
    ([0.2, 0.1], 8.0)
    """

    kind: str
    link: str
    cuts: tuple[str, ...]
    terms: tuple[str, ...]
    cut_values: FloatArray
    slopes: FloatArray
    covariance: FloatArray
    loglik: float
    loglik_null: float
    n: int
    ridge: float = 0.0
    separated: bool = False
    interval: str = "Wald"
    limits: FloatArray | None = None
    p_values: FloatArray | None = None
    note: str = ""

    @property
    def estimates(self) -> FloatArray:
        """Cuts, then slopes."""
        return np.concatenate([self.cut_values, self.slopes])

    @property
    def se(self) -> FloatArray:
        """Standard errors of cuts, then slopes."""
        return np.sqrt(np.maximum(np.diag(self.covariance), 0.0))

    @property
    def likelihood_ratio(self) -> float:
        """Twice the gain in log-likelihood over the model without terms."""
        return 2.0 * (self.loglik - self.loglik_null)

    @property
    def aic(self) -> float:
        """Akaike's criterion: -2 log-likelihood + 2 parameters (of an unpenalised fit)."""
        return 2.0 * self.estimates.size - 2.0 * self.loglik


def coefficients(
    fit: Fit,
    *,
    level: float = 0.95,
    labels: Mapping[str, str] | None = None,
    units: Mapping[str, str] | None = None,
    no_p: str = "",
) -> pd.DataFrame:
    """Return the table of coefficients with odds ratios and intervals.

    Odds ratios are exp(estimate), for one unit of the term, and only for the logit link.

    Parameters
    ----------
    fit : Fit
        A fitted model.
    level : float
        Confidence level. Profile limits are those of the fit.
    labels, units : mapping, optional
        Long name and unit of a term.
    no_p : str
        Reason why p must not be given (terms chosen by looking at the outcome); p is then empty
        and the reason is the note of each term.

    Returns
    -------
    DataFrame
        :data:`COEFFICIENT_COLUMNS`; ``kind`` is ``threshold`` (also a binary model's intercept)
        or ``term``.

    References
    ----------
    Agresti A. Analysis of Ordinal Categorical Data, 2nd ed, chapter 3.

    Examples
    --------
    >>> fit = Fit("logistic", "logit", ("intercept",), ("age",), np.array([0.0]), np.array([0.5]),
    ...           np.diag([0.04, 0.01]), -10.0, -14.0, 40)
    >>> table = coefficients(fit)
    >>> table[["kind", "term", "odds_ratio"]].round(3).values.tolist()
    [['threshold', 'intercept', nan], ['term', 'age', 1.649]]
    """
    z_limit = z_value(level)
    names = (*fit.cuts, *fit.terms)
    is_term = np.arange(len(names)) >= len(fit.cuts)
    estimate, se = fit.estimates, fit.se
    check_same_length(names=names, estimates=estimate)
    limits = fit.limits
    if limits is None:
        limits = np.column_stack([estimate - z_limit * se, estimate + z_limit * se])
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(se > 0, estimate / se, np.nan)
    p = erfc(np.abs(z) / np.sqrt(2.0)) if fit.p_values is None else fit.p_values
    if fit.ridge > 0:
        # A shrunken estimate over its standard error follows no known law under the null.
        p = np.full(len(names), np.nan)
    odds = is_term & (fit.link == "logit")
    with np.errstate(over="ignore"):
        ratios = np.where(odds[:, None], np.exp(np.column_stack([estimate, limits])), np.nan)
    notes = _notes(fit, is_term, no_p)
    frame = pd.DataFrame(
        {
            "kind": np.where(is_term, "term", "threshold"),
            "term": names,
            "label": [(labels or {}).get(n, n) for n in names],
            "unit": [(units or {}).get(n, "") for n in names],
            "estimate": estimate,
            "se": se,
            "ci_low": limits[:, 0],
            "ci_high": limits[:, 1],
            "odds_ratio": ratios[:, 0],
            "or_low": ratios[:, 1],
            "or_high": ratios[:, 2],
            "z": z,
            "p": np.where(is_term & bool(no_p), np.nan, p),
            "note": notes,
        }
    )
    return frame[list(COEFFICIENT_COLUMNS)]


def _notes(fit: Fit, is_term: NDArray[np.bool_], no_p: str) -> list[str]:
    model = fit.note
    if fit.ridge > 0:
        model = _join(model, "penalised estimates: no p")
    if fit.interval != "Wald":
        model = _join(model, f"interval and p by {fit.interval}")
    ordered = fit.kind == "proportional_odds"
    sign = (
        "P(y <= k) rises with the threshold and falls with the terms (clm, polr, PLUM); lrm "
        "prints the negative"
        if ordered
        else "log odds where every term is 0"
    )
    return [_join(model, no_p if term else sign) for term in is_term]


def _join(first: str, second: str) -> str:
    return "; ".join(part for part in (first, second) if part)


def thresholds(fit: Fit, levels: Sequence[str]) -> pd.DataFrame:
    """Return the thresholds of an ordered model in both sign conventions, by name.

    ``theta`` belongs to ``logit P(y <= k) = theta_k - x b``: R's clm and polr, SPSS PLUM.
    ``alpha = -theta`` belongs to ``logit P(y >= k) = alpha_k + x b``: R's lrm. Thresholds are on
    the linear scale, and so is the standard error, which is the same for both.

    Parameters
    ----------
    fit : Fit
        A proportional odds model.
    levels : sequence of str
        Names of the levels in order.

    Returns
    -------
    DataFrame
        ``theta_name, theta, alpha_name, alpha, se``.

    Examples
    --------
    >>> fit = Fit("proportional_odds", "logit", ("s1|s2",), (), np.array([0.5]), np.empty(0),
    ...           np.array([[0.04]]), -10.0, -10.0, 40)
    >>> thresholds(fit, ["s1", "s2"]).values.tolist()
    [['s1|s2', 0.5, 'y>=s2', -0.5, 0.2]]
    """
    check_same_length(thresholds=fit.cut_values, upper_levels=list(levels)[1:])
    return pd.DataFrame(
        {
            "theta_name": fit.cuts,
            "theta": fit.cut_values,
            "alpha_name": [f"y>={level}" for level in list(levels)[1:]],
            "alpha": -fit.cut_values,
            "se": fit.se[: len(fit.cuts)],
        }
    )
