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
    slides_app.command("remeasure")(slides_remeasure)
    slides_app.command("qupath-script")(slides_qupath_script)
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


def slides_remeasure(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder with corrected GeoJSON.")],
    out: Annotated[Path, typer.Option(help="Another folder to write.")],
    slides: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[SLIDE]...", help="Slides or their folder; default beside DIR."),
    ] = None,
    mpp: Annotated[float | None, typer.Option(help="um per pixel, where a slide has none.")] = None,
    um: Annotated[float, typer.Option(help="Side of a cell for counting annotations, um.")] = 1.0,
    workers: Workers = None,
) -> None:
    """Measure slides again after their GeoJSON was corrected in QuPath.

    What was deleted is gone, what was added counts; DIR itself is not changed.

    Example: radiofib slides remeasure slides biopsy1.svs biopsy2.ndpi --out corrected
    """
    from radiofib.slides.remeasure import remeasure_slides
    from radiofib.study import RunFolder, write_failures, write_slide_table

    with progress_bar() as tell:
        found = remeasure_slides(
            folder,
            slides or (),
            out=out,
            um=um,
            mpp=mpp,
            workers=workers,
            progress=lambda done, total, _: tell("slides", done, total),
        )
    write_slide_table(found.table, out)
    results = RunFolder(out)
    results.write_frame("corrections.csv", found.corrections)
    if len(found.tracts):
        results.write_frame("tracts.csv", found.tracts)
    listing = write_failures(results, found.failures)
    for case, note in found.corrections[["case", "notes"]].itertuples(index=False):
        if note:
            typer.secho(f"  {case}: {note}", err=True, fg=typer.colors.YELLOW)
    n = found.table.n_rows
    typer.echo(f"{n} of {n + len(found.failures)} slides measured again: {out}")
    finish(found.failures, useful=n > 0, where=listing)


def slides_qupath_script(
    out: Annotated[Path, typer.Option(help="Folder with the GeoJSON files.")],
) -> None:
    """Write two scripts that load a folder of GeoJSON into a QuPath project, and export it again.

    Example: radiofib slides qupath-script --out slides
    """
    from radiofib.slides.qupath_scripts import write_qupath_scripts

    for path in write_qupath_scripts(out):
        typer.echo(f"{path}: open it in QuPath's script editor and press Run once")
