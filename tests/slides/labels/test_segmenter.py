"""Which networks label slides, and what the others are told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from radiofib.errors import ConfigError, ModelError, RadiofibError, UsageError
from radiofib.slides.labels.segmenter import open_segmenter
from radiofib.slides.labels.settings import SegmentSettings
from tests.deep import nets as deep_nets
from tests.slides import nets

TILES = list(np.random.default_rng(0).integers(0, 256, (5, 64, 64, 3)).astype(np.uint8))


@pytest.mark.parametrize(
    ("how", "role"),
    [
        ({}, "label_map"),
        ({"layout": "NCHW", "dtype": "float32"}, "label_map"),
        ({"outputs": ("logits",)}, "logits"),
        ({"batch": 1}, "label_map"),
        ({"batch": 3}, "label_map"),
    ],
)
@pytest.mark.parametrize("batch", [1, 2, 5])
def test_any_layout_output_and_batch_gives_the_same_labels(
    tmp_path: Path, how: dict[str, Any], role: str, batch: int
) -> None:
    path = nets.colour_net(tmp_path / "net.onnx", **how)
    segmenter = open_segmenter(path, SegmentSettings(batch=batch))
    assert (segmenter.role, segmenter.um, segmenter.tile) == (role, 2.0, 64)
    assert segmenter.batch == how.get("batch", batch)
    found = []
    for start in range(0, 5, segmenter.batch):
        found += segmenter.run(TILES[start : start + segmenter.batch])
    assert [f.dtype for f in found] == [np.uint8] * 5
    np.testing.assert_array_equal(found, [nets.rule(t) for t in TILES])


def test_normalised_input_is_the_cards(tmp_path: Path) -> None:
    # (p - 128) / 2 is exact, and changes what the same weights say.
    path = nets.colour_net(
        tmp_path / "net.onnx", layout="NCHW", dtype="float32", mean=[128] * 3, sd=[2] * 3
    )
    shown = (TILES[0].astype(np.float32) - 128) / 2
    wanted = (shown @ nets.WEIGHTS.T + nets.BIASES).argmax(axis=2)
    np.testing.assert_array_equal(open_segmenter(path).run(TILES[:1])[0], wanted)
    assert (wanted != nets.rule(TILES[0])).any()


def test_small_logits_are_enlarged_before_the_argmax(tmp_path: Path) -> None:
    path = nets.colour_net(tmp_path / "net.onnx", shrink=4, outputs=("logits",))
    [found] = open_segmenter(path).run(TILES[:1])
    assert found.shape == (64, 64)
    coarse = TILES[0].reshape(16, 4, 16, 4, 3).mean(axis=(1, 3))
    logits = coarse @ nets.WEIGHTS.T + nets.BIASES
    blocky = logits.argmax(axis=2).repeat(4, axis=0).repeat(4, axis=1)
    assert (found != blocky).any()
    # Held borders: the outermost cells are those of the small logits.
    assert found[0, 0] == logits[0, 0].argmax()


def test_tiles_of_another_size_than_the_input_are_resized_and_back(tmp_path: Path) -> None:
    path = nets.colour_net(tmp_path / "net.onnx", tile=64, resize="stretch")
    stated = {"preprocessing": {"tile": 128}}
    segmenter = open_segmenter(path, stated=stated)
    assert (segmenter.role, segmenter.tile) == ("logits", 128)
    tile = np.full((128, 128, 3), 240, np.uint8)
    tile[:, 64:] = (100, 60, 140)
    labels = segmenter.run([tile])[0]
    assert labels.shape == (128, 128)
    assert (labels[:, :62] == 0).all()
    assert (labels[:, 66:] == 2).all()


def refused(path: Path, kind: type[RadiofibError], match: str, **more: Any) -> None:
    with pytest.raises(kind, match=match):
        open_segmenter(path, **more)


def test_a_card_without_resolution_or_tile_is_asked_for_them(tmp_path: Path) -> None:
    path = nets.colour_net(tmp_path / "net.onnx", um=None)
    refused(path, ConfigError, r"preprocessing\.um_per_px.*--card")
    assert open_segmenter(path, stated={"preprocessing": {"um_per_px": 0.5}}).um == 0.5
    stated = {"preprocessing": {"um_per_px": 0.5, "tile": None}}
    refused(path, ConfigError, r"preprocessing\.tile", stated=stated)


def test_models_that_are_no_segmenter_of_slides(tmp_path: Path) -> None:
    embedding = deep_nets.extractor(tmp_path / "e.onnx", card=deep_nets.facts())
    refused(embedding, ModelError, "no segmenter.*extractor")
    (tmp_path / "text.onnx").write_text("no model")
    refused(tmp_path / "text.onnx", ModelError, "text.onnx")
    refused(tmp_path / "absent.onnx", ModelError, "absent.onnx")
    path = nets.colour_net(tmp_path / "net.onnx")
    refused(path, ModelError, "tile and size", stated={"preprocessing": {"tile": 32}})
    refused(path, ModelError, "card is not that of the graph: size", stated={
        "preprocessing": {"tile": 32, "size": [32, 32]}
    })  # fmt: skip
    labels = nets.colour_net(tmp_path / "labels.onnx", outputs=("label_map",))
    refused(labels, ModelError, "no logits", settings=SegmentSettings(overlap=0.5))


def test_another_number_of_classes_than_the_card_says(tmp_path: Path) -> None:
    path = nets.colour_net(tmp_path / "net.onnx")
    refused(path, ModelError, "number of classes", stated={"classes": nets.CLASSES[::2]})
    # Where the graph does not tell, the labels do.
    path = nets.colour_net(tmp_path / "labels.onnx", outputs=("label_map",), plane=1)
    tile = np.full((64, 64, 3), (90, 60, 140), np.uint8)
    with pytest.raises(ModelError, match=r"labels that its card does not name.*0 to 2.*3 to 3"):
        open_segmenter(path).run([tile])


def test_logits_that_are_no_numbers(tmp_path: Path) -> None:
    path = nets.colour_net(tmp_path / "net.onnx", outputs=("logits",), blank=True)
    with pytest.raises(ModelError, match="not finite"):
        open_segmenter(path).run(TILES[:1])


def test_what_classes_stand_for(tmp_path: Path) -> None:
    names = ["Glass", "Hepatocytes", "Triad", "Portal vein"]
    classes = [{"name": n, "colour": f"#00000{k}"} for k, n in enumerate(names)]
    path = nets.colour_net(tmp_path / "net.onnx", outputs=("label_map",), classes=classes)

    def parts(**given: Any) -> list[str]:
        found = open_segmenter(path, SegmentSettings(**given)).classes
        assert [c.name for c in found] == names
        assert found[2].color == (0, 0, 2)
        return [c.compartment for c in found]

    assert parts() == ["background", "other", "other", "portal"]
    assert parts(portal=("Triad",), tissue=("Hepatocytes",)) == [
        "background",
        "lobule",
        "portal",
        "other",
    ]
    for given, match in (
        ({"portal": ("Triads",)}, "Triad"),
        ({"portal": ("Glass",)}, "Glass"),
        ({"portal": ("Triad",), "tissue": ("Triad",)}, "either"),
        ({"tissue": ("Portal vein",)}, "--portal"),
    ):
        refused(path, UsageError, match, settings=SegmentSettings(**given))
    late = [{"name": n, "colour": "#000000"} for n in ("tract", "lobule", "background")]
    path = nets.colour_net(tmp_path / "late.onnx", classes=late)
    refused(path, ModelError, "first class must be the background")


def test_facts_tell_models_apart_and_no_paths(tmp_path: Path) -> None:
    one = open_segmenter(nets.colour_net(tmp_path / "net.onnx")).facts()
    other = open_segmenter(nets.colour_net(tmp_path / "net.onnx", um=1.0)).facts()
    assert one["sha256"] != other["sha256"]
    assert str(tmp_path) not in str(one)
    stated = {"preprocessing": {"um_per_px": 2.0}}
    assert open_segmenter(tmp_path / "net.onnx", stated=stated).facts() != other
