"""Optional stain normalisation: one map of colours per slide, fitted on its tissue.

Libraries were looked at first. torchstain (1.4.1, MIT) and macenko-pca (1.0.4) fit each picture
they are given by itself, so that tiles of one slide get different maps and seams between them;
staintools was last released in 2019 and needs SPAMS; tiatoolbox brings torch. What is needed is
short: fit once per slide, apply block by block.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from skimage.color import lab2rgb, rgb2lab

from radiofib.errors import SlideError
from radiofib.slides.reader import Grid, Slide
from radiofib.slides.tissue.find import TissueMask, optical_density

__all__ = [
    "StainMap",
    "fit_macenko",
    "fit_reinhard",
    "fit_stain_map",
    "stain_vectors",
    "tissue_sample",
]

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float64]
White = tuple[float, float, float]

#: Haematoxylin and eosin of the reference slide of Macenko et al. 2009: unit vectors of optical
#: density in red, green and blue, and the 99th percentiles of their amounts (natural logarithm
#: of 240 / value, as in their code), here per decade.
MACENKO_VECTORS = np.array([[0.5626, 0.7201, 0.4062], [0.2159, 0.8012, 0.5581]])
MACENKO_AMOUNTS = np.array([1.9705, 1.0308]) / np.log(10)
#: Mean and SD of CIELAB over tissue after Reinhard's method: an H&E slide of middling stain.
REINHARD_MEAN = np.array([70.0, 22.0, -14.0])
REINHARD_SD = np.array([10.0, 8.0, 6.0])
#: Fainter pixels do not say which stain they hold (0.15 in natural logarithms).
_FAINT = 0.15 / np.log(10)
_PIXELS = 200_000


@dataclass(frozen=True, eq=False)
class StainMap:
    """A map from the colours of one slide to those of a reference; call it with RGB pixels.

    Parameters
    ----------
    method : {"macenko", "reinhard"}
        How it was fitted.
    white : tuple of float
        Grey level of bare glass, which stays white.
    matrix : ndarray of shape (3, 3)
        Macenko: optical density of the slide times this is that of the reference.
    mean, sd : ndarray of shape (3,)
        Reinhard: mean and population SD of the tissue in CIELAB.

    Examples
    --------
    >>> same = StainMap("macenko", (255.0, 255.0, 255.0), matrix=np.eye(3))
    >>> same(np.array([[[200, 100, 180]]], np.uint8)).tolist()
    [[[200, 100, 180]]]
    """

    method: Literal["macenko", "reinhard"]
    white: White
    matrix: Floats = field(default_factory=lambda: np.eye(3))
    mean: Floats = field(default_factory=lambda: REINHARD_MEAN)
    sd: Floats = field(default_factory=lambda: REINHARD_SD)

    def __call__(self, rgb: Bytes) -> Bytes:
        """Return pixels, shape (..., 3), in the colours of the reference."""
        if self.method == "macenko":
            density = optical_density(rgb, self.white).astype(np.float64) @ self.matrix
            # A negative density is lighter than glass: below -1 it is white in any case.
            mapped = (np.array(self.white) + 1) * 10.0 ** -density.clip(-1) - 1
        else:
            balanced = (rgb / np.array(self.white)).clip(0, 1)
            lab = (rgb2lab(balanced) - self.mean) / self.sd * REINHARD_SD + REINHARD_MEAN
            # Glass has no stain to match: what is as light as it stays as it is.
            light = balanced.min(axis=-1, keepdims=True)
            share = ((light - 0.85) / 0.1).clip(0, 1)
            mapped = 255 * (share * balanced + (1 - share) * lab2rgb(lab))
        result: Bytes = np.rint(mapped.clip(0, 255)).astype(np.uint8)
        return result

    def provenance(self) -> dict[str, Any]:
        """Return method and numbers for the record of a run."""
        facts: dict[str, Any] = {"method": self.method, "white": list(self.white)}
        if self.method == "macenko":
            return facts | {"matrix": self.matrix.round(6).tolist()}
        return facts | {"mean": self.mean.round(6).tolist(), "sd": self.sd.round(6).tolist()}


def stain_vectors(density: Floats) -> Floats:
    """Return the unit vectors of haematoxylin and eosin after Macenko et al. 2009.

    Pixels with less than 0.15 (natural logarithm) in any channel are left out. The others lie in
    the plane of the two largest singular vectors; there, the 1st and 99th percentiles of the
    angle are the stains, haematoxylin the one that takes up more red.

    Parameters
    ----------
    density : ndarray of shape (n, 3)
        Optical density of tissue pixels (decadic).

    Returns
    -------
    ndarray of shape (2, 3)
        Haematoxylin, then eosin.

    Raises
    ------
    SlideError
        When fewer than 100 pixels are stained enough, or all hold one stain.

    References
    ----------
    Macenko et al., ISBI 2009, doi 10.1109/ISBI.2009.5193250

    Examples
    --------
    >>> amounts = np.random.default_rng(0).uniform(0, 1, (5000, 2)) ** 2
    >>> bool(np.abs(stain_vectors(amounts @ MACENKO_VECTORS) - MACENKO_VECTORS).max() < 0.03)
    True
    """
    chosen = density[(density >= _FAINT).all(axis=1)]
    if len(chosen) < 100:
        raise SlideError(
            "too little stain to normalise",
            expected="100 tissue pixels or more that take up light in every channel",
            found=str(len(chosen)),
            hint="leave normalisation off for this slide",
        )
    values, axes = np.linalg.eigh(np.cov(chosen.T))
    if values[1] <= 1e-9:
        raise SlideError(
            "one stain only: nothing to normalise by",
            hint="leave normalisation off for this slide",
        )
    plane = axes[:, [2, 1]]
    plane = plane * np.where(plane.sum(axis=0) < 0, -1, 1)
    where = chosen @ plane
    angle = np.arctan2(where[:, 1], where[:, 0])
    ends = np.percentile(angle, [1, 99])
    vectors = np.column_stack([np.cos(ends), np.sin(ends)]) @ plane.T
    vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    order = np.argsort(-vectors[:, 0])
    result: Floats = vectors[order]
    return result


def fit_macenko(rgb: Bytes, white: White) -> StainMap:
    """Fit the map of Macenko et al. 2009 on tissue pixels, shape (n, 3).

    ``OD_reference = OD W^+ S V_ref``, where the rows of W are the slide's stains, a third vector
    at right angles carries what is neither, and S scales the 99th percentile of each stain to
    that of the reference.

    Examples
    --------
    >>> amounts = np.random.default_rng(0).uniform(0, 1, (5000, 2)) ** 2 * [0.9, 0.5]
    >>> rgb = np.rint(256 * 10 ** -(amounts @ MACENKO_VECTORS) - 1).clip(0, 255).astype(np.uint8)
    >>> fit_macenko(rgb, (255.0, 255.0, 255.0)).method
    'macenko'
    """
    density = optical_density(rgb[None], white)[0].astype(np.float64)
    vectors = stain_vectors(density)
    inverse = np.linalg.inv(_with_third(vectors))
    amounts = np.percentile(density @ inverse, 99, axis=0)[:2]
    scale = np.append(MACENKO_AMOUNTS / np.maximum(amounts, 1e-3), 1.0)
    return StainMap(
        "macenko", white, matrix=inverse @ (scale[:, None] * _with_third(MACENKO_VECTORS))
    )


def _with_third(vectors: Floats) -> Floats:
    vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    third = np.cross(vectors[0], vectors[1])
    return np.vstack([vectors, third / np.linalg.norm(third)])


def fit_reinhard(rgb: Bytes, white: White) -> StainMap:
    """Fit the map of Reinhard et al. 2001 on tissue pixels, shape (n, 3).

    Mean and SD of each channel are matched to the reference, in CIELAB instead of their l-alpha-
    beta, as is usual for slides.

    References
    ----------
    Reinhard et al., IEEE Comput Graph Appl 2001;21(5):34, doi 10.1109/38.946629

    Examples
    --------
    >>> rgb = np.random.default_rng(0).normal((200, 140, 190), 12, (4000, 3)).astype(np.uint8)
    >>> mapped = fit_reinhard(rgb, (255.0, 255.0, 255.0))(rgb)
    >>> bool(np.abs(rgb2lab(mapped / 255).mean(axis=0) - REINHARD_MEAN).max() < 1)
    True
    """
    if len(rgb) < 100:
        raise SlideError(
            "too little tissue to normalise", expected="100 pixels", found=str(len(rgb))
        )
    lab = rgb2lab((rgb / np.array(white)).clip(0, 1))
    return StainMap("reinhard", white, mean=lab.mean(axis=0), sd=np.maximum(lab.std(axis=0), 1e-3))


def tissue_sample(slide: Slide, grid: Grid, tissue: TissueMask, *, um: float) -> Bytes:
    """Return up to 200,000 tissue pixels of a slide, evenly spread, shape (n, 3).

    Parameters
    ----------
    slide : Slide
        The open slide.
    grid : Grid
        Grid of the tissue mask.
    tissue : TissueMask
        The tissue.
    um : float
        Wanted pixel size.
    """
    finest = int(min(grid.step_x, grid.step_y))
    parts = min(max(1, round(min(grid.um_x, grid.um_y) / um)), finest)
    every = max(1, int(np.count_nonzero(tissue.mask)) * parts**2 // _PIXELS)
    fine = grid.divided(parts)
    side = slide.block_side(fine, parts) // parts
    chosen, seen = [], 0
    for left, top, width, height in slide.blocks(grid, side):
        inside = tissue.mask[top : top + height, left : left + width]
        if not inside.any():
            continue
        rgb = slide.read(fine, left * parts, top * parts, width * parts, height * parts)
        pixels = rgb[inside.repeat(parts, axis=0).repeat(parts, axis=1)]
        chosen.append(pixels[-seen % every :: every])
        seen += len(pixels)
    return np.concatenate(chosen) if chosen else np.empty((0, 3), dtype=np.uint8)


def fit_stain_map(
    slide: Slide,
    grid: Grid,
    tissue: TissueMask,
    method: Literal["macenko", "reinhard"],
    *,
    um: float = 2.0,
) -> StainMap:
    """Fit the map of one slide on its tissue.

    Parameters
    ----------
    slide, grid, tissue
        The open slide, and its tissue without artefacts.
    method : {"macenko", "reinhard"}
        Which map.
    um : float
        Pixel size at which it is fitted.

    Raises
    ------
    SlideError
        When the tissue holds too little stain.
    """
    pixels = tissue_sample(slide, grid, tissue, um=um)
    fit = fit_macenko if method == "macenko" else fit_reinhard
    try:
        return fit(pixels, tissue.white)
    except SlideError as error:
        if error.where is None:
            error.where = slide.name
        raise
