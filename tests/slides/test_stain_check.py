"""Stains told apart by the colours of the tissue: drawn ones, real tiles, and none at all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from radiofib.slides import SlideSettings, TractSettings, measure_slide, open_slide
from radiofib.slides.morphometry.settings import SlideStain
from radiofib.slides.stain_check import colourless, looks_like
from radiofib.slides.tissue.find import TissueMask, optical_density
from tests.slides import made

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


def grey(kind: str, folder: Path) -> Path:
    """Write a core as a picture of one channel, of equal channels, or compressed so."""
    picture = Image.fromarray(made.biopsy(um=8.0, length_um=1500.0)[0]).convert("L")
    path = folder / f"{kind}.{'jpg' if kind == 'jpeg' else 'png'}"
    (picture if kind == "single" else picture.convert("RGB")).save(path)
    return path


@pytest.mark.parametrize("kind", ["single", "equal", "jpeg"])
@pytest.mark.parametrize("stain", ["h_and_e", "sirius_red"])
def test_no_stain_is_measured_on_a_grey_picture(
    kind: str, stain: SlideStain, tmp_path: Path
) -> None:
    settings = SlideSettings(tracts=TractSettings(stain=stain))
    with open_slide(grey(kind, tmp_path), mpp=8.0) as slide:
        found = measure_slide(slide, settings)
    assert found.measured["morphometry_core_length_mm"] == pytest.approx(1.5, rel=0.05)
    [warning] = found.warnings
    assert warning.startswith("a grey picture")
    coloured = [k for k in found.measured if k.startswith(("stain_", "collagen_", "steatosis_"))]
    assert len(coloured) > 10
    for key in coloured:
        assert np.isnan(found.measured[key]), key
    assert "is grey" in found.missing["stain_eosin_od_mean"]
    assert "is grey" in found.missing["steatosis_vacuole_percent"]


@pytest.mark.parametrize("reason", ["the picture is grey", None])
def test_measures_and_warning_go_by_one_judgement(
    reason: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def judged(overview: np.ndarray, tissue: TissueMask) -> str | None:
        asked.append(tissue)
        return reason

    monkeypatch.setattr("radiofib.slides.measure.colourless", judged)
    Image.fromarray(made.biopsy(um=8.0, length_um=1500.0)[0]).save(tmp_path / "s.png")
    with open_slide(tmp_path / "s.png", mpp=8.0) as slide:
        found = measure_slide(slide, SlideSettings())
    assert len(asked) == 1
    assert np.isnan(found.measured["stain_eosin_od_mean"]) == (reason is not None)
    assert [w for w in found.warnings if w.startswith("a grey picture")] == list(found.warnings)
    assert len(found.warnings) == (reason is not None)


def test_the_palest_colour_is_no_grey() -> None:
    faint = np.full((20, 20, 3), (226, 222, 224), np.uint8)
    everywhere = TissueMask(np.ones((20, 20), dtype=bool), WHITE, 0.05)
    assert colourless(faint, everywhere) is None
    assert colourless(np.full_like(faint, 222), everywhere) is not None
