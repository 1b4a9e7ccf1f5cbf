"""What the families of networks share: settings, and what a converted network is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from numpy.typing import NDArray

from radiofib._extras import require
from radiofib.errors import UsageError

__all__ = ["ConvertSettings", "Made", "Reference", "input_size", "save_graph", "torch_version"]

Reference = Callable[[NDArray[Any]], dict[str, NDArray[Any]]]


@dataclass(frozen=True)
class ConvertSettings:
    """How to convert what the weights and the card leave open.

    Parameters
    ----------
    size : tuple of int, optional
        Of the input; else that of the card, else 224 x 224 for residual networks and 256 x 256
        for ``hotspot``.
    layout : {"NHWC", "NCHW"}
        Of the tiles of a SegFormer.
    mean, sd : tuple of float, optional
        Of a SegFormer, in the graph after the division by 255; (0, 0, 0) and (1, 1, 1) when the
        division was all. Not needed for ``hotspot``.
    dilated : bool
        MedicalNet's dilated stages in place of strides.
    trust_torchscript : bool
        Open TorchScript, which runs code of its author.
    images : tuple of path
        Pictures to compare source and conversion on; without them, seeded ones.
    inputs : int
        How many seeded inputs.
    """

    size: tuple[int, ...] | None = None
    layout: Literal["NHWC", "NCHW"] = "NHWC"
    mean: tuple[float, ...] | None = None
    sd: tuple[float, ...] | None = None
    dilated: bool = False
    trust_torchscript: bool = False
    images: tuple[str | Path, ...] = ()
    inputs: int = 8


@dataclass(frozen=True)
class Made:
    """A converted network before it is compared and gets its card.

    Parameters
    ----------
    known : dict
        Facts of the card that the graph and its source tell.
    reference : callable, optional
        From a batch to the outputs of the source by name; None for an ONNX file kept as it is.
    against : str
        What the reference is computed with.
    """

    known: dict[str, Any]
    reference: Reference | None
    against: str


def torch_version() -> str:
    """Return name and version of torch."""
    return f"torch {require('torch', purpose='comparing with the source').__version__}"


def input_size(
    settings: ConvertSettings, stated: Mapping[str, Any], default: tuple[int, ...] | None, axes: int
) -> tuple[int, ...]:
    """Return the size of the input: that of the settings, the card, or the default.

    Raises
    ------
    UsageError
        When there is none, or it has another number of lengths.
    """
    how = stated.get("preprocessing")
    given = settings.size or (how.get("size") if isinstance(how, Mapping) else None) or default
    if given is None:
        raise UsageError(
            "the size of the input is not stated",
            hint="add --size, or preprocessing.size in the card",
        )
    size = tuple(int(n) for n in given)
    size = size * axes if len(size) == 1 else size
    if len(size) != axes or min(size) < 32:
        raise UsageError(
            "not a possible size of the input",
            expected=f"{axes} lengths of 32 or more",
            found=" x ".join(map(str, size)),
        )
    return size


def save_graph(model: Any, path: Path) -> None:
    """Write a graph, the same bytes for the same graph."""
    path.write_bytes(model.SerializeToString(deterministic=True))
