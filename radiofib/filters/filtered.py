"""One door to all filters, by pyradiomics' names of image types and settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import ceil
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from radiofib._checks import check_known
from radiofib.errors import EngineError
from radiofib.filters.gaussian import laplacian_of_gaussian
from radiofib.filters.gradient import gradient_magnitude
from radiofib.filters.pointwise import pointwise
from radiofib.filters.wavelet import wavelet_bands
from radiofib.preprocess.crop import Box, bounding_box

__all__ = ["IMAGE_TYPES", "filtered"]

Images = Iterator[tuple[str, NDArray[np.generic]]]


def filtered(
    pixels: NDArray[np.generic],
    mask: NDArray[np.bool_],
    spacing_mm: Sequence[float],
    image_type: str,
    settings: Mapping[str, Any],
    *,
    box: Box | None = None,
) -> Images:
    """Yield the images of one image type, cut to the bounding box of the region.

    They equal pyradiomics' images of the whole picture inside the region, but only what a
    filter reaches around the region is computed.

    Parameters
    ----------
    pixels : ndarray, 2-D or 3-D
        The whole image, in the type it was read in: filters of whole numbers and of floats
        may round differently, as in pyradiomics.
    mask : ndarray of bool
        The region.
    spacing_mm : sequence of float
        Spacing along the axes of `pixels`.
    image_type : str
        One of :data:`IMAGE_TYPES`.
    settings : mapping
        Settings under pyradiomics' names; others than those of the filter do not matter.
    box : tuple of slice, optional
        The bounding box of the region, when it is known.

    Yields
    ------
    tuple
        pyradiomics' name of the image and its values inside the box. Nothing where pyradiomics
        gives no image: LoG wider than the image, LBP3D of a 2-D image.

    Raises
    ------
    EngineError
        When there is no such image type.

    Examples
    --------
    >>> image = np.arange(100.0).reshape(10, 10)
    >>> found = filtered(image, image > 77, (1.0, 1.0), "LoG", {"sigma": [1.0]})
    >>> [(name, values.shape) for name, values in found]
    [('log-sigma-1-0-mm-3D', (3, 10))]
    """
    make = _FILTERS[check_known(image_type, _FILTERS, what="image type", error=EngineError)]
    yield from make(_Source(pixels, mask, spacing_mm, settings, box or bounding_box(mask)))


class _Source(NamedTuple):
    pixels: NDArray[np.generic]
    mask: NDArray[np.bool_]
    spacing: Sequence[float]
    settings: Mapping[str, Any]
    box: Box


def _original(given: _Source) -> Images:
    yield "original", given.pixels[given.box]


def _log(given: _Source) -> Images:
    shape = given.pixels.shape
    for sigma in given.settings.get("sigma", ()):
        steps = zip(shape, given.spacing, strict=True)
        if sigma > 0 and min(shape) >= 4 and all(n >= ceil(sigma / step) + 1 for n, step in steps):
            name = f"log-sigma-{str(sigma).replace('.', '-')}-mm-3D"
            yield name, laplacian_of_gaussian(given.pixels, given.spacing, float(sigma), given.box)


def _wavelet(given: _Source) -> Images:
    options = given.settings
    flat = options.get("force2Ddimension", 0) if options.get("force2D", False) else None
    yield from wavelet_bands(
        given.pixels,
        given.box,
        wavelet=options.get("wavelet", "coif1"),
        level=options.get("level", 1),
        start_level=options.get("start_level", 0),
        flat_axis=flat,
    )


def _gradient(given: _Source) -> Images:
    use_spacing = given.settings.get("gradientUseSpacing", True)
    found = gradient_magnitude(given.pixels, given.spacing, given.box, use_spacing=use_spacing)
    yield "gradient", found


def _lbp2d(given: _Source) -> Images:
    from radiofib.filters.lbp2d import binary_pattern_2d  # scikit-image takes long to import

    found = binary_pattern_2d(
        given.pixels,
        given.box,
        radius=given.settings.get("lbp2DRadius", 1),
        samples=given.settings.get("lbp2DSamples", 8),
        method=given.settings.get("lbp2DMethod", "uniform"),
        slice_axis=given.settings.get("force2Ddimension", 0),
    )
    yield "lbp-2D", found


def _lbp3d(given: _Source) -> Images:
    from radiofib.filters.lbp3d import binary_pattern_3d  # and so do parts of SciPy

    if given.pixels.ndim == 3:
        yield from binary_pattern_3d(
            given.pixels,
            given.mask,
            given.box,
            levels=given.settings.get("lbp3DLevels", 2),
            radius=given.settings.get("lbp3DIcosphereRadius", 1),
            subdivision=given.settings.get("lbp3DIcosphereSubdivision", 1),
        )


def _pointwise(name: str) -> Callable[[_Source], Images]:
    def make(given: _Source) -> Images:
        yield name, pointwise(given.pixels, name, given.box)

    return make


_FILTERS: dict[str, Callable[[_Source], Images]] = {
    "Original": _original,
    "LoG": _log,
    "Wavelet": _wavelet,
    "Square": _pointwise("square"),
    "SquareRoot": _pointwise("squareroot"),
    "Logarithm": _pointwise("logarithm"),
    "Exponential": _pointwise("exponential"),
    "Gradient": _gradient,
    "LBP2D": _lbp2d,
    "LBP3D": _lbp3d,
}
#: Image types, in the order of table columns.
IMAGE_TYPES = tuple(_FILTERS)
