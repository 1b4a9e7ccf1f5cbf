"""From a picture to what a card says the network must be given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from radiofib.deep.preprocessing import Preprocessing
from radiofib.errors import ImageError, ModelError
from radiofib.images.picture import luma, open_picture

__all__ = ["check_range", "picture_input", "read_picture_input", "white_of"]

_FILTERS = {
    "bilinear": PIL.Image.Resampling.BILINEAR,
    "bicubic": PIL.Image.Resampling.BICUBIC,
    "nearest": PIL.Image.Resampling.NEAREST,
}
_DTYPES = {"float32": np.float32, "float16": np.float16, "uint8": np.uint8}
#: A 16-bit picture below this share of its range holds 12 bits or 8, and would look black.
_DARK = 1 / 16


def white_of(pixels: NDArray[np.generic], *, where: str | None = None) -> float:
    """Return the value of white in a picture as it was read from its file.

    255 for 8 bits and 65535 for 16 bits. A 16-bit file whose brightest value is below a
    sixteenth of that holds 8 or 12 bits, and which cannot be known from it: it is refused.

    Raises
    ------
    ImageError
        When the type does not say what white is, or the values use too little of its range.

    Examples
    --------
    >>> white_of(np.zeros((2, 2), np.uint8))
    255.0
    >>> white_of(np.full((2, 2), 4000, np.uint16), where="a.png")
    Traceback (most recent call last):
    radiofib.errors.ImageError: a.png: values use too little of the range of the file (expected
    values up to 65535; found 4000 at most). Next: write the picture with 8 bits, or state
    'white', the value of white.
    """
    if pixels.dtype == np.bool_:
        return 1.0
    if pixels.dtype == np.uint8:
        return 255.0
    wide = pixels.dtype.kind in "ui" and pixels.dtype.itemsize >= 2
    if not wide or (pixels.size and (pixels.min() < 0 or pixels.max() > 65535)):
        raise ImageError(
            "the file does not say which value is white",
            where=where,
            expected="8 or 16 bits without sign",
            found=str(pixels.dtype),
            hint="state 'white', the value of white, or write the picture with 8 bits",
        )
    top = float(pixels.max()) if pixels.size else 0.0
    if 0 < top < 65536 * _DARK:
        raise ImageError(
            "values use too little of the range of the file",
            where=where,
            expected="values up to 65535",
            found=f"{top:.6g} at most",
            hint="write the picture with 8 bits, or state 'white', the value of white",
        )
    return 65535.0


def picture_input(
    pixels: NDArray[Any],
    how: Preprocessing,
    *,
    white: float | None = None,
    where: str | None = None,
) -> NDArray[Any]:
    """Return a picture as the network must be given it, without the axis of the batch.

    Colour, then size, then range, then mean and deviation:
    ``((p / white) (high - low) + low - mean) / sd``. Pictures of 8 bits are resized in 8 bits,
    as Pillow and torchvision do; others in float32.

    Parameters
    ----------
    pixels : ndarray of shape (y, x), (y, x, 3) or (y, x, 4)
        Grey, RGB, or RGB with alpha, which is laid on black.
    how : Preprocessing
        From the card.
    white : float, optional
        Value of white; without it that of the type (:func:`white_of`).
    where : str, optional
        What to call the picture in messages.

    Returns
    -------
    ndarray of shape (channels, y, x), or (y, x, channels) for layout NHWC

    Raises
    ------
    ImageError
        When the picture has another shape, values outside 0 to white or not finite, or another
        size where the card allows none.

    Examples
    --------
    >>> how = Preprocessing(colour="rgb", size=(1, 2), resize="none", value_range=(0, 1),
    ...                     mean=(0.5, 0.5, 0.5), sd=(0.5, 0.5, 0.5), layout="NCHW",
    ...                     dtype="float32")
    >>> picture_input(np.array([[0, 255]], np.uint8), how)[0]
    array([[-1.,  1.]], dtype=float32)
    """
    if pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[2] not in (3, 4)):
        raise ImageError(
            "not a picture",
            where=where,
            expected="(y, x) grey, (y, x, 3) RGB or (y, x, 4) RGB with alpha",
            found=str(pixels.shape),
        )
    if pixels.size == 0:
        raise ImageError("the picture is empty", where=where, found=str(pixels.shape))
    scale = white_of(pixels, where=where) if white is None else white
    _check_values(pixels, scale, where)
    flat = _alpha_on_black(pixels, scale)
    eight = scale == 255 and (flat.dtype == np.uint8 or bool((flat == np.rint(flat)).all()))
    if how.colour == "grey" and flat.ndim == 3:
        flat = luma(flat)
        flat = np.rint(flat) if eight else flat
    elif how.colour == "rgb" and flat.ndim == 2:
        flat = np.repeat(flat[..., None], 3, axis=2)
    planes = flat.astype(np.uint8 if eight else np.float32)
    sized = _sized(planes, how, where)
    if how.dtype == "uint8":
        found = sized if eight else np.rint(np.clip(sized / scale * 255, 0, 255)).astype(np.uint8)
    else:
        found = _normalised(sized, how, scale)
    if found.ndim == 2:
        found = found[..., None]
    return np.ascontiguousarray(found if how.layout == "NHWC" else found.transpose(2, 0, 1))


def _normalised(sized: NDArray[Any], how: Preprocessing, white: float) -> NDArray[Any]:
    """Return (y, x, channels): the range of the picture onto that of the card, mean and sd off."""
    values = sized if sized.ndim == 3 else sized[..., None]
    eight = values.dtype == np.uint8
    # Of 8 bits there are 256 values: each is computed once and looked up.
    levels = np.arange(256) if eight else values
    # Bicubic rings beyond black and white; the network never saw values there.
    share = np.clip(levels.astype(np.float64) / white, 0, 1)
    low, high = how.value_range
    found = np.empty(values.shape, _DTYPES[how.dtype])
    for k, (mean, sd) in enumerate(zip(how.mean, how.sd, strict=True)):
        one = share if eight else share[..., k]
        exact = ((one * (high - low) + low - mean) / sd).astype(found.dtype)
        found[..., k] = exact[values[..., k]] if eight else exact
    return found


def _check_values(pixels: NDArray[Any], white: float, where: str | None) -> None:
    """Raise for values that cannot be those of a picture with this white."""
    if pixels.dtype.kind == "f" and not np.isfinite(pixels).all():
        raise ImageError("the picture has values that are not numbers", where=where)
    low, high = float(pixels.min()), float(pixels.max())
    if low < 0 or high > white:
        raise ImageError(
            "values lie outside the range of the picture",
            where=where,
            expected=f"0 (black) to {white:g} (white)",
            found=f"{low:g} to {high:g}",
            hint="state 'white', or for intensities of MR or CT how they become grey",
        )


def _alpha_on_black(pixels: NDArray[Any], white: float) -> NDArray[Any]:
    """Return RGB of RGB with alpha; others as they are."""
    if pixels.ndim != 3 or pixels.shape[2] != 4:
        return pixels
    alpha = pixels[..., 3:].astype(np.float64) / white
    colour = pixels[..., :3]
    if (alpha == 1).all():
        return colour
    laid = colour * alpha
    return np.rint(laid).astype(np.uint8) if pixels.dtype == np.uint8 else laid


def _sized(planes: NDArray[Any], how: Preprocessing, where: str | None) -> NDArray[Any]:
    """Bring (y, x) or (y, x, 3), uint8 or float32, to the size of the card."""
    if how.size is None:
        return planes
    height, width = int(how.size[0]), int(how.size[1])
    y, x = planes.shape[:2]
    if how.resize == "none":
        if (y, x) != (height, width):
            raise ImageError(
                "the picture has another size than the network takes, and its card allows no "
                "resizing",
                where=where,
                expected=f"{height} x {width}",
                found=f"{y} x {x}",
            )
        return planes
    if how.resize == "stretch":
        return _resample(planes, height, width, how.interpolation)
    if how.resize == "crop":
        side = how.shorter_side or min(height, width)
        # torchvision's Resize(side) and CenterCrop(size), to the pixel.
        new = (side, int(side * x / y)) if y <= x else (int(side * y / x), side)
        sized = _resample(planes, *new, how.interpolation)
        if sized.shape[0] < height or sized.shape[1] < width:
            raise ImageError(
                "the picture is too narrow for the crop of the card",
                where=where,
                expected=f"at least {height} x {width} after resizing",
                found=f"{sized.shape[0]} x {sized.shape[1]}",
            )
        top, left = round((sized.shape[0] - height) / 2), round((sized.shape[1] - width) / 2)
        return sized[top : top + height, left : left + width]
    scale = min(height / y, width / x)
    inner = _resample(planes, max(1, round(y * scale)), max(1, round(x * scale)), how.interpolation)
    padded = np.zeros((height, width, *planes.shape[2:]), planes.dtype)
    top, left = (height - inner.shape[0]) // 2, (width - inner.shape[1]) // 2
    padded[top : top + inner.shape[0], left : left + inner.shape[1]] = inner
    return padded


def _resample(planes: NDArray[Any], height: int, width: int, rule: str) -> NDArray[Any]:
    """Resize by Pillow: 8 bits as they are, float32 plane by plane."""
    if planes.shape[:2] == (height, width):
        return planes
    if planes.dtype == np.uint8:
        return np.asarray(PIL.Image.fromarray(planes).resize((width, height), _FILTERS[rule]))
    single = planes if planes.ndim == 3 else planes[..., None]
    done = [
        np.asarray(
            PIL.Image.fromarray(np.ascontiguousarray(single[..., k])).resize(
                (width, height), _FILTERS[rule]
            )
        )
        for k in range(single.shape[2])
    ]
    return np.stack(done, axis=-1) if planes.ndim == 3 else done[0]


def read_picture_input(
    path: str | Path, how: Preprocessing, *, white: float | None = None
) -> NDArray[Any]:
    """Read a picture file (by content, not by suffix) and return it as the network's input.

    Raises
    ------
    ImageError
        When the file is missing, damaged, or no picture the network can be given.
    """
    path = Path(path)
    if not path.is_file():
        raise ImageError("no such image file", where=str(path), hint="check the path")
    pixels, _ = open_picture(path)
    return picture_input(pixels, how, white=white, where=path.name)


def check_range(array: NDArray[Any], how: Preprocessing, *, where: str | None = None) -> None:
    """Raise when a prepared input lies outside what its card allows.

    For arrays that were prepared elsewhere: pictures of 0 to 255 given to a network of 0 to 1,
    or without mean and deviation taken off. A picture that was normalised as the card says
    cannot lie outside; volumes have no such bounds.

    Parameters
    ----------
    array : ndarray
        One input or a batch, in the layout of the card.
    how : Preprocessing
        From the card.
    where : str, optional
        What to call the input in messages.

    Raises
    ------
    ModelError
        When a value is no number, or lies outside the bounds of its channel.

    Examples
    --------
    >>> how = Preprocessing(colour="grey", size=(1, 2), resize="none", value_range=(0, 1),
    ...                     mean=(0,), sd=(1,), layout="NCHW", dtype="float32")
    >>> check_range(np.array([[[0, 0.5]]]), how)
    >>> check_range(np.array([[[0, 128]]]), how, where="a.png")
    Traceback (most recent call last):
    radiofib.errors.ModelError: a.png: values of the input are not those its card describes
    (expected 0 to 1; found 0 to 128). Next: ...
    """
    values = np.asarray(array)
    spare: tuple[int, ...] = (0, 1, 2) if how.layout == "NHWC" else (0, 2, 3)
    flat = values.reshape(-1, *values.shape[-(len(how.layout) - 1) :])
    if how.layout == "NCDHW":
        spare = (0, 1, 2, 3, 4)
    least = np.asarray(flat.min(axis=spare), dtype=np.float64)
    largest = np.asarray(flat.max(axis=spare), dtype=np.float64)
    if not (np.isfinite(least).all() and np.isfinite(largest).all()):
        raise ModelError("the input has values that are not numbers", where=where)
    if how.layout == "NCDHW":
        return
    low, high = (np.array(v) for v in how.bounds())
    slack = 1e-3 * (high - low)
    if (least < low - slack).any() or (largest > high + slack).any():
        raise ModelError(
            "values of the input are not those its card describes",
            where=where,
            expected=f"{low.min():.4g} to {high.max():.4g}",
            found=f"{least.min():.4g} to {largest.max():.4g}",
            hint="prepare the image as the card says (value_range, mean, sd), or correct the card",
        )
