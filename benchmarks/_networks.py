"""Networks with seeded weights, written without torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from radiofib.deep.card import ModelCard, with_card

#: Width, blocks and first stride of the four stages of a ResNet34 (He et al., CVPR 2016).
STAGES = ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2))


def write_resnet(path: Path, *, small: bool = False) -> Path:
    """Write a ResNet34 with seeded weights and its card; `small` has an eighth of the width.

    Convolutions are drawn as He et al. do (ICCV 2015); batch normalisation is folded away, the
    second convolution of a block scaled down so that activations keep their size.
    """
    random = np.random.default_rng(34)
    nodes: list[Any] = []
    weights: list[Any] = []
    side = 64 if small else 224

    def conv(x: str, made: str, shape: tuple[int, int, int], stride: int, gain: float) -> str:
        made_of, channels, kernel = shape
        scale = gain * np.sqrt(2 / (made_of * kernel**2))
        values = random.normal(0, scale, (channels, made_of, kernel, kernel)).astype(np.float32)
        weights.append(numpy_helper.from_array(values, f"{made}_w"))
        sides = {"pads": [kernel // 2] * 4, "strides": [stride] * 2}
        nodes.append(helper.make_node("Conv", [x, f"{made}_w"], [made], **sides))
        return made

    def relu(x: str, made: str) -> str:
        nodes.append(helper.make_node("Relu", [x], [made]))
        return made

    stages = [(w // 8 if small else w, n, s) for w, n, s in STAGES]
    have = stages[0][0]
    x = relu(conv("image", "stem", (3, have, 7), 2, 1.0), "stem_r")
    pool = {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1] * 4}
    nodes.append(helper.make_node("MaxPool", [x], ["pool"], **pool))
    x = "pool"
    for stage, (width, blocks, first) in enumerate(stages):
        for block in range(blocks):
            name, stride = f"s{stage}b{block}", first if block == 0 else 1
            inner = relu(conv(x, f"{name}_1", (have, width, 3), stride, 1.0), f"{name}_1r")
            inner = conv(inner, f"{name}_2", (width, width, 3), 1, 0.4)
            if stride > 1 or have != width:
                x = conv(x, f"{name}_d", (have, width, 1), stride, 0.7)
            nodes.append(helper.make_node("Add", [inner, x], [f"{name}_s"]))
            last = stage == len(stages) - 1 and block == blocks - 1
            x = relu(f"{name}_s", "feature_map" if last else f"{name}_r")
            have = width
    nodes.append(helper.make_node("GlobalAveragePool", [x], ["pooled"]))
    nodes.append(helper.make_node("Flatten", ["pooled"], ["embedding"]))
    outputs: list[tuple[str, tuple[str | int, ...]]] = [
        ("embedding", ("N", have)),
        ("feature_map", ("N", have, side // 32, side // 32)),
    ]
    graph = helper.make_graph(
        nodes,
        "resnet34",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ("N", 3, side, side))],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in outputs],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, str(path))
    card = ModelCard.parse(
        {
            "kind": "extractor",
            "architecture": "resnet34, seeded weights",
            "source": {"name": "seed 34", "sha256": "0" * 64},
            "licence": "CC0-1.0",
            "opset": 17,
            "preprocessing": {
                "colour": "rgb",
                "size": [side, side],
                "resize": "stretch",
                "value_range": [0, 1],
                "mean": [0.485, 0.456, 0.406],
                "sd": [0.229, 0.224, 0.225],
                "layout": "NCHW",
                "dtype": "float32",
            },
            "outputs": [{"name": n, "role": n} for n, _ in outputs],
        },
        where=path.name,
    )
    return with_card(path, card, path)
