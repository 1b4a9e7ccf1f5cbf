"""The region of interest: the one thing a feature engine is given."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from radiofib.errors import MaskError

__all__ = ["Roi"]


@dataclass(frozen=True, eq=False)
class Roi:
    """Pixels, the mask that says which of them count, and their physical size.

    Parameters
    ----------
    pixels : ndarray of shape (z, y, x) or (y, x)
        Image intensities in the units of the source.
    mask : ndarray of bool, same shape
        True inside the region.
    spacing_mm : tuple of float
        Distance between pixel centres along each axis of `pixels`, in mm, in that order
        (z, y, x). 1.0 everywhere when `spacing_known` is False.
    channel : str
        Lower-case channel name (``t1``, ``ged4``, ``us``).
    source_hash : str
        Hash of the image and mask the region was cut from.
    spacing_known : bool
        False when the file does not say how large a pixel is.
    origin_mm, direction : tuple of float, optional
        Physical position of the first voxel (x, y, z) and direction cosines (row-major), as
        SimpleITK gives them; None for plain pictures.
    notes : tuple of str
        What was done to arrive at this region ("mask resampled to the image grid").

    Raises
    ------
    MaskError
        When the mask is empty or has another shape than the pixels.

    Examples
    --------
    >>> roi = Roi(np.arange(4.0).reshape(2, 2), np.eye(2, dtype=bool), (1.0, 1.0), "us")
    >>> roi.n_voxels, roi.values
    (2, array([0., 3.]))
    """

    pixels: NDArray[np.generic]
    mask: NDArray[np.bool_]
    spacing_mm: tuple[float, ...]
    channel: str
    source_hash: str = ""
    spacing_known: bool = True
    origin_mm: tuple[float, ...] | None = None
    direction: tuple[float, ...] | None = None
    notes: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        if self.pixels.ndim not in (2, 3) or self.mask.shape != self.pixels.shape:
            raise MaskError(
                "mask and image must be 2-D or 3-D arrays of one shape",
                found=f"image {self.pixels.shape}, mask {self.mask.shape}",
            )
        if self.mask.dtype != np.bool_:
            raise MaskError("mask must be boolean", found=str(self.mask.dtype))
        if len(self.spacing_mm) != self.pixels.ndim or not all(
            0 < s < float("inf") for s in self.spacing_mm
        ):
            raise MaskError(
                "spacing must be one positive number for each axis", found=str(self.spacing_mm)
            )
        if not self.mask.any():
            raise MaskError("the region of interest is empty", hint="check the mask and its label")

    @property
    def ndim(self) -> int:
        """Number of axes, 2 or 3."""
        return self.pixels.ndim

    @property
    def n_voxels(self) -> int:
        """Number of pixels inside the mask."""
        return int(np.count_nonzero(self.mask))

    @property
    def values(self) -> NDArray[np.generic]:
        """Intensities inside the mask, in C order."""
        values: NDArray[np.generic] = self.pixels[self.mask]
        return values
