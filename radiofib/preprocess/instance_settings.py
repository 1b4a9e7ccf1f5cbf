"""What an instance of a region is: the settings of slices, middle slices, windows and patches."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from radiofib.config import StrictModel

__all__ = [
    "InstanceSettings",
    "MiddleSlices",
    "Patches",
    "SliceAxis",
    "Slices",
    "WholeRegion",
    "Windows",
]

SliceAxis = Literal["acquisition", "x", "y", "z"]
#: One number for all axes, or one for each in the order x, y, z.
Sizes = Annotated[float, Field(gt=0)] | tuple[Annotated[float, Field(gt=0)], ...]


class WholeRegion(StrictModel):
    """The region as it is: one row for a case.

    Examples
    --------
    >>> WholeRegion().kind
    'whole'
    """

    kind: Literal["whole"] = "whole"


class Slices(StrictModel):
    """Every slice with enough of the region, as a 2-D image.

    Parameters
    ----------
    axis : {"acquisition", "x", "y", "z"}
        Axis of the array that slices are stacked along; by default the one along which the image
        was acquired, see :func:`.instances.slice_axis`.
    min_pixels : int
        Fewest pixels of the region in a slice.
    most : int, optional
        Most slices of a region; see :func:`.instances.cut_region` on which are kept.

    Examples
    --------
    >>> Slices(kind="slices").min_pixels
    64
    """

    kind: Literal["slices"]
    axis: SliceAxis = "acquisition"
    min_pixels: int = Field(default=64, ge=1)
    most: int | None = Field(default=None, ge=1)


class MiddleSlices(StrictModel):
    """The middle slices of the region (2.5-D): neighbours, or all where there are fewer.

    Parameters
    ----------
    n : int
        How many.
    axis, min_pixels
        As in :class:`Slices`.

    Examples
    --------
    >>> MiddleSlices(kind="middle_slices").n
    10
    """

    kind: Literal["middle_slices"]
    n: int = Field(default=10, ge=1)
    axis: SliceAxis = "acquisition"
    min_pixels: int = Field(default=64, ge=1)


class Windows(StrictModel):
    """Overlapping windows with as many axes as the image.

    Parameters
    ----------
    size : float or tuple of float
        Of a window, for all axes or for x, y (and z). Along an axis on which the image is
        smaller the window is the whole of it.
    unit : {"voxels", "mm"}
        Of `size` and `stride`; millimetres are rounded to whole voxels.
    stride : float or tuple of float, optional
        From window to window; half of `size` when not given. The last window along an axis ends
        with the image.
    min_share : float
        Share of a window, or of the region where that is smaller, that must be region.

    Examples
    --------
    >>> Windows(kind="windows", size=128).unit
    'voxels'
    """

    kind: Literal["windows"]
    size: Sizes
    unit: Literal["voxels", "mm"] = "voxels"
    stride: Sizes | None = None
    min_share: float = Field(default=0.2, gt=0, le=1)


class Patches(StrictModel):
    """Small 2-D patches of the slices, inside the region.

    Parameters
    ----------
    size : float or tuple of float
        Side of a patch within the slice, for both axes or for the first and second of them in
        the order x, y, z.
    unit : {"voxels", "mm"}
        Of `size` and `stride`; millimetres are rounded to whole pixels.
    stride : float or tuple of float, optional
        From patch to patch; `size` when not given, so that patches do not overlap.
    axis : {"acquisition", "x", "y", "z"}
        As in :class:`Slices`.
    min_share : float
        Share of a patch that must be region; all of it by default.
    most : int, optional
        Most patches of a region; see :func:`.instances.cut_region` on which are kept.

    Examples
    --------
    >>> Patches(kind="patches").size
    16.0
    """

    kind: Literal["patches"]
    size: Sizes = 16.0
    unit: Literal["voxels", "mm"] = "voxels"
    stride: Sizes | None = None
    axis: SliceAxis = "acquisition"
    min_share: float = Field(default=1.0, gt=0, le=1)
    most: int | None = Field(default=None, ge=1)


InstanceSettings = Annotated[
    WholeRegion | Slices | MiddleSlices | Windows | Patches, Field(discriminator="kind")
]
