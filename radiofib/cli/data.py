"""Commands between files: extract, export."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from radiofib.cli._shared import Workers, finish, progress_bar, warn

__all__ = ["register"]


class EngineName(StrEnum):
    """Who computes."""

    native = "native"
    pyradiomics = "pyradiomics"


class MapsFormat(StrEnum):
    """File format of feature maps."""

    nifti = "nii.gz"
    nrrd = "nrrd"


def register(app: typer.Typer) -> None:
    """Add this module's commands to the application."""
    app.command()(extract)
    app.command()(export)


def extract(
    cohort: Annotated[str, typer.Argument(help="Cohort table, or data card with --root.")],
    out: Annotated[Path, typer.Option(help="Feature table to write (.parquet).")],
    config: Annotated[
        Path | None, typer.Option(help="Our YAML or a pyradiomics parameter file.")
    ] = None,
    engine: Annotated[
        EngineName | None, typer.Option(help="Engine, over the configuration's.")
    ] = None,
    root: Annotated[Path | None, typer.Option(help="Folder the paths are relative to.")] = None,
    scheme: Annotated[str | None, typer.Option(help="Stage scheme, such as metavir.")] = None,
    maps: Annotated[bool, typer.Option("--maps", help="Also write maps to maps/.")] = False,
    maps_format: Annotated[
        MapsFormat, typer.Option(help="File format of maps.")
    ] = MapsFormat.nifti,
    map_features: Annotated[
        str | None, typer.Option(help="Features to map, such as glcm_contrast,ngtdm_*.")
    ] = None,
    workers: Workers = None,
) -> None:
    """Extract features of every image of a cohort.

    Example: radiofib extract cohort.csv --out features.parquet
    """
    from radiofib.study import RunFolder, extract_cohort, write_doubts, write_failures

    with progress_bar() as tell:
        table, failures = extract_cohort(
            cohort,
            out=out,
            config=config,
            engine=None if engine is None else engine.value,
            root=root,
            scheme=scheme,
            maps=maps_format.value if maps else None,
            map_features=None if map_features is None else map_features.split(","),
            workers=workers,
            progress=tell,
        )
    listing = write_failures(RunFolder(out.parent), failures, f"{out.stem}.failures.csv")
    doubts = f"{out.stem}.doubts.csv"
    warn(write_doubts(RunFolder(out.parent), table, doubts), out.parent / doubts)
    typer.echo(f"{table.n_rows} rows, {table.n_features} features: {out}")
    if maps:
        typer.echo(f"maps: {out.parent / 'maps' / 'maps.csv'}")
    finish(failures, useful=table.n_rows > 0, where=listing)


def export(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="FEATURES|MODEL", help="Our Parquet, any CSV, XLSX or SAV; or a .skops model."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder to write.")],
    to: Annotated[
        str | None,
        typer.Option(
            help="Table: csv, parquet, sav, rds (the default), dta, xpt; xlsx is the codebook as "
            "a workbook. Model: csv, r, xgboost (the default: those that fit), onnx."
        ),
    ] = None,
    label: Annotated[str, typer.Option(help="Column with the stage.")] = "stage",
) -> None:
    """Write a feature table, or a trained model, for R, SPSS and others.

    Example: radiofib export features.parquet --to sav,rds --out export
    """
    from radiofib.export import export_model, export_table
    from radiofib.table import FeatureTable

    if source.suffix.lower() == ".skops":
        written = export_model(source, out, to)
    else:
        written = export_table(
            FeatureTable.read(source, label=label), out, to or "csv,rds,sav,parquet"
        )
    for path in written:
        typer.echo(str(path))
