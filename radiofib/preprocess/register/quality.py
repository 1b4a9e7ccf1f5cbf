"""What tells a good registration from a bad one when the truth is not known."""

from __future__ import annotations

from itertools import product
from typing import Literal

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from radiofib.preprocess.register.geometry import linear, matrix_of
from radiofib.preprocess.register.settings import RegistrationSettings

__all__ = ["dice", "judge", "mutual_information", "residual_mm", "sampled_pair"]

_SHIFT_MM = 4.0
_ROOM_MM = 8.0

Labels = NDArray[np.intp]
Verdict = Literal["good", "look", "failed"]


def mutual_information(a: Labels, b: Labels, bins: int) -> float:
    """Return the mutual information of two arrays of bin numbers, in nats.

    ``I = sum p(a, b) log(p(a, b) / (p(a) p(b)))``; 0 for less than two values.

    Examples
    --------
    >>> a = np.array([0, 0, 1, 1])
    >>> round(mutual_information(a, 1 - a, 2), 4), mutual_information(a, a * 0, 2)
    (0.6931, 0.0)
    """
    if a.size < 2:
        return 0.0
    joint = np.bincount(a * bins + b, minlength=bins * bins).reshape(bins, bins) / a.size
    outer = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    there = joint > 0
    return float((joint[there] * np.log(joint[there] / outer[there])).sum())


def binned(values: NDArray[np.floating], bins: int) -> Labels:
    """Return bin numbers of values between their extremes; NaN becomes -1.

    Examples
    --------
    >>> binned(np.array([0.0, 0.9, 1.0, np.nan]), 2)
    array([ 0,  1,  1, -1])
    """
    finite = np.isfinite(values)
    if not finite.any():
        return np.full(values.shape, -1, dtype=np.intp)
    low, high = float(values[finite].min()), float(values[finite].max())
    width = (high - low) / bins or 1.0
    with np.errstate(invalid="ignore"):
        number = np.floor((values - low) / width)
    return np.where(finite, np.clip(np.nan_to_num(number), 0, bins - 1), -1).astype(np.intp)


def sampled_pair(
    fixed: sitk.Image, moving: sitk.Image, transform: sitk.Transform
) -> NDArray[np.float32]:
    """Return the moving image on the fixed grid, NaN outside of it."""
    there = sitk.Resample(moving, fixed, transform, sitk.sitkLinear, float("nan"), sitk.sitkFloat32)
    values: NDArray[np.float32] = sitk.GetArrayFromImage(there)
    return values


def agreement(
    fixed: sitk.Image,
    moving: sitk.Image,
    transform: sitk.Transform,
    where: NDArray[np.bool_],
    bins: int,
) -> float:
    """Return the mutual information where both images are, in nats."""
    a = binned(sitk.GetArrayViewFromImage(fixed), bins)
    b = binned(sampled_pair(fixed, moving, transform), bins)
    both = where & (b >= 0)
    return mutual_information(a[both], b[both], bins)


def residual_mm(
    fixed: sitk.Image,
    moving: sitk.Image,
    transform: sitk.Transform,
    where: NDArray[np.bool_],
    bins: int,
) -> float:
    """Return how far the eighths of the body still want to move, each on its own, in mm.

    The voxels are halved three times at the median of their x, y and z. In each part mutual
    information is computed with the moving image shifted by -4, 0 and +4 mm along each axis; a
    parabola through the three gives the shift that the part asks for (8 mm where there is no
    maximum in between). In a good registration all parts ask for nothing; after a wrong one, or
    in another patient, they pull in different directions. Returned is the root mean square
    length over the parts.

    Parameters
    ----------
    where : ndarray of bool
        Voxels of `fixed` that count, (z, y, x).
    bins : int
        Of the joint histogram; the parts are small, so few.

    Returns
    -------
    float
        In mm; NaN where nothing can be compared.
    """
    matrix, shift = matrix_of(transform)
    a = binned(sitk.GetArrayViewFromImage(fixed), bins)
    centre = sampled_pair(fixed, moving, transform)
    moved = {}
    axes = np.array(fixed.GetDirection()).reshape(3, 3)
    for axis, sign in product(range(3), (-1, 1)):
        step = matrix @ axes[:, axis] * (sign * _SHIFT_MM)
        values = sampled_pair(fixed, moving, linear(matrix, shift + step, "affine"))
        moved[axis, sign] = values
    both = where & np.isfinite(centre)
    for values in moved.values():
        both &= np.isfinite(values)
    if both.sum() < 8 * bins:
        return float("nan")
    levels = [binned(np.where(both, v, np.nan), bins) for v in (centre, *moved.values())]
    still, shifted = levels[0], dict(zip(moved, levels[1:], strict=True))
    squares = []
    for part in _eighths(np.argwhere(both)):
        place = tuple(part.T)
        here = a[place]
        middle = mutual_information(here, still[place], bins)
        offsets = []
        for axis in range(3):
            low, high = (mutual_information(here, shifted[axis, s][place], bins) for s in (-1, 1))
            offsets.append(vertex(low, middle, high) * _SHIFT_MM)
        squares.append(sum(o * o for o in offsets))
    return float(np.sqrt(np.mean(squares)))


def vertex(low: float, middle: float, high: float) -> float:
    """Return where a parabola through values at -1, 0 and 1 is largest, within -2 and 2.

    Examples
    --------
    >>> vertex(0.0, 1.0, 0.0), vertex(0.0, 1.0, 0.5), vertex(0.0, 0.1, 1.0), vertex(1.0, 0.0, 0.5)
    (0.0, 0.166..., 2.0, -2.0)
    """
    bend = 2 * middle - low - high
    if bend <= 0:
        return float(np.sign(high - low) * 2) if high != low else 2.0
    return float(np.clip((high - low) / (2 * bend), -2, 2))


def _eighths(places: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    parts = [places]
    for axis in (2, 1, 0):
        halves = []
        for part in parts:
            order = part[np.argsort(part[:, axis], kind="stable")]
            middle = len(order) // 2
            halves += [order[:middle], order[middle:]]
        parts = halves
    return parts


def dice(one: sitk.Image, other: sitk.Image, transform: sitk.Transform) -> float:
    """Return ``2 |A and B| / (|A| + |B|)`` of a mask and another brought onto its grid.

    The other is interpolated linearly and cut at one half; voxels of it beyond the grid of the
    first do not count.
    """
    a = sitk.GetArrayViewFromImage(one) > 0
    soft = sitk.Cast(other, sitk.sitkFloat32)
    there = sitk.Resample(soft, one, transform, sitk.sitkLinear, 0.0, sitk.sitkFloat32)
    b = sitk.GetArrayViewFromImage(there) >= 0.5
    total = int(a.sum()) + int(b.sum())
    return 2.0 * int((a & b).sum()) / total if total else 0.0


def judge(
    settings: RegistrationSettings,
    *,
    residual: float,
    inverse_mm: float,
    overlap: float,
    dice_after: float | None,
    gained: float,
) -> tuple[Verdict, tuple[str, ...]]:
    """Return the verdict, and what speaks against "good".

    Examples
    --------
    >>> judge(RegistrationSettings(), residual=0.5, inverse_mm=0.5, overlap=0.9,
    ...       dice_after=None, gained=0.2)
    ('good', ())
    """
    faults: list[tuple[str, bool]] = []

    def check(text: str, good: bool, look: bool) -> None:
        if not good:
            faults.append((text, not look))

    a, b = settings.good, settings.look
    check(
        f"parts of the body still ask for {residual:.1f} mm",
        residual <= a.residual_mm,
        residual <= b.residual_mm,
    )
    check(
        f"the way there and back differ by {inverse_mm:.1f} mm",
        inverse_mm <= a.inverse_mm,
        inverse_mm <= b.inverse_mm,
    )
    check(
        f"{overlap:.0%} of the field of view is covered by the other",
        overlap >= a.overlap,
        overlap >= b.overlap,
    )
    if dice_after is not None:
        check(
            f"the masks agree by a Dice of {dice_after:.2f} only: one may be of another patient",
            dice_after >= a.dice,
            dice_after >= b.dice,
        )
    check("the images agree less than before", gained >= -0.02, gained >= -0.1)
    if not faults:
        return "good", ()
    failed = any(bad for _, bad in faults)
    return "failed" if failed else "look", tuple(text for text, _ in faults)
