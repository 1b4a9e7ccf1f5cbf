"""Stains told apart by the colours of the tissue: drawn ones, and real tiles."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from radiofib.slides.stain_check import looks_like
from radiofib.slides.tissue.find import optical_density

WHITE = (245.0, 245.0, 245.0)


def density(colours: list[tuple[int, int, int]]) -> np.ndarray:
    return np.asarray(optical_density(np.array([colours], np.uint8), WHITE)[0], dtype=float)


@pytest.mark.parametrize(
    ("colours", "stain"),
    [
        ([(222, 150, 190)] * 20 + [(96, 62, 140)], "h_and_e"),
        ([(200, 160, 200)] * 20, "h_and_e"),
        ([(226, 196, 128)] * 9 + [(186, 62, 66)], "sirius_red"),
        ([(205, 110, 130)] * 40 + [(90, 120, 185)], "masson"),
        ([(190, 90, 110)] * 40 + [(90, 150, 140)], "masson"),
        # A pen dot is no collagen, and red tissue alone no trichrome.
        ([(222, 150, 190)] * 20 + [(43, 53, 143)], "h_and_e"),
        ([(205, 110, 130)] * 40, None),
        ([(90, 120, 185)], None),
    ],
)
def test_stains_are_told_by_hue(colours: list[tuple[int, int, int]], stain: str | None) -> None:
    assert looks_like(density(colours)) == stain


@pytest.mark.external
@pytest.mark.parametrize(
    ("name", "stain"),
    [("tile01_HE", "h_and_e"), ("tile02_HE", "h_and_e"), ("tile02_PSR", "sirius_red")],
)
def test_real_tiles_are_told(external_data: Path, name: str, stain: str) -> None:
    with Image.open(external_data / f"histology/liverquant/{name}.jpg") as picture:
        small = picture.convert("RGB").resize((128, 128), Image.Resampling.BOX)
    found = np.asarray(optical_density(np.asarray(small), WHITE), dtype=float).reshape(-1, 3)
    assert looks_like(found[found.max(axis=1) > 0.08]) == stain
