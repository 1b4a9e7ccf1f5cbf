"""onnx convert writes a model, asks for what is not stated, and says why it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from radiofib.cli.app import main
from radiofib.deep.card import read_card
from radiofib.deep.convert.resnet import ResNetPlan
from tests.deep.convert import sources

CARD = """
preprocessing: {resize: stretch, value_range: [0, 1], mean: [0.5], sd: [0.25]}
training_data: simulated
"""


def _status(arguments: list[str]) -> int:
    try:
        main(arguments)
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


def test_convert(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch = pytest.importorskip("torch")
    plan = ResNetPlan("resnet10", channels=1, classes=2)
    source = sources.resnet_file(tmp_path / "w.pt", plan)
    card, out = tmp_path / "facts.yaml", tmp_path / "net.onnx"
    card.write_text(CARD, encoding="utf-8")
    command = ["onnx", "convert", "resnet10", str(source), "--out", str(out), "--size", "64"]
    assert _status(command) == 2
    assert "licence (licence of the weights)" in capsys.readouterr().err
    command += ["--card", str(card), "--licence", "CC0-1.0", "--classes", "F0-1,F2-4"]
    assert _status(command) == 0
    assert "largest difference" in capsys.readouterr().out
    found = read_card(out)
    assert [c.name for c in found.classes] == ["F0-1", "F2-4"]
    assert found.training_data == "simulated"
    assert _status(["onnx", "inspect", str(out)]) == 0
    assert "resnet10" in capsys.readouterr().out

    scripted = tmp_path / "net.pt"
    torch.jit.script(torch.nn.Linear(2, 2)).save(str(scripted))
    command[3] = str(scripted)
    assert _status(command) == 2
    assert "--trust-torchscript" in capsys.readouterr().err
    command[3] = str(card)
    assert _status(command) == 1
    assert "not a file with a network" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "value", "told"),
    [
        ("--size", "big", "not a size"),
        ("--mean", "a,b", "not numbers"),
        ("--layout", "NCH", "not one of"),
        ("--images", "nowhere", "no pictures"),
    ],
)
def test_options_that_are_not_understood(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str, value: str, told: str
) -> None:
    command = ["onnx", "convert", "resnet18", "w.pt", "--out", str(tmp_path / "n.onnx")]
    assert _status([*command, option, value]) == 2
    assert told in capsys.readouterr().err
