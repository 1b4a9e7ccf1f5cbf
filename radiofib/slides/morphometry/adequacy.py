"""Whether a biopsy is large enough, by five published rules side by side.

The rules disagree, and none of them says what a measurement by machine needs; so there is no
single verdict.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["PRESETS", "AdequacyRule", "adequacy"]


@dataclass(frozen=True)
class AdequacyRule:
    """One published minimum.

    Parameters
    ----------
    key : str
        Name in columns.
    name : str
        Name for readers.
    length_mm : float
        Least total core length.
    tracts : int
        Fewest portal tracts; 0 when the rule does not ask.
    complete : bool
        Whether only complete tracts count.
    citation : str
        Source.
    """

    key: str
    name: str
    length_mm: float
    tracts: int
    complete: bool
    citation: str


_RCPATH = (
    "Royal College of Pathologists, Tissue pathways for liver biopsies for the investigation of "
    "medical disease and for focal lesions"
)

#: In the order of their columns.
PRESETS = (
    AdequacyRule("rcpath_minimum", "RCPath minimum", 10.0, 6, False, _RCPATH),
    AdequacyRule("rcpath_optimum", "RCPath optimum", 20.0, 11, False, _RCPATH),
    AdequacyRule(
        "aasld_2009",
        "AASLD 2009",
        20.0,
        11,
        False,
        "Rockey et al. 2009, Hepatology 49:1017-1044",
    ),
    AdequacyRule(
        "colloredo_2003",
        "Colloredo 2003",
        20.0,
        11,
        True,
        "Colloredo et al. 2003, J Hepatol 39:239-244",
    ),
    AdequacyRule(
        "bedossa_2003", "Bedossa 2003", 25.0, 0, False, "Bedossa et al. 2003, Hepatology 38:1449-57"
    ),
)


def adequacy(length_mm: float, tracts: float, complete: float) -> dict[str, float]:
    """Judge a biopsy by each rule.

    Parameters
    ----------
    length_mm : float
        Total core length; NaN when not known.
    tracts, complete : float
        Portal tracts, all and complete; NaN when not counted.

    Returns
    -------
    dict
        Key of the rule -> 1 met, 0 not met, NaN not known. A rule of which one part fails is not
        met, whatever the part that is not known.

    Examples
    --------
    >>> adequacy(22.0, 12.0, 9.0)
    {'rcpath_minimum': 1.0, 'rcpath_optimum': 1.0, 'aasld_2009': 1.0, 'colloredo_2003': 0.0,
     'bedossa_2003': 0.0}
    >>> adequacy(15.0, float("nan"), float("nan"))["aasld_2009"]
    0.0
    >>> adequacy(30.0, float("nan"), float("nan"))["aasld_2009"]
    nan
    """
    return {
        rule.key: _all(
            _reaches(length_mm, rule.length_mm),
            _reaches(complete if rule.complete else tracts, rule.tracts) if rule.tracts else 1.0,
        )
        for rule in PRESETS
    }


def _reaches(value: float, least: float) -> float:
    return math.nan if math.isnan(value) else float(value >= least)


def _all(*parts: float) -> float:
    if 0.0 in parts:
        return 0.0
    return math.nan if any(math.isnan(p) for p in parts) else 1.0
