"""Frames of a multi-frame DICOM file: the functional groups that are about pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import pydicom

from radiofib.images.dicom_header import damaged, numbers, pixel_size, real_world_law

__all__ = ["Frame", "read_frames"]


@dataclass(frozen=True)
class Frame:
    """Where one frame lies and what its values mean.

    Parameters
    ----------
    position, orientation : tuple of float or None
        ``ImagePositionPatient`` and ``ImageOrientationPatient``.
    pixel_spacing : (float, float) or None
        Between rows, between columns, in mm.
    between, thickness : float or None
        ``SpacingBetweenSlices`` and ``SliceThickness`` in mm.
    law : (float, float)
        Rescale slope and intercept.
    segment : int or None
        Segment the frame belongs to.
    real_world : (float, float) or None
        Slope and intercept of a real world value mapping.
    """

    position: tuple[float, ...] | None
    orientation: tuple[float, ...] | None
    pixel_spacing: tuple[float, float] | None
    between: float | None
    thickness: float | None
    law: tuple[float, float]
    segment: int | None
    real_world: tuple[float, float] | None


def read_frames(dataset: pydicom.Dataset, path: Path) -> list[Frame]:
    """Return the frames in the order of the pixel data; what frames share is in each.

    Raises
    ------
    ImageError
        When the functional groups are damaged.
    """
    try:
        shared = dataset.get("SharedFunctionalGroupsSequence") or [pydicom.Dataset()]
        return [_frame(shared[0], item) for item in dataset.PerFrameFunctionalGroupsSequence]
    except (AttributeError, KeyError, IndexError, TypeError, ValueError):
        raise damaged(path, "incomplete functional groups") from None


def _frame(shared: pydicom.Dataset, item: pydicom.Dataset) -> Frame:
    def part(name: str) -> pydicom.Dataset:
        found = item.get(name) or shared.get(name)
        return found[0] if found else pydicom.Dataset()

    measures = part("PixelMeasuresSequence")
    rescale = part("PixelValueTransformationSequence")
    segment = _positive(part("SegmentIdentificationSequence"), "ReferencedSegmentNumber")
    return Frame(
        position=numbers(part("PlanePositionSequence"), "ImagePositionPatient", 3),
        orientation=numbers(part("PlaneOrientationSequence"), "ImageOrientationPatient", 6),
        pixel_spacing=pixel_size(measures),
        between=_positive(measures, "SpacingBetweenSlices"),
        thickness=_positive(measures, "SliceThickness"),
        law=(
            (numbers(rescale, "RescaleSlope", 1) or (1.0,))[0],
            (numbers(rescale, "RescaleIntercept", 1) or (0.0,))[0],
        ),
        segment=None if segment is None else int(segment),
        real_world=real_world_law(item) or real_world_law(shared),
    )


def _positive(dataset: pydicom.Dataset, name: str) -> float | None:
    found = numbers(dataset, name, 1)
    return found[0] if found and math.isfinite(found[0]) and found[0] > 0 else None
