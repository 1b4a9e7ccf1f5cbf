"""To and from SimpleITK, and to a file: pixels and geometry, nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from radiofib.errors import ImageError
from radiofib.images.image import Image
from radiofib.images.volume import quiet_itk

__all__ = ["VOLUME_FORMATS", "as_sitk", "from_sitk", "write_volume"]

#: Endings of the files :func:`write_volume` writes.
VOLUME_FORMATS = ("nii.gz", "nii", "nrrd")


def as_sitk(image: Image) -> sitk.Image:
    """Return an image as SimpleITK's, with its geometry; the pixels are copied once.

    A picture lies at the origin with the identity direction. Truth values become 0 and 1 of
    eight bits.

    Parameters
    ----------
    image : Image

    Examples
    --------
    >>> image = Image(np.zeros((2, 3, 4), np.int16), (5.0, 1.0, 2.0), (7.0, 8.0, 9.0),
    ...               tuple(np.eye(3).ravel()))
    >>> as_sitk(image).GetSize(), as_sitk(image).GetSpacing()
    ((4, 3, 2), (2.0, 1.0, 5.0))
    """
    pixels = image.pixels
    if pixels.dtype == np.bool_:
        pixels = pixels.view(np.uint8)
    elif pixels.dtype == np.float16:
        pixels = pixels.astype(np.float32)
    found = sitk.GetImageFromArray(pixels)
    found.SetSpacing([float(s) for s in reversed(image.spacing_mm)])
    if image.origin_mm is not None and image.direction is not None:
        found.SetOrigin(image.origin_mm)
        # Cosines of no meaning are zero: ITK's inverse fails on numbers near 1e-300.
        found.SetDirection([0.0 if abs(d) < 1e-12 else float(d) for d in image.direction])
    return found


def from_sitk(image: sitk.Image, like: Image | None = None) -> Image:
    """Return a SimpleITK image as an Image; the pixels are copied once.

    Parameters
    ----------
    image : SimpleITK.Image
        Of two or three axes with one value per voxel. Its metadata dictionary is not read.
    like : Image, optional
        Where hash, notes, kind, frame of reference and `spacing_known` are taken from; an image
        of a picture stays a picture. Without it a volume that came from nowhere.

    Raises
    ------
    ImageError
        When voxels have several values, or there are more than three axes.

    Examples
    --------
    >>> image = from_sitk(sitk.Image(4, 3, 2, sitk.sitkInt16))
    >>> image.pixels.shape, image.kind
    ((2, 3, 4), 'volume')
    """
    if image.GetNumberOfComponentsPerPixel() != 1 or image.GetDimension() not in (2, 3):
        raise ImageError(
            "an image must have two or three axes and one value per voxel",
            found=f"{image.GetDimension()} axes, {image.GetNumberOfComponentsPerPixel()} values",
        )
    placed = like is None or like.origin_mm is not None
    return Image(
        sitk.GetArrayFromImage(image),
        tuple(float(s) for s in reversed(image.GetSpacing())),
        tuple(float(o) for o in image.GetOrigin()) if placed else None,
        tuple(float(d) for d in image.GetDirection()) if placed else None,
        spacing_known=True if like is None else like.spacing_known,
        source_hash="" if like is None else like.source_hash,
        kind="volume" if like is None else like.kind,
        notes=() if like is None else like.notes,
        frame_of_reference="" if like is None else like.frame_of_reference,
    )


def write_volume(path: str | Path, image: Image | sitk.Image) -> Path:
    """Write pixels and geometry as NIfTI or NRRD; whole or not at all.

    The header says size, type, spacing, position and direction, and nothing else; the same
    image gives the same bytes. NIfTI keeps the geometry in single precision.

    Parameters
    ----------
    path : path
        Ending in ``.nii.gz`` or ``.nrrd`` (both compressed), or ``.nii``.
    image : Image or SimpleITK.Image
        A SimpleITK image loses its metadata dictionary on disk and keeps it in memory.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ImageError
        When the ending is unknown, the folder cannot be written to, or the format cannot hold
        the geometry or the type.

    Examples
    --------
    >>> import tempfile
    >>> from radiofib.images import read_image
    >>> image = Image(np.ones((2, 3, 4), np.int16), (5.0, 1.0, 2.0), (7.0, 8.0, 9.0),
    ...               tuple(np.eye(3).ravel()))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     again = read_image(write_volume(Path(folder) / "liver.nrrd", image))
    >>> again.spacing_mm, again.origin_mm
    ((5.0, 1.0, 2.0), (7.0, 8.0, 9.0))
    """
    path = Path(path)
    ending = next((e for e in VOLUME_FORMATS if path.name.endswith(f".{e}")), None)
    if ending is None:
        raise ImageError(
            "volumes are written as NIfTI or NRRD",
            where=path.name,
            expected="a name ending in " + ", ".join(f".{e}" for e in VOLUME_FORMATS),
        )
    found = as_sitk(image) if isinstance(image, Image) else _bare(image)
    temporary = path.with_name(f".{os.getpid()}.part.{path.name}")
    try:
        with quiet_itk():
            sitk.WriteImage(found, str(temporary), useCompression=ending != "nii")
        temporary.replace(path)
    except (RuntimeError, OSError) as error:
        last = str(error).strip().splitlines()[-1] if isinstance(error, RuntimeError) else ""
        raise ImageError(
            "the volume cannot be written",
            where=path.name,
            found=last.replace(str(temporary), path.name) or getattr(error, "strerror", None),
            hint="check the folder and free disk space, or write NRRD",
        ) from error
    finally:
        temporary.unlink(missing_ok=True)
    return path


def _bare(image: sitk.Image) -> sitk.Image:
    """Return the image without its metadata, which readers fill with header fields."""
    if not image.GetMetaDataKeys():
        return image
    copy = sitk.Image(image)
    for key in copy.GetMetaDataKeys():
        copy.EraseMetaData(key)
    return copy
