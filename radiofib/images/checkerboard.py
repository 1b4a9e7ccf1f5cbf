"""A picture of two images in the tiles of a checkerboard: edges run on where they are aligned."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import SimpleITK as sitk
from numpy.typing import NDArray

from radiofib.errors import ImageError
from radiofib.images.overlay import (
    OUTLINE,
    fitted_size,
    grey_window,
    nearest,
    outline_of,
    save_png,
    widest_slice,
)

__all__ = ["checkerboard_png", "render_checkerboard"]

_TINT = np.array([0.80, 0.93, 1.0])  # the second image is faintly blue
_GAP = 8


def checkerboard_png(
    fixed: sitk.Image,
    registered: sitk.Image,
    path: str | Path,
    *,
    mask: sitk.Image | None = None,
    tiles: int = 8,
    longest_side: int = 420,
) -> Path:
    r"""Write :func:`render_checkerboard` as PNG, under a temporary name and renamed.

    Examples
    --------
    >>> import tempfile
    >>> image = sitk.GetImageFromArray(np.random.default_rng(0).normal(size=(6, 20, 30)))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     checkerboard_png(image, image, Path(folder) / "c01__t2.png").read_bytes()[:4]
    b'\x89PNG'
    """
    shown = render_checkerboard(
        fixed, registered, mask=mask, tiles=tiles, longest_side=longest_side
    )
    return save_png(shown, Path(path), effort=6)


def render_checkerboard(
    fixed: sitk.Image,
    registered: sitk.Image,
    *,
    mask: sitk.Image | None = None,
    tiles: int = 8,
    longest_side: int = 420,
) -> NDArray[np.uint8]:
    """Return an axial and a coronal checkerboard side by side, of shape (y, x, 3).

    Tiles show the fixed image in grey and the registered one faintly blue, each in a grey window
    of its own, because the contrasts of two channels differ. The slices are those with the
    largest area of the mask, which is outlined; without a mask the middle ones. The patient's
    right is on the left, front and head are up.

    Parameters
    ----------
    fixed, registered : sitk.Image
        Two volumes on one grid (:func:`radiofib.preprocess.register.resample_to`).
    mask : sitk.Image, optional
        On the same grid, not 0 inside.
    tiles : int
        Tiles along the longer side of a slice.
    longest_side : int
        Longest side of each of the two parts, in pixels.

    Raises
    ------
    ImageError
        When the grids differ.

    Examples
    --------
    >>> image = sitk.GetImageFromArray(np.zeros((10, 40, 40), np.float32))
    >>> render_checkerboard(image, image, longest_side=200).shape
    (200, 408, 3)
    """
    for other, what in ((registered, "registered image"), (mask, "mask")):
        if other is not None and not _same_grid(fixed, other):
            raise ImageError(
                f"the {what} lies on another grid than the fixed image",
                expected=str(fixed.GetSize()),
                found=str(other.GetSize()),
                hint="bring it onto the grid with resample_to or carry_mask",
            )
    upright = [sitk.DICOMOrient(v, "LPS") for v in (fixed, registered)]
    spacing = upright[0].GetSpacing()
    one, two = (sitk.GetArrayFromImage(v).astype(np.float64) for v in upright)
    inside = np.zeros(one.shape, dtype=bool)
    if mask is not None:
        inside = sitk.GetArrayFromImage(sitk.DICOMOrient(mask, "LPS")) > 0
    parts = []
    for axis, step in ((0, (spacing[1], spacing[0])), (1, (spacing[2], spacing[0]))):
        front = np.moveaxis(inside, axis, 0)
        number = widest_slice(front) if inside.any() else inside.shape[axis] // 2
        planes = [np.take(v, number, axis=axis) for v in (one, two, inside)]
        if axis == 1:
            planes = [p[::-1] for p in planes]  # head up
        parts.append(_tiled(planes[0], planes[1], planes[2], step, tiles, longest_side))
    height = max(p.shape[0] for p in parts)
    width = sum(p.shape[1] for p in parts) + _GAP
    picture = np.full((height, width, 3), 255, dtype=np.uint8)
    left = 0
    for part in parts:
        picture[: part.shape[0], left : left + part.shape[1]] = part
        left += part.shape[1] + _GAP
    return picture


def _tiled(
    one: NDArray[np.float64],
    two: NDArray[np.float64],
    inside: NDArray[np.bool_],
    spacing: tuple[float, float],
    tiles: int,
    longest_side: int,
) -> NDArray[np.uint8]:
    height, width = _size(one.shape, spacing, longest_side)
    shown = []
    for plane in (one, two):
        grey = grey_window(plane, np.zeros(plane.shape, dtype=bool), (1.0, 99.0))
        fitted = PIL.Image.fromarray(grey).resize((width, height), PIL.Image.Resampling.BILINEAR)
        shown.append(np.repeat(np.asarray(fitted)[..., None], 3, axis=-1).astype(np.float64))
    side = max(height, width) / tiles
    rows, columns = (np.arange(n) // side for n in (height, width))
    second = (rows[:, None] + columns[None, :]) % 2 == 1
    picture = np.where(second[..., None], shown[1] * _TINT, shown[0])
    edge = outline_of(inside[nearest(height, one.shape[0])][:, nearest(width, one.shape[1])])
    picture[edge] = OUTLINE
    return np.asarray(np.rint(picture), dtype=np.uint8)


def _size(
    shape: tuple[int, ...], spacing: tuple[float, float], longest_side: int
) -> tuple[int, int]:
    # A coronal slice has few rows: enlarge it to the size of the axial one all the same.
    real = [n * s for n, s in zip(shape, spacing, strict=True)]
    if max(shape) < longest_side:
        per_mm = longest_side / max(real)
        return max(1, round(real[0] * per_mm)), max(1, round(real[1] * per_mm))
    return fitted_size(shape, spacing, longest_side)


def _same_grid(one: sitk.Image, other: sitk.Image) -> bool:
    near = [
        np.allclose(getattr(one, name)(), getattr(other, name)(), atol=1e-3)
        for name in ("GetSpacing", "GetOrigin", "GetDirection")
    ]
    return one.GetSize() == other.GetSize() and all(near)
