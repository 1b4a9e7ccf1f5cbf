"""B-mode ultrasound of liver parenchyma: physical speckle, echotexture by stage, scanner laws."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy import ndimage

from radiofib.config import StrictModel
from radiofib.simulate._random import gaussian_field

__all__ = [
    "ULTRASOUND_SCANNERS",
    "EchoLaw",
    "UltrasoundImage",
    "UltrasoundScanner",
    "log_compress",
    "simulate_ultrasound",
    "speckle_envelope",
]


class EchoLaw(StrictModel):
    """How the latent trait z changes the echo pattern.

    Echogenicity is modulated by a smooth log-normal field of standard deviation
    ``modulation_db + modulation_db_per_z * z`` (never below 0) and correlation length
    ``grain_mm``: fibrosis raises the variance at low spatial frequency and leaves the speckle
    itself fully developed. Attenuation hardly depends on fibrosis (it follows fat), so it
    varies between patients without regard to stage.

    Parameters
    ----------
    modulation_db, modulation_db_per_z : float
        Standard deviation of the coarse modulation at z = 0, and its rise per unit of z, in dB.
    grain_mm : float
        Correlation length of the modulation.
    attenuation, attenuation_sd : float
        Mean and between-patient deviation of the attenuation coefficient, in dB/(cm MHz).
    echogenicity_sd_db : float
        Between-patient deviation of overall echogenicity.
    vessels : float
        Expected number of vessels in an image.
    """

    modulation_db: float = Field(default=2.0, ge=0)
    modulation_db_per_z: float = Field(default=0.5, ge=0)
    grain_mm: float = Field(default=1.2, gt=0)
    attenuation: float = Field(default=0.55, ge=0)
    attenuation_sd: float = Field(default=0.08, ge=0)
    echogenicity_sd_db: float = Field(default=1.5, ge=0)
    vessels: float = Field(default=0.7, ge=0)

    def modulation(self, trait: float) -> float:
        """Return the modulation's standard deviation in dB for a trait.

        Examples
        --------
        >>> EchoLaw().modulation(0.0), EchoLaw().modulation(2.4), EchoLaw().modulation(-9)
        (2.0, 3.2, 0.0)
        """
        return max(self.modulation_db + self.modulation_db_per_z * trait, 0.0)


class UltrasoundScanner(StrictModel):
    """What a machine and its settings do to the echo.

    Parameters
    ----------
    name : str
        Name in the cohort's ``scanner`` column.
    shape : tuple of int
        Rows and columns of the picture.
    pixel_mm : float
        Side of a pixel.
    frequency_mhz : float
        Centre frequency.
    axial_fwhm_mm, lateral_fwhm_mm : float
        Width of the point-spread function at half its height.
    gain_db, dynamic_range_db : float
        Display gain and the range of decibels shown, as in :func:`log_compress`.
    tgc : float
        Attenuation that the time-gain compensation takes away, in dB/(cm MHz).
    start_depth_cm : float
        Depth of the first row.
    smoothing_px : float
        Standard deviation of the speckle reduction, a Gaussian on the log image.
    jpeg_quality : int, optional
        Pictures are PNG when absent.
    weight : float
        Share of the patients.
    stage_weights : tuple of float
        Stage mix of this scanner's patients.
    """

    name: str
    shape: tuple[int, int]
    pixel_mm: float = Field(gt=0)
    frequency_mhz: float = Field(default=3.5, gt=0)
    axial_fwhm_mm: float = Field(default=0.45, gt=0)
    lateral_fwhm_mm: float = Field(default=0.9, gt=0)
    gain_db: float = 0.0
    dynamic_range_db: float = Field(default=60.0, gt=0)
    tgc: float = 0.5
    start_depth_cm: float = 2.0
    smoothing_px: float = Field(default=0.0, ge=0)
    jpeg_quality: int | None = Field(default=None, ge=1, le=100)
    weight: float = Field(default=1.0, gt=0)
    stage_weights: tuple[float, ...] = (1, 1, 1, 1, 1)


#: Three machines: another grid, another law of greys, another stage mix each.
ULTRASOUND_SCANNERS = (
    UltrasoundScanner(
        name="U1", shape=(128, 128), pixel_mm=0.30, gain_db=2.0, dynamic_range_db=60.0, tgc=0.5,
        weight=2.0, stage_weights=(3, 3, 2, 2, 2),
    ),
    UltrasoundScanner(
        name="U2", shape=(96, 96), pixel_mm=0.40, frequency_mhz=3.0, axial_fwhm_mm=0.6,
        lateral_fwhm_mm=1.2, gain_db=-3.0, dynamic_range_db=70.0, tgc=0.45, smoothing_px=0.5,
        weight=2.0, stage_weights=(2, 2, 2, 3, 3),
    ),
    UltrasoundScanner(
        name="U3", shape=(120, 160), pixel_mm=0.25, frequency_mhz=4.0, axial_fwhm_mm=0.4,
        lateral_fwhm_mm=0.8, gain_db=0.0, dynamic_range_db=50.0, tgc=0.6, smoothing_px=0.3,
        jpeg_quality=92, weight=1.0, stage_weights=(1, 1, 1, 1, 1),
    ),
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class UltrasoundImage:
    """One simulated picture with what went into it.

    Parameters
    ----------
    envelope : ndarray of float, shape (rows, columns)
        Linear echo amplitude, before gain, compression and smoothing.
    grey : ndarray of uint8, same shape
        What the machine shows.
    vessel_mask : ndarray of bool, same shape
        True inside vessels.
    truth : dict
        Parameters of this picture.
    """

    envelope: NDArray[np.float64]
    grey: NDArray[np.uint8]
    vessel_mask: NDArray[np.bool_]
    truth: dict[str, Any]


def speckle_envelope(
    echogenicity: NDArray[np.float64],
    axial_sigma_px: float,
    lateral_sigma_px: float,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Return the envelope of fully developed speckle over a map of echogenicity.

    Many scatterers within a resolution cell add up to a circular complex Gaussian field
    (Goodman): white complex noise of local standard deviation ``sqrt(echogenicity)`` is
    convolved with a Gaussian point-spread function, scaled so that a uniform echogenicity of 1
    has ``E[R^2] = 1``, and its modulus is taken. Over uniform tissue R is Rayleigh:
    ``mean/sd = 1.913``, Nakagami m = 1.

    Parameters
    ----------
    echogenicity : ndarray (rows, columns)
        Backscattered power, >= 0.
    axial_sigma_px, lateral_sigma_px : float
        Standard deviations of the point-spread function along rows and columns, in pixels.
    rng : Generator
        Source of the speckle.

    Examples
    --------
    >>> r = speckle_envelope(np.ones((400, 400)), 0.7, 1.2, np.random.default_rng(0))
    >>> round(float(r.mean() / r.std()), 1)
    1.9
    """
    pad = int(np.ceil(4 * max(axial_sigma_px, lateral_sigma_px))) + 1
    amplitude = np.sqrt(np.pad(echogenicity, pad, mode="edge"))
    sigma = (axial_sigma_px, lateral_sigma_px)
    unit = np.zeros((2 * pad + 1, 2 * pad + 1))
    unit[pad, pad] = 1.0
    power = float((ndimage.gaussian_filter(unit, sigma, mode="constant") ** 2).sum())
    parts = [
        ndimage.gaussian_filter(amplitude * rng.standard_normal(amplitude.shape), sigma)
        for _ in range(2)
    ]
    inside = (slice(pad, -pad), slice(pad, -pad))
    envelope: NDArray[np.float64] = np.hypot(*parts)[inside] / np.sqrt(2 * power)
    return envelope


def log_compress(
    envelope: NDArray[np.float64],
    *,
    gain_db: float,
    dynamic_range_db: float,
    smoothing_px: float = 0.0,
) -> NDArray[np.uint8]:
    """Turn echo amplitude into grey values.

    ``grey = 255 (20 log10 R + gain + DR/2) / DR``, clipped to 0..255 and rounded: an
    amplitude of 1 at gain 0 is shown at half of full scale, and one grey level is
    ``DR / 255`` dB. Smoothing acts on the decibels.

    Examples
    --------
    >>> log_compress(np.array([[1.0, 0.0, 1e9]]), gain_db=0, dynamic_range_db=60)
    array([[128,   0, 255]], dtype=uint8)
    """
    decibel = 20 * np.log10(np.maximum(envelope, 1e-6))
    if smoothing_px > 0:
        decibel = ndimage.gaussian_filter(decibel, smoothing_px)
    scaled = (decibel + gain_db) / dynamic_range_db + 1 / 2
    grey: NDArray[np.uint8] = np.rint(255 * np.clip(scaled, 0, 1)).astype(np.uint8)
    return grey


def simulate_ultrasound(
    scanner: UltrasoundScanner,
    law: EchoLaw,
    *,
    trait: float,
    attenuation: float,
    echogenicity_db: float,
    rng: np.random.Generator,
) -> UltrasoundImage:
    """Simulate one picture of liver parenchyma.

    Backscattered power at depth d (cm) is ``10^((m + e - 2 (a - tgc) f d) / 10)``, with m the
    stage-dependent modulation (mean power 1), e the patient's echogenicity, a the attenuation
    and f the frequency: the way in and back counts twice.

    Examples
    --------
    >>> image = simulate_ultrasound(ULTRASOUND_SCANNERS[0], EchoLaw(), trait=1.0, attenuation=0.5,
    ...                             echogenicity_db=0.0, rng=np.random.default_rng(0))
    >>> image.grey.shape, image.truth["modulation_db"]
    ((128, 128), 2.5)
    """
    rows, columns = scanner.shape
    modulation_db = law.modulation(trait)
    grain_px = law.grain_mm / scanner.pixel_mm
    larger = (rows + int(6 * grain_px), columns + int(6 * grain_px))  # the field is periodic
    field = gaussian_field(larger, (grain_px, grain_px), rng)[:rows, :columns]
    nepers = np.log(10) / 10 * modulation_db
    power = np.exp(nepers * field - nepers**2 / 2)
    depth = scanner.start_depth_cm + np.arange(rows) * scanner.pixel_mm / 10
    fade_db = 2 * (attenuation - scanner.tgc) * scanner.frequency_mhz * (
        depth - scanner.start_depth_cm
    )  # fmt: skip
    power *= 10 ** ((echogenicity_db - fade_db[:, None]) / 10)
    vessels, mask = _add_vessels(power, scanner, law, rng)
    fwhm = 2 * np.sqrt(2 * np.log(2))
    envelope = speckle_envelope(
        power,
        scanner.axial_fwhm_mm / scanner.pixel_mm / fwhm,
        scanner.lateral_fwhm_mm / scanner.pixel_mm / fwhm,
        rng,
    )
    grey = log_compress(
        envelope,
        gain_db=scanner.gain_db,
        dynamic_range_db=scanner.dynamic_range_db,
        smoothing_px=scanner.smoothing_px,
    )
    return UltrasoundImage(envelope, grey, mask, {"modulation_db": modulation_db, **vessels})


def _add_vessels(
    power: NDArray[np.float64],
    scanner: UltrasoundScanner,
    law: EchoLaw,
    rng: np.random.Generator,
) -> tuple[dict[str, Any], NDArray[np.bool_]]:
    """Darken ellipses to -25 dB, some with a bright wall (portal); returns truth and mask."""
    rows, columns = power.shape
    y, x = np.mgrid[:rows, :columns]
    mask = np.zeros(power.shape, dtype=bool)
    listed = []
    for _ in range(int(rng.poisson(law.vessels))):
        centre = rng.uniform((0, 0), (rows, columns))
        half = np.array([rng.uniform(1.0, 2.0), rng.uniform(1.5, 5.0)]) / scanner.pixel_mm
        angle = rng.uniform(-0.7, 0.7)
        portal = bool(rng.random() < 0.5)
        dy, dx = y - centre[0], x - centre[1]
        along = (dx * np.cos(angle) + dy * np.sin(angle)) / half[1]
        across = (dy * np.cos(angle) - dx * np.sin(angle)) / half[0]
        radius = np.hypot(along, across)
        if portal:
            wall = np.exp(-(((radius - 1.1) / 0.12) ** 2))
            power *= 10 ** (0.5 * wall)
        inside = 1 / (1 + np.exp(-np.clip((1 - radius) * 25, -50, 50)))
        power *= 10 ** (-2.5 * inside)
        mask |= radius < 1
        listed.append({"row": centre[0], "column": centre[1], "half_axes_px": half, "angle": angle})
    return {"vessels": len(listed), "vessel_list": listed}, mask
