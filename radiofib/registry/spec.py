"""What a feature is: one frozen record that drives extraction, codebook, documentation, tests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from radiofib._checks import nearest
from radiofib.errors import ConfigError
from radiofib.registry.names import column_name
from radiofib.registry.scale import parse_scale

__all__ = ["IBSI_FAMILIES", "FeatureSpec", "Registry"]

#: IBSI's tags of its families.
IBSI_FAMILIES = ("morph", "loc", "stat", "ih", "ivh", "cm", "rlm", "szm", "dzm", "ngt", "ngl")
Applies = Literal["2d", "3d", "both", "slide", "case"]


@dataclass(frozen=True)
class FeatureSpec:
    """One feature, independent of channel and filter.

    Parameters
    ----------
    name : str
        Snake-case name (``joint_average``).
    family : str
        Feature family (``glcm``, ``firstorder``, ``morphometry`` ...).
    unit : str
        Unit of the value: ``mm``, ``mm2``, ``mm3``, ``1`` for dimensionless, ``grey`` for the
        unit of the image, ``grey2`` for its square.
    label : str
        Short human name, shown as variable label in R and SPSS.
    formula : str
        Formula in plain text; symbols as in the citation.
    citation : str
        Where the definition is.
    ibsi_code : str
        Permanent IBSI identifier, or "" when IBSI does not define it.
    pyradiomics_name : str
        ``glcm_JointAverage``, or "" when pyradiomics does not have it.
    applies : {"2d", "3d", "both", "slide", "case"}
        Which regions it is defined for.
    ibsi_note : str
        In what the value departs from IBSI, if it does.
    deprecated : bool
        True when it repeats another feature and is only computed when asked for by name.
    scale : str
        Natural scale of the value, against which a difference is judged where the value itself
        is close to 0: powers of ``grey`` (largest absolute intensity), ``levels`` (largest grey
        level), ``voxels`` (number of voxels) and ``mm`` (largest diameter), joined by ``*``, such
        as ``levels^2*voxels`` or ``mm^-1``; ``1`` for none. See
        :func:`radiofib.registry.natural_scale`.
    aggregation : str
        How values of directions and slices become one, in IBSI's terms (``3d_avg``), or "".

    Examples
    --------
    >>> spec = FeatureSpec("mean", "firstorder", "grey", "mean intensity", "sum(x)/N", "IBSI 2020")
    >>> spec.column("t1", "original")
    't1_original_firstorder_mean'
    """

    name: str
    family: str
    unit: str
    label: str
    formula: str
    citation: str
    ibsi_code: str = ""
    pyradiomics_name: str = ""
    applies: Applies = "both"
    ibsi_note: str = ""
    deprecated: bool = False
    scale: str = "1"
    aggregation: str = ""

    @property
    def ibsi_profile(self) -> bool:
        """True when the name is IBSI's own tag: a feature of profile ``ibsi``."""
        return self.family in IBSI_FAMILIES

    @property
    def key(self) -> str:
        """``family_name``, unique in the registry."""
        return f"{self.family}_{self.name}"

    def column(self, channel: str, image: str = "original") -> str:
        """Return the column this feature fills for a channel and an image token."""
        return column_name(channel, image, self.family, self.name)

    def applies_to(self, ndim: int) -> bool:
        """Tell whether the feature is defined for a region with `ndim` axes."""
        return self.applies == "both" or self.applies == f"{ndim}d"


class Registry:
    """An ordered, read-only collection of :class:`FeatureSpec`.

    Raises
    ------
    ConfigError
        When two features share a key, or a natural scale is not well written.

    Examples
    --------
    >>> mean = FeatureSpec("mean", "firstorder", "grey", "mean intensity", "sum(x)/N", "IBSI")
    >>> registry = Registry([mean])
    >>> registry["firstorder_mean"].unit, len(registry), registry.families
    ('grey', 1, ('firstorder',))
    """

    def __init__(self, specs: Iterable[FeatureSpec]) -> None:
        self._by_key: dict[str, FeatureSpec] = {}
        for spec in specs:
            if spec.key in self._by_key:
                raise ConfigError("feature is registered twice", found=spec.key)
            parse_scale(spec.scale, where=spec.key)
            self._by_key[spec.key] = spec
        self._by_pyradiomics = {
            s.pyradiomics_name: s for s in self._by_key.values() if s.pyradiomics_name
        }

    def __getitem__(self, key: str) -> FeatureSpec:
        try:
            return self._by_key[key]
        except KeyError:
            close = nearest(str(key), self._by_key)
            raise ConfigError(
                f"no feature {key!r} in the registry",
                hint=f"did you mean {close!r}?" if close else None,
            ) from None

    def __contains__(self, key: object) -> bool:
        return key in self._by_key

    def __iter__(self) -> Iterator[FeatureSpec]:
        return iter(self._by_key.values())

    def __len__(self) -> int:
        return len(self._by_key)

    @property
    def families(self) -> tuple[str, ...]:
        """Families in registration order."""
        return tuple(dict.fromkeys(spec.family for spec in self))

    def from_pyradiomics(self, name: str) -> FeatureSpec:
        """Return the spec of pyradiomics' ``class_Feature`` name."""
        try:
            return self._by_pyradiomics[name]
        except KeyError:
            raise ConfigError(f"pyradiomics feature {name!r} is not registered") from None
