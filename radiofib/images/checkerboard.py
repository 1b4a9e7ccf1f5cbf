"""Two aligned volumes in one picture: fields of one and of the other in turn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import SimpleITK as sitk
from numpy.typing import NDArray

from radiofib.images.overlay import (
    OUTLINE,
    fitted_size,
    grey_window,
    nearest,
    outline_of,
    save_png,
    upright,
    widest_slice,
)
from radiofib.roi import Roi

__all__ = ["checkerboard_png"]


def checkerboard_png(
    fixed: sitk.Image,
    moved: sitk.Image,
    path: str | Path,
    *,
    mask: sitk.Image | None = None,
    field_mm: float = 32.0,
    longest_side: int = 512,
) -> Path:
    r"""Write the slice with most of the mask as a checkerboard of two volumes on one grid.

    Where the two are aligned, edges go on from field to field. Each volume has a grey window of
    its own (1st to 99th percentile of the slice); the mask is outlined. The same volumes give the
    same bytes.

    Parameters
    ----------
    fixed, moved : sitk.Image
        Volumes of one grid.
    path : path
        File to write; its folder must exist.
    mask : sitk.Image, optional
        Region on that grid; without it the middle slice is shown.
    field_mm : float
        Side of a field.
    longest_side : int
        Longest side of the picture in pixels.

    Returns
    -------
    Path
        The path written.

    Examples
    --------
    >>> import tempfile
    >>> image = sitk.GetImageFromArray(np.random.default_rng(0).normal(size=(3, 20, 30)))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     checkerboard_png(image, image, Path(folder) / "pair.png").read_bytes()[:4]
    b'\x89PNG'
    """
    first, second = (sitk.GetArrayViewFromImage(image) for image in (fixed, moved))
    region = np.ones(first.shape, np.bool_)
    if mask is not None:
        region = sitk.GetArrayViewFromImage(mask) > 0
    number = widest_slice(region)
    spacing = fixed.GetSpacing()[::-1]
    roi = Roi(first, region, spacing, "x", direction=fixed.GetDirection())
    everywhere = np.zeros(first.shape[1:], np.bool_)
    planes = [grey_window(upright(roi, v[number]), everywhere, (1, 99)) for v in (first, second)]
    height, width = fitted_size(planes[0].shape, spacing[-2:], longest_side)
    shown = [
        np.asarray(PIL.Image.fromarray(p).resize((width, height), PIL.Image.Resampling.BILINEAR))
        for p in planes
    ]
    per_mm = width / (planes[0].shape[1] * spacing[-1])
    board = _fields(height, width, max(4.0, field_mm * per_mm))
    picture = np.repeat(np.where(board, shown[1], shown[0])[..., None], 3, axis=-1)
    if mask is not None:
        outline = upright(roi, region[number])
        rows, columns = nearest(height, outline.shape[0]), nearest(width, outline.shape[1])
        picture[outline_of(outline[rows][:, columns])] = OUTLINE
    return save_png(picture.astype(np.uint8), Path(path))


def _fields(height: int, width: int, side: float) -> NDArray[np.bool_]:
    """Return which pixels show the second volume; a field is centred in the picture."""
    rows, columns = (
        np.floor((np.arange(n) - n / 2) / side + 0.5).astype(np.int64) for n in (height, width)
    )
    board: NDArray[np.bool_] = (rows[:, None] + columns[None, :]) % 2 == 1
    return board
