"""The vocabulary of measures: what each is called, what it says, how this run computed it."""

from __future__ import annotations

from radiofib.report.context import Context
from radiofib.report.format import shorten

__all__ = ["METRIC_NAMES", "methods", "metric_name"]

#: Display name and one-line meaning of the evaluation's metrics; others show their own name.
METRIC_NAMES: dict[str, tuple[str, str]] = {
    "auc": ("AUC", "chance that a positive case scores above a negative one; 0.5 is guessing"),
    "auc_scanner": ("AUC of one scanner", "AUC on the cases of one left-out scanner"),
    "auc_scanner_mean": ("Mean AUC of scanners", "every scanner counts the same"),
    "macro_auc": ("Macro AUC", "mean over stages of the AUC of each stage against the rest"),
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


def methods(context: Context) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return, for every metric of the run, its meaning and the methods recorded with it."""
    frame = context.folder.table("metrics")
    if frame is None:
        return ()
    found = {str(name): part for name, part in frame.groupby("metric", sort=False)}
    order = {name: i for i, name in enumerate(METRIC_NAMES)}
    terms = []
    for name in sorted(found, key=lambda n: order.get(n, len(order)))[:60]:
        said = []
        if name in METRIC_NAMES:
            meaning = METRIC_NAMES[name][1]
            said.append(f"{meaning[0].upper()}{meaning[1:]}.")
        if "method" in found[name]:
            used = [m for m in dict.fromkeys(found[name]["method"]) if m and m != "none"]
            said += [f"Computed as: {shorten(m, 300)}." for m in used[:6]]
            if len(used) > 6:
                said.append(f"{len(used) - 6} more ways: column 'method' of metrics.csv.")
        terms.append((shorten(metric_name(name), 80), tuple(said)))
    return tuple(terms)
