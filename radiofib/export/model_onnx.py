"""A stager as one ONNX graph in double precision, from missing values to probabilities."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiofib._extras import require
from radiofib.export.portable import Linear, PortableModel, Trees

__all__ = ["run_onnx", "write_onnx"]

#: Old enough for onnxruntime 1.14; ai.onnx.ml 3 brought trees in double precision.
_OPSETS = {"": 15, "ai.onnx.ml": 3}
_IR = 8


def write_onnx(model: PortableModel, folder: Path) -> None:
    """Write ``model.onnx``: input ``inputs``, output ``probabilities``, both float64.

    ``inputs`` holds the features in the model's order, NaN where missing, and then one flag of 0
    or 1 for each known scanner; the metadata entry ``columns`` names them, ``classes`` the
    probabilities.

    Raises
    ------
    MissingExtraError
        When the package ``onnx`` is not installed.
    """
    onnx = require("onnx", purpose="a model as ONNX")
    (folder / "model.onnx").write_bytes(_graph(onnx, model).SerializeToString(deterministic=True))


def run_onnx(path: Path, inputs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what an ONNX file gives in onnxruntime.

    Raises
    ------
    MissingExtraError
        When onnxruntime is not installed.
    """
    runtime = require("onnxruntime", purpose="trying out a model as ONNX")
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    result: NDArray[np.float64] = session.run(None, {"inputs": inputs})[0]
    return result


class _Builder:
    """Collects nodes and constants of a graph under running names."""

    def __init__(self, onnx: Any) -> None:
        self.onnx = onnx
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, values: Any, dtype: Any = np.float64) -> str:
        name = f"c{len(self.constants)}"
        array = np.ascontiguousarray(values, dtype=dtype)
        self.constants.append(self.onnx.numpy_helper.from_array(array, name))
        return name

    def add(self, operator: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        name = f"t{len(self.nodes)}"
        node = self.onnx.helper.make_node(operator, inputs, [name], domain=domain, **attributes)
        self.nodes.append(node)
        return name


def _graph(onnx: Any, model: PortableModel) -> Any:
    helper, double = onnx.helper, onnx.TensorProto.DOUBLE
    build = _Builder(onnx)
    width = len(model.features) + len(model.scanners)
    x = "inputs"
    if model.medians is not None:
        fills = np.concatenate([model.medians, np.zeros(len(model.scanners))])[None, :]
        x = build.add("Where", build.add("IsNaN", x), build.constant(fills), x)
    body = model.body
    if isinstance(body, Linear):
        x = build.add("Sub", x, build.constant(body.centre))
        x = build.add("Div", x, build.constant(body.scale))
        x = build.add("MatMul", x, build.constant(body.coefficients))
        if not model.has_thresholds:
            x = build.add("Add", x, build.constant(body.intercepts))
    else:
        x = _trees(build, body, x)
    p = _linked(build, model, x)
    ones = build.constant([1], np.int64)
    build.nodes.append(
        helper.make_node("Div", [p, build.add("ReduceSum", p, ones, keepdims=1)], ["probabilities"])
    )
    graph = helper.make_graph(
        build.nodes,
        "stager",
        [helper.make_tensor_value_info("inputs", double, ["rows", width])],
        [helper.make_tensor_value_info("probabilities", double, ["rows", len(model.classes)])],
        build.constants,
    )
    opsets = [helper.make_opsetid(domain, version) for domain, version in _OPSETS.items()]
    made = helper.make_model(graph, opset_imports=opsets, ir_version=_IR, producer_name="radiofib")
    facts = {"columns": [*model.features, *model.flags], "classes": list(model.classes)}
    helper.set_model_props(made, {k: json.dumps(v, ensure_ascii=False) for k, v in facts.items()})
    onnx.checker.check_model(made)
    return made


def _linked(build: _Builder, model: PortableModel, eta: str) -> str:
    if model.link == "mean":
        return eta
    if model.link == "softmax":
        return build.add("Softmax", eta, axis=1)
    if model.link == "logit":
        up, down = build.add("Sigmoid", eta), build.add("Sigmoid", build.add("Neg", eta))
        return build.add("Concat", down, up, axis=1)
    assert isinstance(model.body, Linear)
    below = build.add("Sigmoid", build.add("Sub", build.constant(model.body.intercepts), eta))
    if model.link == "continuation":
        return _continued(build, eta, build.constant(model.body.intercepts))
    # P(stage <= k) to P(stage = k) with one 0 before and one 1 after.
    edge = build.add("Mul", eta, build.constant([[0.0]]))
    upper = build.add("Concat", below, build.add("Add", edge, build.constant([[1.0]])), axis=1)
    return build.add("Sub", upper, build.add("Concat", edge, below, axis=1))


def _continued(build: _Builder, eta: str, thresholds: str) -> str:
    """Multiply the chances of having gone on so far with that of stopping; the last one stops."""
    gap = build.add("Sub", thresholds, eta)
    one = build.add("Add", build.add("Mul", eta, build.constant([[0.0]])), build.constant([[1.0]]))
    stop = build.add("Concat", build.add("Sigmoid", gap), one, axis=1)
    on = build.add("Concat", build.add("Sigmoid", build.add("Neg", gap)), one, axis=1)
    logs = build.add("CumSum", build.add("Log", on), build.constant(1, np.int64), exclusive=1)
    return build.add("Mul", build.add("Exp", logs), stop)


def _trees(build: _Builder, trees: Trees, x: str) -> str:
    """Add the trees; inputs are rounded to single precision first, as the stagers do."""
    onnx = build.onnx
    single = build.add("Cast", x, to=onnx.TensorProto.FLOAT)
    x = build.add("Cast", single, to=onnx.TensorProto.DOUBLE)
    roots = trees.roots
    start = roots[trees.tree]
    leaf = trees.column < 0
    kind = "BRANCH_LT" if trees.strict else "BRANCH_LEQ"
    given = trees.values != 0.0
    given[:, 0] |= ~given.any(axis=1)  # a leaf must add something, if only 0
    rows, classes = np.nonzero(leaf[:, None] & given)
    number = np.arange(len(leaf)) - start
    tensor = onnx.numpy_helper.from_array
    total = build.add(
        "TreeEnsembleRegressor",
        x,
        domain="ai.onnx.ml",
        n_targets=trees.values.shape[1],
        aggregate_function="SUM",
        base_values_as_tensor=tensor(trees.base, "base"),
        nodes_treeids=trees.tree.tolist(),
        nodes_nodeids=number.tolist(),
        nodes_featureids=np.maximum(trees.column, 0).tolist(),
        nodes_modes=np.where(leaf, "LEAF", kind).tolist(),
        nodes_values_as_tensor=tensor(trees.threshold, "thresholds"),
        nodes_truenodeids=np.where(leaf, 0, trees.left - start).tolist(),
        nodes_falsenodeids=np.where(leaf, 0, trees.right - start).tolist(),
        nodes_missing_value_tracks_true=trees.missing_left.astype(int).tolist(),
        target_treeids=trees.tree[rows].tolist(),
        target_nodeids=number[rows].tolist(),
        target_ids=classes.tolist(),
        target_weights_as_tensor=tensor(trees.values[rows, classes], "weights"),
    )
    return build.add("Cast", total, to=onnx.TensorProto.DOUBLE)  # the operator gives floats
