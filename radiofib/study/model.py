"""The middle of a study: train the stager on everything, test it on what it has not seen."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd

from radiofib.datacard import StageScheme
from radiofib.errors import Failure, RadiofibError, SplitError, TableError
from radiofib.evaluation import control_tables, cross_validate, evaluate
from radiofib.staging import BaseStager, make_stager, save_stager, stager_frame
from radiofib.study.config import StudyConfig
from radiofib.study.folder import RunFolder
from radiofib.study.progress import Progress
from radiofib.study.tables import write_evaluation
from radiofib.table import FeatureTable

__all__ = ["build_stager", "evaluate_step", "labelled", "train_step"]

SCANNER = "scanner"


def build_stager(study: StudyConfig, scanner_column: str | None = None) -> BaseStager:
    """Return the study's stager, untrained."""
    params: dict[str, Any] = dict(study.stager.params)
    return make_stager(
        study.stager.name, scanner_column=scanner_column, random_state=study.seed, **params
    )


def labelled(table: FeatureTable) -> FeatureTable:
    """Return the rows that have a stage and at least one feature."""
    if "stage" not in table.obs:
        return table.subset(table.X.index.to_numpy() < 0)
    usable = table.obs["stage"].notna() & table.X.notna().any(axis=1)
    return table.subset(usable.to_numpy())


def train_step(
    study: StudyConfig,
    table: FeatureTable,
    scheme: StageScheme | None,
    folder: RunFolder,
    features_hash: str,
    tell: Progress,
) -> list[Failure]:
    """Fit the stager on all labelled rows and write ``model.skops``."""
    rows = labelled(table)
    if scheme is None or rows.n_rows == 0:
        folder.discard("model.skops")
        return []
    key = {"features": features_hash, "stager": study.stager.model_dump(), "seed": study.seed}

    def work() -> None:
        scanner = _scanner_column(study, rows)
        stager = build_stager(study, scanner)
        stager.fit(stager_frame(rows, scanner), rows.obs["stage"].astype(str).to_numpy())
        metadata = {
            "levels": list(scheme.levels),
            "labels": dict(scheme.labels),
            "ordered": scheme.ordered,
            "scheme": scheme.name,
            "label": "stage",
            **key,
        }
        save_stager(stager, folder.path("model.skops"), metadata=metadata)

    tell("train", 0, 1)
    try:
        folder.step("train", key, ("model.skops",), work)
    except RadiofibError as error:
        return [Failure.from_error(error, case="", step="train")]
    tell("train", 1, 1)
    return []


def evaluate_step(
    study: StudyConfig,
    table: FeatureTable,
    scheme: StageScheme | None,
    folder: RunFolder,
    features_hash: str,
    tell: Progress,
) -> list[Failure]:
    """Test stager and negative controls; write ``predictions.csv`` and ``evaluation/``."""
    rows = labelled(table)
    if scheme is None or rows.n_rows == 0:
        folder.discard("predictions.csv", "evaluation")
        return []
    key = {
        "features": features_hash,
        "stager": study.stager.model_dump(),
        "evaluation": study.evaluation.model_dump(mode="json"),
        "seed": study.seed,
    }
    outputs = (
        "predictions.csv",
        "evaluation/metrics.csv",
        "evaluation/failures.json",
    )

    def work() -> None:
        predictions, failures = _predict_unseen(study, rows, tell)
        if not scheme.ordered:
            predictions["ordered"] = False
        folder.write_frame("predictions.csv", predictions)
        result = evaluate(
            predictions,
            levels=scheme.levels,
            ordered=scheme.ordered,
            n_boot=study.evaluation.n_boot,
            random_state=study.seed,
        )
        write_evaluation(result, folder, prefix="evaluation/")
        folder.write_json("evaluation/failures.json", [f.as_row() for f in failures])

    try:
        folder.step("evaluate", key, outputs, work)
    except RadiofibError as error:
        folder.discard("evaluation")
        return [Failure.from_error(error, case="", step="evaluate")]
    text = (folder.root / "evaluation/failures.json").read_text(encoding="utf-8")
    return [Failure(**row) for row in json.loads(text)]


def _predict_unseen(
    study: StudyConfig, rows: FeatureTable, tell: Progress
) -> tuple[pd.DataFrame, list[Failure]]:
    """Predict every row from folds that did not see its patient, for stager and controls."""
    scanner = _scanner_column(study, rows)
    models = [(study.stager.name, rows, scanner)]
    if study.evaluation.controls:
        models += [(f"control_{n}", t, None) for n, t in control_tables(rows).items()]
    settings = [s for s in study.evaluation.settings if s != "loso" or _several_scanners(rows)]
    frames: list[pd.DataFrame] = []
    failures: list[Failure] = []
    jobs = [(setting, model) for setting in settings for model in models]
    for number, (setting, (name, data, flag)) in enumerate(jobs):
        tell("evaluate", number, len(jobs))
        stager = build_stager(study, flag)
        try:
            predictions, failed = cross_validate(
                data,
                stager,
                setting=setting,
                folds=study.evaluation.folds,
                random_state=study.seed,
                model_name=name,
            )
        except SplitError as error:
            # One setting that the cohort is too small for must not cost the others.
            failures.append(Failure.from_error(error, case="", step=f"evaluate {setting}"))
            continue
        frames.append(predictions)
        failures += failed
    tell("evaluate", len(jobs), len(jobs))
    if not frames:
        raise SplitError("no setting could be evaluated", found=failures[0].reason)
    # A row that no model could use is one failure, not one for each model.
    return pd.concat(frames, ignore_index=True), list(dict.fromkeys(failures))


def _scanner_column(study: StudyConfig, rows: FeatureTable) -> str | None:
    if not study.stager.scanner_flag:
        return None
    if SCANNER not in rows.obs or rows.obs[SCANNER].isna().all():
        raise TableError(
            "the stager is to know the scanner, but no row names one",
            hint="add a column 'scanner' to the cohort or set scanner_flag: false",
        )
    return SCANNER


def _several_scanners(rows: FeatureTable) -> bool:
    return SCANNER in rows.obs and len(rows.obs[SCANNER].dropna().unique()) > 1
