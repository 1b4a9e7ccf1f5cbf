"""Where the tissue is: a mask of stained pixels that keeps pale tissue and leaves dust out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi
from skimage.filters import threshold_multiotsu

from radiofib.errors import SlideError
from radiofib.slides.settings import SlideSettings

__all__ = [
    "TissueMask",
    "channel_extremes",
    "channel_mean",
    "check_brightfield",
    "clean_mask",
    "find_tissue",
    "optical_density",
    "stain_signal",
    "white_level",
]

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]

#: Bounds of the threshold on the stain signal. Below the lower one, uneven light and scanner
#: noise begin; above the upper one every pixel is stained, whatever the histogram says.
SIGNAL_BOUNDS = (0.03, 0.06)
_OFFSET = 0.01
_STRIP = 512
#: Noise of the stain signal on glass from which 3 x 3 pixels are averaged.
_NOISY = 0.045
_DEFAULT_WHITE = 245.0
_EIGHT = np.ones((3, 3), dtype=bool)


@dataclass(frozen=True, eq=False)
class TissueMask:
    """The mask and how it came about.

    Parameters
    ----------
    mask : ndarray of bool
        True on tissue, one value per cell of the tissue grid.
    white : tuple of float
        Grey level of bare glass in red, green and blue.
    threshold : float
        Stain signal from which a pixel counts as tissue.
    """

    mask: Bools
    white: tuple[float, float, float]
    threshold: float


def check_brightfield(rgb: Bytes, *, where: str | None = None) -> None:
    """Raise when the picture was not made with light through stained tissue.

    A brightfield slide has glass or tissue that is bright in red, green and blue together.
    Fluorescence is coloured or grey light on black.

    Raises
    ------
    SlideError
        When less than 1 % of the pixels reach 100 in every channel, or most are black and less
        than 5 % are bright.

    Examples
    --------
    >>> check_brightfield(np.full((4, 4, 3), 240, np.uint8))
    >>> check_brightfield(np.zeros((4, 4, 3), np.uint8), where="dapi.ndpi")
    Traceback (most recent call last):
    radiofib.errors.SlideError: dapi.ndpi: not a brightfield slide (expected bright background, as
    on H&E; found a dark picture: fluorescence, or an empty scan). Next: leave it out.
    """
    darkest = channel_extremes(rgb)[0]
    coloured = float(np.percentile(darkest, 99)) < 100
    black = float(np.median(_channel_sum(rgb))) < 3 * 60 and float(np.mean(darkest >= 180)) < 0.05
    if coloured or black:
        raise SlideError(
            "not a brightfield slide",
            where=where,
            expected="bright background, as on H&E",
            found="a dark picture: fluorescence, or an empty scan",
            hint="leave it out",
        )


def white_level(rgb: Bytes) -> tuple[float, float, float]:
    """Return the grey level of bare glass in each channel.

    It is the most frequent level among the brightest, nearly colourless pixels; 245 where less
    than 0.5 % of the pixels are such (a picture filled with tissue).

    Examples
    --------
    >>> white_level(np.full((4, 4, 3), 243, np.uint8))
    (243.0, 243.0, 243.0)
    """
    total = _channel_sum(rgb)
    top = float(np.percentile(total, 99.5))
    darkest, brightest = channel_extremes(rgb)
    glass = rgb[(total >= top - 3 * 25) & (total >= 3 * 150) & (brightest - darkest <= 30)]
    if glass.shape[0] < 0.005 * total.size:
        return (_DEFAULT_WHITE,) * 3
    counts = [np.bincount(glass[:, c], minlength=256).astype(float) for c in range(3)]
    red, green, blue = (float(np.argmax(ndi.gaussian_filter1d(c, 1.0))) for c in counts)
    return (red, green, blue)


def channel_extremes(picture: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the lowest and the highest of the three channels of each pixel.

    Many times faster than ``min(axis=2)`` and ``max(axis=2)`` along so short an axis.

    Examples
    --------
    >>> low, high = channel_extremes(np.array([[[3, 1, 2]]]))
    >>> low.tolist(), high.tolist()
    ([[1]], [[3]])
    """
    red, green, blue = (picture[..., channel] for channel in range(3))
    low = np.minimum(np.minimum(red, green), blue)
    return low, np.maximum(np.maximum(red, green), blue)


def channel_mean(density: Floats) -> Floats:
    """Return the mean of the three channels of each pixel.

    Examples
    --------
    >>> channel_mean(np.array([[[3, 1, 2]]], np.float32)).tolist()
    [[2.0]]
    """
    mean: Floats = (density[..., 0] + density[..., 1] + density[..., 2]) / np.float32(3)
    return mean


def _channel_sum(rgb: Bytes) -> NDArray[np.uint16]:
    total = rgb[..., 0].astype(np.uint16)
    total += rgb[..., 1]
    total += rgb[..., 2]
    return total


def optical_density(rgb: Bytes, white: tuple[float, float, float]) -> Floats:
    """Return the optical density of each channel, ``log10((white + 1) / (value + 1))``, from 0.

    Examples
    --------
    >>> optical_density(np.array([[[99, 9, 255]]], np.uint8), (99.0, 99.0, 99.0)).round(3).tolist()
    [[[0.0, 1.0, 0.0]]]
    """
    levels = np.arange(256, dtype=np.float64)
    result = np.empty(rgb.shape, dtype=np.float32)
    for channel in range(3):
        table = np.log10((white[channel] + 1) / (levels + 1)).clip(min=0).astype(np.float32)
        result[..., channel] = table[rgb[..., channel]]
    return result


def stain_signal(density: Floats) -> Floats:
    """Return mean optical density plus its spread over the channels (darkness plus colour).

    Pale eosin is hardly darker than glass but pink; both parts together lift it clear of
    uneven light, which has no colour.

    Examples
    --------
    >>> round(float(stain_signal(np.array([[[0.0, 0.06, 0.03]]], np.float32))[0, 0]), 3)
    0.09
    """
    low, high = channel_extremes(density)
    signal: Floats = channel_mean(density) + (high - low)
    return signal


def find_tissue(
    rgb: Bytes,
    *,
    um: tuple[float, float],
    settings: SlideSettings | None = None,
    where: str | None = None,
) -> TissueMask:
    """Find tissue on a low-resolution picture of a slide.

    Parameters
    ----------
    rgb : ndarray of uint8, shape (height, width, 3)
        The slide, each pixel the mean of the light of its area.
    um : tuple of float
        Width and height of a pixel in um.
    settings : SlideSettings, optional
        Smallest piece and largest hole.
    where : str, optional
        Name of the slide, for messages.

    Returns
    -------
    TissueMask

    Raises
    ------
    SlideError
        When the slide is not brightfield or holds no tissue.

    Notes
    -----
    The logarithm of :func:`stain_signal` is divided into glass, pale and dark by Otsu's method
    with three classes (two would count pale tissue as glass where dark tissue lies beside it);
    the lower of its thresholds, or the noise of the glass (median + 6 SD) where that is higher,
    is kept within :data:`SIGNAL_BOUNDS`. On the rim, a pixel stays when it takes up at least
    half as much light as the tissue inside it, that is when at least half of it is tissue: the
    area is then neither rounded up nor down.
    :func:`clean_mask` closes small holes, before and after, and drops specks. Where the noise of
    the glass is above 0.045, the signal is taken from the mean of 3 x 3 pixels, twice
    at most.
    """
    settings = settings or SlideSettings()
    check_brightfield(rgb, where=where)
    white = white_level(rgb)
    signal = _signal(rgb, white)
    threshold, noise = _threshold(signal)
    even = rgb
    for _ in range(2):
        if noise <= _NOISY:
            break
        # Glass that flickers as much as pale tissue differs from it: look at less detail.
        even = ndi.uniform_filter(even, (3, 3, 1))
        signal = _signal(even, white)
        threshold, noise = _threshold(signal)
    clean = partial(clean_mask, pixel_um2=um[0] * um[1], max_hole_um2=settings.max_hole_um2)
    # Holes first: the thin walls between fat vacuoles are no rim of the tissue.
    mask = clean(signal >= threshold, min_piece_um2=0.0)
    mask = clean(
        _half_covered(mask, _absorption(rgb, white)), min_piece_um2=settings.min_tissue_um2
    )
    if not mask.any():
        raise SlideError(
            "no tissue found",
            where=where,
            expected=f"a stained piece of at least {settings.min_tissue_um2 / 1e6:g} mm2",
            hint="check the stain and the pixel size",
        )
    return TissueMask(mask, white, threshold)


def _signal(rgb: Bytes, white: tuple[float, float, float]) -> Floats:
    """Return the stain signal, strip by strip: densities of a large slide would fill memory."""
    signal = np.empty(rgb.shape[:2], dtype=np.float32)
    for top in range(0, rgb.shape[0], _STRIP):
        strip = slice(top, top + _STRIP)
        signal[strip] = stain_signal(optical_density(rgb[strip], white))
    return signal


def _threshold(signal: Floats) -> tuple[float, float]:
    """Return the threshold on the signal, and the noise of what lies below it."""
    low, high = SIGNAL_BOUNDS
    counts, edges = np.histogram(np.log10(signal + _OFFSET), bins=128)
    if np.count_nonzero(counts) < 3:
        return low, 0.0
    centres = (edges[1:] + edges[:-1]) / 2
    split = 10 ** float(threshold_multiotsu(hist=(counts, centres), classes=3)[0]) - _OFFSET
    glass = signal[signal < np.clip(split, low, high)]
    noise = 0.0
    if glass.size:
        middle = float(np.median(glass))
        noise = middle + 6 * 1.4826 * float(np.median(np.abs(glass - middle)))
    return float(np.clip(max(split, noise), low, high)), noise


def _absorption(rgb: Bytes, white: tuple[float, float, float]) -> Floats:
    """Return the light taken up; linear in the part of a pixel that is tissue."""
    levels = np.arange(256, dtype=np.float64)
    total = np.zeros(rgb.shape[:2], dtype=np.float32)
    for channel in range(3):
        table = (1 - levels / max(white[channel], 1.0)).clip(min=0).astype(np.float32)
        total += table[rgb[..., channel]]
    return total


def _half_covered(mask: Bools, absorption: Floats) -> Bools:
    inside = ndi.binary_erosion(mask, _EIGHT, border_value=1)
    rim = mask & ~inside
    weight = ndi.uniform_filter(inside.astype(np.float32), 5, mode="constant")
    level = ndi.uniform_filter(np.where(inside, absorption, 0), 5, mode="constant")
    # Thin strands have no inside to compare with: they stay as they are.
    known = weight > 0.5 / 25
    less = absorption * weight < 0.5 * level
    result: Bools = mask & ~(rim & known & less)
    return result


def clean_mask(
    mask: Bools, *, pixel_um2: float, max_hole_um2: float, min_piece_um2: float
) -> Bools:
    """Close holes smaller than `max_hole_um2`, then drop pieces smaller than `min_piece_um2`.

    Pieces hang together by pixel edges (4-connected), holes by edges or corners. A gap that
    reaches the border of the picture is not a hole.

    Examples
    --------
    >>> mask = np.ones((5, 9), dtype=bool)
    >>> mask[2, 2] = mask[:, 5] = mask[:, 7] = False
    >>> clean = clean_mask(mask, pixel_um2=1.0, max_hole_um2=2.0, min_piece_um2=6.0)
    >>> int(mask.sum()), int(clean.sum())
    (34, 25)
    """
    gaps, count = ndi.label(~mask, structure=_EIGHT)
    if count:
        fill = np.bincount(gaps.ravel(), minlength=count + 1) * pixel_um2 < max_hole_um2
        for edge in (gaps[0], gaps[-1], gaps[:, 0], gaps[:, -1]):
            fill[edge] = False
        fill[0] = False
        mask = mask | fill[gaps]
    pieces, count = ndi.label(mask)
    keep = np.bincount(pieces.ravel(), minlength=count + 1) * pixel_um2 >= min_piece_um2
    keep[0] = False
    result: Bools = keep[pieces]
    return result
