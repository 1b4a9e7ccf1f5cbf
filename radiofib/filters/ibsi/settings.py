"""What to filter with: the convolutional filters of IBSI 2 and their parameters.

Definitions: IBSI reference manual on image filters, doi 10.48550/arXiv.2006.05470. Every filter
gives a short token for column names and a label for the codebook. Voxels are counted along the
axes of the image; lengths ending in `_mm` are physical. Letters of kernels and orders of
transforms go by x, y, z, as in the manual, while images are indexed (z, y, x).
"""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Literal, Self

import pywt
from pydantic import Field, field_validator, model_validator

from radiofib.filters.ibsi._base import (
    Boundary,
    Filter,
    Level,
    Pooling,
    Positive,
    check_length,
    letters_of,
    marks_of,
    words_of,
)

__all__ = [
    "Boundary",
    "Filter",
    "FilterSettings",
    "GaborFilter",
    "LawsFilter",
    "LogFilter",
    "MeanFilter",
    "Pooling",
    "RadialWaveletFilter",
    "RieszFilter",
    "WaveletFilter",
]


class MeanFilter(Filter):
    """Mean of a square or cubic neighbourhood.

    Parameters
    ----------
    size : int
        Width in voxels, odd.

    Examples
    --------
    >>> MeanFilter(size=5).token, MeanFilter(size=5, dimension="2d").token
    ('mean5', 'mean5s')
    >>> MeanFilter(size=5).label
    'mean of 5 voxels, 3-D, mirrored border'
    """

    ibsi_code: ClassVar[str] = "S60F"
    _shown: ClassVar[frozenset[str]] = frozenset({"size"})

    type: Literal["mean"] = "mean"
    size: int = Field(ge=3)

    @field_validator("size")
    @classmethod
    def _odd(cls, value: int) -> int:
        if value % 2 == 0:
            raise ValueError("the width must be odd, so that the filter has a centre")
        return value

    def _short(self) -> str:
        return f"mean{self.size}"

    def _words(self) -> str:
        return f"mean of {self.size} voxels"


class LogFilter(Filter):
    """Laplacian of Gaussian, sampled at the voxels and cut off.

    Parameters
    ----------
    sigma_mm : float
        Standard deviation of the Gaussian.
    truncate : float
        Half width of the kernel in standard deviations, rounded to voxels.

    Examples
    --------
    >>> LogFilter(sigma_mm=1.5).token
    'slog1p5'
    """

    ibsi_code: ClassVar[str] = "L6PA"
    _shown: ClassVar[frozenset[str]] = frozenset({"sigma_mm"})

    type: Literal["log"] = "log"
    sigma_mm: Positive
    truncate: Positive = 4.0

    def _short(self) -> str:
        return f"slog{letters_of(self.sigma_mm)}"

    def _words(self) -> str:
        return f"LoG {self.sigma_mm:g} mm (sampled, cut at {self.truncate:g} sigma)"


class LawsFilter(Filter):
    """Laws' kernels: level L, edge E, spot S, wave W, ripple R of 3 or 5 voxels.

    Parameters
    ----------
    kernel : str
        One kernel for every axis, by x, y, z: ``"L5E5"``, ``"L5E5E5"``.
    energy_distance : int, optional
        Mean of the absolute response over this Chebyshev distance in voxels: the energy map.
    pooling : {"max", "mean", "min"}, optional
        Pool the responses of all right-angle rotations of the kernel, before the energy.

    Examples
    --------
    >>> LawsFilter(kernel="l5e5e5", energy_distance=7, pooling="max").token
    'l5e5e5d7mx'
    """

    ibsi_code: ClassVar[str] = "JTXT"
    _shown: ClassVar[frozenset[str]] = frozenset({"kernel", "energy_distance", "pooling"})

    type: Literal["laws"] = "laws"
    kernel: str
    energy_distance: int | None = Field(default=None, ge=1)
    pooling: Pooling | None = None

    @field_validator("kernel")
    @classmethod
    def _known(cls, value: str) -> str:
        if not re.fullmatch(r"([LES]3|[LESWR]5){2,3}", value.upper()):
            raise ValueError("expected two or three of L3 E3 S3 L5 E5 S5 W5 R5, as in 'L5E5S5'")
        return value.upper()

    @model_validator(mode="after")
    def _one_for_every_axis(self) -> Self:
        return check_length(self, len(self.kernel) // 2, "kernels")

    def _short(self) -> str:
        energy = f"d{self.energy_distance}" if self.energy_distance else ""
        return f"{self.kernel.lower()}{energy}{marks_of(self.pooling)}"

    def _words(self) -> str:
        energy = f", energy within {self.energy_distance} voxels" if self.energy_distance else ""
        return f"Laws {self.kernel}{words_of(self.pooling)}{energy}"


class GaborFilter(Filter):
    """Gabor filter: a plane wave under a Gaussian, in a plane.

    Parameters
    ----------
    sigma_mm : float
        Standard deviation of the Gaussian along the wave.
    wavelength_mm : float
        Wavelength.
    gamma : float
        Standard deviation along the wave over that across it.
    theta_deg : float
        Direction of the wave, from x towards y (clockwise where y points down).
    theta_step_deg : float, optional
        Pool directions in these steps over the full turn; a divisor of 360.
    pooling : {"mean", "max", "min"}
        How directions and planes are pooled.
    response : {"modulus", "real", "imaginary"}
        Part of the complex response.
    dimension : {"3d", "2d"}
        ``"2d"`` filters slices; ``"3d"`` pools the three planes along the axes.

    Examples
    --------
    >>> GaborFilter(sigma_mm=5, wavelength_mm=2).token
    'gab5l2'
    """

    ibsi_code: ClassVar[str] = "Q88H"
    _shown: ClassVar[frozenset[str]] = frozenset({"sigma_mm", "wavelength_mm"})

    type: Literal["gabor"] = "gabor"
    sigma_mm: Positive
    wavelength_mm: Positive
    gamma: Positive = 1.0
    theta_deg: Annotated[float, Field(allow_inf_nan=False)] = 0.0
    theta_step_deg: Annotated[float, Field(ge=1, le=180)] | None = None
    pooling: Pooling = "mean"
    response: Literal["modulus", "real", "imaginary"] = "modulus"

    @field_validator("theta_step_deg")
    @classmethod
    def _divides(cls, value: float | None) -> float | None:
        if value is not None and abs(360 / value - round(360 / value)) > 1e-9:
            raise ValueError("the step must divide 360 degrees")
        return value

    @property
    def angles_deg(self) -> tuple[float, ...]:
        """The directions to pool; opposite ones only where they differ.

        Examples
        --------
        >>> GaborFilter(sigma_mm=5, wavelength_mm=2, theta_step_deg=45).angles_deg
        (0.0, 45.0, 90.0, 135.0)
        """
        if self.theta_step_deg is None:
            return (self.theta_deg,)
        count = round(360 / self.theta_step_deg)
        if self.response != "imaginary" and count % 2 == 0:
            count //= 2
        return tuple(self.theta_deg + i * self.theta_step_deg for i in range(count))

    def _short(self) -> str:
        return f"gab{letters_of(self.sigma_mm)}l{letters_of(self.wavelength_mm)}"

    def _words(self) -> str:
        step = self.theta_step_deg
        turn = f", {self.pooling} over steps of {step:g} degrees" if step else ""
        planes = f", {self.pooling} over 3 planes" if self.dimension == "3d" else ""
        return (
            f"Gabor sigma {self.sigma_mm:g} mm, wavelength {self.wavelength_mm:g} mm, gamma "
            f"{self.gamma:g}, theta {self.theta_deg:g} degrees{turn}{planes}, {self.response}"
        )


class WaveletFilter(Filter):
    """Separable wavelet without decimation (stationary, a trous).

    Parameters
    ----------
    family : str
        Haar, Daubechies, symlet or coiflet under PyWavelets' name: ``haar``, ``db3``, ``coif1``.
    bands : str
        Low or high pass for every axis, by x, y, z: ``"LLH"``.
    level : int
        Level of the decomposition: the response of the bands on the low-pass image of the
        level before.
    pooling : {"max", "mean", "min"}, optional
        Pool the responses of all right-angle rotations of the kernels.

    Examples
    --------
    >>> WaveletFilter(family="db3", bands="LLH").token
    'db3llh'
    >>> WaveletFilter(family="coif1", bands="HH", level=2, dimension="2d", pooling="mean").token
    'cf1hh2mns'
    """

    ibsi_code: ClassVar[str] = "25BO"
    _shown: ClassVar[frozenset[str]] = frozenset({"family", "bands", "level", "pooling"})

    type: Literal["wavelet"] = "wavelet"
    family: str
    bands: str
    level: Level = 1
    pooling: Pooling | None = None

    @field_validator("family")
    @classmethod
    def _known(cls, value: str) -> str:
        known = [name for kind in ("haar", "db", "sym", "coif") for name in pywt.wavelist(kind)]
        if value.lower() not in known:
            raise ValueError("unknown wavelet: expected haar, db1-db38, sym2-sym20 or coif1-coif17")
        return value.lower()

    @field_validator("bands")
    @classmethod
    def _letters(cls, value: str) -> str:
        if not re.fullmatch("[LH]{2,3}", value.upper()):
            raise ValueError("expected L or H for every axis, as in 'LLH'")
        return value.upper()

    @model_validator(mode="after")
    def _one_for_every_axis(self) -> Self:
        return check_length(self, len(self.bands), "bands")

    def _short(self) -> str:
        family = self.family.replace("coif", "cf")
        level = self.level if self.level > 1 else ""
        return f"{family}{self.bands.lower()}{level}{marks_of(self.pooling)}"

    def _words(self) -> str:
        return f"wavelet {self.family} {self.bands} level {self.level}{words_of(self.pooling)}"


class RadialWaveletFilter(Filter):
    """Non-separable wavelet: a band of frequencies, the same in all directions.

    Parameters
    ----------
    type : {"simoncelli", "shannon"}
        Shape of the band: a cosine of the logarithm of the frequency, or a box.
    level : int
        Level 1 holds the highest frequencies; every further level halves them.
    boundary : {"periodic", "mirror", "nearest", "zero"}
        Periodic, as in the reference values of IBSI. Others pad the image.

    Examples
    --------
    >>> RadialWaveletFilter(type="simoncelli", level=2).token
    'sim2'
    """

    ibsi_code: ClassVar[str] = "LODD"
    _shown: ClassVar[frozenset[str]] = frozenset({"level"})

    type: Literal["simoncelli", "shannon"]
    boundary: Boundary = "periodic"
    level: Level = 1

    def _short(self) -> str:
        return f"{self.type[:3]}{self.level}"

    def _words(self) -> str:
        return f"{self.type.capitalize()} wavelet level {self.level}"


class RieszFilter(Filter):
    """Riesz transform of a non-separable wavelet: its directional derivatives.

    Parameters
    ----------
    orders : tuple of int
        Order along x, y and z.
    wavelet : {"simoncelli", "shannon"}
        The wavelet to transform.
    level : int
        Its level.
    steering_sigma_mm : float, optional
        Turn the transform at every voxel to the directions of the structure tensor, smoothed
        by a Gaussian of this standard deviation. Orders then go by falling eigenvalue.

    Examples
    --------
    >>> RieszFilter(orders=(1, 0, 1), level=2).token
    'rz101l2'
    """

    _shown: ClassVar[frozenset[str]] = frozenset({"orders", "level"})

    type: Literal["riesz"] = "riesz"
    boundary: Boundary = "periodic"
    orders: tuple[Annotated[int, Field(ge=0, le=8)], ...]
    wavelet: Literal["simoncelli", "shannon"] = "simoncelli"
    level: Level = 1
    steering_sigma_mm: Positive | None = None

    @model_validator(mode="after")
    def _one_for_every_axis(self) -> Self:
        if not any(self.orders):
            raise ValueError("at least one order must be above 0")
        return check_length(self, len(self.orders), "orders")

    def _short(self) -> str:
        return f"rz{''.join(map(str, self.orders))}l{self.level}"

    def _words(self) -> str:
        sigma = self.steering_sigma_mm
        steered = f", steered (structure tensor {sigma:g} mm)" if sigma else ""
        orders = "-".join(map(str, self.orders))
        return f"Riesz {orders} of {self.wavelet.capitalize()} level {self.level}{steered}"


#: The settings of any filter, told apart by `type`.
FilterSettings = Annotated[
    MeanFilter
    | LogFilter
    | LawsFilter
    | GaborFilter
    | WaveletFilter
    | RadialWaveletFilter
    | RieszFilter,
    Field(discriminator="type"),
]
