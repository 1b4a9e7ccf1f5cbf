"""SegFormer, from its weights under any prefix, or from TorchScript as it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiofib.deep.convert.common import (
    ConvertSettings,
    Made,
    input_size,
    save_graph,
    torch_version,
)
from radiofib.deep.convert.facts import HOTSPOT, class_names, merge_facts
from radiofib.deep.convert.graph import Weights
from radiofib.deep.convert.names import fit_weights
from radiofib.deep.convert.segformer import (
    SegFormerPlan,
    is_segformer,
    older_names,
    segformer_plan,
    segformer_shapes,
)
from radiofib.deep.convert.segformer_graph import TileInput, segformer_graph
from radiofib.deep.convert.torchscript import export_module, module_outputs
from radiofib.deep.convert.weights import WeightSource
from radiofib.deep.graph import read_graph
from radiofib.errors import ConfigError, UsageError

__all__ = ["make_segformer"]

_NAMES = ("labels", "logits")


def make_segformer(
    architecture: str,
    source: WeightSource,
    stated: Mapping[str, Any],
    settings: ConvertSettings,
    plain: Path,
) -> Made:
    """Write a SegFormer; see :func:`radiofib.deep.convert.families.make`."""
    where = source.path.name
    hotspot = architecture == "hotspot"
    name = "segformer-b0" if hotspot else architecture
    tile = _tile(settings, stated, hotspot=hotspot)
    net: Callable[[], Any]
    if is_segformer(source.weights) or source.module is None:
        weights = older_names(source.weights)
        plan = segformer_plan(name, weights, where=where)
        weights = fit_weights(weights, segformer_shapes(plan), architecture=name, where=where)
        save_graph(segformer_graph(plan, weights, tile), plain)
        classes, called = plan.classes, name
        net = cache(partial(_own_net, source, plan, weights, tile))
    else:
        net = cache(partial(_labels_of, source.module, tile))
        classes, called = _export(net(), tile, plain, where), f"{name} (as scripted)"

    def reference(array: NDArray[Any]) -> dict[str, NDArray[Any]]:
        return module_outputs(net(), array, _NAMES, where=where)

    known = _known(called, tile, plain)
    if hotspot:
        known = merge_facts(known, {k: v for k, v in HOTSPOT.items() if k not in stated})
        known["preprocessing"]["um_per_px"] = _um_per_px(stated)
        if classes != len(HOTSPOT["classes"]) and "classes" not in stated:
            raise ConfigError(
                "HOTSPoT has three classes and this model another number",
                where=where,
                found=str(classes),
                hint="state the classes in the card, in the order of the outputs",
            )
    class_names(classes, stated, where=where)
    kind = "TorchScript, " if source.module is not None else ""
    return Made(known, reference, f"{kind}{torch_version()}")


def _um_per_px(stated: Mapping[str, Any]) -> Any:
    how = stated.get("preprocessing")
    given = how.get("um_per_px") if isinstance(how, Mapping) else None
    return given or HOTSPOT["preprocessing"]["um_per_px"]


def _own_net(source: WeightSource, plan: SegFormerPlan, weights: Weights, tile: TileInput) -> Any:
    """Return the source from bytes to labels: the program itself, or our network with weights."""
    if source.module is not None:
        return _labels_of(source.module, tile)
    from radiofib.deep.convert.torch_nets import SegFormer, load_weights

    return _labels_of(load_weights(SegFormer(plan), weights), tile)


def _labels_of(module: Any, tile: TileInput) -> Any:
    from radiofib.deep.convert.torch_nets import SegFormerLabels

    mean, sd = (None if v is None else list(v) for v in (tile.mean, tile.sd))
    return SegFormerLabels(module, mean, sd, tile.layout == "NHWC").eval()


def _export(module: Any, tile: TileInput, plain: Path, where: str) -> int:
    """Write a program from bytes to labels as it is; return the number of its classes."""
    shape = tuple(2 if n == "batch" else int(n) for n in tile.shape(3))
    example = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    found = module_outputs(module, example, _NAMES, where=where)["logits"]
    export_module(module, example, plain, _NAMES, where=where)
    return int(found.shape[1])


def _known(called: str, tile: TileInput, plain: Path) -> dict[str, Any]:
    return {
        "kind": "segmenter",
        "architecture": called,
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
            "mean": [0, 0, 0],
            "sd": [1, 1, 1],
            "layout": tile.layout,
            "dtype": "uint8",
        },
    }


def _tile(settings: ConvertSettings, stated: Mapping[str, Any], *, hotspot: bool) -> TileInput:
    how = stated.get("preprocessing")
    side = how.get("tile") if isinstance(how, Mapping) else None
    default = (256, 256) if hotspot else None
    rows, columns = input_size(settings, stated, (int(side),) * 2 if side else default, 2)
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
