"""Small DICOM files for the tests, with patient fields that must never come back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import ArrayLike
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    CTImageStorage,
    EnhancedMRImageStorage,
    ExplicitVRLittleEndian,
    MRImageStorage,
    SegmentationStorage,
    UltrasoundImageStorage,
    generate_uid,
)

#: What is written into every header, and must not be found in any message or object.
PATIENT = {
    "PatientName": "Quixotica^Dulcinea",
    "PatientID": "MRN-8675309",
    "PatientBirthDate": "19520229",
    "PatientAddress": "7 Windmill Lane",
    "OtherPatientIDs": "ALT-4242",
    "ReferringPhysicianName": "Panza^Sancho",
    "InstitutionName": "Toboso General",
    "AccessionNumber": "ACC5551234",
    "StudyDate": "20190713",
    "StudyDescription": "liver of Dulcinea",
    "SeriesDescription": "t1 Quixotica",
}
_CLASSES = {
    "CT": CTImageStorage,
    "MR": MRImageStorage,
    "US": UltrasoundImageStorage,
    "SEG": SegmentationStorage,
    "ENHANCED": EnhancedMRImageStorage,
}


def write_dicom(path: Path, pixels: ArrayLike | None = None, *, kind: str = "MR", **more: Any):
    """Write one file; `more` sets elements, None leaves one out."""
    sop_class = _CLASSES[kind]
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = sop_class
    meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=[path.name])
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds = Dataset()
    ds.file_meta = meta
    ds.SOPClassUID = sop_class
    ds.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    ds.StudyInstanceUID = "1.2.3"
    ds.SeriesInstanceUID = "1.2.3.4"
    ds.Modality = "MR" if kind == "ENHANCED" else kind
    for name, value in PATIENT.items():
        setattr(ds, name, value)
    if pixels is not None:
        array = np.asarray(pixels)
        frames = 1
        if array.ndim == 3 and array.shape[-1] == 3 and array.dtype == np.uint8:
            ds.SamplesPerPixel, ds.PhotometricInterpretation = 3, "RGB"
            ds.PlanarConfiguration = 0
            ds.Rows, ds.Columns = array.shape[:2]
        else:
            ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
            ds.Rows, ds.Columns = array.shape[-2:]
            frames = array.shape[0] if array.ndim == 3 else 1
        if frames > 1:
            ds.NumberOfFrames = frames
        ds.BitsAllocated = ds.BitsStored = array.dtype.itemsize * 8
        ds.HighBit = ds.BitsAllocated - 1
        ds.PixelRepresentation = int(array.dtype.kind == "i")
        ds.PixelData = np.ascontiguousarray(array).tobytes()
    for name, value in more.items():
        if value is not None:
            setattr(ds, name, value)
        elif name in ds:
            delattr(ds, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    ds.save_as(path, enforce_file_format=True)
    return path


def write_series(
    folder: Path,
    volume: np.ndarray,
    *,
    step: float = 2.0,
    spacing: tuple[float, float] = (1.5, 0.75),
    orientation: tuple[float, ...] = (1, 0, 0, 0, 1, 0),
    origin: tuple[float, float, float] = (-10.0, 20.0, -30.0),
    names: list[str] | None = None,
    skip: tuple[int, ...] = (),
    **more: Any,
) -> Path:
    """Write slices of `volume` (z, y, x) along the normal; `more` values may be callables of z."""
    normal = np.cross(orientation[:3], orientation[3:])
    for z, plane in enumerate(volume):
        if z in skip:
            continue
        elements = {
            "ImagePositionPatient": [f"{c:.9g}" for c in np.array(origin) + z * step * normal],
            "ImageOrientationPatient": [f"{c:.10f}" for c in orientation],
            "PixelSpacing": list(spacing),
            "SliceThickness": 3.2,
            "InstanceNumber": 1,
        }
        elements |= {k: v(z) if callable(v) else v for k, v in more.items()}
        write_dicom(folder / (names[z] if names else f"s{z:03}.dcm"), plane, **elements)
    return folder


def write_enhanced(path: Path, volume: np.ndarray, *, order: list[int], slopes: list[float]):
    """Write an enhanced MR file whose frames come in `order`, each with its own slope."""
    shared, frames = Dataset(), []
    measures, plane = Dataset(), Dataset()
    measures.PixelSpacing = [1.5, 0.75]
    measures.SliceThickness = 3.2
    plane.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    shared.PixelMeasuresSequence = Sequence([measures])
    shared.PlaneOrientationSequence = Sequence([plane])
    for z in order:
        position, law, item = Dataset(), Dataset(), Dataset()
        position.ImagePositionPatient = [-10.0, 20.0, -30.0 + 2 * z]
        law.RescaleSlope, law.RescaleIntercept, law.RescaleType = slopes[z], 0, "US"
        item.PlanePositionSequence = Sequence([position])
        item.PixelValueTransformationSequence = Sequence([law])
        frames.append(item)
    return write_dicom(
        path,
        volume[order],
        kind="ENHANCED",
        SharedFunctionalGroupsSequence=Sequence([shared]),
        PerFrameFunctionalGroupsSequence=Sequence(frames),
        NumberOfFrames=len(order),
    )


def leaks(*texts: object) -> list[str]:
    """Return the patient fields found in any of the texts, whole or in part."""
    words = {w for v in PATIENT.values() for w in v.replace("^", " ").split() if len(w) > 4}
    return sorted(w for w in words if any(w.lower() in str(t).lower() for t in texts))


def reread(path: Path) -> pydicom.Dataset:
    """Return the whole header, to prove that the patient fields are in the file."""
    return pydicom.dcmread(path)
