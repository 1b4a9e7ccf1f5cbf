"""From an image as stored to small ones that a metric can be computed on quickly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from radiofib.errors import ImageError, MaskError

__all__ = ["Prepared", "around", "one_thread_itk", "positions", "prepare"]


class one_thread_itk:  # noqa: N801 - reads as a statement
    """Run SimpleITK's filters on one thread: sums of several differ in the last digits."""

    def __enter__(self) -> None:
        self._before = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)

    def __exit__(self, *error: object) -> None:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(self._before)


@dataclass(frozen=True, eq=False)
class Prepared:
    """One image at several resolutions.

    Parameters
    ----------
    levels : tuple of sitk.Image
        float32, coarse to fine, cut at the percentiles.
    mask : sitk.Image or None
        The mask as given, 0 or 1.
    full : sitk.Image
        The image as given.
    """

    levels: tuple[sitk.Image, ...]
    mask: sitk.Image | None
    full: sitk.Image


def prepare(
    image: sitk.Image,
    mask: sitk.Image | None,
    levels: tuple[float, ...],
    clip: tuple[float, float],
    what: str,
) -> Prepared:
    """Shrink an image by whole factors to the voxel sizes asked for and cut its intensities.

    Voxels are averaged over blocks, which is also what keeps detail finer than a voxel out;
    each level is made from the finest. Values that are not finite become the lowest finite one.

    Raises
    ------
    ImageError, MaskError
        When the image is not a scalar volume or has no finite value; when the mask is empty.
    """
    if image.GetDimension() != 3 or image.GetNumberOfComponentsPerPixel() != 1:
        raise ImageError(
            f"the {what} image cannot be registered",
            expected="a scalar image of three axes",
            found=f"{image.GetDimension()} axes, "
            f"{image.GetNumberOfComponentsPerPixel()} values a voxel",
        )
    finest = _shrunk(sitk.Cast(image, sitk.sitkFloat32), min(levels))
    values = sitk.GetArrayFromImage(finest)
    finite = values[np.isfinite(values)]
    if not finite.size:
        raise ImageError(f"the {what} image has no finite value")
    low, high = (float(v) for v in np.percentile(finite, clip))
    clean = sitk.GetImageFromArray(
        np.clip(np.nan_to_num(values, nan=low, posinf=high, neginf=low), low, high)
    )
    clean.CopyInformation(finest)
    images = tuple(_shrunk(clean, size) for size in levels)
    if mask is None:
        return Prepared(images, None, image)
    binary = sitk.Cast(mask != 0, sitk.sitkUInt8)
    if not sitk.GetArrayViewFromImage(binary).any():
        raise MaskError(f"the {what} mask is empty", hint="register without it")
    return Prepared(images, binary, image)


def _shrunk(image: sitk.Image, size_mm: float) -> sitk.Image:
    factors = [
        max(1, min(round(size_mm / s), n))
        for s, n in zip(image.GetSpacing(), image.GetSize(), strict=True)
    ]
    if max(factors) == 1:
        return image
    smaller: sitk.Image = sitk.BinShrink(image, factors)
    return smaller


def around(
    mask: sitk.Image, grid: sitk.Image, transform: sitk.Transform, margin_mm: float
) -> sitk.Image:
    """Return the voxels of a grid within a distance of a mask that a transform brings there."""
    soft = _shrunk(sitk.Cast(mask, sitk.sitkFloat32), min(grid.GetSpacing()))
    there = sitk.Resample(soft, grid, transform, sitk.sitkLinear, 0.0, sitk.sitkFloat32)
    touched: sitk.Image = sitk.Cast(there > 0.05, sitk.sitkUInt8)
    if not sitk.GetArrayViewFromImage(touched).any():
        return touched
    distance = sitk.SignedMaurerDistanceMap(
        touched, squaredDistance=False, useImageSpacing=True, insideIsPositive=False
    )
    near: sitk.Image = sitk.Cast(distance <= margin_mm, sitk.sitkUInt8)
    return near


def positions(image: sitk.Image, inside: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the positions in mm, (n, 3) in the order x, y, z, of some voxels of an image.

    Examples
    --------
    >>> image = sitk.Image([4, 3, 2], sitk.sitkUInt8); image.SetSpacing((1, 2, 3))
    >>> inside = np.zeros((2, 3, 4), bool); inside[1, 2, 3] = True
    >>> positions(image, inside)
    array([[3., 4., 3.]])
    """
    index = np.argwhere(inside)[:, ::-1].astype(np.float64)
    matrix = np.array(image.GetDirection()).reshape(3, 3) * np.array(image.GetSpacing())
    return np.asarray(index @ matrix.T + np.array(image.GetOrigin()))
