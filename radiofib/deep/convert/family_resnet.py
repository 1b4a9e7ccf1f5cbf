"""Residual networks, of pictures and of volumes, from their weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Literal

from numpy.typing import NDArray

from radiofib.deep.convert.common import (
    ConvertSettings,
    Made,
    Reference,
    input_size,
    save_graph,
    torch_version,
)
from radiofib.deep.convert.facts import class_names
from radiofib.deep.convert.graph import OPSET
from radiofib.deep.convert.names import fit_weights, without_prefix
from radiofib.deep.convert.resnet import resnet_graph, resnet_plan, resnet_shapes
from radiofib.deep.convert.torchscript import module_outputs
from radiofib.deep.convert.weights import WeightSource
from radiofib.errors import ConfigError, ModelError

__all__ = ["make_resnet"]


def make_resnet(
    architecture: str,
    source: WeightSource,
    stated: Mapping[str, Any],
    settings: ConvertSettings,
    plain: Path,
) -> Made:
    """Write a residual network; see :func:`radiofib.deep.convert.families.make`."""
    name, _, volume = architecture.partition("-")
    axes: Literal[2, 3] = 3 if volume else 2
    where = source.path.name
    weights = without_prefix(source.weights, "conv1.weight")
    plan = resnet_plan(name, weights, axes=axes, dilated=settings.dilated, where=where)
    unused = ("conv_seg.",) if axes == 3 else ()
    weights = fit_weights(
        weights, resnet_shapes(plan), architecture=architecture, where=where, unused=unused
    )
    size = input_size(settings, stated, None if axes == 3 else (224, 224), axes)
    save_graph(resnet_graph(plan, weights, size), plain)
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
    elif stated.get("classes"):
        raise ConfigError(
            "classes are named, and the network has no layer that tells classes",
            where=where,
            expected="weights with fc.weight and fc.bias",
            found="none: it gives an embedding alone",
            hint="leave the classes out (--classes, or 'classes' in the card), or give weights "
            "with their last layer",
        )
    if source.module is not None:
        # The program itself is the source; it need not give more than the logits.
        return Made(known, _scripted(source, roles), f"TorchScript, {torch_version()}")

    @cache
    def net() -> Any:
        from radiofib.deep.convert.torch_nets import ResNet, load_weights

        return load_weights(ResNet(plan), weights)

    def reference(array: NDArray[Any]) -> dict[str, NDArray[Any]]:
        return module_outputs(net(), array, roles, where=where)

    return Made(known, reference, torch_version())


def _scripted(source: WeightSource, names: Sequence[str]) -> Reference:
    """Return a reference that calls the program and takes the outputs it has."""

    def reference(array: NDArray[Any]) -> dict[str, NDArray[Any]]:
        first = module_outputs(source.module, array, names[:1], where=source.path.name)
        try:
            return module_outputs(source.module, array, names, where=source.path.name)
        except ModelError:
            return first

    return reference
