"""A picture of a class activation map: colours over the picture it was made of."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont
from numpy.typing import NDArray

from radiofib.deep.cam import ActivationMap
from radiofib.deep.cam_places import peak, upsampled
from radiofib.errors import UsageError
from radiofib.images.overlay import fitted_size, save_png

__all__ = ["cam_overlay_png", "caption", "render_cam", "zero_caption"]

_GAP, _BAR, _LABELS, _LINE = 14, 16, 80, 18
_PAPER, _INK, _FAINT = (255, 255, 255), (30, 30, 30), (110, 110, 110)
_SAYS = {
    "exact": "mean of the map {sign} {offset:.3g} = logit {score:.3g}",
    "heuristic": "heuristic: SHAP values x feature map; score {score:.3g}",
}
#: Most of the colour that covers the picture.
_OPACITY = 0.65
#: Radius in pixels of the ring around the peak.
_RING = 7


def cam_overlay_png(
    picture: NDArray[np.uint8], found: ActivationMap, path: str | Path, *, title: str = ""
) -> Path:
    r"""Write :func:`render_cam` as PNG, under a temporary name and renamed.

    Examples
    --------
    >>> import tempfile
    >>> found = ActivationMap(np.array([[0.0, 1.0], [0.0, 0.0]]), 0.5, 0.25, "F4", "exact")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "map.png"
    ...     cam_overlay_png(np.full((64, 64), 90, np.uint8), found, path).read_bytes()[:4]
    b'\x89PNG'
    """
    return save_png(render_cam(picture, found, title=title), Path(path), effort=6)


def render_cam(
    picture: NDArray[np.uint8], found: ActivationMap, *, title: str = "", longest_side: int = 420
) -> NDArray[np.uint8]:
    """Return a picture of shape (y, x, 3) with the map, a bar and what the numbers are.

    Orange raises the score of the class and violet lowers it (told apart by colour-blind readers
    too); the stronger, the less is seen of the picture beneath, and at 0 it is seen as it is. The
    scale is the same on both sides of 0. Beneath the title stands how the map is tied to the
    score, or that it is a heuristic, and what 0 is: the average training picture, where the map is
    centred. A ring is drawn around the :func:`~radiofib.deep.cam_places.peak` of a map that raises
    the score anywhere.

    Parameters
    ----------
    picture : ndarray of uint8, shape (y, x) or (y, x, 3)
        As the network saw it, whole: the map is enlarged to it.
    found : ActivationMap
        Of a picture, not of a volume.
    title : str
        Written above, before the class.
    longest_side : int
        Of the picture.
    """
    if found.values.ndim != 2 or picture.ndim not in (2, 3):
        raise UsageError(
            "a map is drawn over a picture",
            expected="a map of (rows, columns) and a picture (y, x) or (y, x, 3)",
            found=f"{found.values.shape} and {picture.shape}",
        )
    height, width = fitted_size(picture.shape[:2], (1.0, 1.0), longest_side)
    grey = picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, axis=-1)
    back = PIL.Image.fromarray(grey).resize((width, height), PIL.Image.Resampling.BILINEAR)
    values = upsampled(found.values, (height, width))
    top = float(np.abs(found.values).max())
    share = values / top if top > 0 else np.zeros_like(values)
    colours = _colours()[np.rint((share + 1) / 2 * 255).astype(int)].astype(np.float64)
    alpha = (_OPACITY * np.abs(share))[..., None]
    shown = np.rint((1 - alpha) * np.asarray(back) + alpha * colours).astype(np.uint8)

    head = f"{title}: {found.label}" if title else found.label
    says, zero = caption(found), zero_caption(found)
    raises = found.values.max() > 0
    zero += "; ring: peak" if raises else ""
    texts = _font(15).getlength(head), *(_font(11).getlength(line) for line in (says, zero))
    wide = max(_GAP + width + _GAP + _BAR + _LABELS, int(max(texts)) + 2 * _GAP)
    above = _GAP + 3 * _LINE
    paper = PIL.Image.new("RGB", (wide, above + height + _GAP), _PAPER)
    paper.paste(PIL.Image.fromarray(shown), (_GAP, above))
    draw = PIL.ImageDraw.Draw(paper)
    if raises:
        row, column = peak(found.values, (height, width))
        _ring(draw, (_GAP + column, above + row))
    draw.text((_GAP, _GAP // 2), head, _INK, _font(15))
    draw.text((_GAP, _GAP // 2 + _LINE + 2), says, _FAINT, _font(11))
    draw.text((_GAP, _GAP // 2 + 2 * _LINE), zero, _FAINT, _font(11))
    _bar(paper, draw, (_GAP + width + _GAP, above, height), top)
    return np.asarray(paper)


def caption(found: ActivationMap) -> str:
    """Say how a map is tied to the score of its class.

    Examples
    --------
    >>> caption(ActivationMap(np.zeros((1, 1)), -71.6, -71.6, "F4", "exact"))
    'mean of the map - 71.6 = logit -71.6'
    """
    sign = "-" if found.offset < 0 else "+"
    return _SAYS[found.kind].format(sign=sign, offset=abs(found.offset), score=found.score)


def zero_caption(found: ActivationMap) -> str:
    """Say what a place has that the map calls 0.

    Examples
    --------
    >>> zero_caption(ActivationMap(np.zeros((1, 1)), 0.5, 0.5, "F4", "exact", centred=True))
    '0: the average training picture'
    >>> zero_caption(ActivationMap(np.zeros((1, 1)), 0.5, 0.5, "F4", "exact"))
    '0: no activation of the network; the sign alone says nothing'
    """
    alone = found.kind == "exact" and not found.centred
    return f"0: {found.zero}" + ("; the sign alone says nothing" if alone else "")


def _ring(draw: PIL.ImageDraw.ImageDraw, centre: tuple[int, int]) -> None:
    """Draw a dark ring between two light ones, seen on any ground."""
    for radius, colour in ((_RING + 1, _PAPER), (_RING - 1, _PAPER), (_RING, _INK)):
        x, y = centre
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), outline=colour)


def _bar(
    paper: PIL.Image.Image, draw: PIL.ImageDraw.ImageDraw, place: tuple[int, int, int], top: float
) -> None:
    """Draw the scale, from what raises the score to what lowers it."""
    left, above, height = place
    steps = np.rint(np.linspace(255, 0, height)).astype(int)
    bar = np.repeat(_colours()[steps][:, None], _BAR, axis=1)
    paper.paste(PIL.Image.fromarray(bar), (left, above))
    draw.rectangle((left - 1, above - 1, left + _BAR, above + height), outline=_FAINT)
    for part, value in ((0.0, top), (0.5, 0.0), (1.0, -top)):
        y = above + round(part * (height - 1))
        draw.line((left + _BAR, y, left + _BAR + 3, y), fill=_INK)
        anchor = {0.0: "la", 0.5: "lm", 1.0: "ld"}[part]
        draw.text(
            (left + _BAR + 7, y), f"{value:+.3g}" if value else "0", _INK, _font(12), anchor=anchor
        )


@lru_cache(maxsize=1)
def _colours() -> NDArray[np.uint8]:
    """Violet over white to orange: ColorBrewer's PuOr turned round."""
    from matplotlib import colormaps

    table = np.asarray(colormaps["PuOr_r"](np.arange(256)))[:, :3]
    return np.asarray(np.rint(table * 255), dtype=np.uint8)


@lru_cache(maxsize=4)
def _font(size: int) -> PIL.ImageFont.FreeTypeFont | PIL.ImageFont.ImageFont:
    return PIL.ImageFont.load_default(size)
