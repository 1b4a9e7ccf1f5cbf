"""Commands about the installation: doctor and --version."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add this module's commands and options to the application."""
    app.callback()(_options)
    app.command()(doctor)


def _print_version(wanted: bool) -> None:
    if wanted:
        from radiofib.provenance import radiofib_version

        typer.echo(radiofib_version())
        raise typer.Exit


def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Stage liver fibrosis from ultrasound, MRI and biopsy slides with classical learning."""


def doctor() -> None:
    """Look at the installation: versions, optional parts, conflicts.

    Example: radiofib doctor
    """
    import platform

    from radiofib._extras import diagnose
    from radiofib.datacard import list_cards
    from radiofib.parallel import effective_workers
    from radiofib.provenance import environment

    core = ("numpy", "scipy", "pandas", "scikit-learn", "xgboost", "SimpleITK", "openslide-python")
    for name, version in environment(core).items():
        typer.echo(f"ok       {name} {version}")
    typer.echo(
        f"ok       {platform.system()} {platform.machine()}, {effective_workers(None)} cores"
    )
    typer.echo(f"ok       {len(list_cards())} data cards")
    problems = 0
    for finding in diagnose():
        problems += finding.status == "problem"
        typer.echo(f"{finding.status:<8} {finding.topic}: {finding.text}")
    if problems:
        raise typer.Exit(1)
