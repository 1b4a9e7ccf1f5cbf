"""Cut-offs of a score: chosen on one set of cases, measured on another."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from radiofib._checks import check_1d, check_known, check_same_length
from radiofib.errors import UsageError
from radiofib.stats.diagnostic import likelihood_ratio, predictive_values
from radiofib.stats.estimate import Estimate, check_binary, check_clusters
from radiofib.stats.proportions import effective_size, proportion
from radiofib.stats.roc import roc_curve

__all__ = ["Cutoffs", "apply_cutoffs", "choose_cutoffs"]

BoolArray = NDArray[np.bool_]
RULES = ("youden", "sensitivity", "specificity", "dual", "fixed")


@dataclass(frozen=True)
class Cutoffs:
    """Cut-offs and where they are from.

    Parameters
    ----------
    rule : str
        How they were chosen, in words.
    low : float
        A case below it is negative (ruled out).
    high : float
        A case of at least this is positive (ruled in). Equal to `low` for a single cut-off;
        otherwise cases from `low` to below `high` stay undecided.
    n_pos, n_neg : int
        Cases the choice was made on.
    note : str
        What a reader should know.

    Examples
    --------
    >>> choose_cutoffs([0, 0, 1, 1], [1, 2, 3, 4]).high
    2.5
    """

    rule: str
    low: float
    high: float
    n_pos: int
    n_neg: int
    note: str = ""


def choose_cutoffs(
    y: ArrayLike,
    score: ArrayLike,
    rule: str = "youden",
    *,
    sensitivity: float = 0.9,
    specificity: float = 0.9,
) -> Cutoffs:
    """Choose cut-offs on training cases.

    A cut-off lies half-way between two neighbouring scores that occur, so that either side is
    equally far; -inf or inf when everybody or nobody is positive.

    Parameters
    ----------
    y : array-like of 0 and 1
    score : array-like
        Higher means "more likely positive".
    rule : {"youden", "sensitivity", "specificity", "dual"}
        ``youden``: largest sensitivity + specificity - 1 (of equals, the most specific);
        ``sensitivity``: most specific cut-off with at least that sensitivity; ``specificity``:
        most sensitive one with at least that specificity; ``dual``: rule out below the former,
        rule in from the latter, undecided between. When the two cross nobody is undecided: both
        are then the mean of the two.
    sensitivity, specificity : float
        What to reach on the training cases.

    References
    ----------
    Youden WJ. Cancer 1950;3:32-35. EASL Clinical Practice Guidelines. J Hepatol
    2021;75:659-689 (rule-out and rule-in cut-offs for fibrosis).

    Examples
    --------
    >>> y, score = [0, 0, 0, 0, 1, 1, 1, 1], [1, 2, 3, 6, 4, 5, 7, 8]
    >>> choose_cutoffs(y, score, "youden").high
    3.5
    >>> found = choose_cutoffs(y, score, "dual", sensitivity=1, specificity=1)
    >>> found.low, found.high
    (3.5, 6.5)
    """
    check_known(rule, RULES[:-1], what="rule")
    for name, value in (("sensitivity", sensitivity), ("specificity", specificity)):
        if not 0 < value <= 1:
            raise UsageError(f"{name} must lie above 0 and be at most 1", found=f"{value:g}")
    positive = check_binary(y, both=True)
    fpr, tpr, levels = roc_curve(positive, score)
    upper, lower = levels[1:-1], levels[2:]
    middle = upper / 2 + lower / 2
    # Between neighbouring doubles there is no middle: the upper one parts them.
    middle = np.where(middle > lower, middle, upper)
    cuts = np.concatenate([[np.inf], middle, [-np.inf]])
    sizes = int(positive.sum()), int((~positive).sum())
    if rule == "youden":
        gain = tpr - fpr
        place = int(np.flatnonzero(gain >= gain.max() - 1e-12)[0])
        text, low, high, note = "largest Youden index", cuts[place], cuts[place], ""
    else:
        # Rates rise along the curve; a sensitivity is reached from some point on.
        reached = float(cuts[np.flatnonzero(tpr >= sensitivity - 1e-12)[0]])
        kept = float(cuts[np.flatnonzero(1 - fpr >= specificity - 1e-12)[-1]])
        low = kept if rule == "specificity" else reached
        high = reached if rule == "sensitivity" else kept
        note = ""
        if low > high:
            low = high = (low + high) / 2
            note = "one cut-off reaches both: nobody is undecided"
        wanted = {
            "sensitivity": f"sensitivity {sensitivity:g}",
            "specificity": f"specificity {specificity:g}",
            "dual": f"rule out at sensitivity {sensitivity:g}, "
            f"rule in at specificity {specificity:g}",
        }
        text = wanted[rule]
    return Cutoffs(f"{text}, chosen on {sum(sizes)} cases", float(low), float(high), *sizes, note)


def apply_cutoffs(
    y: ArrayLike,
    score: ArrayLike,
    cutoffs: Cutoffs,
    *,
    prevalence: float | None = None,
    interval: str = "wilson",
    level: float = 0.95,
    clusters: ArrayLike | None = None,
) -> pd.DataFrame:
    """Measure cut-offs on cases they were not chosen on.

    Parameters
    ----------
    y : array-like of 0 and 1
    score : array-like
    cutoffs : Cutoffs
    prevalence : float, optional
        Where predictive values should hold, besides the cases at hand.
    interval : {"wilson", "exact"}
        Of the proportions.
    level : float
    clusters : array-like, optional
        Patient of each case; intervals then count :func:`effective_size` cases.

    Returns
    -------
    DataFrame
        ``rule, threshold, metric, estimate, ci_low, ci_high, n, method, note`` for sensitivity,
        specificity, PPV, NPV, the likelihood ratios, accuracy, and PPV and NPV at the stated
        prevalence. With two cut-offs, sensitivity and NPV (and the negative likelihood ratio)
        are of the lower one, specificity and PPV (and the positive one) of the upper one,
        ``undecided`` is the share between, and accuracy is of the decided.

    Examples
    --------
    >>> cut = choose_cutoffs([0, 0, 1, 1], [1, 2, 3, 4])
    >>> frame = apply_cutoffs([0, 0, 0, 1, 1], [1, 3, 2, 2, 4], cut)
    >>> frame[["metric", "threshold", "estimate"]].head(2).values.tolist()
    [['sensitivity', 2.5, 0.5], ['specificity', 2.5, 0.6666666666666666]]
    """
    check_known(interval, ("wilson", "exact"), what="interval")
    positive, values = check_binary(y), check_1d(score, "score")
    n = check_same_length(y=positive, score=values)
    codes = None if clusters is None else check_clusters(clusters, n)
    low, high = cutoffs.low, cutoffs.high
    out, inside = values < low, values >= high
    everyone = np.ones(n, dtype=np.bool_)

    def share(flags: BoolArray, among: BoolArray) -> tuple[Estimate, int]:
        part = None if codes is None else codes[among]
        found = proportion(flags[among], part, interval=interval, level=level)
        return found, int(among.sum())

    def counts(flags: BoolArray) -> tuple[float, float, float, float]:
        """Effective numbers of positives with the result and in all, and of negatives."""
        numbers: list[float] = []
        for side in (positive, ~positive):
            size = effective_size(flags[side], None if codes is None else codes[side])
            numbers += [float(flags[side].mean()) * size if size else 0.0, size]
        return numbers[0], numbers[1], numbers[2], numbers[3]

    plus, minus = likelihood_ratio(*counts(inside), level), likelihood_ratio(*counts(out), level)
    found: list[tuple[str, float, tuple[Estimate, int]]] = [
        ("sensitivity", low, share(~out, positive)),
        ("specificity", high, share(~inside, ~positive)),
        ("ppv", high, share(positive, inside)),
        ("npv", low, share(~positive, out)),
        ("positive_likelihood_ratio", high, (plus, n)),
        ("negative_likelihood_ratio", low, (minus, n)),
    ]
    decided = out | inside
    if low == high:
        found.append(("accuracy", high, share(inside == positive, everyone)))
    else:
        found.append(("undecided", math.nan, share(~decided, everyone)))
        found.append(("accuracy_of_decided", math.nan, share(inside == positive, decided)))
    if prevalence is not None:
        tp, m, fp, k = counts(inside)
        upper = predictive_values(tp, m, k - fp, k, prevalence, level)[0]
        fn, m, tn, k = counts(out)
        lower = predictive_values(m - fn, m, tn, k, prevalence, level)[1]
        found.append((f"ppv_at_prevalence_{prevalence:g}", high, (upper, n)))
        found.append((f"npv_at_prevalence_{prevalence:g}", low, (lower, n)))
    return pd.DataFrame(
        {
            "rule": cutoffs.rule,
            "threshold": cut,
            "metric": name,
            "estimate": e.value,
            "ci_low": e.low,
            "ci_high": e.high,
            "n": count,
            "method": e.method,
            "note": "; ".join(part for part in (e.note, cutoffs.note) if part),
        }
        for name, cut, (e, count) in found
    )
