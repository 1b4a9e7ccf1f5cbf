"""What DICOM SEG and RTSTRUCT have in common: numbered regions, and the choice of one.

Names of regions are free text in which a patient may be named. A message shows a name only when
all its words are terms of anatomy or of contouring; otherwise the number has to do.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from radiofib._checks import list_some
from radiofib.errors import MaskError

__all__ = ["Segment", "Segmentation", "choose_segment", "label_map", "plain_name"]

_WORDS = """
    abdomen abdominal adrenal air aorta artery background bile biliary bladder body bone bowel
    brain caudate cava cavity cirrhosis colon cord cortex cyst duct ducts duodenum esophagus
    external fat femur fluid gallbladder gland gtv ctv itv ptv head heart hepatic iliac inferior
    ivc kidney kidneys left lesion lesions liver lobe lobes lower lung lungs lymph margin marrow
    mass metastasis middle muscle muscles necrosis neoplasm node nodes nodule nonliver normal
    oesophagus organ outer outline pancreas paraspinal parenchyma parotid pelvis portal primary
    prostate psoas rectum region rib ribs right roi segment skin spinal spine spleen stomach
    structure subcutaneous superior target tissue tract trachea tumor tumour upper urinary vein
    veins vena vertebra vertebrae vessel vessels viable volume whole
    """
_TERMS = frozenset(_WORDS.split())


def plain_name(text: object) -> str:
    """Return a region's name in lower case, or "" unless all its words are known terms.

    Numbers and Roman numerals up to VIII (liver segments) may stand beside the words.

    Examples
    --------
    >>> plain_name("Liver_Segment IVa"), plain_name("GTV-1"), plain_name("liver of Miller")
    ('liver segment iva', 'gtv 1', '')
    """
    words = re.findall(r"[^\W\d_]+|\d+", str(text or "").lower())
    known = [w in _TERMS or re.fullmatch(r"\d{1,2}|i{1,3}|iv[ab]?|vi{0,3}", w) for w in words]
    has_term = any(word in _TERMS for word in words)
    return " ".join(words) if words and has_term and all(known) and len(words) < 8 else ""


@dataclass(frozen=True)
class Segment:
    """One numbered region of a DICOM SEG or RTSTRUCT.

    Parameters
    ----------
    number : int
        Segment number or ROI number.
    name : str
        As :func:`plain_name` lets through.
    parts : int
        Number of frames or contours; 0 when nothing is drawn.
    unit : str
        What is counted, in the singular.
    """

    number: int
    name: str
    parts: int
    unit: str

    def __str__(self) -> str:
        size = f"{self.parts} {self.unit}{'s' * (self.parts != 1)}" if self.parts else "empty"
        return f"{self.number} ({', '.join(filter(None, (self.name, size)))})"


@dataclass(frozen=True, eq=False)
class Segmentation:
    """A DICOM SEG or RTSTRUCT whose regions are drawn one at a time, on one grid.

    Parameters
    ----------
    kind : str
        Name of the kind of object, for messages.
    segments : tuple of Segment
        In ascending number.
    draw : callable
        From a segment number to its region, of `shape`, and notes.
    shape : tuple of int
        (z, y, x), or (y, x) without a place in space.
    spacing_mm, origin_mm, direction
        As in :class:`radiofib.images.Image`.
    spacing_known : bool
        False when voxel size had to be assumed.
    frame_of_reference : str
        As in :class:`radiofib.images.Image`.
    notes : tuple of str
        What was done while reading.
    """

    kind: Literal["DICOM SEG", "RTSTRUCT"]
    segments: tuple[Segment, ...]
    draw: Callable[[int], tuple[NDArray[np.bool_], list[str]]]
    shape: tuple[int, ...]
    spacing_mm: tuple[float, ...]
    origin_mm: tuple[float, ...] | None
    direction: tuple[float, ...] | None
    spacing_known: bool = True
    frame_of_reference: str = ""
    notes: tuple[str, ...] = field(default=())


def choose_segment(
    segments: Sequence[Segment], label: int | None, *, where: str
) -> tuple[int, list[str]]:
    """Return the number to draw: the one asked for, else 1, else the only one that is drawn.

    Raises
    ------
    MaskError
        When the number is absent or empty, or the choice is open; the segments are listed.

    Examples
    --------
    >>> choose_segment([Segment(3, "liver", 20, "frame")], None, where="liver.dcm")
    (3, ['segment 3 (liver, 20 frames), the only one'])
    """
    listing = list_some(segments, 40)
    drawn = {s.number: s for s in segments if s.parts}
    if not drawn:
        raise MaskError(
            "mask is empty",
            where=where,
            expected="a segment with frames or contours",
            found=f"segments {listing}" if segments else "no segment",
            hint="draw the region, or take the case out of the cohort",
        )
    if label is not None:
        if label not in drawn:
            empty = any(s.number == label for s in segments)
            raise MaskError(
                f"segment {label} is empty" if empty else f"there is no segment {label}",
                where=where,
                found=f"segments {listing}",
                hint="correct the column 'mask_label', or take the case out",
            )
        return label, []
    if len(drawn) > 1 and 1 not in drawn:
        raise MaskError(
            "mask has several segments and none was chosen",
            where=where,
            expected="a segment number",
            found=f"segments {listing}",
            hint="give the number in the column 'mask_label'",
        )
    chosen = 1 if 1 in drawn else next(iter(drawn))
    if list(drawn) == [1]:
        return 1, []
    rest = "the only one" if len(drawn) == 1 else f"of {listing}"
    return chosen, [f"segment {drawn[chosen] if len(drawn) == 1 else chosen}, {rest}"]


def label_map(found: Segmentation, *, where: str) -> tuple[NDArray[np.generic], list[str]]:
    """Draw all segments into one array of segment numbers, 0 being the background.

    Raises
    ------
    MaskError
        When segments overlap (a voxel can hold one number), or one is numbered below 1.
    """
    drawn = [s for s in found.segments if s.parts]
    numbers = [s.number for s in drawn]
    if min(numbers, default=1) < 1:
        raise MaskError(
            "segments are numbered from 1 up, 0 being the background",
            where=where,
            found=f"segments {list_some(found.segments, 40)}",
            hint="renumber the regions",
        )
    kind = np.uint8 if max(numbers, default=0) < 256 else np.int32
    values = np.zeros(found.shape, dtype=kind)
    notes: list[str] = []
    for segment in drawn:
        region, said = found.draw(segment.number)
        notes += [note for note in said if note not in notes]
        if (both := values[region]).any():
            raise MaskError(
                "segments overlap, so that one array cannot hold them all",
                where=where,
                expected="a segment number, to read that one alone",
                found=f"{np.count_nonzero(both)} voxels of segment {segment.number} also in "
                f"{list_some(np.unique(both[both > 0]))}",
                hint="choose a label: read_mask(path, label), or the column 'mask_label'",
            )
        values[region] = segment.number
    return values, notes
