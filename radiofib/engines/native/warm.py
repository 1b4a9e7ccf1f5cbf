"""Compile kernels before worker processes need them, once instead of once in each."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from radiofib.engines.native.texture import Layouts, measure_texture
from radiofib.engines.settings import Settings
from radiofib.features import shape, shape2d
from radiofib.filters import filtered

__all__ = ["warm_up"]

#: Filters with kernels of their own, and settings with which they fit a small image.
_COMPILED = {"LoG": {"sigma": [1.0]}, "Wavelet": {}}
_FAMILIES = ["firstorder", "glcm", "glrlm", "glszm", "gldm", "ngtdm"]


def warm_up(image_types: Iterable[str]) -> None:
    """Compile the kernels of ordinary images of some image types, or load them.

    Those for more than 255 grey levels and for images in double precision are left: few
    configurations need them.

    Parameters
    ----------
    image_types : iterable of str
        pyradiomics' names.

    Examples
    --------
    >>> warm_up(["Original", "LoG"])
    """
    pixels = np.arange(8**3, dtype=np.int16).reshape(8, 8, 8)
    mask = pixels > 99
    shape.compute(mask, (1.0, 1.0, 1.0))
    shape2d.compute(mask[4], (1.0, 1.0))
    layouts = Layouts(mask)
    list(measure_texture(pixels[mask], layouts, (1.0, 1.0, 1.0), Settings(), _FAMILIES))
    for name in image_types:
        if name in _COMPILED:
            list(filtered(pixels, mask, (1.0, 1.0, 1.0), name, _COMPILED[name]))
