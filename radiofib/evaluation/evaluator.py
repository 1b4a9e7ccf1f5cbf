"""From predictions to a tidy table of measures with honest intervals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from radiofib._checks import list_some
from radiofib.errors import TableError, UsageError
from radiofib.evaluation.comparisons import COMPARISON_COLUMNS, compare_models
from radiofib.evaluation.curves import (
    calibration_curve_rows,
    calibration_rows,
    confusion_rows,
    decision_rows,
    roc_rows,
)
from radiofib.evaluation.intervals import Resampling
from radiofib.evaluation.measures import target_rows
from radiofib.evaluation.predictions import check_predictions
from radiofib.evaluation.rows import Row, as_patient
from radiofib.evaluation.stages import stage_rows
from radiofib.evaluation.thresholds import THRESHOLD_COLUMNS, threshold_rows
from radiofib.evaluation.units import Unit, patient_unit, row_unit
from radiofib.staging import Target, check_levels, targets_for
from radiofib.table import guard_frame

__all__ = ["METRIC_COLUMNS", "Evaluation", "evaluate"]

METRIC_COLUMNS = (
    "model",
    "setting",
    "unit",
    "target",
    "metric",
    "estimate",
    "ci_low",
    "ci_high",
    "n",
    "n_pos",
    "n_patients",
    "method",
    "note",
    "subset",
)
_HEAD = ("model", "setting", "unit")
_CURVE_COLUMNS = {
    "roc": (*_HEAD, "target", "fpr", "tpr"),
    "calibration": (
        *(*_HEAD, "target", "bin", "p_mean", "observed"),
        *("ci_low", "ci_high", "n", "n_pos"),
    ),
    "confusion": (*_HEAD, "true", "predicted", "n"),
    "decision_curves": (
        *(*_HEAD, "target", "threshold", "net_benefit", "ci_low", "ci_high"),
        *("treat_all", "standardised", "n", "n_pos", "note"),
    ),
    "calibration_curve": (*_HEAD, "target", "p", "observed", "ci_low", "ci_high"),
    "thresholds": (*_HEAD, "target", *THRESHOLD_COLUMNS),
}


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What was measured.

    Parameters
    ----------
    metrics : DataFrame
        One row for each model, setting, unit, target and metric: :data:`METRIC_COLUMNS`.
        ``subset`` names the scanner of the metric ``auc_scanner`` and is empty otherwise.
    curves : dict of DataFrame
        ``roc``, ``calibration`` (groups), ``calibration_curve`` (smoothed), ``decision_curves``
        and ``thresholds``, all by model, setting, unit and target; ``confusion`` by model,
        setting and unit; ``comparisons`` of models by setting, unit and target.
    """

    metrics: pd.DataFrame
    curves: dict[str, pd.DataFrame]

    def write(self, folder: str | Path) -> list[Path]:
        """Write ``metrics.csv`` and one CSV for each curve; return their paths."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        written = []
        for name, frame in {"metrics": self.metrics, **self.curves}.items():
            path = folder / f"{name}.csv"
            temporary = path.with_name(f".{path.name}.part")
            texts = guard_frame(frame).to_csv(index=False, lineterminator="\n")
            temporary.write_text(texts, encoding="utf-8", newline="\n")
            temporary.replace(path)
            written.append(path)
        return written


def evaluate(
    predictions: pd.DataFrame,
    *,
    levels: Sequence[str],
    targets: Sequence[Target] | None = None,
    ordered: bool | None = None,
    n_boot: int = 1000,
    random_state: int = 0,
    level: float = 0.95,
    train: pd.DataFrame | None = None,
    prevalence: Mapping[str, float] | None = None,
) -> Evaluation:
    """Measure predictions, by row and by patient, with intervals that know the patients.

    For each model and setting, and for rows and patients (mean probability per patient):

    - each binary target: ``auc``; at threshold 0.5 ``accuracy, sensitivity, specificity, ppv,
      npv, balanced_accuracy, mcc``; ``brier, log_loss, calibration_slope,
      calibration_in_the_large``. In setting ``loso`` also ``auc_scanner`` for each scanner and
      their unweighted mean ``auc_scanner_mean``;
    - with three and more levels, target ``stages``: ``accuracy`` (most probable stage),
      ``balanced_accuracy, mcc, quadratic_weighted_kappa, mean_absolute_stage_error, macro_auc,
      micro_auc, hand_till_auc, obuchowski, brier, log_loss, ranked_probability_score``.

    A score that is not a probability has ``auc`` and ``obuchowski``; the other measures are
    refused in a row that says so.

    The AUC compares rows within a fold only and averages folds by their number of
    positive-negative pairs, because scores of different models do not share a scale. Intervals
    come from resampling patients within class and fold with Rao and Wu's weights: BCa where
    every class and fold has ten patients, percentiles otherwise and for averages over folds
    (see :meth:`Draws.interval`); from Newcombe's method 5 at perfect separation, from DeLong's
    logit interval when a class of the only fold has less than ten patients; for shares from
    Wilson on the effective number of rows. The column ``method`` says which. Rows that repeat
    a patient narrow none of them.

    Parameters
    ----------
    predictions : DataFrame
        As :func:`cross_validate` or :func:`read_predictions` returns.
    levels : sequence of str
        Stages in order.
    targets : sequence of Target, optional
        Default: :func:`radiofib.staging.targets_for`.
    ordered : bool, optional
        Whether the order of levels means anything. Default: as the column ``ordered`` of the
        predictions says, else yes.
    n_boot : int
        Number of bootstraps; 0 for none (then only analytic intervals are given).
    random_state : int
        Seed of the bootstraps.
    level : float
        Confidence level.
    train : DataFrame, optional
        Predictions of the same models on their training cases: thresholds are chosen there.
    prevalence : mapping of str to float, optional
        Target -> share of positives at which predictive values are also given.

    Raises
    ------
    TableError
        When the predictions are not usable.

    Examples
    --------
    >>> p = [0.1, 0.2, 0.7, 0.3, 0.2, 0.6, 0.8, 0.9, 0.4, 0.7]
    >>> rows = pd.DataFrame({"case": list("abcdefghij"), "y_true": ["f0"] * 5 + ["f1"] * 5,
    ...                      "p_f0": [1 - value for value in p], "p_f1": p})
    >>> found = evaluate(rows, levels=["f0", "f1"], n_boot=200).metrics
    >>> auc = found[(found["metric"] == "auc") & (found["unit"] == "patient")].iloc[0]
    >>> float(auc["estimate"]), auc["note"].split("; ")[-1]
    (0.9, 'sparse: 5 patients in the smaller class')
    """
    names = check_levels(levels)
    if n_boot < 0:
        raise UsageError("number of bootstraps must not be negative", found=str(n_boot))
    how = Resampling(n_boot, random_state, level)
    frame = check_predictions(predictions, levels=names)
    if ordered is None:
        ordered = bool(frame["ordered"].iloc[0]) if "ordered" in frame else True
    questions = tuple(targets_for(names, ordered=ordered) if targets is None else targets)
    _check_prevalence(prevalence or {}, questions)
    trained = _training_units(train, names)
    metrics: list[Row] = []
    curves: dict[str, list[Row]] = {name: [] for name in _CURVE_COLUMNS}
    asks = _Asks(questions, how, ordered, train is not None, dict(prevalence or {}))
    for model, setting, rows in _row_units(frame, names):
        found = _measure(rows, asks, trained.get((model, "row")), scanners=setting == "loso")
        for unit in (rows, patient_unit(rows)):
            if unit.name == "patient" and rows.clustered:
                training = trained.get((model, "patient"))
                found = _measure(unit, asks, training, scanners=setting == "loso")
            elif unit.name == "patient":
                found = _as_patients(found)
            head = {"model": model, "setting": setting, "unit": unit.name}
            metrics += [{**row, **head} for row in found.metrics]
            for name, part in found.curves.items():
                curves[name] += [{**row, **head} for row in part]
    table = pd.DataFrame(metrics, columns=list(METRIC_COLUMNS)).astype({"n_pos": "Int64"})
    frames = {
        name: pd.DataFrame(rows, columns=list(_CURVE_COLUMNS[name]))
        for name, rows in curves.items()
    }
    compared = compare_models(frame, names, questions, level)
    frames["comparisons"] = pd.DataFrame(compared, columns=list(COMPARISON_COLUMNS))
    return Evaluation(table, frames)


@dataclass(frozen=True)
class _Asks:
    """What is asked of every unit."""

    targets: tuple[Target, ...]
    how: Resampling
    ordered: bool
    trained: bool
    prevalence: Mapping[str, float]


@dataclass(frozen=True)
class _Found:
    """Rows of one unit: metrics, and each curve."""

    metrics: list[Row]
    curves: dict[str, list[Row]]


def _measure(unit: Unit, asks: _Asks, training: Unit | None, *, scanners: bool) -> _Found:
    level = asks.how.level
    metrics: list[Row] = []
    curves: dict[str, list[Row]] = {name: [] for name in _CURVE_COLUMNS}
    for target in asks.targets:
        share = asks.prevalence.get(target.name)
        metrics += target_rows(unit, target, asks.how, scanners=scanners, prevalence=share)
        cuts = threshold_rows(
            unit, target, level=level, training=training, asked=asks.trained, prevalence=share
        )
        for name, rows in (
            ("roc", roc_rows(unit, target)),
            ("calibration", calibration_rows(unit, target, level)),
            ("decision_curves", decision_rows(unit, target, level)),
            ("calibration_curve", calibration_curve_rows(unit, target, level)),
            ("thresholds", cuts),
        ):
            curves[name] += [{"target": target.name, **row} for row in rows]
    if len(unit.levels) > 2:
        metrics += stage_rows(unit, asks.how, ordered=asks.ordered)
    curves["confusion"] += confusion_rows(unit)
    return _Found(metrics, curves)


def _as_patients(found: _Found) -> _Found:
    """Return the rows of a unit without repeats as those of its patients: the same numbers."""
    return replace(found, metrics=[as_patient(row) for row in found.metrics])


def _row_units(frame: pd.DataFrame, levels: Sequence[str]) -> Iterator[tuple[str, str, Unit]]:
    """Yield model, setting and the rows that have a true stage."""
    for (model, setting), part in frame.groupby(["model", "setting"], sort=False):
        rows = row_unit(part, levels)
        if rows.codes.size == 0:
            raise TableError(
                "no row has a true stage",
                where=f"model {model!r}, setting {setting!r}",
                hint="predictions can be evaluated only where the stage is known",
            )
        yield str(model), str(setting), rows


def _training_units(
    train: pd.DataFrame | None, levels: Sequence[str]
) -> dict[tuple[str, str], Unit]:
    """Return model, unit -> training predictions; settings of a model are taken together."""
    if train is None:
        return {}
    frame = check_predictions(train, levels=levels, where="training predictions")
    return {
        (model, unit.name): unit
        for model, _, rows in _row_units(frame.assign(setting="train"), levels)
        for unit in (rows, patient_unit(rows))
    }


def _check_prevalence(prevalence: Mapping[str, float], targets: Sequence[Target]) -> None:
    names = [t.name for t in targets]
    for name, value in prevalence.items():
        if name not in names:
            raise UsageError(f"prevalence of an unknown target {name!r}", expected=list_some(names))
        if not 0 < value < 1:
            raise UsageError(f"prevalence of {name} must lie between 0 and 1", found=f"{value:g}")
