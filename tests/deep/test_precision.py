"""Variants of lower precision and how far they are from the float network.

The bounds are those that the package promises for int8: mean cosine of 0.99 after the set's mean
embedding is taken off, the same nearest neighbour for 95 % of images.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("onnxruntime", reason="needs the extra 'onnx'")
pytest.importorskip("onnx", reason="needs the package 'onnx'")

import onnx

from radiofib.deep.graph import read_graph
from radiofib.deep.network import open_network, run_pictures
from radiofib.deep.precision import embedding_parity, fp16_variant, int8_variant
from radiofib.errors import ImageError, ModelError, UsageError
from radiofib.provenance import hash_file
from tests.deep import nets

COSINE, SAME_NEIGHBOUR = 0.99, 0.95
CALIBRATION, COMPARED = 24, 40


def frames(folder: Path, count: int) -> list[Path]:
    """Write pictures of waves of random direction, length, brightness and noise."""
    y, x = np.mgrid[:40, :40] / 40
    paths = []
    for number in range(count):
        rng = np.random.default_rng(number)
        angle, length = rng.uniform(0, np.pi), rng.uniform(0.1, 0.8)
        wave = np.sin(2 * np.pi * (x * np.cos(angle) + y * np.sin(angle)) / length)
        grey = rng.uniform(70, 180) + rng.uniform(10, 60) * wave + rng.normal(0, 12, x.shape)
        paths.append(folder / f"f{number:03d}.png")
        PIL.Image.fromarray(np.clip(grey, 0, 255).astype(np.uint8)).save(paths[-1])
    return paths


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return frames(tmp_path_factory.mktemp("frames"), CALIBRATION + COMPARED)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    outputs = [{"name": n, "role": n} for n in ("embedding", "feature_map", "logits")]
    facts = nets.facts(preprocessing=nets.RESIDUAL_HOW, outputs=outputs)
    return nets.residual(tmp_path_factory.mktemp("net") / "float.onnx", card=facts)


def test_int8_variant_keeps_the_embeddings(
    model: Path, pictures: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / "new" / "int8.onnx"
    card = int8_variant(model, out, pictures[:CALIBRATION], pictures[CALIBRATION:])
    variant = card.variant
    assert variant is not None
    assert variant.cosine >= COSINE
    assert variant.same_neighbour >= SAME_NEIGHBOUR
    assert (variant.images, variant.calibration_images) == (COMPARED, CALIBRATION)
    assert variant.float_sha256 == hash_file(model)
    network = open_network(out)
    assert network.card == card
    assert card.precision == "int8"
    assert [p.name for p in out.parent.iterdir()] == ["int8.onnx"]
    # The work is done in 8 bits; the first convolution and what follows the last one are not.
    graph = onnx.load(str(out)).graph
    weights = {t.name: t.data_type for t in graph.initializer}
    read = {"DequantizeLinear": 0, "MatMulIntegerToFloat": 1}
    whole = [
        n.op_type
        for n in graph.node
        if n.op_type in read
        if weights.get(n.input[read[n.op_type]]) == onnx.TensorProto.INT8
    ]
    assert Counter(whole) == {"DequantizeLinear": 4, "MatMulIntegerToFloat": 4}
    makers = {o: n.op_type for n in graph.node for o in n.output}
    [pool] = [n for n in graph.node if n.op_type == "GlobalAveragePool"]
    assert makers[pool.input[0]] != "DequantizeLinear"
    assert read_graph(out).operators["MatMul"] == 1


def test_sums_of_blocks_stay_in_float_and_read_what_was_not_rounded(
    model: Path, pictures: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    int8_variant(model, tmp_path / "q.onnx", pictures[:8], pictures[8:12])
    assert capsys.readouterr().out == ""
    graph = onnx.load(str(tmp_path / "q.onnx")).graph
    makers = {o: n.op_type for n in graph.node for o in n.output}
    constants = {t.name for t in graph.initializer}
    sums = [n for n in graph.node if n.op_type == "Add" and not constants & {*n.input}]
    assert len(sums) == 4
    read = [sorted(makers[name] for name in node.input) for node in sums]
    # What a product of 8 bits gave in float, and the stream; a shortcut may be a product too.
    assert all("Transpose" in one for one in read)
    assert not any("DequantizeLinear" in one for one in read)
    assert sum("Relu" in one for one in read) >= 2
    quantised = {n.input[0] for n in graph.node if n.op_type == "QuantizeLinear"}
    assert not quantised & {o for n in sums for o in n.output}


def test_a_value_beyond_all_others_does_not_coarsen_the_steps(
    model: Path, pictures: list[Path], tmp_path: Path
) -> None:
    """One white corner of one picture; nothing else is so bright."""
    odd = np.asarray(PIL.Image.open(pictures[0])).copy()
    odd[:3, :3] = 255
    PIL.Image.fromarray(odd).save(tmp_path / "odd.png")
    seen, unseen = [*pictures[1:CALIBRATION], tmp_path / "odd.png"], pictures[CALIBRATION:]
    steps = {}
    for method in ("minmax", "percentile"):
        out = tmp_path / f"{method}.onnx"
        int8_variant(model, out, seen, unseen, method=method)
        tensors = {
            t.name: onnx.numpy_helper.to_array(t) for t in onnx.load(str(out)).graph.initializer
        }
        steps[method] = {
            name: float(value)
            for name, value in tensors.items()
            if name.endswith("_scale") and value.ndim == 0
        }
    assert steps["minmax"].keys() == steps["percentile"].keys()
    smaller = [steps["percentile"][name] <= steps["minmax"][name] for name in steps["minmax"]]
    assert all(smaller)
    assert sum(steps["percentile"].values()) < sum(steps["minmax"].values())


def test_embedding_of_the_variant_is_the_mean_of_its_map(
    model: Path, pictures: list[Path], tmp_path: Path
) -> None:
    int8_variant(model, tmp_path / "q.onnx", pictures[:8], pictures[8:12])
    network = open_network(tmp_path / "q.onnx")
    [found] = run_pictures(network, pictures[30:31], ["embedding", "feature_map"])
    assert found.outputs is not None
    np.testing.assert_allclose(
        found.outputs["feature_map"].mean(axis=(1, 2)), found.outputs["embedding"], atol=1e-5
    )


def test_shift_of_the_mean_is_gone_on_the_calibration_images(
    model: Path, pictures: list[Path], tmp_path: Path
) -> None:
    int8_variant(model, tmp_path / "q.onnx", pictures[:8], pictures[8:12])

    def mean(path: Path) -> np.ndarray:
        found = run_pictures(open_network(path), pictures[:8], ["embedding"])
        return np.mean([f.outputs["embedding"] for f in found if f.outputs], axis=0)

    np.testing.assert_allclose(mean(tmp_path / "q.onnx"), mean(model), atol=1e-4)


def test_variant_with_an_embedding_alone(tmp_path: Path, pictures: list[Path]) -> None:
    facts = nets.facts(
        preprocessing=nets.RESIDUAL_HOW, outputs=[{"name": "embedding", "role": "embedding"}]
    )
    path = nets.residual(tmp_path / "float.onnx", card=facts)
    card = int8_variant(path, tmp_path / "q.onnx", pictures[:8], pictures[8:20])
    assert card.variant is not None
    assert card.variant.cosine >= COSINE


def test_fp16_variant_takes_and_gives_float32(
    model: Path, pictures: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / "half.onnx"
    card = fp16_variant(model, out, pictures[:COMPARED])
    assert card.variant is not None
    assert card.variant.cosine >= 0.9999
    assert card.variant.same_neighbour >= SAME_NEIGHBOUR
    assert card.precision == "fp16"
    network = open_network(out)
    assert network.session.inputs[0].type == "tensor(float)"
    assert {p.type for p in network.session.outputs} == {"tensor(float)"}
    assert out.stat().st_size < 0.6 * model.stat().st_size


def test_what_cannot_be_made(model: Path, pictures: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "q.onnx"
    with pytest.raises(UsageError, match=r"were used for calibration \(found f003\.png\)"):
        int8_variant(model, out, pictures[:4], pictures[3:8])
    with pytest.raises(UsageError, match="needs calibration images"):
        int8_variant(model, out, [], pictures[:4])
    with pytest.raises(UsageError, match="three images or more"):
        fp16_variant(model, out, pictures[:2])
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no picture")
    with pytest.raises(ImageError, match=r"bad\.png"):
        fp16_variant(model, out, [*pictures[:3], bad])
    with pytest.raises(ImageError, match=r"bad\.png"):
        int8_variant(model, out, [bad], pictures[:3])
    assert not out.exists()
    assert [p.name for p in tmp_path.iterdir()] == ["bad.png"]
    fp16_variant(model, out, pictures[:4])
    with pytest.raises(ModelError, match="expected precision fp32; found fp16"):
        fp16_variant(out, tmp_path / "r.onnx", pictures[:4])


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 999), images=st.integers(3, 20), scale=st.floats(0.01, 100))
def test_parity_of_equal_sets_and_of_scaled_ones(seed: int, images: int, scale: float) -> None:
    rows = np.random.default_rng(seed).normal(5, 1, (images, 6))
    same = embedding_parity(rows, rows)
    assert (same.cosine, same.same_neighbour) == (pytest.approx(1), 1.0)
    mean = rows.mean(axis=0)
    spread = embedding_parity(rows, mean + scale * (rows - mean))
    assert spread.least_cosine == pytest.approx(1)
    assert spread.same_neighbour == 1.0
    turned = embedding_parity(rows, mean - (rows - mean))
    assert turned.cosine == pytest.approx(-1)


def test_plain_cosine_would_hide_what_is_lost() -> None:
    rng = np.random.default_rng(0)
    a, b = 100 + rng.normal(size=(2, 50, 8))
    plain = (a * b).sum(axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    assert plain.min() > 0.999
    assert abs(embedding_parity(a, b).cosine) < 0.3


@pytest.mark.parametrize(
    ("a", "b", "error"),
    [
        (np.zeros((2, 3)), np.zeros((2, 3)), UsageError),
        (np.zeros((4, 3)), np.zeros((4, 2)), UsageError),
        (np.full((4, 3), np.nan), np.zeros((4, 3)), UsageError),
        (np.ones((4, 3)), np.ones((4, 3)), ModelError),
    ],
)
def test_sets_that_cannot_be_compared(a: np.ndarray, b: np.ndarray, error: type[Exception]) -> None:
    with pytest.raises(error):
        embedding_parity(a, b)
