"""Masks: label numbers on a grid, and the choice of one of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from radiofib._checks import list_some
from radiofib._series import named_series
from radiofib.errors import ImageError, MaskError
from radiofib.images.image import Image
from radiofib.images.picture import open_picture
from radiofib.images.read import read_image
from radiofib.images.sniff import file_format, hash_source, is_dicom_file

__all__ = ["labels_present", "read_labels", "read_mask", "select_label"]

_PICTURES = {"PNG", "JPEG", "BMP", "TIFF", "GIF"}
#: A JPEG mask is black and white but for this blur at the edges.
_JPEG_BLUR = 48
#: A label number stored as a float with a scale slope is off by this much at most.
_ROUNDING = 1e-4


def read_mask(path: str | Path, label: int | None = None, *, on: Image | None = None) -> Image:
    """Read a mask as whole label numbers, 0 being the background.

    A volume may hold its labels as floats, as long as they are whole. A mask picture may be
    grey, black and white, or a palette (a coloured palette counts by its indices); a JPEG, whose
    compression blurs edges, is cut at half intensity when it is black and white otherwise. The
    labels of a DICOM SEG are its segment numbers, those of an RTSTRUCT its ROI numbers.

    Parameters
    ----------
    path : path
        Any file :func:`radiofib.images.read_image` reads, a DICOM SEG or RTSTRUCT, or a folder
        with one of these.
    label : int, optional
        Keep this label alone: the result is 1 inside and 0 outside.
    on : Image, optional
        The image the mask was drawn on. An RTSTRUCT, whose contours have no grid of their own,
        needs it and comes back on its grid, as does a DICOM SEG whose frames are slices of it;
        other masks do not depend on it.

    Raises
    ------
    MaskError
        When the file cannot be read, holds fractions, NaN, several values per voxel, no label
        at all, or not the one asked for; when segments overlap and no label is given.
    """
    mask = read_labels(path, label, on=on)
    if label is None:
        return mask
    region, notes = select_label(mask, label, where=str(path))
    return replace(mask, pixels=region.astype(np.uint8), notes=(*mask.notes, *notes))


def read_labels(
    path: str | Path, label: int | None = None, *, on: Image | None = None, choose: bool = False
) -> Image:
    """Read a mask as label numbers; of a DICOM SEG or RTSTRUCT only the segment to be used.

    Parameters
    ----------
    path, label, on
        As in :func:`read_mask`, but other labels stay in the array.
    choose : bool
        With no `label`, draw the one segment that :func:`select_label` would choose, so that
        segments may overlap; otherwise all.

    Raises
    ------
    MaskError
        As :func:`read_mask`; a missing label is an error here only for segments.
    """
    path = Path(path)
    try:
        if path.is_dir() or is_dicom_file(path):
            from radiofib.images.dicom_masks import find_mask_object, read_mask_object

            if (source := find_mask_object(path)) is not None:
                return read_mask_object(source, label, on=on, choose=choose, where=path)
        folder = named_series(path)[0].is_dir()
        if not folder and (kind := file_format(path)) in _PICTURES:
            mask = _read_mask_picture(path, kind)
        else:
            mask = read_image(path)
    except ImageError as error:
        raise MaskError(
            f"mask: {error.problem}",
            where=error.where,
            expected=error.expected,
            found=error.found,
            hint=error.hint,
        ) from error
    return replace(mask, pixels=_whole_numbers(mask.pixels, str(path)))


def _read_mask_picture(path: Path, kind: str) -> Image:
    values, notes = open_picture(path)
    if values.ndim == 3:
        values, notes = _flat_labels(path, values)
    if kind == "JPEG":
        values, notes = _sharpen(path, values, notes)
    return Image(
        values,
        (1.0, 1.0),
        spacing_known=False,
        source_hash=hash_source(path),
        kind="picture",
        notes=tuple(notes),
    )


def _flat_labels(path: Path, values: NDArray[np.generic]) -> tuple[NDArray[np.generic], list[str]]:
    colour = values[..., :3]
    see_through = values.shape[-1] == 4 and bool((values[..., 3] < values[..., 3].max()).any())
    if not see_through and bool((colour == colour[..., :1]).all()):
        return np.ascontiguousarray(colour[..., 0]), []
    with PIL.Image.open(path) as picture:
        if picture.mode == "P":
            return np.asarray(picture), ["mask labels are the indices of its colour palette"]
    what = "transparency" if see_through else "colours"
    raise MaskError(
        f"mask picture has {what}",
        where=str(path),
        expected="one label number per pixel, such as black and white",
        hint="save the mask alone, without the image under it, in grey",
    )


def _sharpen(
    path: Path, values: NDArray[np.generic], notes: list[str]
) -> tuple[NDArray[np.generic], list[str]]:
    numbers = values.astype(np.int64)
    if np.unique(numbers).size <= 2:
        return values, notes
    extreme = (numbers <= _JPEG_BLUR) | (numbers >= 255 - _JPEG_BLUR)
    if extreme.mean() < 0.95:
        raise MaskError(
            "mask is a JPEG whose grey values are not black and white",
            where=str(path),
            found=f"{np.unique(numbers).size} grey values",
            hint="save masks as PNG: JPEG changes label numbers",
        )
    sharp = np.where(numbers >= 128, 255, 0).astype(np.uint8)
    return sharp, [*notes, "mask is a JPEG: cut at half intensity"]


def _whole_numbers(pixels: NDArray[np.generic], where: str) -> NDArray[np.generic]:
    if pixels.dtype.kind in "iub":
        return pixels
    labels = np.empty(pixels.shape, dtype=np.int32)
    wrong: list[float] = []
    count, largest = 0, 0.0
    for plane, out in zip(pixels, labels, strict=True):  # plane by plane: copies stay small
        values = plane.astype(np.float64)
        whole = np.rint(values)
        with np.errstate(invalid="ignore"):  # infinity minus infinity
            bad = values[~(np.abs(values - whole) <= _ROUNDING)]
        count += bad.size
        wrong += bad[: not wrong].tolist()
        if not count:
            largest = max(largest, float(np.abs(whole).max()))
            np.copyto(out, whole, casting="unsafe", where=np.abs(whole) < 2**31)
    if wrong:
        raise MaskError(
            "mask does not hold whole label numbers",
            where=where,
            expected="0 outside, 1, 2, ... inside",
            found=f"{count} voxels such as {wrong[0]:g}",
            hint="cut a probability map at a threshold, and export without smoothing",
        )
    if largest >= 2**31:
        raise MaskError("label number is too large", where=where, found=f"{largest:g}")
    return labels


def labels_present(pixels: NDArray[np.generic]) -> list[int]:
    """Return the non-zero labels in ascending order.

    Examples
    --------
    >>> labels_present(np.array([[0, 5], [2, 5]]))
    [2, 5]
    """
    low, high = int(pixels.min()), int(pixels.max())
    if low >= 0 and high < 65536 and pixels.dtype.kind in "ui":
        seen = np.zeros(high + 1, dtype=np.bool_)
        for plane in pixels:  # plane by plane: the index is cast to 8 bytes a voxel
            seen[plane] = True
        return [int(v) for v in np.flatnonzero(seen) if v]
    return [int(v) for v in np.unique(pixels) if v]


def select_label(
    mask: Image, label: int | None, *, where: str | None = None
) -> tuple[NDArray[np.bool_], list[str]]:
    """Return the region of one label, and a note when the choice was not the caller's.

    With `label` None: label 1 where it is present (the convention of pyradiomics), else the
    only label there is, else an error that lists the labels. In a black-and-white picture any
    `label` means its one non-zero value, because 255 is not a label number.

    Raises
    ------
    MaskError
        When the mask is empty, the label is absent, or the choice is open.

    Examples
    --------
    >>> mask = Image(np.array([[0, 255]], np.uint8), (1.0, 1.0), kind="picture")
    >>> region, notes = select_label(mask, None)
    >>> region.tolist(), notes
    ([[False, True]], ['mask label 255, the only one'])
    """
    if label == 0:
        raise MaskError(
            "label 0 is the background", where=where, hint="give the number of the region"
        )
    present = labels_present(mask.pixels)
    if not present:
        raise MaskError(
            "mask is empty",
            where=where,
            expected="voxels with a label",
            found=f"only zeros in {' x '.join(map(str, mask.pixels.shape))}",
            hint="draw the region, or take the case out of the cohort",
        )
    notes: list[str] = []
    chosen = label
    if label is None:
        chosen = 1 if 1 in present else present[0]
        if chosen != 1 and len(present) > 1:
            raise MaskError(
                "mask has several labels and none was chosen",
                where=where,
                expected="a mask label",
                found=f"labels {list_some(present, 30)}",
                hint="give the number in the column 'mask_label'",
            )
        if present != [1]:
            only = "the only one" if len(present) == 1 else f"of {list_some(present, 30)}"
            notes.append(f"mask label {chosen}, {only}")
    elif label not in present:
        if mask.kind != "picture" or len(present) > 1:
            raise MaskError(
                f"label {label} is not in the mask",
                where=where,
                found=f"labels {list_some(present, 30)}",
                hint="correct the column 'mask_label', or take the case out",
            )
        chosen = present[0]
        notes.append(f"black-and-white mask: value {chosen} is inside")
    region: NDArray[np.bool_] = mask.pixels == chosen
    return region, notes
