"""Small ONNX models made on the spot."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPEN = (1, 1, "a", "b", "c")


def save(
    path: Path,
    nodes: list[Any],
    constants: dict[str, np.ndarray],
    *,
    channels: int | str = 1,
    shape: tuple[int | str, ...] = OPEN,
    facts: dict[str, Any] | None = None,
    outputs: tuple[str, ...] = ("score",),
    kind: int = TensorProto.FLOAT,
) -> Path:
    """Write a model from `image` to `outputs`."""
    graph = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info("image", kind, shape)],
        [helper.make_tensor_value_info(name, kind, (1, channels, *shape[2:])) for name in outputs],
        [numpy_helper.from_array(a.astype(np.float32), name) for name, a in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    if facts is not None:
        helper.set_model_props(model, {"radiofib": json.dumps(facts)})
    onnx.checker.check_model(model)
    onnx.save(model, str(path))
    return path


def threshold(path: Path, at: float = 0.5, **more: Any) -> Path:
    """Write a model whose one channel is ``image - at``."""
    node = helper.make_node("Sub", ["image", "at"], ["score"])
    return save(path, [node], {"at": np.array(at)}, **more)


def two_classes(path: Path, at: float = 0.5, **more: Any) -> Path:
    """Write a model with channels ``at - image`` (background) and ``image - at``."""
    nodes = [
        helper.make_node("Sub", ["image", "at"], ["in"]),
        helper.make_node("Sub", ["at", "image"], ["out"]),
        helper.make_node("Concat", ["out", "in"], ["score"], axis=1),
    ]
    return save(path, nodes, {"at": np.array(at)}, channels=2, **more)


def mean_filter(path: Path, at: float = 0.5, **more: Any) -> Path:
    """Write a model whose one channel is the mean of 3 x 3 x 3 voxels minus `at`."""
    node = helper.make_node("Conv", ["image", "w", "b"], ["score"], pads=[1] * 6)
    constants = {"w": np.full((1, 1, 3, 3, 3), 1 / 27), "b": np.array([-at])}
    return save(path, [node], constants, **more)
