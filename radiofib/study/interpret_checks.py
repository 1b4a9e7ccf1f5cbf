"""What is tested and checked about an interpretable model, as one tidy table."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from radiofib.errors import UsageError
from radiofib.stats.regression import (
    TEST_COLUMNS,
    Fit,
    RandomIntercept,
    expected_shrinkage,
    fit_indices,
    influence,
    minimum_sample_size,
    proportionality,
    variance_inflation,
)
from radiofib.study.interpret_data import Design

__all__ = ["Model", "checks_of"]

Row = tuple[str, str, float, float, float, str]


@dataclass(frozen=True, eq=False)
class Model:
    """A fitted model with what it was fitted to.

    Parameters
    ----------
    fit, raw : Fit
        As asked for, and on the terms in their own units.
    design : Design
        Terms in their own units, with labels and the units of `fit`.
    shown : DataFrame
        Terms as `fit` saw them.
    codes : ndarray of int
    levels : list of str
    notes : tuple of str
    random : RandomIntercept, optional
    chosen : DataFrame, optional
        ``term, frequency`` of selected terms.
    no_p : str
        Why p is empty.
    """

    fit: Fit
    raw: Fit
    design: Design
    shown: pd.DataFrame
    codes: NDArray[np.intp]
    levels: list[str]
    notes: tuple[str, ...]
    random: RandomIntercept | None = None
    chosen: pd.DataFrame | None = None
    no_p: str = ""


def checks_of(model: Model, candidates: int) -> pd.DataFrame:
    """Return :data:`~radiofib.stats.regression.TEST_COLUMNS` of everything that is checked.

    Parameters
    ----------
    model : Model
    candidates : int
        Number of features that selection could choose from on the same patients; 0 for none.
    """
    rows: list[Row] = [_row("patients", float(len(model.codes)), note="; ".join(model.notes))]
    rows += _chosen(model)
    rows += _overall(model)
    if model.fit.kind == "proportional_odds" and model.random is None:
        found = proportionality(model.shown, model.codes, model.levels)
        for test, term, statistic, df, p, note in found.itertuples(index=False):
            rows.append((f"proportionality: {test}", term, statistic, df, p, note))
    if model.random is not None:
        note = f"standard deviation of the scanners' intercepts {model.random.sd:.6g}; p halved"
        rows.append(
            _row("scanner: likelihood ratio", model.random.statistic, 1, model.random.p, note)
        )
        pairs = zip(model.random.groups, model.random.deviations, strict=True)
        rows += [("scanner: deviation", str(g), float(d), math.nan, math.nan, "") for g, d in pairs]
    inflation = variance_inflation(model.fit, model.shown)
    for term, vif, _ in inflation.itertuples(index=False):
        note = "above 5: hard to tell from the other terms" if vif > 5 else ""
        rows.append(("variance inflation", term, float(vif), math.nan, math.nan, note))
    rows += _influence(model)
    rows += _sample_size(model, candidates)
    return pd.DataFrame(rows, columns=list(TEST_COLUMNS))


def _row(
    test: str, statistic: float, df: float = math.nan, p: float = math.nan, note: str = ""
) -> Row:
    return test, "", statistic, df, p, note


def _chosen(model: Model) -> list[Row]:
    if model.chosen is None:
        return []
    return [
        ("selection frequency", str(term), float(share), math.nan, math.nan, "share of halves")
        for term, share in zip(model.chosen["term"], model.chosen["frequency"], strict=True)
    ]


def _overall(model: Model) -> list[Row]:
    fit = model.fit
    if model.random is not None:
        return [_row("log-likelihood", fit.loglik)]
    table = fit_indices(fit, model.shown, model.codes).set_index("index")["value"]
    invalid = fit.ridge > 0 or fit.kind == "firth"
    reason = model.no_p or ("penalised estimates" if invalid else "")
    p = math.nan if reason else float(table["p"])
    apparent = "on the patients it was fitted to"
    several = len(model.levels) > 2
    brier = f"of the middle cut, {apparent}" if several else apparent
    rows = [
        _row("likelihood ratio", float(table["likelihood_ratio"]), float(table["df"]), p, reason),
        _row("log-likelihood", fit.loglik),
        _row("AIC", fit.aic),
        _row("c index", float(table["c"]), note=apparent),
        _row("Nagelkerke R2", float(table["r2"]), note=apparent),
        _row("Brier score", float(table["brier"]), note=brier),
    ]
    if fit.separated:
        rows.insert(1, _row("separation", 1.0, note=fit.note))
    return rows


def _influence(model: Model) -> list[Row]:
    if model.random is not None:
        return []
    table = influence(model.fit, model.shown, model.codes)
    worst = int(table["cook"].to_numpy().argmax())
    case = str(model.shown.index[worst])
    return [
        _row("largest Cook's distance", float(table["cook"].max()), note=f"patient {case}"),
        _row("largest leverage", float(table["leverage"].max())),
    ]


def _sample_size(model: Model, candidates: int) -> list[Row]:
    """Compare the patients with Riley's minimum for the terms that were in play."""
    n = len(model.codes)
    parameters = max(len(model.fit.terms), candidates)
    shares = np.bincount(model.codes) / n
    counts = f"{parameters} candidate parameters, {n} patients, R2 at 15 % of its maximum"
    try:
        needed = minimum_sample_size(parameters, [float(s) for s in shares])
    except UsageError as error:
        return [_row("sample size: minimum", math.nan, note=str(error))]
    least = int(needed["n"].iloc[-1])
    largest = 1.0 - math.exp(2.0 * float((shares * np.log(shares)).sum()))
    shrinkage = expected_shrinkage(n, parameters, 0.15 * largest)
    verdict = "enough" if n >= least else "too few patients: expect overfitting"
    return [
        _row("sample size: minimum", float(least), note=f"{verdict} ({counts}; Riley 2019)"),
        _row("sample size: expected shrinkage", shrinkage, note="0.9 or more is wanted"),
    ]
