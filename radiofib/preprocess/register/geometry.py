"""Transforms as matrices: applying, measuring how far two lie apart."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

__all__ = [
    "apply",
    "distance_mm",
    "inside",
    "inverse",
    "linear",
    "matrix_of",
    "meet",
    "overlap",
    "reach",
]

Points = NDArray[np.float64]


def matrix_of(transform: sitk.Transform) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return A and t of a linear transform ``q = A p + t``.

    Examples
    --------
    >>> move = sitk.Euler3DTransform(); move.SetTranslation((1, 2, 3))
    >>> matrix_of(move)[1]
    array([1., 2., 3.])
    """
    origin = np.array(transform.TransformPoint((0.0, 0.0, 0.0)))
    axes = [np.array(transform.TransformPoint(e)) - origin for e in np.eye(3).tolist()]
    return np.stack(axes, axis=1), origin


def apply(transform: sitk.Transform, points: Points) -> Points:
    """Map points, (n, 3) in mm, by a linear transform."""
    matrix, shift = matrix_of(transform)
    moved: Points = points @ matrix.T + shift
    return moved


def linear(
    matrix: NDArray[np.float64],
    shift: NDArray[np.float64],
    kind: str,
    centre: NDArray[np.float64] | None = None,
) -> sitk.Transform:
    """Return ``q = A p + t`` as a transform that turns about a centre.

    Parameters
    ----------
    kind : {"rigid", "affine"}
        ``Euler3DTransform`` or ``AffineTransform``.

    Examples
    --------
    >>> matrix_of(linear(np.eye(3), np.array([1.0, 2, 3]), "rigid", np.array([9.0, 9, 9])))[1]
    array([1., 2., 3.])
    """
    about = np.zeros(3) if centre is None else np.asarray(centre, dtype=np.float64)
    rest = (shift + matrix @ about - about).tolist()
    if kind == "rigid":
        rigid = sitk.Euler3DTransform()
        rigid.SetCenter(about.tolist())
        rigid.SetMatrix(matrix.ravel().tolist(), 1e-4)
        rigid.SetTranslation(rest)
        return rigid
    affine = sitk.AffineTransform(3)
    affine.SetCenter(about.tolist())
    affine.SetMatrix(matrix.ravel().tolist())
    affine.SetTranslation(rest)
    return affine


def inverse(transform: sitk.Transform, kind: str, centre: NDArray[np.float64]) -> sitk.Transform:
    """Return the inverse of a linear transform, turning about a centre.

    Examples
    --------
    >>> move = sitk.Euler3DTransform(); move.SetTranslation((1, 2, 3))
    >>> matrix_of(inverse(move, "rigid", np.zeros(3)))[1]
    array([-1., -2., -3.])
    """
    matrix, shift = matrix_of(transform)
    back: NDArray[np.float64] = np.asarray(np.linalg.inv(matrix), dtype=np.float64)
    return linear(back, -back @ shift, kind, centre)


def distance_mm(one: sitk.Transform, other: sitk.Transform, points: Points) -> float:
    """Return the root mean square distance of two transforms over points, in mm."""
    away = apply(one, points) - apply(other, points)
    return float(np.sqrt((away**2).sum(axis=1).mean()))


def inside(
    points: Points, transform: sitk.Transform, image: sitk.Image, margin_mm: float = 0.0
) -> NDArray[np.bool_]:
    """Tell which points a transform maps into an image, edges and a margin included.

    Examples
    --------
    >>> image = sitk.Image([4, 4, 4], sitk.sitkUInt8)
    >>> inside(np.array([[0.0, 0, 0], [9, 0, 0]]), sitk.Transform(), image).tolist()
    [True, False]
    """
    spacing = np.array(image.GetSpacing())
    matrix = np.array(image.GetDirection()).reshape(3, 3) * spacing
    moved = apply(transform, points) - np.array(image.GetOrigin())
    index = np.linalg.solve(matrix, moved.T).T
    room = margin_mm / spacing
    there = (index >= -0.501 - room) & (index <= np.array(image.GetSize()) - 0.499 + room)
    return np.asarray(there.all(axis=1), dtype=np.bool_)


def overlap(points: Points, transform: sitk.Transform, image: sitk.Image) -> float:
    """Return the share of points that a transform maps into an image, edges included.

    Examples
    --------
    >>> image = sitk.Image([4, 4, 4], sitk.sitkUInt8)
    >>> overlap(np.array([[0.0, 0, 0], [9, 0, 0]]), sitk.Transform(), image)
    0.5
    """
    return float(inside(points, transform, image).mean()) if len(points) else 0.0


def reach(image: sitk.Image) -> float:
    """Return the volume of a field of view, in mm3.

    Examples
    --------
    >>> image = sitk.Image([4, 3, 2], sitk.sitkUInt8); image.SetSpacing((1, 2, 3))
    >>> reach(image)
    144.0
    """
    return float(np.prod(image.GetSize()) * np.prod(image.GetSpacing()))


def meet(one: sitk.Image, other: sitk.Image) -> bool:
    """Tell whether two fields of view share a part, by 9 x 9 x 9 points of either."""
    still = sitk.Transform(3, sitk.sitkIdentity)
    return any(overlap(_lattice(a), still, b) > 0 for a, b in ((one, other), (other, one)))


def _lattice(image: sitk.Image) -> Points:
    axes = [np.linspace(0, n - 1, 9) for n in image.GetSize()]
    index = np.stack([a.ravel() for a in np.meshgrid(*axes, indexing="ij")], axis=1)
    matrix = np.array(image.GetDirection()).reshape(3, 3) * np.array(image.GetSpacing())
    return np.asarray(index @ matrix.T + np.array(image.GetOrigin()))
