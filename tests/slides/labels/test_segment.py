"""A slide labelled tile by tile is the slide labelled at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw
from scipy import ndimage as ndi

from radiofib.errors import SlideError
from radiofib.slides.labels import segment
from radiofib.slides.labels.segment import plan_slide, segment_slide
from radiofib.slides.labels.segmenter import Segmenter, open_segmenter
from radiofib.slides.labels.settings import SegmentSettings
from radiofib.slides.reader import open_slide
from radiofib.slides.tissue.find import find_tissue
from tests.slides import made, nets

#: Whole slides are labelled at this many um; a tile is 64 pixels.
UM, TILE = 2.0, 64
TRACTS = 23


def slide_pixels(mpp: float = 1.0) -> np.ndarray:
    """Return two cores with round and long tracts that lie across the borders of tiles."""
    picture = made.glass(4500, 2600, mpp)
    for y in (0, 900):
        made.band(picture, made.straight(2900, 3, margin_um=700) + np.array([0, y]), 420, mpp)
    pen = ImageDraw.Draw(picture)
    for k in range(TRACTS):
        x, y = 760 + 256 * (k % 12), 700 + 900 * (k // 12) + 13 * (k % 12)
        wide = 300 if k % 5 == 0 else 40
        pen.ellipse(
            [(x - wide / 2) / mpp, (y - 40) / mpp, (x + wide / 2) / mpp, (y + 40) / mpp],
            fill=made.PURPLE,
        )
    return made.noisy(picture, sd=2.0)


@pytest.fixture(scope="module")
def slide_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("slide")
    return made.write_pyramid(folder / "s.tiff", slide_pixels(), mpp=1.0)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return nets.colour_net(tmp_path_factory.mktemp("model") / "net.onnx", tile=TILE, um=UM)


def labels_of(
    path: Path, segmenter: Segmenter, folder: Path, **more: Any
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return labels, the same by the rule on the whole slide at once, and which cells count."""
    with open_slide(path) as slide:
        found = segment_slide(slide, segmenter, folder, key="k", **more)
        plan = plan_slide(slide, segmenter)
        at_once = nets.rule(slide.read_all(plan.grid))
    cells = nets.asked(plan)
    assert found.grid == plan.grid
    return np.array(found.labels), np.where(cells, at_once, 0), cells


@pytest.mark.parametrize("overlap", [0.0, 0.25, 0.5])
def test_labels_are_those_of_the_whole_slide_and_no_tract_is_cut(
    slide_path: Path, model: Path, tmp_path: Path, overlap: float
) -> None:
    segmenter = open_segmenter(model, SegmentSettings(overlap=overlap))
    found, wanted, cells = labels_of(slide_path, segmenter, tmp_path)
    np.testing.assert_array_equal(found, wanted)
    _, count = ndi.label(found == 2)
    assert count == TRACTS
    assert 0.2 < cells.mean() < 0.7
    with open_slide(slide_path) as slide:
        coarse = slide.grid(8.0)
        tissue = find_tissue(slide.read_all(coarse), um=(8.0, 8.0)).mask
    inside = tissue.repeat(4, axis=0).repeat(4, axis=1)
    assert not (inside & ~cells[: inside.shape[0], : inside.shape[1]]).any()


@pytest.mark.parametrize(
    "um", [4.0, 3.3, *(pytest.param(u, marks=pytest.mark.slow) for u in (1, 0.9))]
)
def test_any_resolution(slide_path: Path, tmp_path: Path, um: float) -> None:
    path = nets.colour_net(tmp_path / "net.onnx", tile=TILE, um=um)
    found, wanted, _ = labels_of(slide_path, open_segmenter(path), tmp_path)
    # Where cells are fractions of pixels, which pixels a cell takes may turn on the last bit.
    differ = 0 if um in (1.0, 4.0) else 2e-3
    assert (found != wanted).mean() <= differ
    assert (found == 2).any()


def test_a_slide_without_levels_and_one_smaller_than_a_tile(model: Path, tmp_path: Path) -> None:
    segmenter = open_segmenter(model)
    whole = made.write_pyramid(tmp_path / "flat.tiff", slide_pixels(2.0), mpp=2.0, levels=1)
    found, wanted, _ = labels_of(whole, segmenter, tmp_path / "flat")
    np.testing.assert_array_equal(found, wanted)
    small = np.full((100, 90, 3), made.GLASS, np.uint8)
    small[20:80] = made.PINK
    path = made.write_pyramid(tmp_path / "small.tiff", small, mpp=4.0, levels=1)
    large = open_segmenter(nets.colour_net(tmp_path / "n.onnx", tile=256, um=4.0))
    found, wanted, _ = labels_of(path, large, tmp_path / "small")
    assert found.shape == (100, 90)
    np.testing.assert_array_equal(found, wanted)
    assert (found == 1).sum() == 60 * 90


def test_threads_and_batch_do_not_change_a_byte(
    slide_path: Path, model: Path, tmp_path: Path
) -> None:
    files = []
    for number, (threads, batch) in enumerate([(1, None), (2, 1), (3, 7)]):
        segmenter = open_segmenter(model, SegmentSettings(batch=batch))
        folder = tmp_path / str(number)
        with open_slide(slide_path) as slide:
            segment_slide(slide, segmenter, folder, key="k", threads=threads)
        files.append({p.name: p.read_bytes() for p in folder.iterdir()})
    assert files[1:] == files[:1] * 2


def test_a_stopped_run_goes_on_and_asks_no_group_again(
    slide_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("radiofib.slides.labels.tiles.GROUP_SIDE", 128)
    segmenter = open_segmenter(nets.colour_net(tmp_path / "net.onnx", tile=TILE, um=UM))
    real = segment._read_tiles
    with open_slide(slide_path) as slide:
        plan = plan_slide(slide, segmenter)
        read: list[int] = []

        def counted(slide, plan, group):
            read.append(plan.groups.index(group))
            return real(slide, plan, group)

        def stopping(slide, plan, group):
            if len(read) == 20:
                raise KeyboardInterrupt
            return counted(slide, plan, group)

        monkeypatch.setattr(segment, "_read_tiles", stopping)
        with pytest.raises(KeyboardInterrupt):
            segment_slide(slide, segmenter, tmp_path / "a", key="k")
        before = len((tmp_path / "a" / "k.done").read_text().splitlines()) - 1
        assert 5 < before <= 20
        monkeypatch.setattr(segment, "_read_tiles", counted)
        read.clear()
        segment_slide(slide, segmenter, tmp_path / "a", key="k")
        assert sorted(read) == [*range(before, len(plan.groups))]
        segment_slide(slide, segmenter, tmp_path / "b", key="k")
    for name in ("k.labels", "k.done"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_no_tissue_and_fluorescence(model: Path, tmp_path: Path) -> None:
    segmenter = open_segmenter(model)
    blank = made.noisy(made.glass(2000, 2000, 2.0))
    for name, pixels, match in (
        ("glass", blank, "no tissue"),
        ("dark", np.zeros_like(blank), "not a brightfield"),
    ):
        path = made.write_pyramid(tmp_path / f"{name}.tiff", pixels, mpp=2.0)
        with open_slide(path) as slide, pytest.raises(SlideError, match=match):
            segment_slide(slide, segmenter, tmp_path / name, key="k")
        assert not (tmp_path / name).exists()


def test_a_slide_too_coarse_for_the_model(slide_path: Path, tmp_path: Path) -> None:
    fine = open_segmenter(nets.colour_net(tmp_path / "net.onnx", tile=TILE, um=0.4))
    with open_slide(slide_path) as slide, pytest.raises(SlideError, match=r"too coarse.*0\.8 um"):
        plan_slide(slide, fine)


def test_a_slide_removed_while_it_is_read(model: Path, tmp_path: Path) -> None:
    picture = Image.fromarray(made.biopsy(um=2.0, length_um=3000.0)[0])
    path = tmp_path / "gone.tiff"
    made.write_pyramid(path, np.asarray(picture), mpp=2.0)
    segmenter = open_segmenter(model)
    with open_slide(path) as slide:
        real = slide._source.read_region

        def gone(*arguments):
            if arguments[1] == 0:  # the overview is read from a coarser level
                path.unlink(missing_ok=True)
                raise OSError("no such file")
            return real(*arguments)

        slide._source.read_region = gone
        with pytest.raises(SlideError, match=r"gone\.tiff: the file was removed while"):
            segment_slide(slide, segmenter, tmp_path / "w", key="k")
