from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from radiofib.errors import UsageError
from radiofib.slides import SlideSettings, run_slides
from radiofib.slides import run as run_module
from radiofib.slides.specs import SLIDE_REGISTRY, column
from radiofib.table import FeatureTable
from tests.slides import made
from tests.slides.qupath_rules import check_qupath

AREA = column("morphometry_tissue_area_mm2")
LENGTH = column("morphometry_core_length_mm")


@pytest.fixture(scope="module")
def slides(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Path], list[float]]:
    """Two readable slides, an empty one and a file that is no slide."""
    folder = tmp_path_factory.mktemp("slides")
    one, area_one = made.biopsy(seed=1)
    two, area_two = made.biopsy(seed=2, length_um=4500.0)
    paths = [
        made.write_pyramid(folder / "one.tiff", one, mpp=4.0),
        made.write_png(folder / "two.png", two),
        made.write_png(folder / "glass.png", made.noisy(made.glass(2000, 2000, 4.0))),
        folder / "notes.svs",
    ]
    paths[3].write_text("not a slide")
    return paths, [area_one, area_two]


def contents(folder: Path) -> dict[str, bytes]:
    files = (p for p in folder.rglob("*") if p.is_file())
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in files}


def test_every_slide_has_its_row_or_its_failure(
    slides: tuple[list[Path], list[float]], tmp_path: Path
) -> None:
    paths, areas = slides
    seen: list[tuple[int, int, str]] = []
    table, failures = run_slides(
        paths, tmp_path, mpp=4.0, workers=1, progress=lambda *step: seen.append(step)
    )
    assert table.obs["case"].tolist() == ["one", "two"]
    assert table.obs["mpp_source"].tolist() == ["slide", "given"]
    np.testing.assert_allclose(table.X[AREA], areas, rtol=0.01)
    np.testing.assert_allclose(table.X[LENGTH], [6.0, 4.5], rtol=0.01)
    np.testing.assert_allclose(table.X[column("morphometry_core_width_mm")], 0.9, rtol=0.02)
    assert table.X[column("morphometry_fragment_count")].tolist() == [1.0, 1.0]
    assert (table.X[column("morphometry_edge_contact_mm")] == 0).all()
    assert list(table.X) == [column(s.key) for s in SLIDE_REGISTRY] == list(table.codebook.column)
    assert [(f.case, f.step, f.error) for f in failures] == [
        ("glass", "slide", "SlideError"),
        ("notes", "slide", "SlideError"),
    ]
    assert [step[:2] for step in seen] == [(i, 4) for i in (1, 2, 3, 4)]
    table.to_parquet(tmp_path / "features.parquet")
    back = FeatureTable.from_parquet(tmp_path / "features.parquet")
    np.testing.assert_array_equal(back.X, table.X)


def test_outlines_hold_the_area_in_level_0_pixels_and_the_picture_shows_them(
    slides: tuple[list[Path], list[float]], tmp_path: Path
) -> None:
    table, _ = run_slides(slides[0][:1], tmp_path, workers=1)
    document = check_qupath((tmp_path / "one.geojson").read_text())
    [feature] = document["features"]
    ring = np.array(feature["geometry"]["coordinates"][0])
    x, y = ring.T
    area = abs(np.sum(x[:-1] * y[1:] - x[1:] * y[:-1])) / 2 * 4.0**2 / 1e6
    assert area == pytest.approx(table.X[AREA][0], rel=1e-12)
    assert feature["properties"]["measurements"]["Area mm2"] == table.X[AREA][0]
    # The core begins 1200 um = 300 pixels from the corner.
    assert ring.min(axis=0) == pytest.approx([300, 187.5], abs=20)
    with Image.open(tmp_path / "one.png") as picture:
        colors = np.asarray(picture.convert("RGB")).reshape(-1, 3)
    assert (colors == (0, 160, 60)).all(axis=1).any()


def test_workers_and_order_do_not_change_a_byte(
    slides: tuple[list[Path], list[float]], tmp_path: Path
) -> None:
    paths = slides[0]
    one, _ = run_slides(paths, tmp_path / "one", mpp=4.0, workers=1)
    two, _ = run_slides(paths[::-1], tmp_path / "two", mpp=4.0, workers=2)
    one.to_parquet(tmp_path / "one" / "f.parquet")
    two.to_parquet(tmp_path / "two" / "f.parquet")
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_a_second_run_does_only_what_is_missing(
    slides: tuple[list[Path], list[float]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = slides[0][:2]
    measured: list[str] = []
    real = run_module.measure_slide

    def counted(slide, *rest, **more):
        measured.append(slide.name)
        return real(slide, *rest, **more)

    monkeypatch.setattr(run_module, "measure_slide", counted)
    first, _ = run_slides(paths, tmp_path, mpp=4.0, workers=1)
    before = contents(tmp_path)
    again, _ = run_slides(paths, tmp_path, mpp=4.0, workers=1)
    assert measured == ["one.tiff", "two.png"]
    assert first.X.equals(again.X)
    (tmp_path / "two.png").unlink()
    run_slides(paths, tmp_path, mpp=4.0, workers=1)
    assert measured == ["one.tiff", "two.png", "two.png"]
    assert contents(tmp_path) == before
    for piece in (tmp_path / "pieces").iterdir():
        piece.write_text(piece.read_text()[:40])
    run_slides(paths, tmp_path, mpp=4.0, workers=1)
    assert len(measured) == 5
    assert contents(tmp_path) == before
    run_slides(paths, tmp_path, mpp=4.0, workers=1, settings=SlideSettings(stain_um=4.0))
    assert len(measured) == 7
    # Another pixel size concerns only the slide that does not say its own.
    run_slides(paths, tmp_path, mpp=5.0, workers=1, settings=SlideSettings(stain_um=4.0))
    assert measured[7:] == ["two.png"]


def test_equal_stems_do_not_overwrite_each_other(tmp_path: Path) -> None:
    paths = []
    for name, length in (("a", 3000.0), ("b", 4000.0)):
        pixels, _ = made.biopsy(um=8.0, length_um=length)
        paths.append(made.write_png(tmp_path / name / "he.png", pixels))
    table, _ = run_slides(paths, tmp_path / "out", mpp=8.0, workers=1)
    assert table.obs["case"].tolist() == ["a__he", "b__he"]
    np.testing.assert_allclose(table.X[LENGTH], [3.0, 4.0], rtol=0.015)
    assert {p.name for p in (tmp_path / "out").glob("*.geojson")} == {
        "a__he.geojson",
        "b__he.geojson",
    }


def test_a_geojson_corrected_by_hand_is_kept(tmp_path: Path) -> None:
    path = made.write_png(tmp_path / "he.png", made.biopsy(um=8.0)[0])
    out = tmp_path / "out"
    run_slides([path], out, mpp=8.0, workers=1)
    written = (out / "he.geojson").read_text()
    (out / "he.geojson").write_text(written.replace("Tissue 1", "Checked"))
    run_slides([path], out, mpp=8.0, workers=1)
    assert (out / "he.geojson").read_text() == written
    [kept] = out.glob("he.kept-*.geojson")
    assert "Checked" in kept.read_text()
    # Output of another setting is ours, not someone's work.
    run_slides([path], out, mpp=8.0, workers=1, settings=SlideSettings(tissue_um=16.0))
    assert len(list(out.glob("he.kept-*"))) == 1


def test_a_wedge_has_area_but_no_length_and_the_table_says_why(tmp_path: Path) -> None:
    picture = made.glass(8000, 6000, 8.0)
    area = made.band(picture, made.straight(5000, 0) + np.array([0, 1500]), 3500, 8.0)
    path = made.write_png(tmp_path / "wedge.png", made.noisy(picture))
    table, failures = run_slides([path], tmp_path / "out", mpp=8.0, workers=1)
    assert failures == []
    assert table.X[AREA][0] == pytest.approx(area, rel=0.01)
    assert table.X[column("morphometry_wedge_count")][0] == 1
    reasons = table.missing.set_index("column")["reason"]
    for name in (LENGTH, column("morphometry_all_levels_length_mm")):
        assert np.isnan(table.X[name][0])
        assert "wider than 2.5 mm" in reasons[name]
    document = check_qupath((tmp_path / "out" / "wedge.geojson").read_text())
    measurements = document["features"][0]["properties"]["measurements"]
    assert set(measurements) == {"Area mm2", "Left out mm2"}


def test_a_fragmented_core_adds_up(tmp_path: Path) -> None:
    picture = made.glass(9000, 7000, 4.0)
    lines = [
        made.straight(3000, 0),
        made.straight(2500, 12) + np.array([0, 1500]),
        made.arc(3000, 60) + np.array([3000, 1500]),
    ]
    area = sum(made.band(picture, line, 700, 4.0) for line in lines)
    path = made.write_png(tmp_path / "core.png", made.noisy(picture))
    table, _ = run_slides([path], tmp_path / "out", mpp=4.0, workers=1)
    row = table.X.iloc[0]
    assert row[column("morphometry_fragment_count")] == 3
    assert row[AREA] == pytest.approx(area, rel=0.01)
    assert row[LENGTH] == pytest.approx(5.5 + np.pi, rel=0.01)
    assert row[column("morphometry_longest_core_mm")] == pytest.approx(np.pi, rel=0.02)


def test_another_stain_has_morphometry_but_no_stain_amounts(tmp_path: Path) -> None:
    picture = made.glass(5000, 3000, 8.0)
    made.band(picture, made.straight(2600, 0), 900, 8.0, (225, 190, 120))
    path = made.write_png(tmp_path / "psr.png", made.noisy(picture))
    table, _ = run_slides([path], tmp_path / "out", mpp=8.0, workers=1)
    assert table.X[LENGTH][0] == pytest.approx(2.6, rel=0.02)
    assert np.isnan(table.X[column("stain_eosin_od_mean")][0])
    assert "not haematoxylin and eosin" in table.missing["reason"].iloc[0]


def test_a_defect_on_one_slide_is_its_failure(
    slides: tuple[list[Path], list[float]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = run_module.measure_slide

    def broken(slide, *rest, **more):
        if slide.name == "one.tiff":
            raise ZeroDivisionError("inside")
        return real(slide, *rest, **more)

    monkeypatch.setattr(run_module, "measure_slide", broken)
    table, failures = run_slides(slides[0][:2], tmp_path, mpp=4.0, workers=1)
    assert table.obs["case"].tolist() == ["two"]
    assert [(f.case, f.error) for f in failures] == [("one", "ZeroDivisionError")]


def test_wrong_calls_are_refused_as_a_whole(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no slides"):
        run_slides([], tmp_path)
    path = made.write_png(tmp_path / "a.png", made.biopsy(um=8.0)[0])
    with pytest.raises(UsageError, match="believable"):
        run_slides([path], tmp_path / "out", mpp=-1.0, workers=1)


def test_nothing_secret_or_local_is_written(
    slides: tuple[list[Path], list[float]], tmp_path: Path
) -> None:
    run_slides(slides[0][:1], tmp_path, workers=1)
    for name, content in contents(tmp_path).items():
        assert str(slides[0][0].parent).encode() not in content, name
    [piece] = [json.loads(p.read_text()) for p in (tmp_path / "pieces").iterdir()]
    assert set(piece["obs"]) == {
        "case",
        "patient",
        "vendor",
        "mpp_x_um",
        "mpp_y_um",
        "mpp_source",
        "tissue_px_um",
        "segmentation_source",
        "segmentation_maker",
        "warnings",
    }
