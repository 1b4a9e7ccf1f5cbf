"""LabelMe: one JSON file for an image, with its shapes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiofib.errors import MaskError
from radiofib.images.polygons.model import Annotation, Shape, check_vertex, ring

__all__ = ["circle", "parse_labelme", "rectangle", "whole_size"]


def parse_labelme(data: dict[str, Any], where: str) -> Annotation:
    """Read the content of a LabelMe file: polygons, rectangles and circles.

    Parameters
    ----------
    data : dict
        The parsed file, with ``shapes`` and, where given, ``imagePath``, ``imageWidth`` and
        ``imageHeight``.
    where : str
        Name of the file.

    Raises
    ------
    MaskError
        When a shape is of another kind (a line, points) or not sound.

    Examples
    --------
    >>> shape = {"label": "liver", "shape_type": "rectangle", "points": [[1, 1], [5, 4]]}
    >>> parse_labelme({"shapes": [shape], "imagePath": "a.png"}, "a.json").shapes[0].rings[0].shape
    (4, 2)
    """
    shapes = data["shapes"]
    if not isinstance(shapes, list):
        raise MaskError("'shapes' is not a list", where=where, found=type(shapes).__name__)
    image = data.get("imagePath") or ""
    if not isinstance(image, str):
        raise MaskError("'imagePath' is not a text", where=where, found=type(image).__name__)
    size = whole_size(data.get("imageHeight"), data.get("imageWidth"), where)
    found = [_shape(shape, f"{where}, shape {n}") for n, shape in enumerate(shapes, start=1)]
    return Annotation(image, size, tuple(found), where)


def _shape(shape: Any, where: str) -> Shape:
    if not isinstance(shape, dict):
        raise MaskError("shape is not an object", where=where, found=type(shape).__name__)
    label = shape.get("label")
    if not isinstance(label, str) or not label:
        raise MaskError("shape has no label", where=where, found=repr(label)[:60])
    where = f"{where} {label!r}"
    kind = shape.get("shape_type") or "polygon"
    points = shape.get("points")
    if kind == "polygon":
        return Shape(label, (ring(points, where),), where)
    if kind in ("rectangle", "circle"):
        if not isinstance(points, list) or len(points) != 2:
            raise MaskError(f"{kind} does not have two points", where=where, found=_count(points))
        # The three vertices that ring wants are checked after the corners are made.
        ends = np.array([_pair(point, where) for point in points])
        made = rectangle(*ends[0], *ends[1]) if kind == "rectangle" else _round(ends)
        return Shape(label, (ring(made.tolist(), where),), where)
    raise MaskError(
        "shape is of a kind that holds no area or is not known",
        where=where,
        expected="polygon, rectangle or circle",
        found=repr(kind)[:60],
    )


def _count(points: Any) -> str:
    return str(len(points)) if isinstance(points, list) else type(points).__name__


def _pair(point: Any, where: str) -> tuple[float, float]:
    check_vertex(point, where)
    return float(point[0]), float(point[1])


def _round(ends: NDArray[np.float64]) -> NDArray[np.float64]:
    return circle(*ends[0], *(2 * [float(np.hypot(*(ends[1] - ends[0])))]))


def rectangle(x0: float, y0: float, x1: float, y1: float) -> NDArray[np.float64]:
    """Return the corners of an upright rectangle.

    Examples
    --------
    >>> rectangle(0, 0, 2, 1).tolist()
    [[0.0, 0.0], [2.0, 0.0], [2.0, 1.0], [0.0, 1.0]]
    """
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], dtype=np.float64)


def circle(x: float, y: float, rx: float, ry: float) -> NDArray[np.float64]:
    """Return an ellipse with upright axes as a polygon of 128 vertices.

    Examples
    --------
    >>> circle(0, 0, 2, 1).shape
    (128, 2)
    """
    turn = np.linspace(0, 2 * np.pi, 128, endpoint=False)
    return np.stack([x + rx * np.cos(turn), y + ry * np.sin(turn)], axis=1)


def whole_size(height: Any, width: Any, where: str) -> tuple[int, int] | None:
    """Return rows and columns of the image, None where neither is given.

    Raises
    ------
    MaskError
        When they are not positive whole numbers.
    """
    if height is None and width is None:
        return None
    for value in (height, width):
        if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 10**6:
            raise MaskError(
                "size of the image is not two whole numbers from 1",
                where=where,
                found=f"{height!r} and {width!r}"[:80],
            )
    return height, width
