"""The feature tables of an ablation: from files, or from the study's images as a run makes them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from radiofib.errors import Failure, RadiofibError
from radiofib.study.ablate_config import AblationConfig
from radiofib.study.channel_sets import check_channel_sets
from radiofib.study.config import StudyConfig
from radiofib.study.doubts import screen_doubts, write_doubts
from radiofib.study.folder import RunFolder
from radiofib.study.landmarks import check_landmarks, learn_step
from radiofib.study.prepare import prepare_cohort
from radiofib.study.progress import Progress
from radiofib.study.run import cohort_features, extraction_config, load_cohort
from radiofib.table import FeatureTable

__all__ = ["BASE", "load_tables", "table_of"]

#: Name of the table that a combination sees when no level names another.
BASE = "the study's features"


def table_of(run: Iterable[str | None]) -> str:
    """Return the table of a combination: the one that a level names, else the study's.

    Examples
    --------
    >>> table_of([None, "registered.parquet"]), table_of([None])
    ('registered.parquet', "the study's features")
    """
    return next((name for name in run if name is not None), BASE)


def load_tables(
    study: StudyConfig,
    config: AblationConfig,
    wanted: Iterable[str],
    *,
    root: Path,
    folder: RunFolder,
    features: Path | None,
    workers: int | None,
    tell: Progress,
) -> tuple[dict[str, FeatureTable], list[Failure]]:
    """Read or make each table that some combination sees.

    Parameters
    ----------
    study, config : StudyConfig, AblationConfig
    wanted : iterable of str
        Names as :func:`table_of` returns them; the first says whose the cases are.
    root : path
        Folder that paths in the study are relative to.
    folder : RunFolder
    features : path, optional
        The study's features, in place of those named in the study or of its images.
    workers, tell
        As for :func:`radiofib.study.run_study`.

    Raises
    ------
    RadiofibError
        When a table cannot be read or no case could be used.
    """
    tables: dict[str, FeatureTable] = {}
    failures: list[Failure] = []
    for name in dict.fromkeys(wanted):
        path = root / name
        if name == BASE:
            named = features or (root / config.features if config.features else None)
            if named is None:
                tables[name], failures = _from_images(study, root, folder, workers, tell)
                continue
            path = named
        tables[name] = FeatureTable.read(path, label=study.label)
    return tables, failures


def _from_images(
    study: StudyConfig, root: Path, folder: RunFolder, workers: int | None, tell: Progress
) -> tuple[FeatureTable, list[Failure]]:
    """Measure the study's cohort, as ``radiofib run`` into the same folder would."""
    cohort = load_cohort(study, root)
    check_channel_sets(study, cohort)
    config = extraction_config(study, cohort, root)
    check_landmarks(study, config)
    prepared = prepare_cohort(
        cohort,
        study.masks,
        study.registration,
        folder,
        root=root,
        ultrasound=study.ultrasound,
        workers=workers,
        progress=tell,
    )
    cohort, config = learn_step(study, prepared.cohort, config, folder)
    table, failures = cohort_features(cohort, config, study, folder, workers, tell, root=root)
    write_doubts(folder, table, more=screen_doubts(prepared.screens))
    if table.n_rows == 0:
        raise RadiofibError(
            "no case could be used", where=cohort.source, found=f"{len(failures)} failures"
        )
    table.to_parquet(folder.path("features/features.parquet"))
    return table, list(dict.fromkeys([*cohort.failures, *prepared.failures, *failures]))
