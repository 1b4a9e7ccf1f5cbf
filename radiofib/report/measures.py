"""The vocabulary of measures: what each is called, what it says, how this run computed it."""

from __future__ import annotations

import pandas as pd

from radiofib.report.context import Context
from radiofib.report.format import shorten

__all__ = ["METRIC_NAMES", "methods", "metric_name", "metric_rank"]

#: What the evaluation writes before the method of a number by patient; said once instead.
PER_PATIENT = "mean probability per patient; "
MOST_WAYS = 4

#: Display name and one-line meaning of the evaluation's metrics; others show their own name.
METRIC_NAMES: dict[str, tuple[str, str]] = {
    "auc": ("AUC", "chance that a positive case scores above a negative one; 0.5 is guessing"),
    "auc_scanner": ("AUC of one scanner", "AUC on the cases of one left-out scanner"),
    "auc_scanner_mean": ("Mean AUC of scanners", "every scanner counts the same"),
    "macro_auc": ("Macro AUC", "mean over stages of the AUC of each stage against the rest"),
    "micro_auc": ("Micro AUC", "all decisions of one stage against the rest in one curve"),
    "hand_till_auc": ("Hand-Till AUC", "mean over pairs of stages"),
    "ordinal_c_index": (
        "Ordinal c-index",
        "share of pairs of different stages that the score puts in order; 0.5 is guessing",
    ),
    "obuchowski": (
        "Obuchowski's measure",
        "1 minus the mean loss of pairs out of order; confusing distant stages costs more",
    ),
    "accuracy": ("Accuracy", "share of correct answers"),
    "balanced_accuracy": ("Balanced accuracy", "mean of the shares correct in each class"),
    "sensitivity": ("Sensitivity", "share of positive cases called positive"),
    "specificity": ("Specificity", "share of negative cases called negative"),
    "ppv": ("PPV", "share of positive calls that are right, at this cohort's prevalence"),
    "npv": ("NPV", "share of negative calls that are right, at this cohort's prevalence"),
    "mcc": ("MCC", "correlation of calls and truth, from −1 to 1"),
    "brier": ("Brier score", "mean squared error of the probabilities; lower is better"),
    "log_loss": ("Log loss", "mean negative log-probability of the truth; lower is better"),
    "ranked_probability_score": (
        "Ranked probability score",
        "squared error of probabilities cumulated over stages; lower is better",
    ),
    "calibration_in_the_large": (
        "Calibration in the large",
        "0 when the mean probability is right; positive when it is too low",
    ),
    "calibration_slope": (
        "Calibration slope",
        "1 when probabilities are neither too extreme (below 1) nor too timid (above 1)",
    ),
    "quadratic_weighted_kappa": (
        "Quadratic weighted kappa",
        "agreement of stages beyond chance; a miss counts by its squared distance",
    ),
    "mean_absolute_stage_error": (
        "Mean absolute stage error",
        "mean distance, in stages, of called from true stage; lower is better",
    ),
}


def metric_name(name: str) -> str:
    """Return a metric's display name.

    Examples
    --------
    >>> metric_name("brier"), metric_name("own_measure")
    ('Brier score', 'own measure')
    """
    return METRIC_NAMES[name][0] if name in METRIC_NAMES else name.replace("_", " ")


def metric_rank(name: str) -> int:
    """Return a metric's place in a table; unknown ones come last.

    Examples
    --------
    >>> metric_rank("auc") < metric_rank("brier") < metric_rank("own_measure")
    True
    """
    order = list(METRIC_NAMES)
    return order.index(name) if name in order else len(order)


def methods(context: Context) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return, for every metric of the run, its meaning and the methods recorded with it."""
    frame = context.folder.table("metrics")
    if frame is None:
        return ()
    found = {str(name): part for name, part in frame.groupby("metric", sort=False)}
    terms = []
    for name in sorted(found, key=metric_rank)[:60]:
        said = []
        if name in METRIC_NAMES:
            meaning = METRIC_NAMES[name][1]
            said.append(f"{meaning[0].upper()}{meaning[1:]}.")
        ways = _ways(context, found[name])
        said += [f"Computed as: {shorten(way, 300)}." for way in ways[:MOST_WAYS]]
        if len(ways) > MOST_WAYS:
            said.append(f"{len(ways) - MOST_WAYS} more ways: column 'method' of metrics.csv.")
        terms.append((shorten(metric_name(name), 80), tuple(said)))
    return tuple(terms)


def _ways(context: Context, rows: pd.DataFrame) -> list[str]:
    """Return the different methods of a metric, those of the stager first."""
    if "method" not in rows:
        return []
    own = rows["model"] == context.main_model
    methods = [*rows.loc[own, "method"], *rows.loc[~own, "method"]]
    ways = dict.fromkeys(m.removeprefix(PER_PATIENT) for m in methods)
    return [way for way in ways if way not in ("", "none")]
