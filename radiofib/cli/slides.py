"""Commands on biopsy slides."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from radiofib.cli._shared import Workers, finish, progress_bar
from radiofib.errors import UsageError

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
    model: Annotated[
        Path | None, typer.Option(help="Segmentation network (.onnx) for portal tracts.")
    ] = None,
    card: Annotated[
        Path | None, typer.Option(help="Facts the model does not state (.yaml or .json).")
    ] = None,
    portal: Annotated[
        list[str] | None, typer.Option(help="Class that is portal tract; may be repeated.")
    ] = None,
    tissue: Annotated[
        list[str] | None, typer.Option(help="Class that is lobule; may be repeated.")
    ] = None,
    overlap: Annotated[
        float, typer.Option(help="Share of a tile that neighbours have in common, up to 0.5.")
    ] = 0.0,
    batch: Annotated[int | None, typer.Option(help="Tiles the network is given at once.")] = None,
    provider: Annotated[
        list[str] | None, typer.Option(help="Where the network runs: cpu, cuda ...")
    ] = None,
    mpp: Annotated[float | None, typer.Option(help="um per pixel, where a slide has none.")] = None,
    workers: Workers = None,
) -> None:
    """Measure tissue and stain of slides and write GeoJSON for QuPath.

    With --model each pixel of the tissue is labelled by a segmentation network, such as HOTSPoT's
    after radiofib onnx convert; the labels are kept in labels/. Cores are shared out among the
    slides worked on at once (--workers). A run that was stopped goes on where it was.

    Example: radiofib slides run biopsy1.svs biopsy2.ndpi --out slides --model hotspot.onnx
    """
    from radiofib.slides import Labeller, SegmentSettings, run_slides
    from radiofib.study import RunFolder, write_failures, write_slide_table

    labeller = None
    if model is not None:
        facts = {
            "overlap": overlap,
            "portal": portal or [],
            "tissue": tissue or [],
            "batch": batch,
            "providers": provider or ["cpu"],
        }
        settings = SegmentSettings.parse(facts, where="options")
        labeller = Labeller.of(model, card=card, settings=settings)
    elif card or portal or tissue or overlap or batch or provider:
        raise UsageError("options of a model without a model", hint="add --model MODEL.onnx")
    with progress_bar() as tell:
        table, failures = run_slides(
            slides,
            out,
            mpp=mpp,
            workers=workers,
            progress=lambda done, total, _: tell("slides", done, total),
            labeller=labeller,
            tiles=lambda done, total: tell("tiles", done, total),
        )
    write_slide_table(table, out)
    listing = write_failures(RunFolder(out), failures)
    typer.echo(f"{table.n_rows} of {len(slides)} slides measured: {out}")
    finish(failures, useful=table.n_rows > 0, where=listing)
