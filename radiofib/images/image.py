"""The image as read from a file: pixels and where they lie, nothing about the patient."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from radiofib.errors import ImageError

__all__ = ["Image"]


@dataclass(frozen=True, eq=False)
class Image:
    """Pixels, their size and position in space, and the hash of the file they came from.

    No header field that could identify a patient is kept.

    Parameters
    ----------
    pixels : ndarray of shape (z, y, x) or (y, x)
        Intensities in the type SimpleITK reads them in; float64 for a picture.
    spacing_mm : tuple of float
        Distance between pixel centres along each axis of `pixels`, in mm, in the order of
        `pixels`: (z, y, x). All 1.0 when `spacing_known` is False.
    origin_mm : tuple of float, optional
        Centre of the first pixel, (x, y, z) in mm in the patient system (left, posterior and
        superior positive). None for a picture.
    direction : tuple of float, optional
        Direction cosines, row-major, as SimpleITK gives them. None for a picture.
    spacing_known : bool
        False when the file does not say how large a pixel is.
    source_hash : str
        SHA-256 of the file, of the folder, or of a header with its data files.
    kind : {"volume", "picture"}
        A picture (PNG, JPEG, ultrasound frame) has no position in space.
    notes : tuple of str
        What was done while reading ("colour turned to grey ...").
    frame_of_reference : str
        SHA-256 of DICOM's ``FrameOfReferenceUID``: positions in two images can be compared when
        it is the same. Empty where the file has none.

    Raises
    ------
    ImageError
        When the parts do not fit together.

    Examples
    --------
    >>> image = Image(np.zeros((4, 5, 6)), (2.0, 1.0, 1.0), (0.0,) * 3, tuple(np.eye(3).ravel()))
    >>> image.ndim, image.voxel_volume_mm3
    (3, 2.0)
    """

    pixels: NDArray[np.generic]
    spacing_mm: tuple[float, ...]
    origin_mm: tuple[float, ...] | None = None
    direction: tuple[float, ...] | None = None
    spacing_known: bool = True
    source_hash: str = ""
    kind: Literal["volume", "picture"] = "volume"
    notes: tuple[str, ...] = field(default=())
    frame_of_reference: str = ""

    def __post_init__(self) -> None:
        ndim = self.pixels.ndim
        if ndim not in (2, 3) or self.pixels.size == 0:
            raise ImageError(
                "an image must have 2 or 3 axes and at least one pixel",
                found=f"shape {self.pixels.shape}",
            )
        if len(self.spacing_mm) != ndim or not all(s > 0 for s in self.spacing_mm):
            raise ImageError(
                "spacing must be one positive number for each axis", found=str(self.spacing_mm)
            )
        if (self.origin_mm is None) != (self.direction is None):
            raise ImageError("origin and direction are given together or not at all")
        if self.origin_mm is not None and self.direction is not None:
            if len(self.origin_mm) != ndim or len(self.direction) != ndim**2:
                raise ImageError(
                    "origin and direction do not fit the number of axes",
                    expected=f"{ndim} and {ndim**2} numbers",
                    found=f"{len(self.origin_mm)} and {len(self.direction)}",
                )
        elif self.kind == "volume":
            raise ImageError("a volume needs an origin and a direction")

    @property
    def ndim(self) -> int:
        """Number of axes, 2 or 3."""
        return self.pixels.ndim

    @property
    def voxel_volume_mm3(self) -> float:
        """Volume of a voxel in mm3 (area of a pixel in mm2 for a 2-D image)."""
        return float(np.prod(self.spacing_mm))
