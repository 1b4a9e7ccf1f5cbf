"""The grid of a segmentation whose empty slices were left out.

Pure functions on numbers; nothing here reads a file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from radiofib._checks import list_some
from radiofib.errors import MaskError
from radiofib.images.dicom_geometry import SAME_POSITION_MM, STEP_TOLERANCE, unit_axes

__all__ = ["SparseGrid", "slice_step", "sparse_grid"]


@dataclass(frozen=True)
class SparseGrid:
    """Where frames lie on a grid that has a slice for each, and more.

    Parameters
    ----------
    slices : tuple of int
        Slice of each frame, counted along the normal from 0.
    n_slices : int
        Number of slices, frames or none on them.
    spacing_mm : float
        Between slices.
    origin_mm, direction : tuple of float
        As in :class:`radiofib.images.dicom_geometry.SliceGrid`.
    spacing_known : bool
        False when one slice does not state its thickness.
    notes : tuple of str
    """

    slices: tuple[int, ...]
    n_slices: int
    spacing_mm: float
    origin_mm: tuple[float, ...]
    direction: tuple[float, ...]
    spacing_known: bool
    notes: tuple[str, ...]


def slice_step(
    along: NDArray[np.float64],
    stated: Sequence[float | None],
    image_step: float | None = None,
    *,
    where: str | None = None,
) -> tuple[float | None, list[str]]:
    """Return the distance between slices of a segmentation, from the positions of its frames.

    Frames of empty slices are usually left out, so the smallest step may be several slices.
    In this order, whichever first divides all steps (within
    :data:`~radiofib.images.dicom_geometry.STEP_TOLERANCE`): the image's spacing when the header
    states it too; even steps that the header states; the image's spacing; even steps; the
    stated spacing; the smallest step.

    Parameters
    ----------
    along : ndarray
        Different positions along the normal, ascending, mm.
    stated : sequence of float or None
        What the header says: spacing between slices, thickness.
    image_step : float, optional
        Spacing between slices of the image the segmentation was drawn on.
    where : str, optional
        Place, for the message.

    Returns
    -------
    float or None
        None when there is one position and nothing else is known.
    list of str
        Notes.

    Raises
    ------
    MaskError
        When no spacing fits the positions.

    Examples
    --------
    >>> slice_step(np.array([0.0, 2.0, 8.0]), [None, 3.2])
    (2.0, [])
    >>> slice_step(np.array([0.0, 4.0, 8.0]), [2.0], image_step=2.0)
    (2.0, [])
    """
    known = [float(s) for s in stated if s]
    if len(along) == 1:
        choice = known[0] if known else image_step
        return choice, []
    steps = np.diff(along)
    smallest = float(steps.min())
    even = float(np.ptp(steps)) <= STEP_TOLERANCE * smallest
    mean = round(float((along[-1] - along[0]) / (len(along) - 1)), 9)
    on_image = image_step is not None and _divides(along, image_step)
    if image_step and on_image and _agrees(known, image_step):
        return _refined(along, image_step), []
    if even and _agrees(known, mean):
        return mean, []
    if image_step and on_image:
        return _refined(along, image_step), []
    if even:
        return mean, [
            f"frames lie {mean:.6g} mm apart by their positions; the stated {s:g} mm is not used"
            for s in known[:1]
        ]
    for candidate in (*known[:1], smallest):
        if _divides(along, candidate):
            return _refined(along, candidate), []
    raise MaskError(
        "frames of the segmentation are not on evenly spaced slices",
        where=where,
        expected=f"steps that are multiples of {smallest:.6g} mm",
        found=list_some((f"{s:.6g} mm" for s in np.unique(np.round(steps, 3))), 5),
        hint="export it again, or resample it onto the image's grid",
    )


def _agrees(known: Sequence[float], step: float) -> bool:
    return any(abs(number - step) <= 0.01 * step for number in known)


def _divides(along: NDArray[np.float64], step: float) -> bool:
    index = (along - along[0]) / step
    whole = np.round(index)
    return bool((np.abs(index - whole) <= STEP_TOLERANCE).all() and (np.diff(whole) >= 1).all())


def _refined(along: NDArray[np.float64], step: float) -> float:
    whole = along[-1] - along[0]
    return round(float(whole / np.round(whole / step)), 9)


def sparse_grid(
    positions: ArrayLike,
    orientation: ArrayLike,
    *,
    stated: Sequence[float | None],
    pixel_mm: float,
    image_step: float | None = None,
    where: str | None = None,
) -> SparseGrid:
    """Place frames on the grid of slices they were taken from.

    Parameters
    ----------
    positions : array of shape (n, 3)
        ``ImagePositionPatient`` of each frame; frames of several segments may share one.
    orientation : array of 6 numbers
        ``ImageOrientationPatient``, the same for all.
    stated, image_step, where
        As in :func:`slice_step`.
    pixel_mm : float
        Smallest pixel spacing; frames may lie sideways by half of it.

    Raises
    ------
    MaskError
        When frames are displaced sideways, or no spacing fits them.

    Examples
    --------
    >>> grid = sparse_grid([[0, 0, 8], [0, 0, 0], [0, 0, 2], [0, 0, 8]], [1, 0, 0, 0, 1, 0],
    ...                    stated=[2.0], pixel_mm=1.0)
    >>> grid.slices, grid.n_slices
    ((4, 0, 1, 4), 5)
    """
    points = np.asarray(positions, dtype=np.float64).reshape(-1, 3)
    axes = unit_axes(orientation, where=where)
    height = points @ axes[2]
    first = int(np.argmin(height))
    drift = float(np.abs((points - points[first]) @ axes[:2].T).max())
    if drift > 0.5 * pixel_mm:
        raise MaskError(
            "frames of the segmentation are displaced sideways",
            where=where,
            expected="frames stacked along their normal",
            found=f"{drift:.6g} mm",
            hint="export it again on the image's own grid",
        )
    along = np.sort(height - height[first])
    along = along[np.concatenate([[True], np.diff(along) > SAME_POSITION_MM])]
    step, said = slice_step(along, stated, image_step, where=where)
    if step is None:
        said = ["one slice of unstated thickness: 1 mm assumed"]
    slices = np.round((height - height[first]) / (step or 1.0)).astype(int)
    return SparseGrid(
        slices=tuple(int(s) for s in slices),
        n_slices=int(slices.max()) + 1,
        spacing_mm=step or 1.0,
        origin_mm=tuple(float(p) for p in points[first]),
        direction=tuple(float(d) for d in axes.T.ravel()),
        spacing_known=step is not None,
        notes=tuple(said),
    )
