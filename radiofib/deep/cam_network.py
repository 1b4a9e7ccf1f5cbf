"""A network's own head read out of its ONNX file, and copies with randomised weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiofib._extras import require
from radiofib.deep.cam import LinearHead
from radiofib.deep.card import ModelCard
from radiofib.errors import ModelError

__all__ = ["network_head", "randomised_copy"]


def network_head(path: str | Path, card: ModelCard) -> LinearHead:
    """Return the linear layer between ``embedding`` and ``logits`` of a model.

    Parameters
    ----------
    path : path
        The ``.onnx`` file.
    card : ModelCard
        Its card: which outputs are logits and embedding, and the classes.

    Raises
    ------
    MissingExtraError
        Without the package ``onnx``.
    ModelError
        When the logits are not one linear layer on the embedding.
    """
    onnx = require("onnx", purpose="the head of a network")
    path = Path(path)
    graph = onnx.load(str(path)).graph
    logits, embedding = card.output("logits"), card.output("embedding")
    if logits is None or embedding is None:
        raise ModelError(
            "a head lies between two outputs of the card",
            where=path.name,
            expected="logits and embedding",
            found=", ".join(o.role for o in card.outputs),
        )
    made = {name: node for node in graph.node for name in node.output}
    known = {t.name: onnx.numpy_helper.to_array(t) for t in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant":
            known[node.output[0]] = onnx.numpy_helper.to_array(node.attribute[0].t)
    found = _linear_layer(made, known, logits.name, embedding.name)
    if found is None or found[0].shape[0] != len(card.classes):
        raise ModelError(
            "the logits are not one linear layer on the embedding, so there is no exact map",
            where=path.name,
            expected="Gemm, or MatMul with or without Add, with constant weights",
            found=made[logits.name].op_type if logits.name in made else "no such output",
        )
    weights, intercepts = (part.astype(np.float64) for part in found)
    return LinearHead(weights, intercepts, tuple(c.name for c in card.classes))


def _linear_layer(
    made: dict[str, Any], known: dict[str, NDArray[Any]], logits: str, embedding: str
) -> tuple[NDArray[Any], NDArray[Any]] | None:
    """Return weights (classes, features) and intercepts, or None."""
    node = made.get(logits)
    if node is None:
        return None
    if node.op_type == "Gemm":
        facts = {a.name: a for a in node.attribute}
        plain = all(facts[k].f == 1.0 for k in ("alpha", "beta") if k in facts)
        if not plain or ("transA" in facts and facts["transA"].i) or node.input[1] not in known:
            return None
        weights = known[node.input[1]]
        turned = "transB" in facts and facts["transB"].i
        weights = weights if turned else weights.T
        bias = known.get(node.input[2]) if len(node.input) > 2 else np.zeros(len(weights))
        if node.input[0] != embedding or bias is None:
            return None
        return weights, np.broadcast_to(bias.ravel(), (len(weights),))
    if node.op_type == "MatMul" and node.input[0] == embedding and node.input[1] in known:
        weights = known[node.input[1]].T
        return weights, np.zeros(len(weights))
    if node.op_type == "Add":
        before = next((made[n] for n in node.input if n in made), None)
        bias = next((known[n] for n in node.input if n in known), None)
        if before is None or before.op_type != "MatMul" or bias is None:
            return None
        if before.input[0] != embedding or before.input[1] not in known:
            return None
        weights = known[before.input[1]].T
        return weights, np.broadcast_to(bias.ravel(), (len(weights),))
    return None


def randomised_copy(path: str | Path, out: str | Path, *, seed: int = 0) -> Path:
    """Write a copy of a model in which every kernel and matrix has its weights dealt anew.

    For :func:`radiofib.deep.cam.map_dependence`. Each keeps its weights as a set, so that the
    network stays one of the same size; biases and constants of one axis stay.

    Raises
    ------
    MissingExtraError
        Without the package ``onnx``.
    ModelError
        When the model has no float weights to deal.
    """
    onnx = require("onnx", purpose="randomising the weights of a network")
    model = onnx.load(str(path))
    rng = np.random.default_rng(seed)
    dealt = 0
    for tensor in model.graph.initializer:
        array = onnx.numpy_helper.to_array(tensor)
        if array.dtype.kind == "f" and array.ndim >= 2 and array.size > 1:
            mixed = rng.permutation(array.ravel()).reshape(array.shape)
            tensor.CopyFrom(onnx.numpy_helper.from_array(mixed, tensor.name))
            dealt += 1
    if not dealt:
        raise ModelError("no weights to randomise", where=Path(path).name)
    onnx.save(model, str(out))
    return Path(out)
