"""Calibration before and after a correction, on rows the model did not see."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import clone

from radiofib.errors import Failure, UsageError
from radiofib.evaluation.apply import level_probabilities, predict_table
from radiofib.evaluation.crossval import cross_validate
from radiofib.evaluation.evaluator import evaluate
from radiofib.evaluation.labels import labels_as_text
from radiofib.evaluation.splits import Split
from radiofib.staging import BaseStager, Target, check_levels
from radiofib.table import FeatureTable

__all__ = [
    "CALIBRATION_METRICS",
    "UNCALIBRATED",
    "calibration_before_after",
    "cross_validate_both",
    "predict_both",
]

#: What a correction is judged by.
CALIBRATION_METRICS = ("calibration_in_the_large", "calibration_slope", "brier")
#: Added to the name of a model for its probabilities before the correction.
UNCALIBRATED = " (uncalibrated)"


def cross_validate_both(
    table: FeatureTable,
    stager: BaseStager,
    *,
    setting: str = "cv",
    folds: int = 5,
    random_state: int = 0,
    scanner_column: str | None = None,
    model_name: str = "model",
    label: str = "stage",
    splits: Sequence[Split] | None = None,
) -> tuple[pd.DataFrame, list[Failure]]:
    """Cross-validate a recalibrated stager, keeping its probabilities before the correction.

    Each fold is trained once; both predictions are of the same model.

    Parameters
    ----------
    table : FeatureTable
    stager : BaseStager
        With a method ``uncalibrated_proba``, as
        :class:`~radiofib.staging.recalibrate.RecalibratedStager` has.
    setting, folds, random_state, scanner_column, model_name, label, splits
        As in :func:`~radiofib.evaluation.cross_validate`.

    Returns
    -------
    predictions : DataFrame
        Rows of the model ``<model_name> (uncalibrated)``, then those of ``<model_name>``.
    failures : list of Failure

    Raises
    ------
    UsageError
        When the stager corrects nothing.

    Examples
    --------
    >>> from radiofib.staging import LogisticStager
    >>> from radiofib.staging.recalibrate import RecalibratedStager
    >>> obs = pd.DataFrame({"case": list("abcdefgh"), "stage": ["s1"] * 4 + ["s4"] * 4})
    >>> table = FeatureTable(pd.DataFrame({"f": [0.0, 1, 2, 3, 2, 3, 4, 5]}), obs)
    >>> stager = RecalibratedStager(LogisticStager(), folds=2)
    >>> found, failures = cross_validate_both(table, stager, folds=2, model_name="m")
    >>> found["model"].unique().tolist(), len(found)
    (['m (uncalibrated)', 'm'], 16)
    """
    _check_corrects(stager)
    levels = labels_as_text(table.obs[label])[1] if label in table.obs else ()
    before = np.full((table.n_rows, len(levels)), np.nan)
    predictions, failures = cross_validate(
        table,
        cast(BaseStager, _Recorder(stager, before, levels)),
        setting=setting,
        folds=folds,
        random_state=random_state,
        scanner_column=scanner_column,
        model_name=model_name,
        label=label,
        splits=splits,
    )
    # Rows of predictions stand in the order of the table, as those that were recorded do.
    recorded = before[~np.isnan(before).any(axis=1)]
    return _both(predictions, recorded, levels), failures


def predict_both(
    model: BaseStager,
    table: FeatureTable,
    *,
    levels: Sequence[str],
    model_name: str = "model",
    setting: str = "predict",
    label: str = "stage",
) -> pd.DataFrame:
    """Apply a trained recalibrated stager, before and after its correction.

    Parameters
    ----------
    model : BaseStager
        With a method ``uncalibrated_proba``.
    table, levels, model_name, setting, label
        As in :func:`~radiofib.evaluation.predict_table`.

    Returns
    -------
    DataFrame
        Rows of the model ``<model_name> (uncalibrated)``, then those of ``<model_name>``.

    Raises
    ------
    UsageError
        When the model corrects nothing.
    """
    _check_corrects(model)
    frames = [
        predict_table(
            m, table, levels=levels, model_name=f"{model_name}{said}", setting=setting, label=label
        )
        for m, said in ((cast(BaseStager, _Uncorrected(model)), UNCALIBRATED), (model, ""))
    ]
    return pd.concat(frames, ignore_index=True)


def calibration_before_after(
    predictions: pd.DataFrame,
    *,
    levels: Sequence[str],
    targets: Sequence[Target] | None = None,
    n_boot: int = 1000,
    random_state: int = 0,
    level: float = 0.95,
) -> pd.DataFrame:
    """Measure calibration of predictions before and after a correction.

    Parameters
    ----------
    predictions : DataFrame
        As :func:`cross_validate_both` or :func:`predict_both` returns; other models may be
        among them.
    levels, targets, n_boot, random_state, level
        As in :func:`~radiofib.evaluation.evaluate`.

    Returns
    -------
    DataFrame
        Rows of :attr:`Evaluation.metrics` for calibration-in-the-large (0 is right), slope (1
        is right) and Brier score of each target, by row and by patient: for each model that
        has both, first ``<model> (uncalibrated)``, then ``<model>``. Intervals are those of
        :func:`~radiofib.evaluation.evaluate`, by patient.

    Raises
    ------
    UsageError
        When no model has predictions of both kinds.

    Examples
    --------
    >>> y = ["f1"] * 2 + ["f0"] * 8 + ["f1"] * 2
    >>> p = np.array([0.8, 0.6, 0.7, 0.5, 0.4, 0.6, 0.3, 0.5, 0.4, 0.3, 0.5, 0.7])
    >>> case = [f"c{i}" for i in range(12)]
    >>> frames = [
    ...     pd.DataFrame({"case": case, "patient": case, "y_true": y, "p_f0": 1 - q, "p_f1": q,
    ...                   "model": name})
    ...     for name, q in (("m (uncalibrated)", p), ("m", p / 1.6))]
    >>> found = calibration_before_after(pd.concat(frames), levels=["f0", "f1"], n_boot=0)
    >>> large = found[(found["metric"] == "calibration_in_the_large") & (found["unit"] == "row")]
    >>> large["estimate"].round(2).tolist()
    [-0.88, 0.02]
    """
    names = [str(name) for name in predictions["model"].unique()] if len(predictions) else []
    models = [name for name in names if f"{name}{UNCALIBRATED}" in names]
    if not models:
        raise UsageError(
            "no model has predictions from before and after a correction",
            expected=f"models '<name>{UNCALIBRATED}' and '<name>'",
            found=", ".join(names) or "no model",
        )
    wanted = [f"{name}{said}" for name in models for said in (UNCALIBRATED, "")]
    metrics = evaluate(
        predictions[predictions["model"].astype(str).isin(wanted)],
        levels=levels,
        targets=targets,
        n_boot=n_boot,
        random_state=random_state,
        level=level,
    ).metrics
    binary = metrics["metric"].isin(CALIBRATION_METRICS) & (metrics["target"] != "stages")
    place = metrics["model"].map({name: k for k, name in enumerate(wanted)})
    chosen = metrics[binary].assign(_place=place[binary]).sort_values("_place", kind="stable")
    return chosen.drop(columns="_place").reset_index(drop=True)


def _both(after: pd.DataFrame, before: NDArray[np.float64], levels: Sequence[str]) -> pd.DataFrame:
    """Return predictions before, then after the correction."""
    first = after.copy()
    first[[f"p_{name}" for name in levels]] = before
    first["model"] = after["model"] + UNCALIBRATED
    return pd.concat([first, after], ignore_index=True)


def _check_corrects(stager: BaseStager) -> None:
    if not hasattr(stager, "uncalibrated_proba"):
        raise UsageError(
            "the stager has no probabilities from before a correction",
            found=type(stager).__name__,
            hint="put it into a RecalibratedStager",
        )


class _Uncorrected:
    """A trained stager without its correction."""

    def __init__(self, stager: Any) -> None:
        self.stager = stager

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "stager":
            raise AttributeError(name)
        return getattr(self.stager, name)

    def predict_proba(self, X: pd.DataFrame) -> NDArray[np.float64]:
        found: NDArray[np.float64] = self.stager.uncalibrated_proba(X)
        return found


class _Recorder(_Uncorrected):
    """A stager that writes its probabilities from before the correction down, by row of X."""

    def __init__(self, stager: Any, before: NDArray[np.float64], levels: Sequence[str]) -> None:
        super().__init__(stager)
        self.before = before
        self.levels = levels

    def __sklearn_clone__(self) -> _Recorder:
        return _Recorder(clone(self.stager), self.before, self.levels)

    def fit(self, X: pd.DataFrame, y: Any) -> _Recorder:
        self.stager.fit(X, y)
        return self

    def predict_proba(self, X: pd.DataFrame) -> NDArray[np.float64]:
        after: NDArray[np.float64] = self.stager.predict_proba(X)
        plain = cast(BaseStager, _Uncorrected(self.stager))
        self.before[X.index] = level_probabilities(plain, X, check_levels(self.levels))
        return after
