"""Pixel values of DICOM files.

Ordinary slices are read by SimpleITK, file by file, so that each gets its own rescale slope;
colour and enhanced multi-frame files are decoded by pydicom. The words of either library are
never passed on, because they may quote the header.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pydicom
import SimpleITK as sitk
from numpy.typing import NDArray
from pydicom.pixels.processing import apply_color_lut
from pydicom.pixels.utils import pixel_array
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from radiofib.errors import ImageError
from radiofib.images.dicom_header import UNREADABLE, Header, damaged, load_dataset, numbers
from radiofib.images.volume import quiet_itk

__all__ = [
    "PIXEL_TAGS",
    "UNDECODED",
    "decode",
    "decode_dataset",
    "read_slice",
    "read_slices",
    "require_pixels",
    "rescale",
]

_UNCOMPRESSED = {
    ImplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
}
#: Transfer syntaxes of films compressed as video, PS3.5 8.2.5 to 8.2.8: by the end of the UID.
_VIDEO = {
    **dict.fromkeys(("100", "101"), "MPEG-2"),
    **dict.fromkeys(("102", "103", "104", "105", "106"), "MPEG-4 AVC (H.264)"),
    **dict.fromkeys(("107", "108"), "HEVC (H.265)"),
}
_VIDEO_UID = re.compile(r"1\.2\.840\.10008\.1\.2\.4\.(10\d)(?:\.1)?")
#: What was found where pixels cannot be decoded.
UNDECODED = "pixel data that cannot be decoded"
PIXEL_TAGS = (
    "SamplesPerPixel", "PhotometricInterpretation", "PlanarConfiguration", "Rows", "Columns",
    "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "NumberOfFrames",
    "RedPaletteColorLookupTableDescriptor", "GreenPaletteColorLookupTableDescriptor",
    "BluePaletteColorLookupTableDescriptor", "RedPaletteColorLookupTableData",
    "GreenPaletteColorLookupTableData", "BluePaletteColorLookupTableData",
    "SegmentedRedPaletteColorLookupTableData", "SegmentedGreenPaletteColorLookupTableData",
    "SegmentedBluePaletteColorLookupTableData", "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence", "SOPClassUID",
)  # fmt: skip


def read_slices(headers: Sequence[Header]) -> NDArray[np.generic]:
    """Stack slices in the given order, in a type that holds the values of all."""
    stack: NDArray[np.generic] | None = None
    for number, header in enumerate(headers):
        pixels = read_slice(header)
        if stack is None:
            stack = np.empty((len(headers), *pixels.shape), dtype=pixels.dtype)
        elif stack.dtype != np.result_type(stack, pixels):
            stack = stack.astype(np.result_type(stack, pixels))
        if pixels.shape != stack.shape[1:]:
            raise damaged(header.path, f"{pixels.shape} pixels")
        stack[number] = pixels
    assert stack is not None
    return stack


def read_slice(header: Header) -> NDArray[np.generic]:
    """Read one single-frame grey file as (y, x), its rescale slope and intercept applied.

    What SimpleITK cannot decode (small run-length coded frames, for one) pydicom is tried on.

    Raises
    ------
    ImageError
        When the pixel data are damaged or cut short.
    """
    _refuse_short(header)  # SimpleITK would fill up with whatever the memory holds
    reader = sitk.ImageFileReader()
    reader.SetImageIO("GDCMImageIO")
    reader.LoadPrivateTagsOff()
    reader.SetFileName(str(header.path))
    with quiet_itk():
        try:
            pixels: NDArray[np.generic] = sitk.GetArrayFromImage(reader.Execute())
        except RuntimeError:
            if header.photometric != "MONOCHROME2":
                raise damaged(header.path, UNDECODED) from None
            stored = decode(header.path, colour=False)[None]
            pixels = rescale(stored, [(header.slope, header.intercept)])
    if pixels.shape == (1, *header.shape):
        plane: NDArray[np.generic] = pixels[0]
        return plane
    raise damaged(header.path, f"pixel array of shape {pixels.shape}")


def decode(path: Path, *, colour: bool) -> NDArray[np.generic]:
    """Decode stored values with pydicom; colour comes back as red, green, blue."""
    dataset = load_dataset(path, PIXEL_TAGS, pixels=True)
    require_pixels(dataset, path)
    return decode_dataset(dataset, path, colour=colour)


def decode_dataset(
    dataset: pydicom.Dataset, path: Path, *, colour: bool, index: int | None = None
) -> NDArray[np.generic]:
    """Decode what was read with its pixels: all frames, or the one of an index from 0.

    Raises
    ------
    ImageError
        When the pixels are damaged, or compressed in a way that cannot be decoded here.
    """
    _refuse_video(dataset, path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            values: NDArray[np.generic] = pixel_array(dataset, index=index)
            if colour and dataset.PhotometricInterpretation == "PALETTE COLOR":
                values = _coloured(values, dataset)
    except Exception as error:
        # Decoders raise whatever they like on damaged data; their words may quote the header.
        if "missing dependencies" in str(error):
            raise ImageError(
                "DICOM pixels are compressed in a way that cannot be decoded here",
                where=str(path),
                hint="decompress the file first (gdcmconv --raw or dcmdjpeg), or convert it",
            ) from None
        raise damaged(path, UNDECODED) from None
    return values


def _coloured(values: NDArray[np.generic], dataset: pydicom.Dataset) -> NDArray[np.generic]:
    """Return colours by the palette; the whole palette tells their scale, not what a frame uses."""
    colours: NDArray[np.generic] = apply_color_lut(values, dataset)
    if colours.dtype != np.uint16:
        return colours
    every = np.arange(1 << (8 * values.dtype.itemsize), dtype=f"u{values.dtype.itemsize}")
    if not has_eight_bits(apply_color_lut(every, dataset)):
        return colours
    return np.asarray((colours.astype(np.uint16) >> 8).astype(np.uint8))


def has_eight_bits(palette: NDArray[np.generic]) -> bool:
    """Tell whether colours of 16 bits repeat or pad 8 bits.

    Palettes are of 16 bits whatever the screen has (PS3.3 C.7.6.3.1.5): a grey g of 8 bits stands
    there as 257 g, or as 256 g.

    Examples
    --------
    >>> [has_eight_bits(np.array(p, np.uint16)) for p in ([0, 257, 65535], [0, 256, 65280])]
    [True, True]
    >>> has_eight_bits(np.array([0, 300], np.uint16))
    False
    """
    wide = np.asarray(palette, dtype=np.uint16)
    high, low = wide >> 8, wide & 255
    return not low.any() or bool(np.array_equal(high, low))


def _refuse_video(dataset: pydicom.Dataset, path: Path) -> None:
    meta = getattr(dataset, "file_meta", {})
    syntax = _VIDEO_UID.fullmatch(str(meta.get("TransferSyntaxUID", "")))
    kind = _VIDEO.get(syntax[1]) if syntax else None
    if kind is not None:
        raise ImageError(
            "DICOM film is compressed as video, which is not read",
            where=str(path),
            expected="frames, uncompressed or each compressed by itself",
            found=kind,
            hint="export its frames as pictures, or as DICOM without video compression",
        )


def _refuse_short(header: Header) -> None:
    """Refuse one uncompressed grey frame with fewer bytes than its matrix needs."""
    dataset = load_dataset(header.path, ("BitsAllocated",), pixels=True)
    require_pixels(dataset, header.path)
    try:
        syntax = str(dataset.file_meta.get("TransferSyntaxUID") or ExplicitVRLittleEndian)
        bits = numbers(dataset, "BitsAllocated", 1)
    except Exception:
        # A damaged element makes pydicom raise nearly anything.
        raise damaged(header.path, UNREADABLE) from None
    if bits is None or syntax not in _UNCOMPRESSED:
        return
    needed = -(-header.shape[0] * header.shape[1] * int(bits[0]) // 8)
    if len(dataset.PixelData) < needed:
        raise damaged(header.path, f"{len(dataset.PixelData)} of {needed} bytes of pixels")


def require_pixels(dataset: pydicom.Dataset, path: Path) -> None:
    """Refuse a file that was read with its pixels and has none.

    Raises
    ------
    ImageError
        When ``PixelData`` is missing or empty.
    """
    if dataset.get("PixelData"):
        return
    raise ImageError(
        "DICOM file holds no pixel data",
        where=str(path),
        expected="PixelData, tag 7FE0,0010",
        found="an empty element" if "PixelData" in dataset else "no such element",
        hint="export it again with its pixels; a copy may have been cut short before them",
    )


def rescale(stack: NDArray[np.generic], laws: Sequence[tuple[float, float]]) -> NDArray[np.generic]:
    """Apply value = slope * stored + intercept to each frame; whole numbers stay integers."""
    if all(law == (1.0, 0.0) for law in laws):
        return stack
    whole = all(float(s).is_integer() and float(i).is_integer() for s, i in laws)
    slopes = np.array([s for s, _ in laws])[:, None, None]
    intercepts = np.array([i for _, i in laws])[:, None, None]
    scaled = stack.astype(np.float64) * slopes + intercepts
    return np.asarray(scaled.astype(np.int32) if whole else scaled)
