"""Odds ratios with intervals on a logarithmic axis."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from radiofib.report import svg
from radiofib.report.axes import Scale
from radiofib.report.format import significant

__all__ = ["OddsRow", "odds_panel"]

#: Intervals that leave this range are cut and end in an arrow.
_WIDEST = (1e-3, 1e3)
_LEFT, _RIGHT, _WIDTH = 252.0, 540.0, 720.0


@dataclass(frozen=True)
class OddsRow:
    """One term with its odds ratio and interval."""

    label: str
    ratio: float
    low: float
    high: float


def odds_panel(ident: str, rows: Sequence[OddsRow]) -> Markup:
    """Draw odds ratios, one row for each term.

    Examples
    --------
    >>> drawn = odds_panel("o", [OddsRow("Entropy", 2.05, 1.24, 3.4)])
    >>> "2.05 (1.24 to 3.40)" in drawn, drawn.count('class="mark cv"')
    (True, 1)
    """
    every = [v for r in rows for v in (r.ratio, r.low, r.high) if v > 0 and math.isfinite(v)]
    every = [min(max(v, _WIDEST[0]), _WIDEST[1]) for v in every]
    low = math.floor(math.log10(min([*every, 0.8])) * 2) / 2
    high = math.ceil(math.log10(max([*every, 1.25])) * 2) / 2
    x = Scale(low, high, _LEFT, _RIGHT)
    y, parts, said = 14.0, [], []
    for row in rows:
        lines = svg.wrap(row.label, 38)[:2]
        first = y + 4 - 7.5 * (len(lines) - 1)
        parts += [svg.label(0, first + 15 * i, part) for i, part in enumerate(lines)]
        parts += _bar(row, x, y)
        shown = significant(row.ratio)
        if math.isfinite(row.low) and math.isfinite(row.high):
            shown += f" ({significant(row.low)} to {significant(row.high)})"
        parts.append(svg.label(_RIGHT + 16, y + 4, shown, kind="value"))
        said.append(f"{row.label}: {shown}.")
        y += 22 if len(lines) == 1 else 34
    grid = []
    for tick in _ticks(low, high):
        at = x(math.log10(tick))
        grid.append(svg.line(at, 2, at, y, "reference" if tick == 1 else "grid"))
        grid.append(svg.label(at, y + 16, f"{tick:g}", anchor="middle", kind="tick"))
    grid.append(svg.line(_LEFT, y, _RIGHT, y, "axis"))
    title = "Odds ratio (1 = no association)"
    grid.append(svg.label((_LEFT + _RIGHT) / 2, y + 36, title, anchor="middle"))
    return svg.document(
        ident,
        _WIDTH,
        y + 44,
        title="Odds ratios with intervals",
        desc=" ".join(said),
        body=[*grid, *parts],
    )


def _bar(row: OddsRow, x: Scale, y: float) -> list[Markup]:
    parts = []
    if row.low > 0 and math.isfinite(row.low) and math.isfinite(row.high):
        a, b = (x.clipped(math.log10(v)) for v in (row.low, row.high))
        parts.append(svg.line(a, y, b, y, "bar cv"))
        for end, value in ((a, row.low), (b, row.high)):
            if x.low <= math.log10(value) <= x.high:
                parts.append(svg.line(end, y - 4, end, y + 4, "bar cv"))
            else:
                back = 6 if end == a else -6
                points = [(end + back, y - 4), (end, y), (end + back, y + 4)]
                parts.append(svg.polyline(points, "thin cv"))
    parts.append(svg.circle(x.clipped(math.log10(row.ratio)), y, 4.2, "mark cv"))
    return parts


def _ticks(low: float, high: float) -> list[float]:
    """Return powers of ten, and 2 and 5 times them where there is room."""
    factors = (1, 2, 5) if high - low <= 2 else (1,)
    powers = range(math.floor(low) - 1, math.ceil(high) + 1)
    every = (float(f"{f}e{p}") for p in powers for f in factors)
    return [v for v in every if low - 1e-9 <= math.log10(v) <= high + 1e-9]
