"""What becomes of a feature when the instances of a case (slices, windows, patches) are one row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from radiofib.registry.spec import FeatureSpec

__all__ = ["INSTANCE", "STATISTICS", "base_family", "statistic_of", "statistic_spec"]

#: Statistic of the instances of a case -> what its family begins with. Three letters: with them
#: the longest feature of a channel of four letters has just 63.
STATISTICS: Mapping[str, str] = MappingProxyType(
    {
        "mean": "avg",
        "sd": "std",
        "q10": "q10",
        "q25": "q25",
        "q50": "q50",
        "q75": "q75",
        "q90": "q90",
    }
)
_BY_PREFIX = {prefix: name for name, prefix in STATISTICS.items()}
_LABELS = {"mean": "mean of", "sd": "SD of", "q50": "median of"}
_LABELS |= {q: f"{q[1:]}th percentile of" for q in ("q10", "q25", "q75", "q90")}
_FORMULAS = {
    "mean": "sum(f) / n over the n instances of a case that have a value",
    "sd": "sqrt(sum((f - mean)^2) / (n - 1)) over the n instances of a case that have a value",
}
_QUANTILE = "quantile {share} (linear between order statistics) over the instances of a case"

#: Facts of the instances themselves.
INSTANCE = (
    FeatureSpec(
        "count",
        "instance",
        "1",
        "number of instances",
        "instances of a channel of which anything was measured; it grows with the organ and falls "
        "with the distance of slices, so it tells the scanner too",
        "radiofib",
        applies="case",
    ),
)


def statistic_of(family: str) -> str | None:
    """Return the statistic that a family is of; None for a family of features as measured.

    Examples
    --------
    >>> statistic_of("q10glcm"), statistic_of("glcm")
    ('q10', None)
    """
    return _BY_PREFIX.get(family[:3]) if len(family) > 3 else None


def base_family(family: str) -> str:
    """Return the family of the features that a family of statistics is of.

    Examples
    --------
    >>> base_family("avgfirstorder"), base_family("firstorder")
    ('firstorder', 'firstorder')
    """
    return family[3:] if statistic_of(family) else family


def statistic_spec(spec: FeatureSpec, statistic: str) -> FeatureSpec:
    """Return a statistic of a feature over the instances of a case.

    The family is the short form of the statistic and the family of the feature.

    Examples
    --------
    >>> mean = FeatureSpec("mean", "firstorder", "grey", "mean intensity", "sum(x) / N", "IBSI")
    >>> found = statistic_spec(mean, "q90")
    >>> found.column("ged4"), found.label
    ('ged4_original_q90firstorder_mean', '90th percentile of mean intensity')
    """
    text = _FORMULAS.get(statistic) or _QUANTILE.format(share=f".{statistic[1:]}")
    return replace(
        spec,
        family=f"{STATISTICS[statistic]}{spec.family}",
        label=f"{_LABELS[statistic]} {spec.label}",
        formula=f"{text}; f = {spec.formula}",
        ibsi_code="",
        pyradiomics_name="",
        ibsi_note="",
        applies="case",
    )
