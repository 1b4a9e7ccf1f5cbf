"""Small inline copies of PNG files: same pixels, same bytes, and nothing but pixels.

Re-encoding drops every text chunk, so whatever a program wrote beside the pixels stays out.
"""

from __future__ import annotations

import base64
import io
import warnings
from collections.abc import Iterable
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from radiofib.report.blocks import Picture
from radiofib.report.format import shorten

__all__ = ["BUDGET", "picture", "pictures", "thumbnail"]

#: Bytes of base64 that all pictures of a page may take together.
BUDGET = 3_000_000
_SIDE = 420
#: A picture may not hold more pixels than this (8k x 8k).
_MOST_PIXELS = 67_000_000


def thumbnail(path: Path, side: int = _SIDE) -> tuple[bytes, int, int]:
    """Return a PNG of at most `side` pixels along its longer side, with its width and height.

    Raises
    ------
    ValueError
        When the file is not a readable PNG, or is too large to open safely.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=("PNG",)) as source:
                if source.width * source.height > _MOST_PIXELS:
                    raise ValueError("too many pixels")
                grey = source.mode in ("1", "L", "LA", "I;16", "I")
                opened = source.convert("L" if grey and source.mode != "LA" else "RGB")
    except (
        OSError,
        UnidentifiedImageError,
        SyntaxError,
        Warning,
        Image.DecompressionBombError,
    ) as error:
        raise ValueError("not a readable PNG") from error
    opened.thumbnail((side, side), Image.Resampling.LANCZOS)
    if opened.mode == "RGB":
        opened = opened.quantize(128, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    stream = io.BytesIO()
    opened.save(stream, "PNG", optimize=True)
    return stream.getvalue(), opened.width, opened.height


def picture(path: Path, caption: str, alt: str) -> Picture:
    """Return an inline picture of a PNG file.

    Raises
    ------
    ValueError
        When the file is not a readable PNG.
    """
    data, width, height = thumbnail(path)
    uri = "data:image/png;base64," + base64.b64encode(data).decode("ascii")
    return Picture(uri, shorten(alt, 200), shorten(caption, 120), width, height)


def pictures(
    wanted: Iterable[tuple[Path, str, str]], *, most: int, budget: int = BUDGET
) -> tuple[tuple[Picture, ...], list[str]]:
    """Return inline pictures until `most` or the budget is reached, and what was unreadable.

    Parameters
    ----------
    wanted : iterable of (path, caption, alt)
        PNG files in order.
    most : int
        Number of pictures.
    budget : int
        Bytes that their data URIs may take.
    """
    made: list[Picture] = []
    broken: list[str] = []
    used = 0
    for path, caption, alt in wanted:
        if len(made) == most:
            break
        try:
            one = picture(path, caption, alt)
        except ValueError as error:
            broken.append(f"{shorten(path.name, 80)}: {error}.")
            continue
        if used + len(one.uri) > budget:
            break
        used += len(one.uri)
        made.append(one)
    return tuple(made), broken
