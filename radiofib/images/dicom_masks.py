"""The door for masks that are DICOM objects of their own: SEG and RTSTRUCT."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np

from radiofib._checks import list_some
from radiofib.errors import MaskError
from radiofib.images.dicom_header import UNREADABLE, damaged, load_dataset
from radiofib.images.dicom_rtstruct import read_structures
from radiofib.images.dicom_seg import read_segmentation
from radiofib.images.image import Image
from radiofib.images.segments import choose_segment, label_map
from radiofib.images.sniff import hash_source, is_dicom_file

__all__ = ["find_mask_object", "mask_object_kind", "read_mask_object"]

_CLASSES = {
    "1.2.840.10008.5.1.4.1.1.66.4": "SEG",
    "1.2.840.10008.5.1.4.1.1.66.7": "SEG",  # label map segmentation
    "1.2.840.10008.5.1.4.1.1.481.3": "RTSTRUCT",
}


def mask_object_kind(path: Path) -> str | None:
    """Return "SEG" or "RTSTRUCT" for a DICOM file that is one, by its class, else None.

    Raises
    ------
    ImageError
        When the header is damaged.
    """
    dataset = load_dataset(path, ("SOPClassUID", "Modality"))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pydicom's warnings quote header values
            stated = str(dataset.get("SOPClassUID", "") or "")
            modality = str(dataset.get("Modality", "") or "").upper()
    except Exception:
        raise damaged(path, UNREADABLE) from None
    if stated:
        return _CLASSES.get(stated)
    return modality if modality in ("SEG", "RTSTRUCT") else None


def find_mask_object(path: Path) -> Path | None:
    """Return the DICOM SEG or RTSTRUCT that a path means: the file, or the one in a folder.

    Raises
    ------
    MaskError
        When a folder holds several.
    ImageError
        When a header is damaged.
    """
    if not path.is_dir():
        return path if is_dicom_file(path) and mask_object_kind(path) else None
    files = sorted(p for p in path.rglob("*") if p.is_file() and is_dicom_file(p))
    found = [p for p in files if mask_object_kind(p)]
    if len(found) > 1:
        raise MaskError(
            "folder holds several segmentation objects",
            where=str(path),
            expected="one DICOM SEG or RTSTRUCT",
            found=list_some((p.name for p in found), 5),
            hint="give the file itself",
        )
    return found[0] if found else None


def read_mask_object(
    source: Path, label: int | None, *, on: Image | None, choose: bool, where: Path
) -> Image:
    """Read a DICOM SEG or RTSTRUCT as an image of segment numbers.

    Parameters
    ----------
    source : Path
        The file.
    label : int, optional
        Draw this segment alone.
    on : Image, optional
        As in :func:`radiofib.images.read_mask`.
    choose : bool
        Without a label: draw the one to be used by default, instead of all.
    where : Path
        What the caller named, whose hash the result carries.

    Raises
    ------
    MaskError, ImageError
        As :func:`radiofib.images.read_mask`.
    """
    name = str(source)
    kind = mask_object_kind(source)
    found = read_structures(source, on) if kind == "RTSTRUCT" else read_segmentation(source, on)
    if label == 0:
        raise MaskError("label 0 is the background", where=name, hint="give a segment number")
    notes = list(found.notes)
    if choose or label is not None:
        number, said = choose_segment(found.segments, label, where=name)
        region, drawn = found.draw(number)
        # ROI number 0 is legal, but as a label it is the background.
        value = number if number > 0 else 1
        pixels = region.astype(np.min_scalar_type(value))
        pixels *= value
        notes += said
    else:
        if not any(s.parts for s in found.segments):
            choose_segment(found.segments, None, where=name)  # says that it is empty
        pixels, drawn = label_map(found, where=name)
    return Image(
        pixels,
        found.spacing_mm,
        found.origin_mm,
        found.direction,
        spacing_known=found.spacing_known,
        source_hash=hash_source(where),
        kind="picture" if found.origin_mm is None else "volume",
        notes=(*notes, *drawn),
        frame_of_reference=found.frame_of_reference,
    )
