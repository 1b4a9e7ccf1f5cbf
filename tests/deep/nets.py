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
