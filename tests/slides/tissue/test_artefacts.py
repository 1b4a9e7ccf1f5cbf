from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage as ndi

from benchmarks import tissue
from radiofib.errors import SlideError
from radiofib.slides import open_slide
from radiofib.slides.specs.artefacts import ARTEFACT_SPECS
from radiofib.slides.tissue.artefacts import Artefacts, find_artefacts
from radiofib.slides.tissue.clean import artefact_annotations, artefact_values, clean_tissue
from radiofib.slides.tissue.find import find_tissue, white_level
from radiofib.slides.tissue.settings import ARTEFACT_KINDS, ArtefactSettings
from tests.slides import made


def core(width: int = 80, length: int = 400) -> np.ndarray:
    """Return a core on glass at 8 um per pixel."""
    rng = np.random.default_rng(0)
    picture = rng.normal(made.GLASS, 1.0, (200, length + 100, 3))
    pink = rng.normal(made.PINK, 8.0, (width, length, 3))
    picture[60 : 60 + width, 50 : 50 + length] = pink
    return picture.clip(0, 255).round().astype(np.uint8)


def kinds(picture: np.ndarray, settings: ArtefactSettings | None = None) -> Artefacts:
    stained = find_tissue(picture, um=(8.0, 8.0)).mask
    return find_artefacts(picture, stained, white_level(picture), um=(8.0, 8.0), settings=settings)


def areas(found: Artefacts) -> dict[str, int]:
    return {k: int(found.mask(k).sum()) for k in ARTEFACT_KINDS if found.mask(k).any()}


def test_a_clean_core_has_no_artefacts() -> None:
    assert areas(kinds(core())) == {}


@pytest.mark.parametrize(
    "ink", [(40, 60, 150), (30, 120, 70), (190, 40, 50), (35, 35, 38), (20, 90, 160)]
)
def test_ink_of_any_colour_is_pen_on_glass_and_on_tissue(ink: tuple[int, int, int]) -> None:
    picture = core()
    picture[20:180, 200:230] = ink
    found = areas(kinds(picture))
    assert found == {"pen": pytest.approx(160 * 30, rel=0.03)}


def test_colour_of_ink_is_no_sign_on_trichrome_stains() -> None:
    picture = core()
    picture[20:180, 200:230] = (40, 60, 150)
    assert areas(kinds(picture, ArtefactSettings(coloured_ink=False))) == {}


def test_a_band_of_double_density_is_a_fold_and_crowded_nuclei_are_not() -> None:
    picture = core()
    twice = (picture.astype(float) ** 2 / 243).round().astype(np.uint8)
    picture[60:140, 150:160] = twice[60:140, 150:160]
    nuclei = picture.copy()
    nuclei[60:140, 300:310] = made.PURPLE
    assert not kinds(nuclei).any[:, 290:320].any()
    assert areas(kinds(picture)) == {"fold": pytest.approx(80 * 10, rel=0.25)}


def test_solid_tissue_among_vacuoles_is_no_fold() -> None:
    """A tract in a fatty liver takes up twice the light of all around it, in its colour."""
    rng = np.random.default_rng(0)
    picture = core(width=100).astype(float)
    # What makes cells of 8 um uneven is nuclei, in all channels alike; there is hardly any noise.
    picture[60:160, 50:450] = made.PINK + (picture[60:160, 50:450] - made.PINK) / 4
    flesh = rng.uniform(0.2, 0.8, (100, 400, 1))  # part of a cell that is no vacuole
    flesh[30:45, 150:260] = 1.0
    glass = np.array(made.GLASS)
    picture[60:160, 50:450] = glass * (picture[60:160, 50:450] / glass) ** flesh
    picture = picture.clip(0, 255)
    assert "fold" not in areas(kinds(picture.round().astype(np.uint8)))


def test_a_fold_of_uneven_tissue_is_found() -> None:
    """Nuclei and sinusoids make cells vary by a third: the densest are no measure of the mean."""
    rng = np.random.default_rng(0)
    picture = core().astype(float)
    glass = np.array(made.GLASS)
    layers = rng.gamma(9.0, 1 / 9, (2, 80, 400, 1))
    pink = np.array(made.PINK) / glass
    picture[60:140, 50:450] = glass * pink ** layers[0]
    picture[60:140, 150:160] *= pink ** layers[1, :, 100:110]
    found = areas(kinds(picture.round().astype(np.uint8)))
    assert found == {"fold": pytest.approx(80 * 10, rel=0.25)}


def test_a_closed_dark_ring_is_a_bubble_and_an_open_one_is_not() -> None:
    picture = core()
    y, x = np.mgrid[: picture.shape[0], : picture.shape[1]]
    radius = np.hypot(y - 100, x - 250)
    ring = (radius > 27) & (radius <= 30)
    picture[ring] = 95
    found = kinds(picture)
    assert areas(found)["bubble"] == pytest.approx(np.pi * 30**2, rel=0.06)
    half = core()
    half[ring & (x > 250)] = 95
    assert "bubble" not in areas(kinds(half))


def test_black_padding_is_dark_ground_and_a_black_speck_is_dust() -> None:
    picture = core()
    picture[:, :20] = 0
    picture[170:174, 300:304] = 40
    found = kinds(picture)
    assert set(areas(found)) == {"dark ground", "dust"}
    assert found.mask("dark ground")[:, :20].all()
    assert found.mask("dust").sum() == 16


def test_kinds_that_are_not_asked_for_are_not_looked_for() -> None:
    picture = core()
    picture[20:180, 200:230] = (40, 60, 150)
    assert areas(kinds(picture, ArtefactSettings(kinds=("dust", "fold")))) == {}


def test_a_stroke_across_a_core_takes_area_but_makes_no_second_core(tmp_path: Path) -> None:
    picture = core()
    picture[20:180, 200:230] = (40, 60, 150)
    path = made.write_png(tmp_path / "a.png", picture)
    with open_slide(path, mpp=8.0) as slide:
        clean = clean_tissue(slide)
    assert clean.tissue.mask.sum() == pytest.approx(80 * 370, rel=0.01)
    assert clean.whole.sum() == pytest.approx(80 * 400, rel=0.01)
    values, missing = artefact_values(clean)
    lost = values["artefact_tissue_left_out_mm2"]
    assert lost == pytest.approx(80 * 30 * 64e-6, rel=0.1)
    notes = artefact_annotations(clean.artefacts, clean.grid)
    assert [note.name for note in notes] == ["Artefact: pen 1"]
    assert notes[0].polygon.area * 64e-6 == pytest.approx(values["artefact_pen_area_mm2"])
    assert set(values) == {spec.key for spec in ARTEFACT_SPECS}
    assert missing == {"artefact_blur_area_mm2": "pixels are too coarse to judge focus"}


def test_what_dust_cuts_off_the_edge_is_no_fragment(tmp_path: Path) -> None:
    picture = core()
    picture[94:102, 446:454] = 40  # dust at the end of the core
    picture[96:100, 454:457] = made.PINK
    path = made.write_png(tmp_path / "a.png", picture)
    with open_slide(path, mpp=8.0) as slide:
        clean = clean_tissue(slide)
    assert clean.artefacts.mask("dust").sum() >= 20
    assert ndi.label(clean.whole)[1] == 1
    assert not clean.tissue.mask[:, 454:].any()


def over_the_end(picture: np.ndarray, beyond: int, radius: int = 60) -> np.ndarray:
    """Draw the rim of a bubble across a core, some cells before its end; return what is beyond."""
    y, x = np.mgrid[: picture.shape[0], : picture.shape[1]]
    away = np.hypot(y - 85, x - (450 - beyond - radius))
    picture[(away > radius - 3) & (away <= radius)] = 95
    beyond_it: np.ndarray = (away > radius) & (x > 450 - beyond - radius)
    return beyond_it


@pytest.mark.parametrize("beyond", [3, 4, 6, 12])
def test_the_end_of_a_core_beyond_a_bubble_is_tissue(beyond: int, tmp_path: Path) -> None:
    picture = core(width=50)
    over_the_end(picture, beyond)
    with open_slide(made.write_png(tmp_path / "a.png", picture), mpp=8.0) as slide:
        clean = clean_tissue(slide)
    end = (slice(60, 110), slice(451 - beyond, 450))
    assert clean.artefacts.mask("bubble").sum() > 10_000
    assert clean.tissue.mask[end].mean() > 0.9
    assert ndi.label(clean.whole)[1] == 1
    assert np.flatnonzero(clean.whole.any(axis=0))[[0, -1]].tolist() == [50, 449]


@pytest.mark.parametrize("shade", [(205, 205, 205), (170, 180, 225)])
def test_a_shadow_or_smear_beyond_a_bubble_is_no_end_of_a_core(
    shade: tuple[int, int, int], tmp_path: Path
) -> None:
    picture = core(width=50)
    picture[:, 440:] = np.array(made.GLASS)  # the core ends under the bubble
    beyond = over_the_end(picture, beyond=4)
    rows = (np.arange(200) >= 60) & (np.arange(200) < 110)
    picture[beyond & rows[:, None] & (np.arange(500) < 451)] = shade
    with open_slide(made.write_png(tmp_path / "a.png", picture), mpp=8.0) as slide:
        clean = clean_tissue(slide)
    assert not clean.tissue.mask[:, 440:].any()


def test_a_slide_all_over_with_pen_is_refused_with_the_reason(tmp_path: Path) -> None:
    picture = core()
    picture[55:145, 40:460] = (40, 60, 150)
    path = made.write_png(tmp_path / "inked.png", picture)
    named = pytest.raises(SlideError, match=r"inked\.png: no tissue left .* pen 100 %")
    with open_slide(path, mpp=8.0) as slide, named:
        clean_tissue(slide)


@pytest.mark.parametrize("ground", [250, 225, 200, 175])
@pytest.mark.parametrize("noise", [0.5, 4.0])
def test_area_is_right_on_dark_and_noisy_ground(ground: int, noise: float) -> None:
    rng = np.random.default_rng(1)
    picture = np.full((200, 500, 3), ground, dtype=float)
    picture[60:140, 50:450] *= np.array(made.PALE) / 243
    picture = (picture + rng.normal(0, noise, picture.shape)).clip(0, 255)
    mask = find_tissue(picture.round().astype(np.uint8), um=(8.0, 8.0)).mask
    # Noise of 4 grey levels after averaging to 8 um is as strong as the palest stain.
    assert mask.sum() == pytest.approx(80 * 400, rel=0.01 if noise < 1 else 0.02)


@pytest.mark.proof
@pytest.mark.timeout(1800)
def test_artefacts_on_simulated_slides_are_found_as_claimed(tmp_path: Path) -> None:
    table = tissue.compared(tissue.artefact_findings(tmp_path))
    assert len(table) == 12
    assert table["holds"].all(), table[~table["holds"]].to_string()
