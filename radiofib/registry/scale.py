"""The natural scale of a feature: what a difference is judged against where values come near 0.

A value in which terms cancel (a mean, a moment around the mean) has the size of these terms as
its scale. A sum of positive terms loses nothing by cancelling, so its scale is the least value
it has in a region that is not degenerate, and a difference counts in shares of the value itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Protocol

from radiofib._checks import nearest
from radiofib.errors import ConfigError, UsageError

__all__ = ["SYMBOLS", "natural_scale", "parse_scale"]

#: What scales are made of: largest absolute intensity, largest grey level, number of voxels,
#: and size of the region in mm.
SYMBOLS = ("grey", "levels", "voxels", "mm")
_FACTOR = re.compile(r"([a-z]+)(?:\^(-?[1-9][0-9]?))?")


class Scaled(Protocol):
    """Anything with the name and the scale of a feature."""

    @property
    def key(self) -> str:
        """``family_name``."""

    @property
    def scale(self) -> str:
        """Scale in the grammar of :func:`parse_scale`."""


def parse_scale(text: str, *, where: str | None = None) -> dict[str, int]:
    """Return the powers of a scale, by symbol.

    A scale is ``1``, or symbols of :data:`SYMBOLS` joined by ``*``, each at most once, with a
    whole power after ``^`` that may be negative.

    Parameters
    ----------
    text : str
        The scale as written in the registry.
    where : str, optional
        The feature it belongs to, for messages.

    Raises
    ------
    ConfigError
        When it is not written so.

    Examples
    --------
    >>> parse_scale("levels^2*voxels"), parse_scale("mm^-1"), parse_scale("1")
    ({'levels': 2, 'voxels': 1}, {'mm': -1}, {})
    >>> parse_scale("level^2")
    Traceback (most recent call last):
    radiofib.errors.ConfigError: not a natural scale: 'level^2' (expected 1, or powers of grey,
    levels, voxels, mm joined by '*', such as levels^2*voxels). Next: did you mean 'levels'?
    """
    if text == "1":
        return {}
    found: dict[str, int] = {}
    for part in text.split("*"):
        match = _FACTOR.fullmatch(part)
        if match is None or match.group(1) not in SYMBOLS or match.group(1) in found:
            close = nearest(match.group(1), SYMBOLS) if match and match.group(1) else None
            raise ConfigError(
                f"not a natural scale: {text!r}",
                where=where,
                expected=f"1, or powers of {', '.join(SYMBOLS)} joined by '*', "
                "such as levels^2*voxels",
                hint=f"did you mean {close!r}?"
                if close and match and close != match.group(1)
                else None,
            )
        found[match.group(1)] = int(match.group(2) or 1)
    return found


def natural_scale(spec: Scaled, *, grey: float, levels: float, voxels: float, mm: float) -> float:
    """Return the natural scale of a feature for one region, in the unit of the feature.

    Two values a and b of a feature agree to a tolerance t when
    ``|a - b| <= t max(|b|, natural scale)``.

    Parameters
    ----------
    spec : FeatureSpec
        The feature.
    grey : float
        Largest absolute intensity in the region, after filtering.
    levels : float
        Largest grey level in the region.
    voxels : float
        Number of voxels of the region.
    mm : float
        Size of the region in mm: its largest diameter.

    Raises
    ------
    UsageError
        When a quantity that the scale needs is not finite, negative, or 0 under a negative
        power.

    Examples
    --------
    >>> from radiofib.registry import FEATURES
    >>> region = {"grey": 200.0, "levels": 8, "voxels": 1000, "mm": 30.0}
    >>> natural_scale(FEATURES["firstorder_variance"], **region)
    40000.0
    >>> natural_scale(FEATURES["glcm_cluster_shade"], **region)
    64.0
    >>> natural_scale(FEATURES["firstorder_skewness"], **region)
    1.0
    """
    given: Mapping[str, float] = {"grey": grey, "levels": levels, "voxels": voxels, "mm": mm}
    scale = 1.0
    for symbol, power in parse_scale(spec.scale, where=spec.key).items():
        value = float(given[symbol])
        if not 0 <= value < float("inf") or (value == 0 and power < 0):
            raise UsageError(
                f"the natural scale of {spec.key} needs {symbol!r} as a finite number "
                f"{'above 0' if power < 0 else 'of 0 or more'}",
                found=str(value),
            )
        scale *= value**power
    return scale
