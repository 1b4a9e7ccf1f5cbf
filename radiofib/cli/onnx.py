"""Commands about ONNX models: inspect, bench."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from radiofib.cli._shared import DONE_WITH_FAILURES, NOTHING_USEFUL, WRONG_USAGE, say

__all__ = ["onnx_app", "register"]

onnx_app = typer.Typer(help="Networks as ONNX files.", no_args_is_help=True)

Card = Annotated[
    Path | None, typer.Option(help="YAML or JSON with facts the model's card does not state.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON in place of text.")]


def register(app: typer.Typer) -> None:
    """Add this module's commands to the application."""
    app.add_typer(onnx_app, name="onnx")


@onnx_app.command("inspect")
def inspect(
    model: Annotated[Path, typer.Argument(help="ONNX file.")],
    card: Card = None,
    as_json: Json = False,
) -> None:
    """Show ports, operator set, providers, card, metadata and external data of a model.

    Exit status 2 when facts must be stated before it can be used (a card), as by every command
    that uses a model; 3 when something else must be put right.

    Example: radiofib onnx inspect resnet34.onnx
    """
    from radiofib.deep.card import read_sidecar
    from radiofib.deep.inspect import inspect_model

    found = inspect_model(model, read_sidecar(card) if card else None)
    text = json.dumps(found.as_dict(), indent=2, ensure_ascii=False)
    typer.echo(text if as_json else found.render(80))
    if found.unstated and len(found.problems) == 1:
        raise typer.Exit(WRONG_USAGE)
    if found.problems:
        raise typer.Exit(DONE_WITH_FAILURES)


@onnx_app.command("bench")
def bench(
    model: Annotated[Path, typer.Argument(help="ONNX file.")],
    images: Annotated[
        Path | None, typer.Option(help="Folder of pictures; simulated frames without it.")
    ] = None,
    provider: Annotated[
        list[str] | None,
        typer.Option(help="cpu, cuda, tensorrt, coreml or openvino; may be given again."),
    ] = None,
    batch: Annotated[
        int | None, typer.Option(help="Images at once; found within the memory if not given.")
    ] = None,
    memory_mb: Annotated[float, typer.Option(help="Most memory for batches, in MB.")] = 1024.0,
    threads: Annotated[int, typer.Option(help="Threads inside an operator on a CPU.")] = 1,
    decoders: Annotated[int, typer.Option(help="Threads that read images meanwhile.")] = 2,
    count: Annotated[int, typer.Option(help="How many frames to simulate.")] = 64,
    card: Card = None,
    as_json: Json = False,
) -> None:
    """Measure images a second, and the shares of decoding, transfer and computing.

    Example: radiofib onnx bench resnet34.onnx --images frames --provider cpu
    """
    import tempfile

    from radiofib._checks import check_known
    from radiofib.deep.bench import bench_model, find_pictures, write_frames
    from radiofib.deep.card import read_sidecar
    from radiofib.deep.network import RunSettings
    from radiofib.deep.providers import PROVIDERS

    for name in provider or ():
        check_known(name, PROVIDERS, what="provider")
    settings = RunSettings(batch=batch, memory_mb=memory_mb, threads=decoders)
    with tempfile.TemporaryDirectory(prefix="radiofib-bench-") as folder:
        pictures = find_pictures(images) if images else write_frames(folder, count)
        rows = bench_model(
            model,
            pictures,
            providers=provider or ["cpu"],
            settings=settings,
            stated=read_sidecar(card) if card else None,
            threads=threads,
        )
    if as_json:
        typer.echo(json.dumps([row.as_dict() for row in rows], indent=2, ensure_ascii=False))
    else:
        kind = str(images) if images else f"{count} simulated frames of 480 x 640"
        typer.echo(f"{model.name} on {kind}")
        typer.echo(f"{'provider':<10}{'images':>7}{'batch':>7}{'images/s':>10}", nl=False)
        typer.echo(f"{'decode':>9}{'transfer':>10}{'compute':>9}")
        for row in rows:
            if row.used:
                typer.echo(
                    f"{row.provider:<10}{row.images:>7}{row.batch:>7}"
                    f"{_figure(row.images_per_s, '.1f'):>10}{_figure(row.decode, '.1%'):>9}"
                    f"{_figure(row.transfer, '.1%'):>10}{_figure(row.compute, '.1%'):>9}"
                )
            else:
                typer.echo(f"{row.provider:<10} not in use")
            for note in row.notes:
                say(f"{row.provider}: {note}")
    if not any(row.images for row in rows):
        raise typer.Exit(NOTHING_USEFUL)
    if any(row.failed or not row.used for row in rows):
        raise typer.Exit(DONE_WITH_FAILURES)


def _figure(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)
