"""ROC curves, calibration and confusion by stage, as recorded by the evaluation."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from radiofib.report.blocks import (
    Block,
    Cell,
    Column,
    Figure,
    Group,
    Heading,
    Note,
    Section,
    Table,
    number,
    text,
)
from radiofib.report.context import Context, is_control
from radiofib.report.decisions import decision_blocks
from radiofib.report.format import count, estimate, is_outside, percent, shorten
from radiofib.report.panels import (
    BinnedCurve,
    Curve,
    RocCurve,
    calibration_panel,
    curve_of,
    roc_panel,
)

__all__ = ["confusion_table", "curves_section"]

MOST_PANELS = 4


def curves_section(context: Context) -> Section | None:
    """Build the section on curves and confusion; None when no curve was recorded."""
    parts = (
        ("ROC curves", _roc(context)),
        ("Calibration", _calibration(context)),
        ("Decision curves", decision_blocks(context)),
        ("Called against true stage", _confusion(context)),
    )
    blocks = [b for title, found in parts if found for b in (Heading(title), *found)]
    return Section("curves", "Curves and confusion", tuple(blocks)) if blocks else None


def _unit(context: Context, frame: pd.DataFrame) -> str:
    present = list(dict.fromkeys(frame["unit"]))
    return context.main_unit if context.main_unit in present or not present else str(present[0])


def _roc(context: Context) -> list[Block]:
    frame = context.folder.table("roc")
    if frame is None:
        return []
    unit = _unit(context, frame)
    frame = frame[frame["unit"] == unit]
    targets = context.in_order(frame["target"])
    panels = []
    for i, target in enumerate(targets[:MOST_PANELS]):
        curves = _roc_curves(context, frame[frame["target"] == target], unit, target)
        if curves:
            panels.append(
                roc_panel(f"{context.prefix}roc-{i + 1}", context.target_title(target), curves)
            )
    if not panels:
        return [Note("evaluation/roc.csv holds no curve of the stager.")]
    more = len(targets) - MOST_PANELS
    where = context.setting_name(context.settings[0]) if context.settings else ""
    caption = (
        f"ROC curves by {unit} of {context.model_name(context.main_model)} and the controls "
        f"({where}), averaged over folds or left-out scanners as the AUC is."
        + (f" {more} more targets are in evaluation/roc.csv." if more > 0 else "")
    )
    return [Figure(caption, tuple(panels))]


def _roc_curves(context: Context, frame: pd.DataFrame, unit: str, target: str) -> list[RocCurve]:
    wanted = [(context.main_model, s) for s in context.settings[:2]]
    controls = [m for m in context.models if is_control(m)][:2]
    first = context.settings[0] if context.settings else "cv"
    wanted += [(m, first) for m in controls]
    found = []
    for model, setting in wanted:
        part = frame[(frame["model"] == model) & (frame["setting"] == setting)]
        if not len(part):
            continue
        metric = context.auc(model, setting, unit, target)
        value = f", AUC {estimate(metric.value)}" if metric is not None else ""
        if is_control(model):
            label = f"{context.model_name(model)}{value}"
            kind = f"control-{'ab'[controls.index(model)]}"
        else:
            label = f"{context.setting_name(setting).capitalize()}{value}"
            kind = "loso" if is_outside(setting) else "cv"
        ordered = part[["fpr", "tpr"]].sort_values(["fpr", "tpr"], kind="stable")
        found.append(
            RocCurve(shorten(label, 80), ordered["fpr"].to_numpy(), ordered["tpr"].to_numpy(), kind)
        )
    return found


def _calibration(context: Context) -> list[Block]:
    frame = context.folder.table("calibration")
    if frame is None:
        return []
    unit = _unit(context, frame)
    frame = frame[(frame["unit"] == unit) & (frame["model"] == context.main_model)]
    targets = context.in_order(frame["target"])
    panels, drawn = [], False
    for i, target in enumerate(targets[:MOST_PANELS]):
        curves = _binned(context, frame[frame["target"] == target], unit, target)
        smooth = _flexible(context, unit, target)
        if curves:
            ident = f"{context.prefix}calibration-{i + 1}"
            panels.append(calibration_panel(ident, context.target_title(target), curves, smooth))
            drawn |= bool(smooth)
    if not panels:
        return [Note("evaluation/calibration.csv holds no curve of the stager.")]
    caption = (
        f"Calibration by {unit} of {context.model_name(context.main_model)}: observed frequency "
        "against mean predicted probability in bins, with intervals where recorded. Bars at the "
        "foot show how many cases each bin holds; on the dotted line risks are right."
        + (" Lines with bands: flexible (smooth) curves with 95 % intervals." if drawn else "")
    )
    return [Figure(caption, tuple(panels))]


def _flexible(context: Context, unit: str, target: str) -> list[Curve]:
    frame = context.folder.table("flexible")
    if frame is None:
        return []
    frame = frame[
        (frame["model"] == context.main_model)
        & (frame["unit"] == unit)
        & (frame["target"] == target)
    ]
    found = []
    for setting in context.settings[:2]:
        part = frame[frame["setting"] == setting]
        if len(part) > 1:
            label = f"{context.setting_name(setting).capitalize()}, flexible curve"
            kind = "loso" if is_outside(setting) else "cv"
            found.append(curve_of(label, part, "p", "observed", kind))
    return found


def _binned(context: Context, frame: pd.DataFrame, unit: str, target: str) -> list[BinnedCurve]:
    found = []
    for setting in context.settings[:2] or list(dict.fromkeys(frame["setting"]))[:2]:
        part = frame[frame["setting"] == setting].sort_values("predicted", kind="stable")
        if not len(part):
            continue
        nothing = np.full(len(part), math.nan)
        columns = {
            c: part[c].to_numpy(dtype=float) if c in part else nothing
            for c in ("predicted", "observed", "ci_low", "ci_high", "n")
        }
        label = context.setting_name(setting).capitalize()
        slope = context.metric(context.main_model, setting, unit, target, "calibration_slope")
        if slope is not None and math.isfinite(slope.value):
            label += f", slope {estimate(slope.value, 2)}"
        found.append(
            BinnedCurve(
                label,
                columns["predicted"],
                columns["observed"],
                columns["ci_low"],
                columns["ci_high"],
                np.nan_to_num(columns["n"]),
                setting,
            )
        )
    return found


def _confusion(context: Context) -> list[Block]:
    frame = context.folder.table("confusion")
    if frame is None:
        return []
    unit = _unit(context, frame)
    frame = frame[(frame["unit"] == unit) & (frame["model"] == context.main_model)]
    tables: list[Block] = [
        confusion_table(context, part, setting, unit)
        for setting in context.settings[:2] or list(dict.fromkeys(frame["setting"]))[:2]
        if len(part := frame[frame["setting"] == setting])
    ]
    return tables or [Note("evaluation/confusion.csv holds no counts of the stager.")]


def confusion_table(context: Context, frame: pd.DataFrame, setting: str, unit: str) -> Table:
    """Build a confusion matrix: counts and the share of each true stage, shaded by the share."""
    counted = frame.groupby(["true", "predicted"])["n"].sum()
    seen = [*frame["true"], *frame["predicted"]]
    levels = [level for level in context.levels if level in seen]
    levels += sorted(set(seen) - set(levels))
    levels = levels[:12]
    rows, collapsed = [], ""
    for true in levels:
        cells = [float(counted.get((true, p), 0.0)) for p in levels]
        total = sum(cells)
        row = [text(shorten(context.stage_name(true), 30))]
        for n in cells:
            share = n / total if total else 0.0
            row.append(Cell(f"{count(n)} ({percent(n, total)})", sort=n, shade=round(10 * share)))
        rows.append((*row, number(count(total), total)))
    columns = (
        Column("True stage"),
        *(
            Column(shorten(context.stage_name(p), 30), numeric=True, group="Called stage")
            for p in levels
        ),
        Column("All", numeric=True),
    )
    by_call = {p: float(counted[counted.index.get_level_values(1) == p].sum()) for p in levels}
    everything = sum(by_call.values())
    top = max(by_call, key=lambda p: by_call[p], default="")
    if everything and by_call[top] / everything >= 0.99:
        collapsed = (
            f"Decision collapse: {context.stage_name(top)} is called in "
            f"{percent(by_call[top], everything)} of all {unit}s."
        )
    notes = ["Counts; in brackets the share of the true stage, which also sets the shade."]
    caption = (
        f"Called against true stage, {context.setting_name(setting)}, "
        f"{context.model_name(context.main_model)}, by {unit}."
    )
    return Table(
        caption,
        columns,
        (Group("", tuple(rows)),),
        tuple([*notes, collapsed] if collapsed else notes),
        sortable=False,
    )
