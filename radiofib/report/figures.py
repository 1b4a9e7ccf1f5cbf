"""The report's figures, each a pure function from numbers to SVG.

Two things carry meaning twice, so that no reader depends on colour: known scanners are a blue
filled circle or full line, unseen scanners a vermillion open diamond or dashed line (Okabe and
Ito's palette), controls are grey and dotted.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from radiofib.report import svg
from radiofib.report.axes import Scale, ticks
from radiofib.report.format import estimate_with_interval, is_outside
from radiofib.report.panels import mark

__all__ = [
    "FlowStep",
    "ForestGroup",
    "ForestRow",
    "Interval",
    "flow_panel",
    "forest_panel",
]


@dataclass(frozen=True)
class Interval:
    """An estimate with its interval in one setting; NaN ends draw no bar."""

    setting: str
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class ForestRow:
    """One model."""

    label: str
    intervals: tuple[Interval, ...]
    control: bool = False


@dataclass(frozen=True)
class ForestGroup:
    """The models of one target."""

    title: str
    rows: tuple[ForestRow, ...]


@dataclass(frozen=True)
class FlowStep:
    """A box of the flow diagram and what left before the next one."""

    title: str
    lines: tuple[str, ...]
    left_title: str = ""
    left: tuple[str, ...] = ()


def forest_panel(
    ident: str,
    groups: Sequence[ForestGroup],
    key: Sequence[tuple[str, str]],
    *,
    measure: str = "AUC",
) -> Markup:
    """Draw estimates with intervals, one row per model, the settings of a model together.

    Parameters
    ----------
    ident : str
        Identifier of the drawing.
    groups : sequence of ForestGroup
        Targets with their models.
    key : sequence of (setting, label)
        What to write in the key.
    measure : str
        Title of the axis.

    Examples
    --------
    >>> row = ForestRow("Random forest", (Interval("cv", 0.8, 0.7, 0.9),))
    >>> group = ForestGroup("S4 vs S1–S3", (row,))
    >>> "0.800 (0.700–0.900)" in forest_panel("f", [group], [("cv", "known scanners")])
    True
    """
    every = [i for g in groups for r in g.rows for i in r.intervals]
    ends = [v for i in every for v in (i.value, i.low, i.high) if math.isfinite(v)]
    low = max(0.0, min(0.4, math.floor(min(ends, default=0.4) * 10) / 10))
    left, right, width = 212.0, 560.0, 720.0
    x = Scale(low, 1.0, left, right)
    step, y = 17.0, 14.0
    parts: list[Markup] = []
    rows: list[Markup] = []
    said: list[str] = []
    for group in groups:
        for part in svg.wrap(group.title, 90):
            rows.append(svg.label(0, y + 4, part, kind="strong"))
            y += 21
        for row in group.rows:
            middle = y + step * (len(row.intervals) - 1) / 2
            lines = svg.wrap(row.label, 32)[:2]
            first = middle + 4 - 7.5 * (len(lines) - 1)
            rows += [
                svg.label(12, first + 15 * i, part, kind="muted" if row.control else "")
                for i, part in enumerate(lines)
            ]
            for each in row.intervals:
                rows.append(_bar(each, x, y, row.control))
                shown = estimate_with_interval(each.value, each.low, each.high)
                rows.append(svg.label(right + 16, y + 4, shown, kind="value"))
                where = dict(key).get(each.setting, each.setting)
                said.append(f"{group.title}, {row.label}, {where}: {shown}.")
                y += step
            y += 9
        y += 8
    bottom = y
    for tick in ticks(low, 1.0, 0.1):
        kind = "reference" if tick == 0.5 else "grid"
        parts.append(svg.line(x(tick), 2, x(tick), bottom, kind))
        parts.append(svg.label(x(tick), bottom + 16, f"{tick:.1f}", anchor="middle", kind="tick"))
    parts.append(svg.line(left, bottom, right, bottom, "axis"))
    axis_title = f"{measure} (0.5 = guessing)"
    parts.append(svg.label((left + right) / 2, bottom + 36, axis_title, anchor="middle"))
    foot, at = bottom + 60, left
    for setting, text in key:
        parts += [mark(setting, at, foot - 4), svg.label(at + 11, foot, text)]
        at += 34 + 6.6 * len(text)
    return svg.document(
        ident,
        width,
        foot + 10,
        title=f"{measure} of every model with its interval",
        desc=" ".join(said),
        body=[*parts, *rows],
    )


def _bar(each: Interval, x: Scale, y: float, control: bool) -> Markup:
    tone = "control" if control else ("loso" if is_outside(each.setting) else "cv")
    parts = []
    if math.isfinite(each.low) and math.isfinite(each.high):
        a, b = x.clipped(each.low), x.clipped(each.high)
        parts += [svg.line(a, y, b, y, f"bar {tone}")]
        parts += [svg.line(e, y - 4, e, y + 4, f"bar {tone}") for e in (a, b)]
    if math.isfinite(each.value):
        parts.append(mark(each.setting, x.clipped(each.value), y, control=control))
    return svg.group(*parts)


def flow_panel(ident: str, steps: Sequence[FlowStep]) -> Markup:
    """Draw the flow of cases: what went in, what left on the way and why, what was analysed.

    Examples
    --------
    >>> steps = [FlowStep("Cohort", ("120 patients",), "Not read", ("3 images",)),
    ...          FlowStep("Analysed", ("117 patients",))]
    >>> flow_panel("flow", steps).count('class="box')
    3
    """
    width, box, side, gap = 700.0, 330.0, 300.0, 36.0
    y, parts, said = 1.0, [], []
    for i, step in enumerate(steps):
        lines = [part for text in step.lines for part in svg.wrap(text, 50)]
        height = 32 + 17 * len(lines)
        parts.append(svg.rect(1, y, box, height, "box"))
        parts.append(svg.label(14, y + 21, step.title, kind="strong"))
        parts += [svg.label(14, y + 39 + 17 * j, part) for j, part in enumerate(lines)]
        said.append(f"{step.title}: {'; '.join(step.lines)}.")
        y += height
        if i == len(steps) - 1:
            break
        left = [part for text in step.left for part in svg.wrap(text, 44)]
        side_height = 30 + 17 * len(left) if step.left_title else 0.0
        space = max(gap, side_height + 24)
        middle = y + space / 2
        x = 60.0
        parts.append(svg.line(x, y, x, y + space - 1, "arrow"))
        parts.append(_head(x, y + space, down=True))
        if step.left_title:
            edge = width - side - 1
            parts.append(svg.line(x, middle, edge - 1, middle, "arrow"))
            parts.append(_head(edge, middle, down=False))
            top = middle - side_height / 2
            parts.append(svg.rect(edge, top, side, side_height, "box left"))
            parts.append(svg.label(edge + 12, top + 20, step.left_title, kind="strong"))
            parts += [svg.label(edge + 12, top + 38 + 17 * j, part) for j, part in enumerate(left)]
            said.append(f"{step.left_title}: {'; '.join(step.left)}.")
        y += space
    return svg.document(ident, width, y + 2, title="Flow of cases", desc=" ".join(said), body=parts)


def _head(x: float, y: float, *, down: bool) -> Markup:
    points = [(x - 4, y - 7), (x + 4, y - 7)] if down else [(x - 7, y - 4), (x - 7, y + 4)]
    path = f"M{svg.number(x)} {svg.number(y)}L" + "L".join(
        f"{svg.number(a)} {svg.number(b)}" for a, b in points
    )
    return svg.element("path", d=f"{path}Z", class_="head")
