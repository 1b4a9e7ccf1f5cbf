"""The command that compares design choices: ablate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from radiofib.cli._shared import Workers, finish, progress_bar

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add this module's command to the application."""
    app.command()(ablate)


def ablate(
    study: Annotated[str, typer.Argument(help="Study file with the key 'ablate'.")],
    root: Annotated[Path, typer.Option(help="Folder that holds the data.")] = Path(),
    out: Annotated[Path, typer.Option(help="Folder to write.")] = Path("ablation"),
    features: Annotated[
        Path | None, typer.Option(help="Feature table, in place of the study's images.")
    ] = None,
    workers: Workers = None,
) -> None:
    """Compare design choices in the same folds: what matters, and what is noise.

    The study's key 'ablate' names factors, and for each level what it changes of 'stager', or
    which channels, families of features or feature table are seen. Run the same command again
    after an interruption: only what is missing is computed.

    Example: radiofib ablate study.yaml --root data --out ablation
    """
    from radiofib.study import StudyConfig, ablate_study, find_study

    config = StudyConfig.from_yaml(find_study(study))
    with progress_bar() as tell:
        result = ablate_study(
            config, root=root, out=out, features=features, workers=workers, progress=tell
        )
    typer.echo(f"{result.n_runs} combinations: {result.page}")
    finish(result.failures, useful=result.n_runs > 0, where=out / "failures.csv")
