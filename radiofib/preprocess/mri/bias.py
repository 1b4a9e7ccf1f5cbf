"""The bias field: slow changes of sensitivity, found by N4 on a small copy of the image."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from radiofib.errors import ImageError
from radiofib.images.image import Image
from radiofib.preprocess.mri.settings import BiasField

__all__ = ["log_bias_field"]

_LEAST_VOXELS = 64


def log_bias_field(
    image: Image, body: NDArray[np.bool_], settings: BiasField | None = None
) -> NDArray[np.float32]:
    """Return the logarithm of the bias field on the image's grid, with mean 0 inside the body.

    N4 (ITK) on the image shrunk to voxels of about `shrink_mm`, inside the shrunk body, where
    intensities are positive. Its B-spline is then evaluated at every voxel of the image, so
    that nothing is interpolated twice. The true image is ``x exp(-field)``; the mean of 0
    keeps the overall level. One thread: sums of several differ in the last digits.

    Parameters
    ----------
    image : Image
        Volume or picture with a spacing; dark voxels may be 0.
    body : ndarray of bool
        Where the field is estimated.
    settings : BiasField, optional
        Size of the small copy, levels and iterations.

    Raises
    ------
    ImageError
        When the shrunk body has too few voxels of positive intensity.

    References
    ----------
    Tustison et al., IEEE Trans Med Imaging 2010;29:1310.

    Examples
    --------
    >>> z, y, x = np.mgrid[:12, :40, :40]
    >>> tissue = np.where((x // 5 + y // 5 + z // 3) % 2, 100.0, 140.0)
    >>> image = Image(tissue * np.exp(0.01 * x), (3.0,) * 3, (0.0,) * 3, tuple(np.eye(3).ravel()))
    >>> field = log_bias_field(image, np.ones(tissue.shape, dtype=bool))
    >>> bool(field[:, :, -8:].mean() - field[:, :, :8].mean() > 0.2)
    True
    """
    settings = settings or BiasField()
    full = _itk(image, image.pixels.astype(np.float32))
    factors = [
        min(max(1, round(settings.shrink_mm / s)), max(1, n // 4))
        for s, n in zip(reversed(image.spacing_mm), reversed(image.pixels.shape), strict=True)
    ]
    with _one_thread():
        small = sitk.Shrink(full, factors)
        inside = sitk.Shrink(_itk(image, body.astype(np.uint8)), factors)
        positive = sitk.GetArrayFromImage(inside).astype(bool)
        positive &= sitk.GetArrayFromImage(small) > 0
        if np.count_nonzero(positive) < _LEAST_VOXELS:
            raise ImageError(
                "the bias field cannot be estimated: too little of the body has a signal",
                expected=f"at least {_LEAST_VOXELS} voxels of about {settings.shrink_mm:g} mm",
                found=f"{np.count_nonzero(positive)}",
                hint="lower shrink_mm, or leave the step out (bias: null)",
            )
        mask = sitk.GetImageFromArray(positive.astype(np.uint8))
        mask.CopyInformation(small)
        n4 = sitk.N4BiasFieldCorrectionImageFilter()
        n4.SetMaximumNumberOfIterations([settings.iterations] * settings.levels)
        n4.Execute(small, mask)
        field = sitk.GetArrayFromImage(n4.GetLogBiasFieldAsImage(full)).astype(np.float32)
    return np.asarray(field - np.float32(field[body].mean(dtype=np.float64)), dtype=np.float32)


def _itk(image: Image, array: NDArray) -> sitk.Image:
    found = sitk.GetImageFromArray(array)
    found.SetSpacing(image.spacing_mm[::-1])
    if image.origin_mm is not None and image.direction is not None:
        found.SetOrigin(image.origin_mm)
        found.SetDirection(image.direction)
    return found


@contextmanager
def _one_thread() -> Iterator[None]:
    """Hold ITK to one thread: N4's inner filters do not take the number from N4."""
    before = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    try:
        yield
    finally:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(before)
