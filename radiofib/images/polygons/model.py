"""What all annotation files say: the shapes of an image; and the mask they make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiofib._checks import list_some
from radiofib.errors import MaskError
from radiofib.images.contours import fill_contours, polygon_area

__all__ = [
    "Annotation",
    "Shape",
    "check_vertex",
    "crosses_itself",
    "crossing_shapes",
    "pick_annotation",
    "polygon_mask",
    "ring",
]

#: A vertex may lie this far outside the picture, in pixels: tools let the hand slip.
_SLIP = 2.0
#: No picture has pixels so far from its corner.
_FAR = 1e9


@dataclass(frozen=True, eq=False)
class Shape:
    """One region that was drawn.

    Parameters
    ----------
    label : str
        What it is called.
    rings : tuple of ndarray of shape (n, 2)
        Vertices (x, y) in pixels, the upper left corner of the picture being (0, 0); several
        rings are parts of one region, a ring within another is a hole.
    where : str
        File and shape, for messages.
    frame : int or None
        Frame of a film that it was drawn on.
    """

    label: str
    rings: tuple[NDArray[np.float64], ...]
    where: str
    frame: int | None = None


@dataclass(frozen=True, eq=False)
class Annotation:
    """The shapes of one image.

    Parameters
    ----------
    image : str
        Name the file gives the image; "" when it gives none.
    size : (rows, columns) or None
        Size of the image, where the file says it.
    shapes : tuple of Shape
        In the order of the file.
    where : str
        Name of the file.
    problem : MaskError, optional
        Why the shapes of this image cannot be used; those of the file's other images can.
    """

    image: str
    size: tuple[int, int] | None
    shapes: tuple[Shape, ...]
    where: str
    problem: MaskError | None = None


def several(found: list[Annotation]) -> list[Annotation]:
    """Return the annotations of a file, one bad image of which does not spoil the others.

    Raises
    ------
    MaskError
        When no image of the file can be used: the first problem.
    """
    problems = [a.problem for a in found if a.problem is not None]
    if problems and len(problems) == len(found):
        raise problems[0]
    return found


def ring(points: object, where: str) -> NDArray[np.float64]:
    """Return a closed line of at least three different vertices that encloses an area.

    Raises
    ------
    MaskError
        Naming the file and the shape.

    Examples
    --------
    >>> ring([[0, 0], [2, 0], [2, 2]], "a.json, shape 1").shape
    (3, 2)
    >>> ring([[0, 0], [2, "x"], [2, 2]], "a.json, shape 1")
    Traceback (most recent call last):
    radiofib.errors.MaskError: a.json, shape 1: vertices are not pairs of numbers (found [2, 'x']).
    """
    if not isinstance(points, list | tuple):
        raise MaskError("vertices are not a list", where=where, found=type(points).__name__)
    for point in points:
        check_vertex(point, where)
    if len({(float(x), float(y)) for x, y in points}) < 3:
        raise MaskError(
            "shape has too few vertices",
            where=where,
            expected="at least three different ones",
            found=str(len(points)),
        )
    array = np.array(points, dtype=np.float64)
    if polygon_area(array) <= 0 and not _crosses(array):
        raise MaskError(
            "shape encloses no area", where=where, found=f"{len(array)} vertices on a line"
        )
    return array


def check_vertex(point: Any, where: str) -> None:
    """Raise unless a vertex is two numbers that may lie in a picture.

    Examples
    --------
    >>> check_vertex([1e9, 200], "a.json, shape 1")
    Traceback (most recent call last):
    radiofib.errors.MaskError: a.json, shape 1: vertex lies far outside any picture (expected x and
    y in pixels; found [1000000000.0, 200]). Next: correct the vertex in the annotation tool.
    """
    found = repr(point)
    found = found if len(found) <= 60 else f"{found[:57]}..."
    pair = isinstance(point, list | tuple) and len(point) == 2
    numbers = pair and all(
        isinstance(v, int | float) and not isinstance(v, bool) and v == v for v in point
    )
    if not numbers:
        raise MaskError("vertices are not pairs of numbers", where=where, found=found)
    # Compared as they are: a whole number of hundreds of digits is no float.
    if not all(-_FAR < v < _FAR for v in point):
        raise MaskError(
            "vertex lies far outside any picture",
            where=where,
            expected="x and y in pixels",
            found=found,
            hint="correct the vertex in the annotation tool",
        )


def _crosses(points: NDArray[np.float64]) -> bool:
    """Tell a figure of eight, whose halves cancel, from vertices on one line."""
    spread = points - points.mean(axis=0)
    return bool(np.linalg.matrix_rank(spread, tol=1e-9) > 1)


def crosses_itself(line: NDArray[np.float64]) -> bool:
    """Tell whether two sides of a closed line cross, other than at a common end.

    Sides ``ab`` and ``cd`` cross when ``c`` and ``d`` lie on different sides of ``ab`` and ``a``
    and ``b`` on different sides of ``cd``; sides that touch or lie on each other, as those of a
    keyhole do, do not.

    Parameters
    ----------
    line : ndarray of shape (n, 2)
        Vertices (x, y); closed by a line from the last to the first.

    Examples
    --------
    >>> crosses_itself(np.array([[0.0, 0], [2, 0], [2, 2], [0, 2]]))
    False
    >>> crosses_itself(np.array([[0.0, 0], [2, 2], [2, 0], [0, 2]]))
    True
    """
    ends = np.roll(line, -1, axis=0)
    way = ends - line

    def side(of: NDArray[np.float64], number: int) -> NDArray[np.float64]:
        gap = of - line[number]
        return np.asarray(np.sign(way[number, 0] * gap[:, 1] - way[number, 1] * gap[:, 0]))

    for number in range(len(line)):
        parted = side(line, number) * side(ends, number) < 0
        if parted.any():
            near = (line - line[number]), (line - ends[number])
            turns = [np.sign(way[:, 0] * -n[:, 1] + way[:, 1] * n[:, 0]) for n in near]
            if (parted & (turns[0] * turns[1] < 0)).any():
                return True
    return False


def crossing_shapes(
    annotation: Annotation, *, labels: Sequence[str] = (), frame: int | None = None
) -> list[str]:
    """Return what is doubtful about the shapes that count: outlines that cross themselves.

    Parameters
    ----------
    annotation, labels, frame
        As for :func:`polygon_mask`.
    """
    return [
        f"{s.where}: the outline crosses itself, and what it goes round twice is left out"
        for s in annotation.shapes
        if (s.frame is None or frame is None or s.frame == frame)
        and (not labels or s.label in labels)
        and any(crosses_itself(line) for line in s.rings)
    ]


def pick_annotation(
    annotations: Sequence[Annotation], image: str, *, shape: tuple[int, int]
) -> tuple[Annotation, list[str]]:
    """Return the annotation of an image, by its name.

    The whole name decides, then the name without folders, then that without its ending too. A
    file about a single image is used under any name, with a doubt, as long as the size fits.

    Raises
    ------
    MaskError
        When no annotation, or more than one, is about this image, or its size is another.
    """
    where = annotations[0].where if annotations else None
    name = image.replace("\\", "/")
    last = PurePosixPath(name).name
    exact = [a for a in annotations if a.image.replace("\\", "/") == name]
    found = exact or [
        a for a in annotations if PurePosixPath(a.image.replace("\\", "/")).name == last
    ]
    doubts: list[str] = []
    if not found:
        stem = PurePosixPath(name).stem
        found = [a for a in annotations if PurePosixPath(a.image.replace("\\", "/")).stem == stem]
    if not found and len(annotations) == 1:
        found = list(annotations)
        if found[0].image:
            doubts.append(
                f"{found[0].where} names another picture than this one: was it drawn on this one?"
            )
    if len(found) != 1:
        raise MaskError(
            "annotation file is about several images of this name"
            if found
            else "annotation file is not about this image",
            where=where,
            expected=f"one image called {last!r}",
            found=f"{len(found) or len(annotations)} "
            + ("of that name" if found else "with other names"),
            hint="give the image the name it has in the annotation tool",
        )
    one = found[0]
    if one.problem is not None:
        raise one.problem
    if one.size is not None and one.size != shape:
        raise MaskError(
            "annotation was drawn on an image of another size",
            where=one.where,
            expected=f"{shape[1]} x {shape[0]}",
            found=f"{one.size[1]} x {one.size[0]}",
            hint="annotate the picture that is analysed, not a resized copy",
        )
    return one, doubts


def polygon_mask(
    annotation: Annotation,
    shape: tuple[int, int],
    *,
    labels: Sequence[str] = (),
    frame: int | None = None,
) -> NDArray[np.bool_]:
    """Return the pixels whose centres lie in any of the shapes.

    Parameters
    ----------
    annotation : Annotation
        The shapes.
    shape : (rows, columns)
        Of the image.
    labels : sequence of str
        Labels that count; with none given there must be only one.
    frame : int, optional
        Frame of a film: shapes drawn on other frames do not count.

    Raises
    ------
    MaskError
        When no shape counts, labels are several and none is chosen, a shape leaves the picture,
        or no pixel is inside.

    Examples
    --------
    >>> corners = np.array([[1.0, 1.0], [3, 1], [3, 3], [1, 3]])
    >>> square = Shape("liver", (corners,), "a.json, shape 1")
    >>> polygon_mask(Annotation("a.png", (4, 4), (square,), "a.json"), (4, 4)).astype(int)
    array([[0, 0, 0, 0],
           [0, 1, 1, 0],
           [0, 1, 1, 0],
           [0, 0, 0, 0]])
    """
    here = [s for s in annotation.shapes if s.frame is None or frame is None or s.frame == frame]
    present = sorted({s.label for s in here})
    if labels:
        here = [s for s in here if s.label in labels]
    elif len(present) > 1:
        raise MaskError(
            "annotation has several labels and none was chosen",
            where=annotation.where,
            found=list_some(map(repr, present)),
            hint="say which one is the region to be measured (labels)",
        )
    if not here:
        raise MaskError(
            "no shape is drawn on this image",
            where=annotation.where,
            expected=f"a shape called {list_some(map(repr, labels))}" if labels else "a shape",
            found=list_some(map(repr, present)) or "none",
        )
    mask = np.zeros(shape, dtype=bool)
    for one in here:
        for line in one.rings:
            low, high = line.min(axis=0), line.max(axis=0)
            if low.min() < -_SLIP or high[0] > shape[1] + _SLIP or high[1] > shape[0] + _SLIP:
                raise MaskError(
                    "shape leaves the picture",
                    where=one.where,
                    expected=f"x from 0 to {shape[1]}, y from 0 to {shape[0]}",
                    found=f"x from {low[0]:g} to {high[0]:g}, y from {low[1]:g} to {high[1]:g}",
                    hint="it may have been drawn on another picture",
                )
        # Tools count from the corner of the first pixel, fill_contours from its centre.
        mask |= fill_contours([line - 0.5 for line in one.rings], shape)
    if not mask.any():
        raise MaskError(
            "shapes hold the centre of no pixel",
            where=annotation.where,
            found=f"{len(here)} shapes",
        )
    return mask
