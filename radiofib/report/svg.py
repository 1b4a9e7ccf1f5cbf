"""Small pure functions that write SVG: escaping, shapes, lines, text.

Own SVG rather than matplotlib's, because the page must be light, crisp, accessible and the same
bytes everywhere: a ROC curve takes about 3 kB here and 40 kB there; labels stay text that can be
read, searched and scaled; colours and fonts follow the page's style sheet; nothing depends on the
version of a plotting library or its fonts; and no plotting library has to be imported.

All lengths are user units, about one CSS pixel. Every value that comes from outside passes
through :func:`element` or :func:`label`, which escape it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from markupsafe import Markup, escape
from numpy.typing import NDArray

from radiofib.report.format import clean

__all__ = [
    "circle",
    "diamond",
    "document",
    "element",
    "group",
    "label",
    "line",
    "number",
    "polyline",
    "rect",
    "simplify",
    "wrap",
]


def number(value: float) -> str:
    """Write a coordinate with two decimals at most and no trailing zeros.

    Examples
    --------
    >>> number(1.50), number(-0.001), number(3)
    ('1.5', '0', '3')
    """
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def element(name: str, content: str | Markup = "", **attributes: object) -> Markup:
    """Write one element; names of attributes use ``_`` for ``-`` and a trailing ``_`` is dropped.

    Floats are written by :func:`number`; everything else is escaped; None leaves an attribute out.

    Examples
    --------
    >>> print(element("text", "<b>", x=1.0, class_="t", text_anchor="end"))
    <text x="1" class="t" text-anchor="end">&lt;b&gt;</text>
    """
    written = Markup("")
    for key, value in attributes.items():
        if value is None:
            continue
        shown = number(value) if isinstance(value, float) else clean(value)
        written += Markup(' {}="{}"').format(key.rstrip("_").replace("_", "-"), shown)
    inside = content if isinstance(content, Markup) else escape(clean(content))
    if not inside:
        return Markup("<{}{}/>").format(Markup(name), written)
    return Markup("<{0}{1}>{2}</{0}>").format(Markup(name), written, inside)


def group(*parts: Markup, **attributes: object) -> Markup:
    """Put elements into a ``<g>``.

    Examples
    --------
    >>> print(group(element("a"), class_="x"))
    <g class="x"><a/></g>
    """
    return element("g", Markup("").join(parts), **attributes)


def document(
    ident: str, width: float, height: float, *, title: str, desc: str, body: Iterable[Markup]
) -> Markup:
    r"""Wrap elements into a stand-alone ``<svg>`` that a screen reader announces.

    Parameters
    ----------
    ident : str
        Unique in the page; letters, digits and ``-``.
    width, height : float
        Size of the drawing.
    title, desc : str
        What the picture is, and what it shows in words.
    body : iterable of Markup
        Elements, drawn in order.

    Examples
    --------
    >>> svg = document("f1", 10, 5, title="T", desc="D", body=[element("g")])
    >>> svg.count("aria-labelledby"), "<title id=\"f1-t\">T</title>" in svg
    (1, True)
    """
    head = element("title", title, id=f"{ident}-t") + element("desc", desc, id=f"{ident}-d")
    return element(
        "svg",
        head + Markup("").join(body),
        role="img",
        aria_labelledby=f"{ident}-t {ident}-d",
        viewBox=f"0 0 {number(width)} {number(height)}",
        width=float(width),
        height=float(height),
    )


def label(x: float, y: float, content: str, *, anchor: str = "start", kind: str = "") -> Markup:
    """Write text at a point; `kind` is a class of the style sheet (``tick``, ``strong`` ...).

    Examples
    --------
    >>> print(label(1, 2, "a"))
    <text x="1" y="2">a</text>
    """
    return element(
        "text",
        content,
        x=float(x),
        y=float(y),
        text_anchor=None if anchor == "start" else anchor,
        class_=kind or None,
    )


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> Markup:
    """Draw a straight line.

    Examples
    --------
    >>> print(line(0, 0, 1, 1, "axis"))
    <line x1="0" y1="0" x2="1" y2="1" class="axis"/>
    """
    return element("line", x1=float(x1), y1=float(y1), x2=float(x2), y2=float(y2), class_=kind)


def rect(x: float, y: float, width: float, height: float, kind: str) -> Markup:
    """Draw a rectangle.

    Examples
    --------
    >>> print(rect(0, 0, 1, 2, "box"))
    <rect x="0" y="0" width="1" height="2" class="box"/>
    """
    return element(
        "rect", x=float(x), y=float(y), width=float(width), height=float(height), class_=kind
    )


def circle(x: float, y: float, radius: float, kind: str) -> Markup:
    """Draw a circle.

    Examples
    --------
    >>> print(circle(1, 2, 3, "dot"))
    <circle cx="1" cy="2" r="3" class="dot"/>
    """
    return element("circle", cx=float(x), cy=float(y), r=float(radius), class_=kind)


def diamond(x: float, y: float, radius: float, kind: str) -> Markup:
    """Draw a diamond, told from a circle without colour.

    Examples
    --------
    >>> print(diamond(5, 5, 2, "dot"))
    <path d="M5 3L7 5L5 7L3 5Z" class="dot"/>
    """
    points = [(x, y - radius), (x + radius, y), (x, y + radius), (x - radius, y)]
    return element("path", d="M" + "L".join(_point(p) for p in points) + "Z", class_=kind)


def polyline(points: Sequence[tuple[float, float]] | NDArray[np.float64], kind: str) -> Markup:
    """Draw a line through points.

    Examples
    --------
    >>> print(polyline([(0, 0), (1, 2)], "c"))
    <path d="M0 0L1 2" class="c"/>
    """
    return element("path", d="M" + "L".join(_point(p) for p in points), class_=kind)


def _point(point: Sequence[float] | NDArray[np.float64]) -> str:
    return f"{number(float(point[0]))} {number(float(point[1]))}"


def simplify(points: NDArray[np.float64], tolerance: float = 0.35) -> NDArray[np.float64]:
    """Drop points of a curve that lie within `tolerance` of the line without them.

    Ramer, Douglas and Peucker's method, iterative: a ROC curve of a million points becomes a few
    hundred that draw the same line.

    Examples
    --------
    >>> simplify(np.array([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0], [2.0, 5.0]])).tolist()
    [[0.0, 0.0], [2.0, 0.0], [2.0, 5.0]]
    """
    n = len(points)
    if n < 3:
        return points
    keep = np.zeros(n, dtype=bool)
    keep[[0, -1]] = True
    stack = [(0, n - 1)]
    while stack:
        first, last = stack.pop()
        if last - first < 2:
            continue
        inner = points[first + 1 : last] - points[first]
        chord = points[last] - points[first]
        length = float(np.hypot(*chord))
        if length == 0:
            distance = np.hypot(inner[:, 0], inner[:, 1])
        else:
            distance = np.abs(inner[:, 0] * chord[1] - inner[:, 1] * chord[0]) / length
        worst = int(np.argmax(distance))
        if distance[worst] > tolerance:
            middle = first + 1 + worst
            keep[middle] = True
            stack += [(first, middle), (middle, last)]
    return points[keep]


def wrap(content: str, width: int) -> list[str]:
    """Break text into lines of at most `width` characters; a longer word is cut.

    Examples
    --------
    >>> wrap("one two three", 8)
    ['one two', 'three']
    >>> wrap("abcdefghij", 4)
    ['abcd', 'efgh', 'ij']
    """
    lines: list[str] = []
    current = ""
    for word in clean(content).split():
        rest = word
        while len(rest) > width:
            if current:
                lines.append(current)
                current = ""
            lines.append(rest[:width])
            rest = rest[width:]
        if current and len(current) + 1 + len(rest) > width:
            lines.append(current)
            current = rest
        else:
            current = f"{current} {rest}".strip()
    return [*lines, current] if current else lines
