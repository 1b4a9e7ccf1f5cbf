"""Indices of contrast uptake from mean intensities: each one formula, no images, no decisions.

An index is NaN where its formula has no meaning: a denominator that is not positive, or an
argument that is not finite. Whether intensities may be compared at all is decided in
:mod:`radiofib.features.functional.rules`.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite, nan, pi, sqrt

import numpy as np
from numpy.typing import ArrayLike

__all__ = [
    "coefficient_of_variation",
    "contrast_enhancement_index",
    "four_region_variation",
    "hepatocellular_uptake_index",
    "noise_from_background",
    "ratio",
    "relative_change",
    "relative_enhancement",
    "t1_reduction_rate",
]

#: SD of a Rayleigh variable of unit Gaussian noise: air in a magnitude image of one coil.
_RAYLEIGH_SD = sqrt(2 - pi / 2)


def ratio(numerator: float, denominator: float) -> float:
    """Return numerator / denominator, NaN unless the denominator is positive.

    Used for liver / spleen (dimensionless; Yamada et al. 2011) and liver / muscle in one image,
    where the scale of the series cancels but an offset does not.

    Examples
    --------
    >>> ratio(900.0, 450.0), ratio(1.0, 0.0)
    (2.0, nan)
    """
    value = numerator / denominator if denominator > 0 else nan
    return value if isfinite(value) else nan


def relative_enhancement(before: float, after: float) -> float:
    """Return (after - before) / before, dimensionless (1.0 is a doubling).

    Parameters
    ----------
    before, after : float
        Mean raw liver intensity before contrast and in a phase, on one scale.

    Returns
    -------
    float
        NaN unless `before` is positive. Unchanged when both are multiplied by one factor.

    References
    ----------
    Wu et al., Medicine 2017;96:e8339, doi 10.1097/MD.0000000000008339.

    Examples
    --------
    >>> relative_enhancement(500.0, 900.0)
    0.8
    """
    return ratio(after - before, before)


def relative_change(before: float, after: float) -> float:
    """Return (after - before) / before of any feature, dimensionless: a delta feature.

    The sign of `before` counts: for a negative one a rise gives a negative change. NaN when
    `before` is 0.

    References
    ----------
    Delta features: Fave et al., Sci Rep 2017;7:588, doi 10.1038/s41598-017-00665-z.

    Examples
    --------
    >>> relative_change(4.0, 5.0), relative_change(-4.0, -2.0), relative_change(0.0, 1.0)
    (0.25, -0.5, nan)
    """
    value = (after - before) / before if before else nan
    return value if isfinite(value) else nan


def hepatocellular_uptake_index(liver: float, spleen: float, volume_ml: float) -> float:
    """Return (liver / spleen - 1) V, in ml.

    Parameters
    ----------
    liver, spleen : float
        Mean raw intensities in one hepatobiliary image, published at 20 minutes.
    volume_ml : float
        Liver volume.

    References
    ----------
    Yamada et al., Radiology 2011;260:727-733.

    Examples
    --------
    >>> hepatocellular_uptake_index(900.0, 450.0, 1200.0)
    1200.0
    """
    return (ratio(liver, spleen) - 1) * volume_ml


def contrast_enhancement_index(
    liver_before: float, muscle_before: float, liver_after: float, muscle_after: float
) -> float:
    """Return (liver / muscle after) / (liver / muscle before), dimensionless.

    The scale of each series cancels in its own ratio; the sequence must still be the same.

    References
    ----------
    Watanabe et al., Radiology 2011;259:142-150.

    Examples
    --------
    >>> contrast_enhancement_index(500.0, 400.0, 900.0, 450.0)
    1.6
    """
    return ratio(ratio(liver_after, muscle_after), ratio(liver_before, muscle_before))


def coefficient_of_variation(values: ArrayLike) -> float:
    """Return population SD / mean of intensities, dimensionless; NaN unless the mean is positive.

    Over a whole liver this holds vessels, bile ducts and bias field and is not the published
    index of four regions: see :func:`four_region_variation`.

    Examples
    --------
    >>> coefficient_of_variation([2.0, 4.0])
    0.3333333333333333
    """
    array = np.asarray(values, dtype=np.float64)
    return ratio(float(array.std()), float(array.mean())) if array.size else nan


def noise_from_background(values: ArrayLike) -> float:
    """Return the noise of the signal, from air: population SD / sqrt(2 - pi/2).

    Air in a magnitude image has Rayleigh intensities, with an SD of 0.655 times that of the
    noise in the signal. That holds for one coil and no filter, not for parallel imaging.

    References
    ----------
    Gudbjartsson and Patz, Magn Reson Med 1995;34:910-914, doi 10.1002/mrm.1910340618.

    Examples
    --------
    >>> round(noise_from_background([0.0, 2.0]), 4)
    1.5264
    """
    return float(np.asarray(values, dtype=np.float64).std()) / _RAYLEIGH_SD


def four_region_variation(regions: Sequence[ArrayLike], *, noise_sd: float = 0.0) -> float:
    """Return the mean over regions of sqrt(SD^2 - noise^2) / mean, dimensionless.

    Without noise this is the coefficient of variation in the hepatobiliary phase as published,
    from four regions free of vessels and bile ducts. A region whose SD is below the noise
    counts as 0.

    Parameters
    ----------
    regions : sequence of array_like
        Raw intensities of each region.
    noise_sd : float
        SD of the noise in the signal, in the unit of the intensities. That noise adds to
        variation as a sum of variances is our reading; the publication states a correction.

    References
    ----------
    Choi et al., Yonsei Med J 2014;55:651-659, doi 10.3349/ymj.2014.55.3.651, with an erratum.

    Examples
    --------
    >>> four_region_variation([[95.0, 105.0], [190.0, 210.0]])
    0.05
    >>> four_region_variation([[95.0, 105.0], [95.0, 105.0]], noise_sd=3.0)
    0.04
    """
    found = []
    for region in regions:
        array = np.asarray(region, dtype=np.float64)
        excess = max(float(array.var()) - noise_sd**2, 0.0)
        found.append(ratio(sqrt(excess), float(array.mean())))
    return float(np.mean(found)) if found else nan


def t1_reduction_rate(before: float, after: float) -> float:
    """Return (T1 before - T1 after) / T1 before, dimensionless.

    Parameters
    ----------
    before, after : float
        Mean T1 of the liver in maps before and after contrast, both in one unit (ms).

    References
    ----------
    Haimerl et al., Sci Rep 2018;8:13863, doi 10.1038/s41598-018-32207-6, about liver function.

    Examples
    --------
    >>> t1_reduction_rate(800.0, 320.0)
    0.6
    """
    return ratio(before - after, before)
