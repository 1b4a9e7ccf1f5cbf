"""Statistics of the echo amplitude: signal to noise, Nakagami, homodyned-K."""

from __future__ import annotations

from typing import Literal

import numpy as np

from radiofib.features.ultrasound._common import (
    LEAST_PIXELS,
    FloatArray,
    Found,
    nothing,
    small,
)
from radiofib.features.ultrasound.homodyned import homodyned_k
from radiofib.features.ultrasound.settings import LogCompression

__all__ = ["SPECKLE_NAMES", "nakagami", "signal_to_noise", "speckle"]

SPECKLE_NAMES = (
    "snr",
    "pseudo_snr",
    "nakagami_m",
    "nakagami_omega",
    "pseudo_nakagami_m",
    "hk_k",
    "hk_alpha",
)
_AMPLITUDE = ("snr", "nakagami_m", "nakagami_omega", "hk_k", "hk_alpha")
#: Pixels that an estimate of two parameters from log-moments needs.
LEAST_FOR_HK = 1000
#: Share of pixels at the ends of the grey scale: worth a remark, and too many.
FLAGGED, MOST_CLIPPED = 0.001, 0.05
UNKNOWN_LAW = (
    "needs the amplitude, and how it became grey is not known: give 'compression' "
    "(the pseudo_ namesake is taken from the greys)"
)
#: Said of greys that the stated scale does not reach, as of pictures of 16 bits.
BEYOND = (
    "; greys lie above {:g}: give 'compression' the grey that is white, such as 'grey_high: 65535' "
    "for 16 bits or 4095 for 12"
)
EQUAL = "all pixels of the region are equal"


def signal_to_noise(amplitude: FloatArray) -> float:
    """Return mean over standard deviation (of N): 1.913 for Rayleigh.

    Parameters
    ----------
    amplitude : ndarray
        Echo amplitudes, >= 0.

    References
    ----------
    Burckhardt, IEEE Trans Sonics Ultrason 1978;25:1-6, doi 10.1109/T-SU.1978.30978.

    Examples
    --------
    >>> signal_to_noise(np.array([1.0, 3.0]))
    2.0
    """
    return float(amplitude.mean() / amplitude.std())


def nakagami(amplitude: FloatArray) -> tuple[float, float]:
    """Return m and omega by moments: ``E[R^2]^2 / Var(R^2)`` and ``E[R^2]``.

    Parameters
    ----------
    amplitude : ndarray
        Echo amplitudes, >= 0.

    References
    ----------
    Shankar, IEEE Trans Ultrason Ferroelectr Freq Control 2000;47:727-736,
    doi 10.1109/58.842062.

    Examples
    --------
    >>> nakagami(np.array([1.0, 3.0]))
    (1.5625, 5.0)
    """
    power = np.asarray(amplitude, dtype=np.float64) ** 2
    mean = float(power.mean())
    return mean**2 / float(np.mean((power - mean) ** 2)), mean


def speckle(greys: FloatArray, compression: LogCompression | Literal["linear"] | None) -> Found:
    """Measure the amplitudes of a region, and its greys under names that say so.

    Parameters
    ----------
    greys : ndarray, 1-D
        Greys of the pixels of the region.
    compression
        The law of the greys; without it the features of the amplitude are missing.

    Examples
    --------
    >>> greys = np.arange(200.0)
    >>> sorted(speckle(greys, None).missing)
    ['hk_alpha', 'hk_k', 'nakagami_m', 'nakagami_omega', 'snr']
    """
    if why := small(greys.size, LEAST_PIXELS):
        return nothing(SPECKLE_NAMES, why)
    if greys.min() == greys.max():
        return nothing(SPECKLE_NAMES, EQUAL)
    found = Found()
    if greys.min() < 0:
        found.without(("pseudo_snr", "pseudo_nakagami_m"), "greys below 0")
    else:
        found.values["pseudo_snr"] = signal_to_noise(greys)
        found.values["pseudo_nakagami_m"] = nakagami(greys)[0]
    amplitude, why, remark = amplitudes(greys, compression)
    if why or amplitude is None:
        return found.without(_AMPLITUDE, why)
    m, omega = nakagami(amplitude)
    found.values |= {"snr": signal_to_noise(amplitude), "nakagami_m": m, "nakagami_omega": omega}
    if why := small(greys.size, LEAST_FOR_HK):
        found.without(("hk_k", "hk_alpha"), why)
    elif not amplitude.all():
        found.without(("hk_k", "hk_alpha"), "an amplitude is 0, which has no logarithm")
    else:
        estimate = homodyned_k(amplitude)
        found.values |= {"hk_k": estimate.k, "hk_alpha": estimate.alpha}
        if estimate.remark:
            found.flags |= dict.fromkeys(("hk_k", "hk_alpha"), estimate.remark)
    if remark:
        for name in _AMPLITUDE:
            found.flags[name] = f"{found.flags[name]}; {remark}" if name in found.flags else remark
    return found


def amplitudes(
    greys: FloatArray, compression: LogCompression | Literal["linear"] | None
) -> tuple[FloatArray | None, str, str]:
    """Return amplitudes, why there are none, and a remark on the ends of the grey scale."""
    if compression is None:
        return None, UNKNOWN_LAW, ""
    if compression == "linear":
        return (None, "amplitudes below 0", "") if greys.min() < 0 else (greys, "", "")
    share = compression.clipped(greys)
    said = f"{share:.1%} of the pixels are at an end of the grey scale"
    if share > MOST_CLIPPED:
        advice = BEYOND.format(compression.grey_high) if greys.max() > compression.grey_high else ""
        return None, f"{said}, at most {MOST_CLIPPED:.0%} may be{advice}", ""
    return compression.amplitude(greys), "", said if share > FLAGGED else ""
