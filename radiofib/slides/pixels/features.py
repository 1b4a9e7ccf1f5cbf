"""What a pixel classifier looks at: stain amounts around a pixel, and their texture."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy import ndimage as ndi

from radiofib.config import StrictModel
from radiofib.errors import SlideError
from radiofib.slides.reader import Grid, Slide
from radiofib.slides.tissue.find import TissueMask, optical_density
from radiofib.slides.tissue.stain import separate

__all__ = ["PixelSettings", "feature_names", "halo_cells", "pixel_features", "stain_levels"]

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

_STAINS = ("haematoxylin", "eosin", "residual")
#: Kernels end here, in standard deviations.
_TRUNCATE = 3.0
#: Less than this is no stain to scale by.
_LEAST_STRENGTH = 0.01


class PixelSettings(StrictModel):
    """Resolution and surroundings of a pixel classifier, and its trees.

    Parameters
    ----------
    um : float
        Side of a pixel, um. Portal tracts measure 50 um and more; 4 um keeps their border.
    scales_um : tuple of float
        Standard deviations of the surroundings in which mean and texture are taken: a nucleus,
        a cell, a plate of cells, a small tract.
    smooth_um : float
        Standard deviation by which probabilities are smoothed before the class is chosen.
    trees, depth, leaf : int
        Of the random forest: number, depth, and fewest pixels in a leaf.
    pixels_per_class : int
        At most so many pixels of a class are drawn from each slide, so that no slide and no class
        outweighs the others.
    seed : int
        Of drawing and forest.

    Examples
    --------
    >>> PixelSettings().um
    4.0
    """

    um: float = Field(default=4.0, ge=0.5, le=16.0)
    scales_um: tuple[Annotated[float, Field(gt=0, le=256)], ...] = Field(
        default=(4.0, 8.0, 16.0, 32.0), min_length=1
    )
    smooth_um: float = Field(default=8.0, ge=0.0, le=64.0)
    trees: int = Field(default=50, ge=1, le=1000)
    depth: int = Field(default=14, ge=1, le=64)
    leaf: int = Field(default=5, ge=1)
    pixels_per_class: int = Field(default=5_000, ge=10)
    seed: int = Field(default=0, ge=0)


def feature_names(settings: PixelSettings) -> list[str]:
    """Return the names of the features, in order.

    Examples
    --------
    >>> names = feature_names(PixelSettings(scales_um=(8.0,)))
    >>> names[:4]
    ['haematoxylin', 'eosin', 'residual', 'haematoxylin_mean_8um']
    >>> names[-3:]
    ['eosin_sd_8um', 'haematoxylin_gradient_8um', 'haematoxylin_coherence_8um']
    """
    names = list(_STAINS)
    for scale in settings.scales_um:
        names += [f"{stain}_mean_{scale:g}um" for stain in _STAINS]
        names += [f"{stain}_sd_{scale:g}um" for stain in _STAINS[:2]]
        names += [f"haematoxylin_{what}_{scale:g}um" for what in ("gradient", "coherence")]
    return names


def halo_cells(settings: PixelSettings, um: float) -> int:
    """Return how many pixels around a block its features and smoothing depend on.

    Examples
    --------
    >>> halo_cells(PixelSettings(scales_um=(8.0,), smooth_um=0.0), 4.0)
    7
    """
    around = _radius(max(settings.scales_um), um) + 1
    return around + (_radius(settings.smooth_um, um) if settings.smooth_um else 0)


def _radius(sigma_um: float, um: float) -> int:
    return int(_TRUNCATE * sigma_um / um + 0.5)


def stain_levels(slide: Slide, grid: Grid, tissue: TissueMask) -> tuple[float, float, float]:
    """Return what the amounts of a slide's stains are divided by before they are compared.

    That is the median amount over the tissue, of haematoxylin and of eosin, so that a slide that
    is cut thicker or stained more strongly looks the same (most of any biopsy is lobule, so it is
    the level of lobule); but at least a third of the median optical density, since the median of
    a faint stain is noise. For the residual it is that density itself.

    Parameters
    ----------
    slide : Slide
        The open slide.
    grid : Grid
        Grid of the tissue mask.
    tissue : TissueMask
        Its ``white`` is the zero of optical density.

    Raises
    ------
    SlideError
        When the tissue is hardly stained, so that there is nothing to scale by.
    """
    rgb = slide.read_all(grid)
    density = optical_density(rgb[tissue.mask][None], tissue.white)
    strength = float(np.median(density.mean(axis=2))) if density.size else 0.0
    if strength < _LEAST_STRENGTH:
        raise SlideError(
            "hardly stained",
            where=slide.name,
            expected=f"median optical density of at least {_LEAST_STRENGTH:g}",
            found=f"{strength:.3f}",
            hint="a pixel classifier is for H&E",
        )
    amounts = np.median(separate(density[0])[:, :2], axis=0)
    haematoxylin, eosin = (max(float(a), strength / 3) for a in amounts)
    return haematoxylin, eosin, strength


def pixel_features(
    rgb: Bytes,
    *,
    white: tuple[float, float, float],
    levels: tuple[float, float, float],
    um: float,
    settings: PixelSettings,
) -> Floats:
    """Compute the features of every pixel of a picture.

    Parameters
    ----------
    rgb : ndarray of uint8, shape (height, width, 3)
        A part of the slide; pixels nearer to its border than :func:`halo_cells` see it continued
        by its outermost pixels.
    white : tuple of float
        Grey level of bare glass.
    levels : tuple of float
        What amounts are divided by, see :func:`stain_levels`.
    um : float
        Side of a pixel.
    settings : PixelSettings
        The scales.

    Returns
    -------
    ndarray of float32, shape (height, width, features)
        In the order of :func:`feature_names`: amounts of haematoxylin, eosin and the residual
        (colour deconvolution, Ruifrok and Johnston 2001), over the slide's levels; for each
        scale their Gaussian means, standard deviations, and of haematoxylin the root mean square
        gradient and the coherence of the structure tensor, ``(a - b) / (a + b)`` with its
        eigenvalues a >= b: near 1 where fibres run side by side.

    Examples
    --------
    >>> settings = PixelSettings(scales_um=(8.0,))
    >>> rgb = np.full((9, 9, 3), 200, np.uint8)
    >>> pixel_features(rgb, white=(240.0,) * 3, levels=(0.1,) * 3, um=4.0, settings=settings).shape
    (9, 9, 10)
    """
    amounts = (separate(optical_density(rgb, white)) / levels).astype(np.float32)
    planes = [amounts[..., i] for i in range(3)]
    down, across = _slopes(planes[0])
    for scale in settings.scales_um:
        sigma = scale / um
        means = [_blur(amounts[..., i], sigma) for i in range(3)]
        planes += means
        for i in range(2):
            spread = _blur(amounts[..., i] ** 2, sigma) - means[i] ** 2
            planes.append(np.sqrt(np.maximum(spread, 0)))
        xx, yy, xy = (_blur(p, sigma) for p in (across**2, down**2, across * down))
        trace = xx + yy
        planes.append(np.sqrt(np.maximum(trace, 0)))
        planes.append(np.sqrt((xx - yy) ** 2 + 4 * xy**2) / (trace + np.float32(1e-6)))
    result: Floats = np.stack(planes, axis=-1).astype(np.float32, copy=False)
    return result


def _slopes(plane: Floats) -> tuple[Floats, Floats]:
    down = ndi.correlate1d(plane, (-0.5, 0.0, 0.5), axis=0, mode="nearest")
    across = ndi.correlate1d(plane, (-0.5, 0.0, 0.5), axis=1, mode="nearest")
    return down, across


def _blur(plane: Floats, sigma: float) -> Floats:
    # The same radius as halo_cells, so that blocks do not show.
    blurred: Floats = ndi.gaussian_filter(plane, sigma, mode="nearest", truncate=_TRUNCATE)
    return blurred
