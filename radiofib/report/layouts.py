"""The tables of a run folder that the report reads: where each lies and what it must hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["TABLES", "TableLayout"]


@dataclass(frozen=True)
class TableLayout:
    """Where a table of the run folder lies and what it must hold."""

    path: str
    required: tuple[str, ...]
    numeric: tuple[str, ...] = ()
    #: other names that a column may have -> the name used here
    also: Mapping[str, str] = field(default_factory=dict)
    #: what a table of a step that not every run takes is called; "" when every run writes it
    what: str = ""
    #: columns of text that are "" where the file has none
    optional: tuple[str, ...] = ()


_CURVE = ("model", "setting", "unit", "target")
_ENDS = ("ci_low", "ci_high")
_PAIRED = ("difference", *_ENDS, "z", "p", "p_adjusted", "n", "n_pos")

#: What the report reads, by the name it uses inside.
TABLES: dict[str, TableLayout] = {
    "cohort": TableLayout("cohort.csv", ("case",)),
    "failures": TableLayout("failures.csv", ("case", "step", "reason")),
    "predictions": TableLayout("predictions.csv", ("case", "y_true")),
    "metrics": TableLayout(
        "evaluation/metrics.csv",
        ("model", "setting", "unit", "target", "metric", "estimate"),
        ("estimate", "ci_low", "ci_high", "n", "n_pos", "n_patients"),
    ),
    "roc": TableLayout("evaluation/roc.csv", (*_CURVE, "fpr", "tpr"), ("fpr", "tpr", "threshold")),
    "calibration": TableLayout(
        "evaluation/calibration.csv",
        (*_CURVE, "predicted", "observed"),
        ("predicted", "observed", "ci_low", "ci_high", "n"),
        {
            "mean_predicted": "predicted",
            "prob_pred": "predicted",
            "p_mean": "predicted",
            "prob_true": "observed",
            "count": "n",
        },
    ),
    "confusion": TableLayout(
        "evaluation/confusion.csv",
        ("model", "setting", "unit", "true", "predicted", "n"),
        ("n",),
        {"y_true": "true", "y_pred": "predicted", "pred": "predicted", "count": "n"},
    ),
    "registration": TableLayout(
        "registration.csv",
        ("case", "channel", "to", "verdict", "reasons"),
        (
            *("metric_before", "metric_after", "dice_before", "dice_after", "overlap", "coverage"),
            *("inverse_consistency_mm", "shift_mm", "rotation_deg"),
        ),
    ),
    "codebook": TableLayout("export/codebook.csv", ("column",)),
    "missing": TableLayout("export/missing.csv", ("case", "column", "reason")),
    "audit": TableLayout(
        "audit/verdicts.csv",
        ("check", "verdict", "finding"),
        ("statistic", "ci_low", "ci_high", "n"),
        what="audit of shortcuts and leaks",
        optional=("evidence",),
    ),
    "decision": TableLayout(
        "evaluation/decision_curves.csv",
        (*_CURVE, "threshold", "net_benefit"),
        ("threshold", "net_benefit", *_ENDS, "treat_all", "standardised", "n", "n_pos"),
        what="decision curves",
        optional=("note",),
    ),
    "flexible": TableLayout(
        "evaluation/calibration_curve.csv",
        (*_CURVE, "p", "observed"),
        ("p", "observed", *_ENDS),
        what="flexible calibration curves",
    ),
    "thresholds": TableLayout(
        "evaluation/thresholds.csv",
        (*_CURVE, "rule", "threshold", "metric", "estimate"),
        ("threshold", "estimate", *_ENDS, "n"),
        what="thresholds",
        optional=("method", "note"),
    ),
    "conformal": TableLayout(
        "evaluation/conformal.csv",
        ("model", "setting", "unit", "calibration", "group", "subset", "coverage"),
        (
            *("nominal", "coverage", *_ENDS, "mean_size", "singletons", "all_stages"),
            *("n", "n_patients", "n_calibration", "fallback"),
        ),
        what="coverage of prediction sets",
        optional=("verdict", "note"),
    ),
    "abstain": TableLayout(
        "evaluation/abstain.csv",
        (*_CURVE, "rule", "group", "subset", "metric", "estimate"),
        ("low", "high", "estimate", *_ENDS, "n", "n_patients"),
        what="cut-offs with a grey zone",
        optional=("note",),
    ),
    "quality": TableLayout(
        "evaluation/quality.csv",
        ("model", "setting", "scanner", "unfamiliar"),
        (
            *("unfamiliar", *_ENDS, "p_excess", "missing", "score", "score_training"),
            *("drift", "drift_p", "n", "n_patients"),
        ),
        what="quality control by scanner",
        optional=("verdict", "channel", "note"),
    ),
    "comparisons": TableLayout(
        "evaluation/comparisons.csv",
        ("model_a", "model_b", "setting", "unit", "target", "difference"),
        ("auc_a", "auc_b", *_PAIRED),
        what="comparisons of models",
        optional=("adjustment", "method", "note"),
    ),
    "readers": TableLayout(
        "evaluation/readers.csv",
        ("reader", "model", "setting", "unit", "target", "difference"),
        ("auc_reader", "auc_model", *_PAIRED),
        what="readers",
        optional=("adjustment", "arrow", "note"),
    ),
    "added": TableLayout(
        "evaluation/added_value.csv",
        ("setting", "base", "model", "target", "measure", "estimate"),
        ("threshold", "estimate", *_ENDS, "p", "p_adjusted", "n", "n_pos"),
        what="added value over clinical models",
        optional=("adjustment", "verdict", "method", "note"),
    ),
    "clinical_metrics": TableLayout(
        "evaluation/clinical_metrics.csv",
        ("model", "setting", "unit", "target", "metric", "estimate"),
        ("estimate", *_ENDS, "n", "n_pos", "n_patients"),
        what="measures of clinical models",
    ),
    "cutoffs": TableLayout(
        "evaluation/serum_cutoffs.csv",
        ("score", "cutoff", "rule", "target", "measure", "estimate"),
        ("cutoff", "estimate", *_ENDS, "hits", "n"),
        what="published cut-offs of serum scores",
        optional=("published_for", "citation", "method"),
    ),
    "feature_counts": TableLayout(
        "evaluation/feature_counts.csv",
        ("model", "target", "patients", "events", "candidates", "verdict"),
        (
            *("patients", "events", "features", "candidates", "selected", "selected_least"),
            *("selected_most", "folds", "events_per_candidate", "needed_patients"),
            *("supported_candidates", "expected_shrinkage"),
        ),
        what="sample-size check",
        optional=("method",),
    ),
    "importance": TableLayout(
        "evaluation/importance.csv",
        ("model", "target", "kind", "group_by", "group", "importance"),
        ("importance", "sd"),
        what="importance of features",
        optional=("members", "note"),
    ),
    "dependence": TableLayout(
        "evaluation/partial_dependence.csv",
        ("model", "target", "feature", "value", "probability"),
        ("value", "probability"),
        what="partial dependence",
    ),
    "coefficients": TableLayout(
        "interpret/coefficients.csv",
        ("model", "target", "kind", "term", "estimate"),
        ("estimate", "se", *_ENDS, "odds_ratio", "or_low", "or_high", "z", "p"),
        what="coefficients of an interpretable model",
        optional=("label", "unit", "note"),
    ),
    "tests": TableLayout(
        "interpret/tests.csv",
        ("model", "target", "test", "statistic", "p"),
        ("statistic", "df", "p"),
        what="tests of its assumptions",
        optional=("term", "note"),
    ),
    "points": TableLayout(
        "interpret/points.csv",
        ("model", "term", "value", "points"),
        ("points",),
        what="points of a nomogram",
    ),
    "total_points": TableLayout(
        "interpret/total_points.csv",
        ("model", "target", "total", "probability"),
        ("total", "probability"),
        what="probability by total points",
    ),
    "cam": TableLayout(
        "cam/cam.csv",
        ("case", "file"),
        what="class activation maps",
        optional=("channel", "target", "kind", "zero", "stage", "predicted", "note"),
    ),
}
