"""A graph of 8 bits: which of its nodes stay in float, and the rest by onnxruntime's tool."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout
from importlib import import_module
from io import StringIO
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from radiofib._extras import require
from radiofib.deep.float_terms import keep_terms_in_float
from radiofib.deep.inputs import read_picture_input
from radiofib.deep.network import Network
from radiofib.deep.rounding import round_weights

__all__ = ["quantise"]

#: Share of the values of an activation that its 8 bits cover, in percent.
_PERCENTILE = 99.999
#: Operators whose product over many numbers is what 8 bits make fast.
_HEAVY = ("Conv", "MatMul", "Gemm", "ConvTranspose")


def quantise(
    path: Path,
    plain: Path,
    network: Network,
    calibration: Sequence[str | Path],
    method: Literal["minmax", "percentile"],
) -> None:
    """Write the quantised graph; folding and shapes first, as onnxruntime asks for.

    Parameters
    ----------
    path, plain : path
        The float graph and the file to write.
    network : Network
        The float graph, opened; its card names the embedding and says how pictures are read.
    calibration : sequence of path
        Pictures that ranges and roundings are taken from.
    method : {"minmax", "percentile"}
        Range of activations.

    Notes
    -----
    Sums of two computed tensors, where a residual network adds what a block finds to what went
    into it, stay in float and read what went in before it was rounded: a stream of 8 bits would be
    rounded anew, over its whole range, at each block, and onnxruntime adds floats faster.
    """
    quantization = import_module("onnxruntime.quantization")
    quant_pre_process = import_module("onnxruntime.quantization.shape_inference").quant_pre_process
    onnx = require("onnx", purpose="an int8 variant")
    output = network.card.output("embedding")
    assert output is not None
    ready = plain.with_name("ready.onnx")
    root, before = logging.getLogger(), logging.getLogger().level
    root.setLevel(logging.ERROR)
    try:
        quant_pre_process(str(path), str(ready), skip_symbolic_shape=True)
        model = onnx.load(str(ready))
        _name_nodes(model)
        onnx.save(model, str(ready))
        sums = _sums(model)
        methods = quantization.CalibrationMethod
        with redirect_stdout(StringIO()):  # it prints how far it is
            quantization.quantize_static(
                str(ready),
                str(plain),
                _Reader(network, calibration),
                quant_format=quantization.QuantFormat.QDQ,
                per_channel=True,
                activation_type=quantization.QuantType.QUInt8,
                weight_type=quantization.QuantType.QInt8,
                calibrate_method=methods.MinMax if method == "minmax" else methods.Percentile,
                nodes_to_exclude=sorted({*_left_in_float(model, output.name), *sums}),
                # One after another: for all images at once it would hold all they compute.
                extra_options={"CalibPercentile": _PERCENTILE, "CalibStridedMinMax": 1},
            )
    finally:
        root.setLevel(before)
    quantised = onnx.load(str(plain))
    _read_before_rounding(quantised, sums)
    round_weights(model, quantised, _Reader(network, calibration))
    keep_terms_in_float(quantised, sums)
    onnx.save(quantised, str(plain))


class _Reader:
    """Gives onnxruntime the calibration images one by one (its CalibrationDataReader)."""

    def __init__(self, network: Network, images: Sequence[str | Path]) -> None:
        self._network, self._images, self._left = network, images, iter(images)

    def __len__(self) -> int:
        return len(self._images)

    def set_range(self, start_index: int, end_index: int) -> None:
        """Give the images of this range next."""
        self._left = iter(self._images[start_index:end_index])

    def __iter__(self) -> Iterator[dict[str, NDArray[Any]]]:
        while (feed := self.get_next()) is not None:
            yield feed

    def get_next(self) -> dict[str, NDArray[Any]] | None:
        path = next(self._left, None)
        if path is None:
            return None
        session = self._network.session
        array = read_picture_input(path, self._network.card.preprocessing)[None]
        fixed = self._network.fixed_batch or 1
        return session.fitted({session.inputs[0].name: np.repeat(array, fixed, axis=0)})


def _name_nodes(model: Any) -> None:
    """Give each node a name: those to leave out are told by it."""
    taken = {node.name for node in model.graph.node}
    for number, node in enumerate(model.graph.node):
        if not node.name:
            name = f"node_{number}"
            while name in taken:
                name += "_"
            node.name = name
            taken.add(name)


def _left_in_float(model: Any, embedding: str) -> list[str]:
    """Return the nodes that stay in float.

    All that the embedding does not depend on (a head), and of what it depends on the nodes after
    the last convolution or matrix product: the last sum, ReLU and pooling. Where there is more
    than one, also the first ones and what comes before them.
    """
    needed: set[str] = {embedding}
    heavy_below: set[str] = set()
    names = []
    for node in reversed(model.graph.node):
        if not needed & {*node.output}:
            names.append(node.name)
            continue
        needed |= {*node.input}
        below = bool(heavy_below & {*node.output})
        if not below and node.op_type not in _HEAVY:
            names.append(node.name)
        else:
            heavy_below |= {*node.input}
    first = _first(model, {*names})
    return [*names, *first]


def _first(model: Any, left: set[str]) -> list[str]:
    """Return the first heavy nodes and what feeds them, unless no other heavy node is there."""
    behind: set[str] = set()
    first, others = [], False
    for node in model.graph.node:
        heavy = node.op_type in _HEAVY
        if behind & {*node.input}:
            behind |= {*node.output}
            others |= heavy and node.name not in left
            continue
        first.append(node.name)
        if heavy:
            behind |= {*node.output}
    return first if others else []


def _sums(model: Any) -> set[str]:
    """Return the names of the additions of two computed tensors."""
    constants = {tensor.name for tensor in model.graph.initializer}
    constants |= {o for n in model.graph.node if n.op_type == "Constant" for o in n.output}
    return {n.name for n in model.graph.node if n.op_type == "Add" and not constants & {*n.input}}


def _read_before_rounding(quantised: Any, names: set[str]) -> None:
    """Let these nodes read what no product of 8 bits gave as it was before it was rounded."""
    maker = {name: node for node in quantised.graph.node for name in node.output}
    for node in quantised.graph.node:
        if node.name not in names:
            continue
        for place, name in enumerate(node.input):
            rounded = maker.get(name)
            if rounded is None or rounded.op_type != "DequantizeLinear":
                continue
            source = maker.get(rounded.input[0])
            if source is None or source.op_type != "QuantizeLinear":
                continue
            made = maker.get(source.input[0])
            if made is not None and made.op_type not in _HEAVY:
                node.input[place] = source.input[0]
