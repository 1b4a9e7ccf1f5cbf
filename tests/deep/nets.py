"""Small 2-D networks and their cards, made on the spot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from radiofib.deep.card import ModelCard, with_card


def facts(**changes: Any) -> dict[str, Any]:
    """Return the facts of :func:`extractor`, those of `preprocessing` merged key by key."""
    how = {
        "colour": "rgb",
        "size": [8, 8],
        "resize": "stretch",
        "value_range": [0, 1],
        "mean": [0.5, 0.4, 0.3],
        "sd": [0.2, 0.25, 0.3],
        "layout": "NCHW",
        "dtype": "float32",
    } | changes.pop("preprocessing", {})
    data = {
        "kind": "extractor",
        "architecture": "conv",
        "source": {"name": "weights.pt", "sha256": "ab" * 32},
        "licence": "CC0-1.0",
        "opset": 17,
        "preprocessing": how,
        "outputs": [
            {"name": "embedding", "role": "embedding"},
            {"name": "feature_map", "role": "feature_map"},
        ],
    }
    return data | changes


def extractor(
    path: Path,
    *,
    channels: int = 3,
    features: int = 5,
    classes: int = 0,
    size: int | str = 8,
    batch: int | str = "N",
    opset: int = 17,
    card: dict[str, Any] | None = None,
) -> Path:
    """Write a network of one convolution, ReLU, pooling and, with classes, a linear head."""
    random = np.random.default_rng(0)
    constants = {
        "w": random.normal(0, 0.3, (features, channels, 3, 3)),
        "b": random.normal(0, 0.3, features),
    }
    nodes = [
        helper.make_node("Conv", ["image", "w", "b"], ["raw"], pads=[1] * 4),
        helper.make_node("Relu", ["raw"], ["feature_map"]),
        helper.make_node("GlobalAveragePool", ["feature_map"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["embedding"]),
    ]
    outputs: list[tuple[str, tuple[int | str, ...]]] = [
        ("embedding", (batch, features)),
        ("feature_map", (batch, features, size, size)),
    ]
    if classes:
        constants["head"] = random.normal(0, 1, (features, classes))
        nodes.append(helper.make_node("MatMul", ["embedding", "head"], ["logits"]))
        outputs.append(("logits", (batch, classes)))
    return save(
        path,
        nodes,
        constants,
        image=(batch, channels, size, size),
        outputs=outputs,
        opset=opset,
        card=card,
    )


def save(
    path: Path,
    nodes: list[Any],
    constants: dict[str, np.ndarray],
    *,
    image: tuple[int | str, ...],
    outputs: list[tuple[str, tuple[int | str, ...]]],
    kind: int = TensorProto.FLOAT,
    result: int = TensorProto.FLOAT,
    opset: int = 17,
    card: dict[str, Any] | None = None,
) -> Path:
    """Write a model from `image` to the outputs, with a card when one is given."""
    graph = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info("image", kind, image)],
        [helper.make_tensor_value_info(name, result, shape) for name, shape in outputs],
        [numpy_helper.from_array(a.astype(np.float32), name) for name, a in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))
    if card is not None:
        with_card(path, ModelCard.parse(card, where="test"), path)
    return path


def residual(path: Path, *, card: dict[str, Any] | None, width: int = 16, blocks: int = 4) -> Path:
    """Write a network of residual blocks with seeded weights: 32 x 32 RGB to an embedding."""
    random = np.random.default_rng(7)
    nodes: list[Any] = []
    constants: dict[str, np.ndarray] = {}

    def conv(given: str, channels: int, made: str, stride: int = 1) -> str:
        scale = np.sqrt(2 / (9 * channels))
        constants[f"{made}_w"] = random.normal(0, scale, (width, channels, 3, 3))
        constants[f"{made}_b"] = random.normal(0, 0.1, width)
        parts = [given, f"{made}_w", f"{made}_b"]
        sides = {"pads": [1] * 4, "strides": [stride] * 2, "kernel_shape": [3, 3]}
        nodes.append(helper.make_node("Conv", parts, [made], **sides))
        return made

    nodes.append(helper.make_node("Relu", [conv("image", 3, "stem", 2)], ["x0"]))
    for n in range(blocks):
        nodes.append(helper.make_node("Relu", [conv(f"x{n}", width, f"a{n}")], [f"r{n}"]))
        nodes.append(helper.make_node("Add", [conv(f"r{n}", width, f"c{n}"), f"x{n}"], [f"s{n}"]))
        last = "feature_map" if n == blocks - 1 else f"x{n + 1}"
        nodes.append(helper.make_node("Relu", [f"s{n}"], [last]))
    nodes.append(helper.make_node("GlobalAveragePool", ["feature_map"], ["pooled"]))
    nodes.append(helper.make_node("Flatten", ["pooled"], ["embedding"]))
    constants["head"] = random.normal(0, 1, (width, 3))
    nodes.append(helper.make_node("MatMul", ["embedding", "head"], ["logits"]))
    return save(
        path,
        nodes,
        constants,
        image=("N", 3, 32, 32),
        outputs=[
            ("embedding", ("N", width)),
            ("feature_map", ("N", width, 16, 16)),
            ("logits", ("N", 3)),
        ],
        card=card,
    )


#: What :func:`residual` is given.
RESIDUAL_HOW: dict[str, Any] = {
    "size": [32, 32],
    "mean": [0.485, 0.456, 0.406],
    "sd": [0.229, 0.224, 0.225],
}
