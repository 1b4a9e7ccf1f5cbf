"""From the positions of slices to a grid: order, spacing, direction, gaps and doubles.

Pure functions on numbers; nothing here reads a file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from radiofib._checks import list_some
from radiofib.errors import ImageError

__all__ = ["STEP_TOLERANCE", "SliceGrid", "grid_from_positions", "unit_axes"]

#: Largest departure of one step between slices from the median step, as a share of it.
STEP_TOLERANCE = 0.1
#: Positions nearer than this are the same position (mm).
SAME_POSITION_MM = 1e-3


@dataclass(frozen=True)
class SliceGrid:
    """Where sorted slices lie.

    Parameters
    ----------
    order : tuple of int
        Input index of each slice, in ascending position along the normal.
    spacing_mm : float or None
        Mean distance between neighbouring slices; None for a single slice.
    origin_mm : tuple of float
        Position of the first slice in that order, (x, y, z).
    direction : tuple of float
        Row-major direction cosines; the third column is the normal (row x column).
    jitter_mm : float
        Largest departure of a step from the mean step.
    """

    order: tuple[int, ...]
    spacing_mm: float | None
    origin_mm: tuple[float, ...]
    direction: tuple[float, ...]
    jitter_mm: float


def unit_axes(orientation: ArrayLike, *, where: str | None = None) -> NDArray[np.float64]:
    """Return the axes of a slice as rows of a 3x3 matrix: along a row, down a column, normal.

    Parameters
    ----------
    orientation : array of 6 numbers
        ``ImageOrientationPatient``: cosines of the row, then of the column.
    where : str, optional
        Place, for the message.

    Raises
    ------
    ImageError
        When the two vectors are not unit vectors at right angles (within 0.01).

    Examples
    --------
    >>> unit_axes([1, 0, 0, 0, 0, -1])[2]
    array([0., 1., 0.])
    """
    pair = np.asarray(orientation, dtype=np.float64).reshape(-1)
    if pair.size == 6 and np.isfinite(pair).all():
        row, column = pair[:3], pair[3:]
        lengths = np.array([np.linalg.norm(row), np.linalg.norm(column)])
        if np.allclose(lengths, 1, atol=0.01) and abs(row @ column) < 0.01:
            row = row / lengths[0]
            column = column - (column @ row) * row
            column = column / np.linalg.norm(column)
            return np.stack([row, column, np.cross(row, column)]) + 0.0
    raise ImageError(
        "slice orientation is not two unit vectors at right angles",
        where=where,
        expected="six direction cosines in ImageOrientationPatient",
        found=list_some(np.round(pair, 4)),
    )


def grid_from_positions(
    positions: ArrayLike, orientation: ArrayLike, *, pixel_mm: float, where: str | None = None
) -> SliceGrid:
    """Sort slices along their normal and check that they form one regular grid.

    The position of a slice is its projection on the normal, ``p . n``; the spacing is
    ``(p_last - p_first) / (n - 1)``. Slice thickness plays no part: slices may overlap or lie
    apart.

    Parameters
    ----------
    positions : array of shape (n, 3)
        ``ImagePositionPatient`` of each slice, mm.
    orientation : array of 6 numbers
        ``ImageOrientationPatient``, the same for all.
    pixel_mm : float
        Smallest pixel spacing within a slice; slices may drift sideways by half of it.
    where : str, optional
        Place, for the messages.

    Raises
    ------
    ImageError
        For several slices at one position, missing slices, uneven steps, or slices that are
        displaced sideways (gantry tilt).

    Examples
    --------
    >>> grid = grid_from_positions([[0, 0, 4], [0, 0, 0], [0, 0, 2]], [1, 0, 0, 0, 1, 0],
    ...                            pixel_mm=1.0)
    >>> grid.order, grid.spacing_mm
    ((1, 2, 0), 2.0)
    """
    points = np.asarray(positions, dtype=np.float64).reshape(-1, 3)
    axes = unit_axes(orientation, where=where)
    along = points @ axes[2]
    order = np.argsort(along, kind="stable")
    along, points = along[order], points[order]
    spacing, jitter = None, 0.0
    if len(points) > 1:
        steps = np.diff(along)
        _refuse_doubles(along, steps, where)
        # Nine decimals: the subtraction leaves noise of 1e-14 on positions of a few hundred mm.
        spacing = round(float((along[-1] - along[0]) / (len(along) - 1)), 9)
        jitter = float(np.abs(steps - spacing).max())
        _refuse_uneven(along, steps, where)
        _refuse_tilt(points - points[0], axes, pixel_mm, where)
    return SliceGrid(
        order=tuple(int(i) for i in order),
        spacing_mm=spacing,
        origin_mm=tuple(float(p) for p in points[0]),
        direction=tuple(float(d) for d in axes.T.ravel()),
        jitter_mm=jitter,
    )


def _refuse_doubles(
    along: NDArray[np.float64], steps: NDArray[np.float64], where: str | None
) -> None:
    twice = np.flatnonzero(steps < SAME_POSITION_MM)
    if twice.size == 0:
        return
    places = np.unique(np.round(along[twice], 2))
    different = len(along) - twice.size
    raise ImageError(
        "several slices lie at one position",
        where=where,
        expected="one slice at each position",
        found=f"{len(along)} slices at {different} positions; more than one at "
        f"{list_some((_mm(p) for p in places), 4)}",
        hint="echoes, phases or b-values of one series, or two versions of a slice: put each "
        "into a folder of its own",
    )


def _refuse_uneven(
    along: NDArray[np.float64], steps: NDArray[np.float64], where: str | None
) -> None:
    median = float(np.median(steps))
    smallest = float(steps.min())
    whole = np.round(steps / smallest)
    if np.all(np.abs(steps / smallest - whole) <= STEP_TOLERANCE):
        median = smallest  # all steps are multiples: few slices, or every other one, are left
    odd = np.flatnonzero(np.abs(steps - median) > STEP_TOLERANCE * median)
    if odd.size == 0:
        return
    ratios = steps[odd] / median
    gaps = (ratios > 1.5) & (np.abs(ratios - np.round(ratios)) <= STEP_TOLERANCE * 2)
    places = list_some(
        (f"between {_mm(along[i])} and {_mm(along[i + 1])} ({_mm(steps[i])})" for i in odd), 4
    )
    if gaps.all():
        lost = int(np.round(ratios).sum() - len(ratios))
        raise ImageError(
            f"{lost} {'slice is' if lost == 1 else 'slices are'} missing from the series",
            where=where,
            expected=f"a slice every {_mm(median)}",
            found=f"a gap {places}",
            hint="export the whole series again",
        )
    raise ImageError(
        "slices are not evenly spaced",
        where=where,
        expected=f"steps of {_mm(median)} within {STEP_TOLERANCE:.0%}",
        found=f"a step {places}",
        hint="export the whole series again, or resample it to even steps",
    )


def _refuse_tilt(
    offsets: NDArray[np.float64], axes: NDArray[np.float64], pixel_mm: float, where: str | None
) -> None:
    drift = np.abs(offsets @ axes[:2].T)
    if drift.max() > 0.5 * pixel_mm:
        raise ImageError(
            "slices are displaced sideways, as by a tilted gantry",
            where=where,
            expected="slices stacked along their normal",
            found=f"{_mm(float(drift.max()))} between the first slice and the farthest one",
            hint="convert with a tool that corrects gantry tilt (dcm2niix does) and give the "
            "NIfTI file",
        )


def _mm(value: float) -> str:
    return f"{value:.6g} mm"


def same_orientation(orientations: Sequence[Sequence[float]]) -> bool:
    """Tell whether all slices are parallel: cosines differ by less than 0.001.

    Examples
    --------
    >>> same_orientation([[1, 0, 0, 0, 1, 0], [1, 0, 0, 0, 1, 0.0001]])
    True
    """
    table = np.asarray(orientations, dtype=np.float64)
    return bool(np.ptp(table, axis=0).max() < 1e-3)
