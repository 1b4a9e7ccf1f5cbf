"""What each family of networks becomes: a graph, the facts it tells, and what to compare with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from radiofib._checks import check_known
from radiofib._extras import require
from radiofib.deep.convert.facts import HOTSPOT, class_names, merge_facts
from radiofib.deep.convert.graph import OPSET
from radiofib.deep.convert.names import fit_weights, without_prefix
from radiofib.deep.convert.resnet import RESNETS, resnet_graph, resnet_plan, resnet_shapes
from radiofib.deep.convert.segformer import (
    SEGFORMERS,
    is_segformer,
    older_names,
    segformer_plan,
    segformer_shapes,
)
from radiofib.deep.convert.segformer_graph import TileInput, segformer_graph
from radiofib.deep.convert.torchscript import export_module, module_outputs
from radiofib.deep.convert.weights import WeightSource
from radiofib.deep.graph import read_graph
from radiofib.errors import ConfigError, ModelError, UsageError

__all__ = ["ARCHITECTURES", "ConvertSettings", "Made", "make"]

_VOLUMES = tuple(f"{name}-3d" for name in RESNETS)
#: Names that :func:`radiofib.deep.convert.convert_model` takes.
ARCHITECTURES = (*RESNETS, *_VOLUMES, *SEGFORMERS, "hotspot", "generic")

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


def make(
    architecture: str,
    source: WeightSource,
    stated: Mapping[str, Any],
    settings: ConvertSettings,
    plain: Path,
) -> Made:
    """Write the graph to `plain` and return what is known about it.

    Raises
    ------
    UsageError, ModelError
        When source and architecture do not fit, or something must be stated.
    """
    check_known(architecture, ARCHITECTURES, what="architecture", error=UsageError)
    base = {"source": {"name": source.path.name, "sha256": source.sha256}}
    if architecture == "generic":
        made = _generic(source, stated, plain)
    elif source.form == "onnx":
        raise UsageError(
            "an ONNX model is converted already",
            where=source.path.name,
            hint="use 'generic' to give it a card",
        )
    elif architecture == "hotspot" or architecture in SEGFORMERS:
        made = _segformer(architecture, source, stated, settings, plain)
    else:
        made = _resnet(architecture, source, stated, settings, plain)
    return Made(merge_facts(made.known, base), made.reference, made.against)


def _torch_version() -> str:
    return f"torch {require('torch', purpose='comparing with the source').__version__}"


def _size(
    settings: ConvertSettings, stated: Mapping[str, Any], default: tuple[int, ...] | None, axes: int
) -> tuple[int, ...]:
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


def _resnet(
    architecture: str,
    source: WeightSource,
    stated: Mapping[str, Any],
    settings: ConvertSettings,
    plain: Path,
) -> Made:
    name, _, volume = architecture.partition("-")
    axes: Literal[2, 3] = 3 if volume else 2
    where = source.path.name
    weights = without_prefix(source.weights, "conv1.weight")
    plan = resnet_plan(name, weights, axes=axes, dilated=settings.dilated, where=where)
    unused = ("conv_seg.",) if axes == 3 else ()
    weights = fit_weights(
        weights, resnet_shapes(plan), architecture=architecture, where=where, unused=unused
    )
    size = _size(settings, stated, None if axes == 3 else (224, 224), axes)
    _save(resnet_graph(plan, weights, size), plain)
    colours = {1: "grey", 3: "rgb"}
    if plan.channels not in colours:
        raise ModelError(
            "the network takes another number of channels than a picture has",
            where=where,
            expected="1 or 3",
            found=str(plan.channels),
        )
    roles = (*(["logits"] if plan.classes else []), "embedding", "feature_map")
    kind = "volume" if axes == 3 else "classifier" if plan.classes else "extractor"
    known: dict[str, Any] = {
        "kind": kind,
        "architecture": architecture,
        "opset": OPSET,
        "outputs": [{"name": role, "role": role} for role in roles],
        "preprocessing": {
            "colour": colours[plan.channels],
            "size": list(size),
            "layout": "NCDHW" if axes == 3 else "NCHW",
            "dtype": "float32",
        },
    }
    if plan.classes:
        class_names(plan.classes, stated, where=where)
    if source.module is not None:
        # The program itself is the source; it need not give more than the logits.
        return Made(known, _scripted(source, roles), f"TorchScript, {_torch_version()}")

    def reference(array: NDArray[Any]) -> dict[str, NDArray[Any]]:
        from radiofib.deep.convert.torch_nets import ResNet, load_weights

        net = load_weights(ResNet(plan), weights)
        names = ("logits", "embedding", "feature_map")
        if not plan.classes:
            names = names[1:]
        return module_outputs(net, array, names, where=where)

    return Made(known, reference, _torch_version())


def _scripted(source: WeightSource, names: Sequence[str]) -> Reference:
    """Return a reference that calls the program and takes the outputs it has."""

    def reference(array: NDArray[Any]) -> dict[str, NDArray[Any]]:
        first = module_outputs(source.module, array, names[:1], where=source.path.name)
        try:
            return module_outputs(source.module, array, names, where=source.path.name)
        except ModelError:
            return first

    return reference


def _segformer(
    architecture: str,
    source: WeightSource,
    stated: Mapping[str, Any],
    settings: ConvertSettings,
    plain: Path,
) -> Made:
    where = source.path.name
    hotspot = architecture == "hotspot"
    name = "segformer-b0" if hotspot else architecture
    tile = _tile(settings, stated, hotspot=hotspot)
    own = is_segformer(source.weights)
    reference: Reference
    if not own and source.module is None:
        segformer_plan(name, older_names(source.weights), where=where)  # says what is absent
    if own:
        weights = older_names(source.weights)
        plan = segformer_plan(name, weights, where=where)
        weights = fit_weights(weights, segformer_shapes(plan), architecture=name, where=where)
        _save(segformer_graph(plan, weights, tile), plain)
        classes: int = plan.classes
        channels = plan.channels
    else:
        classes, channels = 0, 3

    def labels_of(module: Any) -> Any:
        from radiofib.deep.convert.torch_nets import SegFormerLabels

        mean, sd = (None if v is None else list(v) for v in (tile.mean, tile.sd))
        return SegFormerLabels(module, mean, sd, tile.layout == "NHWC").eval()

    def reference(array: NDArray[Any]) -> dict[str, NDArray[Any]]:
        module = source.module
        if module is None:
            from radiofib.deep.convert.torch_nets import SegFormer, load_weights

            module = load_weights(SegFormer(plan), weights)
        return module_outputs(labels_of(module), array, ("labels", "logits"), where=where)

    if not own:
        shape = tuple(2 if n == "batch" else int(n) for n in tile.shape(channels))
        example = np.zeros(shape, np.uint8)
        found = reference(example)["logits"]
        if found.ndim != 4:
            raise ModelError(
                "the source gives no logits for each pixel",
                where=where,
                expected="(batch, classes, rows, columns)",
                found=str(found.shape),
                hint="convert it as 'generic' and state its outputs",
            )
        classes = found.shape[1]
        names = ("labels", "logits")
        export_module(labels_of(source.module), example, plain, names, where=where)
    known: dict[str, Any] = {
        "kind": "segmenter",
        "architecture": name if own else f"{name} (as scripted)",
        "opset": read_graph(plain).opset,
        "outputs": [
            {"name": "labels", "role": "label_map"},
            {"name": "logits", "role": "logits"},
        ],
        "preprocessing": {
            "colour": "rgb",
            "size": [tile.side, tile.side],
            "tile": tile.side,
            "resize": "none",
            "value_range": [0, 255],
            "mean": [0] * channels,
            "sd": [1] * channels,
            "layout": tile.layout,
            "dtype": "uint8",
        },
    }
    if hotspot:
        known = merge_facts(known, {k: v for k, v in HOTSPOT.items() if k not in stated})
        if classes != len(HOTSPOT["classes"]) and "classes" not in stated:
            raise ConfigError(
                "HOTSPoT has three classes and this model another number",
                where=where,
                found=str(classes),
                hint="state the classes in the card, in the order of the outputs",
            )
    class_names(classes, stated, where=where)
    kind = "TorchScript, " if source.module is not None else ""
    return Made(known, reference, f"{kind}{_torch_version()}")


def _tile(settings: ConvertSettings, stated: Mapping[str, Any], *, hotspot: bool) -> TileInput:
    how = stated.get("preprocessing")
    side = how.get("tile") if isinstance(how, Mapping) else None
    default = (256, 256) if hotspot else None
    rows, columns = _size(settings, stated, (int(side),) * 2 if side else default, 2)
    if rows != columns:
        raise UsageError("tiles are square", found=f"{rows} x {columns}")
    if (settings.mean is None) != (settings.sd is None):
        raise UsageError("mean and sd belong together")
    if settings.mean is None and not hotspot:
        raise UsageError(
            "how the training normalised its pictures is not stated",
            hint="add --mean 0,0,0 --sd 1,1,1 when they were divided by 255 and no more, or "
            "--mean 0.485,0.456,0.406 --sd 0.229,0.224,0.225 for ImageNet's numbers",
        )
    return TileInput(rows, settings.layout, settings.mean, settings.sd)


def _generic(source: WeightSource, stated: Mapping[str, Any], plain: Path) -> Made:
    where = source.path.name
    if source.form == "onnx":
        plain.write_bytes(source.path.read_bytes())
        return Made({"opset": read_graph(source.path).opset}, None, "")
    if source.module is None:
        raise UsageError(
            "weights alone are no model",
            where=where,
            expected="TorchScript or ONNX for 'generic'",
            found=source.form,
            hint="name the architecture, or save the model with torch.jit.script",
        )
    how, outputs = stated.get("preprocessing"), stated.get("outputs")
    wanted = ("size", "colour", "layout", "dtype")
    absent = [f"preprocessing.{k}" for k in wanted if not (isinstance(how, Mapping) and how.get(k))]
    if not outputs:
        absent.append("outputs")
    if absent or not isinstance(how, Mapping) or not isinstance(outputs, list | tuple):
        raise ConfigError(
            "the card does not state what is needed to write the model as ONNX",
            where=where,
            expected=", ".join(absent),
            hint="state it in the card file",
        )
    channels = 3 if how["colour"] == "rgb" else 1
    shape = [2, *how["size"]]
    shape.insert(len(shape) if how["layout"] == "NHWC" else 1, channels)
    example = np.zeros(shape, how["dtype"])
    names = [str(o["name"]) for o in outputs]
    module_outputs(source.module, example, names, where=where)
    export_module(source.module, example, plain, names, where=where)

    def reference(array: NDArray[Any]) -> dict[str, NDArray[Any]]:
        return module_outputs(source.module, array, names, where=where)

    known = {"opset": read_graph(plain).opset}
    return Made(known, reference, f"TorchScript, {_torch_version()}")


def _save(model: Any, path: Path) -> None:
    path.write_bytes(model.SerializeToString(deterministic=True))
