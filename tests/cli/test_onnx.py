"""Commands onnx inspect, onnx bench and onnx variant."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

pytest.importorskip("onnxruntime", reason="needs the extra 'onnx'")
pytest.importorskip("onnx", reason="needs the package 'onnx'")

import onnx
from onnx import helper

from radiofib.cli.app import app, main
from radiofib.deep.card import MissingFactsError
from radiofib.deep.convert import convert_model
from radiofib.deep.inspect import inspect_model
from radiofib.deep.network import open_network
from radiofib.errors import ModelError, UsageError
from tests.deep import nets
from tests.deep.test_graph import external
from tests.deep.test_network import pictures
from tests.deep.test_precision import frames

runner = CliRunner()


def run(*arguments: object) -> Result:
    return runner.invoke(app, ["onnx", *map(str, arguments)])


def test_inspect_shows_what_is_there_within_80_columns(tmp_path: Path) -> None:
    facts = nets.facts(citation="He et al., Deep residual learning, CVPR 2016 " * 4)
    model = nets.extractor(tmp_path / "net.onnx", card=facts)
    done = run("inspect", model)
    assert done.exit_code == 0
    lines = done.output.splitlines()
    assert max(map(len, lines)) <= 80
    text = " ".join(done.output.split())
    for fact in (
        "net.onnx",
        "ai.onnx 17; file format 9",
        "'image' ? x 3 x 8 x 8 tensor(float)",
        "'embedding' ? x 5 tensor(float)",
        "external data none",
        "runs on cpu",
        "extractor, conv, fp32",
        "licence CC0-1.0",
        "rgb, 8 x 8, stretch (bilinear), NCHW float32",
        "mean 0.5 0.4 0.3, sd 0.2 0.25 0.3",
        "embedding (embedding), feature_map (feature_map)",
    ):
        assert fact in text


def test_inspect_as_json_says_the_same(tmp_path: Path) -> None:
    model = nets.extractor(tmp_path / "net.onnx", card=nets.facts())
    done = run("inspect", model, "--json")
    found = json.loads(done.output)
    assert done.exit_code == 0
    assert found["card"]["architecture"] == "conv"
    assert found["opsets"] == {"": 17}
    assert found["providers"]["CPUExecutionProvider"] == ""
    assert found["inputs"] == [{"name": "image", "shape": [None, 3, 8, 8], "type": "tensor(float)"}]
    assert found["problems"] == []


def test_inspect_without_card_asks_for_the_facts_and_takes_them(tmp_path: Path) -> None:
    model = nets.extractor(tmp_path / "net.onnx")
    done = run("inspect", model)
    assert done.exit_code == 2  # as bench, convert and extract
    assert max(map(len, done.output.splitlines())) <= 80
    text = " ".join(done.output.split())
    assert "preprocessing.value_range (what black and white become" in text
    assert not any(f"preprocessing.{told} (" in text for told in ("dtype", "layout", "size"))
    assert "--card" in text
    card = tmp_path / "card.json"
    card.write_text(json.dumps(nets.facts()), encoding="utf-8")
    assert run("inspect", model, "--card", card).exit_code == 0


def test_range_of_other_units_than_the_mean_is_to_be_looked_at(tmp_path: Path) -> None:
    odd = {"mean": [123.7, 116.3, 103.5], "sd": [58.4, 57.1, 57.4]}
    model = nets.extractor(tmp_path / "net.onnx", card=nets.facts(preprocessing=odd))
    done = run("inspect", model)
    text = " ".join(done.output.split())
    assert "to look at value_range 0 to 1 does not fit mean 123.7 and sd 58.4" in text
    assert done.exit_code == 0
    [doubt] = json.loads(run("inspect", model, "--json").output)["doubts"]
    assert "0 to 255" in doubt
    bench = run("bench", model, "--count", 2)
    assert bench.exit_code == 0
    assert "does not fit" in bench.output
    convert = run("convert", "generic", model, "--out", tmp_path / "new.onnx")
    assert convert.exit_code == 0
    assert convert.stderr.count("new.onnx: value_range 0 to 1 does not fit mean 123.7") == 1
    plain = nets.extractor(tmp_path / "plain.onnx", card=nets.facts())
    assert "to look at" not in run("inspect", plain).output


@pytest.mark.parametrize(
    "arguments",
    [
        ["onnx", "inspect", "absent.onnx"],
        ["onnx", "bench", "absent.onnx"],
        ["onnx", "convert", "generic", "absent.onnx", "--out", "new.onnx"],
        ["predict", "absent.skops", "f.csv", "--out", "p.csv"],
        ["export", "absent.skops", "--to", "csv", "--out", "e"],
        ["extract", "c.csv", "--config", "net.yaml", "--out", "f.parquet"],
    ],
)
def test_a_model_that_is_not_there_is_wrong_usage(
    tmp_path: Path,
    arguments: list[str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.png").write_bytes(b"")
    (tmp_path / "c.csv").write_text("case,channel,image\na,us,a.png\n", encoding="utf-8")
    (tmp_path / "f.csv").write_text("case,x\na,1\n", encoding="utf-8")
    section = "embedding: {model: absent.onnx, name: net, region: whole}\n"
    (tmp_path / "net.yaml").write_text(section, encoding="utf-8")
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    said = capsys.readouterr().err
    assert "absent." in said
    assert "no such" in said


def test_inspect_shows_external_data_that_is_refused(tmp_path: Path) -> None:
    (tmp_path / "net").mkdir()
    model = external(tmp_path / "net" / "m.onnx", "../w.bin")
    done = run("inspect", model)
    text = " ".join(done.output.split())
    assert done.exit_code == 3
    assert "1 tensors in ../w.bin" in text
    assert "runs on nothing here" in text
    assert "external data lies outside the model's folder" in text
    assert "does not state" not in text


@pytest.mark.parametrize("change", ["ir_version", "opset"])
def test_a_model_that_is_too_new_is_not_asked_for_facts(tmp_path: Path, change: str) -> None:
    model = nets.extractor(tmp_path / "net.onnx")
    new = onnx.load(str(model))
    if change == "opset":
        new.opset_import[0].version = 99
    else:
        new.ir_version = 99
    onnx.save(new, str(model))
    done = run("inspect", model)
    assert done.exit_code == 3
    assert "too new" in done.output
    assert "does not state" not in " ".join(done.output.split())
    with pytest.raises(ModelError, match=r"^net\.onnx: .* too new"):
        convert_model("generic", model, tmp_path / "out.onnx")


def test_two_inputs_are_said_before_facts_are_asked_for(tmp_path: Path) -> None:
    nodes = [helper.make_node("Identity", ["image"], ["embedding"])]
    model = nets.save(
        tmp_path / "two.onnx", nodes, {}, image=("N", 4), outputs=[("embedding", ("N", 4))]
    )
    graph = onnx.load(str(model))
    extra = helper.make_tensor_value_info("age", onnx.TensorProto.FLOAT, ("N", 4))
    graph.graph.input.append(extra)
    graph.graph.node[0].op_type = "Add"
    graph.graph.node[0].input.append("age")
    onnx.save(graph, str(model))
    for command in (("inspect", model), ("bench", model)):
        done = run(*command)
        said = " ".join(f"{done.output} {done.exception}".split())
        assert "this number of inputs cannot be used" in said, said
        assert "dtype" not in said
        assert "age" in said
    assert run("inspect", model).exit_code == 3


def test_all_facts_are_asked_for_at_once(tmp_path: Path) -> None:
    model = nets.extractor(tmp_path / "net.onnx")
    with pytest.raises(MissingFactsError) as caught:
        convert_model("generic", model, tmp_path / "out.onnx")
    asked = {part.split(" (")[0] for part in str(caught.value.expected).split("; ")}
    facts = nets.facts()
    stated = {k: v for k, v in facts.items() if k in asked}
    stated["preprocessing"] = {
        k: v for k, v in facts["preprocessing"].items() if f"preprocessing.{k}" in asked
    }
    card = convert_model("generic", model, tmp_path / "out.onnx", stated=stated)
    assert card.preprocessing.dtype == facts["preprocessing"]["dtype"]
    [problem] = inspect_model(model).problems
    assert all(f"{name} (" in problem for name in asked)


@pytest.mark.parametrize(("content", "status"), [(None, 2), (b"", 1), (b"no model", 1)])
def test_inspect_of_no_model(
    tmp_path: Path, content: bytes | None, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "net.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SystemExit) as stop:
        main(["onnx", "inspect", str(path)])
    assert stop.value.code == status
    assert "net.onnx" in capsys.readouterr().err


def test_bench_of_a_folder(tmp_path: Path) -> None:
    model = nets.extractor(tmp_path / "net.onnx", card=nets.facts())
    pictures(tmp_path / "img", 9)
    done = run("bench", model, "--images", tmp_path / "img", "--batch", 4, "--json")
    [row] = json.loads(done.output)
    assert done.exit_code == 0
    assert (row["provider"], row["images"], row["failed"], row["batch"]) == ("cpu", 9, 0, 4)
    assert row["images_per_s"] > 0
    assert row["decode"] + row["transfer"] + row["compute"] == pytest.approx(1)
    shown = run("bench", model, "--images", tmp_path / "img")
    assert max(map(len, shown.stdout.splitlines()[1:])) <= 80
    assert shown.stdout.splitlines()[1].split() == [
        "provider", "images", "batch", "images/s", "decode", "transfer", "compute"
    ]  # fmt: skip


def test_bench_of_a_model_that_always_fails_prints_no_figure(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("GlobalAveragePool", ["image"], ["p"]),
        helper.make_node("Sub", ["p", "p"], ["zero"]),
        helper.make_node("Log", ["zero"], ["l"]),
        helper.make_node("Flatten", ["l"], ["embedding"]),
    ]
    model = nets.save(
        tmp_path / "log.onnx", nodes, {}, image=("N", 3, 8, 8), outputs=[("embedding", ("N", 3))],
        card=nets.facts(outputs=[{"name": "embedding", "role": "embedding"}]),
    )  # fmt: skip
    done = run("bench", model, "--count", 3, "--batch", 1)
    assert done.exit_code == 1
    assert "3 failed, first: " in done.stderr
    assert done.stdout.splitlines()[2].split() == ["cpu", "0", "1", "-", "-", "-", "-"]
    [row] = json.loads(run("bench", model, "--count", 3, "--json").stdout)
    assert (row["images"], row["failed"]) == (0, 3)
    assert (row["images_per_s"], row["compute"]) == (None, None)


def test_bench_of_simulated_frames(tmp_path: Path) -> None:
    model = nets.extractor(tmp_path / "net.onnx", card=nets.facts())
    done = run("bench", model, "--count", 3, "--json")
    assert json.loads(done.output)[0]["images"] == 3


def test_bench_goes_on_without_bad_images_and_absent_providers(tmp_path: Path) -> None:
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this onnxruntime has CUDA")
    model = nets.extractor(tmp_path / "net.onnx", card=nets.facts())
    paths = pictures(tmp_path / "img", 4)
    paths[1].write_bytes(b"no picture")
    done = run(
        "bench", model, "--images", tmp_path / "img", "--provider", "cuda", "--provider", "cpu"
    )
    assert done.exit_code == 3
    assert "built without it" in done.stderr
    assert "1 failed, first: " in done.stderr
    assert "p01.png" in done.stderr
    for path in paths:
        path.write_bytes(b"no picture")
    assert run("bench", model, "--images", tmp_path / "img").exit_code == 1


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["--provider", "cdua"], 2, "did you mean 'cuda'"),
        (["--batch", "0"], 2, "batch must be positive"),
        (["--images", "absent"], 2, "no such folder"),
        (["--card", "absent.yaml"], 2, "absent.yaml"),
    ],
)
def test_bench_of_what_is_not_there(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    status: int,
    said: str,
) -> None:
    model = nets.extractor(tmp_path / "net.onnx", card=nets.facts())
    with pytest.raises(SystemExit) as stop:
        main(["onnx", "bench", str(model), "--count", "1", *arguments])
    assert stop.value.code == status
    assert said in capsys.readouterr().err


@pytest.fixture(scope="module")
def residual(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return a small residual network and a folder of pictures."""
    folder = tmp_path_factory.mktemp("variant")
    outputs = [{"name": n, "role": n} for n in ("embedding", "feature_map", "logits")]
    facts = nets.facts(preprocessing=nets.RESIDUAL_HOW, outputs=outputs)
    (folder / "pictures").mkdir()
    frames(folder / "pictures", 36)
    return nets.residual(folder / "float.onnx", card=facts), folder / "pictures"


@pytest.mark.parametrize(("bits", "compared"), [("int8", 12), ("fp16", 36)])
def test_variant_says_how_far_it_is_off(
    residual: tuple[Path, Path], tmp_path: Path, bits: str, compared: int
) -> None:
    model, pictures = residual
    out = tmp_path / "v.onnx"
    done = run("variant", model, bits, "--images", pictures, "--out", out)
    assert done.exit_code == 0, done.output
    assert f"{bits}, {compared} pictures compared: cosine " in done.output
    card = open_network(out).card
    assert card.precision == bits
    assert card.variant is not None
    assert card.variant.images == compared


def test_a_variant_that_is_far_off_is_said(
    residual: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("radiofib.deep.precision.LEAST_COSINE", 1.1)
    model, pictures = residual
    done = run("variant", model, "int8", "--images", pictures, "--out", tmp_path / "v.onnx")
    assert done.exit_code == 3
    assert "stay with the float network" in done.output
    assert (tmp_path / "v.onnx").is_file()


def test_variant_of_what_is_none(residual: tuple[Path, Path], tmp_path: Path) -> None:
    model, _ = residual
    done = run("variant", model, "int8", "--images", tmp_path, "--out", tmp_path / "v.onnx")
    assert isinstance(done.exception, UsageError)
    assert "no picture in this folder" in str(done.exception)
    assert run("variant", model, "int4", "--images", tmp_path, "--out", "v").exit_code == 2
