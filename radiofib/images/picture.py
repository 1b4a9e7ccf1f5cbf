"""PNG, JPEG, BMP, TIFF and GIF as two-dimensional grey images."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import PIL.Image
import SimpleITK as sitk
from numpy.typing import ArrayLike, NDArray

from radiofib.errors import ImageError
from radiofib.images.image import Image
from radiofib.images.sniff import hash_source
from radiofib.images.volume import quiet_itk

__all__ = ["count_pages", "grey_from_colour", "luma", "open_picture", "read_picture"]

_GREY_MODES = {"L", "I", "F", "I;16", "I;16B", "I;16L", "I;16N"}


def luma(rgb: ArrayLike) -> NDArray[np.float64]:
    """Turn red, green and blue into grey by the luma of ITU-R BT.601.

    ``Y = (299 R + 587 G + 114 B) / 1000``, in float64 without rounding; a grey pixel
    (R = G = B) keeps its value exactly.

    Parameters
    ----------
    rgb : array of shape (..., 3)
        Channels in the order red, green, blue, any unit.

    Examples
    --------
    >>> luma([[255, 255, 255], [100, 0, 0], [0, 0, 100]])
    array([255. ,  29.9,  11.4])
    """
    values = np.asarray(rgb, dtype=np.float64)
    weighted = 299.0 * values[..., 0] + 587.0 * values[..., 1] + 114.0 * values[..., 2]
    return np.asarray(weighted / 1000.0)


def grey_from_colour(values: NDArray[np.generic]) -> tuple[NDArray[np.float64], list[str]]:
    """Turn (y, x, 3) colour or (y, x, 4) colour with alpha into grey, with notes of what was done.

    Examples
    --------
    >>> grey_from_colour(np.full((1, 2, 3), 9, np.uint8))
    (array([[9., 9.]]), [])
    """
    notes = []
    colour = values[..., :3].astype(np.float64)
    if values.shape[-1] == 4:
        top = 65535 if values.dtype == np.uint16 else 255
        alpha = values[..., 3:].astype(np.float64) / top
        if (alpha < 1).any():
            colour *= alpha
            notes.append("transparent pixels laid on black")
    if np.ptp(colour, axis=-1).any():
        notes.append("colour turned to grey by ITU-R BT.601 luma")
    return luma(colour), notes


def read_picture(path: Path) -> Image:
    """Read a picture as grey values (float64, in the range of the file: 0-255, 0-65535 ...).

    Colour becomes grey by :func:`luma`; a transparent picture is laid on black. The size of a
    pixel is unknown: a print resolution in the file says nothing about tissue.

    Raises
    ------
    ImageError
        When the file is damaged, cut short, has several pages or is too large to be a picture.
    """
    values, notes = open_picture(path)
    if values.ndim == 3:
        grey, said = grey_from_colour(values)
        notes += said
    else:
        grey = values.astype(np.float64)
    return Image(
        np.ascontiguousarray(grey),
        (1.0, 1.0),
        spacing_known=False,
        source_hash=hash_source(path),
        kind="picture",
        notes=tuple(notes),
    )


def open_picture(path: Path, page: int | None = None) -> tuple[NDArray[np.generic], list[str]]:
    """Return the values of a picture as stored, (y, x) or (y, x, 3 or 4), and notes.

    Palettes are resolved to colours. Pillow's limit on the number of pixels stays in force.

    Parameters
    ----------
    path : Path
        The file.
    page : int, optional
        Page or frame, from 0; without it the picture must have but one.

    Raises
    ------
    ImageError
        As :func:`read_picture`.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", PIL.Image.DecompressionBombWarning)
            with PIL.Image.open(path) as picture:
                if page is None:
                    _one_page(picture, path)
                elif page:
                    picture.seek(page)
                picture.load()
                return _values(picture, path)
    except (PIL.Image.DecompressionBombWarning, PIL.Image.DecompressionBombError) as error:
        raise ImageError(
            "picture is too large to be read at once",
            where=str(path),
            expected=f"at most {PIL.Image.MAX_IMAGE_PIXELS} pixels",
            hint="cut it to the region of interest; whole-slide images go to 'radiofib slides'",
        ) from error
    except (OSError, SyntaxError, ValueError, EOFError, MemoryError) as error:
        raise ImageError(
            "picture is damaged or cut short",
            where=str(path),
            found=str(error).replace(str(path), path.name)[:160] or type(error).__name__,
            hint="copy or export it again",
        ) from error


def count_pages(path: Path) -> int:
    """Return the number of pages or frames of a picture.

    Raises
    ------
    ImageError
        When the file is damaged.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with PIL.Image.open(path) as picture:
                return int(getattr(picture, "n_frames", 1))
    except PIL.Image.DecompressionBombError:
        return 1  # open_picture says what is wrong
    except (OSError, SyntaxError, ValueError, EOFError, MemoryError) as error:
        raise ImageError(
            "picture is damaged or cut short",
            where=str(path),
            found=str(error).replace(str(path), path.name)[:160] or type(error).__name__,
            hint="copy or export it again",
        ) from error


def _one_page(picture: PIL.Image.Image, path: Path) -> None:
    pages = int(getattr(picture, "n_frames", 1))
    if pages > 1:
        raise ImageError(
            "picture has several pages or frames",
            where=str(path),
            expected="one",
            found=f"{pages} in a {picture.format} file",
            hint="save each as its own file and give it an instance of its own; a whole-slide "
            "image goes to 'radiofib slides'",
        )


def _values(picture: PIL.Image.Image, path: Path) -> tuple[NDArray[np.generic], list[str]]:
    notes: list[str] = []
    mode = picture.mode
    if mode in _GREY_MODES:
        return np.asarray(picture), notes
    if mode == "1":
        return np.asarray(picture.convert("L")), notes
    if "transparency" in picture.info or mode in ("LA", "PA", "La", "RGBa"):
        target = "RGBA"
    else:
        target = mode if mode in ("RGB", "RGBA") else "RGB"
    if reader_name := _deep_colour(picture, path):
        return _through_itk(path, reader_name), notes
    if picture.format == "PNG" and _png_kind(path) == (16, 4):
        notes.append("16-bit grey with transparency read at 8 bits")
    if mode in ("P", "PA"):
        notes.append("palette resolved to its colours")
    return np.asarray(picture.convert(target)), notes


def _deep_colour(picture: PIL.Image.Image, path: Path) -> str | None:
    """Return the ITK reader for 16-bit colour, which Pillow would cut to 8 bits."""
    if picture.format == "PNG":
        return "PNGImageIO" if _png_kind(path) in ((16, 2), (16, 6)) else None
    if picture.format == "TIFF":
        bits = getattr(picture, "tag_v2", {}).get(258, (8,))
        return "TIFFImageIO" if max(bits) == 16 and len(bits) > 2 else None
    return None


def _png_kind(path: Path) -> tuple[int, int]:
    """Return bit depth and colour type of a PNG (2 colour, 4 grey with alpha, 6 both)."""
    with path.open("rb") as stream:
        head = stream.read(26)
    return head[24], head[25]


def _through_itk(path: Path, reader_name: str) -> NDArray[np.generic]:
    reader = sitk.ImageFileReader()
    reader.SetImageIO(reader_name)
    reader.SetFileName(str(path))
    with quiet_itk():
        try:
            values: NDArray[np.generic] = sitk.GetArrayFromImage(reader.Execute())
        except RuntimeError as error:
            raise ImageError(
                "picture is damaged or cut short", where=str(path), hint="export it again"
            ) from error
    return values
