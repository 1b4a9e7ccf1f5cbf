"""Commands about data cards: new, validate, show."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from radiofib.cli._shared import Workers, progress_bar

__all__ = ["register"]

cards = typer.Typer(help="Data cards: documents that load data.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add this module's commands to the application."""
    app.add_typer(cards, name="card")


@cards.command()
def new(
    out: Annotated[Path, typer.Argument(help="Card to write (.md).")],
) -> None:
    """Write a card to fill in.

    Example: radiofib card new my_cohort.md
    """
    from radiofib.datacard import new_card_text
    from radiofib.errors import UsageError

    if out.exists():
        raise UsageError("the file exists", where=str(out), hint="choose another name")
    out.write_text(new_card_text(out.stem), encoding="utf-8")
    typer.echo(str(out))


@cards.command()
def validate(
    card: Annotated[str, typer.Argument(help="Name of a packaged card, or path of one.")],
    root: Annotated[Path | None, typer.Option(help="Folder of the data, to check it too.")] = None,
    workers: Workers = None,
) -> None:
    """Check a card, and with --root the folder it describes.

    Counts, missing channels and masks, and traps: copies, spikes, recurring numbers and others.

    Example: radiofib card validate lifs --root LiQA
    """
    from radiofib.datacard import DataCard

    loaded = DataCard.read(card)
    if root is None:
        typer.echo(f"{loaded.name}: the card is valid")
        return
    with progress_bar() as tell:
        found = loaded.validate(
            root, workers=workers, progress=lambda done, total: tell("volumes", done, total)
        )
    typer.echo(found.render())
    if not found.ok:
        raise typer.Exit(3)


@cards.command()
def show(
    card: Annotated[str | None, typer.Argument(help="Name or path; none lists all.")] = None,
) -> None:
    """Show a card, or list the packaged ones.

    Example: radiofib card show lifs
    """
    from radiofib.datacard import find_card, list_cards

    if card is None:
        for name in list_cards():
            typer.echo(name)
        return
    typer.echo(find_card(card).read_text(encoding="utf-8"))
