"""One channel of a pair as it is read: the image, and its mask on the grid of the image."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from radiofib.cohort import Acquisition
from radiofib.errors import EngineError
from radiofib.images import as_sitk, hash_source, load_roi, read_image
from radiofib.images.edge import mask_doubts
from radiofib.images.image import Image
from radiofib.preprocess.mri import SpikeClipping, clip_spikes, find_spikes
from radiofib.provenance import canonical_json

__all__ = [
    "Side",
    "content_of",
    "mask_image",
    "read_reference",
    "read_side",
    "same_voxels",
    "without_spikes",
]


@dataclass(frozen=True, eq=False)
class Side:
    """One channel as read.

    Parameters
    ----------
    image : sitk.Image
        The volume, NaN and infinity set to 0.
    mask : sitk.Image or None
        Its mask on the grid of the image, 0 or 1.
    doubts : tuple of str
        What speaks for a mask of another image.
    """

    image: sitk.Image
    mask: sitk.Image | None
    doubts: tuple[str, ...] = ()


def content_of(acquisition: Acquisition) -> dict[str, Any]:
    """Return what the result of a pair depends on of one channel: hashes, never names."""
    mask = None if acquisition.mask is None else hash_source(acquisition.mask)
    return {
        "channel": acquisition.channel,
        "image": hash_source(acquisition.image),
        "mask": mask,
        "label": acquisition.mask_label,
    }


def read_side(acquisition: Acquisition) -> Side:
    """Read a channel.

    Raises
    ------
    ImageError, MaskError
        When image or mask cannot be read.
    EngineError
        When the image is no volume.
    """
    a = acquisition
    return _side(a.image, a.mask, a.mask_label, a.channel)


def read_reference(acquisition: Acquisition) -> Side:
    """Do the same for the reference of a case, which is kept for the next channel of the case."""
    a = acquisition
    return _kept(a.image, a.mask, a.mask_label, a.channel, canonical_json(content_of(a)))


@lru_cache(maxsize=1)
def _kept(image: Path, mask: Path | None, label: int | None, channel: str, _content: str) -> Side:
    return _side(image, mask, label, channel)


def _side(image: Path, mask: Path | None, label: int | None, channel: str) -> Side:
    if mask is None:
        read = _finite(read_image(image))
        return Side(_three_axes(as_sitk(read), image), None)
    roi = load_roi(image, mask, mask_label=label, channel=channel)
    whole = Image(roi.pixels, roi.spacing_mm, roi.origin_mm, roi.direction)
    volume = _three_axes(as_sitk(whole), image)
    return Side(volume, mask_image(roi.mask, volume), mask_doubts(roi))


def _finite(image: Image) -> Image:
    """Set NaN and infinity to 0, lest interpolation spread them."""
    if image.pixels.dtype.kind != "f" or bool(np.isfinite(image.pixels).all()):
        return image
    return replace(image, pixels=np.nan_to_num(image.pixels, nan=0.0, posinf=0.0, neginf=0.0))


def _three_axes(volume: sitk.Image, source: Path) -> sitk.Image:
    if volume.GetDimension() != 3:
        raise EngineError(
            "only volumes are aligned",
            where=source.name,
            found=f"{volume.GetDimension()} axes",
            hint="leave out 'registration', or take the channel out of the cohort",
        )
    return volume


def mask_image(region: NDArray[np.bool_], image: sitk.Image) -> sitk.Image:
    """Return a region as a mask on the grid of an image."""
    mask = sitk.GetImageFromArray(region.astype(np.uint8))
    mask.CopyInformation(image)
    return mask


def without_spikes(side: Side, settings: SpikeClipping | None) -> tuple[Side, int]:
    """Clip isolated spikes before interpolation makes them wider; return how many there were."""
    if settings is None:
        return side, 0
    pixels = sitk.GetArrayFromImage(side.image)
    spikes = find_spikes(pixels, settings)
    if not spikes.count:
        return side, 0
    clipped, count = clip_spikes(pixels, spikes.where)
    image = sitk.GetImageFromArray(clipped)
    image.CopyInformation(side.image)
    return replace(side, image=image), count


def same_voxels(one: sitk.Image, other: sitk.Image) -> bool:
    """Tell whether two images have equal voxels, wherever they lie."""
    return one.GetSize() == other.GetSize() and bool(
        np.array_equal(sitk.GetArrayViewFromImage(one), sitk.GetArrayViewFromImage(other))
    )
