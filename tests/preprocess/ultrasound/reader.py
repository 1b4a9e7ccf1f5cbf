"""Reading of lines of text by a recogniser that knows where to look and what is sought.

The recogniser is PP-OCRv6 small, which comes with rapidocr. It is shown the place of a line as it
is, stretched, inverted and smoothed; the best of the four readings counts. Whether a line can be
read was defined before any frame was looked at.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from scipy import ndimage

from radiofib.deep.session import OnnxSession, open_session

#: A line can be read when no more than this share of its letters and digits is wrong.
LEGIBLE = 0.4
#: Height of what the recogniser is shown, and what surrounds a line as a share of its height.
_HEIGHT, _AROUND = 48, 0.3
_MODEL = "models/PP-OCRv6_rec_small.onnx"


@cache
def recogniser() -> tuple[OnnxSession, tuple[str, ...]]:
    """Return the network and its characters, the first of them none; skip where it is absent."""
    found = importlib.util.find_spec("rapidocr")
    if found is None or found.origin is None:
        pytest.skip("needs the extra 'ocr' (rapidocr)")
    opened = open_session(Path(found.origin).parent / _MODEL)
    return opened, ("", *opened.metadata["character"].split("\n"), " ")


def error_rate(text: str, read: str) -> float:
    """Return insertions, deletions and changes per letter or digit, whatever its case.

    >>> error_rate("DOE^JANE", "Doe Jame")
    0.14285714285714285
    """
    wanted, found = (
        "".join(c for c in what.upper() if c.isascii() and c.isalnum()) for what in (text, read)
    )
    row = list(range(len(found) + 1))
    for i, letter in enumerate(wanted, start=1):
        above = row
        row = [i]
        for j, other in enumerate(found, start=1):
            row.append(min(above[j] + 1, row[-1] + 1, above[j - 1] + (letter != other)))
    return row[-1] / len(wanted)


def best_reading(
    grey: np.ndarray, box: tuple[slice, slice], text: str, *, least: float = 0.0
) -> float:
    """Return the least error rate of what is read at the place of a line.

    Parameters
    ----------
    least : float
        No further view is tried once the error is not above this.
    """
    session, characters = recogniser()
    best = 1.0
    for view in _views(grey, box):
        scores = session.run({"x": view}, output=session.outputs[0].name)[0]
        numbers = scores.argmax(axis=-1)
        kept = numbers[np.flatnonzero(np.diff(numbers, prepend=-1))]
        read = "".join(characters[n] for n in kept if n)
        best = min(best, error_rate(text, read))
        if best <= least:
            break
    return best


def legible(grey: np.ndarray, box: tuple[slice, slice], text: str) -> bool:
    """Tell whether a line can be read at its place."""
    return best_reading(grey, box, text, least=LEGIBLE) <= LEGIBLE


def _views(grey: np.ndarray, box: tuple[slice, slice]) -> Iterator[np.ndarray]:
    margin = max(2, round(_AROUND * (box[0].stop - box[0].start)))
    rows, columns = (slice(max(b.start - margin, 0), b.stop + margin) for b in box)
    part = grey[rows, columns].astype(np.float64)
    for shown in (part, _stretched(part), 255 - _stretched(part),
                  _stretched(ndimage.gaussian_filter(part, 0.8))):  # fmt: skip
        width = max(round(shown.shape[1] * _HEIGHT / shown.shape[0]), _HEIGHT)
        picture = PIL.Image.fromarray(np.rint(np.clip(shown, 0, 255)).astype(np.uint8))
        resized = np.asarray(picture.resize((width, _HEIGHT), PIL.Image.Resampling.BICUBIC))
        values = np.broadcast_to(resized / 127.5 - 1, (1, 3, _HEIGHT, width))
        yield values.astype(np.float32)


def _stretched(part: np.ndarray) -> np.ndarray:
    low, high = np.quantile(part, [0.02, 0.98])
    return np.asarray((part - low) * (255 / max(high - low, 1e-6)))
