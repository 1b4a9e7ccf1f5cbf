"""From a region to the images pyradiomics filters and measures, as its extractor does it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from radiofib._extras import require
from radiofib.engines.extraction import Unusable, check_finite
from radiofib.engines.settings import Settings
from radiofib.roi import Roi

__all__ = ["Prepared", "prepare", "to_simpleitk"]

_LABEL = 1


@dataclass(frozen=True)
class Prepared:
    """Images ready for filtering.

    Parameters
    ----------
    image, mask, shape_mask : SimpleITK.Image
        Image, the mask for intensities, and the mask for shape.
    box, shape_box : ndarray
        Bounding boxes (x low, x high, y low, ...).
    not_finite : int
        Number of voxels of the image, outside the region, that are NaN or infinite.
    """

    image: Any
    mask: Any
    shape_mask: Any
    box: NDArray[np.int64]
    not_finite: int

    @property
    def size(self) -> tuple[int, ...]:
        """Pixels along x, y (and z)."""
        return tuple(self.image.GetSize())

    @property
    def spacing(self) -> tuple[float, ...]:
        """Distance of pixels along x, y (and z), in mm."""
        return tuple(self.image.GetSpacing())


def to_simpleitk(roi: Roi) -> tuple[Any, Any]:
    """Return image and mask (label 1) of a region, with spacing and position if known.

    Pixels keep their type, because pyradiomics rounds when it resamples integers.

    Examples
    --------
    >>> roi = Roi(np.zeros((4, 6)), np.ones((4, 6), dtype=bool), (0.5, 0.25), "us")
    >>> image, mask = to_simpleitk(roi)
    >>> image.GetSize(), image.GetSpacing(), mask.GetPixelIDTypeAsString()
    ((6, 4), (0.25, 0.5), '32-bit unsigned integer')
    """
    pixels = np.ascontiguousarray(roi.pixels)
    if pixels.dtype == np.bool_:
        pixels = pixels.astype(np.uint8)
    elif pixels.dtype == np.float16:
        pixels = pixels.astype(np.float32)
    image = sitk.GetImageFromArray(pixels.astype(pixels.dtype.newbyteorder("="), copy=False))
    image.SetSpacing(tuple(reversed(roi.spacing_mm)))
    if roi.origin_mm is not None and len(roi.origin_mm) == roi.ndim:
        image.SetOrigin(roi.origin_mm)
    if roi.direction is not None and len(roi.direction) == roi.ndim**2:
        image.SetDirection(roi.direction)
    mask = sitk.GetImageFromArray(roi.mask.astype(np.uint32))
    mask.CopyInformation(image)
    return image, mask


def prepare(roi: Roi, settings: Settings) -> Prepared:
    """Normalise, resample or crop, check and resegment, in pyradiomics' order.

    Parameters
    ----------
    roi : Roi
        The region.
    settings : Settings
        Settings as they read for the region's number of axes.

    Raises
    ------
    EngineError
        When the region, or an image that has to be normalised or resampled, holds NaN or
        infinite values.
    Unusable
        When the region has one voxel, too few dimensions or voxels, or nothing is left of it
        after resegmentation.
    """
    operations = require("radiomics", purpose="the pyradiomics engine").imageoperations
    not_finite = check_finite(roi, settings)
    image, mask = to_simpleitk(roi)
    options = {**settings.as_pyradiomics(), "label": _LABEL}
    try:
        if settings.normalize:
            image = operations.normalizeImage(image, **options)
        if settings.interpolator is not None and settings.resampled_pixel_spacing is not None:
            image, mask = operations.resampleImage(image, mask, **options)
        elif settings.pre_crop:
            box, _ = operations.checkMask(image, mask, **options)
            image, mask = operations.cropToTumorMask(image, mask, box, **options)
        box, _ = operations.checkMask(image, mask, **options)
        intensity_mask = mask
        if settings.resegment_range is not None:
            intensity_mask = operations.resegmentMask(image, mask, **options)
            box, _ = operations.checkMask(image, intensity_mask, **options)
    except (ValueError, RuntimeError) as error:
        raise Unusable(_plain(error)) from error
    shape_mask = intensity_mask if settings.resegment_shape else mask
    return Prepared(image, intensity_mask, shape_mask, box, not_finite)


def _plain(error: Exception) -> str:
    """Return an error of pyradiomics or SimpleITK as one line without its source position."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1].rstrip(".!") if lines else type(error).__name__
