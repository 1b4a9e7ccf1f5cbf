"""Which voxels of the liver are not to be measured, and why the defaults are what they are."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from radiofib.config import StrictModel

__all__ = ["RegionHygiene", "VesselSettings"]


class VesselSettings(StrictModel):
    """How vessels, or bile ducts, are told from parenchyma; see :mod:`.vessels`.

    Parameters
    ----------
    method : {"threshold", "vesselness"}
        ``threshold``: the smoothed intensity is far from the parenchyma about it.
        ``vesselness``: it also has the form of a tube (Hessian at several scales).
    polarity : {"bright", "dark", "both"}
        Against parenchyma: veins are bright in the portal venous phase, dark in the
        hepatobiliary phase and on T2; ducts are bright on T2 and, filled, in the hepatobiliary
        phase.
    k : float
        Robust deviations from which a voxel counts as vessel by `threshold`. 3: 0.3 % of normal
        parenchyma. Fibrosis widens the deviation, and so the limit, with the texture itself.
    smooth_mm : float
        Deviation of the Gaussian before `threshold`. 1: less than the radius of the vessels
        sought, more than the noise of a voxel.
    background_mm : float
        Deviation of the Gaussian that follows the slow change across the liver (what is left of
        the bias field), taken away before `threshold`. 25: wider than any vessel.
    scales_mm : tuple of float
        Deviations of the Gaussians of `vesselness`; a tube of radius r answers most near
        ``r / sqrt(2)``. 1.5, 2.5 and 4 look for radii of 2 to 6 mm.
    least_response : float
        Response of `vesselness` from which a voxel counts, as a multiple of what noise and
        texture make by chance (:func:`.vessels.tube_response`). 5: on simulated livers 4 marks
        much parenchyma beside strong vessels and 6 loses half of the faint ones.
    least_ml : float
        Smallest connected group that counts. 0.1: a vessel of 3 mm radius and 4 mm length;
        smaller groups are noise or nodules.

    Examples
    --------
    >>> VesselSettings(polarity="dark").k
    3.0
    """

    method: Literal["threshold", "vesselness"] = "threshold"
    polarity: Literal["bright", "dark", "both"] = "both"
    k: float = Field(default=3.0, gt=0, allow_inf_nan=False)
    smooth_mm: float = Field(default=1.0, ge=0, le=20)
    background_mm: float = Field(default=25.0, gt=0, le=500)
    scales_mm: tuple[float, ...] = Field(default=(1.5, 2.5, 4.0), min_length=1)
    least_response: float = Field(default=5.0, gt=0, allow_inf_nan=False)
    least_ml: float = Field(default=0.1, ge=0)

    @field_validator("scales_mm")
    @classmethod
    def _positive(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if not all(0 < s <= 50 for s in value):
            raise ValueError("scales lie above 0 and at most at 50 mm")
        return value


class RegionHygiene(StrictModel):
    """What is taken out of a liver mask before it is measured, in this order.

    1. `exclude_lesions`: the lesion mask.
    2. `erode_mm`: the capsule, up to that distance from the outside of the mask as given.
    3. `vessels`, judged against what is left by then, so that neither the lesion nor the rim,
       which holds some of the neighbours, moves the statistics.
    4. `bile_ducts`, likewise.
    5. `min_volume_ml`, `min_voxels`: an error when less is left.

    Parameters
    ----------
    exclude_lesions : bool
        Whether to leave out the lesion mask where there is one.
    vessels, bile_ducts : VesselSettings, optional
        Off by default: veins are parenchyma's neighbours on some channels only.
    erode_mm : float
        Distance in mm, along any direction and with the true spacing. 0 by default; 3 to 5
        are usual for texture.
    min_volume_ml, min_voxels : optional
        Least that must be left.

    Examples
    --------
    >>> RegionHygiene(erode_mm=3).exclude_lesions
    True
    >>> RegionHygiene.parse({"erode": 3}, where="study.yaml")
    Traceback (most recent call last):
    radiofib.errors.ConfigError: study.yaml: 'erode' is not a known key (expected exclude_lesions,
    vessels, bile_ducts, erode_mm, min_volume_ml, min_voxels). Next: did you mean 'erode_mm'?
    """

    exclude_lesions: bool = True
    vessels: VesselSettings | None = None
    bile_ducts: VesselSettings | None = None
    erode_mm: float = Field(default=0.0, ge=0, le=100, allow_inf_nan=False)
    min_volume_ml: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    min_voxels: int | None = Field(default=None, ge=1)
