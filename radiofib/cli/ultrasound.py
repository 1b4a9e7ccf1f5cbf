"""Commands about ultrasound pictures: clean."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from radiofib.cli._shared import Workers, finish, progress_bar, warn

__all__ = ["register"]


class Source(StrEnum):
    """What is measured of an image."""

    given_or_patches = "given_or_patches"
    given = "given"
    patches = "patches"
    image = "image"


ultrasound = typer.Typer(help="Ultrasound pictures before features.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add this module's commands to the application."""
    app.add_typer(ultrasound, name="ultrasound")


@ultrasound.callback()
def _group() -> None:
    """Ultrasound pictures before features."""


@ultrasound.command()
def clean(
    cohort: Annotated[
        str, typer.Argument(help="Cohort table, data card with --root, or folder of pictures.")
    ],
    out: Annotated[Path, typer.Option(help="Folder to write.")],
    region: Annotated[
        Source,
        typer.Option(
            help="What is measured; given is the column mask: pictures, or polygons of LabelMe, "
            "CVAT, COCO."
        ),
    ] = Source.given_or_patches,
    frames: Annotated[
        str, typer.Option(help="Frames of a film: middle, first, all, or n for every n-th.")
    ] = "middle",
    pixel_mm: Annotated[
        float | None, typer.Option(help="Side of a pixel, where no file or row says it.")
    ] = None,
    labels: Annotated[str, typer.Option(help="Labels of polygons that count, with commas.")] = "",
    config: Annotated[
        Path | None,
        typer.Option(
            help="YAML with a section ultrasound, in place of the options, such as "
            "'ultrasound: {clean: {find: whole}, region: {patches: {side_px: 24}}}'."
        ),
    ] = None,
    root: Annotated[Path | None, typer.Option(help="Folder the paths are relative to.")] = None,
    scheme: Annotated[str | None, typer.Option(help="Stage scheme, such as metavir.")] = None,
    workers: Workers = None,
) -> None:
    """Find the image on each screen, blank text and identifiers, and find what is measured.

    Writes cleaned images, masks and pictures of what was taken, ultrasound.csv with geometry and
    shares, and a cohort.csv for 'radiofib extract'. Nothing outside the fan or rectangle is
    written anywhere.

    Example: radiofib ultrasound clean cohort.csv --out cleaned
    """
    from radiofib.prepare import UltrasoundPlan
    from radiofib.study import clean_files, open_pictures, read_plan

    if config is not None:
        plan = read_plan(config)
    else:
        wanted: dict[str, Any] = {"source": region.value}
        if labels:
            wanted["labels"] = tuple(name.strip() for name in labels.split(","))
        given = {
            "region": wanted,
            "frames": int(frames) if frames.isdecimal() else frames,
            "pixel_mm": pixel_mm,
        }
        plan = UltrasoundPlan.parse(given, where="radiofib ultrasound clean")
    cases = open_pictures(cohort, root, scheme, plan.channels[0])
    with progress_bar() as tell:
        done = clean_files(cases, plan, out, workers=workers, progress=tell)
    measured = int((done.record["reason"] == "").sum())
    typer.echo(f"{measured} regions in {done.screens} files; look at {out / 'ultrasound'}")
    if measured:
        typer.echo("text on tissue that hardly stands out may stay: look before passing it on")
    if measured:
        typer.echo(f"for features: radiofib extract {out / 'cohort.csv'} --out features.parquet")
    doubts = done.record.loc[done.record["doubt"] != "", ["case", "instance", "channel", "doubt"]]
    warn(doubts, out / "ultrasound.csv")
    failures = [*cases.failures, *done.failures]
    finish(failures, useful=measured > 0, where=out / "failures.csv")
