"""From predictions to a tidy table of measures with honest intervals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from radiofib.errors import TableError, UsageError
from radiofib.evaluation.curves import calibration_rows, confusion_rows, roc_rows
from radiofib.evaluation.measures import Resampling, stage_rows, target_rows
from radiofib.evaluation.predictions import check_predictions
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
_CURVE_COLUMNS = {
    "roc": ("fpr", "tpr"),
    "calibration": ("bin", "p_mean", "observed", "ci_low", "ci_high", "n", "n_pos"),
    "confusion": ("true", "predicted", "n"),
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
        ``roc``, ``calibration`` (both by model, setting, unit, target) and ``confusion`` (by
        model, setting, unit).
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
) -> Evaluation:
    """Measure predictions, by row and by patient, with intervals that know the patients.

    For each model and setting, and for rows and patients (mean probability per patient):

    - each binary target: ``auc``; at threshold 0.5 ``accuracy, sensitivity, specificity,
      balanced_accuracy, mcc``; ``brier, log_loss, calibration_slope,
      calibration_in_the_large``. In setting ``loso`` also ``auc_scanner`` for each scanner and
      their unweighted mean ``auc_scanner_mean``;
    - with three and more levels, target ``stages``: ``accuracy`` (most probable stage),
      ``balanced_accuracy, mcc, quadratic_weighted_kappa, mean_absolute_stage_error,
      macro_auc, brier, log_loss, ranked_probability_score``.

    The AUC compares rows within a fold only and averages folds by their number of
    positive-negative pairs, because scores of different models do not share a scale. Intervals
    come from resampling patients within class and fold (Rao-Wu weights), from Newcombe's
    method 5 at perfect separation, or, for shares of independent patients, from Wilson; the
    column ``method`` says which.

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
    >>> float(auc["estimate"]), auc["note"]
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
    metrics: list[dict[str, Any]] = []
    curves: dict[str, list[dict[str, Any]]] = {name: [] for name in _CURVE_COLUMNS}
    for (model, setting), part in frame.groupby(["model", "setting"], sort=False):
        rows = row_unit(part, names)
        if rows.codes.size == 0:
            raise TableError(
                "no row has a true stage",
                where=f"model {model!r}, setting {setting!r}",
                hint="predictions can be evaluated only where the stage is known",
            )
        for unit in (rows, patient_unit(rows)):
            head = {"model": model, "setting": setting, "unit": unit.name}
            found = []
            for target in questions:
                found += target_rows(unit, target, how, scanners=setting == "loso")
            if len(names) > 2:
                found += stage_rows(unit, how, ordered=ordered)
            metrics += [{**head, **row} for row in found]
            _add_curves(curves, head, unit, questions, how)
    table = pd.DataFrame(metrics, columns=list(METRIC_COLUMNS))
    table = table.astype({"n_pos": "Int64"})
    identity = ["model", "setting", "unit"]
    return Evaluation(
        table,
        {
            name: pd.DataFrame(
                rows,
                columns=[*identity, *([] if name == "confusion" else ["target"]), *columns],
            )
            for (name, columns), rows in zip(_CURVE_COLUMNS.items(), curves.values(), strict=True)
        },
    )


def _add_curves(
    curves: dict[str, list[dict[str, Any]]],
    head: dict[str, Any],
    unit: Unit,
    targets: Sequence[Target],
    how: Resampling,
) -> None:
    makers: dict[str, Callable[[Target], list[dict[str, Any]]]] = {
        "roc": lambda target: roc_rows(unit, target),
        "calibration": lambda target: calibration_rows(unit, target, how),
    }
    for target in targets:
        for name, make in makers.items():
            curves[name] += [{**head, "target": target.name, **row} for row in make(target)]
    curves["confusion"] += [{**head, **row} for row in confusion_rows(unit)]
