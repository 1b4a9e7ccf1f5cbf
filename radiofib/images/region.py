"""Image and mask to a region of interest."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from radiofib.errors import ImageError, MaskError
from radiofib.images.body import share_outside_body
from radiofib.images.grids import Grid, boxes_overlap, carry_mask, count_outside, displacement
from radiofib.images.image import Image
from radiofib.images.mask import read_labels, select_label
from radiofib.images.read import read_image
from radiofib.provenance import hash_object
from radiofib.registry.names import check_channel
from radiofib.roi import Roi

__all__ = ["CHECK", "GRID_TOLERANCE", "load_roi", "make_roi"]

#: Two grids of one size are the same when no voxel lies further apart than this share of the
#: smallest voxel side.
GRID_TOLERANCE = 0.05
#: A smaller difference is rounding in the header and not worth a note (mm).
_ROUNDING_MM = 1e-3
#: A larger share of the mask in the air around the patient is flagged.
MOST_OUTSIDE_BODY = 0.5
#: How every note ends that doubts the mask itself.
CHECK = "check that it belongs to this image"
#: Largest share of a mask's voxels outside the image; more is the mask of something else.
_MOST_OUTSIDE = 0.5


def load_roi(
    image: str | Path,
    mask: str | Path | None = None,
    *,
    mask_label: int | None = None,
    channel: str,
) -> Roi:
    """Read an image and its mask and return the region of interest on the image's grid.

    Parameters
    ----------
    image : path
        Anything :func:`radiofib.images.read_image` reads.
    mask : path, optional
        Anything :func:`radiofib.images.read_mask` reads; contours of an RTSTRUCT are filled on
        the grid of the image. Without one, the whole of a 2-D image is the region; a volume
        needs a mask.
    mask_label : int, optional
        Label of the region (segment number of a DICOM SEG, ROI number of an RTSTRUCT).
        Default: 1 where present, else the only label there is.
    channel : str
        Channel name, such as ``t1`` or ``us``.

    Returns
    -------
    Roi
        With the pixels exactly as read, but for NaN and infinity outside the region, which
        become 0. A mask on another grid has been carried over by the
        nearest voxel in physical space; `notes` say so, and how many voxels of the mask lie
        outside the image.

    Raises
    ------
    ImageError
        When the image cannot be read, or has NaN or infinite values inside the region.
    MaskError
        When the mask cannot be read, is empty, lacks the label, or lies elsewhere: more than
        half of it outside the image.

    Examples
    --------
    >>> import tempfile, PIL.Image
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "us.png"
    ...     PIL.Image.new("L", (3, 2), 7).save(path)
    ...     roi = load_roi(path, channel="US")
    >>> roi.channel, roi.n_voxels, roi.notes
    ('us', 6, ('no mask: the whole picture is the region',))
    """
    picture = read_image(image)
    labels = None if mask is None else read_labels(mask, mask_label, on=picture, choose=True)
    return make_roi(
        picture,
        labels,
        mask_label=mask_label,
        channel=channel,
        where=str(image),
        mask_where=None if mask is None else str(mask),
    )


def make_roi(
    image: Image,
    mask: Image | None,
    *,
    mask_label: int | None = None,
    channel: str,
    where: str | None = None,
    mask_where: str | None = None,
) -> Roi:
    """Do the same as :func:`load_roi` with an image and a mask already in memory.

    Parameters
    ----------
    image, mask : Image
        As read; the mask with whole label numbers. A mask that depends on the image has been
        read with it: ``read_mask(path, on=image)``.
    mask_label, channel
        As in :func:`load_roi`.
    where, mask_where : str, optional
        What to call the two in messages.

    Raises
    ------
    ImageError, MaskError
        As :func:`load_roi`.
    """
    channel = check_channel(channel)
    notes = list(image.notes)
    if mask is None:
        if image.ndim != 2:
            raise MaskError(
                "a volume needs a mask",
                where=where,
                expected="a mask of the organ or lesion",
                found=f"no mask for a volume of {_shape(image)}",
                hint="fill the column 'mask'; only 2-D images are used whole",
            )
        region = np.ones(image.pixels.shape, dtype=np.bool_)
        notes.append("no mask: the whole picture is the region")
        source = image.source_hash
    else:
        chosen, said = select_label(mask, mask_label, where=mask_where)
        notes += [*(f"mask: {note}" for note in mask.notes), *said]
        region, said = _on_image_grid(image, mask, chosen, mask_where or where)
        notes += said
        source = hash_object([image.source_hash, mask.source_hash, mask_label])
        notes += _doubts(image, mask, region)
    pixels, said = _finite(image.pixels, region, where)
    return Roi(
        pixels=pixels,
        mask=region,
        spacing_mm=image.spacing_mm,
        channel=channel,
        source_hash=source,
        spacing_known=image.spacing_known,
        origin_mm=image.origin_mm,
        direction=image.direction,
        notes=(*notes, *said),
    )


def _doubts(image: Image, mask: Image, region: NDArray[np.bool_]) -> list[str]:
    """Say what speaks for a mask of another patient although it lies within the image."""
    notes = []
    frames = {image.frame_of_reference, mask.frame_of_reference} - {""}
    if len(frames) > 1:
        notes.append(f"mask was drawn in another frame of reference by its header: {CHECK}")
    share = share_outside_body(image.pixels, region, least=MOST_OUTSIDE_BODY)
    if share is not None and share > MOST_OUTSIDE_BODY:
        notes.append(f"{share:.0%} of the mask lies outside the body: {CHECK}")
    return notes


def _shape(image: Image) -> str:
    return " x ".join(map(str, reversed(image.pixels.shape)))


def _on_image_grid(
    image: Image, mask: Image, region: NDArray[np.bool_], where: str | None
) -> tuple[NDArray[np.bool_], list[str]]:
    if image.ndim != mask.ndim:
        return _reconcile_axes(image, mask, region, where)
    image_grid, mask_grid = Grid.of(image), Grid.of(mask)
    if image_grid is None or mask_grid is None:
        return _by_shape(image, mask, region, where), []
    away = displacement(image_grid, mask_grid)
    if away is not None and away <= GRID_TOLERANCE:
        far = away * min(image_grid.spacing_mm)
        note = f"mask lies {far:.2g} mm off the image by its header: taken as the same grid"
        return region, [note] if far > _ROUNDING_MM else []
    return _carry(image_grid, mask_grid, region, where)


def _reconcile_axes(
    image: Image, mask: Image, region: NDArray[np.bool_], where: str | None
) -> tuple[NDArray[np.bool_], list[str]]:
    """Bring a 2-D image and a mask of one slice, or the other way round, to one shape."""
    flat = region[0] if region.ndim == 3 and region.shape[0] == 1 else region
    if flat.ndim == 2 and flat.shape == image.pixels.shape[-2:] and image.pixels.size == flat.size:
        return flat.reshape(image.pixels.shape), ["mask and image differ in axes of length one"]
    raise MaskError(
        "mask and image differ in their number of axes",
        where=where,
        expected=f"a mask of {_shape(image)}",
        found=_shape(mask),
        hint="give a mask drawn on this image",
    )


def _by_shape(
    image: Image, mask: Image, region: NDArray[np.bool_], where: str | None
) -> NDArray[np.bool_]:
    if region.shape == image.pixels.shape:
        return region
    turned = image.ndim == 2 and region.shape == image.pixels.shape[::-1]
    raise MaskError(
        "mask and picture differ in size",
        where=where,
        expected=_shape(image),
        found=_shape(mask),
        hint="the mask is turned by 90 degrees: transpose it"
        if turned
        else "a picture has no position in space, so the mask must have its size: "
        "draw or resize it on this picture",
    )


def _carry(
    image_grid: Grid, mask_grid: Grid, region: NDArray[np.bool_], where: str | None
) -> tuple[NDArray[np.bool_], list[str]]:
    same_size = image_grid.size == mask_grid.size
    hint = (
        "the mask has the matrix of the image: if it was saved without the image's header, "
        "copy the header"
        if same_size
        else "give the mask that belongs to this image, or register the two first"
    )
    if not boxes_overlap(image_grid, mask_grid):
        raise MaskError(
            "mask and image do not overlap in space",
            where=where,
            expected=f"a mask within {image_grid.describe()}",
            found=mask_grid.describe(),
            hint=hint,
        )
    carried = carry_mask(region, mask_grid, image_grid)
    voxels = int(np.count_nonzero(region))
    outside = count_outside(region, mask_grid, image_grid)
    before = voxels * float(np.prod(mask_grid.spacing_mm))
    after = np.count_nonzero(carried) * float(np.prod(image_grid.spacing_mm))
    if after == 0 or outside > _MOST_OUTSIDE * voxels:
        raise MaskError(
            "nothing of the mask is left on the image's grid"
            if after == 0
            else "more than half of the mask lies outside the image",
            where=where,
            expected=f"labelled voxels within {image_grid.describe()}",
            found=f"{outside} of {voxels} voxels outside ({before / 1000:.4g} ml in all) "
            f"in {mask_grid.describe()}",
            hint=hint,
        )
    notes = [
        "mask resampled to the image grid by the nearest voxel: "
        f"{before / 1000:.6g} ml before, {after / 1000:.6g} ml after"
    ]
    if outside:
        name = Path(where).name if where else "mask"
        notes.append(f"{outside} of {voxels} voxels of the mask '{name}' lie outside the image")
    return carried, notes


def _finite(
    pixels: NDArray[np.generic], region: NDArray[np.bool_], where: str | None
) -> tuple[NDArray[np.generic], list[str]]:
    """Refuse bad values inside the region; outside set them to 0, lest filters spread them."""
    if pixels.dtype.kind != "f":
        return pixels, []
    wrong = ~np.isfinite(pixels)
    if not wrong.any():
        return pixels, []
    inside = wrong & region
    count = int(np.count_nonzero(inside))
    if count:
        first = tuple(int(i) for i in np.argwhere(inside)[0])
        axes = "(z, y, x)" if pixels.ndim == 3 else "(y, x)"
        raise ImageError(
            "the region of interest has values that are not numbers",
            where=where,
            expected="finite values inside the mask",
            found=f"{count} of {np.count_nonzero(region)} voxels NaN or infinite, the first at "
            f"{axes} = {first}",
            hint="leave these voxels out of the mask, or fill them before extraction",
        )
    note = f"{np.count_nonzero(wrong)} voxels outside the region were NaN or infinite: set to 0"
    return np.where(wrong, pixels.dtype.type(0), pixels), [note]
