"""Pictures brought to what a card says, and input that is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radiofib.deep.inputs import check_range, picture_input, read_picture_input, white_of
from radiofib.deep.preprocessing import Preprocessing
from radiofib.errors import ImageError, ModelError

MEAN, SD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def how(**changes: Any) -> Preprocessing:
    facts = {
        "colour": "rgb",
        "size": (8, 10),
        "resize": "stretch",
        "value_range": (0, 1),
        "mean": MEAN,
        "sd": SD,
        "layout": "NCHW",
        "dtype": "float32",
    }
    return Preprocessing.parse(facts | changes, where="test")


def grey(**changes: Any) -> Preprocessing:
    return how(**({"colour": "grey", "mean": (0,), "sd": (1,)} | changes))


def picture(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)


def test_same_as_the_formula_where_nothing_is_resized() -> None:
    rgb = picture((8, 10, 3))
    found = picture_input(rgb, how())
    wanted = ((rgb / 255 - MEAN) / SD).transpose(2, 0, 1)
    np.testing.assert_allclose(found, wanted, atol=1e-6)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(picture_input(rgb, how(layout="NHWC")), found.transpose(1, 2, 0))


def test_stretch_and_crop_are_pillows(tmp_path: Path) -> None:
    rgb = picture((40, 57, 3))
    image = PIL.Image.fromarray(rgb)
    plain = {"value_range": (0, 255), "mean": (0, 0, 0), "sd": (1, 1, 1), "dtype": "uint8"}
    stretched = np.asarray(image.resize((10, 8), PIL.Image.Resampling.BILINEAR))
    np.testing.assert_array_equal(picture_input(rgb, how(**plain, layout="NHWC")), stretched)
    # As torchvision: Resize(12) then CenterCrop((8, 10)).
    sized = np.asarray(image.resize((int(12 * 57 / 40), 12), PIL.Image.Resampling.BILINEAR))
    top, left = round((12 - 8) / 2), round((sized.shape[1] - 10) / 2)
    found = picture_input(rgb, how(**plain, layout="NHWC", resize="crop", shorter_side=12))
    np.testing.assert_array_equal(found, sized[top : top + 8, left : left + 10])
    path = tmp_path / "a.jpg"  # by content, not by suffix
    image.save(path, format="PNG")
    np.testing.assert_array_equal(read_picture_input(path, how(**plain, layout="NHWC")), stretched)


def test_pad_keeps_the_proportions_and_is_black() -> None:
    found = picture_input(np.full((20, 10), 255, np.uint8), grey(size=(8, 8), resize="pad"))[0]
    np.testing.assert_array_equal(found[:, :2], 0)
    np.testing.assert_array_equal(found[:, 2:6], 1)
    np.testing.assert_array_equal(found[:, 6:], 0)


def test_none_takes_its_size_alone() -> None:
    assert picture_input(picture((8, 10)), grey(resize="none")).shape == (1, 8, 10)
    with pytest.raises(ImageError, match=r"a\.png.*expected 8 x 10; found 9 x 10"):
        picture_input(picture((9, 10)), grey(resize="none"), where="a.png")
    assert picture_input(picture((9, 13)), grey(resize="none", size=None)).shape == (1, 9, 13)


def test_grey_becomes_three_equal_planes_and_colour_becomes_luma() -> None:
    three = picture_input(picture((8, 10)), how(mean=(0, 0, 0), sd=(1, 1, 1)))
    np.testing.assert_array_equal(three[0], three[1])
    np.testing.assert_array_equal(three[0], three[2])
    red = np.zeros((8, 10, 3), np.uint8)
    red[..., 0] = 200
    np.testing.assert_allclose(picture_input(red, grey()), round(0.299 * 200) / 255, atol=1e-6)


@pytest.mark.parametrize("size", [(8, 10), (31, 17)])
def test_8_bits_as_float_give_the_same_as_8_bits(size: tuple[int, int]) -> None:
    pixels = picture(size)
    a = picture_input(pixels, grey())
    b = picture_input(pixels.astype(np.float64), grey(), white=255)
    np.testing.assert_array_equal(a, b)


def test_16_bits_and_alpha() -> None:
    deep = np.linspace(0, 65535, 80).reshape(8, 10).astype(np.uint16)
    np.testing.assert_allclose(picture_input(deep, grey())[0], deep / 65535, atol=1e-7)
    clear = np.zeros((8, 10, 4), np.uint8)
    clear[..., :3] = 255
    clear[:4, :, 3] = 255
    found = picture_input(clear, grey())[0]
    assert found[:4].min() == 1
    assert found[4:].max() == 0


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(st.integers(1, 40), st.integers(1, 40)),
    st.sampled_from(["stretch", "pad"]),
    st.sampled_from(["bilinear", "bicubic", "nearest"]),
    st.sampled_from(["uint8", "uint16"]),
    st.integers(0, 99),
)
def test_any_picture_stays_within_the_bounds_of_its_card(
    size: tuple[int, int], resize: str, interpolation: str, dtype: str, seed: int
) -> None:
    top = 255 if dtype == "uint8" else 65535
    pixels = np.random.default_rng(seed).integers(0, top + 1, size).astype(dtype)
    rule = how(resize=resize, interpolation=interpolation)
    found = picture_input(pixels, rule, white=top)
    assert found.shape == (3, 8, 10)
    check_range(found, rule)
    check_range(found[None], rule)


@pytest.mark.parametrize(
    ("pixels", "reason"),
    [
        (np.zeros((8, 10, 2)), "not a picture"),
        (np.zeros((2, 8, 10, 3)), "not a picture"),
        (np.zeros((0, 10), np.uint8), "is empty"),
        (np.full((8, 10), 0.5), "does not say which value is white"),
        (np.full((8, 10), -3, np.int16), "does not say which value is white"),
        (np.full((8, 10), 255, np.uint16), "too little of the range.*65535; found 255"),
        (np.full((8, 10), 4095, np.uint16), "too little of the range"),
    ],
)
def test_input_that_is_no_picture(pixels: np.ndarray, reason: str) -> None:
    with pytest.raises(ImageError, match=rf"a\.png.*{reason}"):
        picture_input(pixels, grey(), where="a.png")


def test_values_beyond_white_and_not_numbers() -> None:
    with pytest.raises(ImageError, match=r"expected 0 \(black\) to 255 .*found 0 to 300"):
        picture_input(np.linspace(0, 300, 80).reshape(8, 10), grey(), white=255)
    with pytest.raises(ImageError, match="not numbers"):
        picture_input(np.full((8, 10), np.nan), grey(), white=1)
    assert picture_input(np.full((8, 10), 4095, np.uint16), grey(), white=4095).max() == 1


def test_black_16_bit_picture_is_taken() -> None:
    assert white_of(np.zeros((2, 2), np.uint16)) == 65535


def test_wrong_range_of_a_prepared_input_is_found() -> None:
    rule = how()
    right = picture_input(picture((8, 10, 3)), rule)
    check_range(right, rule)
    for wrong in (right * 255, picture((3, 8, 10)).astype(np.float32), right + 5):
        with pytest.raises(ModelError, match=r"b\.png: values of the input are not those"):
            check_range(wrong, rule, where="b.png")
    right[0, 0, 0] = np.inf
    with pytest.raises(ModelError, match="not numbers"):
        check_range(right, rule)


def test_missing_and_damaged_files(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="no such image file"):
        read_picture_input(tmp_path / "a.png", grey())
    path = tmp_path / "b.png"
    PIL.Image.fromarray(picture((40, 40))).save(path)
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(ImageError, match="damaged or cut short"):
        read_picture_input(path, grey())
