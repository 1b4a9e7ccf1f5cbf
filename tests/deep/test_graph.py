"""What a model file states, read from its bytes; files it must not want."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("onnxruntime", reason="needs the extra 'onnx'")
pytest.importorskip("onnx", reason="needs the package 'onnx'")

import onnx
from onnx import TensorProto, helper, numpy_helper

from radiofib.deep import open_session
from radiofib.deep.graph import check_external, model_hash, read_graph
from radiofib.errors import ModelError
from tests.deep import nets


def test_facts_are_those_onnx_reads(tmp_path: Path) -> None:
    path = nets.extractor(tmp_path / "net.onnx", classes=2, card=nets.facts())
    model = onnx.load(str(path))
    facts = read_graph(path)
    assert facts.ir_version == model.ir_version
    assert facts.opsets == {"": 17}
    assert [p.name for p in facts.inputs] == ["image"]
    assert facts.inputs[0].shape == (None, 3, 8, 8)
    assert facts.inputs[0].type == "tensor(float)"
    assert [p.name for p in facts.outputs] == [o.name for o in model.graph.output]
    assert facts.metadata == {p.key: p.value for p in model.metadata_props}
    assert facts.operators == {
        name: sum(n.op_type == name for n in model.graph.node)
        for name in sorted({n.op_type for n in model.graph.node})
    }
    assert facts.external == ()
    assert facts.opset == open_session(path).opset


def test_weights_listed_as_inputs_are_no_inputs(tmp_path: Path) -> None:
    path = nets.extractor(tmp_path / "net.onnx")
    model = onnx.load(str(path))
    model.graph.input.append(helper.make_tensor_value_info("w", TensorProto.FLOAT, (5, 3, 3, 3)))
    onnx.save(model, str(path))
    assert [p.name for p in read_graph(path).inputs] == ["image"]


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_damaged_files_are_said_to_be_so(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("damage")
    whole = nets.extractor(folder / "net.onnx").read_bytes()
    damage = data.draw(st.sampled_from(["cut", "flip", "noise"]))
    if damage == "cut":
        content = whole[: data.draw(st.integers(0, len(whole) - 1))]
    elif damage == "flip":
        at = data.draw(st.integers(0, len(whole) - 1))
        content = whole[:at] + bytes([data.draw(st.integers(0, 255))]) + whole[at + 1 :]
    else:
        content = data.draw(st.binary(max_size=200))
    path = folder / "bad.onnx"
    path.write_bytes(content)
    try:
        read_graph(path)
    except ModelError as found:
        error = found
    else:
        return
    assert error.where == str(path)


def test_truncated_file_is_refused_before_onnxruntime_sees_it(tmp_path: Path) -> None:
    path = nets.extractor(tmp_path / "net.onnx")
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(ModelError, match="not an ONNX model, or damaged"):
        open_session(path)
    path.write_bytes(b"")
    with pytest.raises(ModelError, match="the file is empty"):
        open_session(path)


def test_endless_nesting_does_not_break_the_reader(tmp_path: Path) -> None:
    def wrapped(number: int, content: bytes) -> bytes:
        size, length = len(content), b""
        while size >= 0x80:
            length += bytes([size & 0x7F | 0x80])
            size >>= 7
        return bytes([number << 3 | 2]) + length + bytes([size]) + content

    inner = b""
    for _ in range(2000):
        inner = wrapped(1, wrapped(5, wrapped(6, inner)))
    path = tmp_path / "deep.onnx"
    path.write_bytes(wrapped(7, inner + wrapped(12, wrapped(1, b"y"))))
    with pytest.raises(ModelError, match="damaged"):
        read_graph(path)


def external(path: Path, location: str, *, inside: str = "initializer") -> Path:
    """Write a model whose weight lies at `location`."""
    tensor = numpy_helper.from_array(np.ones(4, np.float32), "w")
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", "0"), ("length", "16")):
        tensor.external_data.add(key=key, value=value)
    nodes = [helper.make_node("Add", ["image", "w"], ["y"])]
    kept = [tensor]
    if inside == "constant":
        nodes.insert(0, helper.make_node("Constant", [], ["w"], value=tensor))
        kept = []
    elif inside == "branch":
        out = [helper.make_tensor_value_info("z", TensorProto.FLOAT, (4,))]
        branch = helper.make_graph(
            [helper.make_node("Identity", ["w"], ["z"])], "b", [], out, [tensor]
        )
        flag = numpy_helper.from_array(np.array(True), "flag")
        nodes = [
            helper.make_node("If", ["flag"], ["v"], then_branch=branch, else_branch=branch),
            helper.make_node("Add", ["image", "v"], ["y"]),
        ]
        kept = [flag]
    ports = [helper.make_tensor_value_info(n, TensorProto.FLOAT, (4,)) for n in ("image", "y")]
    graph = helper.make_graph(nodes, "g", ports[:1], ports[1:], kept)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    path.write_bytes(model.SerializeToString())
    return path


def weights(path: Path, value: float = 2.0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(np.full(4, value, np.float32).tobytes())


def test_external_data_beside_the_model_is_read_and_hashed(tmp_path: Path) -> None:
    weights(tmp_path / "net" / "data" / "w.bin")
    path = external(tmp_path / "net" / "m.onnx", "data/w.bin")
    session = open_session(path)
    found = session.run({"image": np.zeros(4, np.float32)}, output="y")
    np.testing.assert_array_equal(found, np.full(4, 2.0))
    weights(tmp_path / "net" / "data" / "w.bin", 3.0)
    assert open_session(path).source_hash != session.source_hash
    assert model_hash(path, read_graph(path)) == open_session(path).source_hash


@pytest.mark.parametrize("inside", ["initializer", "constant", "branch"])
@pytest.mark.parametrize("location", ["../w.bin", "data/../../w.bin", "ABSOLUTE", "link.bin"])
def test_external_data_outside_the_folder_is_refused(
    tmp_path: Path, location: str, inside: str
) -> None:
    weights(tmp_path / "w.bin")
    (tmp_path / "net").mkdir()
    if location == "link.bin":
        (tmp_path / "net" / "link.bin").symlink_to(tmp_path / "w.bin")
    stated = str(tmp_path / "w.bin") if location == "ABSOLUTE" else location
    path = external(tmp_path / "net" / "m.onnx", stated, inside=inside)
    with pytest.raises(ModelError, match=r"tensor 'w': external data lies outside the model's"):
        open_session(path)


def test_folder_that_is_a_link_to_elsewhere_is_refused(tmp_path: Path) -> None:
    weights(tmp_path / "elsewhere" / "w.bin")
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "data").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    with pytest.raises(ModelError, match="outside the model's folder"):
        open_session(external(tmp_path / "net" / "m.onnx", "data/w.bin"))


def test_external_data_that_is_missing_or_unnamed(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"external data is missing.*w\.bin"):
        open_session(external(tmp_path / "m.onnx", "w.bin"))
    path = external(tmp_path / "n.onnx", "")
    with pytest.raises(ModelError, match="without a file name"):
        check_external(path, read_graph(path))


def test_operator_set_and_format_that_are_too_new(tmp_path: Path) -> None:
    path = nets.extractor(tmp_path / "net.onnx")
    model = onnx.load(str(path))
    model.opset_import[0].version = 99
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match=r"operator set is too new.*or older; found 99.*update"):
        open_session(path)
    model.opset_import[0].version = 17
    model.ir_version = 99
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match=r"file format is too new.*or older; found 99"):
        open_session(path)
