"""The command that writes a network as ONNX: onnx convert."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from radiofib.cli._shared import say
from radiofib.cli.onnx import onnx_app

if TYPE_CHECKING:
    from radiofib.deep.card import ModelCard

__all__ = ["register"]


class Layout(StrEnum):
    """Order of the axes of a network's tiles."""

    NHWC = "NHWC"
    NCHW = "NCHW"


_PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")


def register(app: typer.Typer) -> None:
    """Nothing to add: the command belongs to the family ``radiofib onnx``, added by its module."""


@onnx_app.command("convert")
def convert(
    architecture: Annotated[
        str,
        typer.Argument(
            help="resnet10, resnet18, resnet34, resnet50, each also with -3d for volumes, "
            "segformer-b0 to segformer-b5, hotspot, or generic."
        ),
    ],
    source: Annotated[
        Path, typer.Argument(help="State dict (.pt), .safetensors, TorchScript or ONNX.")
    ],
    out: Annotated[Path, typer.Option(help="File to write (.onnx).")],
    card: Annotated[
        Path | None, typer.Option(help="Facts the weights do not tell (.yaml or .json).")
    ] = None,
    licence: Annotated[str | None, typer.Option(help="Licence of the weights.")] = None,
    classes: Annotated[
        str | None, typer.Option(help="Names in order, by commas; a segmenter's as name:#rrggbb.")
    ] = None,
    size: Annotated[
        str | None, typer.Option(help="Size of the input: 224, 224x224 or 64x128x128.")
    ] = None,
    mean: Annotated[
        str | None, typer.Option(help="Of a SegFormer, after the division by 255: 0,0,0.")
    ] = None,
    sd: Annotated[str | None, typer.Option(help="Of a SegFormer: 1,1,1.")] = None,
    layout: Annotated[Layout, typer.Option(help="Tiles of a SegFormer.")] = Layout.NHWC,
    dilated: Annotated[
        bool, typer.Option("--dilated", help="MedicalNet's dilated stages (3-d).")
    ] = False,
    images: Annotated[
        Path | None, typer.Option(help="Folder of pictures to compare on; else seeded ones.")
    ] = None,
    trust_torchscript: Annotated[
        bool,
        typer.Option(
            "--trust-torchscript",
            help="Open TorchScript, which runs code of whoever wrote the file.",
        ),
    ] = False,
) -> None:
    """Write a network as one ONNX file with its model card.

    Source and conversion are compared on the same pictures; when they differ, nothing is written
    and the exit status is 1. Needs the extra 'convert'.

    Example: radiofib onnx convert resnet34 weights.pt --out us.onnx --card us.yaml
    """
    from radiofib.deep.convert import ConvertSettings, convert_model
    from radiofib.deep.range_doubts import range_doubts

    stated = _stated(card, licence, classes)
    settings = ConvertSettings(
        size=_size(size),
        layout=layout.value,
        mean=_numbers(mean, "--mean"),
        sd=_numbers(sd, "--sd"),
        dilated=dilated,
        trust_torchscript=trust_torchscript,
        images=_pictures(images),
    )
    made = convert_model(architecture, source, out, stated=stated, settings=settings)
    typer.echo(f"{made.architecture}, {made.kind}: {out}")
    typer.echo(_told(made))
    for doubt in range_doubts(made.preprocessing):
        say(f"{out.name}: {doubt}")


def _told(card: ModelCard) -> str:
    """Return the parity in words."""
    parity = card.parity
    if parity is None:
        return "kept as it was: there is nothing to compare"
    facts = []
    if parity.largest_absolute is not None:
        facts.append(f"largest difference {parity.largest_absolute:.2g}")
    if parity.largest_relative is not None:
        facts.append(f"relative {parity.largest_relative:.2g}")
    if parity.equal_labels is not None:
        facts.append(f"equal labels {parity.equal_labels:.4%}")
    return f"against {parity.against} on {parity.inputs} inputs: {', '.join(facts)}"


def _stated(card: Path | None, licence: str | None, classes: str | None) -> dict[str, object]:
    from radiofib.deep.card import read_sidecar

    stated: dict[str, object] = {} if card is None else read_sidecar(card)
    if licence is not None:
        stated["licence"] = licence
    if classes is not None:
        stated["classes"] = [_class(part) for part in classes.split(",")]
    return stated


def _class(text: str) -> dict[str, str]:
    name, mark, colour = text.strip().partition(":#")
    return {"name": name, "colour": f"#{colour.lower()}"} if mark else {"name": name}


def _size(text: str | None) -> tuple[int, ...] | None:
    from radiofib.errors import UsageError

    if text is None:
        return None
    try:
        return tuple(int(part) for part in text.lower().split("x"))
    except ValueError:
        raise UsageError(
            "not a size", where="--size", expected="224, 224x224 or 64x128x128", found=text
        ) from None


def _numbers(text: str | None, where: str) -> tuple[float, ...] | None:
    from radiofib.errors import UsageError

    if text is None:
        return None
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise UsageError(
            "not numbers", where=where, expected="three, by commas", found=text
        ) from None


def _pictures(folder: Path | None) -> tuple[Path, ...]:
    from radiofib.errors import UsageError

    if folder is None:
        return ()
    found = tuple(sorted(p for p in folder.glob("*") if p.suffix.lower() in _PICTURES))
    if not found:
        raise UsageError(
            "no pictures in the folder", where=str(folder), expected=", ".join(_PICTURES)
        )
    return found
