"""From an acquisition to the region that is measured: read, preprocessed, cleaned."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiofib.cohort import Acquisition
from radiofib.cohort.columns import FILE_COLUMNS, KIDNEY_COLUMN
from radiofib.engines import ExtractionConfig
from radiofib.engines.liver import LiverSettings
from radiofib.extract.landmarks import landmarks_file, landmarks_of
from radiofib.extract.pixels import sized
from radiofib.images import Image, hash_source, load_roi, make_roi, read_mask
from radiofib.images.edge import mask_doubts
from radiofib.prepare import REFERENCE
from radiofib.preprocess.hygiene import clean_region
from radiofib.preprocess.mri import preprocess_volume
from radiofib.roi import Roi

__all__ = ["Regions", "load_regions", "mask_label", "organ_masks", "segment_masks", "used_files"]

_LESION = "lesion_mask"


@dataclass(frozen=True)
class Regions:
    """A region as it was drawn on the image as it is, and as it is measured.

    Parameters
    ----------
    drawn : Roi
        For the outline of the organ.
    measured : Roi
        Preprocessed and cleaned, for texture; the same object where nothing was asked for.
    """

    drawn: Roi
    measured: Roi


def mask_label(acquisition: Acquisition, config: ExtractionConfig) -> int | None:
    """Return the cohort's mask label, else the one a parameter file names explicitly."""
    if acquisition.mask_label is not None or "label" not in config.settings.given():
        return acquisition.mask_label
    return config.settings.label


def _prepares(liver: LiverSettings | None) -> bool:
    return liver is not None and not (liver.preprocessing is None and liver.hygiene is None)


def used_files(acquisition: Acquisition, config: ExtractionConfig) -> dict[str, str]:
    """Return the hashes of the files besides image and mask that a region depends on."""
    if not _prepares(config.liver):
        return {}
    found: dict[str, Any] = {c: acquisition.extra.get(c) for c in FILE_COLUMNS}
    found["landmarks"] = landmarks_file(acquisition.channel, config.liver)
    return {c: hash_source(path) for c, path in found.items() if path is not None}


def load_regions(acquisition: Acquisition, config: ExtractionConfig) -> Regions:
    """Read an acquisition and do what the configuration asks before features.

    The intensities are preprocessed (spikes, bias field, normalisation) with the region as it was
    drawn; then the region is cleaned (lesions, vessels, capsule). `notes` of the measured region
    say what was done.

    Raises
    ------
    ImageError, MaskError
        When the image or a mask cannot be read, or too little of the region is left.
    """
    roi = load_roi(
        acquisition.image,
        acquisition.mask,
        mask_label=mask_label(acquisition, config),
        channel=acquisition.channel,
    )
    roi = sized(roi, acquisition)
    if _drawn_here(acquisition):
        doubts = (d for d in mask_doubts(roi) if d not in roi.notes)
        roi = replace(roi, notes=(*roi.notes, *doubts))
    liver = config.liver
    if liver is None or not _prepares(liver) or roi.origin_mm is None:
        return Regions(roi, roi)
    image = Image(
        roi.pixels,
        roi.spacing_mm,
        roi.origin_mm,
        roi.direction,
        spacing_known=roi.spacing_known,
        source_hash=roi.source_hash,
    )
    organs = dict(organ_masks(acquisition, image))
    notes = [*roi.notes]
    if liver.preprocessing is not None:
        tissues = {c.removesuffix("_mask"): m for c, m in organs.items() if c != _LESION}
        image, _ = preprocess_volume(
            image,
            liver.preprocessing,
            region=roi.mask,
            tissues=tissues,
            landmarks=landmarks_of(acquisition.channel, liver),
        )
        notes += image.notes
    region = roi.mask
    if liver.hygiene is not None:
        clean = clean_region(image, region, liver.hygiene, lesion=organs.get(_LESION))
        region = clean.mask
        notes += clean.notes
    measured = replace(roi, pixels=image.pixels, mask=region, notes=tuple(notes))
    return Regions(roi, measured)


def _drawn_here(acquisition: Acquisition) -> bool:
    """Tell whether the mask is meant for this very image, and not carried from another one."""
    return acquisition.extra.get("registration") in (None, "", REFERENCE)


def organ_masks(acquisition: Acquisition, image: Image) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Yield the masks of other organs and of lesions on the grid of the image.

    Any voxel with a label counts (``lobe_mask``, which has labels of its own, and the kidney on
    ultrasound are left out).

    Raises
    ------
    MaskError
        When a mask cannot be read or lies elsewhere. An empty mask of lesions is none.
    """
    for column in FILE_COLUMNS:
        path = acquisition.extra.get(column)
        if path is None or column in ("lobe_mask", KIDNEY_COLUMN):
            continue
        labels = read_mask(path)
        anything = np.asarray(labels.pixels) != 0
        if column == _LESION and not anything.any():
            continue
        union = replace(labels, pixels=anything.astype(np.uint8))
        found = make_roi(image, union, channel=acquisition.channel, mask_where=str(path))
        yield column, found.mask


def segment_masks(acquisition: Acquisition, image: Image) -> dict[str, NDArray[np.bool_]]:
    """Return Couinaud's segments I-III and IV-VIII (labels 1-8 of ``lobe_mask``) on a grid.

    Raises
    ------
    MaskError
        When the mask cannot be read or lies elsewhere.
    """
    path = acquisition.extra.get("lobe_mask")
    if path is None:
        return {}
    labels = read_mask(path)
    number = np.asarray(labels.pixels)
    found: dict[str, NDArray[np.bool_]] = {}
    for name, low, high in (("segments_1_3", 1, 3), ("segments_4_8", 4, 8)):
        part = (number >= low) & (number <= high)
        if part.any():
            union = replace(labels, pixels=part.astype(np.uint8))
            roi = make_roi(image, union, channel=acquisition.channel, mask_where=str(path))
            found[name] = roi.mask
    return found
