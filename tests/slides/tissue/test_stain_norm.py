from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from skimage.color import rgb2lab

from radiofib.errors import SlideError
from radiofib.slides import open_slide
from radiofib.slides.tissue.find import find_tissue, optical_density
from radiofib.slides.tissue.stain_norm import (
    MACENKO_AMOUNTS,
    MACENKO_VECTORS,
    REINHARD_MEAN,
    REINHARD_SD,
    fit_macenko,
    fit_reinhard,
    fit_stain_map,
    stain_vectors,
    tissue_sample,
)
from tests.slides import made

WHITE = (243.0, 242.0, 244.0)


def amounts(seed: int, n: int = 20_000) -> np.ndarray:
    """Return haematoxylin and eosin of nuclei, cytoplasm and stroma."""
    rng = np.random.default_rng(seed)
    nuclear = rng.random(n) < 0.2
    h = np.where(nuclear, rng.normal(0.8, 0.15, n), rng.normal(0.08, 0.03, n))
    e = np.where(nuclear, rng.normal(0.1, 0.05, n), rng.normal(0.4, 0.1, n))
    return np.column_stack([h, e]).clip(0.0)


def stained(densities: np.ndarray, white: tuple[float, float, float] = WHITE) -> np.ndarray:
    light = (np.array(white) + 1) * 10.0**-densities - 1
    return np.rint(light.clip(0, 255)).astype(np.uint8)


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def degrees(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.degrees(np.arccos((unit(one) * unit(other)).sum(axis=1).clip(-1, 1)))


@pytest.mark.parametrize(
    "vectors", [MACENKO_VECTORS, np.array([[0.65, 0.7, 0.3], [0.2, 0.9, 0.4]])]
)
def test_known_stain_vectors_are_found_within_five_degrees(vectors: np.ndarray) -> None:
    rgb = stained(amounts(0) @ unit(vectors))
    found = stain_vectors(optical_density(rgb[None], WHITE)[0].astype(float))
    # Percentiles of the angle end a little inside mixed pixels, by the method itself.
    assert (degrees(found, vectors) < 5).all()


def test_pure_stains_are_found_within_one_degree() -> None:
    pure = np.zeros((20_000, 2))
    pure[:10_000, 0] = pure[10_000:, 1] = np.linspace(0.4, 1.0, 10_000)
    rgb = stained(pure @ unit(MACENKO_VECTORS))
    found = stain_vectors(optical_density(rgb[None], WHITE)[0].astype(float))
    assert (degrees(found, MACENKO_VECTORS) < 1).all()


def test_two_strengths_of_one_stain_become_equal() -> None:
    base = amounts(1) @ unit(MACENKO_VECTORS)
    strong, pale = stained(base), stained(0.6 * base)
    one, two = (fit_macenko(rgb, WHITE)(rgb).astype(float) for rgb in (strong, pale))
    before = np.abs(strong.astype(float) - pale).mean()
    assert before > 20
    assert np.abs(one - two).mean() < 0.05 * before


def test_another_laboratory_gets_the_colours_of_the_reference() -> None:
    vectors = np.array([[0.65, 0.70, 0.29], [0.10, 0.90, 0.30]])
    rgb = stained(amounts(2) @ unit(vectors))
    mapped = fit_macenko(rgb, WHITE)(rgb)
    density = optical_density(mapped[None], WHITE)[0].astype(float)
    assert (degrees(stain_vectors(density), MACENKO_VECTORS) < 2).all()
    third = np.cross(*unit(MACENKO_VECTORS))
    unmixed = density @ np.linalg.inv(np.vstack([unit(MACENKO_VECTORS), unit(third)]))
    assert np.percentile(unmixed, 99, axis=0)[:2] == pytest.approx(MACENKO_AMOUNTS, rel=0.05)


def test_reinhard_gives_mean_and_sd_of_the_reference() -> None:
    rgb = stained(amounts(3) * 0.7 @ unit(MACENKO_VECTORS))
    rgb = rgb[rgb.min(axis=1) < 200]
    lab = rgb2lab(fit_reinhard(rgb, WHITE)(rgb) / 255)
    assert lab.mean(axis=0) == pytest.approx(REINHARD_MEAN, abs=1.5)
    assert lab.std(axis=0) == pytest.approx(REINHARD_SD, rel=0.2)


@pytest.mark.parametrize("fit", [fit_macenko, fit_reinhard])
def test_glass_stays_white_and_blocks_do_not_matter(fit) -> None:  # type: ignore[no-untyped-def]
    rgb = stained(amounts(4, 6_400) @ unit(MACENKO_VECTORS))
    change = fit(rgb, WHITE)
    block = rgb.reshape(80, 80, 3)
    whole = change(block)
    assert whole.dtype == np.uint8
    assert (change(block[:40, 40:]) == whole[:40, 40:]).all()
    glass = change(np.array([[WHITE]]).astype(np.uint8))
    assert (glass >= 240).all()
    json.dumps(change.provenance())


def test_too_little_stain_says_so() -> None:
    with pytest.raises(SlideError, match="too little stain to normalise"):
        fit_macenko(np.full((500, 3), 240, np.uint8), WHITE)
    one = np.linspace(0.3, 1, 500)[:, None] * np.array([[0.5, 0.5, 0.5]])
    with pytest.raises(SlideError, match="one stain only"):
        stain_vectors(one)
    with pytest.raises(SlideError, match="too little tissue"):
        fit_reinhard(np.zeros((5, 3), np.uint8), WHITE)


def test_a_slide_is_fitted_on_its_tissue_only(tmp_path: Path) -> None:
    pixels, _ = made.biopsy(length_um=3000)
    path = made.write_png(tmp_path / "s.png", pixels)
    with open_slide(path, mpp=4.0) as slide:
        grid = slide.grid(8.0)
        tissue = find_tissue(slide.read_all(grid), um=(8.0, 8.0))
        sample = tissue_sample(slide, grid, tissue, um=4.0)
        assert len(sample) == 4 * tissue.mask.sum()
        assert np.mean(sample[:, 1] < 200) > 0.97
        change = fit_stain_map(slide, grid, tissue, "reinhard", um=4.0)
        again = fit_stain_map(slide, grid, tissue, "reinhard", um=4.0)
        assert change.provenance() == again.provenance()
        assert change.method == "reinhard"
