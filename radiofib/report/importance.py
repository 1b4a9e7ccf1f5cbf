"""What the stager goes by: sample size, importance of features, partial dependence."""

from __future__ import annotations

import math

import pandas as pd
from markupsafe import Markup

from radiofib.report.bars import Bar, BarGroup, bar_panel
from radiofib.report.blocks import (
    Block,
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
from radiofib.report.context import Context
from radiofib.report.counts import counts_blocks
from radiofib.report.format import pluralise, shorten, significant
from radiofib.report.panels import Curve, curve_of, curve_panel

__all__ = ["importance_section"]

MOST_BARS = 20
MOST_FIGURES = 6
MOST_PANELS = 6
_KINDS = {
    "shap": "Mean absolute SHAP value",
    "permutation": "Loss of performance when permuted",
}
_GROUPS = {"channel": "by channel", "cluster": "by group of correlated features", "feature": ""}


def importance_section(context: Context) -> Section | None:
    """Build the section on what the stager goes by; None when nothing of it was computed."""
    blocks = [*counts_blocks(context), *_importance(context), *_dependence(context)]
    return Section("importance", "What the stager goes by", tuple(blocks)) if blocks else None


def _one_target(context: Context, frame: pd.DataFrame) -> pd.DataFrame:
    """Keep one model and one target: the main ones where they are there."""
    for column, main in (("model", context.main_model), ("target", context.main_target)):
        present = list(dict.fromkeys(frame[column]))
        chosen = main if main in present else (present or [""])[0]
        frame = frame[frame[column] == chosen]
    return frame


def _importance(context: Context) -> list[Block]:
    whole = context.folder.table("importance")
    if whole is None or not len(whole):
        return []
    frame = _one_target(context, whole)
    model, target = str(frame["model"].iloc[0]), str(frame["target"].iloc[0])
    name = f"{context.model_name(model)}, {context.target_name(target)}"
    blocks: list[Block] = []
    by_kind = {
        (str(kind), str(by)): part
        for (kind, by), part in frame.groupby(["kind", "group_by"], sort=False)
    }
    order = {by: i for i, by in enumerate(_GROUPS)}
    keys = sorted(
        by_kind,
        key=lambda k: (list(_KINDS).index(k[0]) if k[0] in _KINDS else 9, k[0], order.get(k[1], 9)),
    )
    for i, (kind, by) in enumerate(keys[:MOST_FIGURES]):
        part = by_kind[kind, by].sort_values("importance", ascending=False, kind="stable")
        measure = _KINDS.get(kind, shorten(kind.replace("_", " "), 60))
        groups = _bar_groups(context, part.head(MOST_BARS), by)
        panel = bar_panel(f"{context.prefix}importance-{i + 1}", groups, measure=measure)
        where = _GROUPS.get(by, f"by {shorten(by, 30)}")
        caption = f"{' '.join(filter(None, (measure, where)))} ({shorten(name, 120)})."
        if part["sd"].notna().any():
            caption += " Whiskers: one standard deviation over repetitions."
        if len(part) > MOST_BARS:
            caption += f" The first {MOST_BARS} of {len(part)}."
        blocks.append(Figure(caption, (panel,), wide=True))
        if by == "cluster":
            blocks.append(_members(part.head(MOST_BARS)))
    notes = [n for n in dict.fromkeys(frame["note"]) if n]
    blocks += [Note(f"{shorten(n, 300)}.") for n in notes[:4]]
    others = len(whole[["model", "target"]].drop_duplicates()) - 1
    if others > 0:
        more = pluralise(others, "more pair of model and target", "more pairs of model and target")
        blocks.append(Note(f"{more}: evaluation/importance.csv."))
    return [Heading("Importance"), *blocks]


def _bar_groups(context: Context, part: pd.DataFrame, by: str) -> list[BarGroup]:
    bars = [
        (str(r["group"]), Bar(shorten(r["group"], 90), float(r["importance"]), float(r["sd"])))
        for r in part.to_dict(orient="records")
    ]
    if by == "channel":
        return [BarGroup("", tuple(bar for _, bar in bars))]
    channels: dict[str, list[Bar]] = {}
    for name, bar in bars:
        channels.setdefault(context.channel_of(name), []).append(bar)
    if len(channels) < 2:
        return [BarGroup("", tuple(bar for _, bar in bars))]
    return [
        BarGroup(shorten(channel or "several channels", 40), tuple(found))
        for channel, found in channels.items()
    ]


def _members(part: pd.DataFrame) -> Table:
    rows = tuple(
        (
            text(shorten(r["group"], 80)),
            number(significant(float(r["importance"])), float(r["importance"])),
            text(shorten(str(r.get("members", "")).replace(";", ", ").replace("|", ", "), 600)),
        )
        for r in part.to_dict(orient="records")
    )
    columns = (
        Column("Group"),
        Column("Importance", numeric=True),
        Column("Features in it", kind="prose"),
    )
    notes = ("Correlated features share one importance: alone each would look dispensable.",)
    return Table("Groups of correlated features.", columns, (Group("", rows),), notes)


def _dependence(context: Context) -> list[Block]:
    frame = context.folder.table("dependence")
    if frame is None or not len(frame):
        return []
    frame = _one_target(context, frame)
    target = str(frame["target"].iloc[0])
    frame = frame[frame["value"].notna() & frame["probability"].notna()]
    features = list(dict.fromkeys(frame["feature"]))
    panels = []
    for i, feature in enumerate(features[:MOST_PANELS]):
        part = frame[frame["feature"] == feature]
        panel = _panel(context, part, str(feature), i + 1)
        if panel is not None:
            panels.append(panel)
    if not panels:
        return []
    caption = (
        f"Partial dependence: mean predicted probability of {context.target_name(target)} when a "
        "feature is set to each value and the others stay as they are. It shows what the model "
        "does, not what causes what."
    )
    if len(features) > MOST_PANELS:
        caption += f" {len(features) - MOST_PANELS} more: evaluation/partial_dependence.csv."
    return [Heading("Partial dependence"), Figure(caption, tuple(panels))]


def _panel(context: Context, part: pd.DataFrame, feature: str, place: int) -> Markup | None:
    part = part.assign(ci_low=math.nan, ci_high=math.nan)
    low, high = float(part["value"].min()), float(part["value"].max())
    if len(part) < 2 or not (math.isfinite(low) and math.isfinite(high) and low < high):
        return None
    line: Curve = curve_of("", part, "value", "probability", "cv")
    unit = context.unit_of(feature)
    return curve_panel(
        f"{context.prefix}dependence-{place}",
        shorten(feature, 90),
        [line],
        what="Partial dependence",
        x_label=f"Value ({unit})" if unit else "Value",
        y_label="Mean probability",
        x_range=(low, high),
        y_range=(0.0, 1.0),
    )
