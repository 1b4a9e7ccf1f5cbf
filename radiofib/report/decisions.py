"""What a threshold would do: decision curves, and thresholds with what they reach."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from markupsafe import Markup

from radiofib.report.blocks import (
    Block,
    Cell,
    Column,
    Figure,
    Group,
    Note,
    Section,
    Table,
    number,
    text,
)
from radiofib.report.context import Context
from radiofib.report.format import estimate, estimate_with_interval, interval, is_outside, shorten
from radiofib.report.measures import metric_name, metric_rank
from radiofib.report.panels import Curve, curve_of, curve_panel

__all__ = ["decision_blocks", "thresholds_section"]

MOST_PANELS = 4
MOST_RULES = 12
MOST_METRICS = 6


def _main(context: Context, name: str) -> pd.DataFrame | None:
    """Return the rows of the main model in the main unit."""
    frame = context.folder.table(name)
    if frame is None:
        return None
    return frame[(frame["model"] == context.main_model) & (frame["unit"] == context.main_unit)]


def decision_blocks(context: Context) -> list[Block]:
    """Return the decision curves of the main model, and why some are not drawn."""
    frame = _main(context, "decision")
    if frame is None or not len(frame):
        return []
    panels: list[Markup] = []
    blocks: list[Block] = []
    targets = context.in_order(frame["target"])
    for i, target in enumerate(targets[:MOST_PANELS]):
        panel = _panel(context, frame[frame["target"] == target], target, i + 1)
        if panel is not None:
            panels.append(panel)
    if panels:
        more = len(targets) - MOST_PANELS
        caption = (
            f"Decision curves by {context.main_unit} of {context.model_name(context.main_model)}: "
            "net benefit of acting on the model at each threshold probability, with 95 % "
            "intervals where recorded, against acting on everybody and on nobody (the line at "
            "0). Where the curve is not above both, the model changes nothing for the better."
            + (f" {more} more targets: evaluation/decision_curves.csv." if more > 0 else "")
        )
        blocks.append(Figure(caption, tuple(panels)))
    refused = frame[frame["net_benefit"].isna() & (frame["note"] != "")]
    for note, part in list(refused.groupby("note", sort=True))[:3]:
        named = context.in_order(part["target"])[:4]
        where = ", ".join(shorten(context.target_name(t), 60) for t in named)
        blocks.append(Note(f"No decision curve for {where}: {shorten(note, 300)}."))
    return blocks


def _panel(context: Context, frame: pd.DataFrame, target: str, place: int) -> Markup | None:
    frame = frame[frame["threshold"].notna() & frame["net_benefit"].notna()]
    curves: list[Curve] = []
    for setting in context.settings[:2] or list(dict.fromkeys(frame["setting"]))[:2]:
        part = frame[frame["setting"] == setting]
        if len(part) < 2:
            continue
        kind = "loso" if is_outside(setting) else "cv"
        label = context.setting_name(setting).capitalize()
        curves.insert(0, curve_of(label, part, "threshold", "net_benefit", kind))
        # One prevalence, one line: settings hold the same patients.
        everybody = part.assign(ci_low=math.nan, ci_high=math.nan)
    if not curves:
        return None
    label = "Acting on everybody"
    curves.insert(0, curve_of(label, everybody, "threshold", "treat_all", "plain"))
    seen = np.concatenate([np.r_[c.y, c.high] for c in curves])
    top = max(float(np.nanmax(seen)), 0.05) * 1.06
    ends = (0.0, float(max(c.x.max() for c in curves)))
    return curve_panel(
        f"{context.prefix}decision-{place}",
        context.target_title(target),
        curves,
        what="Decision curves",
        x_label="Threshold probability",
        y_label="Net benefit",
        x_range=ends,
        y_range=(-0.25 * top, top),
    )


def thresholds_section(context: Context) -> Section | None:
    """Build the section on thresholds; None when none was chosen."""
    frame = _main(context, "thresholds")
    if frame is None or not len(frame):
        return None
    metrics = sorted(dict.fromkeys(frame["metric"]), key=metric_rank)
    shown = metrics[:MOST_METRICS]
    groups = []
    for target in context.in_order(frame["target"])[:8]:
        for setting in context.settings[:3] or list(dict.fromkeys(frame["setting"]))[:3]:
            part = frame[(frame["target"] == target) & (frame["setting"] == setting)]
            if len(part):
                title = f"{context.target_title(target)}, {context.setting_name(setting)}"
                groups.append(Group(title, _rules(part, shown)))
    columns = (
        Column("Rule"),
        Column("Threshold", kind="estimate"),
        *(Column(shorten(metric_name(m), 40), kind="estimate") for m in shown),
    )
    notes = ["Estimate with interval; a threshold chosen on the same cases flatters itself."]
    methods = [m for m in dict.fromkeys(frame["method"]) if m]
    notes += [f"Method: {shorten(m, 300)}." for m in methods[:3]]
    notes += [f"{shorten(n, 300)}." for n in list(dict.fromkeys(frame["note"]))[:4] if n]
    if len(metrics) > len(shown):
        notes.append(f"{len(metrics) - len(shown)} more measures: evaluation/thresholds.csv.")
    caption = (
        f"Thresholds of {context.model_name(context.main_model)} and what they reach, by "
        f"{context.main_unit}."
    )
    table = Table(caption, columns, tuple(groups), tuple(notes))
    return Section("thresholds", "Thresholds", (table,))


def _rules(frame: pd.DataFrame, metrics: list[str]) -> tuple[tuple[Cell, ...], ...]:
    rows = []
    for (rule, _), part in list(frame.groupby(["rule", "threshold"], sort=False, dropna=False))[
        :MOST_RULES
    ]:
        by_metric = {r["metric"]: r for r in part.to_dict(orient="records")}
        cut = part["threshold"].dropna()
        low, high = (float(cut.min()), float(cut.max())) if len(cut) else (math.nan, math.nan)
        cells = [text(shorten(str(rule).replace("_", " "), 60))]
        cells.append(number(estimate(low) if low == high else interval(low, high), low))
        for metric in metrics:
            row = by_metric.get(metric)
            if row is None:
                cells.append(text("–"))
                continue
            value = float(row["estimate"])
            shown = estimate_with_interval(value, float(row["ci_low"]), float(row["ci_high"]))
            cells.append(number(shown, value))
        rows.append(tuple(cells))
    return tuple(rows)
