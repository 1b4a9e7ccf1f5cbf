"""One door to the texture families of IBSI: a discretised region in, features out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from radiofib._checks import check_known
from radiofib.errors import ConfigError, EngineError
from radiofib.features.ibsi import cooccurrence, emphases, tone_difference
from radiofib.features.ibsi._counts import Counts, Floats, Integers
from radiofib.features.ibsi._moments import Result, undefined
from radiofib.features.ibsi._region import Neighbourhood, Region
from radiofib.features.matrices.levels import highest_level
from radiofib.registry._ibsi_texture import IBSI_TEXTURE

__all__ = ["TEXTURE_FAMILIES", "IbsiTexture", "Result", "texture"]

EMPTY = "the region holds no voxel"


def _families() -> dict[str, dict[str, tuple[str, ...]]]:
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for spec in IBSI_TEXTURE:
        names = found.setdefault(spec.family, {}).get(spec.aggregation, ())
        name = spec.name.removesuffix(f"_{spec.aggregation}")
        found[spec.family][spec.aggregation] = (*names, name)
    return found


_NAMES = _families()
#: Aggregations of each family, under IBSI's tags in lower case.
TEXTURE_FAMILIES: dict[str, tuple[str, ...]] = {
    family: tuple(names) for family, names in _NAMES.items()
}


class IbsiTexture:
    """Texture features of one discretised region; matrices are shared by all aggregations.

    Parameters
    ----------
    levels : ndarray of integers, shape (z, y, x) or (y, x)
        Grey levels 1, 2, ... inside the intensity mask and 0 outside. A picture is one slice.
    n_levels : int
        Number of levels that the discretisation allows (Ng), at least the largest level.
    distance_mask : ndarray of bool, optional
        Morphological mask, from whose edge the distances of zones are measured; default: the
        intensity mask.

    Raises
    ------
    EngineError
        When the array is not 2-D or 3-D, holds no integers or negative ones, when `n_levels` is
        smaller than the largest level, or when the mask has another shape.

    Notes
    -----
    Averages are over the matrices (slices, directions) for which a feature is defined. Where it
    is defined for none the value is NaN and the reason is given; so are the four features of
    the tone difference matrix for which the manual sets a substitute when they are undefined.

    References
    ----------
    Image biomarker standardisation initiative, reference manual, sections 3.6 to 3.11,
    doi 10.48550/arXiv.1612.07003.

    Examples
    --------
    >>> found = IbsiTexture(np.array([[[1, 1, 2], [2, 2, 2]]]), 2)
    >>> values, reasons = found.compute("rlm", "2d_avg")
    >>> round(values["sre"], 4), reasons
    (0.7884, {})
    >>> values, reasons = IbsiTexture(np.array([[[3]]]), 4).compute("cm", "3d_comb")
    >>> values["corr"], reasons["corr"]
    (nan, 'no two voxels of the region are neighbours')
    """

    def __init__(
        self,
        levels: NDArray[np.integer],
        n_levels: int,
        distance_mask: NDArray[np.bool_] | None = None,
    ) -> None:
        _check(levels, n_levels, distance_mask)
        self.n_levels = n_levels
        self._region = Region(levels, distance_mask) if levels.any() else None
        self._matrices: dict[tuple[str, bool], Counts] = {}

    def compute(self, family: str, aggregation: str) -> Result:
        """Return the features of a family under one aggregation.

        Parameters
        ----------
        family : str
            ``cm, rlm, szm, dzm, ngt`` or ``ngl``.
        aggregation : str
            ``2d_avg, 2d_comb, 2_5d_avg, 2_5d_comb, 3d_avg, 3d_comb`` for ``cm`` and ``rlm``,
            else ``2d, 2_5d, 3d``.

        Returns
        -------
        tuple of dict
            Values by registry name without aggregation, in registry order, and reasons for
            those that are NaN.

        Raises
        ------
        ConfigError
            When there is no such family or aggregation.
        EngineError
            For ``dzm``, when the distance mask does not hold the whole region.
        """
        names = _names(family, aggregation)
        if self._region is None:
            return undefined(names, EMPTY)
        with np.errstate(over="ignore"):
            by_matrix, why = self._by_matrix(family, aggregation)
        values = {name: _mean(by_matrix[name]) for name in names}
        return values, {name: why(name) for name, value in values.items() if np.isnan(value)}

    @property
    def _value_of(self) -> Integers:
        return self._there.levels.value_of

    @property
    def _there(self) -> Region:
        assert self._region is not None
        return self._region

    def _near(self, aggregation: str) -> Neighbourhood:
        return self._there.in_space if aggregation.startswith("3d") else self._there.in_plane

    def _counts(
        self, family: str, aggregation: str, make: Callable[[Neighbourhood], Counts]
    ) -> Counts:
        """Return the matrices that an aggregation asks for, from those kept of the family."""
        near = self._near(aggregation)
        key = (family, near.in_plane)
        if key not in self._matrices:
            self._matrices[key] = make(near)
        counts = self._matrices[key]
        n_planes, n_matrices = near.n_planes, counts.n_matrices
        direction, plane = np.divmod(np.arange(n_matrices), n_planes)
        if aggregation in ("2d_comb", "3d_comb"):
            return counts.merged(plane)
        if aggregation == "2_5d_avg":
            return counts.merged(direction)
        if aggregation in ("2_5d_comb", "2_5d"):
            return counts.merged(np.zeros_like(plane))
        return counts

    def _by_matrix(self, family: str, aggregation: str) -> _ByMatrix:
        """Return features of each matrix, and what tells why one is not defined."""
        if family == "cm":
            return self._cm(aggregation)
        if family == "ngt":
            return self._ngt(aggregation)
        counts = self._counts(family, aggregation, emphases.MATRICES[family])
        return emphases.compute(family, counts, self._value_of), _always

    def _cm(self, aggregation: str) -> _ByMatrix:
        pairs = self._counts("cm", aggregation, Neighbourhood.pairs)
        reason = cooccurrence.ONE_LEVEL if pairs.count.size else cooccurrence.NO_PAIRS
        return cooccurrence.compute(pairs, self._value_of, self.n_levels), lambda _: reason

    def _ngt(self, aggregation: str) -> _ByMatrix:
        near = self._near(aggregation)
        tones = tone_difference.matrix(near, merged=aggregation == "2_5d")
        empty = not any(one.n.size for one in tones)
        one_level = all(one.n.size < 2 for one in tones)
        return tone_difference.compute(tones), lambda name: tone_difference.why(
            name, empty=empty, one_level=one_level
        )


_ByMatrix = tuple[dict[str, Floats], Callable[[str], str]]


def texture(
    levels: NDArray[np.integer],
    n_levels: int,
    family: str,
    aggregation: str,
    mask_for_distance: NDArray[np.bool_] | None = None,
) -> Result:
    """Return the features of one family under one aggregation.

    Parameters are those of :class:`IbsiTexture` and :meth:`IbsiTexture.compute`; use these for
    more than one aggregation, as they compute matrices once.

    Examples
    --------
    >>> values, reasons = texture(np.array([[[1, 1, 2], [2, 2, 2]]]), 2, "szm", "3d")
    >>> values["lze"], values["z_perc"].__round__(4)
    (10.0, 0.3333)
    >>> texture(np.array([[[1, 2]]]), 2, "ngt", "3d_avg")
    Traceback (most recent call last):
    radiofib.errors.ConfigError: texture family 'ngt': unknown aggregation '3d_avg' (expected 2d,
    2_5d, 3d).
    """
    return IbsiTexture(levels, n_levels, mask_for_distance).compute(family, aggregation)


def _names(family: str, aggregation: str) -> tuple[str, ...]:
    check_known(family, _NAMES, what="texture family of IBSI", error=ConfigError)
    where = f"texture family {family!r}"
    check_known(aggregation, _NAMES[family], what="aggregation", where=where, error=ConfigError)
    return _NAMES[family][aggregation]


def _check(
    levels: NDArray[np.integer], n_levels: int, distance_mask: NDArray[np.bool_] | None
) -> None:
    highest = highest_level(levels)
    if highest > n_levels:
        raise EngineError(
            "a grey level is above the number of levels",
            expected=f"levels up to {n_levels}",
            found=str(highest),
        )
    if distance_mask is not None and distance_mask.shape != levels.shape:
        raise EngineError(
            "the mask for distances has another shape than the grey levels",
            expected=str(levels.shape),
            found=str(distance_mask.shape),
        )


def _always(name: str) -> str:
    raise EngineError(f"feature {name!r} is defined for every region")


def _mean(values: Floats) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")
