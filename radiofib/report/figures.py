"""The report's figures, each a pure function from numbers to SVG.

Two things carry meaning twice, so that no reader depends on colour: known scanners are a blue
filled circle or full line, unseen scanners a vermillion open diamond or dashed line (Okabe and
Ito's palette), controls are grey and dotted.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from radiofib.report import svg
from radiofib.report.format import estimate_with_interval

__all__ = [
    "BinnedCurve",
    "FlowStep",
    "ForestGroup",
    "ForestRow",
    "Interval",
    "RocCurve",
    "calibration_panel",
    "flow_panel",
    "forest_panel",
    "roc_panel",
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
class RocCurve:
    """A ROC curve: false and true positive rates in order, and how to draw it."""

    label: str
    fpr: NDArray[np.float64]
    tpr: NDArray[np.float64]
    kind: str  # cv, loso, control-a, control-b


@dataclass(frozen=True)
class BinnedCurve:
    """Observed against predicted risk in bins."""

    label: str
    predicted: NDArray[np.float64]
    observed: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    n: NDArray[np.float64]
    setting: str


@dataclass(frozen=True)
class FlowStep:
    """A box of the flow diagram and what left before the next one."""

    title: str
    lines: tuple[str, ...]
    left_title: str = ""
    left: tuple[str, ...] = ()


def _mark(setting: str, x: float, y: float, *, control: bool = False) -> Markup:
    tone = "control" if control else ("loso" if setting == "loso" else "cv")
    if setting == "loso":
        return svg.diamond(x, y, 5.2, f"mark open {tone}")
    return svg.circle(x, y, 4.2, f"mark {tone}")


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
    x = svg.Scale(low, 1.0, left, right)
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
    for tick in svg.ticks(low, 1.0, 0.1):
        kind = "reference" if tick == 0.5 else "grid"
        parts.append(svg.line(x(tick), 2, x(tick), bottom, kind))
        parts.append(svg.label(x(tick), bottom + 16, f"{tick:.1f}", anchor="middle", kind="tick"))
    parts.append(svg.line(left, bottom, right, bottom, "axis"))
    axis_title = f"{measure} (0.5 = guessing)"
    parts.append(svg.label((left + right) / 2, bottom + 36, axis_title, anchor="middle"))
    foot, at = bottom + 60, left
    for setting, text in key:
        parts += [_mark(setting, at, foot - 4), svg.label(at + 11, foot, text)]
        at += 34 + 6.6 * len(text)
    return svg.document(
        ident,
        width,
        foot + 10,
        title=f"{measure} of every model with its interval",
        desc=" ".join(said),
        body=[*parts, *rows],
    )


def _bar(each: Interval, x: svg.Scale, y: float, control: bool) -> Markup:
    tone = "control" if control else ("loso" if each.setting == "loso" else "cv")
    parts = []
    if math.isfinite(each.low) and math.isfinite(each.high):
        a, b = x.clipped(each.low), x.clipped(each.high)
        parts += [svg.line(a, y, b, y, f"bar {tone}")]
        parts += [svg.line(e, y - 4, e, y + 4, f"bar {tone}") for e in (a, b)]
    if math.isfinite(each.value):
        parts.append(_mark(each.setting, x.clipped(each.value), y, control=control))
    return svg.group(*parts)


_SIDE, _LEFT, _TOP = 284.0, 52.0, 30.0


def _unit_axes(x_label: str, y_label: str) -> tuple[svg.Scale, svg.Scale, Markup]:
    x = svg.Scale(0, 1, _LEFT, _LEFT + _SIDE)
    y = svg.Scale(0, 1, _TOP + _SIDE, _TOP)
    steps = svg.ticks(0, 1, 0.2)
    drawn = svg.axes(x, y, x_label=x_label, y_label=y_label, x_ticks=steps, y_ticks=steps)
    return x, y, drawn


def roc_panel(ident: str, title: str, curves: Sequence[RocCurve]) -> Markup:
    """Draw ROC curves of one target with a key below.

    Examples
    --------
    >>> curve = RocCurve("Random forest", np.array([0.0, 0.2, 1]), np.array([0.0, 0.9, 1]), "cv")
    >>> roc_panel("r", "S4 vs S1–S3", [curve]).count('class="curve cv"')
    2
    """
    x, y, frame = _unit_axes("1 − specificity", "Sensitivity")
    parts = [frame, svg.line(x(0), y(0), x(1), y(1), "reference")]
    # Controls first, so that the stager's own curves lie on top of them.
    for curve in sorted(curves, key=lambda c: not c.kind.startswith("control")):
        ok = np.isfinite(curve.fpr) & np.isfinite(curve.tpr)
        points = np.column_stack(
            [
                x.start + (x.end - x.start) * curve.fpr[ok],
                y.start + (y.end - y.start) * curve.tpr[ok],
            ]
        )
        if len(points) > 1:
            parts.append(svg.polyline(svg.simplify(points), f"curve {curve.kind}"))
    return _finish(ident, title, parts, [(c.label, c.kind, "line") for c in curves], "ROC curves")


def calibration_panel(ident: str, title: str, curves: Sequence[BinnedCurve]) -> Markup:
    """Draw observed against predicted risk with intervals, and how many cases each bin holds.

    Examples
    --------
    >>> half = np.array([0.5])
    >>> curve = BinnedCurve("known scanners", half, half, half - .1, half + .1, half * 40, "cv")
    >>> "calibration" in calibration_panel("c", "S4 vs S1–S3", [curve])
    True
    """
    x, y, frame = _unit_axes("Predicted probability", "Observed frequency")
    parts = [frame, svg.line(x(0), y(0), x(1), y(1), "reference")]
    most = max((float(n) for c in curves for n in c.n if math.isfinite(n)), default=0.0)
    bars = {"cv": -3.0, "loso": 1.0}
    for curve in curves:
        tone = "loso" if curve.setting == "loso" else "cv"
        for p, n in zip(curve.predicted, curve.n, strict=True):
            if most > 0 and math.isfinite(p) and n > 0:
                height = 26 * float(n) / most
                left = x.clipped(p) + bars[tone]
                parts.append(svg.rect(left, y(0) - height, 2.6, height, f"count {tone}"))
    for curve in curves:
        tone = "loso" if curve.setting == "loso" else "cv"
        ok = np.isfinite(curve.predicted) & np.isfinite(curve.observed)
        points = [
            (x.clipped(p), y.clipped(o))
            for p, o in zip(curve.predicted[ok], curve.observed[ok], strict=True)
        ]
        if len(points) > 1:
            parts.append(svg.polyline(points, f"thin {tone}"))
        for (px, py), low, high in zip(points, curve.low[ok], curve.high[ok], strict=True):
            if math.isfinite(low) and math.isfinite(high):
                parts.append(svg.line(px, y.clipped(low), px, y.clipped(high), f"bar {tone}"))
            parts.append(_mark(curve.setting, px, py))
    return _finish(
        ident, title, parts, [(c.label, c.setting, "mark") for c in curves], "Plot of calibration"
    )


def _finish(
    ident: str, title: str, parts: list[Markup], key: Sequence[tuple[str, str, str]], what: str
) -> Markup:
    """Add the panel's title and its key, and close the drawing."""
    width = _LEFT + _SIDE + 16
    lines = svg.wrap(title, 48)
    shift = 16.0 * (len(lines) - 1)
    heading = [svg.label(_LEFT, 14 + 16 * i, part, kind="strong") for i, part in enumerate(lines)]
    at = shift + _TOP + _SIDE + 60
    legend = []
    for text, kind, form in key:
        middle = at - 4
        if form == "line":
            legend.append(svg.line(_LEFT, middle, _LEFT + 26, middle, f"curve {kind}"))
        else:
            legend.append(_mark(kind, _LEFT + 13, middle))
        for part in svg.wrap(text, 46):
            legend.append(svg.label(_LEFT + 34, at, part))
            at += 17
    said = f"{what} for {title}: " + "; ".join(text for text, _, _ in key) + "."
    body = [*heading, svg.group(*parts, transform=f"translate(0 {svg.number(shift)})"), *legend]
    return svg.document(ident, width, at - 6, title=f"{what}, {title}", desc=said, body=body)


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
