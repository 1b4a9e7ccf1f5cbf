"""Residual networks in two and three dimensions: their weights by name, and their ONNX graph."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from radiofib.deep.convert.graph import GraphBuilder, Weights, fold_batch_norm
from radiofib.errors import ModelError

__all__ = ["RESNETS", "ResNetPlan", "resnet_graph", "resnet_plan", "resnet_shapes"]

#: name -> (blocks of each stage, convolutions in a block)
RESNETS: dict[str, tuple[tuple[int, int, int, int], int]] = {
    "resnet10": ((1, 1, 1, 1), 2),
    "resnet18": ((2, 2, 2, 2), 2),
    "resnet34": ((3, 4, 6, 3), 2),
    "resnet50": ((3, 4, 6, 3), 3),
}
_WIDTHS = (64, 128, 256, 512)
_NORM = ("weight", "bias", "running_mean", "running_var")


@dataclass(frozen=True)
class ResNetPlan:
    """A residual network (He et al., CVPR 2016, table 1), as its weights tell.

    Weights are named as in torchvision: ``conv1``, ``bn1``, ``layer1.0.conv1``, ``layer1.0.bn1``,
    ..., ``layer2.0.downsample.0`` (convolution) and ``.1`` (batch norm), ``fc``. In a block of
    three convolutions the second one has the stride. In three dimensions the names are the same
    (those of MedicalNet and MONAI, Chen et al., arXiv 1904.00625).

    Parameters
    ----------
    name : str
        One of :data:`RESNETS`.
    axes : {2, 3}
        Pictures or volumes.
    channels : int
        Of the input.
    classes : int
        Outputs of ``fc``; 0 when there is no ``fc``.
    shortcut : {"B", "A"}
        B: a strided 1 x 1 convolution where the size changes. A: every second pixel, padded with
        channels of 0, without weights (MedicalNet's resnet18 and resnet34).
    first : (int, int)
        Side and stride of the kernel of ``conv1``.
    dilated : bool
        MedicalNet: stages 3 and 4 have stride 1 and kernels dilated by 2 and 4.

    Examples
    --------
    >>> plan = ResNetPlan("resnet34", classes=2)
    >>> plan.embedding, len(list(plan.blocks())), plan.feature_side(224)
    (512, 16, 7)
    """

    name: str
    axes: Literal[2, 3] = 2
    channels: int = 3
    classes: int = 0
    shortcut: Literal["A", "B"] = "B"
    first: tuple[int, int] = (7, 2)
    dilated: bool = False

    @property
    def deep_block(self) -> bool:
        """Whether a block has three convolutions."""
        return RESNETS[self.name][1] == 3

    @property
    def embedding(self) -> int:
        """Length of the pooled features."""
        return _WIDTHS[-1] * (4 if self.deep_block else 1)

    def blocks(self) -> Any:
        """Yield prefix, channels in, width, channels out, stride and dilation of each block."""
        before = _WIDTHS[0]
        for stage, (count, width) in enumerate(zip(RESNETS[self.name][0], _WIDTHS, strict=True)):
            after = width * (4 if self.deep_block else 1)
            dilation = 2 ** max(stage - 1, 0) if self.dilated else 1
            for number in range(count):
                first = number == 0 and stage > 0 and dilation == 1
                yield f"layer{stage + 1}.{number}", before, width, after, 1 + first, dilation
                before = after

    def feature_side(self, side: int) -> int:
        """Return the side of the feature map of a picture of this side."""
        kernel, stride = self.first
        side = (side + 2 * (kernel // 2) - kernel) // stride + 1
        for halved in (True, *(stride == 2 for *_, stride, _ in self.blocks())):
            side = (side - 1) // 2 + 1 if halved else side
        return side


def resnet_shapes(plan: ResNetPlan) -> dict[str, tuple[int, ...]]:
    """Return name and shape of every weight of a network, in order.

    Examples
    --------
    >>> shapes = resnet_shapes(ResNetPlan("resnet34", classes=2))
    >>> shapes["layer2.0.downsample.0.weight"], shapes["fc.weight"], len(shapes)
    ((128, 64, 1, 1), (2, 512), 182)
    """
    shapes: dict[str, tuple[int, ...]] = {}

    def conv(name: str, norm: str, out: int, into: int, side: int) -> None:
        shapes[f"{name}.weight"] = (out, into, *[side] * plan.axes)
        shapes.update({f"{norm}.{part}": (out,) for part in _NORM})

    conv("conv1", "bn1", _WIDTHS[0], plan.channels, plan.first[0])
    for at, before, width, after, stride, _ in plan.blocks():
        if plan.deep_block:
            conv(f"{at}.conv1", f"{at}.bn1", width, before, 1)
            conv(f"{at}.conv2", f"{at}.bn2", width, width, 3)
            conv(f"{at}.conv3", f"{at}.bn3", after, width, 1)
        else:
            conv(f"{at}.conv1", f"{at}.bn1", width, before, 3)
            conv(f"{at}.conv2", f"{at}.bn2", width, width, 3)
        if plan.shortcut == "B" and (stride > 1 or before != after):
            conv(f"{at}.downsample.0", f"{at}.downsample.1", after, before, 1)
    if plan.classes:
        shapes["fc.weight"] = (plan.classes, plan.embedding)
        shapes["fc.bias"] = (plan.classes,)
    return shapes


def resnet_plan(
    name: str, weights: Weights, *, axes: Literal[2, 3], dilated: bool = False, where: str = ""
) -> ResNetPlan:
    """Read channels, classes, kernel and kind of shortcut from weights.

    Raises
    ------
    ModelError
        When the first convolution is not there or is one of another dimension.

    Examples
    --------
    >>> weights = {"conv1.weight": np.zeros((64, 1, 7, 7)), "fc.weight": np.zeros((5, 512))}
    >>> plan = resnet_plan("resnet34", weights, axes=2)
    >>> plan.channels, plan.classes
    (1, 5)
    """
    stem = weights.get("conv1.weight")
    if stem is None or stem.ndim != axes + 2:
        found = "none" if stem is None else f"a kernel of {stem.ndim - 2} dimensions"
        raise ModelError(
            f"these are not the weights of {name} in {axes} dimensions",
            where=where or None,
            expected=f"conv1.weight with a kernel of {axes} dimensions",
            found=found,
            hint="name another architecture, or use 'generic' with the model as TorchScript",
        )
    head = weights.get("fc.weight")
    shortcut: Literal["A", "B"] = "B"
    if axes == 3 and not any(".downsample." in key for key in weights):
        shortcut = "A"
    return ResNetPlan(
        name,
        axes=axes,
        channels=int(stem.shape[1]),
        classes=0 if head is None else int(head.shape[0]),
        shortcut=shortcut,
        first=(int(stem.shape[2]), 2),
        dilated=dilated,
    )


def resnet_graph(plan: ResNetPlan, weights: Weights, size: tuple[int, ...]) -> Any:
    """Return the network as an ONNX model with its batch norms folded into the convolutions.

    The input ``image`` is float32 of shape (batch, channels, *size), already normalised as the
    model card says. Outputs, all float32: ``logits`` (batch, classes) when there is a head,
    ``embedding`` (batch, d), the mean over places of ``feature_map`` (batch, d, places).

    Examples
    --------
    >>> plan = ResNetPlan("resnet10", channels=1)
    >>> weights = {n: np.ones(s, np.float32) for n, s in resnet_shapes(plan).items()}
    >>> model = resnet_graph(plan, weights, (64, 64))
    >>> [o.name for o in model.graph.output], {n.op_type for n in model.graph.node} - {"Conv"}
    (['embedding', 'feature_map'], {...})
    """
    build = GraphBuilder(plan.name)

    def conv(
        x: str, name: str, norm: str, *, stride: int = 1, dilation: int = 1, relu: bool = True
    ) -> str:
        kernel, bias = fold_batch_norm(
            weights[f"{name}.weight"], None, tuple(weights[f"{norm}.{p}"] for p in _NORM)
        )
        reach = dilation * (kernel.shape[2] // 2)
        out = build.add(
            "Conv",
            x,
            build.constant(kernel),
            build.constant(bias),
            kernel_shape=list(kernel.shape[2:]),
            strides=[stride] * plan.axes,
            pads=[reach] * (2 * plan.axes),
            dilations=[dilation if kernel.shape[2] > 1 else 1] * plan.axes,
        )
        return build.add("Relu", out) if relu else out

    x = conv("image", "conv1", "bn1", stride=plan.first[1])
    x = build.add(
        "MaxPool",
        x,
        kernel_shape=[3] * plan.axes,
        strides=[2] * plan.axes,
        pads=[1] * (2 * plan.axes),
    )
    blocks = list(plan.blocks())
    for number, (at, before, _, after, stride, dilation) in enumerate(blocks):
        if plan.deep_block:
            y = conv(x, f"{at}.conv1", f"{at}.bn1")
            y = conv(y, f"{at}.conv2", f"{at}.bn2", stride=stride, dilation=dilation)
            y = conv(y, f"{at}.conv3", f"{at}.bn3", relu=False)
        else:
            y = conv(x, f"{at}.conv1", f"{at}.bn1", stride=stride, dilation=dilation)
            y = conv(y, f"{at}.conv2", f"{at}.bn2", dilation=dilation, relu=False)
        if plan.shortcut == "B" and (stride > 1 or before != after):
            down = f"{at}.downsample"
            x = conv(x, f"{down}.0", f"{down}.1", stride=stride, relu=False)
        elif stride > 1 or before != after:
            x = _padded(build, plan, x, stride, after - before)
        last = number == len(blocks) - 1
        x = build.add("Relu", build.add("Add", y, x), name="feature_map" if last else None)
    pooled = build.add("GlobalAveragePool", x)
    pooled = build.add("Flatten", pooled, axis=1, name="embedding")
    outputs: list[tuple[str, str, tuple[int | str, ...]]] = []
    if plan.classes:
        build.add(
            "Gemm",
            pooled,
            build.constant(weights["fc.weight"]),
            build.constant(weights["fc.bias"]),
            name="logits",
            transB=1,
        )
        outputs.append(("logits", "float32", ("batch", plan.classes)))
    outputs.append(("embedding", "float32", ("batch", plan.embedding)))
    sides = [plan.feature_side(n) for n in size]
    outputs.append(("feature_map", "float32", ("batch", plan.embedding, *sides)))
    return build.finish([("image", "float32", ("batch", plan.channels, *size))], outputs)


def _padded(build: GraphBuilder, plan: ResNetPlan, x: str, stride: int, more: int) -> str:
    """Take every second pixel and add channels of 0 at the end."""
    if stride > 1:
        ones = [1] * plan.axes
        x = build.add("MaxPool", x, kernel_shape=ones, strides=[stride] * plan.axes)
    pads = np.zeros(2 * (plan.axes + 2), np.int64)
    pads[plan.axes + 3] = more
    return build.add("Pad", x, build.constant(pads, np.int64))
