from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radiofib.slides.pixels.features import (
    PixelSettings,
    feature_names,
    halo_cells,
    pixel_features,
)
from radiofib.slides.tissue.stain import separate

SETTINGS = PixelSettings(scales_um=(4.0, 12.0), smooth_um=0.0)
WHITE = (240.0, 240.0, 240.0)
UNMIXED = np.linalg.inv(separate(np.eye(3)))


def features(
    rgb: np.ndarray, levels: tuple[float, float, float] = (0.2, 0.1, 0.2), um: float = 4.0
):
    return pixel_features(rgb, white=WHITE, levels=levels, um=um, settings=SETTINGS)


def stained(amounts: np.ndarray) -> np.ndarray:
    """Return the picture of some amounts of haematoxylin, eosin and residual."""
    density = amounts @ UNMIXED
    return (241 * 10**-density - 1).round().clip(0, 255).astype(np.uint8)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 12), st.integers(0, 12))
def test_a_block_with_its_halo_has_the_features_of_the_whole(
    seed: int, top: int, left: int
) -> None:
    rgb = np.random.default_rng(seed).integers(0, 256, (60, 70, 3)).astype(np.uint8)
    whole = features(rgb)
    halo = halo_cells(SETTINGS, 4.0)
    frame = slice(top + halo, top + halo + 20), slice(left + halo, left + halo + 25)
    part = features(rgb[top : top + 20 + 2 * halo, left : left + 25 + 2 * halo])
    np.testing.assert_array_equal(part[halo:-halo, halo:-halo], whole[frame])
    # A halo smaller by one is not enough.
    less = features(rgb[top + 1 : top + 19 + 2 * halo, left : left + 25 + 2 * halo])
    assert (less[halo - 1 : -halo + 1, halo:-halo] != whole[frame]).any()


def test_amounts_are_scaled_by_the_levels_of_the_slide() -> None:
    amounts = np.zeros((20, 20, 3))
    amounts[..., 0], amounts[..., 1] = 0.3, 0.15
    names = feature_names(SETTINGS)
    pale = features(stained(amounts), levels=(0.3, 0.15, 0.3))[10, 10]
    dark = features(stained(amounts * 1.5), levels=(0.45, 0.225, 0.45))[10, 10]
    assert len(names) == pale.size
    assert pale[names.index("haematoxylin")] == pytest.approx(1, abs=0.02)
    assert pale[names.index("eosin_mean_12um")] == pytest.approx(1, abs=0.04)
    assert pale[names.index("haematoxylin_sd_4um")] == pytest.approx(0, abs=1e-3)
    np.testing.assert_allclose(dark, pale, atol=0.05)


def test_coherence_is_high_where_fibres_run_side_by_side_and_low_in_noise() -> None:
    names = feature_names(SETTINGS)
    at = names.index("haematoxylin_coherence_12um")
    amounts = np.zeros((60, 60, 3))
    amounts[..., 0] = 0.2 + 0.1 * np.sin(np.arange(60) * 2)[:, None]
    fibres = features(stained(amounts))[30, 30, at]
    amounts[..., 0] = np.random.default_rng(0).uniform(0.1, 0.3, (60, 60))
    noise = features(stained(amounts))[30, 30, at]
    assert fibres > 0.95
    assert noise < 0.4


def test_names_are_of_every_scale_and_halos_grow_with_it() -> None:
    names = feature_names(PixelSettings())
    assert len(set(names)) == len(names) == 3 + 4 * 7
    assert halo_cells(PixelSettings(), 4.0) == 24 + 1 + 6
    assert halo_cells(PixelSettings(), 2.0) == 48 + 1 + 12
