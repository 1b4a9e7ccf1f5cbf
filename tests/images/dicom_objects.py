"""DICOM SEG and RTSTRUCT for the tests, with patient fields that must never come back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import (
    ExplicitVRLittleEndian,
    RTStructureSetStorage,
    SegmentationStorage,
    generate_uid,
)

from tests.images.dicoms import PATIENT

LABELMAP_STORAGE = "1.2.840.10008.5.1.4.1.1.66.7"


def _object(sop_class: str, modality: str, frame: str | None) -> Dataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = sop_class
    meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=[modality])
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds = Dataset()
    ds.file_meta = meta
    ds.SOPClassUID = sop_class
    ds.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    ds.StudyInstanceUID, ds.SeriesInstanceUID = "1.2.3", "1.2.3.99"
    ds.Modality = modality
    for name, value in PATIENT.items():
        setattr(ds, name, value)
    if frame:
        ds.FrameOfReferenceUID = frame
    return ds


def _item(**elements: Any) -> Dataset:
    ds = Dataset()
    for name, value in elements.items():
        setattr(ds, name, value)
    return ds


def write_seg(
    path: Path,
    segments: Mapping[int, np.ndarray],
    *,
    kind: str = "BINARY",
    step: float = 2.0,
    spacing: tuple[float, float] = (1.5, 0.75),
    orientation: Sequence[float] = (1, 0, 0, 0, 1, 0),
    origin: Sequence[float] = (-10.0, 20.0, -30.0),
    names: Mapping[int, str] | None = None,
    order: Sequence[int] | None = None,
    keep_empty: bool = False,
    between: float | None = 2.0,
    thickness: float | None = 3.2,
    frame: str | None = None,
    placed: bool = True,
    repeat: Sequence[int] = (),
) -> Path:
    """Write volumes (z, y, x) as segments; `order` shuffles frames, `repeat` writes some twice.

    BINARY takes truth values and packs their bits; FRACTIONAL takes 0 to 200 of 200; LABELMAP
    takes truth values and writes one frame for each slice.
    """
    ds = _object(LABELMAP_STORAGE if kind == "LABELMAP" else SegmentationStorage, "SEG", frame)
    normal = np.cross(orientation[:3], orientation[3:])
    volumes = {n: np.asarray(v) for n, v in segments.items()}
    shape = next(iter(volumes.values())).shape
    frames: list[tuple[int, int, np.ndarray]] = []
    if kind == "LABELMAP":
        merged = np.zeros(shape, np.uint8)
        for number, volume in volumes.items():
            merged[volume] = number
        frames = [(0, z, plane) for z, plane in enumerate(merged) if keep_empty or plane.any()]
    else:
        frames = [
            (number, z, plane)
            for number, volume in volumes.items()
            for z, plane in enumerate(volume)
            if keep_empty or plane.any()
        ]
    if order is not None:
        frames = [frames[i] for i in order if i < len(frames)]
    frames += [frames[i] for i in repeat]
    measures = _item(PixelSpacing=list(spacing))
    if between:
        measures.SpacingBetweenSlices = between
    if thickness:
        measures.SliceThickness = thickness
    shared = _item(PixelMeasuresSequence=Items([measures]))
    if placed:
        cosines = [f"{c:.10f}" for c in orientation]
        shared.PlaneOrientationSequence = Items([_item(ImageOrientationPatient=cosines)])
    groups = []
    for number, z, _ in frames:
        group = Dataset()
        if placed:
            place = [f"{c:.9g}" for c in np.array(origin) + z * step * normal]
            group.PlanePositionSequence = Items([_item(ImagePositionPatient=place)])
        if number:
            group.SegmentIdentificationSequence = Items([_item(ReferencedSegmentNumber=number)])
        groups.append(group)
    ds.SharedFunctionalGroupsSequence = Items([shared])
    ds.PerFrameFunctionalGroupsSequence = Items(groups)
    ds.SegmentSequence = Items(
        [
            _item(
                SegmentNumber=n,
                SegmentLabel=(names or {}).get(n, "Liver"),
                SegmentAlgorithmType="MANUAL",
            )
            for n in volumes
        ]
    )
    ds.SegmentationType = kind
    ds.NumberOfFrames = len(frames)
    ds.Rows, ds.Columns = shape[1:]
    ds.SamplesPerPixel, ds.PhotometricInterpretation, ds.PixelRepresentation = 1, "MONOCHROME2", 0
    ds.BitsAllocated = ds.BitsStored = 1 if kind == "BINARY" else 8
    ds.HighBit = ds.BitsStored - 1
    stack = np.stack([plane for *_, plane in frames]) if frames else np.zeros((0, 1, 1))
    if kind == "FRACTIONAL":
        ds.SegmentationFractionalType, ds.MaximumFractionalValue = "PROBABILITY", 200
    if kind == "BINARY":
        data = np.packbits(stack.astype(bool).ravel(), bitorder="little").tobytes()
    else:
        data = stack.astype(np.uint8).tobytes()
    ds.PixelData = data + b"\0" * (len(data) % 2)
    ds["PixelData"].VR = "OB"
    path.parent.mkdir(parents=True, exist_ok=True)
    ds.save_as(path, enforce_file_format=True)
    return path


def write_rtstruct(
    path: Path,
    rois: Mapping[int, Sequence[np.ndarray]],
    *,
    names: Mapping[int, str] | None = None,
    kind: str = "CLOSED_PLANAR",
    frame: str | None = None,
    decimals: int = 6,
) -> Path:
    """Write contours, arrays (n, 3) in mm, for each ROI number."""
    ds = _object(RTStructureSetStorage, "RTSTRUCT", None)
    listed, drawn = [], []
    for number, contours in rois.items():
        roi = _item(ROINumber=number, ROIName=(names or {}).get(number, "Liver"))
        if frame:
            roi.ReferencedFrameOfReferenceUID = frame
        listed.append(roi)
        items = [
            _item(
                ContourGeometricType=kind,
                NumberOfContourPoints=len(points),
                ContourData=[f"{v:.{decimals}f}"[:16] for v in np.asarray(points).ravel()],
            )
            for points in contours
        ]
        drawn.append(_item(ReferencedROINumber=number, ContourSequence=Items(items)))
    ds.StructureSetROISequence = Items(listed)
    ds.ROIContourSequence = Items(drawn)
    path.parent.mkdir(parents=True, exist_ok=True)
    ds.save_as(path, enforce_file_format=True)
    return path
