"""What looks wrong in a case although its features could be computed: for a person to look at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd

from radiofib.table import FeatureTable

__all__ = ["Doubt", "doubts_entry", "doubts_in", "doubts_of", "equal_channels"]

_KEY = "doubts"


class Doubt(NamedTuple):
    """One thing to look at.

    Parameters
    ----------
    case, instance, channel : str
        Whose; `channel` is "" when it is about several.
    doubt : str
        What looks wrong, such as a mask whose edge is no edge of the image, a file of another
        sequence, or swapped phases.
    """

    case: str
    instance: str
    channel: str
    doubt: str


def equal_channels(features: Mapping[str, Mapping[str, float | None]]) -> dict[str, str]:
    """Find channels of one case whose features are all equal: one image under two names.

    Parameters
    ----------
    features : mapping
        Channel to its columns and values; columns begin with the channel.

    Returns
    -------
    dict
        Channel to what is to be looked at.

    Examples
    --------
    >>> equal_channels({"t2": {"t2_mean": 3.5}, "ged1": {"ged1_mean": 3.5}, "t1": {"t1_mean": 4.0}})
    {'t2': 'features of t2 and ged1 are equal to the last digit: is one file a copy of the other?',
    'ged1': 'features of t2 and ged1 are equal to the last digit: is one file a copy of the other?'}
    """
    same: dict[tuple[tuple[str, float | None], ...], list[str]] = {}
    for channel, values in features.items():
        known = tuple((k.removeprefix(channel), v) for k, v in values.items() if v is not None)
        if known:
            same.setdefault(known, []).append(channel)
    return {
        channel: f"features of {' and '.join(twins)} are equal to the last digit: is one file a "
        "copy of the other?"
        for twins in same.values()
        if len(twins) > 1
        for channel in twins
    }


def doubts_entry(doubts: Iterable[Sequence[str]]) -> dict[str, Any]:
    """Return the entry of a table's provenance; nothing when there is no doubt.

    Examples
    --------
    >>> doubts_entry([Doubt("a", "", "t1", "why")]), doubts_entry([])
    ({'doubts': [['a', '', 't1', 'why']]}, {})
    """
    found = [list(one) for one in doubts]
    return {_KEY: found} if found else {}


def doubts_of(table: FeatureTable) -> pd.DataFrame:
    """Return the doubts about the cases of a table: ``case, instance, channel, doubt``.

    Examples
    --------
    >>> table = FeatureTable(pd.DataFrame({"x": [1.0]}), pd.DataFrame({"case": ["a"]}),
    ...                      provenance={"doubts": [["a", "", "t1", "why"]]})
    >>> doubts_of(table)["doubt"].tolist()
    ['why']
    """
    rows = list(doubts_in(table.provenance))
    return pd.DataFrame(rows, columns=list(Doubt._fields), dtype="str")


def doubts_in(*provenances: Mapping[str, Any]) -> Iterator[list[str]]:
    """Yield the doubts that provenances hold, those of joined tables too.

    Examples
    --------
    >>> list(doubts_in({"parts": [{"doubts": [["a", "", "t1", "why"]]}, {}]}))
    [['a', '', 't1', 'why']]
    """
    for one in provenances:
        yield from one.get(_KEY, ())
        yield from doubts_in(*one.get("parts", ()))
