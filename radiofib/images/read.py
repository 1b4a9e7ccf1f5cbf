"""One door for every kind of image."""

from __future__ import annotations

from pathlib import Path

from radiofib._series import named_series
from radiofib.errors import ImageError
from radiofib.images.image import Image
from radiofib.images.picture import read_picture
from radiofib.images.sniff import file_format
from radiofib.images.volume import read_volume

__all__ = ["read_image"]


def read_image(path: str | Path) -> Image:
    """Read a volume, a DICOM series or a picture, told apart by content.

    - NIfTI, NRRD, MetaImage: values and type as SimpleITK reads them; a trailing axis of
      length one is dropped.
    - A folder: the one DICOM series in it, sorted by position, spacing from positions, rescale
      slope slice by slice. ``folder#3fa2c91b`` is one of several series; the error for a folder
      with several lists their names.
    - A DICOM file: a volume of one slice, an enhanced multi-frame volume, or (without position,
      as in ultrasound) a picture.
    - PNG, JPEG, BMP, TIFF, GIF: a picture in grey, float64; colour by ITU-R BT.601 luma.

    Parameters
    ----------
    path : path
        File or folder.

    Returns
    -------
    Image
        Without any field that could identify a patient.

    Raises
    ------
    ImageError
        When the image cannot be read, with what was expected, what was found and what to do.

    Examples
    --------
    >>> import tempfile, PIL.Image
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "liver.jpg"          # a PNG in spite of its name
    ...     PIL.Image.new("L", (3, 2), 7).save(path, format="PNG")
    ...     image = read_image(path)
    >>> image.kind, image.pixels.tolist(), image.spacing_known
    ('picture', [[7.0, 7.0, 7.0], [7.0, 7.0, 7.0]], False)
    """
    path = Path(path)
    try:
        path, series = named_series(path)
        kind = "DICOM" if path.is_dir() else file_format(path)
        if kind == "DICOM":
            # pydicom takes a quarter of a second that other formats do not need.
            from radiofib.images.dicom import read_dicom_file, read_dicom_folder

            return read_dicom_folder(path, series) if path.is_dir() else read_dicom_file(path)
        if kind in ("NIfTI", "NRRD", "MetaImage"):
            return read_volume(path, kind)
        return read_picture(path)
    except MemoryError as error:
        raise ImageError(
            "image does not fit into memory",
            where=str(path),
            hint="use fewer workers, or cut the image to the organ",
        ) from error
