"""Instances of several channels of one case brought into common rows, by where they lie.

Channels on one grid have the same instances. On different grids an instance of one channel stands
in the row of another channel's instance when each is the other's nearest and their centres are no
further apart than half the way to the next instance. Every instance stands in exactly one row:
one that has no partner gets a row of its own. So a thick slice is not repeated beside several
thin ones, and what is summed up over the rows of a case is, for each channel, what its own
instances say, whether channels were matched or not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiofib._checks import check_no_duplicates
from radiofib.preprocess.instance_settings import InstanceSettings
from radiofib.preprocess.instances import Cut, steps_mm
from radiofib.roi import Roi

__all__ = ["Places", "Row", "match_instances"]

FloatArray = NDArray[np.float64]

#: Cosine between axes of two images below which their instances are not compared.
_PARALLEL = 0.95
#: Farthest that centres may lie apart, as a share of the way to the next instance.
_HALF = 0.5 + 1e-6


@dataclass(frozen=True)
class Places:
    """Where the instances of one image lie.

    Parameters
    ----------
    names : tuple of str
        Of the instances.
    centres_mm : tuple of tuple of float, optional
        Their centres in space (x, y, z); None for pictures.
    axes : tuple of tuple of float
        Unit vectors of the axes of the array (z, y, x) in space.
    steps_mm : tuple of float or None
        How far instances lie apart along these axes; None where they are not apart.
    """

    names: tuple[str, ...]
    centres_mm: tuple[tuple[float, ...], ...] | None = None
    axes: tuple[tuple[float, ...], ...] = ()
    steps_mm: tuple[float | None, ...] = ()

    @classmethod
    def of(cls, roi: Roi, cuts: tuple[Cut, ...], settings: InstanceSettings) -> Places:
        """Return the places of the instances that a region was cut into."""
        names = tuple(cut.name for cut in cuts)
        centres = [cut.position_mm(roi) for cut in cuts]
        if roi.direction is None or any(c is None for c in centres):
            return cls(names)
        columns = np.asarray(roi.direction, dtype=np.float64).reshape(3, 3).T[::-1]
        return cls(
            names,
            tuple(c for c in centres if c is not None),
            tuple(tuple(axis) for axis in columns.tolist()),
            steps_mm(roi, settings),
        )

    @classmethod
    def restored(cls, stored: Mapping[str, Any]) -> Places:
        """Return places as they were stored."""
        centres = stored["centres_mm"]
        return cls(
            tuple(stored["names"]),
            None if centres is None else tuple(map(tuple, centres)),
            tuple(map(tuple, stored["axes"])),
            tuple(stored["steps_mm"]),
        )


@dataclass(frozen=True)
class Row:
    """One row of a case: which instance of each channel stands in it.

    Parameters
    ----------
    name : str
        Name of the instance; begins with the channel when it has no partner in the reference.
    members : mapping
        Channel to the position of its instance.
    """

    name: str
    members: Mapping[str, int]


def match_instances(places: Mapping[str, Places]) -> list[Row]:
    """Bring the instances of the channels of one case into rows.

    The channel with the most instances, of equals the last, is the reference: its instances, in
    order, are the first rows. The others are matched to it, each alone; pictures, which have no
    place in space, by name.

    Parameters
    ----------
    places : mapping
        Channel to the places of its instances.

    Examples
    --------
    >>> axes = ((0, 0, 1), (0, 1, 0), (1, 0, 0))
    >>> thin = Places(("z000", "z001", "z002", "z003"),
    ...               ((0, 0, 0), (0, 0, 3), (0, 0, 6), (0, 0, 9)), axes, (3.0, None, None))
    >>> thick = Places(("z000", "z001"), ((0, 0, 1), (0, 0, 40)), axes, (8.0, None, None))
    >>> for row in match_instances({"t2": thick, "ged4": thin}):
    ...     print(row.name, row.members)
    z000 {'ged4': 0, 't2': 0}
    z001 {'ged4': 1}
    z002 {'ged4': 2}
    z003 {'ged4': 3}
    t2:z001 {'t2': 1}
    """
    for channel, found in places.items():
        check_no_duplicates(list(found.names), what=f"instance of {channel}")
    if not places:
        return []
    channels = list(places)
    reference = max(channels, key=lambda c: (len(places[c].names), channels.index(c)))
    members: list[dict[str, int]] = [{reference: i} for i in range(len(places[reference].names))]
    alone: list[Row] = []
    for channel in channels:
        if channel == reference:
            continue
        partners = _partners(places[reference], places[channel])
        for number, name in enumerate(places[channel].names):
            if (partner := partners.get(number)) is None:
                alone.append(Row(f"{channel}:{name}", {channel: number}))
            else:
                members[partner][channel] = number
    names = places[reference].names
    return [*(Row(n, m) for n, m in zip(names, members, strict=True)), *alone]


def _partners(reference: Places, other: Places) -> dict[int, int]:
    """Return for instances of `other` the instance of `reference` that each belongs to."""
    if reference.centres_mm is None or other.centres_mm is None:
        position = {name: i for i, name in enumerate(reference.names)}
        return {k: position[n] for k, n in enumerate(other.names) if n in position}
    used = [i for i, step in enumerate(reference.steps_mm) if step is not None]
    axes, own = np.array(reference.axes), np.array(other.axes)
    lengths = _steps(reference.steps_mm, other.steps_mm)
    if lengths is None or np.abs(np.sum(axes[used] * own[used], axis=1)).min() < _PARALLEL:
        return {}
    along = axes[used].T / lengths[used]
    here = np.array(reference.centres_mm) @ along
    there = np.array(other.centres_mm) @ along
    return _mutual(here, there)


def _steps(one: tuple[float | None, ...], other: tuple[float | None, ...]) -> FloatArray | None:
    """Return the larger step of two images along each axis; None when they are cut differently."""
    if [s is None for s in one] != [s is None for s in other]:
        return None
    return np.array([max(a or 1.0, b or 1.0) for a, b in zip(one, other, strict=True)])


def _mutual(here: FloatArray, there: FloatArray) -> dict[int, int]:
    """Return pairs that are each other's nearest by the largest difference along an axis."""
    from scipy.spatial import cKDTree

    tree = cKDTree(here)
    distance, nearest = tree.query(there, p=np.inf)
    _, back = cKDTree(there).query(here, p=np.inf)
    return {
        k: int(i)
        for k, (i, far) in enumerate(zip(nearest, distance, strict=True))
        if far <= _HALF and back[i] == k
    }
