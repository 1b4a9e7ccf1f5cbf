"""Commands on biopsy slides."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from radiofib.cli._shared import Workers, finish, progress_bar

__all__ = ["register"]

slides_app = typer.Typer(help="Biopsy slides.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add this module's commands to the application."""
    slides_app.command("run")(slides_run)
    app.add_typer(slides_app, name="slides")


@slides_app.callback()
def _slides() -> None:
    """Measure biopsy slides and hand them to QuPath."""


def slides_run(
    slides: Annotated[list[Path], typer.Argument(help="Slide files.")],
    out: Annotated[Path, typer.Option(help="Folder to write.")],
    mpp: Annotated[float | None, typer.Option(help="um per pixel, where a slide has none.")] = None,
    workers: Workers = None,
) -> None:
    """Measure tissue and stain of slides and write GeoJSON for QuPath.

    Example: radiofib slides run biopsy1.svs biopsy2.ndpi --out slides
    """
    from radiofib.slides import run_slides
    from radiofib.study import RunFolder, write_failures, write_slide_table

    with progress_bar() as tell:
        table, failures = run_slides(
            slides,
            out,
            mpp=mpp,
            workers=workers,
            progress=lambda done, total, _: tell("slides", done, total),
        )
    write_slide_table(table, out)
    listing = write_failures(RunFolder(out), failures)
    typer.echo(f"{table.n_rows} of {len(slides)} slides measured: {out}")
    finish(failures, useful=table.n_rows > 0, where=listing)
