"""Labels kept as PNG."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from radiofib.errors import SlideError
from radiofib.slides.labels import files as label_files
from radiofib.slides.labels.files import read_labels, write_labels

COLORS = [(128, 128, 128), (86, 180, 233), (213, 94, 0)]


@given(st.integers(1, 80), st.integers(1, 80), st.integers(0, 2**32 - 1), st.integers(1, 300))
def test_what_was_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, height: int, width: int, seed: int, at_once: int
) -> None:
    folder = tmp_path_factory.mktemp("png")
    labels = np.random.default_rng(seed).integers(0, 3, (height, width)).astype(np.uint8)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(label_files, "_AT_ONCE", at_once)
        write_labels(folder / "a.png", labels, COLORS, (1.0, 1.0))
        np.testing.assert_array_equal(read_labels(folder / "a.png"), labels)
        mapped = read_labels(folder / "a.png", into=folder / "a.raw")
    assert isinstance(mapped, np.memmap)
    np.testing.assert_array_equal(mapped, labels)
    assert (folder / "a.raw").read_bytes() == labels.tobytes()


def test_other_programs_see_class_numbers_colours_and_the_size_of_a_pixel(tmp_path: Path) -> None:
    labels = np.random.default_rng(1).integers(0, 3, (700, 900)).astype(np.uint8)
    write_labels(tmp_path / "a.png", labels, COLORS, (0.5, 2.0))
    with Image.open(tmp_path / "a.png") as picture:
        picture.load()
        assert picture.mode == "P"
        np.testing.assert_array_equal(np.asarray(picture), labels)
        np.testing.assert_array_equal(
            np.asarray(picture.convert("RGB")), np.array(COLORS, np.uint8)[labels]
        )
        x, y = (dots / 25_400 for dots in picture.info["dpi"])  # pixels per um
        assert (1 / x, 1 / y) == pytest.approx((0.5, 2.0), rel=1e-3)


def test_empty_slides_take_little_room(tmp_path: Path) -> None:
    write_labels(tmp_path / "a.png", np.zeros((5000, 8000), np.uint8), COLORS, (1.0, 1.0))
    assert (tmp_path / "a.png").stat().st_size < 60_000


@given(st.integers(0, 10_000), st.booleans())
def test_damaged_files_are_told(
    tmp_path_factory: pytest.TempPathFactory, where: int, cut: bool
) -> None:
    folder = tmp_path_factory.mktemp("png")
    labels = np.arange(40 * 60, dtype=np.uint8).reshape(40, 60) % 3
    write_labels(folder / "a.png", labels, COLORS, (1.0, 1.0))
    data = bytearray((folder / "a.png").read_bytes())
    where %= len(data) - 12  # the closing chunk holds nothing
    if cut:
        del data[where:]
    else:
        data[where] ^= 0xFF
    (folder / "a.png").write_bytes(data)
    with pytest.raises(SlideError, match="not labels"):
        read_labels(folder / "a.png")


def test_other_pictures_are_no_labels(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(tmp_path / "rgb.png")
    (tmp_path / "text.png").write_text("labels")
    for name in ("rgb.png", "text.png", "absent.png"):
        with pytest.raises(SlideError, match="not labels"):
            read_labels(tmp_path / name)
