from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

import numpy as np
import openslide
import pytest
from PIL import Image
from scipy import ndimage as ndi

from radiofib.errors import SlideError
from radiofib.slides import open_slide, run_slides, to_wkt
from radiofib.slides.polygons import Polygon
from radiofib.slides.specs import column
from radiofib.slides.tissue.clean import artefact_values, clean_tissue
from radiofib.slides.tissue.find import find_tissue
from radiofib.slides.tissue.focus import find_blur
from radiofib.slides.tissue.stain import stain_statistics
from radiofib.slides.tissue.stain_norm import fit_stain_map
from tests.slides.qupath.test_geojson import jts_check
from tests.slides.qupath_rules import check_qupath

pytestmark = pytest.mark.external


def outlines(path: Path, name: str = "") -> list[Polygon]:
    """Return the outlines of the objects whose class begins with a name."""
    document = check_qupath(path.read_text())
    rings = [
        f["geometry"]["coordinates"]
        for f in document["features"]
        if f["properties"]["classification"]["name"].startswith(name)
    ]
    return [Polygon(np.array(r[0]), tuple(np.array(h) for h in r[1:])) for r in rings]


def test_cmu_1_has_an_area_and_outlines_of_that_area(external_data: Path, tmp_path: Path) -> None:
    slide = external_data / "wsi" / "cmu-1-small-region.svs"
    table, failures = run_slides([slide], tmp_path, workers=1)
    assert failures == []
    area = table.X[column("morphometry_tissue_area_mm2")][0]
    # Tissue seen by eye in the 1.64 mm2 region, about three eighths of it.
    assert 0.55 < area < 0.70
    polygons = outlines(tmp_path / "cmu-1-small-region.geojson", "Tissue")
    left_out = table.X[column("artefact_tissue_left_out_mm2")][0]
    whole = sum(p.area for p in polygons) * 0.499**2 / 1e6
    assert whole == pytest.approx(area + left_out, rel=1e-12)
    # Of skin with hair on it, specks alone are left out.
    assert 0 < left_out < 0.02 * area
    known = [c for c in table.X if "_morphometry_" in c or "_stain_" in c]
    assert table.X[known].notna().all(axis=None)


@pytest.mark.clients
def test_qupaths_reader_accepts_cmu_1(external_data: Path, tmp_path: Path) -> None:
    slide = external_data / "wsi" / "cmu-1-small-region.svs"
    run_slides([slide], tmp_path, workers=1)
    wkt = tmp_path / "cmu.wkt"
    wkt.write_text(to_wkt(outlines(tmp_path / "cmu-1-small-region.geojson")))
    found = jts_check(external_data.parent / "tools", wkt)
    assert int(found["n"]) >= 1
    assert (found["exceptions"], found["empty"]) == ("0", "0")
    assert float(found["areaRatio"]) == pytest.approx(1.0, abs=1e-9)


def test_the_fluorescence_slide_opens_and_is_not_h_and_e(
    external_data: Path, tmp_path: Path
) -> None:
    path = external_data / "wsi" / "test3-DAPI-2-387.ndpi"
    with open_slide(path) as slide:
        assert slide.size == (3968, 4864)
        assert slide.mpp[0] == pytest.approx(0.2281750559)
    table, failures = run_slides([path], tmp_path, workers=1)
    assert table.n_rows == 0
    assert [f.error for f in failures] == ["SlideError"]
    assert "not a brightfield slide" in failures[0].reason


def test_a_truncated_svs_is_a_failure_and_the_others_go_on(
    external_data: Path, tmp_path: Path
) -> None:
    whole = external_data / "wsi" / "cmu-1-small-region.svs"
    broken = tmp_path / "broken.svs"
    broken.write_bytes(whole.read_bytes()[:1_000_000])
    table, failures = run_slides([whole, broken], tmp_path / "out", workers=1)
    assert table.obs["case"].tolist() == ["cmu-1-small-region"]
    assert [f.case for f in failures] == ["broken"]


def test_fatty_liver_is_tissue_and_sirius_red_is_not_h_and_e(
    external_data: Path, tmp_path: Path
) -> None:
    folder = external_data / "histology" / "liverquant"
    paths = [folder / f"{name}.jpg" for name in ("tile01_HE", "tile02_PSR")]
    table, failures = run_slides(paths, tmp_path, mpp=0.5, workers=1)
    assert failures == []
    area = table.X[column("morphometry_tissue_area_mm2")]
    assert area[0] / (0.512**2) > 0.93  # filled with tissue, a third of it vacuoles
    assert area[1] / (1.024**2) > 0.93
    amounts = table.X[column("stain_haematoxylin_od_mean")]
    assert amounts[0] > 0.05
    assert np.isnan(amounts[1])


def test_label_and_macro_pictures_and_slide_entries_are_not_in_the_outputs(
    external_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(self: openslide.OpenSlide) -> None:
        raise SlideError("associated images were asked for")

    monkeypatch.setattr(openslide.OpenSlide, "associated_images", property(refused))
    path = external_data / "wsi" / "cmu-1-small-region.svs"
    _, failures = run_slides([path], tmp_path, workers=1)
    assert failures == []
    with openslide.OpenSlide(path) as slide:
        said = [v for k, v in slide.properties.items() if k.startswith("aperio.") and len(v) > 5]
    assert said
    pieces = "".join(p.read_text() for p in (tmp_path / "pieces").iterdir())
    pieces += json.dumps((tmp_path / "cmu-1-small-region.geojson").read_text())
    assert not [value for value in said if value in pieces]


def test_cmu_1_is_in_focus_and_free_of_pen(external_data: Path) -> None:
    with open_slide(external_data / "wsi" / "cmu-1-small-region.svs") as slide:
        values, _ = artefact_values(clean_tissue(slide))
    assert values["artefact_blur_area_mm2"] == 0.0
    assert values["artefact_pen_area_mm2"] == 0.0
    assert values["artefact_bubble_area_mm2"] == 0.0
    # Dense epithelium round a follicle is no fold.
    assert values["artefact_fold_area_mm2"] == 0.0
    assert values["artefact_tissue_left_out_percent"] < 2


def test_a_blurred_copy_of_cmu_1_is_out_of_focus(external_data: Path, tmp_path: Path) -> None:
    with open_slide(external_data / "wsi" / "cmu-1-small-region.svs") as slide:
        fine = slide.read_all(slide.grid(1.0))
    soft = ndi.gaussian_filter(fine.astype(np.float32), (5.0, 5.0, 0)).round().astype(np.uint8)
    shares = []
    for name, pixels in (("sharp", fine), ("soft", soft)):
        path = tmp_path / f"{name}.png"
        Image.fromarray(pixels).save(path)
        with open_slide(path, mpp=1.0) as slide:
            grid = slide.grid(8.0)
            stained = find_tissue(slide.read_all(grid), um=(8.0, 8.0)).mask
            blur = find_blur(slide, grid, stained, um=2.0, limit=0.17, min_area_um2=40_000)
        shares.append(blur.sum() / stained.sum())
    assert shares[0] == 0.0
    assert shares[1] > 0.9


@pytest.mark.parametrize("name", ["tile01_HE", "tile02_HE", "tile02_PSR"])
def test_liverquants_tiles_hold_no_artefacts(external_data: Path, name: str) -> None:
    """A tract among fat takes up more light than all around it, as a fold does."""
    path = external_data / "histology" / "liverquant" / f"{name}.jpg"
    with open_slide(path, mpp=0.5) as slide:
        clean = clean_tissue(slide)
    assert not clean.artefacts.any.any()


@pytest.mark.parametrize("method", ["macenko", "reinhard"])
def test_cmu_1_can_be_normalised(
    external_data: Path, method: Literal["macenko", "reinhard"]
) -> None:
    with open_slide(external_data / "wsi" / "cmu-1-small-region.svs") as slide:
        grid = slide.grid(8.0)
        tissue = find_tissue(slide.read_all(grid), um=(grid.um_x, grid.um_y))
        change = fit_stain_map(slide, grid, tissue, method)
        values = [stain_statistics(slide, grid, tissue, um=2.0, change=c) for c in (None, change)]
    keys = ("stain_haematoxylin_od_mean", "stain_eosin_od_mean")
    assert all(0.02 < v[key] < 0.5 for v in values for key in keys)
    assert values[0] != values[1]
