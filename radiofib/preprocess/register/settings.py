"""How a pair of channels is registered, and what the result must show to be called good."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from radiofib.config import StrictModel

__all__ = ["Bounds", "RegistrationSettings"]


class Bounds(StrictModel):
    """What a registration must show to earn a verdict; it needs all of it.

    Parameters
    ----------
    residual_mm : float
        Most that the parts of the body may still want to move, each on its own
        (:func:`~radiofib.preprocess.register.quality.residual`).
    inverse_mm : float
        Most that the way there and the way back, found independently, may differ.
    overlap : float
        Least share of either field of view that lies within the other, the larger of the two;
        of the fixed mask, where there is one, what the moving field of view covers.
    dice : float
        Least Dice of the two masks, where both exist.
    """

    residual_mm: float = Field(gt=0)
    inverse_mm: float = Field(gt=0)
    overlap: float = Field(ge=0, le=1)
    dice: float = Field(ge=0, le=1)


class RegistrationSettings(StrictModel):
    """Settings of :func:`~radiofib.preprocess.register.register_pair`.

    Parameters
    ----------
    transform : {"rigid", "affine"}
        Six or twelve degrees of freedom; an affine one starts from the rigid one.
    bins : int
        Bins of the joint histogram (Mattes mutual information).
    levels : tuple of float
        Voxel size of each resolution, in mm, coarse to fine. An axis of larger voxels is kept.
    samples : int
        Most voxels that the metric is computed from, at each resolution.
    sharp_samples : int
        Most voxels at the end of a registration that was not good at first, on a regular pattern.
    iterations : int
        Most steps of the optimiser, at each resolution.
    clip : tuple of float
        Percentiles that intensities are cut at, so that a spike does not fill the histogram.
    margin_mm : float
        With a mask, the metric looks at the mask and this much around it.
    more_starts : int
        Most further starts that are tried when the first result is not good.
    seed : int
        Of the choice of samples.
    good, look : Bounds
        Limits of the verdicts "good" and "look"; what misses both is "failed".

    Examples
    --------
    >>> RegistrationSettings(transform="affine").levels
    (8.0, 4.0, 2.0)
    """

    transform: Literal["rigid", "affine"] = "rigid"
    bins: int = Field(default=64, ge=8, le=256)
    levels: tuple[float, ...] = Field(default=(8.0, 4.0, 2.0), min_length=1)
    samples: int = Field(default=20_000, ge=500)
    sharp_samples: int = Field(default=80_000, ge=500)
    iterations: int = Field(default=60, ge=1)
    clip: tuple[float, float] = (0.1, 99.9)
    margin_mm: float = Field(default=30.0, ge=0)
    more_starts: int = Field(default=12, ge=0)
    seed: int = Field(default=0, ge=0)
    good: Bounds = Bounds(residual_mm=2.0, inverse_mm=5.0, overlap=0.5, dice=0.9)
    look: Bounds = Bounds(residual_mm=5.0, inverse_mm=12.0, overlap=0.2, dice=0.6)
