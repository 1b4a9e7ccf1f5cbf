"""Settings of the classical liver localiser."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from radiofib.config import StrictModel

__all__ = ["LocaliserSettings"]


class LocaliserSettings(StrictModel):
    """How the classical localiser looks for the liver.

    Lengths are in mm; places are shares of the body's own box, from the patient's right and
    front. Intensities are compared on a scale of log signal for MR and of HU / 100 for CT.

    Parameters
    ----------
    channels : tuple of str
        Channels it may be used on, the best first: those on which the liver is even and stands
        out.
    modality : {"auto", "ct", "mr"}
        ``auto`` takes a volume with values below -500 as CT.
    bias_field : bool
        Whether MR is corrected by N4 first (on the working grid; the image stays as it is).
    spacing_mm : float
        Voxel of the working grid.
    place, place_sd : tuple of float
        Where the right lobe is expected in the body's box (x from the right, y from the front),
        and how far from it.
    smallest_sd : float
        Least deviation of liver intensity on the scale, so that a very even liver still has some
        tolerance.
    tolerance : float
        Liver is within so many deviations of its mode.
    opening_mm : float
        Radius of the ball that must fit inside: bridges thinner than twice of it are cut.
    edge_mm : float
        How far from the found region the edge is sought.
    closing_mm : float
        Radius of the ball that closes vessels and fissures.
    radius_mm : float
        A ball of this radius must fit into the liver.
    body_mm : tuple of float
        Least width and depth of a body that holds a liver.
    height_mm : float
        Largest height of a liver.
    volume_ml : tuple of float
        What a whole liver measures; a mask outside is refused.
    cut_volume_ml : float
        Smallest part of a liver accepted when the field of view cuts it.
    """

    channels: tuple[str, ...] = ("ged4", "ged3", "ged2", "t1", "ct", "img")
    modality: Literal["auto", "ct", "mr"] = "auto"
    bias_field: bool = True
    spacing_mm: float = Field(default=3.0, ge=1, le=5)
    place: tuple[float, float] = (0.25, 0.45)
    place_sd: tuple[float, float] = (0.12, 0.18)
    smallest_sd: float = Field(default=0.04, gt=0)
    tolerance: float = Field(default=3.0, gt=0)
    opening_mm: float = Field(default=7.0, gt=0)
    edge_mm: float = Field(default=3.0, gt=0)
    closing_mm: float = Field(default=6.0, ge=0)
    radius_mm: float = Field(default=18.0, gt=0)
    body_mm: tuple[float, float] = (220.0, 140.0)
    height_mm: float = Field(default=280.0, gt=0)
    volume_ml: tuple[float, float] = (400.0, 4000.0)
    cut_volume_ml: float = Field(default=100.0, gt=0)

    @model_validator(mode="after")
    def _ordered(self) -> LocaliserSettings:
        if not 0 < self.volume_ml[0] < self.volume_ml[1]:
            raise ValueError("volume_ml must rise")
        if min(*self.place_sd, *self.body_mm) <= 0:
            raise ValueError("place_sd and body_mm must be positive")
        return self
