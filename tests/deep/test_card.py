"""Model cards: fields, what is missing, agreement with the graph."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("onnxruntime", reason="needs the extra 'onnx'")
pytest.importorskip("onnx", reason="needs the package 'onnx'")

from radiofib.deep.card import (
    CARD_KEY,
    ModelCard,
    card_from_metadata,
    read_card,
    read_sidecar,
    with_card,
)
from radiofib.deep.inspect import inspect_model
from radiofib.deep.network import open_network
from radiofib.deep.session import open_session
from radiofib.errors import ConfigError, ModelError
from radiofib.provenance import hash_file
from tests.deep import nets

CLASSES = [{"name": "F0-F1", "colour": "#00ff00"}, {"name": "F2-F4", "colour": "#ff0000"}]
VOLUME = {
    "kind": "volume",
    "preprocessing": {
        "colour": "grey",
        "size": [4, 8, 8],
        "mean": [0],
        "sd": [1],
        "layout": "NCDHW",
        "spacing_mm": [2, 2, 3],
        "orientation": "LPS",
        "normalisation": {"type": "zscore", "region": "all"},
    },
}


def parse(**changes: Any) -> ModelCard:
    return ModelCard.parse(nets.facts(**changes), where="card")


def test_card_travels_in_the_model(tmp_path: Path) -> None:
    plain = nets.extractor(tmp_path / "plain.onnx")
    card = parse(training_data="simulated frames")
    out = with_card(plain, card, tmp_path / "new" / "net.onnx")
    assert read_card(out) == card
    assert list(open_session(out).metadata) == [CARD_KEY]
    assert not open_session(plain).metadata


def test_other_metadata_stays_and_an_old_card_is_replaced(tmp_path: Path) -> None:
    import onnx

    path = nets.extractor(tmp_path / "net.onnx", card=nets.facts())
    model = onnx.load(str(path))
    model.metadata_props.add(key="note", value="kept")
    onnx.save(model, str(path))
    with_card(path, parse(licence="MIT"), path)
    session = open_session(path)
    assert session.metadata["note"] == "kept"
    assert read_card(path).licence == "MIT"


text = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=20)
share = st.none() | st.floats(0, 1)


@st.composite
def cards(draw: st.DrawFn) -> ModelCard:
    grey = draw(st.booleans())
    low = draw(st.floats(-10, 10))
    n = 1 if grey else 3
    number = st.floats(-100, 100)
    size = draw(st.none() | st.tuples(st.integers(1, 512), st.integers(1, 512)))
    names = draw(st.lists(text, min_size=2, max_size=5, unique=True))
    return parse(
        architecture=draw(text),
        licence=draw(text),
        citation=draw(st.none() | text),
        kind=draw(st.sampled_from(["classifier", "extractor"])),
        outputs=[{"name": "a", "role": "logits"}, {"name": "b", "role": "embedding"}],
        classes=[{"name": name} for name in names],
        parity=draw(
            st.none()
            | st.fixed_dictionaries(
                {"against": text, "inputs": st.integers(1, 99), "cosine": share}
            )
        ),
        preprocessing={
            "colour": "grey" if grey else "rgb",
            "size": size,
            "resize": draw(st.sampled_from(["stretch", "crop", "pad", "none"])) if size else "none",
            "value_range": (low, low + draw(st.floats(0.1, 300))),
            "mean": draw(st.lists(number, min_size=n, max_size=n)),
            "sd": draw(st.lists(st.floats(0.01, 100), min_size=n, max_size=n)),
            "layout": draw(st.sampled_from(["NCHW", "NHWC"])),
        },
    )


@settings(max_examples=60, deadline=None)
@given(cards())
def test_json_round_trip(card: ModelCard) -> None:
    written = card.to_json()
    again = ModelCard.from_json(written, where="card")
    assert again == card
    assert again.to_json() == written


def test_volume_card_round_trip() -> None:
    card = parse(**VOLUME)
    assert ModelCard.from_json(card.to_json(), where="card") == card
    assert card.preprocessing.channels == 1


def test_bounds_of_the_input_follow_range_mean_and_sd() -> None:
    low, high = parse().preprocessing.bounds()
    assert low == pytest.approx((-2.5, -1.6, -1.0))
    assert high == pytest.approx((2.5, 2.4, 7 / 3))


def test_model_without_card_names_each_missing_fact(tmp_path: Path) -> None:
    path = nets.extractor(tmp_path / "net.onnx")
    with pytest.raises(ConfigError) as caught:
        read_card(path, {"licence": "MIT", "preprocessing": {"colour": "rgb", "size": [8, 8]}})
    message = str(caught.value)
    for name in ("kind (", "preprocessing.resize", "preprocessing.mean", "outputs ("):
        assert name in message
    for known in ("preprocessing.colour (", "licence (", "preprocessing.size ("):
        assert known not in message
    # The file itself tells these.
    for read in ("opset (", "source (", "preprocessing.dtype"):
        assert read not in message
    assert "--card" in message


def test_what_the_file_tells_is_not_asked_for(tmp_path: Path) -> None:
    path = nets.extractor(tmp_path / "net.onnx")
    facts = nets.facts()
    for name in ("opset", "source"):
        del facts[name]
    for name in ("dtype", "size"):
        del facts["preprocessing"][name]
    card = read_card(path, facts)
    assert (card.opset, card.preprocessing.dtype, card.preprocessing.size) == (
        17,
        "float32",
        (8, 8),
    )
    assert (card.source.name, card.source.sha256) == ("net.onnx", hash_file(path))
    assert open_network(path, stated=facts).card == card
    assert inspect_model(path, facts).card == card
    # Where the weights came from another file, this one does not know its hash.
    with pytest.raises(ConfigError, match=r"expected source\.sha256 \("):
        read_card(path, facts | {"source": {"name": "weights.pt"}})
    # Where the graph leaves the size open, it was chosen in training.
    wide = nets.extractor(tmp_path / "open.onnx", size="side")
    with pytest.raises(ConfigError, match=r"expected preprocessing\.size \("):
        read_card(wide, facts)


@pytest.mark.parametrize("name", ["kind", "source", "opset", "outputs", "preprocessing", "licence"])
def test_no_required_fact_is_guessed(name: str) -> None:
    facts = nets.facts()
    del facts[name]
    first = "preprocessing.colour" if name == "preprocessing" else name
    with pytest.raises(ConfigError, match=rf"expected {first} \("):
        card_from_metadata({}, facts, where="net.onnx")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("license: MIT", r"facts.yaml: 'license' is not a known key.*did you mean 'licence'"),
        ("opset: new", r"facts.yaml: 'opset': Input should be a valid integer"),
        ("classes: [low, high]", r"facts.yaml: 'classes': each class is a mapping with its name: "
         r"write classes: \[\{name: low\}, \{name: high\}\]"),
        ("classes: {0: low, 1: high}", r"write classes: \[\{name: low\}, \{name: high\}\]"),
        ("outputs: {logits: y}", r"'outputs': .*write outputs: \[\{name: y, role: logits\}\]"),
        ("outputs: {y: logits}", r"'outputs': .*write outputs: \[\{name: y, role: logits\}\]"),
        ("outputs: [y]", r"'outputs': .*write outputs: \[\{name: y, role: logits\}\]"),
        ("preprocessing: {colour: red}", r"facts.yaml: 'preprocessing.colour': .*'grey' or 'rgb'"),
    ],
)  # fmt: skip
def test_facts_that_cannot_be_are_told_with_their_file(
    tmp_path: Path, text: str, said: str
) -> None:
    (tmp_path / "facts.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=said):
        read_sidecar(tmp_path / "facts.yaml")


def test_misspelt_fact_is_named_not_called_missing() -> None:
    facts = nets.facts()
    facts["preprocessing"]["resise"] = facts["preprocessing"].pop("resize")
    with pytest.raises(ConfigError, match=r"preprocessing: 'resise'.*did you mean 'resize'"):
        card_from_metadata({}, facts, where="net.onnx")
    with pytest.raises(ConfigError, match=r"'licens' is not a known key"):
        card_from_metadata({}, {"licens": "MIT"}, where="net.onnx")


def test_stated_facts_take_the_place_of_the_models_own() -> None:
    own = {CARD_KEY: json.dumps(nets.facts())}
    card = card_from_metadata(own, {"preprocessing": {"mean": [0, 0, 0]}}, where="net.onnx")
    assert card.preprocessing.mean == (0, 0, 0)
    assert card.preprocessing.sd == (0.2, 0.25, 0.3)


@pytest.mark.parametrize("suffix", [".yaml", ".json"])
def test_sidecar(tmp_path: Path, suffix: str) -> None:
    path = nets.extractor(tmp_path / "net.onnx")
    sidecar = tmp_path / f"card{suffix}"
    sidecar.write_text(json.dumps(nets.facts()), encoding="utf-8")
    assert read_card(path, read_sidecar(sidecar)) == parse()
    sidecar.write_text("[1, 2]", encoding="utf-8")
    with pytest.raises(ConfigError, match="no mapping"):
        read_sidecar(sidecar)


@pytest.mark.parametrize("text", ["{", "[1]", '{"format": 2}', '{"kind": "oracle"}', '"a"'])
def test_metadata_that_is_no_card(text: str) -> None:
    with pytest.raises(ConfigError, match=r"net\.onnx"):
        card_from_metadata({CARD_KEY: text}, None, where="net.onnx")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"preprocessing": {"mean": [0.5]}}, "3 numbers"),
        ({"preprocessing": {"sd": [1, 1, 0]}}, "greater than 0"),
        ({"preprocessing": {"sd": [1, 1, float("inf")]}}, "finite"),
        ({"preprocessing": {"value_range": [1, 1]}}, "must grow"),
        ({"preprocessing": {"size": None}}, "needs a size"),
        ({"preprocessing": {"size": [8, 8, 8]}}, "2 lengths"),
        ({"preprocessing": {"size": [0, 8]}}, "positive"),
        ({"preprocessing": {"dtype": "uint8"}}, "uint8 input needs"),
        ({"preprocessing": {"shorter_side": 9}}, "belongs to resize 'crop'"),
        ({"preprocessing": {"shorter_side": 7, "resize": "crop"}}, "less than"),
        ({"preprocessing": {"spacing_mm": [1, 1, 1]}}, "belong to kind 'volume'"),
        ({"kind": "volume"}, "belongs to kind 'volume'"),
        ({"kind": "classifier", "classes": CLASSES}, "needs an output logits"),
        ({"classes": [CLASSES[0], CLASSES[0]]}, "same name"),
        ({"outputs": [{"name": "a", "role": "logits"}]}, "needs an output embedding"),
        (
            {"outputs": [{"name": "a", "role": "embedding"}, {"name": "b", "role": "embedding"}]},
            "once",
        ),
        (
            {
                "kind": "segmenter",
                "classes": [{"name": "a"}, {"name": "b"}],
                "outputs": [{"name": "a", "role": "label_map"}],
            },
            "needs a colour",
        ),
        (
            VOLUME | {"preprocessing": VOLUME["preprocessing"] | {"normalisation": None}},
            r"needs preprocessing\.normalisation",
        ),
        (
            VOLUME | {"preprocessing": VOLUME["preprocessing"] | {"orientation": "LRS"}},
            "each of the three axes",
        ),
        ({"source": {"name": "a/b.pt", "sha256": "ab" * 32}}, "pattern"),
        ({"source": {"name": "b.pt", "sha256": "AB" * 32}}, "pattern"),
        (
            {
                "variant": {
                    "float_sha256": "ab" * 32,
                    "images": 9,
                    "cosine": 1,
                    "least_cosine": 1,
                    "same_neighbour": 1,
                }
            },
            "belongs to precision",
        ),
    ],
)
def test_impossible_cards(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        parse(**changes)


@pytest.mark.parametrize("kind", ["classifier", "segmenter"])
def test_classes_are_asked_for(kind: str) -> None:
    facts = nets.facts(kind=kind, outputs=[{"name": "logits", "role": "logits"}])
    with pytest.raises(ConfigError, match=r"expected classes \("):
        card_from_metadata({}, facts, where="net.onnx")


HEAD = {
    "kind": "classifier",
    "outputs": [{"name": "logits", "role": "logits"}],
    "classes": CLASSES,
}


@pytest.mark.parametrize(
    ("graph", "changes", "reason"),
    [
        ({}, {"preprocessing": {"dtype": "float16"}}, "type of the input"),
        ({}, {"preprocessing": {"size": [8, 9]}}, "size of the input"),
        ({}, {"preprocessing": {"size": None, "resize": "none"}}, "size of the input"),
        ({}, {"preprocessing": {"layout": "NHWC"}}, "channels of the input"),
        (
            {"channels": 1},
            {},
            "channels of the input",
        ),
        ({}, VOLUME, "axes of the input"),
        (
            {},
            {"outputs": [{"name": "embeding", "role": "embedding"}]},
            "output is not in the graph",
        ),
        (
            {},
            {"outputs": [{"name": "feature_map", "role": "embedding"}]},
            "axes of an output.*2 for embedding",
        ),
        ({"classes": 3}, HEAD, "number of classes.*by the card 2"),
        (
            {"classes": 2},
            {
                "kind": "segmenter",
                "outputs": [{"name": "feature_map", "role": "label_map"}],
                "classes": CLASSES,
            },
            "type of an output.*whole numbers",
        ),
    ],
)
def test_card_that_is_not_that_of_the_graph(
    tmp_path: Path, graph: dict[str, Any], changes: dict[str, Any], reason: str
) -> None:
    path = nets.extractor(tmp_path / "net.onnx", **graph)
    with pytest.raises(ModelError, match=reason):
        read_card(path, nets.facts(**changes))
    with pytest.raises(ModelError, match=reason):
        with_card(path, parse(**changes), tmp_path / "out.onnx")
    assert not (tmp_path / "out.onnx").exists()


def test_operator_set_is_compared(tmp_path: Path) -> None:
    path = nets.extractor(tmp_path / "net.onnx")
    with pytest.raises(ModelError, match=r"operator set differs.*by the card 18; .*graph 17"):
        with_card(path, parse(opset=18), tmp_path / "out.onnx")


def test_matching_classifier_and_open_size(tmp_path: Path) -> None:
    path = nets.extractor(tmp_path / "net.onnx", classes=2, size="s")
    card = with_card(path, parse(**HEAD), tmp_path / "out.onnx")
    assert [c.name for c in read_card(card).classes] == ["F0-F1", "F2-F4"]
    loose = {"preprocessing": {"size": None, "resize": "none"}}
    assert read_card(path, nets.facts(**loose)).preprocessing.size is None
