"""Quality control by centre: cases unlike those of training, and scores that drift."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import binom, ks_2samp
from sklearn.base import clone

from radiofib import stats
from radiofib.evaluation.intervals import SPARSE
from radiofib.evaluation.predictions import prediction_levels
from radiofib.staging import stager_frame
from radiofib.staging.distance import LIMIT, TrainingDistance
from radiofib.table import FeatureTable

__all__ = [
    "DISTANCE_COLUMNS",
    "DRIFT",
    "NO_NAME",
    "QUALITY_COLUMNS",
    "UNFAMILIAR",
    "fold_distances",
    "measure_distance",
    "patient_scores",
    "quality_table",
    "quality_words",
    "stage_score",
]

FloatArray = NDArray[np.float64]

DISTANCE_COLUMNS = ("distance_p", "unfamiliar", "unfamiliar_channel")
QUALITY_COLUMNS = (
    *("scanner", "known", "n", "n_patients", "unfamiliar", "ci_low", "ci_high", "p_excess"),
    *("channel", "missing", "score", "score_training", "drift", "drift_p", "verdict"),
    *("method", "note"),
)
#: What the column ``verdict`` says.
UNFAMILIAR, DRIFT = "unfamiliar", "scores drift"
#: Rare enough not to be chance.
_RARE = 0.05
#: Name of the rows whose scanner is not recorded.
NO_NAME = "not recorded"


def measure_distance(distance: TrainingDistance, table: FeatureTable) -> pd.DataFrame:
    """Return how familiar each row of a table is.

    Returns
    -------
    DataFrame
        ``distance_p``: how often a case like those of training is at least as far, missing for a
        row without features; ``unfamiliar``: whether that is at most 5 %; and the channel with
        the smallest share where it is.
    """
    frame, context = _features(distance, table)
    found = distance.transform(frame, context=context)
    p = found["distance_p"].to_numpy()
    far = p <= LIMIT + 1e-9
    blocks = np.array([str(c).removesuffix("_distance_p") for c in found.columns[1:]], dtype=object)
    each = found.iloc[:, 1:].to_numpy()
    nearest = np.where(np.isnan(each), np.inf, each).argmin(axis=1) if each.size else 0 * p
    channel = np.where(far, blocks[nearest.astype(np.intp)] if blocks.size else "", "")
    return pd.DataFrame(dict(zip(DISTANCE_COLUMNS, (p, far, channel), strict=True)))


def _features(distance: TrainingDistance, table: FeatureTable) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the features the distance knows, and the context it reads."""
    context = list(distance.context_columns)
    frame = stager_frame(table, context)
    names = getattr(distance, "feature_names_in_", table.X.columns)
    return frame[[str(n) for n in names]], frame[context].astype(str)


def fold_distances(
    table: FeatureTable, predictions: pd.DataFrame, distance: TrainingDistance | None = None
) -> pd.DataFrame:
    """Return how familiar each predicted row is to the rows its model was trained on.

    Parameters
    ----------
    table : FeatureTable
        The rows that were cross-validated.
    predictions : DataFrame
        Of one model, as :func:`radiofib.evaluation.cross_validate` returns for it; settings
        ``cv`` and ``loso``. The training rows of a fold are the others of its setting, without
        its patients; in ``loso`` without its scanner.
    distance : TrainingDistance, optional
        Untrained.

    Returns
    -------
    DataFrame
        ``setting, fold, case, [instance], patient, scanner`` and :data:`DISTANCE_COLUMNS`, a row
        for each of `predictions`.
    """
    blank = distance or TrainingDistance(patient_column="patient")
    keys = [c for c in ("case", "instance") if c in predictions and c in table.obs]
    place = {key: row for row, key in enumerate(_keys(table.obs, keys))}
    parts = []
    for (setting, fold), part in predictions.groupby(["setting", "fold"], sort=False):
        of_setting = predictions[predictions["setting"] == setting]
        train = of_setting[~of_setting["patient"].isin(part["patient"])]
        if setting == "loso":
            train = train[(train["scanner"] != fold) & train["scanner"].notna()]
        rows, test = ([place[k] for k in _keys(f, keys)] for f in (train, part))
        if not rows:
            continue
        known, new = table.subset(np.array(rows)), table.subset(np.array(test))
        # A model is asked about all columns, known or empty in its training rows.
        fitted: Any = clone(blank)
        frame, context = _features(fitted, known)
        fitted.fit(frame, context=context)
        named = part[[*keys, "patient", "scanner"]].reset_index(drop=True)
        found = named.assign(setting=str(setting), fold=str(fold))
        parts.append(pd.concat([found, measure_distance(fitted, new)], axis=1))
    head = ["setting", "fold", *keys, "patient", "scanner"]
    if not parts:
        return pd.DataFrame(columns=[*head, *DISTANCE_COLUMNS])
    return pd.concat(parts, ignore_index=True)[[*head, *DISTANCE_COLUMNS]]


def _keys(frame: pd.DataFrame, keys: Sequence[str]) -> list[tuple[str, ...]]:
    columns = [frame[k].fillna("").astype(str) for k in keys]
    return list(zip(*columns, strict=True))


def stage_score(predictions: pd.DataFrame, *, ordered: bool = True) -> FloatArray:
    r"""Return one number for each row whose distribution shows drift.

    The mean stage :math:`\sum_k k\,p_k` (0 for the lowest) of ordered stages, else the largest
    probability.

    Examples
    --------
    >>> stage_score(pd.DataFrame({"p_f0": [0.25], "p_f1": [0.75]})).tolist()
    [0.75]
    """
    proba = predictions[[f"p_{v}" for v in prediction_levels(predictions)]].to_numpy(np.float64)
    if not ordered:
        return np.asarray(proba.max(axis=1), dtype=np.float64)
    return np.asarray(proba @ np.arange(proba.shape[1]), dtype=np.float64)


def patient_scores(scores: FloatArray, patients: pd.Series) -> FloatArray:
    """Return the mean score of each patient, without those that have none."""
    mean = pd.Series(scores).groupby(patients.astype(str).to_numpy()).mean()
    found: FloatArray = np.asarray(mean.dropna(), dtype=np.float64)
    return found


def quality_table(
    cases: pd.DataFrame,
    *,
    training_scores: FloatArray | None = None,
    known: Sequence[str] = (),
    level: float = 0.95,
) -> pd.DataFrame:
    r"""Return the quality control of new cases, scanner by scanner.

    Parameters
    ----------
    cases : DataFrame
        ``patient, scanner``, :data:`DISTANCE_COLUMNS`, ``score`` (:func:`stage_score`), and
        ``missing``: whether a row lacks a channel.
    training_scores : ndarray, optional
        Scores of training patients by models that had not seen them.
    known : sequence of str
        Scanners of the training cases.
    level : float
        Of the intervals (Clopper and Pearson's, by patient).

    Returns
    -------
    DataFrame
        :data:`QUALITY_COLUMNS`, a row for each scanner: ``unfamiliar``, the share of rows beyond
        the limit; ``p_excess``, the probability of at least as many among patients like those of
        training, of whom 5 % are (each patient's first row); the channel that most of them are
        unfamiliar in; mean score here and in training, ``drift`` (Kolmogorov and Smirnov's
        distance of both distributions) and its p value. ``verdict`` names an excess with
        :math:`p \le 0.05`, and a drift with :math:`p \le 0.05` after Bonferroni's correction for
        the scanners. Another mix of stages moves scores as well: a drift is a reason to look.

    Examples
    --------
    >>> cases = pd.DataFrame({"patient": range(40), "scanner": ["a", "b"] * 20,
    ...     "distance_p": [0.5, 0.01] * 20, "unfamiliar": [False, True] * 20,
    ...     "unfamiliar_channel": ["", "t1"] * 20, "score": 1.0, "missing": False})
    >>> quality_table(cases, known=["a"])[["scanner", "known", "unfamiliar", "verdict"]]
      scanner  known  unfamiliar     verdict
    0       a   True         0.0
    1       b  False         1.0  unfamiliar
    """
    names = cases["scanner"].astype(object).fillna("").astype(str).replace("", NO_NAME)
    rows = []
    parts = list(cases.groupby(names, sort=True))
    for name, part in parts:
        drift = _drift(part, training_scores, len(parts))
        rows.append(_one_scanner(str(name), part, drift, set(map(str, known)), level))
    return pd.DataFrame(rows, columns=list(QUALITY_COLUMNS))


def _one_scanner(
    name: str, part: pd.DataFrame, drift: dict[str, Any], known: set[str], level: float
) -> dict[str, Any]:
    measured = part[part["distance_p"].notna()]
    far = measured["unfamiliar"].to_numpy(dtype=np.bool_)
    patients = measured["patient"].astype(str).to_numpy(dtype=str)
    count = int(np.unique(patients).size)
    clusters = None if count == far.size else patients
    share = stats.proportion(far, clusters, interval="exact", level=level)
    first = far[np.unique(patients, return_index=True)[1]]
    # At least as many among so many: a single case has 5 % of being one.
    excess = float(binom.sf(int(first.sum()) - 1, first.size, LIMIT)) if first.size else math.nan
    channels = measured.loc[far, "unfamiliar_channel"]
    verdicts = [UNFAMILIAR] if excess <= _RARE + 1e-9 and first.any() else []
    verdicts += [DRIFT] if drift.pop("drifts") else []
    notes = [share.note, f"sparse: {count} patients" if count < SPARSE else ""]
    bare = len(part) - len(measured)
    notes.append(f"{bare} rows without features" if bare else "")
    return {
        "scanner": name,
        "known": name in known,
        "n": len(part),
        "n_patients": int(part["patient"].astype(str).nunique()),
        "unfamiliar": share.value,
        "ci_low": share.low,
        "ci_high": share.high,
        "p_excess": excess,
        "channel": str(channels.mode().iloc[0]) if len(channels) else "",
        "missing": float(part["missing"].mean()),
        **drift,
        "verdict": "; ".join(verdicts),
        "method": f"share beyond the {1 - LIMIT:.0%} limit; {level:.0%} {share.method} interval; "
        "drift: Kolmogorov-Smirnov by patient",
        "note": "; ".join(n for n in notes if n),
    }


def _drift(part: pd.DataFrame, training: FloatArray | None, scanners: int) -> dict[str, Any]:
    """Compare the scores of a scanner's patients with those of training patients."""
    own = patient_scores(part["score"].to_numpy(dtype=np.float64), part["patient"])
    mean = float(own.mean()) if own.size else math.nan
    found = {"score": mean, "score_training": math.nan, "drift": math.nan, "drift_p": math.nan}
    if training is None or training.size < 2 or own.size < 2:
        return {**found, "drifts": False}
    test = ks_2samp(own, training)
    p = float(test.pvalue)
    found |= {"score_training": float(training.mean()), "drift": float(test.statistic)}
    return {**found, "drift_p": p, "drifts": p * scanners <= _RARE}


def quality_words(quality: pd.DataFrame) -> str:
    """Return one line that names the scanners whose cases are unlike the training cases.

    Empty when none is.

    Examples
    --------
    >>> found = pd.DataFrame({"scanner": ["a", "b"], "known": [True, False], "n": [20, 40],
    ...                       "unfamiliar": [0.05, 0.5], "channel": ["", "t1"],
    ...                       "verdict": ["", "unfamiliar"]})
    >>> quality_words(found)
    'unlike the training cases: 20 of 40 (50 %) of scanner b (not in training), most in t1; about
    5 % would be by chance'
    """
    said = []
    for row in quality[quality["verdict"].str.contains(UNFAMILIAR)].to_dict("records"):
        number = round(row["unfamiliar"] * row["n"])
        where = f"scanner {row['scanner']}" + ("" if row["known"] else " (not in training)")
        where = "unnamed scanners" if row["scanner"] == NO_NAME else where
        channel = f", most in {row['channel']}" if row["channel"] else ""
        said.append(f"{number} of {row['n']} ({row['unfamiliar']:.0%}) of {where}{channel}")
    if not said:
        return ""
    text = "; ".join(said).replace("%)", " %)")
    return f"unlike the training cases: {text}; about 5 % would be by chance"
