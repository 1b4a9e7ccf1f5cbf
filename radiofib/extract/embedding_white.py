"""Which grey of a picture is white: stated, of its file's type, or of a DICOM frame's bits."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from radiofib.deep.inputs import white_of
from radiofib.engines.embedding import EmbeddingSettings
from radiofib.errors import ImageError
from radiofib.images.picture import open_picture
from radiofib.images.sniff import file_format
from radiofib.roi import Roi

__all__ = ["White", "white_of_file"]


class White(NamedTuple):
    """The value of white of a picture.

    Parameters
    ----------
    value : float or None
        None where ``intensity`` or the card says how intensities become the input.
    remark : str
        What was taken for granted; "" for nothing.
    """

    value: float | None
    remark: str = ""


def white_of_file(
    settings: EmbeddingSettings, image: Roi, path: Path, *, told: float | None = None
) -> White:
    """Return the value of white of a picture file.

    Parameters
    ----------
    settings : EmbeddingSettings
        What is stated for all pictures.
    image : Roi
        The picture.
    path : Path
        Its file.
    told : float, optional
        What the cohort says of this picture (column ``white_grey``), which counts first: pictures
        of 8 and of 12 bits may stand in one cohort.

    Raises
    ------
    ImageError
        When neither the file nor the settings say what is white.

    Examples
    --------
    >>> import numpy as np
    >>> settings = EmbeddingSettings(model="m.onnx", name="net", region="whole", white=4095)
    >>> picture = Roi(np.zeros((2, 2)), np.ones((2, 2), bool), (1.0, 1.0), "us")
    >>> white_of_file(settings, picture, Path("a.dcm")).value
    4095.0
    """
    if settings.intensity is not None:
        return White(None)
    if image.origin_mm is not None:
        raise ImageError(
            "an image with intensities has no white",
            hint="state under 'embedding' how they become grey, such as intensity: "
            "{type: window, low: -100, high: 300} or {type: percentile, low: 1, high: 99}",
        )
    if told is not None:
        return White(told)
    if settings.white is not None:
        return White(settings.white)
    try:
        pixels, _ = open_picture(path)
    except ImageError as error:  # it was read before: no picture file, but DICOM or the like
        white = _dicom_white(path)
        if white is not None:
            return white
        raise ImageError(
            "the file does not say which value is white",
            expected="a picture of 8 or 16 bits, or DICOM with 8 bits stored",
            hint="state 'white' under 'embedding', the grey that is shown as white",
        ) from error
    return White(white_of(pixels))


def _dicom_white(path: Path) -> White | None:
    """Return the value of white of a DICOM frame, None for another file or one that is unclear."""
    try:
        if file_format(path) != "DICOM":
            return None
        # Who reads no DICOM waits for none of this.
        from radiofib.images.dicom_header import read_header
        from radiofib.images.dicom_pixels import decode

        header = read_header(path)
        if header.photometric.startswith("PALETTE"):
            white = 255.0 if decode(path, colour=True).dtype == np.uint8 else 65535.0
            return White(white, f"white is {white:g}: that of the DICOM file's palette")
        if header.white is None:
            return None
        return White(header.white, f"white is {header.white:g}: the DICOM file stores 8 bits")
    except ImageError:
        return None
