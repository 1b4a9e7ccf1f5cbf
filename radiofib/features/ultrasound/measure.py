"""One door to the ultrasound families: a region and what is known of the machine in."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from radiofib.features.ultrasound._common import Found, in_order, nothing
from radiofib.features.ultrasound.depth import DEPTH_NAMES, depth
from radiofib.features.ultrasound.entropy import ENTROPY_NAMES, entropy
from radiofib.features.ultrasound.fractal import FRACTAL_NAMES, fractal
from radiofib.features.ultrasound.gabor import GABOR_NAMES, gabor
from radiofib.features.ultrasound.hepatorenal import HEPATORENAL_NAMES, hepatorenal
from radiofib.features.ultrasound.laws import LAWS_NAMES, laws
from radiofib.features.ultrasound.patterns import LBP_NAMES, binary_patterns
from radiofib.features.ultrasound.settings import ULTRASOUND_FAMILIES, Machine
from radiofib.features.ultrasound.speckle import SPECKLE_NAMES, speckle
from radiofib.preprocess.crop import bounding_box
from radiofib.roi import Roi

__all__ = ["FAMILY_NAMES", "ultrasound_features"]

#: Family -> names of its features, in the order of table columns.
FAMILY_NAMES: dict[str, tuple[str, ...]] = {
    "speckle": SPECKLE_NAMES,
    "depth": DEPTH_NAMES,
    "entropy": ENTROPY_NAMES,
    "lbp": LBP_NAMES,
    "gabor": GABOR_NAMES,
    "laws": LAWS_NAMES,
    "fractal": FRACTAL_NAMES,
    "hepatorenal": HEPATORENAL_NAMES,
}
_PLANE = "defined for pictures, the region lies in a volume"
_NOT_FINITE = "a pixel of the region is NaN or infinite"
#: Families whose scale is the pixel: their values compare only between pictures of one size.
_IN_PIXELS = ("entropy", "lbp", "gabor", "laws", "fractal")


def ultrasound_features(
    roi: Roi,
    machine: Machine | None = None,
    *,
    families: Iterable[str] = ULTRASOUND_FAMILIES,
    kidney: NDArray[np.bool_] | None = None,
) -> Found:
    """Measure ultrasound families in a region of a picture.

    Pixels outside the region never count. What a definition needs and is not given makes a
    feature missing, with the reason; it is never replaced by another quantity.

    Parameters
    ----------
    roi : Roi
        A 2-D region of any shape, with the greys as the machine showed them.
    machine : Machine, optional
        What is known of it.
    families : iterable of str
        Of :data:`radiofib.features.ultrasound.ULTRASOUND_FAMILIES`.
    kidney : ndarray of bool, optional
        Region of the renal cortex on the picture.

    Returns
    -------
    Found
        Values, reasons and remarks by ``family_name``.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> picture = np.rint(rng.rayleigh(40, (80, 80)).clip(0, 255))
    >>> roi = Roi(picture, np.ones((80, 80), bool), (0.3, 0.3), "us")
    >>> found = ultrasound_features(roi, Machine(compression="linear"))
    >>> round(found.values["speckle_snr"], 1), found.missing["depth_attenuation"]
    (1.9, "needs the frequency ('frequency_mhz'), a flat time-gain compensation ('flat_tgc')")
    """
    machine = machine or Machine()
    total = Found()
    for family in (f for f in ULTRASOUND_FAMILIES if f in set(families)):
        names = FAMILY_NAMES[family]
        try:
            found = in_order(names, _measure(family, roi, machine, kidney))
        except Exception as error:  # a family that fails leaves the others alone
            found = nothing(names, f"{family} failed: {str(error) or type(error).__name__}")
        total.values |= {f"{family}_{n}": v for n, v in found.values.items()}
        total.missing |= {f"{family}_{n}": v for n, v in found.missing.items()}
        total.flags |= {f"{family}_{n}": v for n, v in found.flags.items()}
    return total


def _measure(family: str, roi: Roi, machine: Machine, kidney: NDArray[np.bool_] | None) -> Found:
    names = FAMILY_NAMES[family]
    if roi.ndim != 2:
        return nothing(names, _PLANE)
    inside = roi.values.astype(np.float64)
    if not np.isfinite(inside).all():
        return nothing(names, _NOT_FINITE)
    if family == "speckle":
        return speckle(inside, machine.compression)
    if family == "depth":
        return depth(inside, roi.mask, _spacing(roi, machine), machine)
    if family == "hepatorenal":
        return hepatorenal(
            np.asarray(roi.pixels, dtype=np.float64),
            roi.mask,
            kidney,
            compression=machine.compression,
            apex_px=machine.apex_px,
        )
    box = bounding_box(roi.mask)
    mask = roi.mask[box]
    greys = np.where(mask, np.asarray(roi.pixels[box], dtype=np.float64), 0.0)
    if family == "entropy":
        return entropy(greys, mask)
    if family == "lbp":
        return binary_patterns(greys, mask)
    if family == "gabor":
        return gabor(greys, mask)
    return laws(greys, mask) if family == "laws" else fractal(greys, mask)


def _spacing(roi: Roi, machine: Machine) -> tuple[float, float] | None:
    if roi.spacing_known:
        return float(roi.spacing_mm[0]), float(roi.spacing_mm[1])
    return None if machine.pixel_mm is None else (machine.pixel_mm, machine.pixel_mm)
