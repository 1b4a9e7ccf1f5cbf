"""How intensities are brought to a model's scale: stated rules, nothing guessed."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from radiofib.config import StrictModel

__all__ = [
    "Fixed",
    "Normalisation",
    "Percentile",
    "Unchanged",
    "Window",
    "ZScore",
    "normalised",
]


class Unchanged(StrictModel):
    """Intensities as they are in the file."""

    type: Literal["none"]


class ZScore(StrictModel):
    """``(f - mean) / sd``, over all voxels or those that are not 0 (population deviation).

    Parameters
    ----------
    region : {"all", "nonzero"}
        Which voxels give mean and deviation; with ``nonzero`` the others stay 0.
    """

    type: Literal["zscore"]
    region: Literal["all", "nonzero"]


class Window(StrictModel):
    """Intensities from `low` to `high` onto `to_low` to `to_high`, clipped."""

    type: Literal["window"]
    low: float
    high: float
    to_low: float = 0.0
    to_high: float = 1.0

    @model_validator(mode="after")
    def _ordered(self) -> Window:
        if not self.low < self.high:
            raise ValueError("low must be below high")
        return self


class Percentile(StrictModel):
    """As a window between two percentiles of the whole volume."""

    type: Literal["percentile"]
    low: float = Field(ge=0, le=100)
    high: float = Field(ge=0, le=100)
    to_low: float = 0.0
    to_high: float = 1.0

    @model_validator(mode="after")
    def _ordered(self) -> Percentile:
        if not self.low < self.high:
            raise ValueError("low must be below high")
        return self


class Fixed(StrictModel):
    """``(clip(f, low, high) - mean) / sd`` with numbers of the training set (nnU-Net on CT)."""

    type: Literal["fixed"]
    low: float
    high: float
    mean: float
    sd: float = Field(gt=0)


Normalisation = Annotated[
    Unchanged | ZScore | Window | Percentile | Fixed, Field(discriminator="type")
]


def normalised(
    pixels: NDArray[np.generic],
    how: Unchanged | ZScore | Window | Percentile | Fixed,
) -> NDArray[np.float32]:
    """Return intensities on the scale of a model, float32.

    A volume without any spread becomes 0 under ``zscore`` and `to_low` under ``percentile``.

    Examples
    --------
    >>> normalised(np.array([-200.0, 0.0, 400.0]), Window(type="window", low=-100, high=100))
    array([0. , 0.5, 1. ], dtype=float32)
    >>> normalised(np.array([0.0, 1.0, 3.0]), ZScore(type="zscore", region="nonzero"))
    array([ 0., -1.,  1.], dtype=float32)
    """
    values = pixels.astype(np.float64)
    if isinstance(how, ZScore):
        used = values != 0 if how.region == "nonzero" else np.ones(values.shape, dtype=np.bool_)
        mean = float(values[used].mean()) if used.any() else 0.0
        deviation = float(values[used].std()) if used.any() else 0.0
        values = np.where(used, (values - mean) / (deviation if deviation > 0 else 1.0), 0.0)
    elif isinstance(how, Fixed):
        values = (np.clip(values, how.low, how.high) - how.mean) / how.sd
    elif isinstance(how, Window | Percentile):
        low, high = how.low, how.high
        if isinstance(how, Percentile):
            low, high = (float(v) for v in np.percentile(values, (low, high)))
        share = np.clip((values - low) / (high - low if high > low else 1.0), 0, 1)
        values = how.to_low + share * (how.to_high - how.to_low)
    return values.astype(np.float32)
