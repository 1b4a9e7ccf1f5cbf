"""Commands about ONNX models: inspect, bench, variant."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from radiofib.cli._shared import DONE_WITH_FAILURES, NOTHING_USEFUL, WRONG_USAGE, say

__all__ = ["onnx_app", "register"]

onnx_app = typer.Typer(help="Networks as ONNX files.", no_args_is_help=True)

Card = Annotated[
    Path | None, typer.Option(help="YAML or JSON with facts the model's card does not state.")
]
#: Of the pictures given for int8 every so many-th is kept for comparing.
_COMPARED = 3

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


class Precision(StrEnum):
    """Bits that a variant computes with."""

    int8 = "int8"
    fp16 = "fp16"


@onnx_app.command("variant")
def variant(
    model: Annotated[Path, typer.Argument(help="ONNX file, float32.")],
    precision: Annotated[Precision, typer.Argument(help="int8 or fp16.")],
    images: Annotated[Path, typer.Option(help="Folder of pictures like those of later use.")],
    out: Annotated[Path, typer.Option(help="File to write.")],
    card: Card = None,
) -> None:
    """Write a variant that computes with fewer bits, and say how far its embeddings are off.

    int8 is fast on CPUs: two pictures of three set its ranges, the third is compared. fp16 is for
    GPUs. Exit status 3 when embeddings are further off than they should be; the file is written.

    Example: radiofib onnx variant resnet34.onnx int8 --images pictures --out resnet34-int8.onnx
    """
    from radiofib.deep.bench import find_pictures
    from radiofib.deep.card import read_sidecar
    from radiofib.deep.precision import (
        LEAST_COSINE,
        LEAST_SAME_NEIGHBOUR,
        fp16_variant,
        int8_variant,
    )

    pictures, stated = find_pictures(images), read_sidecar(card) if card else None
    if precision == Precision.fp16:
        made = fp16_variant(model, out, pictures, stated=stated)
    else:
        compared = pictures[_COMPARED - 1 :: _COMPARED]
        calibration = sorted(set(pictures) - set(compared))
        made = int8_variant(model, out, calibration, compared, stated=stated)
    found = made.variant
    assert found is not None
    typer.echo(
        f"{out}: {precision.value}, {found.images} pictures compared: cosine {found.cosine:.4f}, "
        f"least {found.least_cosine:.4f}, same neighbour {found.same_neighbour:.1%}"
    )
    if found.cosine < LEAST_COSINE or found.same_neighbour < LEAST_SAME_NEIGHBOUR:
        say(
            f"further off than it should be (cosine {LEAST_COSINE}, same neighbour "
            f"{LEAST_SAME_NEIGHBOUR:.0%}): stay with the float network, or give more pictures"
        )
        raise typer.Exit(DONE_WITH_FAILURES)


def _figure(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)
