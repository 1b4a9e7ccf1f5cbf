"""Using a transform: images and masks onto other grids, and files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import SimpleITK as sitk

from radiofib.errors import ImageError, UsageError

__all__ = ["carry_mask", "read_transform", "resample_to", "write_transform"]

_INTERPOLATORS = {
    "linear": sitk.sitkLinear,
    "bspline": sitk.sitkBSpline,
    "nearest": sitk.sitkNearestNeighbor,
}


def resample_to(
    moving: sitk.Image,
    grid: sitk.Image,
    transform: sitk.Transform,
    interpolation: Literal["linear", "bspline", "nearest"] = "linear",
    outside: float | None = None,
) -> sitk.Image:
    """Bring an image onto the grid of another.

    Parameters
    ----------
    moving : sitk.Image
        What is brought.
    grid : sitk.Image
        Its grid is taken, its voxels are not looked at.
    transform : sitk.Transform
        From points of the frame of `grid` to the frame of `moving`.
    interpolation : {"linear", "bspline", "nearest"}
        Cubic B-splines keep more detail and may leave the range of the image.
    outside : float, optional
        Value where the image does not reach; its least value when not given.

    Returns
    -------
    sitk.Image
        float32, or the type of `moving` with "nearest".

    Examples
    --------
    >>> image = sitk.Image([4, 4, 4], sitk.sitkInt16) + 7
    >>> move = sitk.TranslationTransform(3, (2.0, 0.0, 0.0))
    >>> resample_to(image, image, move, outside=0)[0, 0, 0], resample_to(image, image, move,
    ...                                                                  outside=0)[3, 0, 0]
    (7.0, 0.0)
    """
    if interpolation not in _INTERPOLATORS:
        raise UsageError(
            "unknown interpolation",
            expected=", ".join(_INTERPOLATORS),
            found=repr(interpolation),
        )
    kind = moving.GetPixelID() if interpolation == "nearest" else sitk.sitkFloat32
    if outside is None:
        outside = float(sitk.GetArrayViewFromImage(moving).min())
    found: sitk.Image = sitk.Resample(
        moving, grid, transform, _INTERPOLATORS[interpolation], outside, kind
    )
    return found


def carry_mask(
    mask: sitk.Image, transform: sitk.Transform, grid: sitk.Image, *, back: bool = False
) -> sitk.Image:
    """Carry a mask through a registration to the grid of the other channel.

    The mask is interpolated linearly and cut at one half, so that its surface lies between
    voxels as it does on its own grid; a target voxel is inside when its centre is.

    Parameters
    ----------
    mask : sitk.Image
        Not 0 is inside.
    transform : sitk.Transform
        As :func:`~radiofib.preprocess.register.register_pair` gives it: from the fixed frame to
        the moving one.
    grid : sitk.Image
        The grid to carry to.
    back : bool
        False carries from the moving channel to the fixed one, True from the fixed channel to
        the moving one.

    Returns
    -------
    sitk.Image
        uint8, 0 or 1.

    Examples
    --------
    >>> mask = sitk.Image([6, 6, 6], sitk.sitkUInt8); mask[2:4, 2:4, 2:4] = 1
    >>> move = sitk.TranslationTransform(3, (1.0, 0.0, 0.0))
    >>> there = carry_mask(mask, move, mask)
    >>> there[1, 2, 2], there[3, 2, 2], carry_mask(there, move, mask, back=True)[3, 2, 2]
    (1, 0, 1)
    """
    path = transform.GetInverse() if back else transform
    soft = sitk.Cast(mask != 0, sitk.sitkFloat32)
    there = sitk.Resample(soft, grid, path, sitk.sitkLinear, 0.0, sitk.sitkFloat32)
    found: sitk.Image = sitk.Cast(there >= 0.5, sitk.sitkUInt8)
    return found


def write_transform(path: str | Path, transform: sitk.Transform) -> Path:
    """Write a transform as text (``.tfm``), under a temporary name and renamed.

    Raises
    ------
    UsageError
        When the name does not end in ``.tfm``.
    """
    path = Path(path)
    if path.suffix != ".tfm":
        raise UsageError("a transform is written as .tfm", found=path.name)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.part.tfm")
    try:
        sitk.WriteTransform(transform, str(temporary))
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def read_transform(path: str | Path) -> sitk.Transform:
    """Read a transform that :func:`write_transform` or another ITK program wrote.

    Raises
    ------
    ImageError
        When there is no such file, or it holds no transform of three axes.

    Examples
    --------
    >>> import tempfile
    >>> move = sitk.Euler3DTransform(); move.SetParameters((0.1, 0, 0, 1, 2, 3))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     read_transform(write_transform(folder + "/t2.tfm", move)).GetParameters()
    (0.1, 0.0, 0.0, 1.0, 2.0, 3.0)
    """
    try:
        found: sitk.Transform = sitk.ReadTransform(str(path))
    except RuntimeError as error:
        raise ImageError(
            "no transform can be read", where=str(path), expected="an ITK transform file (.tfm)"
        ) from error
    if found.GetDimension() != 3:
        raise ImageError(
            "the transform has not three axes", where=str(path), found=str(found.GetDimension())
        )
    return found.Downcast() if hasattr(found, "Downcast") else found
