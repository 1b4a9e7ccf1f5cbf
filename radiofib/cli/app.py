"""The commands' common frame: errors become messages and exit statuses."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import typer

from radiofib.cli import (
    ablate,
    audit,
    cards,
    data,
    evaluate,
    lifs,
    onnx,
    onnx_convert,
    prepare,
    setup,
    slides,
    study,
    submission,
    ultrasound,
)
from radiofib.errors import NO_ROOM, RadiofibError, UsageError

__all__ = ["app", "main"]

app = typer.Typer(
    name="radiofib",
    help="Stage liver fibrosis from ultrasound, MRI and biopsy slides with classical learning.\n\n"
    "Start with: radiofib demo --out demo",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for module in (
    study,
    ablate,
    prepare,
    ultrasound,
    data,
    audit,
    evaluate,
    lifs,
    submission,
    onnx,
    onnx_convert,
    cards,
    setup,
    slides,
):
    module.register(app)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 3 done with failures, 1 nothing useful, 2 usage.

    Ctrl-C exits with 130.

    Examples
    --------
    >>> main(["--version"])
    Traceback (most recent call last):
    SystemExit: 0
    """
    try:
        app(args=None if arguments is None else list(arguments), standalone_mode=True)
    except RadiofibError as error:
        typer.secho(f"radiofib: {error}", err=True, fg=typer.colors.RED)
        sys.exit(2 if isinstance(error, UsageError) else 1)
    except BrokenPipeError:
        sys.exit(1)
    except OSError as error:
        if error.errno in NO_ROOM:
            text = "radiofib: the disk is full. Next: make room and run again."
            typer.secho(text, err=True, fg=typer.colors.RED)
            sys.exit(1)
        if error.filename is None:
            raise
        text = f"radiofib: {error.filename}: {error.strerror}. Next: check path and permission."
        typer.secho(text, err=True, fg=typer.colors.RED)
        sys.exit(2)
