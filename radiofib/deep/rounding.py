"""Weights of 8 bits rounded together, so that the errors of one make up for those of another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from radiofib._extras import require

__all__ = [
    "Convolution",
    "convolutions",
    "patches",
    "plain_kernel",
    "round_together",
    "round_weights",
]

Floats = NDArray[np.float32]
#: Share of the mean second moment added to each, so that few patches do not decide alone.
_DAMPING = 0.01
_BLOCK = 128
#: Patches of one picture for one convolution, evenly spread over it.
_PATCHES = 49
#: Second moments held at once, in bytes.
_HELD = 400e6
#: Rows multiplied at once.
_GATHERED = 1024


def round_together(
    weights: Floats, scales: Floats, moments: Floats, *, limit: int = 127
) -> NDArray[np.int8]:
    r"""Round rows of weights so that their products with typical inputs change least.

    Weights are rounded column by column; what a column's rounding changes in
    :math:`E\|w x - s q x\|^2` is taken back by the columns still to come, as the second moments
    of the inputs tell (GPTQ [1]_, natural order).

    Parameters
    ----------
    weights : ndarray of shape (rows, columns)
        One row for each output channel.
    scales : ndarray of shape (rows,)
        Step of each row.
    moments : ndarray of shape (columns, columns)
        Mean of ``x x^T`` over inputs.
    limit : int
        Largest whole number, of either sign.

    Returns
    -------
    ndarray of int8
        Multiples of the scales.

    References
    ----------
    .. [1] E. Frantar et al., GPTQ: accurate post-training quantization for generative pre-trained
       transformers, ICLR 2023, arXiv 2210.17323.

    Examples
    --------
    Two inputs that are always equal: what counts is the sum.

    >>> both = np.array([[0.4, 0.4]])
    >>> round_together(both, np.array([1.0]), np.ones((2, 2)) + 1e-6 * np.eye(2)).tolist()
    [[0, 1]]
    """
    left = np.array(weights, dtype=np.float32)
    columns = left.shape[1]
    steps = np.where(scales > 0, scales, 1.0).astype(np.float32)[:, None]
    found = np.empty(left.shape, dtype=np.int8)
    factor = _factor(moments)
    for start in range(0, columns, _BLOCK):
        stop = min(start + _BLOCK, columns)
        errors = np.empty((left.shape[0], stop - start), dtype=np.float32)
        for j in range(start, stop):
            whole = np.rint(left[:, j : j + 1] / steps).clip(-limit, limit)
            found[:, j] = whole[:, 0]
            error = (left[:, j] - (whole * steps)[:, 0]) / factor[j, j]
            left[:, j + 1 : stop] -= np.outer(error, factor[j, j + 1 : stop])
            errors[:, j - start] = error
        left[:, stop:] -= errors @ factor[start:stop, stop:]
    return found


def _factor(moments: NDArray[np.floating]) -> Floats:
    """Return the upper triangle R with ``R^T R`` the inverse of the damped moments.

    Row j is what the error of column j asks of the columns after it.
    """
    turned = np.array(moments[::-1, ::-1], dtype=np.float32)
    turned[np.diag_indices_from(turned)] += _DAMPING * float(np.trace(turned)) / len(turned) or 1.0
    # Turned around, the lower factor of the moments becomes an upper one, U U^T.
    upper = linalg.cholesky(turned, lower=True, overwrite_a=True, check_finite=False)[::-1, ::-1]
    factor, wrong = linalg.lapack.strtri(upper, lower=0)
    assert wrong == 0
    result: Floats = factor
    return result


@dataclass(frozen=True)
class Convolution:
    """A convolution of a float graph, and where its 8-bit weights are in the quantised one.

    Parameters
    ----------
    name, input, weight : str
        Of the node, of what it reads, of its float weights.
    quantised, scales : str
        Names of the 8-bit weights and of their scales in the other graph.
    strides, dilations : tuple of int
        Of each axis.
    pads : tuple of int
        Before each axis, then after each.
    kernel : tuple of int
        Rows and columns.
    """

    name: str
    input: str
    weight: str
    quantised: str
    scales: str
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    pads: tuple[int, ...]
    kernel: tuple[int, ...]


def plain_kernel(node: Any) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]] | None:
    """Return strides, dilations and pads of a two-dimensional convolution.

    None for one of several groups, or whose borders are left to the program that runs it.

    Parameters
    ----------
    node : onnx.NodeProto

    Examples
    --------
    >>> import onnx
    >>> plain_kernel(onnx.helper.make_node("Conv", ["x", "w"], ["y"], strides=[2, 2]))
    ((2, 2), (1, 1), (0, 0, 0, 0))
    """
    onnx = require("onnx", purpose="an int8 variant")
    facts = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    if facts.get("group", 1) != 1 or facts.get("auto_pad", b"NOTSET") != b"NOTSET":
        return None
    return (
        tuple(facts.get("strides", (1, 1))),
        tuple(facts.get("dilations", (1, 1))),
        tuple(facts.get("pads", (0, 0, 0, 0))),
    )


def convolutions(ready: Any, quantised: Any) -> list[Convolution]:
    """Return the two-dimensional convolutions of one group that were quantised by channel.

    Parameters
    ----------
    ready, quantised : onnx.ModelProto
        The float graph that was quantised, and what became of it (QDQ); nodes have equal names.
    """
    float_names = {i.name for i in ready.graph.initializer}
    floats = {n.name: n for n in ready.graph.node if n.op_type == "Conv"}
    made_by = {out: n for n in quantised.graph.node for out in n.output}
    stored = {i.name: i for i in quantised.graph.initializer}
    found = []
    for node in quantised.graph.node:
        before = floats.get(node.name)
        back = made_by.get(node.input[1]) if node.op_type == "Conv" else None
        if before is None or back is None or back.op_type != "DequantizeLinear":
            continue
        weight, scales = back.input[0], back.input[1]
        kernel = plain_kernel(before)
        known = weight in stored and scales in stored and before.input[1] in float_names
        if kernel is None or not known or len(stored[weight].dims) != 4:
            continue
        found.append(
            Convolution(
                node.name,
                before.input[0],
                before.input[1],
                weight,
                scales,
                *kernel,
                tuple(stored[weight].dims[2:]),
            )
        )
    return found


def patches(values: NDArray[np.float32], of: Convolution, most: int = _PATCHES) -> Floats:
    """Return what a convolution multiplies its weights with, at places spread over a map.

    Parameters
    ----------
    values : ndarray of shape (channels, height, width)
        What the convolution reads.
    of : Convolution
    most : int
        Number of places, about.

    Returns
    -------
    ndarray of shape (places, channels x rows x columns of the kernel)

    Examples
    --------
    >>> of = Convolution("c", "x", "w", "q", "s", (1, 1), (1, 1), (0, 0, 0, 0), (1, 2))
    >>> patches(np.arange(6, dtype=np.float32).reshape(1, 2, 3), of).tolist()
    [[0.0, 1.0], [1.0, 2.0], [3.0, 4.0], [4.0, 5.0]]
    """
    top, left, bottom, right = of.pads
    padded = np.pad(values, ((0, 0), (top, bottom), (left, right)))
    spans = [(k - 1) * d + 1 for k, d in zip(of.kernel, of.dilations, strict=True)]
    windows = np.lib.stride_tricks.sliding_window_view(padded, spans, axis=(1, 2))
    windows = windows[:, :: of.strides[0], :: of.strides[1], :: of.dilations[0], :: of.dilations[1]]
    rows, columns = windows.shape[1:3]
    each = max(1, round(np.sqrt(most)))
    # The middle of equal parts: borders are seen as often as they are there.
    at_row = np.unique(((np.arange(each) + 0.5) * rows / each).astype(int))
    at_column = np.unique(((np.arange(each) + 0.5) * columns / each).astype(int))
    chosen = windows[:, at_row][:, :, at_column]
    taken: Floats = np.moveaxis(chosen, 0, 2).reshape(at_row.size * at_column.size, -1)
    return taken.astype(np.float32)


def round_weights(
    ready: Any, quantised: Any, feeds: Sequence[Mapping[str, NDArray[Any]]] | Iterable[Any]
) -> int:
    """Round the weights of a quantised graph's convolutions together; return how many.

    Parameters
    ----------
    ready, quantised : onnx.ModelProto
        As for :func:`convolutions`; the second one is changed.
    feeds : sequence of mapping
        Inputs of the float graph, one picture each.
    """
    onnx = require("onnx", purpose="an int8 variant")
    feeds = list(feeds)
    stored = {i.name: i for i in quantised.graph.initializer}
    floats = {i.name: i for i in ready.graph.initializer}
    number = 0
    for group in _groups(convolutions(ready, quantised), stored):
        for one, moments in _moments(ready, group, feeds):
            weights = onnx.numpy_helper.to_array(floats[one.weight]).astype(np.float32)
            scales = onnx.numpy_helper.to_array(stored[one.scales]).astype(np.float32)
            flat = weights.reshape(weights.shape[0], -1)
            whole = round_together(flat, np.broadcast_to(scales, flat.shape[:1]), moments)
            stored[one.quantised].CopyFrom(
                onnx.numpy_helper.from_array(whole.reshape(weights.shape), one.quantised)
            )
            number += 1
    return number


def _groups(every: list[Convolution], stored: Mapping[str, Any]) -> Iterator[list[Convolution]]:
    """Divide convolutions so that the second moments of a group fit into memory."""
    group: list[Convolution] = []
    held = 0.0
    for one in every:
        size = 4.0 * float(np.prod(stored[one.quantised].dims[1:])) ** 2
        if group and held + size > _HELD:
            yield group
            group, held = [], 0.0
        group.append(one)
        held += size
    if group:
        yield group


def _moments(
    ready: Any, group: list[Convolution], feeds: Sequence[Mapping[str, NDArray[Any]]]
) -> Iterator[tuple[Convolution, Floats]]:
    """Yield each convolution with the mean of ``x x^T`` over patches of all pictures."""
    onnx = require("onnx", purpose="an int8 variant")
    ort = require("onnxruntime", purpose="an int8 variant")
    model = onnx.ModelProto()
    model.CopyFrom(ready)
    given = {i.name for i in model.graph.input} | {o.name for o in model.graph.output}
    names = sorted({one.input for one in group})
    model.graph.output.extend(onnx.ValueInfoProto(name=n) for n in names if n not in given)
    options = ort.SessionOptions()
    options.log_severity_level = 4
    session = ort.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    inputs = {i.name for i in model.graph.input}
    wanted = [n for n in names if n not in inputs]
    sums = {one.name: _Moments() for one in group}
    for feed in feeds:
        values = dict(zip(wanted, session.run(wanted, dict(feed)), strict=True)) if wanted else {}
        values |= {n: feed[n] for n in names if n in inputs}
        for one in group:
            sums[one.name].add(patches(values[one.input][0].astype(np.float32), one))
    for one in group:
        yield one, sums.pop(one.name).mean()


class _Moments:
    """Sum of ``x x^T``; rows are gathered first, since each product goes over the whole sum."""

    def __init__(self) -> None:
        self._waiting: list[Floats] = []
        self._sum: Floats | None = None
        self._count = 0

    def add(self, rows: Floats) -> None:
        """Take in rows, shape (n, columns)."""
        self._waiting.append(rows)
        self._count += rows.shape[0]
        if sum(len(r) for r in self._waiting) >= _GATHERED:
            self._multiply()

    def mean(self) -> Floats:
        """Return the mean over all rows."""
        self._multiply()
        assert self._sum is not None
        return self._sum / np.float32(self._count)

    def _multiply(self) -> None:
        if self._waiting:
            rows = np.concatenate(self._waiting)
            self._waiting = []
            product: Floats = rows.T @ rows
            self._sum = product if self._sum is None else self._sum + product
