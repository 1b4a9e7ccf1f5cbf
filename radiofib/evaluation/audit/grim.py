"""Whether a published percentage can have come from that many cases."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from radiofib.errors import TableError, UsageError
from radiofib.table import read_frame

__all__ = ["GRIM_COLUMNS", "Grim", "grim", "grim_table", "read_percentages"]

GRIM_COLUMNS = ("percent", "n", "fits", "count", "denominators")


@dataclass(frozen=True)
class Grim:
    """Whether a percentage can come from n cases.

    Parameters
    ----------
    percent : str
        As published.
    n : int
    fits : bool
        Whether some whole number of n cases gives it after rounding.
    count : int
        That number, or the nearest.
    denominators : tuple of int
        Numbers of cases near n that give it.
    """

    percent: str
    n: int
    fits: bool
    count: int
    denominators: tuple[int, ...]


def grim(percent: str | float, n: int, *, decimals: int | None = None, reach: float = 0.1) -> Grim:
    """Check a percentage against the number of cases it is said to come from.

    A share of n cases is a whole number over n, so at n = 120 only 121 percentages exist. That
    one does not arise is a fact, not a verdict: cases may have been left out, or figures
    averaged. ``denominators`` lists the numbers of cases within `reach` of n that do give it.

    Parameters
    ----------
    percent : str or float
        Best as text, as published: ``"70.00"`` has two decimals, ``70.0`` one.
    n : int
        Number of cases.
    decimals : int, optional
        Decimals that were published; by default those of `percent`.
    reach : float
        How far from n denominators are looked for, as a share of n.

    References
    ----------
    Brown NJL, Heathers JAJ. The GRIM test. Soc Psychol Personal Sci 2017;8:363-369.

    Examples
    --------
    >>> grim("74.58", 120)
    Grim(percent='74.58', n=120, fits=False, count=89, denominators=(118,))
    >>> grim("47.50", 120).fits, grim("92.86", 70).count
    (True, 65)
    """
    text = str(percent).strip().removesuffix("%").strip()
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 100:
        raise UsageError("not a percentage", expected="0 to 100", found=repr(str(percent)))
    if n < 1:
        raise UsageError("number of cases must be positive", found=str(n))
    digits = len(text.partition(".")[2]) if decimals is None else decimals
    most = max(1, round(reach * n))
    near = range(max(1, n - most), n + most + 1)
    return Grim(
        text,
        n,
        _arises(value, n, digits),
        round(value / 100 * n),
        tuple(m for m in near if _arises(value, m, digits)),
    )


def _arises(value: float, n: int, digits: int) -> bool:
    """Tell whether k / n rounds to the value, half up or half to even alike."""
    half = 0.5 * 10.0**-digits * (1 + 1e-9)
    return abs(100 * round(value / 100 * n) / n - value) <= half


def grim_table(percents: Iterable[str | float], n: int, decimals: int = 2) -> pd.DataFrame:
    """Return :func:`grim` of many percentages: :data:`GRIM_COLUMNS`.

    Examples
    --------
    >>> grim_table(["47.5", "73.11"], 120)["denominators"].tolist()
    ['120', '119']
    """
    found = [grim(p, n, decimals=decimals) for p in percents]
    rows: list[dict[str, Any]] = [
        {
            "percent": g.percent,
            "n": g.n,
            "fits": g.fits,
            "count": g.count,
            "denominators": " ".join(map(str, g.denominators)),
        }
        for g in found
    ]
    return pd.DataFrame(rows, columns=list(GRIM_COLUMNS))


def read_percentages(path: str | Path, n: int | None = None, decimals: int = 2) -> pd.DataFrame:
    """Check every percentage of a table: column ``percent``, and ``n`` unless one is given.

    Other columns are kept in front of :data:`GRIM_COLUMNS`.

    Raises
    ------
    TableError
        When a column is missing or a cell is no percentage, naming the row.
    """
    path = Path(path)
    frame = read_frame(path, text=("percent",))
    if "percent" not in frame:
        raise TableError("column 'percent' is missing", where=path.name)
    if n is None and "n" not in frame:
        raise TableError("the number of cases is not known", where=path.name, hint="give --n")
    parts = []
    for row, text in enumerate(frame["percent"]):
        size = n if n is not None else _count(frame["n"].iloc[row], path, row)
        try:
            parts.append(grim_table([str(text)], size, decimals))
        except UsageError as error:
            place = f"{path.name}, row {row + 2}, column 'percent'"
            raise TableError(error.problem, where=place, found=error.found) from error
    others = frame.drop(columns=[c for c in GRIM_COLUMNS if c in frame])
    checked = pd.concat(parts, ignore_index=True) if parts else grim_table([], 1)
    return pd.concat([others.reset_index(drop=True), checked], axis=1)


def _count(value: Any, path: Path, row: int) -> int:
    number = pd.to_numeric(value, errors="coerce")
    if pd.isna(number) or number < 1 or number != int(number):
        raise TableError(
            "not a number of cases",
            where=f"{path.name}, row {row + 2}, column 'n'",
            found=str(value),
        )
    return int(number)
