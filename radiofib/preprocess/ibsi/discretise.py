"""Grey levels as IBSI counts them: 1 for the lowest bin, whatever the intensities are."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from radiofib.errors import EngineError, UsageError

__all__ = ["fixed_bin_number", "fixed_bin_size"]

_MOST_LEVELS = 2**31 - 1


def _finite(values: ArrayLike) -> NDArray[np.float64]:
    found = np.asarray(values, dtype=np.float64)
    if found.size == 0:
        raise UsageError("there are no intensities to discretise")
    if not (np.isfinite(found.min()) and np.isfinite(found.max())):
        raise UsageError("intensities must be finite to be discretised")
    return found


def fixed_bin_size(
    values: ArrayLike, width: float, lower: float | None = None
) -> NDArray[np.int64]:
    """Return grey levels from bins of one width: floor((X - lower) / width) + 1.

    Parameters
    ----------
    values : array_like
        Intensities of the region.
    width : float
        Width of a bin in the units of the intensities.
    lower : float, optional
        Where the first bin begins: the lower bound of resegmentation. The least intensity when
        not given, which IBSI advises against. An intensity at lower + k width, as the computer
        adds it up, is the first of bin k + 1.

    Raises
    ------
    UsageError
        When there are no intensities, some are NaN or infinite, the width is not positive, or
        an intensity lies below the first bin.
    EngineError
        When there would be more levels than can be counted.

    References
    ----------
    IBSI reference manual, doi 10.48550/arXiv.1612.07003, fixed bin size (Q3RU).

    Examples
    --------
    >>> fixed_bin_size([-500, -476, -475, 377], 25, -500)
    array([ 1,  1,  2, 36])
    """
    found = _finite(values)
    if not (width > 0 and np.isfinite(width)):
        raise UsageError("the width of a bin must be positive", found=f"{width:g}")
    start = float(found.min()) if lower is None else float(lower)
    if found.min() < start:
        raise UsageError(
            "an intensity lies below the first bin",
            expected=f"at least {start:g}",
            found=f"{found.min():g}",
            hint="resegment the region with the same lower bound",
        )
    if (found.max() - start) / width >= _MOST_LEVELS:
        raise EngineError(
            "the intensities make too many grey levels",
            found=f"intensities from {start:g} to {found.max():g} in bins of {width:g}",
            hint="use a larger bin width, or a fixed number of bins",
        )
    bins = np.floor((found - start) / width)
    bins -= start + bins * width > found
    bins += start + (bins + 1) * width <= found
    levels: NDArray[np.int64] = bins.astype(np.int64) + 1
    return levels


def fixed_bin_number(values: ArrayLike, number: int) -> NDArray[np.int64]:
    """Return grey levels 1 to `number` from equal bins between least and greatest intensity.

    floor(number (X - min) / (max - min)) + 1, and `number` for the greatest intensity. Equal
    intensities all have level 1.

    Parameters
    ----------
    values : array_like
        Intensities of the region.
    number : int
        Number of bins.

    Raises
    ------
    UsageError
        When there are no intensities, some are NaN or infinite, or the number is less than 1.

    References
    ----------
    IBSI reference manual, doi 10.48550/arXiv.1612.07003, fixed bin number (K15C).

    Examples
    --------
    >>> fixed_bin_number([0.0, 0.9, 1.0, 2.0, 4.0], 4)
    array([1, 1, 2, 3, 4])
    """
    found = _finite(values)
    if number < 1:
        raise UsageError("the number of bins must be positive", found=str(number))
    least, greatest = found.min(), found.max()
    if least == greatest:
        return np.ones(found.shape, dtype=np.int64)
    scale = max(abs(least), abs(greatest))
    if scale > 1e300 / number:  # the range of finite numbers may itself be infinite
        found, least, greatest = found / scale, least / scale, greatest / scale
    # Product first, so that a whole number at the edge of a bin is exactly there.
    bins = np.floor(number * (found - least) / (greatest - least)).astype(np.int64)
    levels: NDArray[np.int64] = np.minimum(bins + 1, number)
    return levels
