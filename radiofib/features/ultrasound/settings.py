"""What is known of the machine, and which families are measured: section ``ultrasound``."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from radiofib.config import StrictModel

__all__ = ["ULTRASOUND_FAMILIES", "LogCompression", "Machine", "UltrasoundSettings"]

Family = Literal["speckle", "depth", "entropy", "lbp", "gabor", "laws", "fractal", "hepatorenal"]
#: Families in the order of table columns.
ULTRASOUND_FAMILIES: tuple[Family, ...] = (
    "speckle",
    "depth",
    "entropy",
    "lbp",
    "gabor",
    "laws",
    "fractal",
    "hepatorenal",
)
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Number = Annotated[float, Field(allow_inf_nan=False)]


class LogCompression(StrictModel):
    """How the machine turned echo amplitude into greys.

    ``dB(g) = top_db + dynamic_range_db (g - grey_high) / (grey_high - grey_low)`` and
    ``R = 10^(dB / 20)``.

    Parameters
    ----------
    dynamic_range_db : float
        Decibels from `grey_low` to `grey_high`.
    top_db : float
        Level shown as `grey_high`, against an amplitude of 1: it scales omega and nothing else.
    grey_low, grey_high : float
        Greys at the two ends.

    Examples
    --------
    >>> law = LogCompression(dynamic_range_db=60)
    >>> law.decibel(np.array([0.0, 255.0])), law.amplitude(np.array([255.0]))
    (array([-60.,   0.]), array([1.]))
    """

    dynamic_range_db: Positive
    top_db: Number = 0.0
    grey_low: Number = 0.0
    grey_high: Number = 255.0

    @field_validator("grey_high")
    @classmethod
    def _above(cls, value: float, info: object) -> float:
        low = getattr(info, "data", {}).get("grey_low", 0.0)
        if value <= low:
            raise ValueError(f"grey_high must lie above grey_low, {low:g}")
        return value

    def decibel(self, greys: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the level of greys in dB."""
        step = self.dynamic_range_db / (self.grey_high - self.grey_low)
        return self.top_db + step * (greys - self.grey_high)

    def amplitude(self, greys: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the amplitude of greys, 1 at 0 dB."""
        return np.asarray(10 ** (self.decibel(greys) / 20))

    def clipped(self, greys: NDArray[np.float64]) -> float:
        """Return the share of greys at or beyond an end of the scale."""
        return float(((greys <= self.grey_low) | (greys >= self.grey_high)).mean())


class Machine(StrictModel):
    """What is known of a machine and its settings; what is not known is left out.

    Parameters
    ----------
    compression : LogCompression or "linear", optional
        The law of the greys; ``linear`` when they are echo amplitudes as they came. Without it
        no feature of the amplitude is given, only its ``pseudo_`` namesake on greys.
    frequency_mhz : float, optional
        Centre frequency of the echoes.
    flat_tgc : bool
        True when the time-gain compensation was flat: gain did not change with depth.
    pixel_mm : float, optional
        Side of a pixel, for files that do not say; that of the file comes first.
    apex_px : tuple of float, optional
        Row and column where the beams of a curved probe meet, mostly above the picture (a
        negative row). Depth then runs along the beams; without it, along the rows.

    Examples
    --------
    >>> Machine.parse({"compression": {"dynamic_range_db": 60}}, where="doc").flat_tgc
    False
    """

    compression: LogCompression | Literal["linear"] | None = None
    frequency_mhz: Positive | None = None
    flat_tgc: bool = False
    pixel_mm: Positive | None = None
    apex_px: tuple[Number, Number] | None = None


class UltrasoundSettings(StrictModel):
    """Features of B-mode pictures besides the 2-D texture families.

    Parameters
    ----------
    features : tuple of str
        Families, see :data:`ULTRASOUND_FAMILIES`; all by default.
    channels : tuple of str
        Channels that are ultrasound.
    machine : Machine
        What holds for pictures of every scanner without an entry in `machines`.
    machines : dict
        Scanner, as the cohort names it, to what is known of it; nothing is taken over from
        `machine`.

    Examples
    --------
    >>> settings = UltrasoundSettings(machines={"U1": Machine(frequency_mhz=3.5)})
    >>> settings.machine_of("U1").frequency_mhz, settings.machine_of(None).frequency_mhz
    (3.5, None)
    """

    features: tuple[Family, ...] = ULTRASOUND_FAMILIES
    channels: tuple[str, ...] = ("us",)
    machine: Machine = Machine()
    machines: dict[str, Machine] = Field(default_factory=dict)

    @field_validator("features")
    @classmethod
    def _some(cls, value: tuple[Family, ...]) -> tuple[Family, ...]:
        if not value or len(set(value)) < len(value):
            raise ValueError("name at least one family, each once")
        return value

    @field_validator("channels")
    @classmethod
    def _lower(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(name.strip().lower() for name in value)

    def machine_of(self, scanner: str | None) -> Machine:
        """Return what is known of a scanner."""
        return self.machines.get(scanner or "", self.machine)
