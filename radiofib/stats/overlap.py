"""Agreement of two masks: overlap, and distances between their surfaces in millimetres."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import binary_erosion, distance_transform_edt, find_objects

from radiofib._checks import list_some
from radiofib.errors import UsageError

__all__ = ["dice", "jaccard", "mask_agreement", "surface_distances"]

BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float64]


def _masks(first: ArrayLike, second: ArrayLike) -> tuple[BoolArray, BoolArray]:
    arrays = []
    for name, mask in (("first", first), ("second", second)):
        values = np.asarray(mask)
        if values.dtype != np.bool_ and not np.isin(values, (0, 1)).all():
            raise UsageError(
                f"the {name} mask must be true and false, or 0 and 1",
                hint="compare one label at a time: labels == number",
            )
        arrays.append(values.astype(np.bool_))
    a, b = arrays
    if a.shape != b.shape or a.ndim == 0:
        raise UsageError(
            "masks must be on the same grid",
            found=f"{a.shape} and {b.shape}",
            hint="resample one onto the other by their physical coordinates first",
        )
    return a, b


def dice(first: ArrayLike, second: ArrayLike) -> float:
    """Return Dice's coefficient ``2 |A and B| / (|A| + |B|)``; NaN when both are empty.

    References
    ----------
    Dice LR. Ecology 1945;26:297-302.

    Examples
    --------
    >>> dice([1, 1, 0, 0], [1, 0, 0, 0])
    0.6666666666666666
    """
    a, b = _masks(first, second)
    size = int(a.sum()) + int(b.sum())
    return 2 * int((a & b).sum()) / size if size else math.nan


def jaccard(first: ArrayLike, second: ArrayLike) -> float:
    """Return intersection over union; NaN when both masks are empty.

    References
    ----------
    Jaccard P. New Phytol 1912;11:37-50.

    Examples
    --------
    >>> jaccard([1, 1, 0, 0], [1, 0, 0, 0])
    0.5
    """
    a, b = _masks(first, second)
    union = int((a | b).sum())
    return int((a & b).sum()) / union if union else math.nan


def surface_distances(
    first: ArrayLike, second: ArrayLike, spacing: Sequence[float]
) -> tuple[FloatArray, FloatArray]:
    """Return the distance of each surface voxel of a mask to the other's surface, both ways.

    A surface voxel is one of the mask with a face on the outside (the border of the array is
    outside); distances are between centres of voxels, so that they are 0 for equal masks.

    Parameters
    ----------
    first, second : array-like of bool
        Masks on the same grid.
    spacing : sequence of float
        Size of a voxel along each axis, in the order of the axes.

    Raises
    ------
    UsageError
        When grids differ, the spacing does not fit, or a mask is empty.

    Examples
    --------
    >>> there, back = surface_distances([[1, 1, 0, 0]], [[1, 1, 1, 1]], (1.0, 2.5))
    >>> there.tolist(), back.tolist()
    ([0.0, 0.0], [0.0, 0.0, 2.5, 5.0])
    """
    a, b = _masks(first, second)
    steps = np.asarray(spacing, dtype=np.float64)
    if steps.shape != (a.ndim,) or not (np.isfinite(steps) & (steps > 0)).all():
        raise UsageError(
            "the spacing needs one positive number for each axis",
            expected=f"{a.ndim} numbers",
            found=list_some(np.atleast_1d(steps)),
        )
    if not a.any() or not b.any():
        raise UsageError("an empty mask has no surface")
    box = find_objects((a | b).astype(np.int8))[0]
    a, b = (np.pad(mask[box], 1) for mask in (a, b))
    edges = [mask & ~binary_erosion(mask) for mask in (a, b)]
    away = [distance_transform_edt(~edge, sampling=steps) for edge in edges]
    return away[1][edges[0]], away[0][edges[1]]


def mask_agreement(
    first: ArrayLike, second: ArrayLike, spacing: Sequence[float], tolerance: float = 2.0
) -> pd.DataFrame:
    r"""Return overlap and surface distances of two masks.

    Parameters
    ----------
    first, second : array-like of bool
        Masks on the same grid.
    spacing : sequence of float
        Size of a voxel along each axis in mm.
    tolerance : float
        Distance in mm within which surfaces count as equal.

    Returns
    -------
    DataFrame
        ``metric, value, unit, note`` for ``dice``, ``jaccard``, ``volume_difference`` (second
        minus first over first), ``hausdorff`` (largest surface distance), ``hausdorff_95``
        (larger of the two 95 % quantiles), ``average_surface_distance`` (mean over all surface
        voxels of both) and ``surface_dice`` (share of surface voxels within the tolerance).
        Distances are missing, with a note, when a mask is empty.

    References
    ----------
    Huttenlocher DP et al. IEEE PAMI 1993;15:850-863. Maier-Hein L et al. Nat Methods
    2024;21:195-212. Nikolov S et al. J Med Internet Res 2021;23:e26151.

    Examples
    --------
    >>> frame = mask_agreement([[1, 1, 0, 0]], [[1, 1, 1, 0]], (1.0, 2.5))
    >>> frame.set_index("metric")["value"][["dice", "hausdorff", "hausdorff_95"]].tolist()
    [0.8, 2.5, 2.25]
    """
    a, b = _masks(first, second)
    sizes = int(a.sum()), int(b.sum())
    change = (sizes[1] - sizes[0]) / sizes[0] if sizes[0] else math.nan
    rows = [("dice", dice(a, b), ""), ("jaccard", jaccard(a, b), "")]
    rows.append(("volume_difference", change, ""))
    note = ""
    if min(sizes) == 0:
        note = "both masks are empty" if max(sizes) == 0 else "one mask is empty"
        lengths = [math.nan] * 4
    else:
        there, back = surface_distances(a, b, spacing)
        both = np.concatenate([there, back])
        ends = max(float(np.quantile(d, 0.95)) for d in (there, back))
        lengths = [float(both.max()), ends, float(both.mean()), float((both <= tolerance).mean())]
    names = ("hausdorff", "hausdorff_95", "average_surface_distance", "surface_dice")
    units = ("mm", "mm", "mm", "")
    rows += list(zip(names, lengths, units, strict=True))
    return pd.DataFrame(
        {"metric": name, "value": value, "unit": unit, "note": note} for name, value, unit in rows
    )
