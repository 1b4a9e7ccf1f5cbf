from __future__ import annotations

from pathlib import Path

import numpy as np
import openslide
import pytest
from PIL import Image

from radiofib.slides import reader
from radiofib.slides.reader import Slide
from radiofib.slides.tissue.find import TissueMask
from radiofib.slides.tissue.stain import StainHistogram, separate, stain_statistics

WHITE = (243.0, 243.0, 243.0)
VECTORS = np.array([[0.65, 0.70, 0.29], [0.07, 0.99, 0.11]])
VECTORS = VECTORS / np.linalg.norm(VECTORS, axis=1, keepdims=True)


def stained(haematoxylin: np.ndarray, eosin: np.ndarray) -> np.ndarray:
    density = haematoxylin[..., None] * VECTORS[0] + eosin[..., None] * VECTORS[1]
    return (244.0 * 10**-density - 1).round().clip(0, 255).astype(np.uint8)


def test_known_amounts_come_back() -> None:
    rng = np.random.default_rng(0)
    haematoxylin = np.repeat(np.repeat(rng.uniform(0.05, 0.6, (40, 60)), 8, 0), 8, 1)
    eosin = np.repeat(np.repeat(rng.uniform(0.05, 0.4, (40, 60)), 8, 0), 8, 1)
    picture = Image.fromarray(stained(haematoxylin, eosin))
    slide = Slide(openslide.ImageSlide(picture), Path("s"), (1.0, 1.0), "given")
    grid = slide.grid(8.0)
    mask = rng.random((40, 60)) < 0.7
    values = stain_statistics(slide, grid, TissueMask(mask, WHITE, 0.03), um=2.0)
    for name, truth in (("haematoxylin", haematoxylin), ("eosin", eosin)):
        inside = truth[::8, ::8][mask]
        assert values[f"stain_{name}_od_mean"] == pytest.approx(inside.mean(), abs=0.002)
        assert values[f"stain_{name}_od_sd"] == pytest.approx(inside.std(), abs=0.002)
        for p in (5, 50, 95):
            expected = np.percentile(inside, p)
            assert values[f"stain_{name}_od_p{p:02d}"] == pytest.approx(expected, abs=0.004)
    assert values["stain_residual_od_mean"] == pytest.approx(0.0, abs=0.003)


def test_colours_can_be_mapped_before_they_are_measured() -> None:
    full = np.full((160, 160), 0.3)
    picture = Image.fromarray(stained(full, 0.5 * full))
    slide = Slide(openslide.ImageSlide(picture), Path("s"), (1.0, 1.0), "given")
    grid = slide.grid(8.0)
    tissue = TissueMask(np.ones((grid.height, grid.width), dtype=bool), WHITE, 0.03)

    def doubled(rgb: np.ndarray) -> np.ndarray:
        return ((rgb + 1.0) ** 2 / 244 - 1).round().clip(0, 255).astype(np.uint8)

    plain = stain_statistics(slide, grid, tissue, um=2.0)
    twice = stain_statistics(slide, grid, tissue, um=2.0, change=doubled)
    for stain in ("haematoxylin", "eosin"):
        key = f"stain_{stain}_od_mean"
        assert twice[key] == pytest.approx(2 * plain[key], abs=0.006)


def test_the_size_of_the_blocks_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    picture = Image.fromarray(rng.integers(60, 250, (330, 410, 3)).astype(np.uint8))
    slide = Slide(openslide.ImageSlide(picture), Path("s"), (0.7, 0.7), "given")
    grid = slide.grid(8.0)
    mask = rng.random((grid.height, grid.width)) < 0.5
    tissue = TissueMask(mask, WHITE, 0.03)
    whole = stain_statistics(slide, grid, tissue, um=2.0)
    monkeypatch.setattr(reader, "READ_SIDE", 50)
    # 11 pixels cut in 4 are no whole pixels: halves may round the other way.
    assert stain_statistics(slide, grid, tissue, um=2.0) == pytest.approx(whole, abs=2e-4)


def test_running_statistics_equal_those_of_all_pixels_at_once() -> None:
    amounts = np.random.default_rng(2).normal(0.2, 0.1, (5000, 3))
    histogram = StainHistogram()
    for part in np.array_split(amounts, [1, 1, 700, 4000]):
        histogram.add(part)
    values = histogram.summary()
    assert values["stain_eosin_od_mean"] == pytest.approx(amounts[:, 1].mean(), rel=1e-12)
    assert values["stain_eosin_od_sd"] == pytest.approx(amounts[:, 1].std(), rel=1e-12)
    expected = np.percentile(amounts[:, 1], 95)
    assert values["stain_eosin_od_p95"] == pytest.approx(expected, abs=0.002)


def test_each_stain_alone_is_that_stain() -> None:
    np.testing.assert_allclose(separate(VECTORS), [[1, 0, 0], [0, 1, 0]], atol=1e-12)
