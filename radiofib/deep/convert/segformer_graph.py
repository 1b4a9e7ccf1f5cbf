"""A SegFormer as one ONNX graph, from the bytes of a tile to its labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from radiofib.deep.convert.graph import GraphBuilder, Weights, fold_batch_norm
from radiofib.deep.convert.segformer import SegFormerPlan
from radiofib.errors import ConfigError

__all__ = ["TileInput", "bytes_in", "folded_head", "labels_out", "segformer_graph"]


@dataclass(frozen=True)
class TileInput:
    """The tile a segmentation model is given.

    Parameters
    ----------
    side : int
        Side of the tile in pixels, a multiple of 32.
    layout : {"NHWC", "NCHW"}
        Order of the axes; NHWC is how slides are read.
    mean, sd : tuple of float, optional
        Taken off and divided by, after the division by 255.
    """

    side: int = 256
    layout: Literal["NHWC", "NCHW"] = "NHWC"
    mean: tuple[float, ...] | None = None
    sd: tuple[float, ...] | None = None

    def shape(self, channels: int) -> tuple[int | str, ...]:
        """Return the shape of the input."""
        square = (self.side, self.side)
        return (
            ("batch", *square, channels) if self.layout == "NHWC" else ("batch", channels, *square)
        )


def segformer_graph(plan: SegFormerPlan, weights: Weights, tile: TileInput) -> Any:
    """Return a SegFormer as an ONNX model.

    Input ``image``: uint8 tiles in the layout asked for; the division by 255 and the
    normalisation are in the graph. Outputs: ``labels``, uint8 of the side of the tile, the
    largest of the logits after they are enlarged bilinearly (corners not aligned), the first of
    equal ones; ``logits``, float32 at a quarter of the side, for blending.

    The head is not computed as it is written: its layers before the rectifier are linear, and
    enlarging commutes with what acts on each place alone. See :func:`folded_head`.

    Raises
    ------
    ConfigError
        When the side of the tile is no multiple of 32.
    """
    if tile.side < 32 or tile.side % 32:
        raise ConfigError(
            "the side of a tile must be a multiple of 32", found=str(tile.side), expected="256"
        )
    build = GraphBuilder(plan.name)
    x, scale = bytes_in(build, tile, plan.channels)
    levels = []
    side = tile.side
    for stage, width in enumerate(plan.widths):
        at = f"segformer.encoder.patch_embeddings.{stage}"
        kernel = np.asarray(weights[f"{at}.proj.weight"], np.float64)
        if stage == 0:
            kernel = kernel / scale[:, None, None]
        x = build.conv(
            x,
            kernel,
            weights[f"{at}.proj.bias"],
            stride=plan.strides[stage],
            padding=plan.kernels[stage] // 2,
        )
        side = side // plan.strides[stage]
        tokens = _norm(build, weights, _tokens(build, x, width), f"{at}.layer_norm")
        for own, prefix in plan.blocks():
            if own == stage:
                tokens = _block(build, plan, weights, tokens, (stage, prefix, side))
        tokens = _norm(build, weights, tokens, f"segformer.encoder.layer_norm.{stage}")
        x = _square(build, tokens, width, side)
        levels.append(x)
    fused = _head(build, plan, weights, levels)
    build.conv(
        fused, weights["decode_head.classifier.weight"], weights["decode_head.classifier.bias"]
    )
    build.nodes[-1].output[0] = "logits"
    labels_out(build, "logits", 4)
    small = tile.side // 4
    return build.finish(
        [("image", "uint8", tile.shape(plan.channels))],
        [
            ("labels", "uint8", ("batch", tile.side, tile.side)),
            ("logits", "float32", ("batch", plan.classes, small, small)),
        ],
    )


def bytes_in(
    build: GraphBuilder, tile: TileInput, channels: int
) -> tuple[str, NDArray[np.float64]]:
    """Add what turns bytes into (batch, channels, side, side) floats less their mean.

    Returns
    -------
    (str, ndarray of shape (channels,))
        The floats, and what they are still to be divided by.
    """
    x = build.add("Cast", "image", to=build.onnx.TensorProto.FLOAT)
    if tile.layout == "NHWC":
        x = build.add("Transpose", x, perm=[0, 3, 1, 2])
    mean = np.asarray(tile.mean or (0.0,) * channels, np.float64)
    sd = np.asarray(tile.sd or (1.0,) * channels, np.float64)
    for name, given in (("mean", mean), ("sd", sd)):
        if len(given) != channels:
            raise ConfigError(
                f"{name} needs a number for each channel",
                expected=str(channels),
                found=str(len(given)),
            )
    if mean.any():
        x = build.add("Sub", x, build.constant((255 * mean).reshape(1, -1, 1, 1)))
    return x, 255 * sd


def labels_out(build: GraphBuilder, logits: str, factor: int) -> None:
    """Add the output ``labels``: logits enlarged by a whole factor, then the largest."""
    if factor > 1:
        logits = _enlarged(build, logits, factor)
    places = build.add("ArgMax", logits, axis=1, keepdims=0)
    build.add("Cast", places, to=build.onnx.TensorProto.UINT8, name="labels")


def folded_head(
    plan: SegFormerPlan, weights: Weights
) -> tuple[list[NDArray[np.float64]], NDArray[np.float64]]:
    """Return one matrix for each level and one shift, in place of the head up to the rectifier.

    The head is ``BN(F concat_i(up(M_i x_i + b_i)))``. Bilinear enlarging is a weighted mean over
    places with weights that sum to 1, so it commutes with maps at each place, and the whole is
    ``sum_i up((k F_i M_i) x_i) + shift``, with k and the shift of the batch norm
    (:func:`fold_batch_norm`). The product of width 4 d to d at the finest level becomes one of
    the level's width to d at the level's own, coarser size.

    Returns
    -------
    (list of ndarray of shape (d, width), ndarray of shape (d,))
    """
    d = plan.head_width
    fuse = np.asarray(weights["decode_head.linear_fuse.weight"], np.float64)[:, :, 0, 0]
    norm = tuple(
        weights[f"decode_head.batch_norm.{p}"]
        for p in ("weight", "bias", "running_mean", "running_var")
    )
    folded, shift = fold_batch_norm(fuse, None, norm)
    matrices = []
    last = len(plan.widths) - 1
    for stage in range(len(plan.widths)):
        # The deepest level comes first in the concatenation.
        part = folded[:, (last - stage) * d : (last - stage + 1) * d]
        at = f"decode_head.linear_c.{stage}.proj"
        matrices.append(part @ np.asarray(weights[f"{at}.weight"], np.float64))
        shift = shift + part @ np.asarray(weights[f"{at}.bias"], np.float64)
    return matrices, shift


def _head(build: GraphBuilder, plan: SegFormerPlan, weights: Weights, levels: list[str]) -> str:
    matrices, shift = folded_head(plan, weights)
    total = build.conv(levels[0], matrices[0][:, :, None, None], shift)
    for stage in range(1, len(levels)):
        own = build.conv(levels[stage], matrices[stage][:, :, None, None], None)
        total = build.add("Add", total, _enlarged(build, own, 2**stage))
    return build.add("Relu", total)


def _enlarged(build: GraphBuilder, x: str, factor: int) -> str:
    scales = build.constant([1, 1, factor, factor])
    return build.add(
        "Resize", x, "", scales, mode="linear", coordinate_transformation_mode="half_pixel"
    )


def _tokens(build: GraphBuilder, x: str, width: int) -> str:
    """(batch, width, side, side) to (batch places, width)."""
    x = build.add("Transpose", build.reshape(x, 0, width, -1), perm=[0, 2, 1])
    return build.reshape(x, -1, width)


def _square(build: GraphBuilder, x: str, width: int, side: int) -> str:
    """(batch places, width) to (batch, width, side, side)."""
    x = build.add("Transpose", build.reshape(x, -1, side * side, width), perm=[0, 2, 1])
    return build.reshape(x, 0, width, side, side)


def _linear(build: GraphBuilder, x: str, weight: NDArray[Any], bias: NDArray[Any] | None) -> str:
    """X W' + b for rows x, in one operator."""
    inputs = [x, build.constant(np.asarray(weight).T)]
    return build.add("Gemm", *inputs, *([] if bias is None else [build.constant(bias)]))


def _norm(build: GraphBuilder, weights: Weights, x: str, at: str) -> str:
    scale, bias = build.constant(weights[f"{at}.weight"]), build.constant(weights[f"{at}.bias"])
    return build.add("LayerNormalization", x, scale, bias, axis=-1, epsilon=1e-5)


def _block(
    build: GraphBuilder,
    plan: SegFormerPlan,
    weights: Weights,
    x: str,
    place: tuple[int, str, int],
) -> str:
    stage, at, side = place
    x = build.add("Add", x, _attention(build, plan, weights, x, place))
    width = plan.widths[stage]
    y = _norm(build, weights, x, f"{at}.layer_norm_2")
    y = _mix(build, weights, y, (f"{at}.mlp", width, side))
    return build.add("Add", x, y)


def _attention(
    build: GraphBuilder,
    plan: SegFormerPlan,
    weights: Weights,
    x: str,
    place: tuple[int, str, int],
) -> str:
    """Add the attention of a block.

    The bias of the keys adds the same to all scores of a place and drops out of the softmax; the
    bias of the values goes through weights that sum to 1, so it is added behind.
    """
    stage, at, side = place
    width, heads, ratio = plan.widths[stage], plan.heads[stage], plan.reductions[stage]
    each, few = width // heads, (side // ratio) ** 2
    own, dense = f"{at}.attention.self", f"{at}.attention.output.dense"
    wide = {n: np.asarray(a, np.float64) for n, a in weights.items() if n.startswith(at)}
    x = _norm(build, weights, x, f"{at}.layer_norm_1")
    reduced = x
    if ratio > 1:
        # Kernel and stride are equal: patches are rows, and the convolution a product.
        small = side // ratio
        y = build.reshape(x, -1, ratio, small, ratio * width)
        y = build.reshape(build.add("Transpose", y, perm=[0, 2, 1, 3]), -1, ratio * ratio * width)
        kernel = wide[f"{own}.sr.weight"].transpose(0, 2, 3, 1).reshape(width, -1)
        y = _linear(build, y, kernel, weights[f"{own}.sr.bias"])
        reduced = _norm(build, weights, y, f"{own}.layer_norm")
    scale = each**-0.5
    q = _linear(build, x, wide[f"{own}.query.weight"] * scale, wide[f"{own}.query.bias"] * scale)
    k = _linear(build, reduced, wide[f"{own}.key.weight"], None)
    v = _linear(build, reduced, wide[f"{own}.value.weight"], None)

    def split(of: str, places: int, perm: Sequence[int]) -> str:
        y = build.reshape(of, -1, places, heads, each)
        return build.add("Transpose", y, perm=list(perm))

    scores = build.add("MatMul", split(q, side * side, (0, 2, 1, 3)), split(k, few, (0, 2, 3, 1)))
    mixed = build.add("MatMul", build.add("Softmax", scores, axis=-1), split(v, few, (0, 2, 1, 3)))
    mixed = build.reshape(build.add("Transpose", mixed, perm=[0, 2, 1, 3]), -1, width)
    shift = wide[f"{dense}.weight"] @ wide[f"{own}.value.bias"] + wide[f"{dense}.bias"]
    return _linear(build, mixed, wide[f"{dense}.weight"], shift)


def _mix(build: GraphBuilder, weights: Weights, x: str, place: tuple[str, int, int]) -> str:
    """Add the two layers at each place and the convolution of each channel between them."""
    at, width, side = place
    wide = int(weights[f"{at}.dense1.weight"].shape[0])
    y = build.conv(
        _square(build, x, width, side),
        weights[f"{at}.dense1.weight"][:, :, None, None],
        weights[f"{at}.dense1.bias"],
    )
    y = build.conv(
        y,
        weights[f"{at}.dwconv.dwconv.weight"],
        weights[f"{at}.dwconv.dwconv.bias"],
        padding=1,
        groups=wide,
    )
    y = build.conv(
        _gelu(build, y),
        weights[f"{at}.dense2.weight"][:, :, None, None],
        weights[f"{at}.dense2.bias"],
    )
    return _tokens(build, y, width)


def _gelu(build: GraphBuilder, x: str) -> str:
    """X / 2 (1 + erf(x / sqrt 2)), in the form that onnxruntime computes as one operator."""
    share = build.add("Erf", build.add("Div", x, build.constant(np.sqrt(2.0))))
    product = build.add("Mul", x, build.add("Add", share, build.constant(1.0)))
    return build.add("Mul", product, build.constant(0.5))
