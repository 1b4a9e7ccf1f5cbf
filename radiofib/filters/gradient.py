"""Magnitude of the gradient by central differences."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from radiofib.preprocess.crop import Box, grown

__all__ = ["gradient_magnitude"]


def gradient_magnitude(
    pixels: NDArray[np.generic], spacing_mm: Sequence[float], box: Box, *, use_spacing: bool = True
) -> NDArray[np.floating]:
    """Return the magnitude of the gradient inside a box, computed by ITK as in pyradiomics.

    ``|grad f|`` with ``df/dx = (f(x + h) - f(x - h)) / (2 h)``; at the border of the image the
    voxel itself stands for its missing neighbour.

    Parameters
    ----------
    pixels : ndarray, 2-D or 3-D
        The whole image; its surroundings of one voxel around the box are used.
    spacing_mm : sequence of float
        Spacing along the axes of `pixels`.
    box : tuple of slice
        The part to return.
    use_spacing : bool
        False for differences per voxel instead of per mm.

    Examples
    --------
    >>> image = np.add.outer(np.zeros(4), 3.0 * np.arange(6))
    >>> gradient_magnitude(image, (1.0, 0.5), (slice(1, 2), slice(1, 4)))
    array([[6., 6., 6.]], dtype=float32)
    """
    around = grown(box, 1, pixels.shape)
    image = sitk.GetImageFromArray(np.ascontiguousarray(pixels[around]))
    image.SetSpacing(tuple(float(s) for s in reversed(spacing_mm)))
    itk = sitk.GradientMagnitudeImageFilter()
    itk.SetUseImageSpacing(use_spacing)
    inner = tuple(
        slice(b.start - a.start, b.stop - a.start) for a, b in zip(around, box, strict=True)
    )
    found: NDArray[np.floating] = sitk.GetArrayFromImage(itk.Execute(image))[inner]
    return found
