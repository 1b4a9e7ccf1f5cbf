"""A small builder of ONNX graphs: nodes are added one by one, weights become constants."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiofib._extras import require

__all__ = ["IR", "OPSET", "GraphBuilder", "Weights", "fold_batch_norm"]

#: Opset 17 brought LayerNormalization; onnxruntime 1.14 and newer run it.
OPSET = 17
IR = 8

FloatArray = NDArray[np.float64]
Weights = dict[str, NDArray[Any]]


class GraphBuilder:
    """Collects nodes and constants of an ONNX graph.

    Names of results are running numbers unless one is given; equal small constants are stored once.

    Parameters
    ----------
    name : str
        Name of the graph.

    Examples
    --------
    >>> build = GraphBuilder("twice")
    >>> found = build.add("Mul", "x", build.constant(2.0), name="y")
    >>> model = build.finish([("x", "float32", ("n",))], [("y", "float32", ("n",))])
    >>> [node.op_type for node in model.graph.node], model.opset_import[0].version
    (['Mul'], 17)
    """

    def __init__(self, name: str) -> None:
        self.onnx = require("onnx", purpose="writing a model as ONNX")
        self.name = name
        self.nodes: list[Any] = []
        self._constants: list[Any] = []
        self._known: dict[tuple[str, tuple[int, ...], bytes | None], str] = {}

    def constant(self, values: Any, dtype: Any = np.float32) -> str:
        """Store an array and return its name."""
        array = np.ascontiguousarray(values, dtype=dtype).reshape(np.shape(values))
        small = array.tobytes() if array.size <= 64 else None
        key = (str(array.dtype), array.shape, small)
        if small is not None and key in self._known:
            return self._known[key]
        self._known[key] = name = f"c{len(self._constants)}"
        self._constants.append(self.onnx.numpy_helper.from_array(array, name))
        return name

    def add(self, operator: str, *inputs: str, name: str | None = None, **attributes: Any) -> str:
        """Add a node with one output and return the output's name."""
        out = name or f"t{len(self.nodes)}"
        self.nodes.append(self.onnx.helper.make_node(operator, inputs, [out], **attributes))
        return out

    def reshape(self, x: str, *shape: int) -> str:
        """Reshape; 0 keeps a length and -1 is worked out."""
        return self.add("Reshape", x, self.constant(shape, np.int64))

    def conv(
        self,
        x: str,
        weight: NDArray[Any],
        bias: NDArray[Any] | None,
        *,
        stride: int = 1,
        padding: int = 0,
        groups: int = 1,
    ) -> str:
        """Add a convolution, the same stride and padding along every axis."""
        axes = weight.ndim - 2
        inputs = [x, self.constant(weight), *([] if bias is None else [self.constant(bias)])]
        return self.add(
            "Conv",
            *inputs,
            kernel_shape=list(weight.shape[2:]),
            strides=[stride] * axes,
            pads=[padding] * (2 * axes),
            group=groups,
        )

    def linear(self, x: str, weight: NDArray[Any], bias: NDArray[Any] | None) -> str:
        """Add ``x W' + b`` over the last axis, with torch's (out, in) weight."""
        product = self.add("MatMul", x, self.constant(np.asarray(weight).T))
        return product if bias is None else self.add("Add", product, self.constant(bias))

    def finish(
        self,
        inputs: Sequence[tuple[str, str, tuple[int | str, ...]]],
        outputs: Sequence[tuple[str, str, tuple[int | str, ...]]],
    ) -> Any:
        """Return the checked model; inputs and outputs are name, numpy type and shape."""
        helper = self.onnx.helper
        graph = helper.make_graph(
            self.nodes,
            self.name,
            *(
                [
                    helper.make_tensor_value_info(
                        name, helper.np_dtype_to_tensor_dtype(np.dtype(kind)), list(shape)
                    )
                    for name, kind, shape in ports
                ]
                for ports in (inputs, outputs)
            ),
            self._constants,
        )
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR,
            producer_name="radiofib",
        )
        self.onnx.checker.check_model(model, full_check=True)
        return model


def fold_batch_norm(
    weight: NDArray[Any],
    bias: NDArray[Any] | None,
    norm: tuple[NDArray[Any], ...],
    *,
    eps: float = 1e-5,
) -> tuple[FloatArray, FloatArray]:
    """Return weight and bias of a convolution that does what it and its batch norm did.

    ``g (W x + b - m) / sqrt(v + eps) + s = (k W) x + (k (b - m) + s)``, with
    ``k = g / sqrt(v + eps)`` for each output channel; in double precision.

    Parameters
    ----------
    weight : ndarray of shape (out, in, ...)
    bias : ndarray of shape (out,), optional
    norm : (g, s, m, v), each of shape (out,)
        Weight, bias, running mean and running variance of the batch norm.
    eps : float
        What the batch norm adds to the variance.

    Examples
    --------
    >>> one = np.ones(1)
    >>> w, b = fold_batch_norm(np.full((1, 1), 3.0), None, (2 * one, one, 6 * one, 4 * one), eps=0)
    >>> w.tolist(), b.tolist()  # 2 (3 x - 6) / 2 + 1 = 3 x - 5
    ([[3.0]], [-5.0])
    """
    gain, shift, mean, variance = (np.asarray(part, dtype=np.float64) for part in norm)
    factor = gain / np.sqrt(variance + eps)
    before = np.zeros_like(mean) if bias is None else np.asarray(bias, dtype=np.float64)
    folded = np.asarray(weight, np.float64) * factor.reshape(-1, *[1] * (weight.ndim - 1))
    return folded, factor * (before - mean) + shift
