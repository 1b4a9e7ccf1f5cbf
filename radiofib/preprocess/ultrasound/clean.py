"""Screen to ultrasound images: grey, cut to what shows echo, everything else blank."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from radiofib.errors import ImageError
from radiofib.images.perceptual import perceptual_hash
from radiofib.images.picture import luma
from radiofib.preprocess.ultrasound.find import Found, find_images, screen_level
from radiofib.preprocess.ultrasound.geometry import Frame, Quad, WholePicture
from radiofib.preprocess.ultrasound.graphics import (
    LEAST_SIDE,
    Graphics,
    find_graphics,
    likeness,
    text_height,
)
from radiofib.preprocess.ultrasound.lines import ink_beside
from radiofib.preprocess.ultrasound.settings import CleanSettings
from radiofib.preprocess.ultrasound.strokes import glaring

if TYPE_CHECKING:
    from radiofib.images.dicom_ultrasound import ScanRegion

__all__ = ["CleanImage", "clean_screen", "screen_greys"]

#: Neighbours of less correlation are noise: of speckle it is .7 and more along the beam.
_LIKE = 0.3
#: Share of the image that may glare before text on it is in doubt.
_GLARING = 0.05
#: Share of the image taken for text and graphics that is more than screens show on tissue.
_MUCH_DRAWN = 0.03
#: Twice the pixels of the largest screens (4K): more would take minutes and gigabytes.
_MOST_PIXELS = 4096 * 4096
#: Where the settings are written, for messages.
_SECTION = "section 'ultrasound' of the study, or of the file given with --config"
#: A calibrated region smaller than this share of the screen is no image.
_LEAST_REGION = 0.02


@dataclass(frozen=True, eq=False)
class CleanImage:
    """One image without its screen.

    Parameters
    ----------
    pixels : ndarray of uint8 or uint16, shape (y, x)
        Grey; 0 wherever `valid` is False.
    valid : ndarray of bool, shape (y, x)
        Pixels that show echo.
    frame : Fan or Quad
        Where the image lies, in pixels of this array.
    box : (slice, slice)
        What was cut from the screen; all of it when there was one image.
    spacing_mm : (float, float) or None
        Size of a pixel (y, x), when a calibrated region says it.
    panel : str
        ``p1``, ``p2`` ... where the screen showed several images, else "".
    shares : dict of str to float
        ``image`` (of the screen), and of the image: ``valid``, ``colour``, ``graphics``.
    notes : tuple of str
        What was done.
    doubts : tuple of str
        What a person should look at.
    look : str
        Perceptual hash of the image with all that is drawn on it
        (:func:`radiofib.images.perceptual.perceptual_hash`), by which copies are told: what is
        taken for text depends on how a file was compressed.
    """

    pixels: NDArray[np.generic]
    valid: NDArray[np.bool_]
    frame: Frame
    box: tuple[slice, slice]
    spacing_mm: tuple[float, float] | None = None
    panel: str = ""
    shares: dict[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    look: str = ""

    @property
    def grey(self) -> NDArray[np.float64]:
        """Grey from 0 to 255, whatever the bits."""
        return _to_255(self.pixels.astype(np.float64), self.pixels.dtype)


def screen_greys(
    values: NDArray[np.generic],
) -> tuple[NDArray[np.generic], NDArray[np.float64], NDArray[np.float64] | None]:
    """Return a screen as grey of its own type, as grey to 255, and its colours to 255.

    Colour becomes grey by the luma of ITU-R BT.601, rounded. 16 bits are scaled by the largest
    value: machines use as many as they like.

    Parameters
    ----------
    values : ndarray of uint8 or uint16, shape (y, x) or (y, x, 3)
        The screen.

    Examples
    --------
    >>> own, grey, colour = screen_greys(np.array([[0, 4095]], np.uint16))
    >>> own.dtype, grey.tolist(), colour is None
    (dtype('uint16'), [[0.0, 255.0]], True)
    """
    floats = values.astype(np.float64)
    if values.ndim == 2:
        return values, _to_255(floats, values.dtype), None
    grey = luma(floats)
    return (
        np.rint(grey).astype(values.dtype),
        _to_255(grey, values.dtype, float(floats.max())),
        _to_255(floats, values.dtype),
    )


def _to_255(
    values: NDArray[np.float64], kind: np.dtype[np.generic], top: float | None = None
) -> NDArray[np.float64]:
    if kind == np.uint8:
        return values
    top = float(values.max()) if top is None else top
    return values * (255.0 / top) if top > 255 else values


def clean_screen(
    values: NDArray[np.generic],
    settings: CleanSettings,
    *,
    regions: Sequence[ScanRegion] = (),
    where: str | None = None,
) -> list[CleanImage]:
    """Find the image or images on a screen and blank everything else.

    Outside of the fan or rectangle everything becomes 0: names, dates, bars, logos and rulers are
    gone whatever they are. Inside, coloured pixels, text and calipers become 0, lines of text as
    whole boxes. Calibrated regions of DICOM say where to look and how large a pixel is.

    Parameters
    ----------
    values : ndarray of uint8 or uint16, shape (y, x) or (y, x, 3)
        The screen.
    settings : CleanSettings
        What to do.
    regions : sequence of ScanRegion
        Calibrated regions, where the file has any.
    where : str, optional
        What to call the picture in messages.

    Returns
    -------
    list of CleanImage
        Left to right.

    Raises
    ------
    ImageError
        When the picture is too large, no image is found, too little of it is left, or two panels or
        colour are refused.

    Examples
    --------
    >>> screen = np.zeros((120, 160), np.uint8)
    >>> rng = np.random.default_rng(0)
    >>> screen[20:110, 40:120] = rng.integers(20, 120, (90, 80))
    >>> screen[5:9, 5:60:3] = 255                                          # somebody's name
    >>> [clean] = clean_screen(screen, CleanSettings())
    >>> bool(clean.pixels[:12].any()), clean.frame.kind, clean.panel
    (False, 'linear', '')
    """
    if values.shape[0] * values.shape[1] > _MOST_PIXELS:
        raise ImageError(
            "picture is too large for an ultrasound screen",
            where=where,
            expected=f"at most {_MOST_PIXELS / 1e6:.0f} million pixels",
            found=f"{values.shape[1]} x {values.shape[0]}",
            hint="export it in the size of the screen, or cut it to the image",
        )
    own, grey, colour = screen_greys(values)
    shape = (grey.shape[0], grey.shape[1])
    useful = [r for r in regions if r.area >= _LEAST_REGION * grey.size]
    found = _images(grey, settings, useful)
    noisy = settings.find == "content" and _all_noise(grey, found)
    if not found or noisy:
        raise ImageError(
            "no ultrasound image found on the screen",
            where=where,
            expected="a fan or a rectangle of speckle",
            found=f"{_described(grey)}, noise from pixel to pixel" if noisy else _described(grey),
            hint=f"cut the picture to the image and say 'clean: {{find: whole}}' ({_SECTION}), or "
            "take it out",
        )
    several = len(found) > 1
    beside = _beside(grey, found)
    if several and settings.panels == "refuse":
        raise ImageError(
            "screen shows several images",
            where=where,
            expected="one",
            found=str(len(found)),
            hint=f"say 'clean: {{panels: split}}' ({_SECTION}) to use each, or cut the picture",
        )
    images = []
    for number, (one, region, note) in enumerate(found, start=1):
        panel = f"p{number}" if several else ""
        mask = one.frame.mask(shape)
        if region is not None:
            inside = np.zeros(shape, dtype=bool)
            inside[region.box] = True
            mask &= inside
        large = _large(mask)
        graphics = (find_graphics if large else _none)(grey, colour, mask, beside)
        if not settings.graphics:
            graphics = Graphics(graphics.colour, np.zeros(shape, bool), graphics.coloured)
        notes = [*note, *_colour_notes(graphics, mask, settings, where)]
        if not large and settings.graphics:
            notes.append("too small to look for text and calipers in it")
        doubts = tuple(_doubts(grey, mask, graphics, settings))
        images.append(_blanked(own, mask, graphics, one.frame, panel, region, tuple(notes), doubts))
    lost = [i for i in images if i.shares["valid"] < settings.least_valid]
    if lost:
        raise ImageError(
            "too little of the image is left without text, graphics and colour",
            where=where,
            expected=f"at least {settings.least_valid:.0%}",
            found=f"{lost[0].shares['valid']:.0%}",
            hint=f"lower 'clean: {{least_valid: ...}}' ({_SECTION}), or take the picture out",
        )
    return images


def _images(
    grey: NDArray[np.float64], settings: CleanSettings, regions: Sequence[ScanRegion]
) -> list[tuple[Found, ScanRegion | None, list[str]]]:
    """Return what is found on the screen, or in each of the regions, with notes."""
    shape = (grey.shape[0], grey.shape[1])
    if settings.find == "whole":
        return [(Found(WholePicture.of(shape), 1.0), None, [])]
    if not regions:
        return [(found, None, []) for found in find_images(grey)]
    images: list[tuple[Found, ScanRegion | None, list[str]]] = []
    for region in regions:
        top, left = region.rows[0], region.columns[0]
        inside = find_images(grey[region.box])
        if len(inside) == 1 and not isinstance(inside[0].frame, WholePicture):
            moved = inside[0].frame.moved(top, left)
            images.append((Found(moved, inside[0].fit), region, []))
            continue
        last = (region.rows[1] - 1.0, region.columns[1] - 1.0)
        quad = Quad(top, last[0], left, last[1], left, last[1])
        filled = len(inside) == 1
        note = [] if filled else ["no single shape fits the calibrated region: all of it is used"]
        images.append((Found(quad, 1.0 if filled else 0.0), region, note))
    return images


def _all_noise(
    grey: NDArray[np.float64], found: Sequence[tuple[Found, ScanRegion | None, list[str]]]
) -> bool:
    """Tell a picture of noise that was taken for a cut-out of tissue."""
    whole = all(isinstance(one.frame, WholePicture) for one, _, _ in found)
    return bool(found) and whole and likeness(grey, np.ones(grey.shape, dtype=bool)) < _LIKE


def _doubts(
    grey: NDArray[np.float64],
    mask: NDArray[np.bool_],
    graphics: Graphics,
    settings: CleanSettings,
) -> Iterator[str]:
    """Yield what a person should look at in one image."""
    like = likeness(grey, mask)
    if like < _LIKE:
        yield (
            f"neighbouring pixels are hardly alike (r = {like:.2f}): noise rather than ultrasound?"
        )
    if settings.graphics and _large(mask):
        share = glaring(grey, mask)
        if share > _GLARING:
            yield (
                f"{share:.0%} of the image is so bright that white text on it cannot be told from "
                "tissue, or its speckle varies by as much: is it free of names?"
            )
        if graphics.chance:
            yield (
                "speckle that is all white or all black lies about like letters: is the image free "
                "of names?"
            )
    drawn = np.count_nonzero(graphics.drawn & mask) / max(int(np.count_nonzero(mask)), 1)
    if drawn > _MUCH_DRAWN:
        yield f"{drawn:.0%} of the image was taken for text and graphics: was it tissue?"


def _beside(
    grey: NDArray[np.float64], found: Sequence[tuple[Found, ScanRegion | None, list[str]]]
) -> NDArray[np.bool_]:
    """Return letters on the empty screen next to the images."""
    shape = (grey.shape[0], grey.shape[1])
    level = screen_level(grey)
    if level is None:
        return np.zeros(shape, dtype=bool)
    images = np.logical_or.reduce([one.frame.mask(shape) for one, _, _ in found])
    return ink_beside(grey, level, images, text_height(shape))


def _large(mask: NDArray[np.bool_]) -> bool:
    rows, columns = mask.any(axis=1).sum(), mask.any(axis=0).sum()
    return min(int(rows), int(columns)) >= LEAST_SIDE


def _none(
    grey: NDArray[np.float64],
    colour: NDArray[np.float64] | None,
    mask: NDArray[np.bool_],
    beside: NDArray[np.bool_],
) -> Graphics:
    """Return colour alone."""
    if colour is None:
        nothing = np.zeros(grey.shape, dtype=bool)
        return Graphics(nothing, nothing)
    found = find_graphics(grey, colour, mask, beside)
    return Graphics(found.colour, np.zeros(grey.shape, bool), found.coloured, found.tinted)


def _colour_notes(
    graphics: Graphics, mask: NDArray[np.bool_], settings: CleanSettings, where: str | None
) -> list[str]:
    if graphics.tinted:
        return ["the image is shown in one tint: turned to grey by ITU-R BT.601 luma"]
    share = graphics.coloured / max(int(np.count_nonzero(mask)), 1)
    if share <= settings.most_colour:
        return []
    if settings.colour == "refuse":
        raise ImageError(
            "image has colour in it (Doppler?)",
            where=where,
            expected=f"at most {settings.most_colour:.1%} of its pixels",
            found=f"{graphics.coloured} coloured pixels, {share:.1%}",
            hint=f"say 'clean: {{colour: mask}}' ({_SECTION}) to leave these pixels out, or take "
            "the picture out",
        )
    return [f"{share:.1%} of the image is coloured (Doppler?) and left out"]


def _blanked(
    own: NDArray[np.generic],
    mask: NDArray[np.bool_],
    graphics: Graphics,
    frame: Frame,
    panel: str,
    region: ScanRegion | None,
    notes: tuple[str, ...],
    doubts: tuple[str, ...],
) -> CleanImage:
    valid = mask & ~graphics.colour & ~graphics.drawn
    pixels = np.where(valid, own, 0).astype(own.dtype)
    area = max(int(np.count_nonzero(mask)), 1)
    shares = {
        "image": area / mask.size,
        "valid": np.count_nonzero(valid) / area,
        "colour": graphics.coloured / area,
        "graphics": np.count_nonzero(mask & (graphics.drawn | graphics.colour)) / area,
    }
    box = (slice(0, own.shape[0]), slice(0, own.shape[1]))
    if panel:
        rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
        box = (
            slice(int(rows[0]), int(rows[-1]) + 1),
            slice(int(columns[0]), int(columns[-1]) + 1),
        )
        frame = frame.moved(-box[0].start, -box[1].start)
    return CleanImage(
        np.ascontiguousarray(pixels[box]),
        np.ascontiguousarray(valid[box]),
        frame,
        box,
        None if region is None else region.spacing_mm,
        panel,
        {name: float(value) for name, value in shares.items()},
        notes,
        doubts,
        perceptual_hash(np.where(mask, own, 0)[box]),
    )


def _described(grey: NDArray[np.float64]) -> str:
    size = f"{grey.shape[1]} x {grey.shape[0]} pixels"
    return f"{size}, all of one grey" if np.ptp(grey) == 0 else size
