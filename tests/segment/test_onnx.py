"""A user's ONNX model: seams, sizes, directions, spacing, and what it must state."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from radiofib.errors import ConfigError, MaskError, ModelError
from radiofib.images import Image
from radiofib.segment import ModelFacts, load_model, segment_with_model

pytest.importorskip("onnxruntime", reason="needs the extra 'onnx'")
pytest.importorskip("onnx", reason="needs the package 'onnx'")

from onnx import helper

from tests.deep import models

EYE = tuple(np.eye(3).ravel())
FACTS: dict[str, Any] = {
    "spacing_mm": [1, 1, 2],
    "orientation": "LPS",
    "axes": "zyx",
    "normalisation": {"type": "none"},
    "output": "sigmoid",
    "label": 0,
    "channels": ["ged4"],
    "window": [6, 8, 8],
}


def ball(
    shape: tuple[int, int, int] = (13, 21, 18),
    spacing: tuple[float, float, float] = (2.0, 1.0, 1.0),
    centre: tuple[float, float, float] = (12.0, 10.0, 7.0),
    radius: float = 6.0,
) -> Image:
    """Return 1 in a ball and 0 outside; centre in mm from the first voxel, z, y, x."""
    axes = np.meshgrid(
        *[np.arange(n) * s for n, s in zip(shape, spacing, strict=True)], indexing="ij"
    )
    distance = np.sqrt(sum((a - c) ** 2 for a, c in zip(axes, centre, strict=True)))
    return Image((distance < radius).astype(np.float32), spacing, (5.0, -4.0, 30.0), EYE)


def facts(**changes: Any) -> ModelFacts:
    return ModelFacts.parse(FACTS | changes, where="test")


@pytest.mark.parametrize("window", [[6, 8, 8], [5, 7, 3], [13, 21, 18], [20, 32, 32], [1, 1, 1]])
def test_seams_leave_no_trace(tmp_path: Path, window: list[int]) -> None:
    image = ball()
    model = load_model(models.threshold(tmp_path / "m.onnx"), facts(window=window))
    found = segment_with_model(image, model)
    np.testing.assert_array_equal(found.mask.pixels, image.pixels)
    assert found.mask.origin_mm == image.origin_mm
    assert found.volume_ml == pytest.approx(image.pixels.sum() * 2 / 1000)
    assert "segmented by 'm.onnx' at 1 x 1 x 2 mm, LPS" in found.notes


def test_model_that_looks_around_gives_the_mask_of_the_whole_volume(tmp_path: Path) -> None:
    path = models.mean_filter(tmp_path / "m.onnx", 0.4)
    image = ball()
    whole = segment_with_model(image, load_model(path, facts(window=[13, 21, 18])))
    parts = segment_with_model(image, load_model(path, facts(window=[8, 12, 12])))
    np.testing.assert_array_equal(parts.mask.pixels, whole.mask.pixels)
    assert 0 < whole.mask.pixels.sum() != image.pixels.sum()


@pytest.mark.parametrize("flips", [(0,), (1,), (2,), (1, 2), (0, 1, 2)])
def test_flipped_directions_are_turned_and_turned_back(
    tmp_path: Path, flips: tuple[int, ...]
) -> None:
    # The model itself tells directions apart: it finds what is bright and in the low half of x.
    side = np.zeros((1, 1, 13, 21, 18), np.float32)
    side[..., 9:] = -1
    nodes = [
        helper.make_node("Add", ["image", "side"], ["s"]),
        helper.make_node("Sub", ["s", "at"], ["score"]),
    ]
    path = models.save(
        tmp_path / "m.onnx",
        nodes,
        {"side": side, "at": np.array(0.5)},
        shape=side.shape,
    )
    model = load_model(path, facts(window=None))
    image = ball(centre=(12.0, 10.0, 9.0))
    straight = segment_with_model(image, model).mask.pixels
    assert 0 < straight.sum() < image.pixels.sum()
    pixels = np.flip(image.pixels, flips)
    direction = np.eye(3)
    origin = np.array(image.origin_mm)
    for axis in flips:
        column = 2 - axis
        direction[column, column] = -1
        origin[column] += (image.pixels.shape[axis] - 1) * image.spacing_mm[axis]
    turned = replace(
        image, pixels=pixels, origin_mm=tuple(origin), direction=tuple(direction.ravel())
    )
    found = segment_with_model(turned, model).mask
    assert found.direction == turned.direction
    np.testing.assert_array_equal(np.flip(found.pixels, flips), straight)


def test_orientation_and_axis_order_are_the_models(tmp_path: Path) -> None:
    # Axes x, y, z growing to R, A, S (MONAI): first axis is x, its low end is the left.
    low = np.zeros((1, 1, 18, 21, 13), np.float32)
    low[:, :, 9:] = -1
    nodes = [
        helper.make_node("Add", ["image", "low"], ["s"]),
        helper.make_node("Sub", ["s", "at"], ["score"]),
    ]
    constants = {"low": low, "at": np.array(0.5)}
    path = models.save(tmp_path / "m.onnx", nodes, constants, shape=low.shape)
    model = load_model(path, facts(window=None, axes="xyz", orientation="RAS"))
    image = ball(centre=(12.0, 10.0, 8.5))
    found = segment_with_model(image, model).mask.pixels
    expected = image.pixels.copy()
    expected[:, :, :9] = 0  # x of the image grows to the left: the model's low end is high x
    np.testing.assert_array_equal(found, expected)


def test_model_spacing_is_reached_and_left_again(tmp_path: Path) -> None:
    image = ball((30, 60, 60), (2.0, 1.0, 1.0), (30.0, 30.0, 28.0), 18.0)
    path = models.threshold(tmp_path / "m.onnx")
    found = segment_with_model(
        image, load_model(path, facts(spacing_mm=[3, 3, 3], window=[16, 16, 16]))
    )
    truth = image.pixels > 0
    mask = found.mask.pixels > 0
    assert mask.shape == truth.shape
    dice = 2 * (mask & truth).sum() / (mask.sum() + truth.sum())
    assert dice > 0.96
    places = [np.argwhere(m).mean(axis=0) * image.spacing_mm for m in (mask, truth)]
    np.testing.assert_allclose(places[0], places[1], atol=0.15)


@pytest.mark.parametrize("shape", [(1, 3, 2), (2, 21, 5)])
def test_volume_smaller_than_the_window(tmp_path: Path, shape: tuple[int, int, int]) -> None:
    pixels = np.zeros(shape, np.float32)
    pixels[:, 1:] = 1
    image = Image(pixels, (2.0, 1.0, 1.0), (0.0, 0.0, 0.0), EYE)
    model = load_model(models.threshold(tmp_path / "m.onnx"), facts(window=[8, 8, 8]))
    np.testing.assert_array_equal(segment_with_model(image, model).mask.pixels, pixels)


def test_argmax_probability_and_sigmoid_read_the_output_as_stated(tmp_path: Path) -> None:
    image = ball()
    graded = replace(image, pixels=image.pixels * np.float32(0.8))
    two = load_model(models.two_classes(tmp_path / "2.onnx"), facts(output="argmax", label=1))
    np.testing.assert_array_equal(segment_with_model(graded, two).mask.pixels, image.pixels)
    path = models.threshold(tmp_path / "p.onnx", 0.0)
    for output, threshold, voxels in (
        ("probability", 0.75, image.pixels.sum()),
        ("probability", 0.85, None),
        ("sigmoid", 0.65, image.pixels.sum()),  # logistic(0.8) = 0.69
        ("sigmoid", 0.72, None),
    ):
        model = load_model(path, facts(output=output, threshold=threshold))
        if voxels is None:
            with pytest.raises(MaskError, match="the model finds no liver"):
                segment_with_model(graded, model)
        else:
            assert segment_with_model(graded, model).mask.pixels.sum() == voxels


def test_largest_piece_is_kept_and_holes_are_filled(tmp_path: Path) -> None:
    image = ball()
    full = image.pixels > 0
    pixels = image.pixels.copy()
    pixels[6, 10, 7] = 0
    pixels[0, 0, -1] = 1
    model = load_model(models.threshold(tmp_path / "m.onnx"), facts())
    found = segment_with_model(replace(image, pixels=pixels), model)
    np.testing.assert_array_equal(found.mask.pixels > 0, full)
    assert any("largest of 2 pieces kept" in note for note in found.notes)


def test_facts_in_the_model_and_settings_over_them(tmp_path: Path) -> None:
    path = models.threshold(tmp_path / "m.onnx", facts=FACTS)
    assert load_model(path).facts == facts()
    changed = load_model(path, ModelFacts.parse({"threshold": 0.7}, where="test"))
    assert changed.facts == facts(threshold=0.7)


def test_facts_not_stated_are_asked_for_by_name(tmp_path: Path) -> None:
    path = models.threshold(tmp_path / "m.onnx")
    with pytest.raises(ConfigError) as error:
        load_model(path)
    for name in (
        "spacing_mm", "orientation", "axes", "normalisation", "output", "label", "channels"
    ):  # fmt: skip
        assert name in str(error.value)
    with pytest.raises(ConfigError, match="expected window"):
        load_model(path, facts(window=None))
    path = models.threshold(tmp_path / "n.onnx", facts={"spacing": [1, 1, 1]})
    with pytest.raises(ConfigError, match="did you mean 'spacing_mm'"):
        load_model(path)


def test_facts_that_contradict_the_model(tmp_path: Path) -> None:
    path = models.threshold(tmp_path / "m.onnx", shape=(1, 1, 8, 8, 8))
    with pytest.raises(ConfigError, match="window contradicts the model's input"):
        load_model(path, facts())
    two = models.two_classes(tmp_path / "2.onnx")
    with pytest.raises(ConfigError, match="an output of 6 channels or more"):
        load_model(two, facts(label=5, output="argmax"))
    with pytest.raises(ConfigError, match="label 0 is the background"):
        load_model(two, facts(label=0, output="argmax"))


def test_models_of_another_kind(tmp_path: Path) -> None:
    path = models.threshold(tmp_path / "c.onnx", shape=(1, 3, "a", "b", "c"))
    with pytest.raises(ModelError, match="not a model of one image volume"):
        load_model(path, facts())
    nodes = [
        helper.make_node("Sub", ["image", "at"], ["score"]),
        helper.make_node("Add", ["image", "at"], ["aux"]),
    ]
    path = models.save(tmp_path / "d.onnx", nodes, {"at": np.array(0.5)}, outputs=("score", "aux"))
    with pytest.raises(ConfigError, match="output_name"):
        load_model(path, facts())
    assert load_model(path, facts(output_name="aux")).output == "aux"


def test_images_that_cannot_be_segmented(tmp_path: Path) -> None:
    model = load_model(models.threshold(tmp_path / "m.onnx"), facts())
    with pytest.raises(MaskError, match="needs a volume"):
        segment_with_model(Image(np.ones((4, 4)), (1.0, 1.0), kind="picture"), model)
    image = ball()
    bad = image.pixels.copy()
    bad[0, 0, 0] = np.inf
    with pytest.raises(MaskError, match="values that are not numbers"):
        segment_with_model(replace(image, pixels=bad), model)
