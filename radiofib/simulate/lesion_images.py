"""B-mode pictures with a planted focal lesion, and pictures of many machines and livers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy import ndimage

from radiofib.config import StrictModel
from radiofib.simulate._random import child_rng, gaussian_field
from radiofib.simulate.ultrasound import (
    ULTRASOUND_SCANNERS,
    EchoLaw,
    UltrasoundScanner,
    log_compress,
    simulate_ultrasound,
    speckle_envelope,
)

__all__ = ["LesionImages", "LesionLaw", "simulate_lesion_images", "simulate_varied_images"]

_SIDE = 224


class LesionLaw(StrictModel):
    """What a picture with and without a lesion looks like.

    A lesion is an ellipse that echoes more than the tissue around it. The gain of the machine
    differs by more between pictures than a lesion changes the mean grey, and small dark vessels
    with a bright wall are in both kinds of picture.

    Parameters
    ----------
    half_axes_px : tuple of float
        Least and greatest half axis in pixels of the 224 x 224 picture.
    contrast_db : tuple of float
        Least and greatest contrast to the tissue around.
    edge_px : float
        Standard deviation of the blurred border.
    modulation_db, grain_px : float
        Coarse modulation of the echogenicity: deviation and correlation length.
    gain_sd_db : float
        Deviation of the gain between pictures.
    fade_db : tuple of float
        Least and greatest loss from the first to the last row.
    vessels : float
        Expected number of vessels in a picture.
    """

    half_axes_px: tuple[float, float] = (26.0, 40.0)
    contrast_db: tuple[float, float] = (7.0, 11.0)
    edge_px: float = Field(default=2.0, ge=0)
    modulation_db: float = Field(default=2.0, ge=0)
    grain_px: float = Field(default=4.0, gt=0)
    gain_sd_db: float = Field(default=1.5, ge=0)
    fade_db: tuple[float, float] = (-3.0, 6.0)
    vessels: float = Field(default=1.0, ge=0)


@dataclass(frozen=True, eq=False)
class LesionImages:
    """Pictures, and where the lesion is.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (n, 224, 224)
    present : ndarray of bool, shape (n,)
    masks : ndarray of bool, shape (n, 224, 224)
        True in the lesion; all False without one.
    """

    pixels: NDArray[np.uint8]
    present: NDArray[np.bool_]
    masks: NDArray[np.bool_]


def simulate_lesion_images(n: int, *, seed: int = 0, law: LesionLaw | None = None) -> LesionImages:
    """Simulate `n` pictures; every second one has a lesion.

    Picture k depends on the seed and k alone.

    Examples
    --------
    >>> images = simulate_lesion_images(2, seed=3)
    >>> images.present.tolist(), images.pixels.shape
    ([False, True], (2, 224, 224))
    >>> bool(images.pixels[1][images.masks[1]].mean() > images.pixels[1].mean())
    True
    """
    law = law or LesionLaw()
    pixels = np.zeros((n, _SIDE, _SIDE), np.uint8)
    masks = np.zeros((n, _SIDE, _SIDE), bool)
    present = np.arange(n) % 2 == 1
    for k in range(n):
        rng = child_rng(seed, "lesion", k)
        power = _tissue(law, rng)
        lesion = _lesion(law, rng)
        if present[k]:
            masks[k] = lesion
            contrast = rng.uniform(*law.contrast_db)
            share = ndimage.gaussian_filter(lesion.astype(float), law.edge_px)
            power *= 10 ** (contrast * share / 10)
        envelope = speckle_envelope(power, 0.7, 1.2, rng)
        pixels[k] = log_compress(
            envelope, gain_db=law.gain_sd_db * rng.standard_normal(), dynamic_range_db=60.0
        )
    return LesionImages(pixels, present, masks)


def simulate_varied_images(n: int, *, seed: int = 0) -> NDArray[np.uint8]:
    """Simulate `n` pictures of 224 x 224 from three machines and many kinds of liver.

    Stage, attenuation, echogenicity, gain, dynamic range and the number of vessels all differ
    between pictures; every second one has a focal lesion, bright or dark. Picture k depends on
    the seed and k alone.

    Returns
    -------
    ndarray of uint8, shape (n, 224, 224)

    Examples
    --------
    >>> simulate_varied_images(2, seed=1).shape
    (2, 224, 224)
    """
    pixels = np.zeros((n, _SIDE, _SIDE), np.uint8)
    for k in range(n):
        rng = child_rng(seed, "varied", k)
        base = ULTRASOUND_SCANNERS[k % len(ULTRASOUND_SCANNERS)]
        scanner = UltrasoundScanner(
            **{
                **base.model_dump(),
                "gain_db": base.gain_db + rng.uniform(-5, 5),
                "dynamic_range_db": base.dynamic_range_db * rng.uniform(0.8, 1.25),
                "smoothing_px": rng.uniform(0, 1.0),
            }
        )
        image = simulate_ultrasound(
            scanner,
            EchoLaw(vessels=2.0),
            trait=rng.uniform(-1.5, 4.0),
            attenuation=rng.uniform(0.35, 0.85),
            echogenicity_db=rng.normal(0, 2.0),
            rng=rng,
        )
        grey = image.grey.astype(float)
        if k % 2:
            lesion = _lesion(LesionLaw(), rng)
            change = rng.uniform(6, 12) * rng.choice((-1, 1)) * 255 / scanner.dynamic_range_db
            zoom = np.array(grey.shape) / _SIDE
            small = ndimage.zoom(ndimage.gaussian_filter(lesion.astype(float), 2), zoom, order=1)
            grey += change * small
        # Machines show the same field at their own size.
        shown = ndimage.zoom(grey, _SIDE / np.array(grey.shape), order=1)
        pixels[k] = np.rint(np.clip(shown, 0, 255)).astype(np.uint8)
    return pixels


def _tissue(law: LesionLaw, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return the echo power of a liver without a lesion."""
    larger = int(_SIDE + 6 * law.grain_px)  # the field is periodic
    field = gaussian_field((larger, larger), (law.grain_px, law.grain_px), rng)[:_SIDE, :_SIDE]
    fade = rng.uniform(*law.fade_db) * np.linspace(0, 1, _SIDE)
    decibel = law.modulation_db * field - fade[:, None]
    y, x = np.mgrid[:_SIDE, :_SIDE]
    for _ in range(int(rng.poisson(law.vessels))):
        centre = rng.uniform(0, _SIDE, 2)
        half = rng.uniform(3, 6), rng.uniform(5, 16)
        angle = rng.uniform(-0.7, 0.7)
        dy, dx = y - centre[0], x - centre[1]
        radius = np.hypot(
            (dx * np.cos(angle) + dy * np.sin(angle)) / half[1],
            (dy * np.cos(angle) - dx * np.sin(angle)) / half[0],
        )
        decibel += 5 * np.exp(-(((radius - 1.15) / 0.15) ** 2)) - 25 * (radius < 1)
    power: NDArray[np.float64] = 10 ** (decibel / 10)
    return power


def _lesion(law: LesionLaw, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return an ellipse that lies wholly inside the picture."""
    half = rng.uniform(*law.half_axes_px, 2)
    margin = half.max()
    centre = rng.uniform(margin, _SIDE - margin, 2)
    angle = rng.uniform(0, np.pi)
    y, x = np.mgrid[:_SIDE, :_SIDE]
    dy, dx = y - centre[0], x - centre[1]
    along = (dx * np.cos(angle) + dy * np.sin(angle)) / half[1]
    across = (dy * np.cos(angle) - dx * np.sin(angle)) / half[0]
    inside: NDArray[np.bool_] = np.hypot(along, across) < 1
    return inside
