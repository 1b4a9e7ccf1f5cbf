"""A nomogram: points of each value, their sum, and the probability that belongs to it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from radiofib.report import svg
from radiofib.report.axes import Scale, round_ticks, tick_labels

__all__ = ["NomogramAxis", "nomogram_panel"]

_LEFT, _RIGHT, _WIDTH = 190.0, 690.0, 720.0
_STEP = 44.0
#: Probabilities worth a mark.
_SHOWN = (0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)


@dataclass(frozen=True)
class NomogramAxis:
    """A term: where on the axis of points each of its values lies."""

    label: str
    values: tuple[tuple[float, str], ...]


def nomogram_panel(
    ident: str,
    axes: Sequence[NomogramAxis],
    probabilities: Sequence[tuple[str, Sequence[tuple[float, float]]]],
) -> Markup:
    """Draw the axis of points, one axis for each term, the total, and the probabilities.

    Parameters
    ----------
    ident : str
        Identifier of the drawing.
    axes : sequence of NomogramAxis
        Terms with the points of their values.
    probabilities : sequence of (label, ((total, probability), ...))
        For each question the probability at totals, in order.

    Examples
    --------
    >>> age = NomogramAxis("Age", ((0.0, "40"), (50.0, "60"), (100.0, "80")))
    >>> drawn = nomogram_panel("n", [age], [("S4", ((0, 0.1), (100, 0.9)))])
    >>> [word in drawn for word in ("Points", "Age", "Total points", "S4")]
    [True, True, True, True]
    """
    ends = [p for a in axes for p, _ in a.values]
    x = Scale(*_range(min(ends, default=0.0), max(ends, default=100.0)), _LEFT, _RIGHT)
    y = 26.0
    ticks = round_ticks(x.low, x.high, 11)
    parts = _axis("Points", x, y, list(zip(ticks, tick_labels(ticks), strict=True)))
    said = []
    for axis in axes:
        y += _STEP
        parts += _axis(axis.label, x, y, _spaced(axis.values, x))
        worth = [p for p, _ in axis.values]
        said.append(f"{axis.label}: {min(worth):.0f} to {max(worth):.0f} points.")
    totals = [t for _, pairs in probabilities for t, _ in pairs]
    if totals:
        y += _STEP
        total = Scale(*_range(min(totals), max(totals)), _LEFT, _RIGHT)
        ticks = round_ticks(total.low, total.high, 11)
        parts += _axis("Total points", total, y, list(zip(ticks, tick_labels(ticks), strict=True)))
        for label, pairs in probabilities:
            y += _STEP
            parts += _axis(f"Probability: {label}", total, y, _spaced(_at(pairs), total))
    return svg.document(ident, _WIDTH, y + 30, title="Nomogram", desc=" ".join(said), body=parts)


def _range(low: float, high: float) -> tuple[float, float]:
    return (low, high) if high > low else (low, low + 1)


def _at(pairs: Sequence[tuple[float, float]]) -> list[tuple[float, str]]:
    """Return the totals at which round probabilities are reached, by linear interpolation."""
    p = np.array([b for _, b in pairs], dtype=np.float64)
    t = np.array([a for a, _ in pairs], dtype=np.float64)
    order = np.argsort(p, kind="stable")
    inside = [v for v in _SHOWN if p.min() <= v <= p.max()]
    return [(float(np.interp(v, p[order], t[order])), f"{v:g}") for v in inside]


def _spaced(values: Sequence[tuple[float, str]], x: Scale) -> list[tuple[float, str]]:
    """Keep the words of those values that do not run into one another; all keep their tick."""
    shown, last = [], -math.inf
    for at, word in sorted(values, key=lambda v: v[0]):
        half = 3.4 * len(word)
        fits = x(at) - half > last + 4
        shown.append((at, word if fits else ""))
        if fits:
            last = x(at) + half
    return shown


def _axis(name: str, x: Scale, y: float, marks: Sequence[tuple[float, str]]) -> list[Markup]:
    lines = svg.wrap(name, 27)[:2]
    first = y + 4 - 7.5 * (len(lines) - 1)
    parts = [svg.label(0, first + 15 * i, part) for i, part in enumerate(lines)]
    if marks:
        ends = [x(at) for at, _ in marks]
        parts.append(svg.line(min(ends), y, max(ends), y, "axis"))
    for at, word in marks:
        parts.append(svg.line(x(at), y, x(at), y + 5, "axis"))
        if word:
            parts.append(svg.label(x(at), y + 18, word, anchor="middle", kind="tick"))
    return parts
