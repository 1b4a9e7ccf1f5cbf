"""Terms of sums that stay in float: products of 8 bits whose result is not rounded again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiofib._extras import require
from radiofib.deep.rounding import plain_kernel

__all__ = ["keep_terms_in_float", "without_unused"]

_DOMAIN = "com.microsoft"
#: What a slice takes as the end of an axis.
_END = np.iinfo(np.int32).max


def keep_terms_in_float(model: Any, sums: Iterable[str]) -> int:
    r"""Let these sums read convolutions of 8 bits as they are added up, not rounded to 256 steps.

    onnxruntime's convolution of 8 bits rounds its result to 8 bits. What a residual block finds
    is so rounded once more before it is added to the stream, and that is the largest error of
    such a network. Here the convolution is written as what it is, one matrix product over the
    values under its kernel,

    .. math:: y_{p o} = s_x s_o \sum_{k} (q_{p k} - z_x) w_{k o} + b_o ,

    with the input q, its scale and zero point, and the weights w and scales of each output channel
    as they are; the product (``MatMulIntegerToFloat`` of onnxruntime) gives floats.

    Parameters
    ----------
    model : onnx.ModelProto
        A graph of QuantizeLinear and DequantizeLinear pairs; changed in place.
    sums : iterable of str
        Names of additions.

    Returns
    -------
    int
        How many terms were rewritten. Others (grouped convolutions, volumes, weights with a zero
        point) stay as they are.
    """
    onnx = require("onnx", purpose="an int8 variant")
    graph = _Graph(onnx, model)
    sums = set(sums)
    nodes, count = [], 0
    for node in model.graph.node:
        if node.name in sums:
            for place, name in enumerate(node.input):
                convolution = graph.rounded_convolution(name)
                written = None if convolution is None else graph.as_product(convolution)
                if written is not None:
                    nodes.extend(written)
                    node.input[place] = written[-1].output[0]
                    count += 1
        nodes.append(node)
    if not count:
        return 0
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    if not any(entry.domain == _DOMAIN for entry in model.opset_import):
        model.opset_import.append(onnx.helper.make_opsetid(_DOMAIN, 1))
    without_unused(model)
    return count


def without_unused(model: Any) -> None:
    """Take out nodes and constants that no output depends on; the graph is changed in place."""
    needed = {output.name for output in model.graph.output}
    kept = []
    for node in reversed(model.graph.node):
        if needed & {*node.output}:
            kept.append(node)
            needed |= {*node.input}
    constants = [tensor for tensor in model.graph.initializer if tensor.name in needed]
    del model.graph.node[:]
    model.graph.node.extend(reversed(kept))
    del model.graph.initializer[:]
    model.graph.initializer.extend(constants)


class _Graph:
    """Looks up what made a tensor, and adds constants."""

    def __init__(self, onnx: Any, model: Any) -> None:
        self._onnx, self._model = onnx, model
        self._made_by = {name: node for node in model.graph.node for name in node.output}
        self._constants = {tensor.name: tensor for tensor in model.graph.initializer}

    def rounded_convolution(self, name: str) -> Any | None:
        """Return the convolution that this tensor is, rounded to 8 bits and back, if it is one."""
        back = self._maker(name, "DequantizeLinear")
        rounded = back and self._maker(back.input[0], "QuantizeLinear")
        return rounded and self._maker(rounded.input[0], "Conv")

    def as_product(self, node: Any) -> list[Any] | None:
        """Return nodes that compute a convolution of 8 bits in float, or None where they cannot."""
        kernel = plain_kernel(node)
        data, weights = (self._maker(name, "DequantizeLinear") for name in node.input[:2])
        shift = self._bias(node.input[2]) if len(node.input) > 2 else np.zeros(1)
        if kernel is None or data is None or weights is None or shift is None:
            return None
        if len(data.input) < 3:
            return None
        if not all(name in self._constants for name in [*weights.input, *data.input[1:]]):
            return None
        whole = self._array(weights.input[0])
        zero = [self._array(name) for name in weights.input[2:]]
        if whole.ndim != 4 or whole.dtype != np.int8 or any(z.any() for z in zero):
            return None
        outs = whole.shape[0]
        scales = np.broadcast_to(self._array(weights.input[1]).astype(np.float32), outs)
        shift = np.ascontiguousarray(np.broadcast_to(shift, outs), dtype=np.float32)
        name = f"{node.name}_in_float"
        nodes = [*self._under_kernel(name, data, whole.shape[2:], *kernel)]
        matrix = np.ascontiguousarray(whole.transpose(2, 3, 1, 0).reshape(-1, outs))
        make = self._onnx.helper.make_node
        nodes.append(
            make(
                "MatMulIntegerToFloat",
                [
                    nodes[-1].output[0],
                    self._constant(f"{name}_weights", matrix),
                    data.input[1],
                    self._constant(f"{name}_scales", np.ascontiguousarray(scales)),
                    data.input[2],
                    self._constant(f"{name}_zeros", np.zeros(outs, dtype=np.int8)),
                    self._constant(f"{name}_bias", shift),
                ],
                [f"{name}_product"],
                name=f"{name}_product",
                domain=_DOMAIN,
            )
        )
        nodes.append(make("Transpose", [f"{name}_product"], [name], name=name, perm=[0, 3, 1, 2]))
        return nodes

    def _under_kernel(
        self,
        name: str,
        data: Any,
        kernel: tuple[int, ...],
        strides: tuple[int, ...],
        dilations: tuple[int, ...],
        pads: tuple[int, ...],
    ) -> Iterator[Any]:
        """Yield nodes that gather the values under each place of a kernel, channels last."""
        make = self._onnx.helper.make_node
        top, left, bottom, right = pads
        last = f"{name}_last"
        yield make("Transpose", [data.input[0]], [last], name=last, perm=[0, 2, 3, 1])
        if any((top, left, bottom, right)):
            sides = self._constant(
                f"{name}_pads", np.array([0, top, left, 0, 0, bottom, right, 0], dtype=np.int64)
            )
            padded = f"{name}_padded"  # with what stands for zero
            yield make("Pad", [last, sides, data.input[2]], [padded], name=padded)
            last = padded
        axes = self._constant(f"{name}_axes", np.array([1, 2], dtype=np.int64))
        steps = self._constant(f"{name}_steps", np.array(strides, dtype=np.int64))
        parts = []
        for place in product(*(range(side) for side in kernel)):
            start = [p * d for p, d in zip(place, dilations, strict=True)]
            after = [(k - 1) * d - s for k, d, s in zip(kernel, dilations, start, strict=True)]
            end = [-a if a else _END for a in after]
            part = f"{name}_{'_'.join(map(str, place))}"
            starts = self._constant(f"{part}_start", np.array(start, dtype=np.int64))
            ends = self._constant(f"{part}_end", np.array(end, dtype=np.int64))
            yield make("Slice", [last, starts, ends, axes, steps], [part], name=part)
            parts.append(part)
        if len(parts) > 1:
            gathered = f"{name}_gathered"
            yield make("Concat", parts, [gathered], name=gathered, axis=3)

    def _bias(self, name: str) -> NDArray[np.float64] | None:
        """Return the float values of a bias, or None where it is no constant."""
        back = self._maker(name, "DequantizeLinear")
        if back is None:
            return self._array(name).astype(np.float64) if name in self._constants else None
        if not all(part in self._constants for part in back.input):
            return None
        whole, scale = (self._array(part).astype(np.float64) for part in back.input[:2])
        return np.asarray(whole * scale)

    def _maker(self, name: str, operator: str) -> Any | None:
        node = self._made_by.get(name)
        return node if node is not None and node.op_type == operator else None

    def _array(self, name: str) -> NDArray[Any]:
        found: NDArray[Any] = self._onnx.numpy_helper.to_array(self._constants[name])
        return found

    def _constant(self, name: str, values: NDArray[Any]) -> str:
        tensor = self._onnx.numpy_helper.from_array(values, name)
        self._constants[name] = tensor
        self._model.graph.initializer.append(tensor)
        return name
