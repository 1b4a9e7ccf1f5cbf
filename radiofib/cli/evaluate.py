"""Commands about stagers: train, predict, evaluate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from radiofib.cli._shared import DONE_WITH_FAILURES, NOTHING_USEFUL, finish

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

__all__ = ["register"]

_STAGERS = (
    "logistic, random_forest, xgboost, xgboost_ordinal, xgboost_focal, elastic_net, firth, "
    "proportional_odds, continuation_ratio or explainable_boosting; default logistic."
)


def register(app: typer.Typer) -> None:
    """Add this module's commands to the application."""
    app.command()(train)
    app.command()(predict)
    app.command()(evaluate)


def train(
    features: Annotated[Path, typer.Argument(help="Our Parquet, or any CSV, XLSX or SAV.")],
    out: Annotated[Path, typer.Option(help="Model to write (.skops).")],
    label: Annotated[str, typer.Option(help="Column with the stage.")] = "stage",
    scanner: Annotated[str | None, typer.Option(help="Column with the scanner, as flags.")] = None,
    stager: Annotated[str | None, typer.Option(help=_STAGERS)] = None,
    settings: Annotated[
        Path | None, typer.Option(help="YAML as under 'stager:' of a study, instead of --stager.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
) -> None:
    """Train a stager on a feature table.

    Example: radiofib train features.parquet --label stage --scanner scanner --out model.skops
    """
    from radiofib.errors import UsageError
    from radiofib.staging import StagerPlan
    from radiofib.study import scanner_notes, train_table
    from radiofib.study.tables import train_notes
    from radiofib.table import FeatureTable

    if stager is not None and settings is not None:
        raise UsageError("give either --stager or --settings, not both")
    plan: str | StagerPlan = stager or "logistic"
    if settings is not None:
        plan = StagerPlan.from_yaml(settings)
    name = plan if isinstance(plan, str) else plan.name
    table = FeatureTable.read(features, label=label)
    scheme = train_table(table, out, label=label, scanner=scanner, stager=plan, seed=seed)
    learnt, notes = train_notes(table, label)
    if scanner is None and isinstance(plan, StagerPlan) and plan.uses_scanner:
        scanner = "scanner"
    notes += scanner_notes(table, scanner) if scanner else []
    for note in notes:
        typer.secho(f"note: {note}", err=True, fg=typer.colors.YELLOW)
    typer.echo(f"learnt from {learnt}")
    typer.echo(f"{name} for {', '.join(scheme.labels.values())}: {out}")


def predict(
    model: Annotated[Path, typer.Argument(help="Model written by 'radiofib train' or 'run'.")],
    features: Annotated[Path, typer.Argument(help="Feature table with the model's columns.")],
    out: Annotated[Path, typer.Option(help="Predictions to write (.csv).")],
    quality: Annotated[
        Path | None,
        typer.Option(help="Also write quality control by scanner: unfamiliar cases, drift (.csv)."),
    ] = None,
) -> None:
    """Stage the cases of a feature table.

    With MODEL_uncertainty.npz beside the model, also: how far each case is from those of training
    (distance_p, unfamiliar), and, of a model that a run evaluated, the set of stages that it
    cannot exclude and its rule-out and rule-in calls.

    Example: radiofib predict model.skops features.parquet --out predictions.csv
    """
    from radiofib.study import predict_features

    found = predict_features(model, features)
    _write_csv(found.predictions, out)
    if quality is not None:
        _write_csv(found.quality, quality)
    typer.echo(f"{len(found.predictions)} rows: {out}")
    for line in found.warnings:
        typer.secho(line, err=True, fg=typer.colors.YELLOW)
    _tell_empty(found.predictions, found.left)


def _write_csv(frame: pd.DataFrame, path: Path) -> None:
    from radiofib.table import guard_frame

    temporary = path.with_name(f".{path.name}.part")
    guard_frame(frame).to_csv(temporary, index=False, lineterminator="\n")
    temporary.replace(path)


def _tell_empty(predictions: pd.DataFrame, left: Mapping[int, str]) -> None:
    """Say which rows have no probabilities, and leave with the exit status of DESIGN: 3 or 1."""
    import numpy as np

    from radiofib._checks import list_some

    columns = [c for c in predictions if str(c).startswith("p_")]
    empty = predictions[predictions[columns].isna().all(axis=1)]
    if empty.empty:
        return
    reasons = [left.get(int(row), "have none of the model's features") for row in empty.index]
    # A plain list of one reason would be taken for a list of keys.
    for reason, part in empty.groupby(np.array(reasons, dtype=object), sort=False):
        typer.secho(
            f"{len(part)} of {len(predictions)} rows {reason}, so their "
            f"probabilities are empty: {list_some(dict.fromkeys(part['case']), 5)}",
            err=True,
            fg=typer.colors.YELLOW,
        )
    raise typer.Exit(DONE_WITH_FAILURES if len(empty) < len(predictions) else NOTHING_USEFUL)


def evaluate(
    predictions: Annotated[Path, typer.Argument(help="Predictions of any model (.csv).")],
    out: Annotated[Path, typer.Option(help="Folder to write.")],
    levels: Annotated[
        str | None, typer.Option(help="Stages in order, with commas; else as the columns stand.")
    ] = None,
    ordered: Annotated[
        bool | None,
        typer.Option(
            "--ordered/--unordered",
            help="Whether the order means anything; else as the file says, or yes.",
        ),
    ] = None,
    readers: Annotated[
        Path | None, typer.Option(help="Readers' scores of the same cases (.csv).")
    ] = None,
    train: Annotated[
        Path | None,
        typer.Option(help="The models' predictions on their training cases, to choose thresholds."),
    ] = None,
    prevalence: Annotated[
        list[str] | None,
        typer.Option(help="Share of positives for predictive values: 0.2 or TARGET=0.2."),
    ] = None,
    n_boot: Annotated[int, typer.Option(help="Bootstrap samples for the intervals.")] = 2000,
    seed: Annotated[int, typer.Option(help="Seed of the bootstrap.")] = 0,
) -> None:
    """Measure predictions: intervals clustered by patient, curves, comparisons, readers.

    Example: radiofib evaluate predictions.csv --out evaluation --readers readers.csv
    """
    from radiofib.study import READER_FAILURES, evaluate_file

    given = None if levels is None else [level.strip() for level in levels.split(",")]
    done = evaluate_file(
        predictions,
        out,
        levels=given,
        ordered=ordered,
        n_boot=n_boot,
        seed=seed,
        train=train,
        prevalence=prevalence or (),
        readers=readers,
    )
    if not done.ordered:
        typer.echo(f"stages without an order: {', '.join(done.levels)}")
    elif given is None:
        typer.echo(f"stages in order: {' < '.join(done.levels)}")
    for note in done.notes:
        typer.secho(f"note: {note}", err=True, fg=typer.colors.YELLOW)
    typer.echo(f"{done.n_metrics} metrics: {out / 'metrics.csv'}")
    finish(done.failures, useful=True, where=out / READER_FAILURES)
