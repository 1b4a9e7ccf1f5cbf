"""How well the stager does: headline, comparison with negative controls, forest plot."""

from __future__ import annotations

import math

import pandas as pd

from radiofib.report.blocks import (
    Block,
    Cell,
    Column,
    Definitions,
    Figure,
    Group,
    Heading,
    Note,
    Paragraph,
    Section,
    Table,
    text,
)
from radiofib.report.context import AUC_NAMES, Context, Metric, is_control
from radiofib.report.figures import ForestGroup, ForestRow, Interval, forest_panel
from radiofib.report.format import (
    count,
    estimate_with_interval,
    pluralise,
    setting_label,
    shorten,
)

__all__ = ["METRIC_NAMES", "comparison_table", "metric_name", "performance_section"]

#: Display name and one-line meaning of metrics; others are shown by their own name.
METRIC_NAMES: dict[str, tuple[str, str]] = {
    "auc": ("AUC", "chance that a positive case scores above a negative one; 0.5 is guessing"),
    "auc_macro": ("Macro AUC", "mean over stages of the AUC of each stage against the rest"),
    "macro_auc": ("Macro AUC", "mean over stages of the AUC of each stage against the rest"),
    "auc_micro": ("Micro AUC", "AUC over all pairs of case and stage"),
    "auc_hand_till": ("Hand-Till AUC", "mean AUC over all pairs of stages"),
    "hand_till": ("Hand-Till AUC", "mean AUC over all pairs of stages"),
    "obuchowski": ("Obuchowski", "ordinal AUC: wrong order of distant stages weighs more"),
    "accuracy": ("Accuracy", "share of correct answers"),
    "balanced_accuracy": ("Balanced accuracy", "mean of the shares correct in each class"),
    "sensitivity": ("Sensitivity", "share of positive cases called positive"),
    "specificity": ("Specificity", "share of negative cases called negative"),
    "ppv": ("PPV", "share of positive calls that are right, at this cohort's prevalence"),
    "npv": ("NPV", "share of negative calls that are right, at this cohort's prevalence"),
    "mcc": ("MCC", "correlation of calls and truth, -1 to 1"),
    "f1": ("F1", "harmonic mean of sensitivity and PPV"),
    "brier": ("Brier score", "mean squared error of the probabilities; lower is better"),
    "brier_scaled": ("Scaled Brier", "share of the Brier score of a constant that is removed"),
    "log_loss": ("Log loss", "mean negative log-probability of the truth; lower is better"),
    "rps": (
        "Ranked probability score",
        "squared error of cumulated probabilities; lower is better",
    ),
    "calibration_intercept": ("Calibration in the large", "0 when the mean risk is right"),
    "calibration_in_the_large": ("Calibration in the large", "0 when the mean risk is right"),
    "calibration_slope": ("Calibration slope", "1 when risks are neither too extreme nor too tame"),
    "ece": ("ECE", "mean distance of observed from predicted risk over bins"),
    "kappa": ("Kappa", "agreement of stages beyond chance"),
    "kappa_linear": ("Weighted kappa (linear)", "agreement, near misses counting in part"),
    "kappa_quadratic": ("Weighted kappa (quadratic)", "agreement, near misses counting in part"),
    "weighted_kappa": ("Weighted kappa", "agreement, near misses counting in part"),
    "mae": ("Mean absolute error", "mean distance between called and true stage"),
    "spearman": ("Spearman's rho", "rank correlation of score and stage"),
    "c_index": ("Ordinal c-index", "chance that the higher stage has the higher score"),
}


def metric_name(name: str) -> str:
    """Return a metric's display name.

    Examples
    --------
    >>> metric_name("brier"), metric_name("own_measure")
    ('Brier score', 'own measure')
    """
    return METRIC_NAMES[name][0] if name in METRIC_NAMES else name.replace("_", " ")


def _cell(metric: Metric | None, *, control: bool = False) -> Cell:
    if metric is None or not math.isfinite(metric.value):
        return Cell("–", control=control)
    shown = estimate_with_interval(metric.value, metric.low, metric.high)
    return Cell(shown + (" †" if metric.sparse else ""), sort=metric.value, control=control)


def _units(context: Context) -> list[str]:
    return context.units[:1] if context.units_agree else context.units[:2]


_UNIT_TITLES = {"patient": "By patient", "row": "By row"}


def performance_section(context: Context) -> Section:
    """Build the section on performance."""
    if context.metrics is None or not context.targets:
        sentence = context.folder.why_not("metrics") or "evaluation/metrics.csv holds no AUC."
        return Section("performance", "Performance", (Note(f"{sentence} Nothing is claimed."),))
    blocks: list[Block] = [Paragraph(_introduction(context)), comparison_table(context)]
    blocks.append(_forest(context))
    blocks += _scanners(context)
    blocks += [Heading("All measures of the stager"), main_table(context)]
    blocks += _notes(context)
    return Section("performance", "Performance", tuple(blocks))


def _introduction(context: Context) -> str:
    said = [
        f"The stager and comparison named beforehand are {context.model_name(context.main_model)} "
        f"and {context.target_name(context.main_target)}."
    ]
    if "cv" in context.settings:
        said.append(
            "Known scanners: cross-validation in which no patient is on both sides, every scanner "
            "is in training."
        )
    if "loso" in context.settings:
        said.append(
            "Unseen scanners: all images of one scanner are left out of training and predicted, "
            "scanner by scanner."
        )
    if set(context.units) >= {"patient", "row"} and not context.units_agree:
        said.append(
            "By patient: the mean score of a patient's rows. By row: every row counts, intervals "
            "allow for rows of one patient being alike."
        )
    if any(is_control(m) for m in context.models):
        said.append(
            "Controls are models that never see the image: what they reach, the acquisition "
            "gives away."
        )
    return " ".join(said)


def comparison_table(context: Context) -> Table:
    """Build the table of AUCs: models by settings and units, one group for each target."""
    pairs = [(unit, setting) for unit in _units(context) for setting in context.settings[:4]]
    columns = (
        Column("Model"),
        *(
            Column(
                setting_label(setting).capitalize(),
                numeric=True,
                group=_UNIT_TITLES.get(unit, unit),
            )
            for unit, setting in pairs
        ),
    )
    groups = tuple(
        Group(_target_title(context, target), _model_rows(context, target, pairs))
        for target in context.targets[:12]
    )
    notes = ["AUC with 95 % confidence interval. How each interval was made is in the glossary."]
    if any("†" in c.text for g in groups for r in g.rows for c in r):
        notes.append("† Sparse: fewer than ten on one side of the comparison.")
    if context.units_agree:
        notes.append("Every patient has one row, so results by row are the same.")
    if len(context.targets) > 12:
        notes.append(f"{len(context.targets) - 12} more targets are in evaluation/metrics.csv.")
    caption = "Discrimination on known and unseen scanners, next to the negative controls."
    return Table(caption, columns, groups, tuple(notes))


def _target_title(context: Context, target: str) -> str:
    title = context.target_name(target)
    for unit, noun in (("patient", "patient"), ("row", "row")):
        found = next(
            (
                m
                for s in context.settings
                if (m := context.auc(context.main_model, s, unit, target))
            ),
            None,
        )
        if found is not None and math.isfinite(found.n):
            total = pluralise(found.n, noun)
            positive = f"{count(found.n_pos)} of " if math.isfinite(found.n_pos) else ""
            return f"{title} ({positive}{total})"
    return title


def _model_rows(
    context: Context, target: str, pairs: list[tuple[str, str]]
) -> tuple[tuple[Cell, ...], ...]:
    rows = []
    for model in context.models:
        found = [context.auc(model, setting, unit, target) for unit, setting in pairs]
        if not any(found):
            continue
        control = is_control(model)
        name = Cell(shorten(context.model_name(model), 60), control=control)
        rows.append((name, *(_cell(m, control=control) for m in found)))
    return tuple(rows)


def _forest(context: Context) -> Figure:
    unit = context.main_unit
    groups = []
    for target in context.targets[:6]:
        rows = []
        for model in context.models[:12]:
            intervals = tuple(
                Interval(setting, m.value, m.low, m.high)
                for setting in context.settings[:2]
                if (m := context.auc(model, setting, unit, target)) is not None
            )
            if intervals:
                name = shorten(context.model_name(model), 60)
                rows.append(ForestRow(name, intervals, control=is_control(model)))
        groups.append(ForestGroup(context.target_name(target), tuple(rows)))
    by = "patient" if unit == "patient" else "row"
    caption = (
        f"AUC by {by} with 95 % confidence interval. Filled circle: known scanners; open diamond: "
        "unseen scanners; grey: controls that never see the image."
    )
    return Figure(caption, (forest_panel("forest", groups),), wide=True)


def main_table(context: Context) -> Table:
    """Build the table of every metric of the main model in the main unit."""
    frame = context.metrics
    unit = context.main_unit
    names: dict[tuple[str, str], None] = {}
    if frame is not None:
        part = frame[(frame["model"] == context.main_model) & (frame["unit"] == unit)]
        names = dict.fromkeys(zip(part["target"], part["metric"], strict=True))
    targets = context.targets + sorted({t for t, _ in names} - set(context.targets))
    groups = []
    for target in targets[:12]:
        rows = []
        for metric in [m for t, m in names if t == target][:40]:
            found = [
                context.metric(context.main_model, s, unit, target, metric)
                for s in context.settings[:4]
            ]
            rows.append((text(shorten(metric_name(metric), 60)), *map(_cell, found)))
        groups.append(Group(context.target_name(target), tuple(rows)))
    columns = (
        Column("Measure"),
        *(Column(setting_label(s).capitalize(), numeric=True) for s in context.settings[:4]),
    )
    notes = (
        "Estimate with 95 % confidence interval where there is one. † Sparse.",
        "Other models and units are in evaluation/metrics.csv.",
    )
    caption = f"All measures of the stager ({context.model_name(context.main_model)}), by {unit}."
    return Table(caption, columns, tuple(groups), notes)


def _notes(context: Context) -> list[Block]:
    """Collect the notes recorded with metrics, each once, with where it applies."""
    frame = context.metrics
    if frame is None or "note" not in frame:
        return []
    noted = frame[frame["note"] != ""]
    if not len(noted):
        return []
    terms = []
    for note, part in sorted(noted.groupby("note"), key=lambda item: -len(item[1]))[:12]:
        terms.append((shorten(note, 300), (_where(context, part),)))
    return [
        Heading("Notes recorded with these numbers"),
        Definitions(tuple(terms)),
    ]


def _where(context: Context, part: pd.DataFrame) -> str:
    places = dict.fromkeys(
        f"{context.model_name(m)}, {setting_label(s)}, {context.target_name(t)}"
        for m, s, t in zip(part["model"], part["setting"], part["target"], strict=True)
    )
    shown = "; ".join(list(places)[:4])
    more = f"; and {len(places) - 4} more" if len(places) > 4 else ""
    return f"{pluralise(len(part), 'number')}: {shorten(shown, 400)}{more}."


def _scanners(context: Context) -> list[Block]:
    from radiofib.report.scanners import scanner_table

    found = scanner_table(context)
    return [found] if found is not None else []


def methods(context: Context) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return, for every metric of the run, its meaning and how it was computed."""
    frame = context.metrics
    if frame is None:
        return ()
    terms = []
    for name, part in frame.groupby("metric", sort=False):
        said = []
        if str(name) in METRIC_NAMES:
            meaning = METRIC_NAMES[str(name)][1]
            said.append(f"{meaning[0].upper()}{meaning[1:]}.")
        if "method" in part:
            used = [m for m in dict.fromkeys(part["method"]) if m]
            said += [f"Computed as: {shorten(m, 300)}." for m in used[:5]]
        terms.append((shorten(metric_name(str(name)), 80), tuple(said)))
    terms.sort(key=lambda term: term[0].lower() not in {n.replace("_", " ") for n in AUC_NAMES})
    return tuple(terms[:60])
