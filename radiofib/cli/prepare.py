"""Commands before features: register."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from radiofib.cli._shared import Workers, finish, progress_bar

__all__ = ["register"]


class Transform(StrEnum):
    """How a channel may be moved."""

    rigid = "rigid"
    affine = "affine"


class Grid(StrEnum):
    """Where channels are measured."""

    reference = "reference"
    native = "native"


class OnFailure(StrEnum):
    """What becomes of a channel that cannot be aligned."""

    missing = "missing"
    native = "native"
    stop = "stop"


def register(app: typer.Typer) -> None:
    """Add this module's commands to the application."""
    app.command("register")(align)


def align(
    cohort: Annotated[str, typer.Argument(help="Cohort table, or data card with --root.")],
    out: Annotated[Path, typer.Option(help="Folder to write.")],
    to: Annotated[str, typer.Option(help="Reference channel.")] = "GED4",
    transform: Annotated[
        Transform, typer.Option(help="How a channel may be moved.")
    ] = Transform.rigid,
    grid: Annotated[
        Grid, typer.Option(help="Measure on the reference's grid, or on the native one.")
    ] = Grid.reference,
    on_failure: Annotated[
        OnFailure, typer.Option(help="What becomes of a channel that cannot be aligned.")
    ] = OnFailure.missing,
    masks: Annotated[
        Path | None, typer.Option(help="Folder of liver masks (TotalSegmentator, nnU-Net ...).")
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(help="YAML with sections registration and masks, over the options above."),
    ] = None,
    root: Annotated[Path | None, typer.Option(help="Folder the paths are relative to.")] = None,
    scheme: Annotated[str | None, typer.Option(help="Stage scheme, such as lifs.")] = None,
    workers: Workers = None,
) -> None:
    """Align the channels of each case to one of them, with quality control.

    Writes the aligned images, transforms, carried masks and pictures, registration.csv, and a
    cohort.csv for 'radiofib extract'.

    Example: radiofib register cohort.csv --to GED4 --out registered
    """
    from radiofib.prepare import RegistrationPlan
    from radiofib.segment import MaskSettings
    from radiofib.study import (
        RunFolder,
        open_cohort,
        read_sections,
        register_files,
        write_failures,
    )

    given = {
        "to": to,
        "grid": grid.value,
        "on_failure": on_failure.value,
        "settings": {"transform": transform.value},
    }
    sections = read_sections(config) if config is not None else {}
    own = {**sections.get("registration", {})}
    if config is None or "registration" not in sections:
        own = given
    plan = RegistrationPlan.parse(own, where=str(config or "radiofib register"))
    found = MaskSettings.parse(sections.get("masks") or {}, where=str(config))
    if masks is not None:
        found = found.model_copy(update={"folder": masks.resolve()})
    cases = open_cohort(cohort, root, scheme)
    with progress_bar() as tell:
        done = register_files(
            cases,
            plan,
            out,
            masks=found,
            root=root,
            workers=workers,
            progress=tell,
        )
    assert done.quality is not None
    listing = write_failures(RunFolder(out), done.failures)
    counts = {v: int((done.quality["verdict"] == v).sum()) for v in ("good", "look", "failed")}
    said = ", ".join(f"{n} {v}" for v, n in counts.items())
    aligned = counts["good"] + counts["look"]
    typer.echo(f"{aligned} of {done.pairs} channels aligned to {plan.to}: {said}")
    if aligned:
        typer.echo(f"for features: radiofib extract {out / 'cohort.csv'} --out features.parquet")
    finish(done.failures, useful=aligned > 0, where=listing)
