"""How the channels of a case are brought together, as a study file says it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from radiofib.config import StrictModel
from radiofib.preprocess.mri import SpikeClipping
from radiofib.preprocess.register import RegistrationSettings
from radiofib.registry import check_channel

__all__ = ["RegistrationPlan"]


class RegistrationPlan(StrictModel):
    """Which channel the others are aligned to, and what follows when that does not work.

    Parameters
    ----------
    to : str
        Reference channel, whose grid and frame the others are brought to.
    grid : {"reference", "native"}
        Where features are measured: on the image resampled to the reference's grid, with the
        reference's mask, or on the image as it is, with the mask carried back to it.
    on_failure : {"missing", "native", "stop"}
        What becomes of a channel that cannot be aligned: its features are missing, they are
        measured on its native grid (with its own mask, else the reference's where the header says
        it is), or the run stops before any feature.
    on_look : {"use", "missing", "native", "stop"}
        The same for a channel whose alignment somebody should look at.
    min_coverage : float
        Share of the reference's mask that the channel must cover; below, alignment has failed.
    interpolation : {"linear", "bspline"}
        Of the resampled image; masks are cut at one half.
    spikes : SpikeClipping, optional
        Isolated spikes are clipped before resampling spreads them over their neighbours; null
        leaves them.
    pictures : bool
        Whether to draw a checkerboard of each pair.
    settings : RegistrationSettings
        The registration itself.

    Examples
    --------
    >>> RegistrationPlan().to
    'ged4'
    >>> RegistrationPlan.parse({"on_failure": "ignore"}, where="study.yaml")
    Traceback (most recent call last):
    radiofib.errors.ConfigError: study.yaml: 'on_failure': ...
    """

    to: str = "ged4"
    grid: Literal["reference", "native"] = "reference"
    on_failure: Literal["missing", "native", "stop"] = "missing"
    on_look: Literal["use", "missing", "native", "stop"] = "use"
    min_coverage: float = Field(default=0.5, ge=0, le=1)
    interpolation: Literal["linear", "bspline"] = "linear"
    spikes: SpikeClipping | None = SpikeClipping()
    pictures: bool = True
    settings: RegistrationSettings = RegistrationSettings()

    @field_validator("to")
    @classmethod
    def _channel(cls, value: str) -> str:
        return check_channel(value)
