"""The region IBSI 1 computes on: interpolated, rounded, thresholded, resegmented."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, prod
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from radiofib._checks import check_known
from radiofib.errors import EngineError, MaskError, UsageError
from radiofib.preprocess.crop import Box, bounding_box, grown
from radiofib.preprocess.ibsi.grid import GridAxis, aligned_axis
from radiofib.preprocess.ibsi.interpolate import Interpolation, interpolate

__all__ = ["PEAK_RADIUS_MM", "IbsiRegion", "prepare_ibsi"]

#: Radius of a sphere of 1 cm3: as far as features look beyond the region.
PEAK_RADIUS_MM = 10 * (3 / (4 * np.pi)) ** (1 / 3)
#: A share of a voxel within this of the threshold counts as equal to it.
_EQUAL = 1e-9
#: Bytes for each voxel while an image is interpolated: three copies and two masks.
_BYTES = 3 * 8 + 2
_MASK = ("nearest", "linear")
_IMAGE = (*_MASK, "cubic")
Range = tuple[float | None, float | None]


@dataclass(frozen=True, eq=False)
class IbsiRegion:
    """Image and masks after the processing of IBSI 1, cut to the region and a margin.

    Parameters
    ----------
    pixels : ndarray of float, shape (z, y, x) or (y, x)
        Intensities.
    intensity_mask, morphology_mask : ndarray of bool
        The region with and without resegmentation.
    spacing_mm : tuple of float
        Spacing along the axes of the arrays.
    offset : tuple of int
        Where the first voxel lies on the interpolation grid.
    grid_shape : tuple of int
        Size of the whole interpolation grid.
    start : tuple of float
        Where the first voxel lies in voxels of the original image.
    resegment_range : tuple, optional
        Lower and upper bound of resegmentation, None for an open end; features that need a
        range of intensities take it from here.

    Examples
    --------
    >>> pixels = np.arange(27.0).reshape(3, 3, 3)
    >>> region = prepare_ibsi(pixels, pixels > 12, (1.0, 1.0, 1.0), resegment_range=(0, 20))
    >>> region.values, int(region.morphology_mask.sum())
    (array([13., 14., 15., 16., 17., 18., 19., 20.]), 14)
    """

    pixels: NDArray[np.float64]
    intensity_mask: NDArray[np.bool_]
    morphology_mask: NDArray[np.bool_]
    spacing_mm: tuple[float, ...]
    offset: tuple[int, ...]
    grid_shape: tuple[int, ...]
    start: tuple[float, ...]
    resegment_range: Range | None = None

    @property
    def ndim(self) -> int:
        """Number of axes, 2 or 3."""
        return self.pixels.ndim

    @property
    def values(self) -> NDArray[np.float64]:
        """Intensities within the intensity mask, in C order."""
        found: NDArray[np.float64] = self.pixels[self.intensity_mask]
        return found


def prepare_ibsi(
    pixels: NDArray[np.generic],
    mask: NDArray[np.bool_],
    spacing_mm: Sequence[float],
    *,
    spacing_out: float | Sequence[float | None] | None = None,
    dimension: Literal["2d", "3d"] = "3d",
    image_interpolation: Interpolation = "linear",
    mask_interpolation: Literal["nearest", "linear"] = "linear",
    partial_volume: float = 0.5,
    round_intensities: bool = True,
    resegment_range: Sequence[float | None] | None = None,
    resegment_sigma: float | None = None,
    margin_mm: float | None = PEAK_RADIUS_MM,
    most_voxels: int | None = None,
) -> IbsiRegion:
    """Process image and region as IBSI 1 prescribes, in its order.

    1. Image and mask are interpolated onto a grid with the centre of the original one.
    2. Interpolated intensities are rounded to whole numbers.
    3. The mask holds voxels of which at least `partial_volume` lies inside.
    4. The intensity mask loses voxels outside the range, and outside mean +- sigma standard
       deviations of the whole region; with both, only voxels within both ranges stay. The
       morphological mask stays as it is.

    Parameters
    ----------
    pixels, mask : ndarray of shape (z, y, x) or (y, x)
        Image and region.
    spacing_mm : sequence of float
        Spacing along the axes of the arrays.
    spacing_out : float or sequence of float, optional
        New spacing: one for all axes, or one for each, where None or 0 keeps the old one.
    dimension : {"3d", "2d"}
        In 2-D there is no interpolation between slices (the first of three axes).
    image_interpolation : {"nearest", "linear", "cubic"}
        How the image is interpolated.
    mask_interpolation : {"nearest", "linear"}
        How the mask is interpolated.
    partial_volume : float
        Least share of a voxel inside the region, above 0 and at most 1.
    round_intensities : bool
        Whether interpolated intensities become whole numbers. Where nothing is interpolated,
        nothing is rounded.
    resegment_range : sequence of two floats, optional
        Least and greatest intensity that stays; None or infinity for an open end.
    resegment_sigma : float, optional
        Number of standard deviations (of the population) from the mean.
    margin_mm : float, optional
        Distance around the region to keep; enough for local intensity by default. None keeps
        the whole image.
    most_voxels : int, optional
        Largest number of voxels to make; by default what the memory of the machine holds.

    Raises
    ------
    UsageError
        When settings do not fit the image.
    EngineError
        When more voxels would be made than allowed; nothing has been computed then.
    MaskError
        When nothing is left of the region.

    References
    ----------
    IBSI reference manual, doi 10.48550/arXiv.1612.07003, image processing: interpolation
    (VTM2), rounding (68QD), partial volume (E8H9), resegmentation (IF9H).

    Examples
    --------
    >>> pixels = np.arange(64.0).reshape(4, 4, 4)
    >>> region = prepare_ibsi(pixels, pixels > 31, (2.0, 1.0, 1.0), spacing_out=1.0)
    >>> region.grid_shape, int(region.morphology_mask.sum())
    ((8, 4, 4), 64)
    """
    spacing = _checked(pixels, mask, spacing_mm, partial_volume)
    for method, known in ((image_interpolation, _IMAGE), (mask_interpolation, _MASK)):
        check_known(method, known, what="interpolation")
    check_known(dimension, ("2d", "3d"), what="dimension")
    limits = _limits(resegment_range)
    axes = _axes(pixels.shape, spacing, spacing_out, dimension)
    reached = _reached(bounding_box(mask), axes)
    whole = tuple(slice(0, axis.new_size) for axis in axes)
    _guard(whole if margin_mm is None else _grown(reached, axes, margin_mm), axes, most_voxels)
    shares = interpolate(mask, axes, mask_interpolation, reached)
    found = shares >= partial_volume - _EQUAL
    if not found.any():
        raise MaskError(
            "nothing is left of the region after interpolation",
            expected=f"a voxel of which at least {partial_volume:g} lies inside",
            found=f"at most {shares.max() if shares.size else 0:.3g}",
            hint="use a smaller spacing or threshold, or nearest interpolation of the mask",
        )
    local = bounding_box(found)
    tight = tuple(
        slice(part.start + a.start, part.start + a.stop)
        for part, a in zip(reached, local, strict=True)
    )
    box = whole if margin_mm is None else _grown(tight, axes, margin_mm)
    image = interpolate(pixels, axes, image_interpolation, box)
    if round_intensities and not all(axis.same for axis in axes):
        np.rint(image, out=image)
    morphology = np.zeros(image.shape, dtype=bool)
    target = tuple(
        slice(a.start - b.start, a.stop - b.start) for a, b in zip(tight, box, strict=True)
    )
    morphology[target] = found[local]
    return IbsiRegion(
        pixels=image,
        intensity_mask=_resegmented(image, morphology, limits, resegment_sigma),
        morphology_mask=morphology,
        spacing_mm=tuple(axis.new_spacing for axis in axes),
        offset=tuple(part.start for part in box),
        grid_shape=tuple(axis.new_size for axis in axes),
        start=tuple(a.start + a.step * part.start for a, part in zip(axes, box, strict=True)),
        resegment_range=limits,
    )


def _checked(
    pixels: NDArray[np.generic],
    mask: NDArray[np.bool_],
    spacing_mm: Sequence[float],
    partial_volume: float,
) -> tuple[float, ...]:
    if pixels.ndim not in (2, 3) or mask.shape != pixels.shape:
        raise UsageError(
            "image and mask must be 2-D or 3-D arrays of one shape",
            found=f"image {pixels.shape}, mask {mask.shape}",
        )
    spacing = tuple(float(s) for s in spacing_mm)
    if len(spacing) != pixels.ndim or not all(s > 0 and np.isfinite(s) for s in spacing):
        raise UsageError(
            "spacing must be one positive number for each axis", found=str(tuple(spacing))
        )
    if not 0 < partial_volume <= 1:
        raise UsageError(
            "the partial volume threshold must lie above 0 and be at most 1",
            found=f"{partial_volume:g}",
        )
    return spacing


def _limits(wanted: Sequence[float | None] | None) -> Range | None:
    if wanted is None:
        return None
    if len(wanted) != 2:
        raise UsageError(
            "the range of resegmentation needs two limits", found=f"{len(wanted)} limits"
        )
    low, high = (None if w is None or np.isinf(w) else float(w) for w in wanted)
    if any(w is not None and np.isnan(w) for w in (low, high)) or (
        low is not None and high is not None and low > high
    ):
        raise UsageError(
            "the range of resegmentation is empty",
            expected="the lower limit first",
            found=f"{low} to {high}",
        )
    return low, high


def _axes(
    shape: tuple[int, ...],
    spacing: tuple[float, ...],
    wanted: float | Sequence[float | None] | None,
    dimension: str,
) -> tuple[GridAxis, ...]:
    new: list[float | None]
    if wanted is None or isinstance(wanted, int | float):
        new = [wanted] * len(shape)
    else:
        new = list(wanted)
    if len(new) != len(shape):
        raise UsageError(
            "the new spacing has another number of axes than the image",
            expected=f"{len(shape)} numbers",
            found=f"{len(new)}",
        )
    if any(s is not None and not (s >= 0 and np.isfinite(s)) for s in new):
        raise UsageError("the new spacing must be positive", found=str(tuple(new)))
    if dimension == "2d" and len(shape) == 3:
        new[0] = None
    return tuple(aligned_axis(n, s, w or None) for n, s, w in zip(shape, spacing, new, strict=True))


def _reached(box: Box, axes: Sequence[GridAxis]) -> Box:
    """Return the part of the new grid that interpolation of the mask can reach."""
    found = []
    for part, axis in zip(box, axes, strict=True):
        first = max(ceil((part.start - 1 - axis.start) / axis.step - _EQUAL), 0)
        last = min(floor((part.stop - axis.start) / axis.step + _EQUAL), axis.new_size - 1)
        found.append(slice(first, max(last + 1, first)))
    return tuple(found)


def _grown(box: Box, axes: Sequence[GridAxis], margin_mm: float) -> Box:
    margins = tuple(ceil(margin_mm / axis.new_spacing) for axis in axes)
    return grown(box, margins, tuple(axis.new_size for axis in axes))


def _guard(box: Box, axes: Sequence[GridAxis], most_voxels: int | None) -> None:
    number = prod(part.stop - part.start for part in box)
    most = most_voxels if most_voxels is not None else _memory() // _BYTES
    if number > most and not all(axis.same for axis in axes):
        spacing = " x ".join(f"{axis.new_spacing:g}" for axis in axes)
        raise EngineError(
            "interpolation would make too large an image",
            expected=f"at most {most:,} voxels",
            found=f"{number:,} at a spacing of {spacing} mm, "
            f"about {number * _BYTES / 2**30:.1f} GiB of memory",
            hint="use a larger spacing",
        )


def _memory() -> int:
    """Return the bytes of memory of the machine, or a large number where it does not tell."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return _BYTES * (2**31 - 1)


def _resegmented(
    image: NDArray[np.float64],
    morphology: NDArray[np.bool_],
    limits: Range | None,
    sigma: float | None,
) -> NDArray[np.bool_]:
    """Return the mask of the voxels within the intersection of both ranges."""
    values = image[morphology]
    low, high = limits or (None, None)
    bounds = [(-np.inf if low is None else low, np.inf if high is None else high)]
    if sigma is not None:
        reach = sigma * float(np.std(values))
        mean = float(np.mean(values))
        bounds.append((mean - reach, mean + reach))
    stays = np.ones(len(values), dtype=bool)
    for least, greatest in bounds:
        stays &= (values >= least) & (values <= greatest)
    if not stays.any():
        raise MaskError(
            "resegmentation leaves nothing of the region",
            expected="at least 1 voxel",
            found=f"0 of {len(values)} between "
            + " and between ".join(f"{a:g} and {b:g}" for a, b in bounds),
            hint="widen the range of resegmentation",
        )
    found = np.zeros(morphology.shape, dtype=bool)
    found[morphology] = stays
    return found
