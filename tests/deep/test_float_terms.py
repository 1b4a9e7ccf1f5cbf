"""A convolution of 8 bits before a sum gives what was added up, not one of 256 steps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("onnxruntime", reason="needs the extra 'onnx'")
pytest.importorskip("onnx", reason="needs the package 'onnx'")

import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from radiofib.deep.float_terms import keep_terms_in_float, without_unused

CHANNELS, OUTS = 3, 5


def quantised(rounded: bool, *, bias: str = "whole", zero: int = 7, **facts: object) -> object:
    """Return a graph of 8 bits: a convolution, rounded to 8 bits or not, and a sum behind it."""
    rng = np.random.default_rng(zero)
    kernel = facts.get("kernel_shape", (3, 3))
    group = int(facts.get("group", 1))
    constants = {
        "x_scale": np.float32(0.03),
        "x_zero": np.uint8(zero),
        "w": rng.integers(
            -127, 128, (OUTS if group == 1 else CHANNELS, CHANNELS // group, *kernel)
        ),
        "y_scale": np.float32(1.0),
        "y_zero": np.uint8(128),
        "term": np.float32(0.5),
    }
    outs = constants["w"].shape[0]
    constants["w"] = constants["w"].astype(np.int8)
    constants["w_scale"] = rng.uniform(0.001, 0.02, outs).astype(np.float32)
    constants["w_zero"] = np.zeros(outs, np.int8)
    constants["b"] = rng.integers(-900, 900, outs).astype(np.int32)
    constants["b_scale"] = (0.03 * constants["w_scale"]).astype(np.float32)
    constants["b_float"] = rng.normal(size=outs).astype(np.float32)
    make = helper.make_node
    read = ["x_back", "w_back"] + {"none": [], "whole": ["b_back"], "float": ["b_float"]}[bias]
    nodes = [
        make("QuantizeLinear", ["x", "x_scale", "x_zero"], ["x_whole"]),
        make("DequantizeLinear", ["x_whole", "x_scale", "x_zero"], ["x_back"]),
        make("DequantizeLinear", ["w", "w_scale", "w_zero"], ["w_back"], axis=0),
        make("DequantizeLinear", ["b", "b_scale"], ["b_back"], axis=0),
        make("Conv", read, ["y"], name="convolution", **facts),
        make("QuantizeLinear", ["y", "y_scale", "y_zero"], ["y_whole"]),
        make("DequantizeLinear", ["y_whole", "y_scale", "y_zero"], ["y_back"]),
        make("Add", ["term", "y_back" if rounded else "y"], ["sum"], name="sum"),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", CHANNELS, "h", "w"])],
        [helper.make_tensor_value_info("sum", TensorProto.FLOAT, ["n", "o", "a", "b"])],
        [numpy_helper.from_array(np.asarray(v), k) for k, v in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    without_unused(model)
    return model


def run(model: object, x: np.ndarray) -> np.ndarray:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return session.run(None, {"x": x})[0]


def pictures(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-0.5, 7, (2, CHANNELS, 9, 11)).astype(np.float32)


@given(
    kernel=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    strides=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    dilations=st.tuples(st.integers(1, 2), st.integers(1, 2)),
    pads=st.tuples(*[st.integers(0, 2)] * 4),
    zero=st.integers(0, 255),
    bias=st.sampled_from(("none", "whole", "float")),
)
@settings(max_examples=60, deadline=None)
def test_the_sum_reads_what_was_added_up(
    kernel: tuple[int, int],
    strides: tuple[int, int],
    dilations: tuple[int, int],
    pads: tuple[int, int, int, int],
    zero: int,
    bias: str,
) -> None:
    facts = {"strides": strides, "dilations": dilations, "pads": pads, "kernel_shape": kernel}
    model = quantised(True, bias=bias, zero=zero, **facts)
    rounded = run(model, pictures())
    assert keep_terms_in_float(model, ["sum"]) == 1
    onnx.checker.check_model(model)
    found, wanted = (
        run(model, pictures()),
        run(quantised(False, bias=bias, zero=zero, **facts), pictures()),
    )
    np.testing.assert_allclose(found, wanted, atol=1e-4)
    assert np.abs(rounded - wanted).max() > 0.01  # what is gained
    assert not any(node.op_type == "Conv" for node in model.graph.node)


@pytest.mark.parametrize(
    "facts", [{"group": CHANNELS}, {"auto_pad": "SAME_UPPER"}], ids=["grouped", "padded by itself"]
)
def test_what_is_no_plain_convolution_stays_as_it_is(facts: dict[str, object]) -> None:
    model = quantised(True, kernel_shape=(3, 3), **facts)
    before = model.SerializeToString()
    assert keep_terms_in_float(model, ["sum"]) == 0
    assert model.SerializeToString() == before


def test_sums_that_were_not_named_stay_as_they_are() -> None:
    model = quantised(True)
    assert keep_terms_in_float(model, ["another"]) == 0


def test_what_another_node_reads_is_kept() -> None:
    model = quantised(True)
    model.graph.node.append(helper.make_node("Relu", ["y_back"], ["other"], name="other"))
    model.graph.output.append(
        helper.make_tensor_value_info("other", TensorProto.FLOAT, ["n", "o", "a", "b"])
    )
    before = run(model, pictures())
    assert keep_terms_in_float(model, ["sum"]) == 1
    assert any(node.op_type == "Conv" for node in model.graph.node)
    assert np.abs(run(model, pictures()) - before).max() <= 0.5 + 1e-5  # half a step
