"""Intensities to zero mean and unit deviation."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

__all__ = ["normalise"]


def normalise(
    pixels: NDArray[np.generic], *, scale: float = 1.0, outliers: float | None = None
) -> NDArray[np.float64]:
    """Return the image with mean 0 and standard deviation `scale`, over all its voxels.

    ``scale clip((f - mean) / sd, -outliers, outliers)`` with the sample deviation (N - 1), by
    ITK as in pyradiomics.

    Parameters
    ----------
    pixels : ndarray
        The whole image, finite.
    scale : float
        Factor afterwards (``normalizeScale``).
    outliers : float, optional
        Largest distance from the mean in standard deviations (``removeOutliers``).

    Examples
    --------
    >>> normalise(np.array([[1.0, 2.0, 3.0]]), scale=100.0)
    array([[-100.,    0.,  100.]])
    """
    itk = sitk.NormalizeImageFilter()
    itk.SetNumberOfThreads(1)  # sums of threads differ in the last digit
    image = itk.Execute(sitk.GetImageFromArray(np.ascontiguousarray(pixels)))
    found: NDArray[np.float64] = sitk.GetArrayFromImage(image)
    if outliers is not None:
        found = np.clip(found, -outliers, outliers)
    return found * scale
