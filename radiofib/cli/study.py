"""Commands about whole studies: run, demo, report, verify."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from radiofib.cli._shared import Workers, finish, plain_warnings, progress_bar

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add this module's commands to the application."""
    app.command()(run)
    app.command()(demo)
    app.command()(report)
    app.command()(verify)


def run(
    study: Annotated[str, typer.Argument(help="Study file, or the name of a packaged recipe.")],
    root: Annotated[Path, typer.Option(help="Folder that holds the data.")] = Path(),
    out: Annotated[Path, typer.Option(help="Run folder to write.")] = Path("run"),
    masks: Annotated[
        Path | None, typer.Option(help="Folder of liver masks (TotalSegmentator, nnU-Net ...).")
    ] = None,
    workers: Workers = None,
) -> None:
    """Run a whole study: features, stager, evaluation, exports, report.

    Run the same command again after an interruption: only what is missing is computed.

    Example: radiofib run study.yaml --root data --out run
    """
    from radiofib.study import StudyConfig, find_study, run_study

    config = StudyConfig.from_yaml(find_study(study))
    if masks is not None:
        config = config.with_mask_folder(Path(os.path.relpath(masks, root)))
    with plain_warnings(), progress_bar() as tell:
        result = run_study(config, root=root, out=out, workers=workers, progress=tell)
    typer.echo(f"report: {result.report}")
    finish(result.failures, useful=result.n_rows > 0, where=out / "failures.csv")


def demo(
    out: Annotated[Path, typer.Option(help="Folder to write.")] = Path("demo"),
    seed: Annotated[int, typer.Option(help="Seed of the simulated patients.")] = 1,
    workers: Workers = None,
) -> None:
    """Simulate patients with known truth and run the whole chain on them.

    Example: radiofib demo --out demo
    """
    from radiofib.study import run_demo

    with progress_bar() as tell:
        result = run_demo(out, seed=seed, workers=workers, progress=tell)
    typer.echo(f"report: {result.report}")
    finish(result.failures, useful=result.n_rows > 0, where=result.out / "failures.csv")


def report(
    run_dirs: Annotated[
        list[Path], typer.Argument(help="Folder written by 'radiofib run'; several to compare.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="HTML file; default RUN_DIR/report.html, compare.html for several."),
    ] = None,
) -> None:
    """Write the report of a run again, or compare several runs on one page.

    Example: radiofib report run

    Example: radiofib report run_a run_b --out compare.html
    """
    from radiofib.errors import UsageError
    from radiofib.report import write_comparison, write_report

    for run_dir in run_dirs:
        if not (run_dir / "run.json").is_file():
            raise UsageError(
                "this is not the folder of a run",
                where=str(run_dir),
                expected="a folder with run.json",
                hint="name the output folder of 'radiofib run'",
            )
    if len(run_dirs) == 1:
        typer.echo(f"report: {write_report(run_dirs[0], out)}")
    else:
        typer.echo(f"comparison: {write_comparison(run_dirs, out or Path('compare.html'))}")


def verify(
    run_dir: Annotated[Path, typer.Argument(help="Folder written by 'radiofib run'.")],
) -> None:
    """Check that the files of a run are the ones it wrote.

    Example: radiofib verify run
    """
    from radiofib.study import verify_run

    files = verify_run(run_dir)
    changed = files[files["status"] != "ok"]
    for row in changed.itertuples():
        typer.echo(f"{row.status}: {row.file}")
    typer.echo(f"{len(files) - len(changed)} of {len(files)} files as written")
    if len(changed):
        raise typer.Exit(1)
