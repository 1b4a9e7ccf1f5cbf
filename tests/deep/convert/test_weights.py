"""Files are told by content, read without running them, and fitted by name."""

from __future__ import annotations

import json
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from radiofib.deep.convert.names import fit_weights, without_prefix
from radiofib.deep.convert.segformer import SegFormerPlan, older_names, segformer_shapes
from radiofib.deep.convert.weights import arrays_of, read_safetensors, read_source, sniff
from radiofib.errors import ModelError, UsageError


def _safetensors(path: Path, arrays: dict[str, np.ndarray], cut: int = 0) -> Path:
    codes = {"f4": "F32", "f2": "F16", "f8": "F64", "i8": "I64", "u1": "U8"}
    header, body = {}, b""
    for name, array in arrays.items():
        data = array.tobytes()
        header[name] = {
            "dtype": codes[array.dtype.str[1:]],
            "shape": list(array.shape),
            "data_offsets": [len(body), len(body) + len(data)],
        }
        body += data
    head = json.dumps({"__metadata__": {"format": "pt"}, **header}).encode()
    whole = len(head).to_bytes(8, "little") + head + body
    path.write_bytes(whole[: len(whole) - cut])
    return path


@given(
    st.dictionaries(
        st.text("abc.", min_size=1, max_size=6),
        st.tuples(
            st.sampled_from(["f4", "f2", "f8", "i8", "u1"]),
            st.lists(st.integers(0, 4), max_size=3),
        ),
        max_size=4,
    )
)
def test_safetensors_come_back(tmp_path_factory: pytest.TempPathFactory, parts: dict) -> None:
    rng = np.random.default_rng(0)
    arrays = {
        name: (rng.normal(size=shape) * 9).astype(kind if kind != "u1" else "i8").astype(kind)
        for name, (kind, shape) in parts.items()
    }
    path = _safetensors(tmp_path_factory.mktemp("w") / "w.safetensors", arrays)
    found = read_safetensors(path)
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        assert found[name].shape == array.shape
        np.testing.assert_array_equal(found[name], array.astype(found[name].dtype))
        assert found[name].dtype == (np.float32 if array.dtype.kind == "f" else array.dtype)


@pytest.mark.parametrize("cut", [1, 7, 30])
def test_cut_safetensors_are_refused(tmp_path: Path, cut: int) -> None:
    path = _safetensors(tmp_path / "w.safetensors", {"w": np.ones((3, 2), "f4")}, cut)
    with pytest.raises(ModelError, match="whole"):
        read_safetensors(path)


def test_bfloat16_is_the_upper_half(tmp_path: Path) -> None:
    wide = np.array([1.0, -2.5, 3.140625], np.float32)
    half = (wide.view(np.uint32) >> 16).astype("<u2")
    head = b'{"w":{"dtype":"BF16","shape":[3],"data_offsets":[0,6]}}'
    path = tmp_path / "w.safetensors"
    path.write_bytes(len(head).to_bytes(8, "little") + head + half.tobytes())
    assert read_safetensors(path)["w"].tolist() == wide.tolist()


def test_files_that_hold_no_network(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        sniff(tmp_path / "absent.pt")
    for name, content in {"a.pt": b"", "b.onnx": b"hello world, hello", "c.txt": b"{}"}.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ModelError, match="not a file with a network"):
            sniff(tmp_path / name)
    with zipfile.ZipFile(tmp_path / "d.zip", "w") as archive:
        archive.writestr("readme.txt", "x")
    with pytest.raises(ModelError, match="not a file with a network"):
        sniff(tmp_path / "d.zip")


def test_prefix_is_taken_off_once() -> None:
    weights = {"module.model.conv1.weight": 1, "module.model.layer1.0.conv1.weight": 2}
    found = without_prefix(weights, "conv1.weight")
    assert list(found) == ["conv1.weight", "layer1.0.conv1.weight"]


def test_every_fault_of_weights_is_named() -> None:
    weights = {"conv.wieght": np.zeros((2, 3)), "fc.weight": np.zeros((5, 4)), "extra": np.zeros(1)}
    shapes = {"conv.weight": (2, 3), "fc.weight": (5, 2), "norm.weight": (2,)}
    with pytest.raises(ModelError) as caught:
        fit_weights(weights, shapes, architecture="net", where="w.pt")
    text = str(caught.value)
    for part in (
        "2 missing: conv.weight (nearest there: conv.wieght)",
        "norm.weight",
        "fc.weight 5 x 2",
        "fc.weight 5 x 4",
        "2 unexpected: conv.wieght, extra",
    ):
        assert part in text


def test_both_generations_of_segformer_names_are_one() -> None:
    shapes = segformer_shapes(SegFormerPlan("segformer-b2", classes=3))
    newer = {}
    rules = {
        "layer_norm_1": "layernorm_before",
        "layer_norm_2": "layernorm_after",
        "attention.self.query": "attention.q_proj",
        "attention.self.key": "attention.k_proj",
        "attention.self.value": "attention.v_proj",
        "attention.output.dense": "attention.o_proj",
        "attention.self.sr": "attention.sequence_reduction.sequence_reduction",
        "attention.self.layer_norm": "attention.sequence_reduction.layer_norm",
        "mlp.dense1": "mlp.fc1",
        "mlp.dense2": "mlp.fc2",
        "linear_c": "linear_projections",
    }
    for name in shapes:
        told = name
        for old, new in rules.items():
            told = told.replace(old, new)
        parts = told.split(".")
        if parts[:2] == ["segformer", "encoder"]:
            kind, stage, rest = parts[2], parts[3], parts[4:]
            kind = "blocks" if kind == "block" else kind
            told = ".".join(["segformer", "stages", stage, kind, *rest])
        newer[f"net.module.{told}"] = name
    assert older_names(newer) == {name: name for name in shapes}


def test_pickles_are_not_run(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    flag = tmp_path / "ran"

    class Trap:
        def __reduce__(self):
            return (Path.touch, (flag,))

    torch.save({"w": torch.zeros(1), "trap": Trap()}, str(tmp_path / "trap.pt"))
    with pytest.raises(ModelError, match="holds more than weights") as caught:
        read_source(tmp_path / "trap.pt")
    assert not flag.exists()
    assert "weights_only" not in str(caught.value)
    (tmp_path / "notes.pt").write_bytes(pickle.dumps({"a": 1}, protocol=2))
    with pytest.raises(ModelError, match=r"as a PyTorch file \(expected a state dict") as caught:
        read_source(tmp_path / "notes.pt")
    assert "torch.load" not in str(caught.value)


def test_checkpoints_around_weights(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    inner = {"w": torch.ones(2, dtype=torch.float16), "n": torch.tensor(3)}
    torch.save({"epoch": 4, "state_dict": inner}, str(tmp_path / "c.pt"))
    source = read_source(tmp_path / "c.pt")
    assert source.form == "torch"
    assert source.weights["w"].dtype == np.float32
    assert int(source.weights["n"]) == 3
    with pytest.raises(ModelError, match="no weights in the file"):
        arrays_of({"epoch": 4}, where="c.pt")
    torch.save({"w": torch.tensor([1.0, float("nan")])}, str(tmp_path / "bad.pt"))
    with pytest.raises(ModelError, match="not finite"):
        read_source(tmp_path / "bad.pt")
    data = (tmp_path / "c.pt").read_bytes()
    (tmp_path / "cut.pt").write_bytes(data[: len(data) // 2])
    with pytest.raises(ModelError):
        read_source(tmp_path / "cut.pt")


def test_torchscript_is_opened_only_when_trusted(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    path = tmp_path / "net.pt"
    torch.jit.script(torch.nn.Linear(2, 3)).save(str(path))
    with pytest.raises(UsageError, match="--trust-torchscript"):
        read_source(path)
    source = read_source(path, trust_torchscript=True)
    assert source.form == "torchscript"
    assert source.weights["weight"].shape == (3, 2)
