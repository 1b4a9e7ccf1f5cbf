"""The middle of a study: train the stager on everything, test it on what it has not seen."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pandas as pd

from radiofib.datacard import StageScheme
from radiofib.errors import Failure, RadiofibError, SplitError, TableError
from radiofib.evaluation import control_tables, cross_validate, evaluate, prediction_levels
from radiofib.evaluation.recalibration import cross_validate_both
from radiofib.staging import BaseStager, save_stager, stager_frame
from radiofib.staging.recalibrate import RecalibratedStager
from radiofib.study.channel_sets import ChannelSet, channel_sets, fill_with_prior
from radiofib.study.config import StudyConfig
from radiofib.study.folder import RunFolder
from radiofib.study.parts import fixed_parts, training_rows
from radiofib.study.progress import Progress
from radiofib.study.tables import write_evaluation
from radiofib.table import FeatureTable

__all__ = ["build_stager", "check_scanner", "evaluate_step", "labelled", "train_step"]

SCANNER = "scanner"


def build_stager(study: StudyConfig, *, control: bool = False) -> BaseStager:
    """Return the study's stager, untrained; for a control its bare learner."""
    plan = study.stager.control if control else study.stager
    return plan.build(scanner_column=SCANNER, random_state=study.seed)


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
    """Fit the stager on all labelled rows, once for each channel set; ``model.skops`` and so on."""
    failures = []
    sets = channel_sets(study)
    # A stager of a set that an earlier run had must not pass for one of this run.
    old = {p.name for p in folder.root.glob("model_*.skops")} - {s.model_file for s in sets}
    folder.discard(*sorted(old))
    for channels in sets:
        failures += _train(study, table, scheme, folder, features_hash, channels, tell)
    return failures


def _train(
    study: StudyConfig,
    table: FeatureTable,
    scheme: StageScheme | None,
    folder: RunFolder,
    features_hash: str,
    channels: ChannelSet,
    tell: Progress,
) -> list[Failure]:
    rows = labelled(channels.of(training_rows(study, labelled(table))))
    if scheme is None or rows.n_rows == 0:
        folder.discard(channels.model_file)
        return []
    key = {"features": features_hash, "stager": study.stager.model_dump(), "seed": study.seed}
    if channels.name:
        key |= {"channels": {channels.name: channels.members}}
    if study.evaluation.settings == ("fixed",):
        key |= {"parts": study.evaluation.parts}

    def work() -> None:
        check_scanner(study, rows)
        stager = build_stager(study)
        X = stager_frame(rows, stager.context_columns)
        stager.fit(X, rows.obs["stage"].astype(str).to_numpy())
        metadata = {
            "levels": list(scheme.levels),
            "labels": dict(scheme.labels),
            "ordered": scheme.ordered,
            "scheme": scheme.name,
            "label": "stage",
            **key,
        }
        save_stager(stager, folder.path(channels.model_file), metadata=metadata)

    tell("train", 0, 1)
    try:
        folder.step(f"train {channels.name}".strip(), key, (channels.model_file,), work)
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
    if study.channel_sets or study.feature_sets:
        key |= {"channel_sets": {s.name: s.members for s in channel_sets(study)}}
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
    models = [model for s in channel_sets(study) for model in _models(study, rows, s)]
    settings = [s for s in study.evaluation.settings if s != "loso" or _several_scanners(rows)]
    frames: list[pd.DataFrame] = []
    failures: list[Failure] = []
    jobs = [(setting, model) for setting in settings for model in models]
    for number, (setting, model) in enumerate(jobs):
        tell("evaluate", number, len(jobs))
        stager = build_stager(study, control=model.control)
        # A corrected stager is shown before and after its correction.
        corrected = isinstance(stager, RecalibratedStager) and not model.control
        judge = cross_validate_both if corrected else cross_validate
        try:
            predictions, failed = judge(
                model.rows,
                stager,
                setting=setting,
                folds=study.evaluation.folds,
                random_state=study.seed,
                model_name=model.name,
                splits=fixed_parts(study, rows) if setting == "fixed" else None,
            )
            if setting == "fixed":
                # Each part is a test set of its own.
                predictions = predictions.assign(setting=predictions["fold"])
        except SplitError as error:
            # One setting that the cohort is too small for must not cost the others.
            failures.append(Failure.from_error(error, case="", step=f"evaluate {setting}"))
            continue
        frames.append(_of_set(predictions, model))
        failures += failed
    tell("evaluate", len(jobs), len(jobs))
    if not frames:
        raise SplitError("no setting could be evaluated", found=failures[0].reason)
    # A row that no model could use is one failure, not one for each model.
    return pd.concat(frames, ignore_index=True), list(dict.fromkeys(failures))


@dataclass(frozen=True)
class _Model:
    """A stager or control to be tested: what it sees, and under which name."""

    name: str
    rows: FeatureTable
    control: bool
    channels: ChannelSet


def _models(study: StudyConfig, rows: FeatureTable, channels: ChannelSet) -> list[_Model]:
    """Return stager and controls of a channel set; the scanner is the same in all of them."""
    seen = channels.of(rows)
    name = channels.label(study.stager.name)
    check_scanner(study, seen)
    models = [_Model(name, seen, False, channels)]
    if not study.evaluation.controls:
        return models
    first = channels == channel_sets(study)[0]
    for control, data in control_tables(seen).items():
        # The controls of the first set keep their plain names, by which the report knows them.
        plain = f"control_{control}"
        # The machine is the same for every set, the size of the images for sets of features too.
        same = ("scanner", "geometry") if channels.families else ("scanner",)
        if first or control not in same:
            models.append(_Model(plain if first else channels.label(plain), data, True, channels))
    return models


def _of_set(predictions: pd.DataFrame, model: _Model) -> pd.DataFrame:
    """Name the channel set; give cases without any feature of it their fold's class shares."""
    if not model.channels.name:
        return predictions
    keys = [c for c in ("case", "instance") if c in predictions]
    bare = model.rows.obs.loc[model.rows.X.isna().all(axis=1).to_numpy(), keys]
    empty = pd.MultiIndex.from_frame(predictions[keys]).isin(pd.MultiIndex.from_frame(bare))
    levels = prediction_levels(predictions)
    return fill_with_prior(predictions, empty, levels).assign(channels=model.channels.name)


def check_scanner(study: StudyConfig, rows: FeatureTable) -> None:
    """Refuse rows without any scanner for a stager that must know it."""
    unknown = SCANNER not in rows.obs or rows.obs[SCANNER].isna().all()
    if study.stager.uses_scanner and unknown:
        raise TableError(
            "the stager is to know the scanner, but no row names one",
            hint="add a column 'scanner' to the cohort or set scanner_flag: false",
        )


def _several_scanners(rows: FeatureTable) -> bool:
    return SCANNER in rows.obs and len(rows.obs[SCANNER].dropna().unique()) > 1
