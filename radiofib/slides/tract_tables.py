"""The table of tracts as a feature table: what each column is, and why a value is missing."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from radiofib.slides.pieces import MAKER
from radiofib.slides.specs import column
from radiofib.slides.specs.detail import TRACT_DETAIL_SPECS
from radiofib.slides.specs.tracts import TRACT_REGISTRY, tract_codebook
from radiofib.table import MISSING_COLUMNS, FeatureTable

__all__ = ["tract_features"]

#: Number of the tract: it names a row, as the case does.
_NUMBER = "tract"
_DETAIL = {spec.name for spec in TRACT_DETAIL_SPECS}
#: Why a value is missing, where the slide does not say it for all of its tracts.
_REASONS = {"nearest_tract_um": "no other tract in its fragment"}
_NO_ZONE = "no interface zone: no tissue around it that is nearer to no other tract"
_NO_CELLS = "no pixels of the tract to measure in"
_NO_SHAPE = "not defined for this shape"


def tract_features(tracts: pd.DataFrame, slides: FeatureTable) -> FeatureTable:
    """Describe the tracts of some slides, so that they can be exported with labels and reasons.

    Parameters
    ----------
    tracts : DataFrame
        As :func:`~radiofib.slides.tract_table` returns it.
    slides : FeatureTable
        The slides that they are on: what was not measured on a slide is missing for its tracts.

    Returns
    -------
    FeatureTable
        One row for each tract; `obs` has ``case``, ``tract`` and who labelled the slide. Reasons
        name the tract as ``instance``.

    Examples
    --------
    >>> none = pd.DataFrame(columns=["case", *(s.name for s in TRACT_REGISTRY), *MAKER])
    >>> empty = FeatureTable(pd.DataFrame(), pd.DataFrame({"case": []}))
    >>> tract_features(none, empty).n_features
    26
    """
    names = [spec.name for spec in TRACT_REGISTRY if spec.name != _NUMBER]
    facts = slides.provenance
    book = tract_codebook(classical=facts.get("segmentation", {}).get("source") == "classical")
    asked = column("portal_nuclei_count")
    of_slide = slides.missing[slides.missing["column"] == asked]
    unmeasured = dict(zip(of_slide["case"], of_slide["reason"], strict=True))
    X = pd.DataFrame({name: _numbers(tracts[name]) for name in names}).reset_index(drop=True)
    obs = tracts[["case", _NUMBER, *MAKER]].reset_index(drop=True)
    obs[_NUMBER] = obs[_NUMBER].astype("int64")
    missing = [
        (case, str(number), name, _reason(name, case, unmeasured))
        for case, number, gaps in zip(obs["case"], obs[_NUMBER], X.isna().to_numpy(), strict=True)
        for name, gap in zip(names, gaps, strict=True)
        if gap
    ]
    return FeatureTable(
        X,
        obs,
        book[book["column"] != _NUMBER].reset_index(drop=True),
        pd.DataFrame(missing, columns=list(MISSING_COLUMNS), dtype="str"),
        {**facts, "kind": "tracts"},
    )


def _numbers(values: pd.Series) -> pd.Series:
    """Return a column as numbers, whole ones as such: a count of 2 is no 2.0 in the CSV."""
    whole = pd.api.types.is_integer_dtype(values.dtype)
    return values if whole else values.astype("float64")


def _reason(name: str, case: str, unmeasured: Mapping[str, str]) -> str:
    if name not in _DETAIL:
        return _REASONS.get(name, _NO_SHAPE)
    return unmeasured.get(case, _NO_ZONE if name.startswith("interface") else _NO_CELLS)
