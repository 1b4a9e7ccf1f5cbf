"""Scales from data to drawing, round tick values, and the two axes of a panel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from radiofib.report import svg

__all__ = ["Scale", "axes", "round_ticks", "tick_labels", "ticks"]


@dataclass(frozen=True)
class Scale:
    """A linear map from data to drawing.

    Examples
    --------
    >>> Scale(0, 1, 100, 300)(0.25)
    150.0
    """

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Map a value."""
        share = (value - self.low) / (self.high - self.low)
        return float(self.start + share * (self.end - self.start))

    def clipped(self, value: float) -> float:
        """Map a value after moving it to the nearest end of the range."""
        return self(min(max(value, self.low), self.high))


def ticks(low: float, high: float, step: float) -> list[float]:
    """Return the multiples of `step` from `low` to `high`.

    Examples
    --------
    >>> ticks(0.25, 0.6, 0.1)
    [0.3, 0.4, 0.5, 0.6]
    """
    first, last = int(np.ceil(low / step - 1e-9)), int(np.floor(high / step + 1e-9))
    return [round(i * step, 10) for i in range(first, last + 1)]


def round_ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Return at most `most` round values (1, 2 or 5 times a power of ten) of a range.

    Examples
    --------
    >>> round_ticks(0, 1), round_ticks(-3.2, 41)
    ([0.0, 0.2, 0.4, 0.6, 0.8, 1.0], [0.0, 10.0, 20.0, 30.0, 40.0])
    """
    wide = (high - low) / max(most - 1, 1)
    if not np.isfinite(wide) or wide <= 0:
        return [low]
    power = 10.0 ** np.floor(np.log10(wide))
    step = float(next(f * power for f in (1, 2, 5, 10) if f * power >= wide * 0.999))
    first, last = int(np.ceil(low / step - 1e-9)), int(np.floor(high / step + 1e-9))
    return [float(f"{i * step:.12g}") for i in range(first, last + 1)]


def tick_labels(values: Sequence[float]) -> list[str]:
    """Write the values of an axis with equal decimals, as few as tell them apart.

    Examples
    --------
    >>> tick_labels([0.0, 0.25, 0.5]), tick_labels([-10.0, 0.0, 10.0]), tick_labels([2e7])
    (['0.00', '0.25', '0.50'], ['−10', '0', '10'], ['2e+07'])
    """
    largest = max((abs(v) for v in values), default=0.0)
    if largest >= 1e5 or 0 < largest < 1e-3:
        shown = [f"{v:.3g}" for v in values]
    else:
        digits = next((d for d in range(6) if all(abs(round(v, d) - v) < 1e-9 for v in values)), 6)
        shown = [f"{v:.{digits}f}" for v in values]
    return [text.replace("-", "−") if text[:1] == "-" else text for text in shown]


def axes(
    x: Scale,
    y: Scale,
    *,
    x_label: str,
    y_label: str,
    x_ticks: Sequence[float],
    y_ticks: Sequence[float],
) -> Markup:
    """Draw both axes with light grid lines, tick labels and titles.

    Examples
    --------
    >>> drawing = axes(Scale(0, 1, 40, 140), Scale(0, 1, 110, 10), x_label="x", y_label="y",
    ...                x_ticks=[0, 1], y_ticks=[0, 1])
    >>> drawing.count("<text")
    6
    """
    parts = []
    for tick, shown in zip(x_ticks, tick_labels(x_ticks), strict=True):
        at = x(tick)
        parts += [
            svg.line(at, y.start, at, y.end, "grid"),
            svg.label(at, y.start + 16, shown, anchor="middle", kind="tick"),
        ]
    for tick, shown in zip(y_ticks, tick_labels(y_ticks), strict=True):
        at = y(tick)
        parts += [
            svg.line(x.start, at, x.end, at, "grid"),
            svg.label(x.start - 7, at + 4, shown, anchor="end", kind="tick"),
        ]
    middle_x, middle_y = (x.start + x.end) / 2, (y.start + y.end) / 2
    return svg.group(
        *parts,
        svg.line(x.start, y.start, x.end, y.start, "axis"),
        svg.line(x.start, y.start, x.start, y.end, "axis"),
        svg.label(middle_x, y.start + 36, x_label, anchor="middle"),
        svg.element(
            "text",
            y_label,
            text_anchor="middle",
            transform=f"translate({svg.number(x.start - 36)} {svg.number(middle_y)}) rotate(-90)",
        ),
    )
