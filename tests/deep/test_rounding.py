"""Weights that are rounded together change products with typical inputs less."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
from hypothesis import given, settings
from hypothesis import strategies as st

from radiofib.deep.rounding import Convolution, convolutions, patches, round_together


def correlated(n: int, columns: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    mixing = rng.normal(size=(columns // 2, columns))
    return np.maximum(rng.normal(size=(n, columns // 2)) @ mixing, 0).astype(np.float32)


def spoiled(whole: np.ndarray, weights: np.ndarray, scales: np.ndarray, x: np.ndarray) -> float:
    return float(np.sqrt((((weights - whole * scales[:, None]) @ x.T) ** 2).mean()))


@given(seed=st.integers(0, 10_000), columns=st.integers(40, 150), bits=st.sampled_from((3, 4, 8)))
@settings(max_examples=25, deadline=None)
def test_products_with_unseen_inputs_change_less(seed: int, columns: int, bits: int) -> None:
    x = correlated(6 * columns + 200, columns, seed)
    seen, unseen = x[::2], x[1::2]
    weights = np.random.default_rng(seed + 1).normal(size=(20, columns)).astype(np.float32)
    limit = 2 ** (bits - 1) - 1
    scales = np.abs(weights).max(axis=1) / limit
    whole = round_together(weights, scales, seen.T @ seen / len(seen), limit=limit)
    alone = np.rint(weights / scales[:, None])
    assert np.abs(whole).max() <= limit
    assert spoiled(whole, weights, scales, unseen) < spoiled(alone, weights, scales, unseen)


def test_inputs_without_relations_are_rounded_one_by_one() -> None:
    weights = np.random.default_rng(0).normal(size=(5, 200)).astype(np.float32)
    scales = np.abs(weights).max(axis=1) / 127
    whole = round_together(weights, scales, np.eye(200, dtype=np.float32))
    np.testing.assert_array_equal(whole, np.rint(weights / scales[:, None]))


def test_inputs_that_are_always_zero_do_no_harm() -> None:
    weights = np.ones((2, 3), np.float32)
    found = round_together(weights, np.full(2, 0.5, np.float32), np.zeros((3, 3), np.float32))
    assert (found == 2).all()


@given(
    kernel=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    strides=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    dilations=st.tuples(st.integers(1, 2), st.integers(1, 2)),
    pads=st.tuples(*[st.integers(0, 2)] * 4),
)
@settings(max_examples=40, deadline=None)
def test_patches_are_what_a_convolution_multiplies(
    kernel: tuple[int, int],
    strides: tuple[int, int],
    dilations: tuple[int, int],
    pads: tuple[int, int, int, int],
) -> None:
    rng = np.random.default_rng(sum(kernel) + sum(pads))
    x = rng.normal(size=(3, 9, 10)).astype(np.float32)
    w = rng.normal(size=(2, 3, *kernel)).astype(np.float32)
    of = Convolution("c", "x", "w", "q", "s", strides, dilations, pads, kernel)
    node = onnx.helper.make_node(
        "Conv", ["x", "w"], ["y"], strides=strides, dilations=dilations, pads=pads
    )
    float32 = onnx.TensorProto.FLOAT
    graph = onnx.helper.make_graph(
        [node],
        "g",
        [onnx.helper.make_tensor_value_info("x", float32, [1, 3, 9, 10])],
        [onnx.helper.make_tensor_value_info("y", float32, None)],
        [onnx.numpy_helper.from_array(w, "w")],
    )
    model = onnx.helper.make_model(
        graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=9
    )
    wanted = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": x[None]})[0]
    found = patches(x, of, most=10_000) @ w.reshape(2, -1).T
    np.testing.assert_allclose(found.T.reshape(wanted[0].shape), wanted[0], atol=1e-4)


def test_few_places_are_spread_over_the_map() -> None:
    of = Convolution("c", "x", "w", "q", "s", (1, 1), (1, 1), (0, 0, 0, 0), (1, 1))
    x = np.arange(900, dtype=np.float32).reshape(1, 30, 30)
    found = patches(x, of, most=9)
    assert found.shape == (9, 1)
    assert found.ravel()[[0, 4, 8]].tolist() == [155, 465, 775]


def test_grouped_and_self_padding_convolutions_are_left_as_they_are() -> None:
    def graph(**facts: object) -> onnx.ModelProto:
        node = onnx.helper.make_node("Conv", ["x", "w"], ["y"], name="c", **facts)
        w = onnx.numpy_helper.from_array(np.ones((2, 1, 1, 1), np.float32), "w")
        return onnx.helper.make_model(onnx.helper.make_graph([node], "g", [], [], [w]))

    back = onnx.helper.make_node("DequantizeLinear", ["wq", "ws"], ["w"], axis=0)
    stored = [
        onnx.numpy_helper.from_array(np.ones((2, 1, 1, 1), np.int8), "wq"),
        onnx.numpy_helper.from_array(np.ones(2, np.float32), "ws"),
    ]
    conv = onnx.helper.make_node("Conv", ["x", "w"], ["y"], name="c")
    quantised = onnx.helper.make_model(onnx.helper.make_graph([back, conv], "g", [], [], stored))
    assert [c.name for c in convolutions(graph(), quantised)] == ["c"]
    assert convolutions(graph(group=2), quantised) == []
    assert convolutions(graph(auto_pad="SAME_UPPER"), quantised) == []
