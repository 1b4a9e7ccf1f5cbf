"""Commands about challenge submissions: write, check."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from radiofib.cli._shared import NOTHING_USEFUL

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["register"]

submission = typer.Typer(help="The file of the CARE-Liver challenge.", no_args_is_help=True)

Cases = Annotated[
    str | None,
    typer.Option(help="Cases to submit: info.csv, a cohort table, or a data card with --root."),
]
Split = Annotated[str | None, typer.Option(help="Only the cases of this split.")]
Root = Annotated[Path | None, typer.Option(help="Folder of a data card's data.")]


def register(app: typer.Typer) -> None:
    """Add this module's commands to the application."""
    app.add_typer(submission, name="submission")


@submission.command()
def write(
    predictions: Annotated[
        list[str],
        typer.Argument(help="Tables with column channels, or Contrast=FILE NonContrast=FILE"),
    ],
    out: Annotated[Path, typer.Option(help="File to write.")] = Path("LiFS_pred.csv"),
    cases: Cases = None,
    split: Split = None,
    root: Root = None,
) -> None:
    """Write LiFS_pred.csv from predictions in both settings, and check it.

    Without --cases, the cases are those of the predictions.

    Example: radiofib submission write predictions.csv --cases info.csv
    """
    from radiofib.errors import UsageError
    from radiofib.export import write_submission

    if not out.parent.is_dir():
        raise UsageError("no such folder", where=str(out.parent), hint="make it, or change --out")
    settings = _both(predictions)
    if cases is None:
        names = tuple(dict.fromkeys(c for part in settings.values() for c in part["case"]))
    else:
        names = _cases(cases, split, root)
    path = write_submission(settings, out, names)
    typer.echo(f"{len(names)} cases in {len(settings)} settings: {path}")


@submission.command()
def check(
    file: Annotated[Path, typer.Argument(help="The submission (.csv).")],
    cases: Cases = None,
    split: Split = None,
    root: Root = None,
) -> None:
    """Check a submission; every fault is named with its row and column.

    Example: radiofib submission check LiFS_pred.csv --cases info.csv
    """
    from radiofib.errors import UsageError
    from radiofib.export import check_submission

    if cases is None:
        raise UsageError("the cases are not named", hint="add --cases info.csv")
    names = _cases(cases, split, root)
    problems = check_submission(file, names)
    if not problems:
        typer.echo(f"{file.name} is valid: {len(names)} cases, each in both settings")
        return
    for problem in problems[:50]:
        typer.secho(f"{file.name}: {problem}", err=True, fg=typer.colors.RED)
    more = f", {len(problems) - 50} not shown" if len(problems) > 50 else ""
    typer.secho(f"{file.name} is not valid: {len(problems)} problems{more}", err=True)
    raise typer.Exit(NOTHING_USEFUL)


def _both(predictions: list[str]) -> dict[str, pd.DataFrame]:
    """Return the predictions of each setting."""
    import pandas as pd

    from radiofib.errors import UsageError
    from radiofib.export import by_setting
    from radiofib.export.submission_check import SETTINGS
    from radiofib.table import read_frame

    found: dict[str, list[pd.DataFrame]] = {}
    for given in predictions:
        setting, mark, name = given.partition("=")
        if mark and setting in SETTINGS:
            parts = {setting: read_frame(name)}
        else:
            parts = by_setting(read_frame(given), where=Path(given).name)
        for key, part in parts.items():
            found.setdefault(key, []).append(part)
    for setting, frames in found.items():
        if any("case" not in frame for frame in frames):
            raise UsageError("predictions have no column 'case'", where=f"setting {setting}")
    return {s: pd.concat(frames, ignore_index=True) for s, frames in found.items()}


def _cases(given: str, split: str | None, root: Path | None) -> tuple[str, ...]:
    from radiofib.datacard import list_cards
    from radiofib.errors import UsageError
    from radiofib.export import read_cases

    if not (given.endswith(".md") or given in list_cards()):
        return read_cases(given, split=split)
    from radiofib.cohort import Cohort

    if root is None:
        raise UsageError("a data card needs its data", where=given, hint="add --root FOLDER")
    cohort = Cohort.from_card(given, root)
    kept = (a for a in cohort.acquisitions if split is None or a.extra.get("split") == split)
    names = tuple(dict.fromkeys(a.case for a in kept))
    if not names:
        raise UsageError("no case is left", where=given, found=f"split {split!r}")
    return names
