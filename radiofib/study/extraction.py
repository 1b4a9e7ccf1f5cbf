"""From a cohort to a stored feature table: the front half of the chain alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from radiofib.cohort import Cohort
from radiofib.datacard import list_cards
from radiofib.engines import ExtractionConfig, default_config
from radiofib.errors import ConfigError, Failure, UsageError
from radiofib.extract import extract_features
from radiofib.extract.maps import check_maps, write_maps
from radiofib.study.progress import Progress, silent
from radiofib.table import FeatureTable

__all__ = ["config_for", "extract_cohort", "open_cohort"]


def extract_cohort(
    cohort: str,
    *,
    out: Path,
    config: Path | None = None,
    engine: str | None = None,
    root: Path | None = None,
    scheme: str | None = None,
    maps: str | None = None,
    map_features: Sequence[str] | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> tuple[FeatureTable, list[Failure]]:
    """Extract the features of a cohort table or data card and write them as Parquet.

    Finished pieces are kept beside the table in ``<name>.pieces``, so that the same call after
    an interruption does only what is missing.

    Parameters
    ----------
    cohort : str
        Cohort table, data card, or name of a packaged card (these need `root`).
    out : path
        Feature table to write.
    config : path, optional
        Extraction configuration; default by the kind of images.
    engine : str, optional
        Engine, in place of the configuration's.
    root : path, optional
        Folder the image paths are relative to; default the table's folder.
    scheme : str, optional
        Stage scheme of a cohort table.
    maps : {"nii.gz", "nrrd"}, optional
        Also write feature maps in that format to ``maps`` beside the table; see
        :func:`radiofib.extract.maps.write_maps`.
    map_features : sequence of str, optional
        Patterns of the features to map; all by default.
    workers : int, optional
        Processes.
    progress : callable, optional
        Called with step, done, total.

    Returns
    -------
    FeatureTable, list of Failure
        The table and what could not be done.

    Raises
    ------
    CohortError, ConfigError
        When cohort or configuration cannot be used at all.
    """
    if out.suffix.lower() != ".parquet":
        raise UsageError(
            "a feature table is written as Parquet",
            where=str(out),
            expected="a name that ends in .parquet",
            hint="extract to .parquet, then 'radiofib export' makes CSV, SAV and others of it",
        )
    cases = open_cohort(cohort, root, scheme)
    settings = ExtractionConfig.read(config) if config is not None else config_for(cases)
    if engine is not None:
        settings = settings.with_engine(engine)
    if maps is not None:
        check_maps(settings, map_features, maps)
    elif map_features is not None:
        raise UsageError(
            "features of maps are chosen, but maps are not asked for",
            found=", ".join(map_features),
            hint="add --maps, or leave out --map-features",
        )
    tell = progress or silent
    out.parent.mkdir(parents=True, exist_ok=True)
    table, failures = extract_features(
        cases,
        settings,
        pieces_dir=out.with_suffix(".pieces"),
        workers=workers,
        progress=lambda done, total, _: tell("features", done, total),
    )
    if table.n_rows:
        table.to_parquet(out)
    else:
        # A table of an earlier call must not pass for the result of this one.
        out.unlink(missing_ok=True)
    if maps is not None:
        known = {(f.case, f.channel, f.instance) for f in failures}
        _, lost = write_maps(
            cases,
            settings,
            out.parent / "maps",
            features=map_features,
            file_format=maps,
            workers=workers,
            progress=lambda done, total, _: tell("maps", done, total),
        )
        failures += [f for f in lost if (f.case, f.channel, f.instance) not in known]
    return table, [*cases.failures, *failures]


def config_for(cohort: Cohort) -> ExtractionConfig:
    """Return the default configuration for a cohort's kind of images.

    Raises
    ------
    ConfigError
        When ultrasound stands beside volumes, for which no one configuration is sensible.

    Examples
    --------
    >>> from radiofib.cohort import Acquisition
    >>> config_for(Cohort((Acquisition("a", "a", "us", Path("a.png")),))).engine
    'native'
    """
    channels = set(cohort.channels) - {"wsi"}
    if channels <= {"us"}:
        return default_config("ultrasound")
    if "us" in channels:
        raise ConfigError(
            "ultrasound and volumes in one cohort have no common default",
            where=cohort.source,
            found=", ".join(sorted(channels)),
            hint="name an extraction configuration",
        )
    return default_config("ct" if channels == {"ct"} else "mri")


def open_cohort(
    cohort: str, root: Path | None, scheme: str | None, channel: str | None = None
) -> Cohort:
    """Read a cohort table, or the folder `root` as a data card describes it.

    `channel` is that of all images of a table without a column ``channel``.
    """
    if cohort.endswith(".md") or cohort in list_cards():
        return Cohort.from_card(cohort, root or Path(), channel=channel)
    return Cohort.read(Path(cohort), root=root, scheme=scheme, channel=channel)
