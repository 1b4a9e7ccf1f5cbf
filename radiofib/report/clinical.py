"""Covariates and serum scores beside the stager, and what its features add to them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from radiofib.report.blocks import (
    Block,
    Cell,
    Column,
    Group,
    Heading,
    Items,
    Section,
    Table,
    number,
    text,
)
from radiofib.report.context import Context
from radiofib.report.format import (
    count,
    estimate,
    estimate_with_interval,
    p_value,
    pluralise,
    shorten,
)
from radiofib.stats.added_value import NOT_GIVEN

__all__ = ["clinical_section"]

MOST_ROWS = 60
_NAMES = {
    "clinical": "Covariates",
    "fib4": "FIB-4",
    "apri": "APRI",
    "features": "Features",
}
_MEASURES = {
    "auc_difference": "AUC",
    "brier_difference": "Brier score",
    "net_benefit_difference": "Net benefit",
}
_RULES = {"in": "above rules in", "out": "below rules out"}


def clinical_section(context: Context) -> Section | None:
    """Build the section on clinical models; None when the study names none."""
    blocks = [*_added(context), *_areas(context), *_differences(context), *_cutoffs(context)]
    return Section("clinical", "Clinical models", tuple(blocks)) if blocks else None


def _name(model: str) -> str:
    """Return the display name of a clinical model, alone or with the features.

    >>> _name("fib4 + features")
    'FIB-4 with features'
    """
    base, _, more = model.partition(" + ")
    shown = shorten(_NAMES.get(base, base), 60)
    return f"{shown} with {shorten(more, 40)}" if more else shown


def _records(frame: pd.DataFrame) -> list[dict[Any, Any]]:
    return frame.to_dict(orient="records")


def _added(context: Context) -> list[Block]:
    """Say for each base whether the features' score adds to it."""
    frame = context.folder.table("added")
    if frame is None:
        return []
    tests = frame[frame["measure"] == "likelihood_ratio"]
    said = [_sentence(context, row) for row in _records(tests.head(MOST_ROWS))]
    handled = list(dict.fromkeys(n for note in tests["note"] for n in str(note).split("; ") if n))
    said += [
        f"{shorten(n, 200)}." for n in handled if "missing in" in n or "upper limit of normal" in n
    ]
    said += [f"No {what}: {why}." for what, why in NOT_GIVEN.items()]
    return [Heading("Added value of the features"), Items(tuple(said))] if len(tests) else []


def _sentence(context: Context, row: Mapping[Any, Any]) -> str:
    where = f"{_name(row['base'])}, {context.setting_name(str(row['setting']))}"
    if row["verdict"] not in ("added", "not shown"):
        return f"{where}: no test of added value ({shorten(row['note'], 200)})."
    p = row["p_adjusted"] if math.isfinite(row["p_adjusted"]) else row["p"]
    figures = f"{shorten(row['method'], 120)}: {estimate(row['estimate'], 1)}, "
    figures += f"adjusted p {p_value(p)}"
    verdict = (
        "the features tell the stage beyond it"
        if row["verdict"] == "added"
        else "it is not shown that the features tell the stage beyond it"
    )
    return f"{where}: {verdict} ({figures})."


def _areas(context: Context) -> list[Block]:
    frame = context.folder.table("clinical_metrics")
    if frame is None:
        return []
    unit = "patient" if "patient" in set(frame["unit"]) else ""
    part = frame[(frame["metric"] == "auc") & ((frame["unit"] == unit) | (unit == ""))]
    if not len(part):
        return []
    groups = []
    for (target, setting), rows in part.groupby(["target", "setting"], sort=False):
        title = f"{context.target_title(str(target))}, {context.setting_name(str(setting))}"
        cells = tuple(
            (
                text(_name(str(row["model"]))),
                number(
                    estimate_with_interval(row["estimate"], row["ci_low"], row["ci_high"]),
                    row["estimate"],
                ),
                number(count(row["n"]), row["n"]),
                number(count(row["n_pos"]), row["n_pos"]),
            )
            for row in _records(rows.head(MOST_ROWS))
        )
        groups.append(Group(shorten(title, 120), cells))
    columns = (
        Column("Model"),
        Column("AUC (95 % CI)", kind="estimate"),
        Column("n", numeric=True),
        Column("Positive", numeric=True),
    )
    notes = (
        "All models are tested in the folds of the stager. Features enter beside covariates as one "
        "number, weighed by an inner cross-validation. All measures: "
        "evaluation/clinical_metrics.csv.",
    )
    caption = "Covariates and serum scores alone, features alone, and both."
    return [Heading("Models in the same folds"), Table(caption, columns, tuple(groups), notes)]


def _differences(context: Context) -> list[Block]:
    frame = context.folder.table("added")
    if frame is None:
        return []
    part = frame[frame["measure"].isin(list(_MEASURES)) & (frame["model"] != "features")]
    groups = []
    for target in context.in_order(part["target"]):
        own = part[part["target"] == target]
        for setting, rows in own.groupby("setting", sort=False):
            title = f"{context.target_title(target)}, {context.setting_name(str(setting))}"
            cells = tuple(map(_difference, _records(rows.head(MOST_ROWS))))
            groups.append(Group(shorten(title, 120), cells))
    if not groups:
        return []
    columns = (
        Column("Without features"),
        Column("Measure"),
        Column("Difference (95 % CI)", kind="estimate"),
        Column("p", numeric=True),
        Column("Adjusted p", numeric=True),
    )
    notes = (
        "With the features minus without them: AUC and net benefit are better when positive, the "
        "Brier score when negative. Intervals say how much; whether there is added value is the "
        "likelihood ratio's to say. Features against each clinical model: "
        "evaluation/added_value.csv.",
    )
    caption = "What the features change, by patient."
    return [Heading("Size of the difference"), Table(caption, columns, tuple(groups), notes)]


def _difference(row: Mapping[Any, Any]) -> tuple[Cell, ...]:
    measure = _MEASURES[str(row["measure"])]
    if math.isfinite(row["threshold"]):
        measure += f" at {row['threshold']:.2g}"
    shown = estimate_with_interval(row["estimate"], row["ci_low"], row["ci_high"])
    return (
        text(_name(str(row["base"]))),
        text(measure),
        number(shown, row["estimate"]),
        number(p_value(row["p"]), row["p"]),
        number(p_value(row["p_adjusted"]), row["p_adjusted"]),
    )


def _cutoffs(context: Context) -> list[Block]:
    frame = context.folder.table("cutoffs")
    if frame is None or not len(frame):
        return []
    groups = []
    for target in context.in_order(frame["target"]):
        rows = frame[frame["target"] == target].head(MOST_ROWS)
        cells = tuple(map(_cutoff, _records(rows)))
        groups.append(Group(shorten(context.target_title(target), 120), cells))
    columns = (
        Column("Score and cut-off"),
        Column("Published for", kind="prose"),
        Column("Measure"),
        Column("Estimate (95 % CI)", kind="estimate"),
        Column("n", numeric=True),
    )
    cited = list(dict.fromkeys(str(c) for c in frame["citation"] if c))
    notes = (
        "A cut-off holds for the question and the patients it was published for; here it is shown "
        "for each question of this study.",
        *(f"{shorten(c, 160)}." for c in cited[:6]),
    )
    more = len(frame) - MOST_ROWS * len(groups)
    said = (f"{pluralise(more, 'more row')}: evaluation/serum_cutoffs.csv.",) if more > 0 else ()
    table = Table("Published cut-offs of serum scores.", columns, tuple(groups), (*notes, *said))
    return [Heading("Published cut-offs"), table]


def _cutoff(row: Mapping[Any, Any]) -> tuple[Cell, ...]:
    shown = estimate_with_interval(row["estimate"], row["ci_low"], row["ci_high"])
    rule = _RULES.get(str(row["rule"]), shorten(row["rule"], 30))
    name = f"{_name(str(row['score']))} {row['cutoff']:.4g} ({rule})"
    measure = shorten(str(row["measure"]), 40)
    return (
        text(name),
        text(shorten(row["published_for"], 120)),
        text("share of patients on that side" if measure == "share" else measure),
        number(shown, row["estimate"]),
        number(count(row["n"]), row["n"]),
    )
