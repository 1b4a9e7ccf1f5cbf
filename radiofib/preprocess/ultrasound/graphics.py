"""What was burned into an ultrasound image: coloured flow, text, calipers and other graphics."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from radiofib.preprocess.ultrasound.flat import flat_text, lines_of_letters
from radiofib.preprocess.ultrasound.lines import border_doubt, covered, grown, lengthened
from radiofib.preprocess.ultrasound.strokes import bright_strokes, without_specks
from radiofib.preprocess.ultrasound.text_network import written_lines

__all__ = [
    "LEAST_SIDE",
    "Graphics",
    "find_graphics",
    "has_text",
    "likeness",
    "text_height",
]

#: Graphics in smaller cut-outs cannot be told from speckle by their sharpness.
LEAST_SIDE = 96

#: Difference between the largest and the smallest of red, green and blue that counts as colour.
_COLOURED = 32.0
#: A picture in which more than this share of the image is coloured alike is tinted.
_TINTED = 0.5
#: Text is lower than this share of the screen.
_TEXT_HEIGHT = 0.07
#: No machine writes so small that this many pixels are too few for a line.
_LEAST_TEXT = 24
#: What is blank over so many pixels was blanked; ink in it lies on it by more than this share.
_BLANK, _WITHIN = 5, 0.6
_EIGHT = np.ones((3, 3))


@dataclass(frozen=True, eq=False)
class Graphics:
    """What was found inside the image.

    Parameters
    ----------
    colour : ndarray of bool, shape (y, x)
        Coloured pixels and a rim around them (Doppler, coloured text).
    drawn : ndarray of bool, shape (y, x)
        Text and graphics in grey, lines of text as whole boxes.
    coloured : int
        Pixels that are coloured themselves.
    tinted : bool
        Whether the whole image is shown in one tint.
    chance : bool
        Whether speckle of one grey lies about like letters: words among it may be left.
    """

    colour: NDArray[np.bool_]
    drawn: NDArray[np.bool_]
    coloured: int = 0
    tinted: bool = False
    chance: bool = False


def find_graphics(
    grey: NDArray[np.float64],
    colour: NDArray[np.float64] | None,
    inside: NDArray[np.bool_],
    beside: NDArray[np.bool_] | None = None,
) -> Graphics:
    """Find what does not belong to the echo.

    Colour is anything whose channels differ by more than 32 levels, unless half of the image has
    one tint. In grey, speckle cannot stand out from its neighbourhood by more than a few times
    its own spread (the brightest of 10^5 Rayleigh echoes is 12 dB above the median), and it
    fades over the width of the point-spread function; graphics are brighter, and end within two
    pixels. Text that is neither bright nor even is found by its shape, see
    :mod:`radiofib.preprocess.ultrasound.text_network`. Lines of text are covered by a box, since
    blanked letters could still be read.

    Parameters
    ----------
    grey : ndarray of shape (y, x)
        0 to 255.
    colour : ndarray of shape (y, x, 3), optional
        Red, green and blue, 0 to 255.
    inside : ndarray of bool
        The image on the screen.
    beside : ndarray of bool, optional
        Letters next to it, see :func:`radiofib.preprocess.ultrasound.lines.ink_beside`: a line of
        text may go on over tissue.

    Returns
    -------
    Graphics
        Masks within `inside`.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> grey = np.clip(rng.normal(90, 15, (120, 160)), 0, 255)
    >>> grey = ndimage.gaussian_filter(grey, 1)
    >>> grey[60, 40:60] = 255; grey[50:70, 50] = 255
    >>> found = find_graphics(grey, None, np.ones(grey.shape, bool))
    >>> bool(found.drawn[60, 40:60].all() and found.drawn[50:70, 50].all())
    True
    >>> bool(found.drawn.mean() < 0.05)
    True
    """
    height = text_height(grey.shape)
    nothing = np.zeros(grey.shape, dtype=bool)
    beside = nothing if beside is None else beside
    count, tinted, hue = 0, False, nothing
    if colour is not None:
        hue = _coloured(colour) & inside
        count = int(np.count_nonzero(hue))
        tinted = bool(count > _TINTED * np.count_nonzero(inside)) and _one_tint(colour, hue)
        if tinted:
            count, hue = 0, nothing
    colour_mask = covered(grey, hue, height, rim=3)
    # One line may be in colour, in grey where it lies on bright tissue, and partly off the image.
    if beside.any():
        colour_mask = colour_mask | covered(grey, hue | beside, height, rim=3)
    colour_mask = colour_mask & inside
    bright = beside & (grey > _grey_of(grey, inside))
    drawn = bright_strokes(grey, inside & ~colour_mask)
    drawn = without_specks(drawn, beside | hue, height)
    flat, chance = flat_text(grey, inside & ~colour_mask, height)
    drawn = lengthened(grey, drawn | bright, inside & ~colour_mask, height)
    drawn_mask = covered(grey, drawn | beside, height, rim=3)
    drawn_mask = drawn_mask | covered(grey, flat, height, rim=3)
    drawn_mask = drawn_mask | written_lines(grey, inside, height)
    if beside.any():  # where a line crosses the border, the last pixels before it may be its ink
        deep = ~grown(~inside, border_doubt(grey.shape))
        drawn_mask = drawn_mask | (~deep & grown(beside, height // 2))
    drawn_mask = drawn_mask & inside
    return Graphics(colour_mask, drawn_mask, count, tinted, chance)


def has_text(grey: NDArray[np.float64], inside: NDArray[np.bool_]) -> bool:
    """Tell whether a line of four or more letters is written over the image.

    Stricter than :func:`find_graphics`, which takes bright walls for text rather than leave a name:
    parts of one word share base or top, and what a blanked box has cut off is no letter.

    Parameters
    ----------
    grey : ndarray of shape (y, x)
        0 to 255.
    inside : ndarray of bool
        The image on the screen.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> grey = ndimage.gaussian_filter(rng.normal(90, 30, (120, 200)), 1)
    >>> everywhere = np.ones(grey.shape, bool)
    >>> has_text(grey, everywhere)
    False
    >>> for left in range(60, 120, 8): grey[50:62, left : left + 2] = 255
    >>> has_text(grey, everywhere)
    True
    """
    height = text_height(grey.shape)
    if flat_text(grey, inside, height)[0].any():
        return True
    drawn = lengthened(grey, bright_strokes(grey, inside), inside, height)
    return any(True for _ in lines_of_letters(_not_cut_off(grey, drawn), height))


def _not_cut_off(grey: NDArray[np.float64], ink: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Drop parts that end at something blank on one side: tissue beside a blanked box."""
    blank = ndimage.binary_opening(grey == 0, np.ones((_BLANK, _BLANK)))
    labels, count = ndimage.label(ink, _EIGHT)
    keep = np.zeros(count + 1, dtype=bool)
    for number, (rows, columns) in enumerate(ndimage.find_objects(labels), start=1):
        around = (
            slice(max(rows.start - 3, 0), rows.stop + 3),
            slice(max(columns.start - 3, 0), columns.stop + 3),
        )
        own = labels[around] == number
        rim = ndimage.binary_dilation(own, _EIGHT, 3) & ~own
        share = float(blank[around][rim].mean())
        keep[number] = share == 0 or share > _WITHIN
    return np.asarray(keep[labels])


def text_height(shape: tuple[int, ...]) -> int:
    """Return the height in pixels that no line of text reaches.

    Examples
    --------
    >>> text_height((480, 640)), text_height((200, 300))
    (34, 24)
    """
    return max(_LEAST_TEXT, round(_TEXT_HEIGHT * min(shape)))


def likeness(grey: NDArray[np.float64], where: NDArray[np.bool_]) -> float:
    """Return the correlation of neighbouring pixels, along the axis along which it is larger.

    Parameters
    ----------
    grey : ndarray of shape (y, x)
        Any scale.
    where : ndarray of bool
        Pixels that count.

    Returns
    -------
    float
        1 where nothing varies.

    Examples
    --------
    >>> noise = np.random.default_rng(0).normal(size=(90, 90))
    >>> everywhere = np.ones(noise.shape, bool)
    >>> abs(likeness(noise, everywhere)) < 0.05
    True
    >>> likeness(ndimage.gaussian_filter(noise, (0, 1.5)), everywhere) > 0.8
    True
    """
    found = []
    for axis in (0, 1):
        one = [slice(None), slice(None)]
        other = [slice(None), slice(None)]
        one[axis], other[axis] = slice(1, None), slice(None, -1)
        both = where[tuple(one)] & where[tuple(other)]
        if np.count_nonzero(both) < 16:
            continue
        a, b = grey[tuple(one)][both], grey[tuple(other)][both]
        spread = float(a.std() * b.std())
        found.append(float(((a - a.mean()) * (b - b.mean())).mean()) / spread if spread else 1.0)
    return max(found, default=1.0)


def _grey_of(grey: NDArray[np.float64], inside: NDArray[np.bool_]) -> float:
    return float(np.median(grey[inside])) if inside.any() else 0.0


def _coloured(colour: NDArray[np.float64]) -> NDArray[np.bool_]:
    spread = colour.max(axis=-1) - colour.min(axis=-1)
    return np.asarray(spread > _COLOURED)


def _one_tint(colour: NDArray[np.float64], where: NDArray[np.bool_]) -> bool:
    """Tell a display in sepia or blue from flow: nine of ten pixels have nearly the same hue."""
    chosen = colour[where]
    top = np.maximum(chosen.max(axis=-1, keepdims=True), 1.0)
    share = chosen / top
    away = np.abs(share - np.median(share, axis=0)).max(axis=-1)
    return bool((away < 0.25).mean() > 0.9)
