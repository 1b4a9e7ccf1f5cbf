"""Figures of shares: with intervals against a line, and as the parts of a whole."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from radiofib.report import svg
from radiofib.report.axes import Scale, ticks
from radiofib.report.format import DASH
from radiofib.report.panels import mark

__all__ = ["Share", "ShareRow", "Whole", "parts_panel", "percents", "share_panel"]

_LEFT, _RIGHT, _WIDTH = 212.0, 560.0, 720.0
#: Most parts that have a shade of their own.
_SHADES = 3


@dataclass(frozen=True)
class Share:
    """A share with its interval in one setting; NaN ends draw no bar."""

    setting: str
    value: float
    low: float = math.nan
    high: float = math.nan


@dataclass(frozen=True)
class ShareRow:
    """One row of the figure, such as a scanner."""

    label: str
    shares: tuple[Share, ...]
    strong: bool = False


@dataclass(frozen=True)
class Whole:
    """A bar of parts that add up to one; `label` says of what."""

    label: str
    parts: tuple[float, ...]


def percents(value: float, low: float = math.nan, high: float = math.nan) -> str:
    """Show a share, and its interval when there is one, in percent.

    Examples
    --------
    >>> percents(0.873, 0.8, 0.923), percents(0.999), percents(0.0), percents(float("nan"))
    ('87 % (80–92)', '>99 %', '0 %', '–')
    """
    if not math.isfinite(value):
        return DASH
    shown = f"{_whole(value)} %"
    if not (math.isfinite(low) and math.isfinite(high)):
        return shown
    ends = (f"{100 * min(max(v, 0.0), 1.0):.0f}" for v in (low, high))
    return f"{shown} ({DASH.join(ends)})"


def _whole(share: float) -> str:
    """Show a share in whole percent; what is not quite 0 or 100 is never rounded to it."""
    number = 100 * min(max(share, 0.0), 1.0)
    if 0 < number < 0.5:
        return "<1"
    return ">99" if 99.5 <= number < 100 else f"{number:.0f}"


def share_panel(
    ident: str,
    rows: Sequence[ShareRow],
    key: Sequence[tuple[str, str]],
    *,
    measure: str,
    line: float,
    line_label: str,
    start: float = 0.0,
) -> Markup:
    """Draw shares with their intervals, against the share that was to be expected.

    Parameters
    ----------
    ident : str
        Identifier of the drawing.
    rows : sequence of ShareRow
        From top to bottom.
    key : sequence of (setting, label)
        What to write in the key.
    measure : str
        Title of the axis.
    line : float
        Where the line of reference is.
    line_label : str
        What it says.
    start : float
        Where the axis may begin at the latest; it begins earlier where an interval does.

    Examples
    --------
    >>> row = ShareRow("Scanner A", (Share("cv", 0.87, 0.8, 0.92),))
    >>> drawn = share_panel("s", [row], [("cv", "known scanners")], measure="Share", line=0.9,
    ...                     line_label="promised", start=0.6)
    >>> "87 % (80–92)" in drawn, "promised" in drawn
    (True, True)
    """
    ends = [
        min(max(v, 0.0), 1.0)
        for row in rows
        for s in row.shares
        for v in (s.value, s.low)
        if math.isfinite(v)
    ]
    low = max(0.0, min(start, math.floor(min(ends, default=start) * 10) / 10))
    x = Scale(low, 1.0, _LEFT, _RIGHT)
    step, y = 17.0, 34.0
    drawn: list[Markup] = []
    said: list[str] = []
    for row in rows:
        middle = y + step * (len(row.shares) - 1) / 2
        words = svg.wrap(row.label, 32)[:2]
        first = middle + 4 - 7.5 * (len(words) - 1)
        kind = "strong" if row.strong else ""
        drawn += [svg.label(0, first + 15 * i, w, kind=kind) for i, w in enumerate(words)]
        for share in row.shares:
            drawn.append(_bar(share, x, y))
            shown = percents(share.value, share.low, share.high)
            drawn.append(svg.label(_RIGHT + 16, y + 4, shown, kind="value"))
            said.append(f"{row.label}, {dict(key).get(share.setting, share.setting)}: {shown}.")
            y += step
        y += 9
    grid: list[Markup] = []
    for tick in ticks(low, 1.0, 0.1 if low >= 0.4 else 0.2):
        at = x(tick)
        grid.append(svg.line(at, 22, at, y, "grid"))
        grid.append(svg.label(at, y + 16, f"{100 * tick:.0f} %", anchor="middle", kind="tick"))
    grid.append(svg.line(_LEFT, y, _RIGHT, y, "axis"))
    at = x.clipped(line)
    grid.append(svg.line(at, 18, at, y, "reference"))
    anchor = "end" if at > _RIGHT - 60 else "start" if at < _LEFT + 60 else "middle"
    grid.append(svg.label(at, 12, line_label, anchor=anchor, kind="tick"))
    grid.append(svg.label((_LEFT + _RIGHT) / 2, y + 36, measure, anchor="middle"))
    foot, place = y + 60, _LEFT
    for setting, words_of in key:
        grid += [mark(setting, place, foot - 4), svg.label(place + 11, foot, words_of)]
        place += 34 + 6.6 * len(words_of)
    return svg.document(
        ident, _WIDTH, foot + 10, title=measure, desc=" ".join(said), body=[*grid, *drawn]
    )


def _bar(share: Share, x: Scale, y: float) -> Markup:
    tone = "loso" if share.setting == "loso" else "cv"
    drawn = []
    if math.isfinite(share.low) and math.isfinite(share.high):
        a, b = x.clipped(share.low), x.clipped(share.high)
        drawn.append(svg.line(a, y, b, y, f"bar {tone}"))
        drawn += [svg.line(e, y - 4, e, y + 4, f"bar {tone}") for e in (a, b)]
    if math.isfinite(share.value):
        drawn.append(mark(share.setting, x.clipped(share.value), y))
    return svg.group(*drawn)


def parts_panel(
    ident: str,
    bars: Sequence[Whole],
    names: Sequence[str],
    *,
    title: str,
    shades: Sequence[int] = (1, 2, 3),
) -> Markup:
    """Draw bars of parts, each with its percentage where there is room.

    Parameters
    ----------
    ident : str
        Identifier of the drawing.
    bars : sequence of Whole
        From top to bottom.
    names : sequence of str
        What each part is, at most three.
    title : str
        What is shown.
    shades : sequence of int
        Shade of each part: 1 dark, 2 light, 3 grey.

    Examples
    --------
    >>> drawn = parts_panel("p", [Whole("S4", (0.2, 0.5, 0.3))], ["out", "grey", "in"], title="T")
    >>> drawn.count('class="part'), "50 %" in drawn
    (6, True)
    """
    left, right = _LEFT, 690.0
    y, drawn, said = 30.0, [], []
    place = left
    for number, name in enumerate(names[:_SHADES]):
        drawn.append(svg.rect(place, 4, 12, 12, f"part p{shades[number]}"))
        drawn.append(svg.label(place + 18, 14.5, name))
        place += 44 + 6.6 * len(name)
    for bar in bars:
        parts = [min(max(v, 0.0), 1.0) if math.isfinite(v) else 0.0 for v in bar.parts[:_SHADES]]
        whole = sum(parts) or 1.0
        words = svg.wrap(bar.label, 32)[:2]
        first = y + 14 - 7.5 * (len(words) - 1)
        drawn += [svg.label(0, first + 15 * i, w) for i, w in enumerate(words)]
        at = left
        for number, part in enumerate(parts):
            width = (right - left) * part / whole
            drawn.append(svg.rect(at, y, width, 20, f"part p{shades[number]}"))
            if width > 36:
                inside = f"in{shades[number]}"
                middle = at + width / 2
                drawn.append(
                    svg.label(middle, y + 14.5, percents(part), anchor="middle", kind=inside)
                )
            at += width
        shown = ", ".join(f"{n} {percents(v)}" for n, v in zip(names, bar.parts, strict=False))
        said.append(f"{bar.label}: {shown}.")
        y += 38 if len(words) > 1 else 30
    return svg.document(ident, _WIDTH, y, title=title, desc=" ".join(said), body=drawn)
