"""Whether a picture still shows what machines burn in: names, dates, other text and signs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from radiofib.preprocess.ultrasound.find import find_images, screen_level
from radiofib.preprocess.ultrasound.graphics import LEAST_SIDE, has_text, text_height
from radiofib.preprocess.ultrasound.lines import INK, border_doubt, grown
from radiofib.preprocess.ultrasound.text_network import written_lines

__all__ = ["shows_burned_in"]

#: Pixels of ink beside the image that are more than dust: a short word has hundreds.
_LEAST_INK = 40
#: Longer pictures are looked at reduced by a whole number, which leaves what can be read.
_LONGEST = 2048


def shows_burned_in(picture: NDArray[np.generic]) -> bool:
    """Tell whether a two-dimensional picture shows burned-in text or signs.

    On the empty screen beside the image whatever is as low as a letter counts. In the image only
    lines of text do: a short word or a caliper may be missed. Cut-outs smaller than
    a screen can be are not looked at.

    Parameters
    ----------
    picture : ndarray of shape (y, x) or (y, x, 3)
        Greys or colours; those that are not within 0 to 255 are stretched to it.

    Examples
    --------
    >>> screen = np.zeros((120, 160))
    >>> screen[20:110, 40:120] = np.random.default_rng(0).integers(20, 120, (90, 80))
    >>> shows_burned_in(screen)
    False
    >>> screen[5:12, 5:60:6] = 255                                          # somebody's name
    >>> shows_burned_in(screen)
    True
    """
    grey = _greys(picture)
    if min(grey.shape) < LEAST_SIDE:
        return False
    found = find_images(grey)
    if not found:
        return _is_written_on(grey, np.ones(grey.shape, dtype=bool))
    shape = (grey.shape[0], grey.shape[1])
    image = np.logical_or.reduce([one.frame.mask(shape) for one in found])
    return _ink_off(grey, image) >= _LEAST_INK or _is_written_on(grey, image)


def _greys(picture: NDArray[np.generic]) -> NDArray[np.float64]:
    """Return greys from 0 to 255, of a side that can be looked at within a second."""
    step = -(-max(picture.shape[:2]) // _LONGEST)
    values = np.nan_to_num(picture[::step, ::step].astype(np.float64))
    grey = values.max(axis=-1) if values.ndim == 3 else values
    low, high = float(grey.min()), float(grey.max())
    if low >= 0 and 1 < high <= 255:
        return np.asarray(grey)
    return np.asarray((grey - low) * (255.0 / (high - low or 1.0)))


def _is_written_on(grey: NDArray[np.float64], image: NDArray[np.bool_]) -> bool:
    """Tell whether there is a line of text in the image, by its ink or by its shape."""
    if has_text(grey, image):
        return True
    return bool(written_lines(grey, image, text_height(grey.shape)).any())


def _ink_off(grey: NDArray[np.float64], image: NDArray[np.bool_]) -> int:
    """Return how many pixels beside the image are ink of parts no higher than a line of text."""
    level = screen_level(grey)
    if level is None:
        return 0
    off = (np.abs(grey - level) > INK) & ~grown(image, border_doubt(grey.shape))
    labels, count = ndimage.label(off, np.ones((3, 3)))
    if not count:
        return 0
    height = text_height(grey.shape)
    low = [place[0].stop - place[0].start < height for place in ndimage.find_objects(labels)]
    return int(np.count_nonzero(np.concatenate([[False], low])[labels]))
