"""Square panels with axes: ROC, calibration, decision curves, partial dependence.

Two things carry meaning twice, so that no reader depends on colour: known scanners are a blue
filled circle or full line, unseen scanners a vermillion open diamond or dashed line (Okabe and
Ito's palette), controls are grey and dotted.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from markupsafe import Markup
from numpy.typing import NDArray

from radiofib.report import svg
from radiofib.report.axes import Scale, axes, round_ticks
from radiofib.report.format import is_outside

__all__ = [
    "BinnedCurve",
    "Curve",
    "RocCurve",
    "calibration_panel",
    "curve_of",
    "curve_panel",
    "mark",
    "roc_panel",
]

FloatArray = NDArray[np.float64]


def mark(setting: str, x: float, y: float, *, control: bool = False) -> Markup:
    """Draw the mark of a setting: a circle, or an open diamond for unseen scanners.

    Examples
    --------
    >>> "diamond" in str(mark("loso", 0, 0)), "loso" in mark("loso", 0, 0)
    (False, True)
    """
    tone = "control" if control else ("loso" if is_outside(setting) else "cv")
    if is_outside(setting):
        return svg.diamond(x, y, 5.2, f"mark open {tone}")
    return svg.circle(x, y, 4.2, f"mark {tone}")


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
class Curve:
    """A line with an interval around it; NaN ends draw no band."""

    label: str
    x: FloatArray
    y: FloatArray
    low: FloatArray
    high: FloatArray
    kind: str  # cv, loso, control-a, control-b, plain


_SIDE, _LEFT, _TOP = 284.0, 52.0, 30.0


def curve_of(label: str, rows: pd.DataFrame, x: str, y: str, kind: str) -> Curve:
    """Return a table's columns as a curve with the interval of ``ci_low`` and ``ci_high``.

    Examples
    --------
    >>> rows = pd.DataFrame({"p": [0.5, 0.1], "y": [1, 0], "ci_low": 0.0, "ci_high": 1.0})
    >>> curve_of("a", rows, "p", "y", "cv").x.tolist()
    [0.1, 0.5]
    """
    ordered = rows.sort_values(x, kind="stable")
    columns = [ordered[c].to_numpy(dtype=np.float64) for c in (x, y, "ci_low", "ci_high")]
    return Curve(label, columns[0], columns[1], columns[2], columns[3], kind)


def _axes(
    x_range: tuple[float, float], y_range: tuple[float, float], x_label: str, y_label: str
) -> tuple[Scale, Scale, Markup]:
    x = Scale(*x_range, _LEFT, _LEFT + _SIDE)
    y = Scale(*y_range, _TOP + _SIDE, _TOP)
    drawn = axes(
        *(x, y),
        x_label=x_label,
        y_label=y_label,
        x_ticks=round_ticks(*x_range),
        y_ticks=round_ticks(*y_range),
    )
    return x, y, drawn


def _unit_axes(x_label: str, y_label: str) -> tuple[Scale, Scale, Markup]:
    return _axes((0.0, 1.0), (0.0, 1.0), x_label, y_label)


def _curve(curve: Curve, x: Scale, y: Scale) -> list[Markup]:
    """Draw the band and the line of a curve, cut at the frame."""
    ok = np.isfinite(curve.x) & np.isfinite(curve.y)
    if ok.sum() < 2:
        return []

    def points(values: FloatArray, at: NDArray[np.bool_]) -> FloatArray:
        return np.array(
            [(x.clipped(a), y.clipped(b)) for a, b in zip(curve.x[at], values[at], strict=True)]
        )

    parts = []
    banded = ok & np.isfinite(curve.low) & np.isfinite(curve.high)
    if banded.sum() > 1:
        around = np.vstack(
            [
                svg.simplify(points(curve.high, banded)),
                svg.simplify(points(curve.low, banded))[::-1],
            ]
        )
        parts.append(svg.polyline(around, f"band {curve.kind}"))
    parts.append(svg.polyline(svg.simplify(points(curve.y, ok)), f"curve {curve.kind}"))
    return parts


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
        nothing = np.full(len(curve.fpr), math.nan)
        parts += _curve(Curve("", curve.fpr, curve.tpr, nothing, nothing, curve.kind), x, y)
    return _finish(ident, title, parts, [(c.label, c.kind, "line") for c in curves], "ROC curves")


def calibration_panel(
    ident: str, title: str, curves: Sequence[BinnedCurve], smooth: Sequence[Curve] = ()
) -> Markup:
    """Draw observed against predicted risk with intervals, and how many cases each bin holds.

    Bins are joined by lines unless there is a smooth curve to draw.

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
        tone = "loso" if is_outside(curve.setting) else "cv"
        for p, n in zip(curve.predicted, curve.n, strict=True):
            if most > 0 and math.isfinite(p) and n > 0:
                height = 26 * float(n) / most
                left = x.clipped(p) + bars[tone]
                parts.append(svg.rect(left, y(0) - height, 2.6, height, f"count {tone}"))
    for flexible in smooth:
        parts += _curve(flexible, x, y)
    for curve in curves:
        tone = "loso" if is_outside(curve.setting) else "cv"
        ok = np.isfinite(curve.predicted) & np.isfinite(curve.observed)
        points = [
            (x.clipped(p), y.clipped(o))
            for p, o in zip(curve.predicted[ok], curve.observed[ok], strict=True)
        ]
        if len(points) > 1 and not smooth:
            parts.append(svg.polyline(points, f"thin {tone}"))
        for (px, py), low, high in zip(points, curve.low[ok], curve.high[ok], strict=True):
            if math.isfinite(low) and math.isfinite(high):
                parts.append(svg.line(px, y.clipped(low), px, y.clipped(high), f"bar {tone}"))
            parts.append(mark(curve.setting, px, py))
    key = [(c.label, c.setting, "mark") for c in curves]
    key += [(c.label, c.kind, "line") for c in smooth]
    return _finish(ident, title, parts, key, "Plot of calibration")


def curve_panel(
    ident: str,
    title: str,
    curves: Sequence[Curve],
    *,
    what: str,
    x_label: str,
    y_label: str,
    x_range: tuple[float, float],
    y_range: tuple[float, float],
) -> Markup:
    """Draw lines with their intervals; what leaves the frame is cut at it.

    Parameters
    ----------
    ident, title : str
        Identifier and heading of the drawing.
    curves : sequence of Curve
        Drawn in order, the last on top.
    what : str
        What the drawing is, for its description.
    x_label, y_label : str
        Titles of the axes.
    x_range, y_range : tuple of two floats
        Ends of the axes.

    Examples
    --------
    >>> ends = np.array([0.0, 1.0])
    >>> line = Curve("model", ends, ends, ends - 0.1, ends + 0.1, "cv")
    >>> drawn = curve_panel("d", "S4", [line], what="Lines", x_label="x", y_label="y",
    ...                     x_range=(0, 1), y_range=(0, 1))
    >>> drawn.count('class="band cv"'), "Lines for S4: model." in drawn
    (1, True)
    """
    x, y, frame = _axes(x_range, y_range, x_label, y_label)
    parts = [frame]
    if y_range[0] < 0 < y_range[1]:
        parts.append(svg.line(x.start, y(0), x.end, y(0), "axis"))
    for curve in curves:
        parts += _curve(curve, x, y)
    key = [(c.label, c.kind, "line") for c in reversed(curves) if c.label]
    return _finish(ident, title, parts, key, what)


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
            legend.append(mark(kind, _LEFT + 13, middle))
        for part in svg.wrap(text, 46):
            legend.append(svg.label(_LEFT + 34, at, part))
            at += 17
    said = f"{what} for {title}: " + "; ".join(text for text, _, _ in key) + "."
    body = [*heading, svg.group(*parts, transform=f"translate(0 {svg.number(shift)})"), *legend]
    return svg.document(ident, width, at - 6, title=f"{what}, {title}", desc=said, body=body)
