"""Commands that look for what is wrong before a model is believed: audit, lifs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from radiofib.cli._shared import DONE_WITH_FAILURES, NOTHING_USEFUL

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["register"]

_WIDTH = 80
_MARK = {"found": "!", "not identifiable": "?", "clear": " ", "not tested": "-"}


def register(app: typer.Typer) -> None:
    """Add this module's commands to the application."""
    app.command()(audit)


def audit(
    features: Annotated[
        Path | None, typer.Argument(help="Our Parquet, or any CSV, XLSX or SAV.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder to write.")] = Path("audit"),
    label: Annotated[str, typer.Option(help="Column with the stage.")] = "stage",
    scanner: Annotated[
        str | None, typer.Option(help="Column with the scanner; else 'scanner' if there is one.")
    ] = None,
    case: Annotated[str, typer.Option(help="Column that names the case.")] = "case",
    folds: Annotated[int, typer.Option(help="Folds of the negative controls.")] = 5,
    seed: Annotated[int, typer.Option(help="Seed of folds, shuffles and bootstraps.")] = 0,
    percentages: Annotated[
        Path | None,
        typer.Option(help="Instead: published percentages (.csv with column percent)."),
    ] = None,
    n: Annotated[int | None, typer.Option(help="Cases they come from; else column n.")] = None,
    decimals: Annotated[int, typer.Option(help="Decimals they were printed with.")] = 2,
) -> None:
    """Look for what a model could learn from a table beside the disease.

    Negative controls, scanner, missing channels, copies, identifiers: one verdict each in
    verdicts.csv, with the evidence beside it. Exit status 0 when nothing was found, 3 when
    something was, 1 when nothing could be tested.

    Example: radiofib audit features.parquet --label stage --scanner scanner --out audit
    """
    from radiofib.errors import UsageError

    if (features is None) == (percentages is None):
        raise UsageError(
            "one thing to audit is needed",
            expected="a feature table, or --percentages FILE",
            found="none" if features is None else "both",
        )
    if percentages is not None:
        _percentages(percentages, n, decimals, out)
        return
    assert features is not None
    _table(features, out, label, scanner, case, folds, seed)


def _table(
    features: Path, out: Path, label: str, scanner: str | None, case: str, folds: int, seed: int
) -> None:
    from radiofib._checks import check_known
    from radiofib.errors import TableError
    from radiofib.evaluation.audit import audit as look
    from radiofib.table import FeatureTable

    table = FeatureTable.read(features, label=label, case=case)
    if scanner is not None:
        check_known(scanner, map(str, table.obs.columns), what="column", error=TableError)
    done = look(table, label=label, scanner=scanner or "scanner", folds=folds, random_state=seed)
    done.write(out)
    _tell(done.verdicts)
    count = len(done.found)
    typer.echo(f"{count} of {len(done.verdicts)} checks found something: {out / 'verdicts.csv'}")
    if (done.verdicts["verdict"] == "not tested").all():
        raise typer.Exit(NOTHING_USEFUL)
    if count:
        raise typer.Exit(DONE_WITH_FAILURES)


def _tell(verdicts: pd.DataFrame) -> None:
    """Write each verdict as a question and its answer, at 80 columns."""
    import textwrap

    from radiofib.evaluation.audit import CHECKS

    for check, kind, finding in verdicts[["check", "verdict", "finding"]].itertuples(index=False):
        bad = kind in ("found", "not identifiable")
        typer.secho(f"{_MARK[kind]} {CHECKS[check]} {kind}", bold=bad)
        text = textwrap.fill(
            finding, _WIDTH, initial_indent="    ", subsequent_indent="    ", break_on_hyphens=False
        )
        typer.echo(text)


def _percentages(path: Path, n: int | None, decimals: int, out: Path) -> None:
    import textwrap

    from radiofib.evaluation.audit import read_percentages
    from radiofib.evaluation.files import write_tables

    found = read_percentages(path, n, decimals)
    [target] = write_tables(out, {"grim": found})
    odd = found[~found["fits"].astype(bool)]
    for percent, size, near in odd[["percent", "n", "denominators"]].itertuples(index=False):
        fit = f"numbers of cases near it that do: {near}" if near else "nor from any near it"
        text = f"{percent} % does not arise from {size} cases; {fit}"
        typer.echo(textwrap.fill(text, _WIDTH, subsequent_indent="    "))
    typer.echo(f"{len(found) - len(odd)} of {len(found)} percentages arise: {target}")
    if len(odd):
        raise typer.Exit(DONE_WITH_FAILURES)
