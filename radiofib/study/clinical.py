"""The step of a study that sets the stager beside covariates and serum scores."""

from __future__ import annotations

import pandas as pd

from radiofib.datacard import StageScheme
from radiofib.errors import Failure, RadiofibError, SplitError
from radiofib.evaluation import evaluate
from radiofib.evaluation.clinical import ClinicalRun, clinical_predictions, setting_splits
from radiofib.evaluation.clinical_models import ClinicalModel, covariate_model, score_model
from radiofib.evaluation.clinical_value import added_value, cutoff_rows
from radiofib.evaluation.clinical_values import without_impossible
from radiofib.parallel import one_thread
from radiofib.staging import check_order, targets_for
from radiofib.study.channel_sets import channel_sets
from radiofib.study.clinical_config import ClinicalConfig
from radiofib.study.config import StudyConfig
from radiofib.study.folder import RunFolder, write_failures
from radiofib.study.model import SCANNER, build_stager, check_scanner, labelled
from radiofib.study.progress import Progress
from radiofib.table import FeatureTable

__all__ = ["CLINICAL_FILES", "clinical_models", "clinical_step"]

CLINICAL_FILES = tuple(
    f"evaluation/{name}.csv"
    for name in (
        "clinical_predictions",
        "clinical_metrics",
        "added_value",
        "serum_cutoffs",
        "clinical_failures",
    )
)


def clinical_models(
    table: FeatureTable, settings: ClinicalConfig
) -> tuple[list[ClinicalModel], list[Failure]]:
    """Return the clinical models of a study; one that cannot be made does not cost the others.

    Examples
    --------
    >>> obs = pd.DataFrame({"case": ["a"], "age": [50], "ast": [40], "platelets": [90_000]})
    >>> table = FeatureTable(pd.DataFrame({"t1_x": [1.0]}), obs)
    >>> models, failures = clinical_models(
    ...     table, ClinicalConfig(covariates=["age"], scores=["apri"]))
    >>> [m.name for m in models], failures[0].reason
    (['clinical'], "case 'a': platelets are not possible in 10^9/l (expected 1 to 2500; found
    90000 (1 in all)). Next: counts per ul? Divide by 1000.")
    """
    models: list[ClinicalModel] = []
    failures: list[Failure] = []
    columns = {str(k): v for k, v in settings.columns.items()}
    wanted = [("clinical", settings.covariates)] if settings.covariates else []
    for name, covariates in [*wanted, *((score, ()) for score in settings.scores)]:
        try:
            models.append(
                covariate_model(table, covariates)
                if covariates
                else score_model(table, name, columns, uln_ast=settings.uln_ast)
            )
        except RadiofibError as error:
            failures.append(Failure.from_error(error, case="", step="clinical"))
    return models, failures


def clinical_step(
    study: StudyConfig,
    table: FeatureTable,
    scheme: StageScheme | None,
    folder: RunFolder,
    features_hash: str,
    tell: Progress,
) -> list[Failure]:
    """Test clinical models in the stager's own folds, and what it adds to them.

    Writes ``evaluation/clinical_predictions.csv``, ``clinical_metrics.csv``, ``added_value.csv``,
    ``serum_cutoffs.csv`` and ``clinical_failures.csv``. Where there are channel sets, the
    features are those of the first.
    """
    rows = labelled(table)
    settings = study.clinical
    if settings is None or scheme is None or rows.n_rows == 0:
        folder.discard(*CLINICAL_FILES)
        return []
    main = channel_sets(study)[0]
    key = {
        "features": features_hash,
        "clinical": settings.model_dump(mode="json"),
        "stager": study.stager.model_dump(mode="json"),
        "evaluation": study.evaluation.model_dump(mode="json"),
        "channels": main.members if main.name else [],
        "levels": list(scheme.levels),
        "seed": study.seed,
    }

    def work() -> None:
        check_order("proportional_odds", scheme.levels, ordered=scheme.ordered)
        check_scanner(study, rows)
        with one_thread():
            _compare(study, settings, rows, main.of(rows), scheme, folder, tell)

    try:
        folder.step("clinical", key, CLINICAL_FILES, work)
    except RadiofibError as error:
        folder.discard(*CLINICAL_FILES)
        return [Failure.from_error(error, case="", step="clinical")]
    listed = pd.read_csv(folder.root / CLINICAL_FILES[-1], keep_default_na=False, dtype=str)
    rows_listed = listed.to_dict("records")
    return [Failure(**{str(k): str(v) for k, v in row.items()}) for row in rows_listed]


def _compare(
    study: StudyConfig,
    settings: ClinicalConfig,
    rows: FeatureTable,
    seen: FeatureTable,
    scheme: StageScheme,
    folder: RunFolder,
    tell: Progress,
) -> None:
    columns = {str(k): v for k, v in settings.columns.items()}
    rows, slips = without_impossible(rows, settings.covariates, settings.scores, columns)
    models, failures = clinical_models(rows, settings)
    if not models:
        raise SplitError("no clinical model could be made", found=failures[0].reason)
    failures = [*slips, *failures]
    targets = targets_for(scheme.levels, ordered=scheme.ordered)
    runs, added = [], []
    todo = _settings(study, rows)
    for number, setting in enumerate(todo):
        tell("clinical", number, len(todo))
        try:
            run = _one_setting(study, settings, setting, (seen, models), scheme)
        except SplitError as error:
            failures.append(Failure.from_error(error, case="", step=f"clinical {setting}"))
            continue
        runs.append(run.predictions)
        failures += run.failures
        added.append(added_value(run, models, targets, thresholds=settings.thresholds))
    tell("clinical", len(todo), len(todo))
    if not runs:
        raise SplitError("no setting could be evaluated", found=failures[-1].reason)
    predictions = pd.concat(runs, ignore_index=True)
    result = evaluate(
        predictions,
        levels=scheme.levels,
        ordered=scheme.ordered,
        n_boot=study.evaluation.n_boot,
        random_state=study.seed,
    )
    cutoffs = cutoff_rows(rows, models, targets, levels=scheme.levels, columns=columns)
    tables = (predictions, result.metrics, pd.concat(added, ignore_index=True), cutoffs)
    for name, frame in zip(CLINICAL_FILES, tables, strict=False):
        folder.write_frame(name, frame)
    write_failures(folder, failures, CLINICAL_FILES[-1])


def _settings(study: StudyConfig, rows: FeatureTable) -> list[str]:
    several = SCANNER in rows.obs and len(rows.obs[SCANNER].dropna().unique()) > 1
    asked: list[str] = [
        s for s in study.evaluation.settings if s == "cv" or (s == "loso" and several)
    ]
    return asked or ["cv"]  # fixed parts are too small to compare models of covariates in


def _one_setting(
    study: StudyConfig,
    settings: ClinicalConfig,
    setting: str,
    data: tuple[FeatureTable, list[ClinicalModel]],
    scheme: StageScheme,
) -> ClinicalRun:
    table, models = data
    splits = setting_splits(table, setting, folds=study.evaluation.folds, random_state=study.seed)
    return clinical_predictions(
        table,
        build_stager(study),
        models,
        splits,
        levels=scheme.levels,
        setting=setting,
        folds=settings.folds,
        random_state=study.seed,
    )
