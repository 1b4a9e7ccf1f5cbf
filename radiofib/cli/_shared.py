"""What commands share: progress on the terminal and the exit status."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from radiofib.errors import Failure

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Workers", "finish", "plain_warnings", "progress_bar", "warn"]

Workers = Annotated[int | None, typer.Option(help="Processes; default one per core.")]

DONE_WITH_FAILURES = 3
NOTHING_USEFUL = 1
WRONG_USAGE = 2
INTERRUPTED = 130


@contextmanager
def progress_bar() -> Iterator[Callable[[str, int, int], None]]:
    """Show one bar per step with time left; lines instead of bars where there is no terminal.

    Ctrl-C inside ends the command with one line and exit status 130.
    """
    try:
        with _progress_bar() as tell:
            yield tell
    except KeyboardInterrupt:
        text = "Stopped. What is finished is kept; the same command goes on from there."
        typer.secho(text, err=True)
        raise typer.Exit(INTERRUPTED) from None


@contextmanager
def plain_warnings() -> Iterator[None]:
    """Show warnings about a study as one line of text, without a place in the code."""
    from radiofib.study import StudyWarning

    with warnings.catch_warnings():
        usual = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *place: Any) -> None:
            if issubclass(category, StudyWarning):
                typer.secho(f"radiofib: {message}", err=True, fg=typer.colors.YELLOW)
            else:
                usual(message, category, *place)

        warnings.showwarning = show  # type: ignore[assignment]
        yield


@contextmanager
def _progress_bar() -> Iterator[Callable[[str, int, int], None]]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    if not console.is_terminal:
        yield _line_reporter(console.print)
        return
    bar = Progress(
        TextColumn("{task.description:<12}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=console,
    )
    tasks: dict[str, int] = {}

    def tell(step: str, done: int, total: int) -> None:
        if step not in tasks:
            tasks[step] = bar.add_task(step, total=total)
        bar.update(tasks[step], completed=done, total=total)  # type: ignore[arg-type]

    with bar:
        yield tell


def _line_reporter(write: Callable[[str], None]) -> Callable[[str, int, int], None]:
    """Report a step at its start, each tenth and its end, one of a single piece in one line."""
    last: dict[str, int] = {}

    def tell(step: str, done: int, total: int) -> None:
        if total <= 1:
            if step not in last:
                write(step)
            last[step] = done
            return
        tenth = 10 * done // total if total else 10
        if last.get(step) != tenth:
            last[step] = tenth
            write(f"{step}: {done} of {total}")

    return tell


def say(text: str) -> None:
    """Say what is to be looked at, on a line of its own."""
    typer.secho(f"  {text}", err=True, fg=typer.colors.YELLOW)


def warn(doubts: pd.DataFrame, where: Path) -> None:
    """Say what looks wrong in cases that were measured all the same."""
    for row in doubts.head(5).itertuples(index=False):
        name = " ".join(filter(None, (str(row.case), str(row.instance), str(row.channel))))
        say(": ".join(filter(None, (name, str(row.doubt)))))
    if len(doubts):
        more = f" ({len(doubts) - 5} more)" if len(doubts) > 5 else ""
        typer.secho(f"{len(doubts)} to look at{more}: see {where}", err=True)


def finish(failures: Sequence[Failure], *, useful: bool, where: Path) -> None:
    """Say what failed and leave with the exit status of DESIGN: 0, 3 or 1."""
    for failure in failures[:5]:
        name = failure.case or failure.step
        say(f"{name}: {failure.reason}")
    if failures:
        more = f" ({len(failures) - 5} more)" if len(failures) > 5 else ""
        typer.secho(f"{len(failures)} failures{more}: see {where}", err=True)
    if not useful:
        raise typer.Exit(NOTHING_USEFUL)
    if failures:
        raise typer.Exit(DONE_WITH_FAILURES)
