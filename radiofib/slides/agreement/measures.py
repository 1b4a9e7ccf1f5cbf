"""Counts, areas and lengths of slides against readers, and of readers against each other."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd

from radiofib._checks import list_some
from radiofib.errors import TableError, UsageError
from radiofib.slides.agreement.readings import Readings
from radiofib.slides.specs import SLIDE_REGISTRY, column
from radiofib.stats import (
    count_agreement,
    measurement_agreement,
    stage_association,
)
from radiofib.table import read_frame

__all__ = ["AGREEMENT_COLUMNS", "OURS", "read_slides", "reader_agreement"]

#: Columns of a table of agreement.
AGREEMENT_COLUMNS = (
    *("first", "second", "measure", "metric", "estimate", "ci_low", "ci_high", "p", "n"),
    *("method", "note"),
)
#: Name of the measures that are not a reader's.
OURS = "radiofib"
_AREA, _LENGTH = "morphometry_tissue_area_mm2", "morphometry_core_length_mm"
#: Measures that are set against a reader's stage, where the slides have them.
_BY_STAGE = (
    *("portal_area_percent", "collagen_percent", "collagen_without_capsule_percent"),
    "collagen_without_structural_percent",
)


def read_slides(path: str | Path) -> tuple[pd.DataFrame, str]:
    """Read the measures of slides by case, columns by key of the registry.

    Parameters
    ----------
    path : path
        ``slides.csv`` or ``slides.parquet`` of ``radiofib slides run``, an export of it, or the
        folder of the run.

    Returns
    -------
    DataFrame
        Measures, and ``mpp_x_um`` where the table has it.
    str
        How they are called beside readers; a pixel classifier is not to pass for a network.

    Raises
    ------
    TableError
        When the table cannot be read, holds no measure of slides, or a case twice.
    """
    path = Path(path)
    if path.is_dir():
        path = path / "slides.parquet"
    if not path.is_file():
        raise TableError(
            "no such table of slides",
            where=str(path),
            hint="give slides.csv, slides.parquet or the folder of 'radiofib slides run'",
        )
    frame = read_frame(path)
    known = {column(spec.key): spec.key for spec in SLIDE_REGISTRY}
    measures = [str(c) for c in frame if str(c) in known]
    if "case" not in frame or not measures:
        raise TableError(
            "not a table of slides",
            where=path.name,
            expected="case, and measures of 'radiofib slides run'",
            found=list_some(frame.columns, 5),
            hint="name slides.csv, slides.parquet or the folder of a run",
        )
    cases = frame["case"].astype(str)
    if cases.duplicated().any():
        twice = list_some(cases[cases.duplicated()].unique())
        raise TableError("a case has two rows", where=path.name, found=twice)
    wanted = [*measures, *(c for c in ("mpp_x_um",) if c in frame)]
    numbers = frame[wanted].astype("float64").rename(columns=known)
    sources = frame.get("segmentation_source", pd.Series(dtype=str))
    name = f"{OURS} (classical)" if "classical" in set(sources) else OURS
    return numbers.set_axis(cases.to_numpy(), axis=0), name


def reader_agreement(
    slides: pd.DataFrame, readings: Readings, level: float = 0.95, *, ours: str = OURS
) -> pd.DataFrame:
    """Return how far slides agree with readers, and readers with each other.

    Counts have weighted kappa by the distance of the counts as numbers, ICC(A,1) and the limits
    of Bland and Altman; areas and lengths ICC(A,1), limits and Pearson's correlation; see
    :func:`radiofib.stats.count_agreement` and its neighbours. Differences are first minus second.
    Tissue area is correlated with core length, as is published, and areas of portal tract and
    collagen in percent with a reader's stage by Spearman, Jonckheere and Pearson.

    Parameters
    ----------
    slides : DataFrame
        As :func:`read_slides` returns it.
    readings : Readings
        Of the same cases; what only one of the two has is left out.
    level : float
        Of the intervals.
    ours : str
        How the slides are called beside readers.

    Returns
    -------
    DataFrame
        :data:`AGREEMENT_COLUMNS`; what cannot be computed has no estimate and a note that says
        why.

    Raises
    ------
    TableError
        When no case is in both.

    Examples
    --------
    >>> cases = ["a", "b", "c", "d"]
    >>> slides = pd.DataFrame({"portal_tract_count": [5.0, 9, 12, 7]}, index=cases)
    >>> reader = pd.DataFrame({"portal_tract_count": [6.0, 9, 11, 7]}, index=cases)
    >>> frame = reader_agreement(slides, Readings({"A": reader}))
    >>> frame[["second", "metric", "estimate", "n"]].round(3).values.tolist()[:2]
    [['A', 'quadratic_weighted_kappa', 0.952, 4], ['A', 'linear_weighted_kappa', 0.81, 4]]
    """
    both = sorted(readings.cases & set(slides.index))
    if not both:
        raise TableError(
            "no case is in both tables",
            expected=f"cases such as {list_some(slides.index, 3)}",
            found=list_some(sorted(readings.cases), 3),
            hint="name cases as the slides are named, without suffix",
        )
    frames: list[pd.DataFrame] = []
    own = slides.loc[both]
    sources = {ours: own, **{n: f.reindex(both) for n, f in readings.readers.items()}}
    for (one, first), (other, second) in itertools.combinations(sources.items(), 2):
        for key, found in _compared(first, second, level):
            frames.append(_told(found, one, other, key))
    for name, theirs in sources.items():
        if _LENGTH in theirs and _AREA in own:
            found = _tried(_area_and_length, own[_AREA], theirs[_LENGTH], level)
            frames.append(_told(found, ours, name, f"{_AREA} with {_LENGTH}"))
        if "stage" in theirs and name != ours:
            for key in (k for k in _BY_STAGE if k in own and own[k].notna().any()):
                found = _tried(_by_stage, own[key], theirs["stage"], level)
                frames.append(_told(found, ours, name, f"{key} with stage"))
    return pd.concat(frames, ignore_index=True)


Compare = Callable[[pd.Series, pd.Series, float], pd.DataFrame]


def _compared(
    first: pd.DataFrame, second: pd.DataFrame, level: float
) -> Iterator[tuple[str, pd.DataFrame]]:
    for spec in SLIDE_REGISTRY:
        key = spec.key
        if key not in first or key not in second:
            continue
        counts = key.endswith("_count")
        compare = count_agreement if counts else measurement_agreement
        found = _tried(compare, first[key], second[key], level)
        # By position among the counts that occur 18 and 30 are as near as 5 and 6.
        yield key, found[~found["metric"].astype(str).str.endswith("_by_position")]


def _tried(compare: Compare, first: pd.Series, second: pd.Series, level: float) -> pd.DataFrame:
    """Compare two columns; too few cases cost their own rows only."""
    try:
        return compare(first, second, level)
    except UsageError as error:
        n = int((first.notna() & second.notna()).sum())
        text = error.problem + (f": found {error.found}" if error.found else "")
        return pd.DataFrame([{"metric": "none", "n": n, "method": "none", "note": text}])


def _area_and_length(area: pd.Series, length: pd.Series, level: float) -> pd.DataFrame:
    found = measurement_agreement(area, length, level)
    return found[found["metric"] == "pearson"]


def _by_stage(values: pd.Series, stage: pd.Series, level: float) -> pd.DataFrame:
    known = stage.dropna()
    if known.empty or (known % 1 != 0).any():
        wrong = "none" if known.empty else list_some(known[known % 1 != 0].unique())
        raise UsageError("stages must be whole numbers", found=wrong)
    lowest = float(known.min())
    return stage_association(values, stage - lowest, int(known.max() - lowest) + 1, level)


def _told(found: pd.DataFrame, first: str, second: str, measure: str) -> pd.DataFrame:
    names = found.assign(first=first, second=second, measure=measure)
    return names.reindex(columns=list(AGREEMENT_COLUMNS)).astype(
        dict.fromkeys(("estimate", "ci_low", "ci_high", "p"), "float64")
    )
