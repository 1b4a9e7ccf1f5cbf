"""Segmentation networks of one convolution whose labels follow from colour alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from radiofib.deep.card import ModelCard, with_card
from radiofib.slides.labels.segment import SlidePlan

CLASSES = [
    {"name": "background", "colour": "#808080"},
    {"name": "lobule", "colour": "#56b4e9"},
    {"name": "portal tract", "colour": "#d55e00"},
]
#: Logits are 0, 200 - green and 2 (140 - red) + 200 - green: whole numbers, so that sums are exact
#: in any order and ties fall alike everywhere.
WEIGHTS = np.array([[0, 0, 0], [0, -1, 0], [-2, -1, 0]], np.float32)
BIASES = np.array([0, 200, 480], np.float32)


def rule(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return what the network must say on a picture of any size: an argmax, the first of equals."""
    logits = rgb.astype(np.int64) @ WEIGHTS.astype(np.int64).T + BIASES.astype(np.int64)
    return logits.argmax(axis=2).astype(np.uint8)


def asked(plan: SlidePlan) -> NDArray[np.bool_]:
    """Return which cells lie in a tile that is asked."""
    cells = np.zeros((plan.grid.height, plan.grid.width), dtype=bool)
    for group in plan.groups:
        for row, column in group.tiles:
            y, x = row * plan.tiling.stride, column * plan.tiling.stride
            cells[y : y + plan.tiling.tile, x : x + plan.tiling.tile] = True
    return cells


def colour_net(
    path: Path,
    *,
    tile: int = 64,
    um: float | None = 2.0,
    outputs: tuple[str, ...] = ("label_map", "logits"),
    layout: str = "NHWC",
    dtype: str = "uint8",
    shrink: int = 1,
    batch: int | str = "N",
    classes: list[dict[str, Any]] | None = None,
    plane: int = 0,
    blank: bool = False,
    slow: bool = False,
    **how: Any,
) -> Path:
    """Write a segmenter by :func:`rule`, with its card.

    Parameters
    ----------
    shrink : int
        Logits are means over squares of this side.
    plane : int
        Added to every label.
    blank : bool
        Whether logits are not numbers.
    slow : bool
        Whether it takes as long as a small network, for the same labels.
    how
        Facts of the card's preprocessing besides.
    """
    shape = (batch, tile, tile, 3) if layout == "NHWC" else (batch, 3, tile, tile)
    width = 48 if slow else 1
    nodes = []
    last = "image"
    if layout == "NHWC":
        nodes.append(helper.make_node("Transpose", [last], ["planes"], perm=[0, 3, 1, 2]))
        last = "planes"
    if dtype != "float32":
        nodes.append(helper.make_node("Cast", [last], ["floats"], to=TensorProto.FLOAT))
        last = "floats"
    if shrink > 1:
        sides = {"kernel_shape": [shrink] * 2, "strides": [shrink] * 2}
        nodes.append(helper.make_node("AveragePool", [last], ["small"], **sides))
        last = "small"
    nodes.append(helper.make_node("Conv", [last, "w", "b"], ["plain"]))
    wide = {"pads": [2] * 4}
    nodes.append(helper.make_node("Conv", [last, "wide"], ["features"], **wide))
    nodes.append(helper.make_node("Conv", ["features", "back"], ["much"], **wide))
    nodes.append(helper.make_node("Mul", ["much", "nothing"], ["none"]))
    nodes.append(helper.make_node("Add", ["plain", "none"], ["logits"]))
    nodes.append(helper.make_node("ArgMax", ["logits"], ["index"], axis=1, keepdims=0))
    nodes.append(helper.make_node("Add", ["index", "plane"], ["sum"]))
    nodes.append(helper.make_node("Cast", ["sum"], ["label_map"], to=TensorProto.UINT8))
    side = tile // shrink
    ports = {
        "label_map": (TensorProto.UINT8, (batch, side, side)),
        "logits": (TensorProto.FLOAT, (batch, len(WEIGHTS), side, side)),
    }
    kind = {"uint8": TensorProto.UINT8, "float32": TensorProto.FLOAT}[dtype]
    biases = np.full_like(BIASES, np.nan) if blank else BIASES
    graph = helper.make_graph(
        nodes,
        "colours",
        [helper.make_tensor_value_info("image", kind, shape)],
        [helper.make_tensor_value_info(name, *ports[name]) for name in outputs],
        [
            numpy_helper.from_array(WEIGHTS[:, :, None, None], "w"),
            numpy_helper.from_array(biases, "b"),
            numpy_helper.from_array(np.array(plane, np.int64), "plane"),
            numpy_helper.from_array(np.ones((width, 3, 5, 5), np.float32), "wide"),
            numpy_helper.from_array(np.ones((3, width, 5, 5), np.float32), "back"),
            numpy_helper.from_array(np.array(0, np.float32), "nothing"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))
    preprocessing = {
        "colour": "rgb",
        "size": [tile, tile],
        "resize": "none",
        "value_range": [0, 255],
        "mean": [0, 0, 0],
        "sd": [1, 1, 1],
        "layout": layout,
        "dtype": dtype,
        "tile": tile,
    } | ({} if um is None else {"um_per_px": um})
    facts = {
        "kind": "segmenter",
        "architecture": "colours",
        "source": {"name": "colours.pt", "sha256": "cd" * 32},
        "licence": "CC0-1.0",
        "opset": 17,
        "classes": classes or CLASSES,
        "preprocessing": preprocessing | how,
        "outputs": [{"name": name, "role": name} for name in outputs],
    }
    return with_card(path, ModelCard.parse(facts, where="test"), path)
