"""A region ready for filtering: normalised, resampled, checked and resegmented."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from radiofib.engines.extraction import Unusable, check_finite
from radiofib.engines.native.texture import Layouts
from radiofib.engines.settings import Settings
from radiofib.errors import MaskError
from radiofib.preprocess import (
    Grid,
    bounding_box,
    check_memory,
    grown,
    normalise,
    resample,
    resampled_size,
    resegment,
    why_unusable,
)
from radiofib.roi import Roi

__all__ = ["NativeRegion", "prepare_region"]

#: Bytes that a voxel of the resampled box takes at the peak, measured; all bands of a wavelet
#: transform are held at once.
_BYTES = {"Original": 60, "Wavelet": 140}


@dataclass(frozen=True, eq=False)
class NativeRegion:
    """Image, masks and where the region is.

    Parameters
    ----------
    pixels : ndarray
        The whole image, after normalisation and resampling.
    mask, shape_mask : ndarray of bool
        Voxels whose intensities count, and voxels that make the shape.
    grid : Grid
        Where the voxels of `pixels` lie.
    slices : tuple of slice
        Bounding box of `mask`.
    not_finite : int
        Voxels outside the region that are NaN or infinite.
    """

    pixels: NDArray[np.generic]
    mask: NDArray[np.bool_]
    shape_mask: NDArray[np.bool_]
    grid: Grid
    slices: tuple[slice, ...]
    not_finite: int

    @cached_property
    def layouts(self) -> Layouts:
        """The region cut to its box, and where its voxels lie for the texture kernels."""
        return Layouts(np.ascontiguousarray(self.mask[self.slices]))

    @property
    def spacing_mm(self) -> tuple[float, ...]:
        """Spacing along the axes of `pixels`."""
        return self.grid.spacing_mm

    @property
    def size(self) -> tuple[int, ...]:
        """Pixels along x, y (and z)."""
        return tuple(reversed(self.pixels.shape))

    @property
    def spacing(self) -> tuple[float, ...]:
        """Distance of pixels along x, y (and z), in mm."""
        return tuple(reversed(self.spacing_mm))

    @property
    def box(self) -> NDArray[np.int64]:
        """Bounding box of the region (x low, x high, y low, ...)."""
        ends = [(s.start, s.stop - 1) for s in reversed(self.slices)]
        return np.array(ends, dtype=np.int64).reshape(-1)


def prepare_region(
    roi: Roi, settings: Settings, *, image_types: Iterable[str] = ("Original",)
) -> NativeRegion:
    """Normalise, resample, check and resegment, in pyradiomics' order.

    Parameters
    ----------
    roi : Roi
        The region.
    settings : Settings
        Settings as they read for the region's number of axes.
    image_types : iterable of str
        What will be computed of it, to estimate the memory that takes.

    Raises
    ------
    EngineError
        When the region, or an image that has to be normalised or resampled, holds NaN or
        infinite values; or when it would not fit into memory after resampling, which is
        estimated before.
    Unusable
        When the region cannot carry features.
    """
    not_finite = check_finite(roi, settings)
    pixels, mask = roi.pixels, roi.mask
    if pixels.dtype in (np.bool_, np.float16):
        pixels = pixels.astype(np.uint8 if pixels.dtype == np.bool_ else np.float32)
    grid = Grid(roi.spacing_mm, roi.origin_mm, roi.direction)
    if settings.normalize:
        pixels = normalise(
            pixels, scale=settings.normalize_scale, outliers=settings.remove_outliers
        )
    if settings.interpolator is not None and settings.resampled_pixel_spacing is not None:
        _check(mask, settings)
        wanted = settings.resampled_pixel_spacing
        voxels = resampled_size(mask, grid, wanted, pad=settings.pad_distance)
        check_memory(
            voxels * max(_BYTES.get(name, _BYTES["Original"]) for name in image_types),
            what="the resampled region",
            found=f"{voxels:,} voxels at {' x '.join(f'{s:g}' for s in wanted)} mm (x, y, z)",
            hint="use a larger resampledPixelSpacing",
        )
        pixels, mask, grid = resample(
            pixels,
            mask,
            grid,
            settings.resampled_pixel_spacing,
            interpolator=settings.interpolator,
            pad=settings.pad_distance,
        )
    elif settings.pre_crop:
        cut = grown(bounding_box(mask), settings.pad_distance, mask.shape)
        pixels, mask, grid = pixels[cut], mask[cut], grid.cut(cut)
    _check(mask, settings)
    shape_mask = mask
    if settings.resegment_range is not None:
        try:
            mask = resegment(pixels, mask, settings.resegment_range, mode=settings.resegment_mode)
        except MaskError as error:
            raise Unusable(error.problem) from error
        _check(mask, settings)
        shape_mask = mask if settings.resegment_shape else shape_mask
    return NativeRegion(pixels, mask, shape_mask, grid, bounding_box(mask), not_finite)


def _check(mask: NDArray[np.bool_], settings: Settings) -> None:
    if not mask.any():
        raise Unusable("nothing is left of the region")
    reason = why_unusable(
        mask,
        least_dimensions=settings.minimum_roi_dimensions,
        least_size=settings.minimum_roi_size,
    )
    if reason is not None:
        raise Unusable(reason)
