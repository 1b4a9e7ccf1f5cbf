"""Rules about measures, intervals, comparisons, explanation and sharing."""

from __future__ import annotations

import pandas as pd

from radiofib.report.checklists.evidence import Evidence
from radiofib.report.checklists.finding import Finding, met, opened, partly
from radiofib.report.format import pluralise, shorten
from radiofib.report.measures import metric_name

__all__ = ["RULES"]

_METRICS = "evaluation/metrics.csv"
_CALIBRATION = ("calibration_slope", "calibration_in_the_large", "brier")
_DECISIONS = ("sensitivity", "specificity", "balanced_accuracy", "accuracy")
_ORDINAL = (
    *("obuchowski", "ordinal_c_index", "quadratic_weighted_kappa", "ranked_probability_score"),
    "mean_absolute_stage_error",
)


def _names(rows: pd.DataFrame) -> str:
    return ", ".join(metric_name(str(m)) for m in dict.fromkeys(rows["metric"]))


def measures(e: Evidence, why: str) -> Finding:
    """Look for discrimination, calibration and decisions; why they were chosen a person says."""
    kinds = [
        e.main_auc,
        e.metric_rows(*_CALIBRATION),
        e.metric_rows(*_DECISIONS),
    ]
    have = [k for k in kinds if len(k)]
    if not have:
        return opened("no measure was computed")
    said = "; ".join(_names(k) for k in have)
    if why:
        return partly(f"{said}; say why these", f"{_METRICS}: metric")
    return (met if len(have) == len(kinds) else partly)(said, f"{_METRICS}: metric")


def performance(e: Evidence, _: str) -> Finding:
    """Look for the AUC in every setting."""
    if not len(e.main_auc):
        return opened("no AUC was computed")
    settings = ", ".join(e.context.setting_name(s) for s in dict.fromkeys(e.main_auc["setting"]))
    return met(f"AUC and further measures: {settings}", _METRICS)


def uncertainty(e: Evidence, _: str) -> Finding:
    """Look for an interval of every AUC."""
    rows = e.main_auc
    if not len(rows):
        return opened("no AUC was computed")
    known = rows["ci_low"].notna() & rows["ci_high"].notna()
    said = f"{int(known.sum())} of {pluralise(len(rows), 'AUC')} with 95 % interval"
    if not known.any():
        return opened(said)
    return (met if known.all() else partly)(said, f"{_METRICS}: ci_low, ci_high, method")


def methods(e: Evidence, _: str) -> Finding:
    """Look for the method of every number."""
    frame = e.table("metrics")
    if frame is None or "method" not in frame:
        return opened("evaluation/metrics.csv names no methods")
    n = frame.loc[frame["method"] != "", "method"].nunique()
    if not n:
        return opened("evaluation/metrics.csv names no methods")
    return met(f"{pluralise(n, 'method')} named beside the numbers", f"{_METRICS}: method")


def calibration(e: Evidence, _: str) -> Finding:
    """Look for calibration in numbers and as a curve."""
    rows = e.metric_rows("calibration_slope", "calibration_in_the_large")
    curve = next((n for n in ("flexible", "calibration") if e.table(n) is not None), None)
    path = {"flexible": "calibration_curve", "calibration": "calibration"}.get(curve or "", "")
    if len(rows) and curve:
        said = f"{_names(rows)}, and a curve"
        return met(said, f"{_METRICS}: metric; evaluation/{path}.csv")
    if curve:
        return partly("a curve", f"evaluation/{path}.csv")
    if len(rows):
        return partly(_names(rows), f"{_METRICS}: metric")
    return opened("calibration was not looked at")


def comparison(e: Evidence, _: str) -> Finding:
    """Look for paired tests of models."""
    frame = e.table("comparisons")
    if frame is None:
        return opened("no models were compared by a test")
    adjusted = sorted(set(frame["adjustment"]) - {""})
    said = f"{pluralise(len(frame), 'paired comparison')}"
    if adjusted:
        said += f", adjusted: {shorten(', '.join(adjusted), 80)}"
    return met(said, "evaluation/comparisons.csv")


def clinical(e: Evidence, _: str) -> Finding:
    """Look for readers beside the models."""
    frame = e.table("readers")
    if frame is None:
        return opened("no readers or clinical scores are in the run")
    said = f"{pluralise(frame['reader'].nunique(), 'reader')} compared on the same cases"
    return met(said, "evaluation/readers.csv")


def explanation(e: Evidence, _: str) -> Finding:
    """Look for what explains the model."""
    kinds = {
        "coefficients": "interpret/coefficients.csv",
        "importance": "evaluation/importance.csv",
        "dependence": "evaluation/partial_dependence.csv",
        "cam": "cam/cam.csv",
    }
    words = {"dependence": "partial dependence", "cam": "class activation maps"}
    have = [k for k in kinds if e.table(k) is not None]
    if not have:
        return opened("no importance, coefficients or maps are in the run")
    said = ", ".join(words.get(k, k) for k in have)
    return met(said, "; ".join(kinds[k] for k in have))


def ordinal(e: Evidence, _: str) -> Finding:
    """Look for a measure that knows the order of the stages."""
    rows = e.metric_rows(*_ORDINAL)
    if not len(rows):
        return opened("no measure over ordered stages")
    return met(_names(rows), f"{_METRICS}: metric, target stages")


def cutoffs(e: Evidence, _: str) -> Finding:
    """Look for thresholds and how they were chosen."""
    frame = e.table("thresholds")
    if frame is not None:
        rules = ", ".join(str(r).replace("_", " ") for r in list(dict.fromkeys(frame["rule"]))[:6])
        return met(f"rules: {rules}", "evaluation/thresholds.csv: rule, method")
    rows = e.metric_rows("sensitivity")
    ways = [m for m in dict.fromkeys(rows["method"]) if "threshold" in m] if len(rows) else []
    if ways:
        return partly(shorten(ways[0].split(";")[0], 80), f"{_METRICS}: method of sensitivity")
    return opened("no threshold is recorded")


def output(e: Evidence, _: str) -> Finding:
    """Look for probabilities and thresholds."""
    frame = e.table("predictions")
    names = [] if frame is None else [str(c) for c in frame]
    columns = [c for c in names if c == "p" or c.startswith("p_")]
    if not columns:
        return opened("predictions.csv holds no probabilities")
    said = f"probability of each stage ({', '.join(columns[:8])})"
    if e.table("thresholds") is None:
        return partly(f"{said}; no thresholds", "predictions.csv")
    return met(f"{said}, thresholds", "predictions.csv; evaluation/thresholds.csv")


def events(e: Evidence, _: str) -> Finding:
    """Look for the numbers behind each AUC."""
    rows = e.main_auc
    rows = rows[rows["n_pos"].notna()] if len(rows) else rows
    if not len(rows):
        return opened("the numbers behind the AUC are not recorded")
    first = rows.iloc[0]
    target = e.context.target_name(str(first["target"]))
    said = f"for instance {target}: {first['n_pos']:.0f} of {first['n']:.0f} {first['unit']}s"
    return met(said, f"{_METRICS}: n, n_pos, n_patients")


def crosstab(e: Evidence, _: str) -> Finding:
    """Look for called against true stages."""
    if e.table("confusion") is None:
        return opened("evaluation/confusion.csv is absent")
    return met("called against true stage, in every setting", "evaluation/confusion.csv")


def preparation(e: Evidence, _: str) -> Finding:
    """Look for checks of the data: failures, gaps, audit."""
    have = {
        "failures with reasons": ("failures", "failures.csv"),
        "missing values with reasons": ("missing", "export/missing.csv"),
        "audit": ("audit", "audit/verdicts.csv"),
    }
    there = {k: p for k, (name, p) in have.items() if e.folder.table(name) is not None}
    if not there:
        return opened("no list of failures or gaps is in the run")
    return partly(", ".join(there), "; ".join(there.values()))


def sharing(e: Evidence, path: str) -> Finding:
    """Look for a file that could be shared; whether it is, a person must say."""
    if not e.has(path):
        return opened(f"{path} is absent")
    return partly("ready to be shared; say whether and where it is", path)


def code(e: Evidence, _: str) -> Finding:
    """Look for the version of the program, which is open source."""
    version = e.folder.mapping("versions").get("radiofib")
    if not version or not e.has("study.yaml"):
        return opened("run.json names no version, or study.yaml is absent")
    said = f"radiofib {version} with the study file; say where it can be had"
    return partly(said, "run.json: versions; study.yaml")


def checklists(e: Evidence, _: str) -> Finding:
    """Look for a run to fill the lists from; a person completes them."""
    if not e.folder.run:
        return opened("run.json is absent")
    return partly("filled from the run, to be completed", "checklists/")


#: Name in the tables of rules -> function.
RULES = {
    f.__name__: f
    for f in (
        *(measures, performance, uncertainty, methods, calibration, comparison, clinical),
        *(explanation, ordinal, cutoffs, output, events, crosstab, preparation, sharing, code),
        checklists,
    )
}
