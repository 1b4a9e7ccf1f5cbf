"""What a stored stager takes along to new cases, and what it says of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from radiofib._checks import list_some
from radiofib.errors import ModelError
from radiofib.evaluation import predict_table
from radiofib.evaluation.apply import scanner_names
from radiofib.evaluation.companion import Companion, companion_path
from radiofib.evaluation.quality import QUALITY_COLUMNS, quality_words
from radiofib.evaluation.stored_thresholds import Thresholds
from radiofib.staging import BaseStager, StagerInputError, stager_frame
from radiofib.staging.distance import TrainingDistance
from radiofib.staging.inputs import LARGEST
from radiofib.table import FeatureTable
from radiofib.table.columns import names_of

__all__ = [
    "Prediction",
    "judge_predictions",
    "predict_possible",
    "unseen_note",
    "without_infinite_rows",
    "write_companion",
]


@dataclass(frozen=True, eq=False)
class Prediction:
    """Predictions of new cases, and how far they can be relied on.

    Parameters
    ----------
    predictions : DataFrame
        As :func:`radiofib.evaluation.predict_table` returns, with the columns that
        :meth:`radiofib.evaluation.companion.Companion.describe` adds.
    quality : DataFrame
        A row for each scanner: :func:`radiofib.evaluation.quality.quality_table`.
    warnings : tuple of str
        Lines for whoever uses the predictions.
    left : mapping of int to str
        Why rows (their positions) were left without probabilities, where it is not that they
        have none of the model's features.
    """

    predictions: pd.DataFrame
    quality: pd.DataFrame
    warnings: tuple[str, ...]
    left: Mapping[int, str] = field(default_factory=dict)


def write_companion(
    model: Path,
    rows: FeatureTable,
    *,
    scanner: str = "scanner",
    scores: np.ndarray | None = None,
    thresholds: Thresholds | None = None,
    random_state: int = 0,
) -> Path | None:
    """Learn the distance to the rows a stager was trained on and write its companion.

    Parameters
    ----------
    model : path
        The stored stager.
    rows : FeatureTable
        What it was trained on.
    scanner : str
        Column that names the scanner, if there is one.
    scores, thresholds
        As :class:`radiofib.evaluation.companion.Companion` takes them.
    random_state : int
        Seed of the folds of the distance.

    Returns
    -------
    Path or None
        None where one patient is all there is: nothing can be compared with it.
    """
    distance: Any = TrainingDistance(patient_column="patient", random_state=random_state)
    frame = stager_frame(rows, ("patient",))
    try:
        distance.fit(rows.X.reset_index(drop=True), context=frame[["patient"]].astype(str))
    except StagerInputError:
        companion_path(model).unlink(missing_ok=True)
        return None
    named = names_of(rows.obs[scanner]) if scanner in rows.obs else pd.Series(dtype=object)
    known = tuple(sorted({str(n) for n in named.dropna() if str(n).strip()}))
    found = np.zeros(0) if scores is None else scores
    return Companion(distance, known, found, thresholds).write(model)


def judge_predictions(model: Path, table: FeatureTable, predictions: pd.DataFrame) -> Prediction:
    """Say how sure predictions are, as far as the stager's companion tells.

    A companion that is absent, damaged or another model's costs its columns, not the
    predictions; the latter two are warned of. Whether a case without features is unfamiliar
    is not known, so it is missing there.
    """
    nothing = pd.DataFrame(columns=list(QUALITY_COLUMNS))
    try:
        companion = Companion.read(model)
        if companion is None:
            return Prediction(predictions, nothing, ())
        said, quality = companion.describe(predictions, table)
    except ModelError as error:
        return Prediction(predictions, nothing, (f"no statement of certainty: {error}",))
    measured = said["distance_p"].notna()
    said["unfamiliar"] = said["unfamiliar"].astype(object).where(measured, None)
    words = quality_words(quality)
    return Prediction(said, quality, (words,) if words else ())


def without_infinite_rows(
    table: FeatureTable, columns: Sequence[str] | None
) -> tuple[FeatureTable, dict[int, str]]:
    """Return a table whose rows with an infinite or too large number have no features.

    Parameters
    ----------
    table : FeatureTable
    columns : sequence of str, optional
        Features that the model reads; by default all.

    Returns
    -------
    table : FeatureTable
    left : dict of int to str
        Position of each such row to the reason.

    Examples
    --------
    >>> X = pd.DataFrame({"f": [1.0, np.inf], "g": [1.0, 2.0]})
    >>> table, left = without_infinite_rows(
    ...     FeatureTable(X, pd.DataFrame({"case": ["a", "b"]})), None)
    >>> table.X["g"].tolist(), left
    ([1.0, nan], {1: "hold a number that is infinite or too large (column 'f')"})
    """
    wanted = [c for c in table.X if columns is None or str(c) in set(columns)]
    values = table.X[wanted].to_numpy(dtype=np.float64)
    bad = ~(np.abs(values) <= LARGEST) & ~np.isnan(values)
    rows = bad.any(axis=1)
    if not rows.any():
        return table, {}
    names = list_some(repr(str(wanted[i])) for i in np.flatnonzero(bad.any(axis=0)))
    reason = f"hold a number that is infinite or too large (column {names})"
    return _emptied(table, rows), dict.fromkeys(np.flatnonzero(rows).tolist(), reason)


def predict_possible(
    model: BaseStager, table: FeatureTable, **options: Any
) -> tuple[pd.DataFrame, dict[int, str]]:
    """Predict all rows, or those that the model does not refuse for their scanner.

    Parameters
    ----------
    model : BaseStager
    table : FeatureTable
    **options
        As :func:`radiofib.evaluation.predict_table` takes them.

    Returns
    -------
    predictions : DataFrame
        As :func:`radiofib.evaluation.predict_table` returns, a row for each of `table`.
    left : dict of int to str
        Position of each refused row to the reason; its probabilities are missing.

    Raises
    ------
    StagerInputError
        When the refusal is not one of scanners that were not in training, or no row is left.
    """
    try:
        return predict_table(model, table, **options), {}
    except StagerInputError:
        known = model.known_scanners
        if known is None:
            raise
        names = scanner_names(table, model.scanner_column or "scanner").fillna("")
        seen = names.isin({str(n) for n in known}).to_numpy()
        left: dict[int, str] = {}
        # A scanner that is learnt from its own rows may pass where another is refused.
        for name in dict.fromkeys(names[~seen]):
            own = (names == name).to_numpy()
            try:
                predict_table(model, _emptied(table, ~own), **options)
            except StagerInputError as error:
                reason = f"are refused by the model ({error.problem})"
                left |= dict.fromkeys(np.flatnonzero(own).tolist(), reason)
        rows = np.isin(np.arange(table.n_rows), list(left))
        if rows.all() or not rows.any():
            raise
        return predict_table(model, _emptied(table, rows), **options), left


def _emptied(table: FeatureTable, rows: np.ndarray) -> FeatureTable:
    """Return the table without the features of some rows, which then are not predicted."""
    return replace(table, X=table.X.mask(np.broadcast_to(rows[:, None], table.X.shape)))


def unseen_note(predictions: pd.DataFrame) -> str | None:
    """Return a line that names the scanners that were not in training, or None.

    Examples
    --------
    >>> unseen_note(pd.DataFrame({"scanner": ["a", "z", "z"],
    ...     "domain": ["in_scanner", "unseen_scanner", "unseen_scanner"]}))
    "scanners that were not in training: 'z' (2 rows)"
    """
    names = predictions.loc[predictions["domain"] == "unseen_scanner", "scanner"]
    if names.empty:
        return None
    counts = names.value_counts(sort=False)
    said = [f"{str(n)!r} ({k} row{'' if k == 1 else 's'})" for n, k in counts.items()]
    return f"scanners that were not in training: {list_some(said)}"
