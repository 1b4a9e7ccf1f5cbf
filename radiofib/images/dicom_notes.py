"""What a reader of a DICOM series should know: copies left out, and how values were scaled."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from radiofib._checks import list_some
from radiofib.images.dicom_geometry import SAME_POSITION_MM, unit_axes
from radiofib.images.dicom_header import Header
from radiofib.images.dicom_pixels import read_slice

__all__ = ["drop_copies", "value_notes"]


def drop_copies(headers: Sequence[Header], notes: list[str]) -> list[Header]:
    """Leave out slices that repeat another one: same position, same values after rescaling.

    Slices at one position with different values stay, for
    :func:`radiofib.images.dicom_geometry.grid_from_positions` to refuse. Pixels are compared
    only where positions are equal.

    Parameters
    ----------
    headers : sequence of Header
        Slices of one series.
    notes : list of str
        Gets a note for what was left out.
    """
    orientation = headers[0].orientation
    if len(headers) < 2 or orientation is None or any(h.position is None for h in headers):
        return list(headers)
    places = np.array([h.position for h in headers])
    along = places @ unit_axes(orientation, where=str(headers[0].path.parent))[2]
    order = np.argsort(along, kind="stable")
    kept: list[int] = []
    dropped: list[float] = []
    for index in order:
        # Among the slices already kept at this height, if any: they are the last ones.
        twins = []
        for other in reversed(kept):
            if along[index] - along[other] >= SAME_POSITION_MM:
                break
            twins.append(other)
        if any(_same_slice(headers[index], headers[other]) for other in twins):
            dropped.append(round(float(along[index]), 2))
        else:
            kept.append(int(index))
    if dropped:
        where = list_some((f"{place:g} mm" for place in sorted(set(dropped))), 4)
        notes.append(f"{len(dropped)} copies of slices left out, at {where} along the normal")
    return [headers[i] for i in sorted(kept)]


def _same_slice(one: Header, other: Header) -> bool:
    assert one.position is not None
    assert other.position is not None
    if not np.allclose(one.position, other.position, rtol=0, atol=SAME_POSITION_MM):
        return False
    return np.array_equal(read_slice(one), read_slice(other))


def value_notes(
    laws: Sequence[tuple[float, float]],
    real_world: Sequence[tuple[float, float] | None],
    philips: Sequence[float | None],
) -> list[str]:
    """Say how values were scaled, and what the header offers beyond the rescale slope.

    Parameters
    ----------
    laws : sequence of (slope, intercept)
        Rescale law of each slice, which was applied.
    real_world : sequence of (slope, intercept) or None
        Real world value mapping of each slice, which was not.
    philips : sequence of float or None
        Philips' private scale slope SS of each slice, which was not. Its floating-point value is
        ``(stored RS + RI) / (RS SS)`` with rescale slope RS and intercept RI (Chenevert et al.
        2014, doi 10.1593/tlo.13811).

    Examples
    --------
    >>> value_notes([(2.0, 0.0)], [(2.0, 0.0)], [None])
    []
    >>> value_notes([(2.0, 0.0)], [(0.5, 0.0)], [None])
    ['a real world value mapping (slope 0.5, intercept 0) is stated and not applied']
    """
    notes = []
    slopes = sorted(set(laws))
    if len(slopes) > 1:
        notes.append(
            f"rescale slope differs between slices ({slopes[0][0]:g} to {slopes[-1][0]:g}): "
            "applied slice by slice"
        )
    other = sorted({w for w, law in zip(real_world, laws, strict=True) if w and w != law})
    if other:
        slope, intercept = other[0]
        several = f", {len(other)} different ones" if len(other) > 1 else ""
        notes.append(
            f"a real world value mapping (slope {slope:g}, intercept {intercept:g}{several}) "
            "is stated and not applied"
        )
    scales = sorted({scale for scale in philips if scale})
    if scales:
        ends = f"{scales[0]:g}" + (f" to {scales[-1]:g}" if len(scales) > 1 else "")
        notes.append(
            f"Philips scale slope (2005,100E) of {ends} is stated and not applied: "
            "intensities of different series of this scanner are not in one unit"
        )
    return notes
