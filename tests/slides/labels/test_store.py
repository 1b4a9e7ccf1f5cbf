"""Labels on disk while they are made: whole, or done again."""

from __future__ import annotations

import errno
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from radiofib.errors import SlideError
from radiofib.slides.labels import store as label_store
from radiofib.slides.labels.store import LabelStore, tiles_done

SHAPE = (6, 8)
BOXES = [(0, 0, 4, 4), (4, 0, 8, 4), (0, 4, 4, 6), (4, 4, 8, 6)]
TILES = [4, 3, 2, 1]


def parts() -> list[np.ndarray]:
    rng = np.random.default_rng(3)
    return [rng.integers(0, 3, (b - t, r - x)).astype(np.uint8) for x, t, r, b in BOXES]


def store(folder: Path, key: str = "k") -> LabelStore:
    return LabelStore(folder, key, SHAPE, BOXES, TILES)


def finish(folder: Path) -> int:
    """Write what is missing; return how many groups that was."""
    with store(folder) as labels:
        missing = range(labels.finished, len(BOXES))
        for number in missing:
            labels.write(number, parts()[number])
    return len(missing)


def whole() -> np.ndarray:
    labels = np.zeros(SHAPE, np.uint8)
    for (left, top, right, bottom), part in zip(BOXES, parts(), strict=True):
        labels[top:bottom, left:right] = part
    return labels


def test_groups_land_in_their_place_and_are_counted(tmp_path: Path) -> None:
    with store(tmp_path) as labels:
        labels.write(0, parts()[0])
        labels.write(1, parts()[1])
        assert tiles_done(tmp_path) == {"k": (7, 10)}
    assert finish(tmp_path) == 2
    with store(tmp_path) as labels:
        assert labels.finished == 4
        np.testing.assert_array_equal(labels.labels(), whole())
    assert (tmp_path / "k.labels").read_bytes() == whole().tobytes()


@given(st.integers(0, 400), st.sampled_from(["cut", "flip"]), st.sampled_from(["done", "labels"]))
def test_whatever_is_damaged_is_done_again(
    tmp_path_factory: pytest.TempPathFactory, where: int, how: str, kind: str
) -> None:
    folder = tmp_path_factory.mktemp("store")
    finish(folder)
    good = {p.name: p.read_bytes() for p in folder.iterdir()}
    path = folder / f"k.{kind}"
    data = bytearray(path.read_bytes())
    where %= len(data)
    if how == "cut":
        del data[where:]
    else:
        data[where] ^= 0x5A
    path.write_bytes(data)
    assert finish(folder) >= 1
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == good


def test_another_key_or_plan_starts_again(tmp_path: Path) -> None:
    finish(tmp_path)
    with store(tmp_path, "other") as labels:
        assert labels.finished == 0
    with LabelStore(tmp_path, "k", SHAPE, BOXES, [4, 3, 2, 2]) as labels:
        assert labels.finished == 0
        assert not labels.labels().any()


def test_groups_come_in_order(tmp_path: Path) -> None:
    with store(tmp_path) as labels, pytest.raises(ValueError, match="order"):
        labels.write(1, parts()[1])
    with store(tmp_path) as labels, pytest.raises(ValueError, match="order"):
        labels.write(0, parts()[0][:2])


def test_a_full_disk_is_told_and_costs_one_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = label_store._write_all

    def full(stream, data):
        real(stream, data[: len(data) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    with store(tmp_path) as labels:
        labels.write(0, parts()[0])
        monkeypatch.setattr(label_store, "_write_all", full)
        with pytest.raises(SlideError, match=r"disk is full.*finished tiles are kept"):
            labels.write(1, parts()[1])
    monkeypatch.undo()
    assert finish(tmp_path) == 3
    with store(tmp_path) as labels:
        np.testing.assert_array_equal(labels.labels(), whole())


def test_what_is_not_labelled_takes_no_room(tmp_path: Path) -> None:
    side = 30_000
    with LabelStore(tmp_path, "k", (side, side), [(0, 0, 100, 100)], [1]) as labels:
        labels.write(0, np.ones((100, 100), np.uint8))
        found = labels.labels()
        assert found.shape == (side, side)
        assert int(found[:101, :101].sum()) == 10_000
    facts = (tmp_path / "k.labels").stat()
    assert facts.st_size == side**2
    if hasattr(facts, "st_blocks"):
        assert facts.st_blocks * 512 < 4e6


def test_records_of_nobody_are_not_read(tmp_path: Path) -> None:
    for number, text in enumerate(["", "{}\n", "[1]\n", '{"tiles": "x"}\n']):
        (tmp_path / f"{number}.done").write_text(text)
    assert tiles_done(tmp_path) == {}
