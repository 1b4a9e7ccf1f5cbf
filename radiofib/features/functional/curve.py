"""The course of enhancement over the phases: slopes, area, and phases in the wrong order."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from radiofib._checks import check_same_length
from radiofib.errors import UsageError

__all__ = ["enhancement_area", "enhancement_slope", "phase_order_warnings"]


def enhancement_slope(
    enhancement_from: float, enhancement_to: float, minutes_from: float, minutes_to: float
) -> float:
    """Return the change of relative enhancement per minute between two phases, in 1/min.

    Wash-in runs from before contrast (enhancement 0 at minute 0) to the portal venous phase,
    wash-out from there to the delayed phase and is negative when contrast agent leaves. Phases
    are fixed and not "the peak": of three or four points the peak is chance.

    Raises
    ------
    UsageError
        When the second time is not after the first.

    References
    ----------
    Wash-in and wash-out rate: Choi et al., Radiographics 2007;27:63-75.

    Examples
    --------
    >>> enhancement_slope(0.0, 0.6, 0.0, 1.2), enhancement_slope(0.75, 0.5, 1.0, 3.0)
    (0.5, -0.125)
    """
    _check_times([minutes_from, minutes_to])
    return (enhancement_to - enhancement_from) / (minutes_to - minutes_from)


def enhancement_area(enhancements: Sequence[float], minutes: Sequence[float]) -> float:
    """Return the area under relative enhancement by trapezoids, in minutes.

    Parameters
    ----------
    enhancements : sequence of float
        Relative enhancement of each phase, the first usually 0 before contrast.
    minutes : sequence of float
        Times since injection, rising.

    Raises
    ------
    UsageError
        When lengths differ, there are fewer than two points, or times do not rise.

    Examples
    --------
    >>> enhancement_area([0.0, 0.2, 0.6, 0.8], [0.0, 0.5, 1.0, 21.0])
    14.25
    """
    check_same_length(enhancements=enhancements, minutes=minutes)
    _check_times(minutes)
    heights, times = np.asarray(enhancements, float), np.asarray(minutes, float)
    return float(((heights[1:] + heights[:-1]) / 2 * np.diff(times)).sum())


def _check_times(minutes: Sequence[float]) -> None:
    if len(minutes) < 2 or not all(a < b for a, b in pairwise(minutes)):
        raise UsageError(
            "times of phases must rise", expected="two or more", found=str(list(minutes))
        )


def phase_order_warnings(
    *,
    before: float | None = None,
    arterial: float | None = None,
    portal: float | None = None,
    hepatobiliary: float | None = None,
) -> tuple[str, ...]:
    """Say what in the order of mean liver intensities looks like swapped or wrong files.

    The liver is fed by the portal vein for the most part, so that it is darker in the arterial
    than in the portal venous phase; and it takes up the hepatobiliary agent, so that it is
    brighter then than before contrast. Either can fail in truth (steal in cirrhosis, no
    function left): these are warnings. A phase that is None is not looked at.

    Parameters
    ----------
    before, arterial, portal, hepatobiliary : float, optional
        Mean liver intensities on one scale.

    Examples
    --------
    >>> phase_order_warnings(arterial=560.0, portal=820.0)
    ()
    >>> phase_order_warnings(arterial=820.0, portal=560.0)
    ('liver is brighter in the arterial (820) than in the portal venous phase (560): are the
    phases swapped?',)
    """
    found = []
    if arterial is not None and portal is not None and arterial > portal:
        found.append(
            f"liver is brighter in the arterial ({arterial:.4g}) than in the portal venous phase "
            f"({portal:.4g}): are the phases swapped?"
        )
    if before is not None and hepatobiliary is not None and hepatobiliary <= before:
        found.append(
            f"liver is not brighter in the hepatobiliary phase ({hepatobiliary:.4g}) than before "
            f"contrast ({before:.4g}): is one of them another channel?"
        )
    return tuple(found)
