"""What a stored stager takes along to new cases, and what it says of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from radiofib.errors import ModelError
from radiofib.evaluation.companion import Companion, companion_path
from radiofib.evaluation.quality import QUALITY_COLUMNS, quality_words
from radiofib.evaluation.stored_thresholds import Thresholds
from radiofib.staging import StagerInputError, stager_frame
from radiofib.staging.distance import TrainingDistance
from radiofib.table import FeatureTable
from radiofib.table.columns import names_of

__all__ = ["Prediction", "judge_predictions", "write_companion"]


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
    """

    predictions: pd.DataFrame
    quality: pd.DataFrame
    warnings: tuple[str, ...]


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
    predictions; the latter two are warned of.
    """
    nothing = pd.DataFrame(columns=list(QUALITY_COLUMNS))
    try:
        companion = Companion.read(model)
        if companion is None:
            return Prediction(predictions, nothing, ())
        said, quality = companion.describe(predictions, table)
    except ModelError as error:
        return Prediction(predictions, nothing, (f"no statement of certainty: {error}",))
    words = quality_words(quality)
    return Prediction(said, quality, (words,) if words else ())
