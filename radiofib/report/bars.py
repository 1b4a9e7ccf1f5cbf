"""Horizontal bars under headings, with a whisker where the spread is known."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from radiofib.report import svg
from radiofib.report.axes import Scale, round_ticks, tick_labels
from radiofib.report.format import significant

__all__ = ["Bar", "BarGroup", "bar_panel"]

_LEFT, _RIGHT, _WIDTH = 306.0, 620.0, 720.0


@dataclass(frozen=True)
class Bar:
    """A value with its standard deviation (NaN draws no whisker)."""

    label: str
    value: float
    sd: float = math.nan


@dataclass(frozen=True)
class BarGroup:
    """Bars under a heading (a heading of "" shows none)."""

    title: str
    bars: tuple[Bar, ...]


def bar_panel(ident: str, groups: Sequence[BarGroup], *, measure: str) -> Markup:
    """Draw groups of bars on one axis.

    Parameters
    ----------
    ident : str
        Identifier of the drawing.
    groups : sequence of BarGroup
        From top to bottom.
    measure : str
        Title of the axis.

    Examples
    --------
    >>> drawn = bar_panel("b", [BarGroup("T1", (Bar("entropy", 0.2, 0.05),))], measure="Importance")
    >>> "0.200" in drawn, drawn.count('class="importance"')
    (True, 1)
    """
    every = [b for g in groups for b in g.bars if math.isfinite(b.value)]
    spread = [b.sd if math.isfinite(b.sd) else 0.0 for b in every]
    high = max([b.value + s for b, s in zip(every, spread, strict=True)], default=0.0)
    low = min([b.value - s for b, s in zip(every, spread, strict=True)], default=0.0)
    low, high = min(low, 0.0), max(high, 0.0)
    x = Scale(low, high if high > low else low + 1, _LEFT, _RIGHT)
    y, parts, said = 14.0, [], []
    for group in groups:
        if group.title:
            parts.append(svg.label(0, y + 4, group.title, kind="strong"))
            y += 22
        for bar in group.bars:
            lines = svg.wrap(bar.label, 46)[:2]
            first = y + 4 - 7.5 * (len(lines) - 1)
            parts += [svg.label(12, first + 15 * i, part) for i, part in enumerate(lines)]
            parts += _bar(bar, x, y)
            said.append(f"{group.title} {bar.label}: {significant(bar.value)}.".strip())
            y += 19 if len(lines) == 1 else 33
        y += 8
    ticks = round_ticks(x.low, x.high)
    grid = []
    for tick, shown in zip(ticks, tick_labels(ticks), strict=True):
        grid.append(svg.line(x(tick), 2, x(tick), y, "grid"))
        grid.append(svg.label(x(tick), y + 16, shown, anchor="middle", kind="tick"))
    grid.append(svg.line(x(0), 2, x(0), y, "axis"))
    grid.append(svg.label((_LEFT + _RIGHT) / 2, y + 36, measure, anchor="middle"))
    return svg.document(
        ident, _WIDTH, y + 44, title=measure, desc=" ".join(said), body=[*grid, *parts]
    )


def _bar(bar: Bar, x: Scale, y: float) -> list[Markup]:
    if not math.isfinite(bar.value):
        return [svg.label(x(0) + 8, y + 4, "–", kind="value")]
    a, b = sorted((x(0), x(bar.value)))
    parts = [svg.rect(a, y - 5.5, b - a, 11, "importance")]
    end = b
    if math.isfinite(bar.sd) and bar.sd > 0:
        first, last = x(bar.value - bar.sd), x(bar.value + bar.sd)
        parts.append(svg.line(first, y, last, y, "whisker"))
        parts += [svg.line(e, y - 3, e, y + 3, "whisker") for e in (first, last)]
        end = max(b, last)
    parts.append(svg.label(end + 8, y + 4, significant(bar.value), kind="value"))
    return parts
