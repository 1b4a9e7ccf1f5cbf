"""Covariates and serum scores as models of their own, and what features add to them.

All models are tested in the same folds. ``features`` is the stager as it is; ``clinical``,
``fib4`` and ``apri`` know no feature; ``clinical + features`` and its like know both: the
features enter as one number, the stage that the stager expects, and the weight of that number
beside the covariates is learnt in the training rows of a fold from an inner cross-validation of
the stager. So no row is weighed by a score of a stager that has seen it.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import logit
from sklearn.base import clone

from radiofib.errors import Failure, RadiofibError
from radiofib.evaluation.apply import describe_rows, domains, level_probabilities, scanner_names
from radiofib.evaluation.clinical_models import ClinicalModel
from radiofib.evaluation.crossval import check_finite
from radiofib.evaluation.linked import copy_groups
from radiofib.evaluation.splits import Split, leave_one_scanner_out, patient_folds
from radiofib.staging import BaseStager, check_levels, stager_frame
from radiofib.staging.linear import FallbackWarning
from radiofib.staging.proportional_odds import ProportionalOddsStager
from radiofib.staging.rows import inner_folds
from radiofib.table import FeatureTable

__all__ = [
    "FEATURES",
    "ClinicalRun",
    "clinical_predictions",
    "setting_splits",
    "stage_score",
    "with_features",
]

FloatArray = NDArray[np.float64]
#: Name of the stager that knows the features alone.
FEATURES = "features"
#: Distance of the expected stage from the first and the last.
_CLIP = 0.005


def stage_score(proba: FloatArray) -> FloatArray:
    r"""Return one number for the probabilities of ordered stages: the logit of the expected stage.

    .. math:: s = \mathrm{logit}\left(\frac{1}{K - 1} \sum_k k\, p_k\right), \quad k = 0 \ldots K-1

    kept .005 away from both ends. With two stages it is the logit of the second.

    Examples
    --------
    >>> stage_score(np.array([[0.5, 0.5], [0.0, 1.0]])).round(2).tolist()
    [0.0, 5.29]
    """
    steps = np.arange(proba.shape[1]) / (proba.shape[1] - 1)
    result: FloatArray = logit(np.clip(proba @ steps, _CLIP, 1 - _CLIP))
    return result


def setting_splits(
    table: FeatureTable,
    setting: str,
    *,
    folds: int = 5,
    random_state: int = 0,
    label: str = "stage",
) -> list[Split]:
    """Return the splits in which :func:`cross_validate` tests a setting.

    Parameters
    ----------
    table : FeatureTable
        Every row with a stage.
    setting : {"cv", "loso"}
    folds, random_state : int
    label : str

    Examples
    --------
    >>> obs = pd.DataFrame({"case": list("abcd"), "stage": ["s1", "s1", "s4", "s4"]})
    >>> table = FeatureTable(pd.DataFrame({"f": [1.0, 2, 3, 4]}), obs)
    >>> [len(s.test) for s in setting_splits(table, "cv", folds=2)]
    [2, 2]
    """
    described = describe_rows(table, label=label)
    patients, stages = described["patient"].to_numpy(), described["y_true"].to_numpy()
    copies = copy_groups(table.obs)
    if setting == "loso":
        names = scanner_names(table, "scanner").to_numpy()
        return leave_one_scanner_out(patients, names, copies=copies)[0]
    return patient_folds(patients, stages, folds=folds, random_state=random_state, copies=copies)


@dataclass(frozen=True, eq=False)
class ClinicalRun:
    """Predictions of all models for rows that they had not seen.

    Parameters
    ----------
    predictions : DataFrame
        As :func:`radiofib.evaluation.cross_validate` gives them, the index being the row of the
        table; ``model`` is ``features``, the
        name of a clinical model, or ``<name> + features``.
    levels : tuple of str
        Stages in order.
    notes : dict of str to tuple of str
        What happened to a model while it was fitted.
    failures : list of Failure
        Folds that could not be done.
    """

    predictions: pd.DataFrame
    levels: tuple[str, ...]
    notes: dict[str, tuple[str, ...]]
    failures: list[Failure]


@dataclass
class _Work:
    """What the folds fill in: probabilities by model, notes and failures."""

    proba: dict[str, FloatArray]
    notes: dict[str, dict[str, None]] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)


def clinical_predictions(
    table: FeatureTable,
    stager: BaseStager,
    models: Sequence[ClinicalModel],
    splits: Sequence[Split],
    *,
    levels: Sequence[str],
    setting: str = "cv",
    label: str = "stage",
    folds: int = 5,
    random_state: int = 0,
) -> ClinicalRun:
    """Test clinical models, the stager, and both together in the same splits.

    Parameters
    ----------
    table : FeatureTable
        Every row with a stage.
    stager : BaseStager
        Untrained; what the features are worth.
    models : sequence of ClinicalModel
        Of the rows of the table.
    splits : sequence of Split
    levels : sequence of str
        Two stages, or ordered ones whose names sort in their order.
    setting, label : str
    folds : int
        Inner folds from which the weight of the features' score is learnt.
    random_state : int
        Seed of the inner folds.

    Raises
    ------
    TableError
        When a feature is infinite.

    Examples
    --------
    See :func:`radiofib.evaluation.clinical_value.added_value`.
    """
    check_finite(table)
    names = check_levels(levels)
    described = describe_rows(table, label=label)
    y = described["y_true"].to_numpy().astype(str)
    X = stager_frame(table, stager.context_columns)
    patients = described["patient"].astype(str).to_numpy()
    wanted = [FEATURES, *(m.name for m in models), *(with_features(m) for m in models)]
    work = _Work({m: np.full((len(y), len(names)), np.nan) for m in wanted})
    fold_names = np.full(len(y), "", dtype=object)
    domain = np.full(len(y), None, dtype=object)
    scanners = scanner_names(table, stager.scanner_column or "scanner")
    for split in splits:
        fold_names[split.test] = split.name
        known = set(scanners.iloc[split.train]) - {None}
        domain[split.test] = domains(scanners.iloc[split.test], known).to_numpy()
        inner: list[FloatArray | None] = [None]
        try:
            fitted = clone(stager).fit(X.iloc[split.train], y[split.train])
            unseen = level_probabilities(fitted, X.iloc[split.test], names)
            work.proba[FEATURES][split.test] = unseen
            seen = _inner_scores(
                stager, X.iloc[split.train], y[split.train], patients[split.train],
                names, folds, random_state,
            )  # fmt: skip
            inner = [seen, stage_score(unseen)]
        except (RadiofibError, ValueError, ArithmeticError) as error:
            _failed(work, error, split, FEATURES)
        for model in models:
            _one_model(work, model, y, split, names, inner)
    frames = []
    for name in wanted:
        frame = described.copy()
        for place, level in enumerate(names):
            frame[f"p_{level}"] = work.proba[name][:, place]
        frame["scanner"], frame["domain"] = scanners, domain
        frame["setting"], frame["fold"], frame["model"] = setting, fold_names, name
        frames.append(frame[np.isfinite(work.proba[name]).all(axis=1)])
    notes = {name: tuple(found) for name, found in work.notes.items()}
    return ClinicalRun(pd.concat(frames), names, notes, work.failures)


def with_features(model: ClinicalModel) -> str:
    """Return the name of a clinical model with the features beside it."""
    return f"{model.name} + {FEATURES}"


def _inner_scores(
    stager: BaseStager,
    X: pd.DataFrame,
    y: NDArray[Any],
    patients: NDArray[Any],
    levels: tuple[str, ...],
    folds: int,
    random_state: int,
) -> FloatArray:
    """Return the score of each training row from a stager that had not seen its patient."""
    proba = np.full((len(y), len(levels)), np.nan)
    for train, test in inner_folds(y, patients, folds, random_state):
        fitted = clone(stager).fit(X.iloc[train], y[train])
        proba[test] = level_probabilities(fitted, X.iloc[test], levels)
    return stage_score(proba)


def _one_model(
    work: _Work,
    model: ClinicalModel,
    y: NDArray[Any],
    split: Split,
    levels: tuple[str, ...],
    scores: list[FloatArray | None],
) -> None:
    """Fit a clinical model in one fold, without the features' score and with it."""
    train, test = (model.columns.iloc[rows] for rows in (split.train, split.test))
    tables = {model.name: (train, test)}
    if len(scores) == 2:
        tables[with_features(model)] = (
            train.assign(features_score=scores[0]),
            test.assign(features_score=scores[1]),
        )
    for name, (seen, unseen) in tables.items():
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always", FallbackWarning)
                fitted = ProportionalOddsStager().fit(seen, y[split.train])
            work.proba[name][split.test] = level_probabilities(fitted, unseen, levels)
        except (RadiofibError, ValueError, ArithmeticError) as error:
            _failed(work, error, split, name)
            continue
        for warning in caught:
            if issubclass(warning.category, FallbackWarning):
                said = f"fold {split.name}: {warning.message}"
                work.notes.setdefault(name, {})[said] = None
            else:
                warnings.warn_explicit(
                    warning.message, warning.category, warning.filename, warning.lineno
                )


def _failed(work: _Work, error: Exception, split: Split, name: str) -> None:
    failure = Failure.from_error(error, case="", step="clinical")
    reason = f"{name}, fold {split.name}: {failure.reason}"
    work.failures.append(Failure("", "clinical", reason, error=failure.error))
