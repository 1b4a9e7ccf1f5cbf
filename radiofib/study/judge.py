"""Anyone's predictions and readers, file to files: what ``radiofib evaluate`` does."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from radiofib._checks import check_known, list_some
from radiofib.datacard import StageScheme
from radiofib.errors import Failure, RadiofibError, UsageError
from radiofib.evaluation import (
    PredictionsWarning,
    ReaderStudy,
    compare_readers,
    evaluate,
    prediction_levels,
    read_predictions,
    read_readings,
)
from radiofib.provenance import hash_file
from radiofib.staging import targets_for
from radiofib.study.config import StudyConfig
from radiofib.study.folder import RunFolder

__all__ = ["READER_FAILURES", "FileEvaluation", "evaluate_file", "readers_step"]

#: Cases and readings that were left out.
READER_FAILURES = "reader_failures.csv"


@dataclass(frozen=True)
class FileEvaluation:
    """What came of a file of predictions.

    Parameters
    ----------
    levels : tuple of str
        Stages, in order when `ordered`.
    ordered : bool
    n_metrics : int
    notes : tuple of str
        What a reader of the results should know.
    failures : tuple of Failure
        Cases and readings that were left out.
    """

    levels: tuple[str, ...]
    ordered: bool
    n_metrics: int
    notes: tuple[str, ...]
    failures: tuple[Failure, ...]


def evaluate_file(
    predictions: Path,
    out: Path,
    *,
    levels: Sequence[str] | None = None,
    ordered: bool | None = None,
    n_boot: int = 2000,
    seed: int = 0,
    train: Path | None = None,
    prevalence: Sequence[str] = (),
    readers: Path | None = None,
) -> FileEvaluation:
    """Measure predictions, and readers beside them.

    Parameters
    ----------
    predictions : path
        As :func:`radiofib.evaluation.read_predictions` reads it.
    out : path
        Folder to write.
    levels : sequence of str, optional
        Stages in order; else as the columns stand.
    ordered : bool, optional
        Whether the order means anything; else as the file says, or yes.
    n_boot, seed : int
        Bootstraps and their seed.
    train : path, optional
        Predictions of the same models on their training cases, for choosing thresholds.
    prevalence : sequence of str
        ``TARGET=SHARE``, or a share alone when there is one target.
    readers : path, optional
        As :func:`radiofib.evaluation.read_readings` reads it.

    Raises
    ------
    RadiofibError
        When a file cannot be used, or would be overwritten.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", PredictionsWarning)
        frame = read_predictions(predictions, levels=levels)
        names = prediction_levels(frame)
        training = None if train is None else read_predictions(train, levels=names)
    notes = [str(w.message) for w in caught if issubclass(w.category, PredictionsWarning)]
    if ordered is None:
        said = bool(frame["ordered"].iloc[0]) if "ordered" in frame else True
        ordered = said or levels is not None
    targets = targets_for(names, ordered=ordered)
    shares = _prevalences(prevalence, [t.name for t in targets])
    readings = None if readers is None else read_readings(readers, targets=targets)
    result = evaluate(
        frame,
        levels=names,
        ordered=ordered,
        n_boot=n_boot,
        random_state=seed,
        train=training,
        prevalence=shares,
    )
    tables = {"metrics": result.metrics, **result.curves}
    failures: tuple[Failure, ...] = ()
    if readings is not None:
        study = compare_readers(frame, readings[0], levels=names, ordered=ordered)
        tables |= study.tables
        failures = tuple(dict.fromkeys((*readings[1], *study.failures)))
    folder = RunFolder(out)
    inputs = {p.resolve() for p in (predictions, train, readers) if p is not None}
    own = sorted(name for name in tables if (folder.root / f"{name}.csv").resolve() in inputs)
    if own:
        raise UsageError(
            "a result would overwrite an input",
            where=str(folder.root / f"{own[0]}.csv"),
            hint="choose another --out",
        )
    for name, table in tables.items():
        folder.write_frame(f"{name}.csv", table)
    if readings is not None:
        _write_failures(folder, READER_FAILURES, failures)
    return FileEvaluation(
        names, ordered, len(result.metrics), tuple(dict.fromkeys(notes)), failures
    )


def _write_failures(folder: RunFolder, name: str, failures: Sequence[Failure]) -> None:
    columns = list(Failure("", "", "").as_row())
    folder.write_frame(name, pd.DataFrame([f.as_row() for f in failures], columns=columns))


def _prevalences(given: Sequence[str], targets: Sequence[str]) -> dict[str, float]:
    """Read ``TARGET=SHARE``, or one share where there is one target."""
    found: dict[str, float] = {}
    for text in given:
        name, _, share = text.rpartition("=")
        if not name and len(targets) > 1:
            raise UsageError(
                "a prevalence needs its target",
                expected=f"TARGET=SHARE with one of {list_some(targets)}",
                found=text,
            )
        name = name.strip() or targets[0]
        check_known(name, targets, what="target of a prevalence")
        try:
            found[name] = float(share)
        except ValueError:
            raise UsageError("a prevalence must be a number", found=text) from None
    return found


def readers_step(
    study: StudyConfig, root: Path, scheme: StageScheme | None, folder: RunFolder
) -> list[Failure]:
    """Compare the readers of a study with its models; write ``evaluation/readers.csv``.

    Also ``reader_auc.csv``, ``reader_agreement.csv``, ``reader_mrmc.csv``, and
    ``reader_failures.csv``, which lists readings that were left out.
    """
    names = tuple(
        f"evaluation/{n}.csv" for n in ("readers", "reader_auc", "reader_agreement", "reader_mrmc")
    )
    outputs = (*names, f"evaluation/{READER_FAILURES}")
    predicted = folder.root / "predictions.csv"
    if study.readers is None or scheme is None or not predicted.is_file():
        folder.discard(*outputs)
        return []
    try:
        path = root / study.readers
        targets = targets_for(scheme.levels, ordered=scheme.ordered)
        readings, missing = read_readings(path, targets=targets)
        key = {
            "readers": hash_file(path),
            "predictions": hash_file(predicted),
            "levels": list(scheme.levels),
            "ordered": scheme.ordered,
        }

        def work() -> None:
            found: ReaderStudy = compare_readers(
                read_predictions(predicted, levels=scheme.levels),
                readings,
                levels=scheme.levels,
                ordered=scheme.ordered,
            )
            for name, table in found.tables.items():
                folder.write_frame(f"evaluation/{name}.csv", table)
            failures = dict.fromkeys((*missing, *found.failures))
            _write_failures(folder, f"evaluation/{READER_FAILURES}", tuple(failures))

        folder.step("readers", key, outputs, work)
    except RadiofibError as error:
        folder.discard(*outputs)
        return [Failure.from_error(error, case="", step="readers")]
    left_out = pd.read_csv(folder.root / outputs[-1], keep_default_na=False, dtype=str)
    return [
        Failure(**{str(k): str(v) for k, v in row.items()}) for row in left_out.to_dict("records")
    ]
