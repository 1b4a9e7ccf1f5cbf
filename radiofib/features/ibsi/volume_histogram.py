"""The intensity-volume histogram of IBSI 1: the family `ivh`."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, floor
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from radiofib._checks import check_known
from radiofib.errors import UsageError
from radiofib.features.ibsi._moments import EQUAL, Result, finished, undefined
from radiofib.preprocess.ibsi.discretise import fixed_bin_number, fixed_bin_size

__all__ = ["NAMES", "compute"]

NAMES = ("v10", "v90", "i10", "i90", "diff_v10_v90", "diff_i10_i90", "auc")
Method = Literal["none", "fixed_bin_size", "fixed_bin_number"]
_POINT = "the range of intensities is a single value"
_ONE = f"{EQUAL}, for which IBSI sets 0 by convention"
_NO_BINS = f"{EQUAL}: a fixed number of bins has no width"


class _Scale(NamedTuple):
    """Intensities as whole steps from the least of a range: i = low + step * k, k = 0 ... last."""

    steps: NDArray[np.int64]
    low: float
    step: float
    last: int


def compute(
    values: ArrayLike,
    *,
    method: Method = "none",
    bin_width: float | None = None,
    bin_number: int | None = None,
    limits: Sequence[float | None] | None = None,
) -> Result:
    """Return the features of the intensity-volume histogram.

    nu_i is the share of voxels with an intensity of at least i, and gamma_i = (i - min G) /
    (max G - min G) for the intensities i of the range G, whether they occur or not::

        v10, v90 greatest nu with gamma >= 0.1, 0.9      diff_v10_v90 their difference
        i10, i90 least i with nu <= 0.1, 0.9             diff_i10_i90 their difference
        auc area under nu over gamma, by the trapezoidal rule

    Perhaps no i of G has so small a nu; then i10 and i90 are the intensity one step above G.

    Parameters
    ----------
    values : array_like
        Intensities within the intensity mask, finite, at least one.
    method : {"none", "fixed_bin_size", "fixed_bin_number"}
        ``none`` for whole calibrated intensities (CT): steps of 1, G is the range of
        resegmentation or of the intensities. ``fixed_bin_size`` for calibrated intensities that
        are continuous (PET): centres of bins within that range. ``fixed_bin_number`` for
        arbitrary units (MRI): numbers of bins, G = [1, number].
    bin_width, bin_number
        For the methods of these names.
    limits : sequence of two floats, optional
        The range of resegmentation, None for an open end.

    Returns
    -------
    dict, dict
        Values by name (NaN where not defined), and the reason for every NaN.

    Raises
    ------
    UsageError
        When there are no intensities, some are not finite, or lie outside the limits, or the
        method lacks its bins.

    References
    ----------
    IBSI reference manual, doi 10.48550/arXiv.1612.07003, intensity-volume histogram (P88C).

    Examples
    --------
    >>> found, why = compute([1] * 5 + [3] + [4] * 2 + [6] * 2)
    >>> found["v10"], found["v90"], found["i10"], found["i90"], round(found["auc"], 9), why
    (0.5, 0.2, 7.0, 2.0, 0.44, {})
    """
    x = np.asarray(values, dtype=np.float64).ravel()
    if x.size == 0 or not (np.isfinite(x.min()) and np.isfinite(x.max())):
        raise UsageError("intensities must be finite, at least one")
    check_known(method, ("none", "fixed_bin_size", "fixed_bin_number"), what="method")
    scale = _scale(x, method, bin_width, bin_number, limits)
    present, counts = np.unique(scale.steps, return_counts=True)
    below = np.concatenate([[0], np.cumsum(counts)])

    def share(step: int) -> float:
        """Return the share of voxels at or above a step."""
        return float((len(x) - below[np.searchsorted(present, step)]) / len(x))

    def intensity(most: float) -> float:
        """Return the least intensity that no more than a share of the voxels reaches."""
        above = (len(x) - below[1:]) / len(x) <= most
        step = int(present[np.argmax(above)]) + 1
        return scale.low + scale.step * min(step, scale.last + 1)

    if method == "fixed_bin_number" and x.min() == x.max():
        return undefined(NAMES, _NO_BINS)
    found = {"i10": intensity(0.1), "i90": intensity(0.9)}
    found["diff_i10_i90"] = found["i10"] - found["i90"]
    volumes = ("v10", "v90", "diff_v10_v90")
    found |= dict.fromkeys((*volumes, "auc"), float("nan"))
    why = dict.fromkeys(volumes, _POINT) if scale.last == 0 else {}
    if scale.last > 0:
        found["v10"], found["v90"] = (share(_at_least(f, scale.last)) for f in (0.1, 0.9))
        found["diff_v10_v90"] = found["v10"] - found["v90"]
    if scale.last == 0 or len(present) == 1:
        return finished(NAMES, found, why | {"auc": _ONE if len(present) == 1 else _POINT})
    # Over a whole range a voxel has a say at each step up to its own; half at both ends.
    total = float(np.sum(np.minimum(scale.steps, scale.last) + 1.0)) / len(x)
    found["auc"] = (total - 0.5 * (share(0) + share(scale.last))) / scale.last
    return finished(NAMES, found, why)


def _at_least(fraction: float, last: int) -> int:
    """Return the first step whose intensity fraction is at least `fraction`."""
    step = ceil(fraction * last)
    return step - 1 if step > 0 and (step - 1) / last >= fraction else step


def _scale(
    x: NDArray[np.float64],
    method: Method,
    bin_width: float | None,
    bin_number: int | None,
    limits: Sequence[float | None] | None,
) -> _Scale:
    if method == "fixed_bin_number":
        if bin_number is None:
            raise UsageError("method fixed_bin_number needs bin_number")
        return _Scale(fixed_bin_number(x, bin_number) - 1, 1.0, 1.0, bin_number - 1)
    open_ends = (None, None) if limits is None else limits
    low, high = (None if end is None or np.isinf(end) else float(end) for end in open_ends)
    least = float(x.min()) if low is None else low
    greatest = float(x.max()) if high is None else high
    if x.min() < least or x.max() > greatest:
        raise UsageError(
            "an intensity lies outside the range of the intensity-volume histogram",
            expected=f"{least:g} to {greatest:g}",
            found=f"{x.min():g} to {x.max():g}",
            hint="resegment the region with the same range",
        )
    if method == "none":
        return _Scale(fixed_bin_size(x, 1.0, least) - 1, least, 1.0, floor(greatest - least))
    if bin_width is None:
        raise UsageError("method fixed_bin_size needs bin_width")
    steps = fixed_bin_size(x, bin_width, least) - 1
    # The greatest intensity of a range may lie at the edge of its last bin: G ends before it.
    bins = ceil((greatest - least) / bin_width - 1e-9)
    return _Scale(steps, least + 0.5 * bin_width, bin_width, max(bins - 1, 0))
