"""What an exporter wrote into a model for readers is not handed on; what it computes is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnxruntime", reason="needs the extra 'onnx'")
pytest.importorskip("onnx", reason="needs the package 'onnx'")

import onnx

from radiofib.deep.card import ModelCard, with_card
from radiofib.deep.session import open_session
from tests.deep import nets

WORD = "Mustermann"


def noted(path: Path) -> Path:
    """Write a network without a card, with notes in every place that has some."""
    model = onnx.load(str(nets.residual(path, card=None)))
    model.doc_string = model.producer_name = model.producer_version = model.domain = WORD
    model.graph.name = model.graph.doc_string = WORD
    for part in [*model.graph.node, *model.graph.input, *model.graph.output]:
        part.doc_string = WORD
        part.metadata_props.add(key="pkg.torch.onnx.stack_trace", value=f"/home/{WORD}/net.py")
    for tensor in model.graph.initializer:
        tensor.doc_string = WORD
    onnx.save(model, str(path))
    return path


def test_a_model_gets_its_card_and_loses_the_notes(tmp_path: Path) -> None:
    path = noted(tmp_path / "noted.onnx")
    assert WORD.encode() in path.read_bytes()
    outputs = [{"name": n, "role": n} for n in ("embedding", "feature_map", "logits")]
    facts = nets.facts(preprocessing=nets.RESIDUAL_HOW, outputs=outputs)
    clear = with_card(path, ModelCard.parse(facts, where="test"), tmp_path / "clear.onnx")
    assert WORD.encode() not in clear.read_bytes()
    onnx.checker.check_model(str(clear))
    before, after = open_session(path), open_session(clear)
    shape = [n if isinstance(n, int) else 2 for n in before.inputs[0].shape]
    x = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    for one in before.outputs:
        found = [s.run({s.inputs[0].name: x}, output=one.name) for s in (before, after)]
        np.testing.assert_array_equal(found[0], found[1])
