"""Whether the colours of a slide are those of the stain it was measured as."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radiofib.slides.morphometry.collagen import COLOUR_OD, density_hue
from radiofib.slides.morphometry.settings import SlideStain
from radiofib.slides.tissue.find import TissueMask, channel_extremes, optical_density
from radiofib.slides.tissue.stain import not_h_and_e, separate

__all__ = ["colourless", "looks_like", "stain_warnings"]

Floats = NDArray[np.float64]

#: Aniline blue and light green take up red more than green by this factor; haematoxylin does not.
_BLUE = 1.1
#: Least share of blue or green tissue in a trichrome: below it are pen dots and bare nuclei.
_LEAST_BLUE = 0.01
#: Channels of a grey picture differ by rounding and compression only, in grey levels.
_GREY_LEVELS = 3
_NAMES: dict[SlideStain, str] = {
    "h_and_e": "H&E",
    "sirius_red": "Sirius red",
    "masson": "Masson's trichrome",
}


def colourless(overview: NDArray[np.uint8], tissue: TissueMask) -> str | None:
    """Return why no stain can be measured on a grey picture; None where tissue has colour.

    Grey are pictures of one channel, and those whose red, green and blue are equal on 99 % of the
    tissue: no stain is so at any strength, and unmixing would give amounts all the same.

    Parameters
    ----------
    overview : ndarray of uint8
        The slide on the grid of the tissue.
    tissue : TissueMask
        Without artefacts.

    Examples
    --------
    >>> everywhere = TissueMask(np.ones((1, 2), dtype=bool), (245.0,) * 3, 0.05)
    >>> colourless(np.full((1, 2, 3), 150, np.uint8), everywhere)
    'the picture is grey: stains cannot be told apart without colour'
    >>> colourless(np.array([[[222, 150, 190]] * 2], np.uint8), everywhere)
    """
    if not tissue.mask.any():
        return None
    low, high = channel_extremes(overview[tissue.mask])
    if np.percentile(high.astype(np.int16) - low, 99) > _GREY_LEVELS:
        return None
    return "the picture is grey: stains cannot be told apart without colour"


def looks_like(density: Floats) -> SlideStain | None:
    """Return the stain whose colours these can be; None when they are of no stain known here.

    Parameters
    ----------
    density : ndarray, shape (n, 3)
        Optical density of tissue in red, green and blue, cells of some um so that a nucleus does
        not fill one.

    Notes
    -----
    Collagen that is blue or green is looked at apart. What is left is H&E when most of its colour
    lies in haematoxylin and eosin; else red beside blue collagen is Masson's trichrome, and
    yellow to red, the hue of picric acid and Sirius red, is Sirius red. Coarse: it tells stains
    apart, not good staining from bad.

    Examples
    --------
    >>> eosin, yellow = [[0.04, 0.21, 0.11]], [[0.04, 0.1, 0.28]]
    >>> looks_like(np.array(eosin)), looks_like(np.array(yellow))
    ('h_and_e', 'sirius_red')
    >>> looks_like(np.array([[0.1, 0.43, 0.35]] * 9 + [[0.54, 0.35, 0.16]]))
    'masson'
    """
    blue = (density[:, 0] > _BLUE * density[:, 1]) & (np.ptp(density, axis=1) >= COLOUR_OD)
    if blue.all():
        return None
    mean = density[~blue].mean(axis=0)
    amounts = separate(mean)
    names = ("haematoxylin_od_mean", "eosin_od_mean", "residual_od_mean")
    if not_h_and_e({f"stain_{n}": float(a) for n, a in zip(names, amounts, strict=True)}) is None:
        return "h_and_e"
    if blue.mean() >= _LEAST_BLUE:
        return "masson"
    return "sirius_red" if float(density_hue(mean)) > 0 else None


def stain_warnings(
    overview: NDArray[np.uint8],
    tissue: TissueMask,
    stain: SlideStain,
    *,
    grey: str | None,
) -> tuple[str, ...]:
    """Say when the colours of tissue are not those of the stain that was named.

    Parameters
    ----------
    overview : ndarray of uint8
        The slide on the grid of the tissue.
    tissue : TissueMask
        What was measured, without artefacts.
    stain : {"h_and_e", "sirius_red", "masson"}
        What it is measured as.
    grey : str or None
        What :func:`colourless` says of that tissue: the measures and the warning go by the same.

    Returns
    -------
    tuple of str
        Nothing, or what was found and what to do.
    """
    if not tissue.mask.any():
        return ()
    if grey is not None:
        return (
            "a grey picture, without the colours of any stain: amounts of stain, nuclei, vacuoles "
            "and collagen are not measured, and labels of a network are in doubt; export it in "
            "colour",
        )
    density = optical_density(overview[tissue.mask][None], tissue.white)[0]
    found = looks_like(np.asarray(density, dtype=np.float64))
    if found == stain or (found is None and stain != "h_and_e"):
        return ()
    if stain == "h_and_e":
        seen = "another stain" if found is None else _NAMES[found]
        advice = "masson" if found == "masson" else "sirius_red"
        return (
            f"not the colours of H&E but of {seen}: measured as H&E, no collagen; name it in "
            f"--config (tracts: {{stain: {advice}}})",
        )
    return (
        f"measured as {_NAMES[stain]}, but the colours are those of {_NAMES[found or stain]}: "
        "collagen means nothing then; correct tracts.stain in --config",
    )
