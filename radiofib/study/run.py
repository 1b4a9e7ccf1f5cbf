"""From a study file to a run folder: every step writes plain files that the next one reads."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from radiofib.cohort import Acquisition, Cohort
from radiofib.datacard import DataCard
from radiofib.engines import ExtractionConfig
from radiofib.errors import ConfigError, ExportError, Failure, RadiofibError
from radiofib.export import export_table, write_refit
from radiofib.extract import extract_features
from radiofib.extract.embedding import embedding_doubts
from radiofib.provenance import environment, hash_file, hash_object
from radiofib.report import write_report
from radiofib.study.audit import audit_step
from radiofib.study.cam import cam_step
from radiofib.study.channel_sets import check_channel_sets, check_feature_sets, main_model
from radiofib.study.clinical import clinical_step
from radiofib.study.config import StudyConfig
from radiofib.study.counts import counts_step
from radiofib.study.doubts import doubt_frame, screen_doubts, tell_doubts, write_doubts
from radiofib.study.examples import examples_step
from radiofib.study.explain import explain_step
from radiofib.study.extraction import config_for
from radiofib.study.folder import RunFolder, write_failures
from radiofib.study.foresee import StudyWarning, impossible_splits
from radiofib.study.interpret import interpret_step
from radiofib.study.judge import readers_step
from radiofib.study.landmarks import check_landmarks, learn_step
from radiofib.study.lost_sets import without_lost_sets
from radiofib.study.model import build_stager, evaluate_step, labelled, train_step
from radiofib.study.parts import left_out
from radiofib.study.prepare import ULTRASOUND_TABLE, prepare_cohort
from radiofib.study.progress import Progress, silent
from radiofib.study.slides import slide_features
from radiofib.study.submission import SUBMISSION_FILES, submission_step
from radiofib.study.uncertainty import uncertainty_step
from radiofib.table import FeatureTable, join_tables

__all__ = ["RunResult", "run_study"]

SLIDE_CHANNEL = "wsi"
_PACKAGES = (
    "numpy",
    "scipy",
    "pandas",
    "scikit-learn",
    "xgboost",
    "SimpleITK",
    "PyWavelets",
    "pyradiomics-cuda",
)


@dataclass(frozen=True)
class RunResult:
    """What a run left behind.

    Parameters
    ----------
    out : path
        The run folder.
    report : path
        The HTML report.
    n_rows : int
        Rows in the feature table.
    failures : tuple of Failure
        What could not be done; also in ``failures.csv``.
    """

    out: Path
    report: Path
    n_rows: int
    failures: tuple[Failure, ...]


def run_study(
    study: StudyConfig,
    *,
    root: str | Path,
    out: str | Path,
    workers: int | None = None,
    progress: Progress | None = None,
) -> RunResult:
    """Run a study: cohort, features, stager, evaluation, exports, report.

    A run that was stopped is continued by the same call: features of unchanged cases, an
    unchanged model and an unchanged evaluation are not computed again. A setting that cannot be
    evaluated, such as folds of too few patients, is a warning before features are measured.

    Parameters
    ----------
    study : StudyConfig
        What to do.
    root : path
        Folder that holds the data; a cohort file's paths are relative to it.
    out : path
        Run folder to write.
    workers : int, optional
        Processes; default one per core. Results do not depend on it.
    progress : callable, optional
        Called with step name, pieces done and pieces in all.

    Raises
    ------
    RadiofibError
        When no case could be used at all.
    """
    tell = progress or silent
    folder = RunFolder(out)
    # A misspelt stager is refused before hours of extraction, not after.
    build_stager(study)
    cohort = load_cohort(study, Path(root))
    check_channel_sets(study, cohort)
    if cohort.scheme is not None:
        study.stager.check_order(cohort.scheme.levels, ordered=cohort.scheme.ordered)
    for error in impossible_splits(study, cohort):
        warnings.warn(str(error), StudyWarning, stacklevel=2)
    config = extraction_config(study, cohort, Path(root))
    check_feature_sets(study, config)
    told = embedding_doubts(config)  # a network that is missing is told now, too
    for one in told:
        warnings.warn(one.doubt, StudyWarning, stacklevel=2)
    check_landmarks(study, config)
    prepared = prepare_cohort(
        cohort,
        study.masks,
        study.registration,
        folder,
        root=Path(root),
        ultrasound=study.ultrasound,
        workers=workers,
        progress=tell,
    )
    # Said before hours of features: what was taken for tissue decides what they measure.
    of_screens = screen_doubts(prepared.screens)
    tell_doubts(doubt_frame(of_screens), folder.root / ULTRASOUND_TABLE)
    cohort, config = learn_step(study, prepared.cohort, config, folder)
    table, failures = cohort_features(cohort, config, study, folder, workers, tell, root=Path(root))
    failures = _once([*cohort.failures, *prepared.failures, *failures])
    write_failures(folder, failures)
    write_doubts(folder, table, more=of_screens)
    if table.n_rows == 0:
        _discard_results(folder)
        folder.discard("doubts.csv")
        raise RadiofibError(
            "no case could be used",
            where=cohort.source,
            found=f"{len(failures)} failures",
            hint=f"see {folder.root / 'failures.csv'}",
        )
    table.to_parquet(folder.path("features/features.parquet"))
    folder.write_frame("cohort.csv", cohort.obs())
    folder.write_text("study.yaml", study_yaml(study))
    features_hash = hash_file(folder.path("features/features.parquet"))
    try:
        trained, lost = without_lost_sets(study, table)
    except RadiofibError:
        _discard_results(folder)
        raise
    failures += lost
    failures += audit_step(study, table, cohort.scheme, folder, features_hash, tell)
    failures += train_step(trained, table, cohort.scheme, folder, features_hash, tell)
    failures += evaluate_step(trained, table, cohort.scheme, folder, features_hash, tell)
    failures += counts_step(trained, table, cohort.scheme, folder, features_hash, tell)
    failures += uncertainty_step(trained, table, cohort.scheme, folder, features_hash, tell)
    failures += interpret_step(trained, table, cohort.scheme, folder, features_hash, tell)
    failures += clinical_step(trained, table, cohort.scheme, folder, features_hash, tell)
    failures += readers_step(study, Path(root), cohort.scheme, folder)
    failures += explain_step(trained, table, cohort.scheme, folder, features_hash, workers, tell)
    doubts = left_out(study, labelled(table))
    failed, more = cam_step(trained, table, cohort, config, folder, features_hash, tell)
    failures += failed
    doubts += more
    failures += submission_step(trained, table, cohort, folder, features_hash, tell)
    failures += _export(study, table, cohort, folder, tell)
    failed, more = examples_step(study, cohort, table, folder)
    failures += failed
    doubts += more
    found = write_doubts(folder, table, more=[*of_screens, *doubts])
    known = {one.doubt for one in (*told, *of_screens)}
    tell_doubts(found[~found["doubt"].isin(known)], folder.root / "doubts.csv")
    write_failures(folder, failures)
    folder.write_json(
        "run.json", _facts(study, cohort, config, table, failures, main_model(trained))
    )
    tell("report", 0, 1)
    report = write_report(folder.root)
    folder.write_manifest()
    tell("report", 1, 1)
    return RunResult(folder.root, report, table.n_rows, tuple(failures))


def _discard_results(folder: RunFolder) -> None:
    """Remove what an earlier run made of features that this one does not have."""
    folder.discard("report.html", "model.skops", "predictions.csv", "evaluation", "export")
    folder.discard("model_uncertainty.npz", "interpret", "audit", "checklists", "cam")
    folder.discard(*SUBMISSION_FILES)


def _once(failures: Sequence[Failure]) -> list[Failure]:
    """Drop what a later step repeats of an earlier one."""
    seen = {(f.case, f.channel, f.instance, f.step, f.reason): f for f in reversed(failures)}
    kept = set(map(id, seen.values()))
    return [f for f in failures if id(f) in kept]


def load_cohort(study: StudyConfig, root: Path) -> Cohort:
    """Return the cohort that a study names.

    Where a study has ultrasound to clean, images without a channel are that ultrasound, whatever
    their files are called.
    """
    channel = None if study.ultrasound is None else study.ultrasound.channels[0]
    if study.card is not None:
        return Cohort.from_card(study.card, root, channel=channel)
    if study.cohort is None:
        raise ConfigError("name the data: give either 'card' or 'cohort'", where="study")
    return Cohort.read(
        root / study.cohort,
        root=root,
        scheme=study.scheme,
        label=study.label,
        channel=channel,
    )


def extraction_config(study: StudyConfig, cohort: Cohort, root: Path) -> ExtractionConfig:
    """Return the extraction configuration: inline, from a file, or the default for the images."""
    if isinstance(study.extraction, dict):
        found = ExtractionConfig.parse(study.extraction, where="study, key 'extraction'")
        if found.embedding is None:
            return found
        return found.model_copy(update={"embedding": found.embedding.found_from(root)})
    if isinstance(study.extraction, str):
        return ExtractionConfig.read(root / study.extraction)
    return config_for(cohort)


def study_yaml(study: StudyConfig) -> str:
    """Return the study with every default written out, as YAML."""
    return yaml.safe_dump(study.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def cohort_features(
    cohort: Cohort,
    config: ExtractionConfig,
    study: StudyConfig,
    folder: RunFolder,
    workers: int | None,
    tell: Progress,
    *,
    root: Path,
) -> tuple[FeatureTable, list[Failure]]:
    """Measure images and slides of a prepared cohort; finished pieces stay in the folder."""
    images = only(cohort, lambda a: a.channel != SLIDE_CHANNEL)
    slides = only(cohort, lambda a: a.channel == SLIDE_CHANNEL)
    tables: list[FeatureTable] = []
    failures: list[Failure] = []
    if images.acquisitions:
        table, failed = extract_features(
            images,
            config,
            pieces_dir=folder.root / "features" / "pieces",
            workers=workers,
            progress=lambda done, total, _: tell("features", done, total),
        )
        tables.append(table)
        failures += failed
    if slides.acquisitions:
        table, failed = slide_features(
            slides,
            folder.root / "slides",
            config=study.slides,
            root=root,
            workers=workers,
            tell=tell,
        )
        tables.append(table)
        failures += failed
    return (tables[0] if len(tables) == 1 else join_tables(tables)), failures


def only(cohort: Cohort, wanted: Callable[[Acquisition], bool]) -> Cohort:
    """Return the cohort with the acquisitions for which `wanted` is true."""
    return replace(cohort, acquisitions=tuple(filter(wanted, cohort.acquisitions)))


def _export(
    study: StudyConfig, table: FeatureTable, cohort: Cohort, folder: RunFolder, tell: Progress
) -> list[Failure]:
    """Write every format that can hold the table; say which cannot and why."""
    labels = dict(cohort.scheme.labels) if cohort.scheme else None
    out = folder.root / "export"
    tell("export", 0, 1)
    failures = []
    try:
        export_table(table, out, study.export, stage_labels=labels)
    except ExportError:
        for name in study.export:
            try:
                export_table(table, out, (name,), stage_labels=labels)
            except ExportError as error:
                failures.append(Failure.from_error(error, case="", step=f"export {name}"))
    failures += _refit(table, cohort, folder)
    tell("export", 1, 1)
    return failures


def _refit(table: FeatureTable, cohort: Cohort, folder: RunFolder) -> list[Failure]:
    """Write scripts that refit the interpretable model beside the exported table."""
    scheme = cohort.scheme
    if scheme is None:
        folder.discard("export/refit.R", "export/refit.sps")
        return []
    try:
        write_refit(
            table,
            folder.root / "interpret" / "coefficients.csv",
            folder.root / "export",
            levels=scheme.levels,
            stage_labels=dict(scheme.labels),
            ordered=scheme.ordered,
        )
    except RadiofibError as error:
        return [Failure.from_error(error, case="", step="export refit")]
    return []


def _facts(
    study: StudyConfig,
    cohort: Cohort,
    config: ExtractionConfig,
    table: FeatureTable,
    failures: Sequence[Failure],
    model: str,
) -> dict[str, Any]:
    scheme = cohort.scheme
    card = DataCard.read(study.card) if study.card else None
    return {
        "title": study.title,
        "description": study.description,
        "card": card and {"name": card.name, "title": card.title, "licence": card.licence},
        "scheme": scheme
        and {
            "name": scheme.name,
            "levels": list(scheme.levels),
            "labels": dict(scheme.labels),
            "ordered": scheme.ordered,
        },
        "channels": sorted({a.channel for a in cohort.acquisitions}),
        "engine": config.engine,
        "stager": study.stager.model_dump(mode="json"),
        "settings": list(study.evaluation.settings),
        "seed": study.seed,
        "versions": environment(_PACKAGES),
        "config_hash": hash_object(config.model_dump(mode="json")),
        "study_hash": hash_object(study.model_dump(mode="json")),
        "counts": {
            "cases": len({a.case for a in cohort.acquisitions}),
            "acquisitions": len(cohort.acquisitions),
            "rows": table.n_rows,
            "patients": table.patients,
            "features": table.n_features,
            "failures": len(failures),
        },
        "main": {
            "model": model,
            "setting": study.evaluation.settings[0],
            "target": study.main,
        },
        "notes": list(cohort.notes),
        **_copies(table.provenance),
    }


def _copies(provenance: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is known of pictures that repeat others, of joined tables too."""
    if "copies" in provenance:
        return {"copies": provenance["copies"]}
    parts = (_copies(part) for part in provenance.get("parts", ()))
    return next((found for found in parts if found), {})
