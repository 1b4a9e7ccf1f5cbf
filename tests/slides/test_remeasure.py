"""What a pathologist corrects in QuPath is what is measured afterwards."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from radiofib.cli.app import main
from radiofib.errors import UsageError
from radiofib.slides import TRACT_REGISTRY, run_slides
from radiofib.slides import remeasure as remeasure_module
from radiofib.slides.pieces import MAKER
from radiofib.slides.remeasure import Remeasured, remeasure_slides
from radiofib.slides.specs import column
from tests.slides import made
from tests.slides.qupath_rules import check_qupath

AREA = column("morphometry_tissue_area_mm2")
LENGTH = column("morphometry_core_length_mm")
COUNT = column("portal_tract_count")
#: um per pixel of the slides made here.
UM = 4.0


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two measured slides: one says its pixel size, of the other it was given."""
    folder = tmp_path_factory.mktemp("run")
    one, _ = made.biopsy(um=UM, seed=1, length_um=2500.0)
    two, _ = made.biopsy(um=UM, seed=2, length_um=2000.0)
    slides = [
        made.write_pyramid(folder / "one.tiff", one, mpp=UM, levels=1),
        made.write_png(folder / "two.bmp", two),
    ]
    run_slides(slides, folder / "slides", mpp=UM, workers=1)
    return folder


@pytest.fixture
def copied(run: Path, tmp_path: Path) -> Path:
    shutil.copytree(run, tmp_path / "w")
    return tmp_path / "w"


def tract(number: int, x: float, y: float, side: float = 40.0, name: Any = "Portal tract") -> Any:
    ring = [[x, y], [x + side, y], [x + side, y + side], [x, y + side], [x, y]]
    label = {"name": name, "color": [213, 94, 0]} if name else None
    return {
        "type": "Feature",
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "properties": {"name": f"{name} {number}", "classification": label},
    }


def corrected(path: Path, *, add: list[Any] = (), keep: Any = None) -> None:  # type: ignore[assignment]
    document = json.loads(path.read_text())
    if keep is not None:
        document["features"] = [f for f in document["features"] if keep(f)]
    document["features"] += add
    path.write_text(json.dumps(document))


def values(found: Remeasured, case: str = "one") -> dict[str, float]:
    [row] = np.flatnonzero(found.table.obs["case"] == case)
    return {name: float(found.table.X[name].iloc[row]) for name in found.table.X}


def contents(folder: Path) -> dict[str, bytes]:
    files = (p for p in folder.rglob("*") if p.is_file())
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in files}


def test_without_corrections_the_measures_are_those_of_the_run(run: Path, tmp_path: Path) -> None:
    first, _ = run_slides([run / "one.tiff", run / "two.bmp"], run / "slides", mpp=UM, workers=1)
    before = contents(run)
    found = remeasure_slides(run / "slides", out=tmp_path / "again", workers=1)
    assert found.failures == []
    assert found.table.obs["case"].tolist() == ["one", "two"]
    assert found.table.obs["mpp_source"].tolist() == ["slide", "given"]
    # Nobody has said anything about tracts: that is missing, not none.
    assert set(found.table.obs["segmentation_source"]) == {""}
    assert found.table.X[COUNT].isna().all()
    np.testing.assert_array_equal(found.table.X, first.X)
    assert contents(run) == before
    for case in ("one", "two"):
        document = check_qupath((tmp_path / f"again/{case}.geojson").read_text())
        own = json.loads((run / f"slides/{case}.geojson").read_text())
        assert [f["geometry"] for f in document["features"]] == [
            f["geometry"] for f in own["features"]
        ]


def test_a_tract_added_counts_and_one_deleted_is_gone(copied: Path) -> None:
    path = copied / "slides/one.geojson"
    corrected(path, add=[tract(1, 400, 330), tract(2, 600, 360), tract(3, 700, 380, 20.0)])
    found = remeasure_slides(copied / "slides", [copied / "one.tiff"], out=copied / "a", workers=1)
    [row] = found.corrections.to_dict("records")
    assert (row["tracts_read"], row["tissue"], row["label"]) == (3, 1, 3)
    assert values(found)[COUNT] == len(found.tracts) == 3
    assert found.table.obs["segmentation_source"].tolist() == ["annotations"]
    square = (2 * 40**2 + 20**2) * UM**2 / 1e6
    assert row["portal_mm2"] == pytest.approx(square, rel=1e-12)
    corrected(path, keep=lambda f: not f["properties"]["name"].endswith("tract 2"))
    found = remeasure_slides(copied / "slides", [copied / "one.tiff"], out=copied / "b", workers=1)
    [row] = found.corrections.to_dict("records")
    assert row["tracts_read"] == values(found)[COUNT] == 2
    assert row["portal_mm2"] == pytest.approx(square - (40 * UM) ** 2 / 1e6, rel=1e-12)


def test_all_tracts_deleted_are_none_where_they_were_counted(copied: Path) -> None:
    path = copied / "slides/one.geojson"
    corrected(path, add=[tract(1, 400, 330), tract(2, 600, 360)])
    remeasure_slides(copied / "slides", [copied / "one.tiff"], out=copied / "a", workers=1)
    kept = copied / "a/one.geojson"
    corrected(kept, keep=lambda f: f["properties"]["classification"]["name"] == "Tissue")
    found = remeasure_slides(copied / "a", [copied / "one.tiff"], out=copied / "b", workers=1)
    assert values(found)[COUNT] == 0
    assert len(found.tracts) == 0


def test_corrected_outlines_and_regions_are_respected(copied: Path, run: Path) -> None:
    path = copied / "slides/one.geojson"
    whole = remeasure_slides(run / "slides", [run / "one.tiff"], out=copied / "w", workers=1)
    # An outline drawn by hand replaces what was found.
    box = {"type": "Polygon", "coordinates": [[[300, 300], [700, 300], [700, 500], [300, 500]]]}
    box["coordinates"][0].append([300, 300])
    outline = tract(1, 0, 0, name="Tissue") | {"geometry": box}
    corrected(path, add=[outline], keep=lambda _: False)
    found = remeasure_slides(copied / "slides", [copied / "one.tiff"], out=copied / "a", workers=1)
    assert values(found)[AREA] == pytest.approx(400 * 200 * UM**2 / 1e6, rel=1e-12)
    # A region leaves its part, and is written out again.
    shutil.copy(run / "slides/one.geojson", path)
    region = tract(1, 500, 0, 2000, name="Region*")
    corrected(path, add=[region])
    found = remeasure_slides(copied / "slides", [copied / "one.tiff"], out=copied / "b", workers=1)
    part = values(found)[AREA] / values(whole)[AREA]
    assert 0.5 < part < 0.8  # the core runs from about 300 to 920
    assert values(found)[LENGTH] == pytest.approx(part * values(whole)[LENGTH], rel=0.05)
    document = check_qupath((copied / "b/one.geojson").read_text())
    names = [f["properties"]["classification"]["name"] for f in document["features"]]
    assert names == ["Tissue", "Region*"]


def test_what_is_done_is_not_done_again_and_corrections_of_results_are_kept(
    copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[str] = []
    real = remeasure_module.measure_slide

    def counted(slide: Any, *rest: Any, **more: Any) -> Any:
        measured.append(slide.name)
        return real(slide, *rest, **more)

    monkeypatch.setattr(remeasure_module, "measure_slide", counted)
    out = copied / "again"
    first = remeasure_slides(copied / "slides", out=out, workers=1)
    before = contents(out)
    again = remeasure_slides(copied / "slides", out=out, workers=1)
    assert measured == ["one.tiff", "two.bmp"]
    assert contents(out) == before
    assert first.table.X.equals(again.table.X)
    assert first.corrections.equals(again.corrections)
    corrected(out / "one.geojson", add=[tract(9, 400, 330)])
    mine = (out / "one.geojson").read_bytes()
    corrected(copied / "slides/one.geojson", add=[tract(1, 400, 330)])
    remeasure_slides(copied / "slides", out=out, workers=1)
    [kept] = out.glob("one.kept-*.geojson")
    assert kept.read_bytes() == mine
    assert measured == ["one.tiff", "two.bmp", "one.tiff"]


@pytest.mark.slow
def test_workers_do_not_change_a_byte(run: Path, tmp_path: Path) -> None:
    one = remeasure_slides(run / "slides", out=tmp_path / "one", workers=1)
    two = remeasure_slides(run / "slides", out=tmp_path / "two", workers=2)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert one.table.X.equals(two.table.X)


def test_rows_of_tracts_are_told_by_case_and_keep_their_columns_when_read_again(
    copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = remeasure_module.measure_slide

    columns = [spec.name for spec in TRACT_REGISTRY]

    def with_tracts(slide: Any, *rest: Any, **more: Any) -> Any:
        row = dict.fromkeys(columns, np.nan) | {"tract": 1, "area_um2": 12.5}
        rows = (row,) if slide.name == "one.tiff" else ()
        return dataclasses.replace(real(slide, *rest, **more), tracts=rows)

    monkeypatch.setattr(remeasure_module, "measure_slide", with_tracts)
    for _ in range(2):
        found = remeasure_slides(copied / "slides", out=copied / "again", workers=1)
        assert list(found.tracts) == ["case", *columns, *MAKER]
        assert found.tracts[["case", "area_um2"]].to_numpy().tolist() == [["one", 12.5]]


def test_files_of_other_programs_under_the_name_of_a_slide_are_none(copied: Path) -> None:
    for suffix in (".xml", ".qpdata", ".npz"):
        (copied / f"one{suffix}").write_bytes(b"of another program")
    found = remeasure_slides(copied / "slides", out=copied / "again", workers=1)
    assert found.table.obs["case"].tolist() == ["one", "two"]
    assert found.failures == []


def test_one_damaged_file_costs_its_own_slide_only_and_doubts_are_told(copied: Path) -> None:
    (copied / "slides/two.geojson").write_text('{"type":"FeatureCollection","features":[{}]}')
    eight = tract(5, 400, 330)
    ring = eight["geometry"]["coordinates"][0]
    ring[1], ring[2] = ring[2], ring[1]
    corrected(copied / "slides/one.geojson", add=[tract(4, 500, 350, name=None), eight])
    found = remeasure_slides(copied / "slides", out=copied / "again", workers=1)
    assert found.table.obs["case"].tolist() == ["one"]
    [failure] = found.failures
    assert (failure.case, failure.step) == ("two", "remeasure")
    assert failure.reason.startswith("two.geojson, feature 1: not a feature")
    [row] = found.corrections.to_dict("records")
    assert (row["unclassified"], row["mended"]) == (1, 1)
    assert "feature 2 ('None 4'): no class, left out" in row["notes"]
    assert "feature 3 ('Portal tract 5'): the outline crosses itself" in row["notes"]


def test_a_region_without_tissue_is_a_failure_of_the_slide(copied: Path) -> None:
    corrected(copied / "slides/one.geojson", add=[tract(1, 0, 0, 30, name="ROI")])
    found = remeasure_slides(copied / "slides", [copied / "one.tiff"], out=copied / "a", workers=1)
    assert found.table.n_rows == 0
    assert "nothing is left to measure" in found.failures[0].reason


def test_the_folder_with_the_corrections_is_never_written_to(copied: Path) -> None:
    for out in (copied / "slides", copied / "slides" / ".." / "slides"):
        with pytest.raises(UsageError, match="never written over"):
            remeasure_slides(copied / "slides", out=out)


@pytest.mark.slow
def test_the_command_writes_tables_and_says_what_failed(
    copied: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (copied / "slides/two.geojson").write_text("{}")
    corrected(copied / "slides/one.geojson", add=[tract(1, 400, 330, name=None)])
    with pytest.raises(SystemExit) as stop:
        main(["slides", "remeasure", str(copied / "slides"), "--out", str(copied / "again")])
    assert stop.value.code == 3
    shown = capsys.readouterr()
    assert "1 of 2 slides measured again" in shown.out
    assert "one: one.geojson, feature 2 ('None 1'): no class" in shown.err
    written = {p.name for p in (copied / "again").iterdir() if p.is_file()}
    assert written == {
        *("one.geojson", "one.png", "slides.parquet", "slides.csv", "corrections.csv"),
        *("slides.codebook.csv", "slides.missing.csv", "failures.csv"),
    }
    table = pd.read_csv(copied / "again/corrections.csv")
    assert table["unclassified"].tolist() == [1]
    with pytest.raises(SystemExit) as stop:
        main(["slides", "remeasure", str(copied / "slides"), "--out", str(copied / "slides")])
    assert stop.value.code == 2


@pytest.mark.external
def test_a_real_slide_comes_back_as_it_was_measured(external_data: Path, tmp_path: Path) -> None:
    slide = external_data / "wsi/cmu-1-small-region.svs"
    first, failures = run_slides([slide], tmp_path / "slides", workers=1)
    assert failures == []
    found = remeasure_slides(tmp_path / "slides", [slide], out=tmp_path / "again", workers=1)
    assert found.failures == []
    np.testing.assert_array_equal(found.table.X, first.X)


def test_what_is_too_small_for_a_tract_is_not_read_as_one(copied: Path) -> None:
    path = copied / "slides/one.geojson"
    # Both are 24 um wide, below 1,000 um2; the second lies half on a tract and is part of it.
    small = [tract(2, 600, 360, 6.0), tract(3, 436, 340, 6.0)]
    corrected(path, add=[tract(1, 400, 330), *small])
    found = remeasure_slides(copied / "slides", [copied / "one.tiff"], out=copied / "a", workers=1)
    [row] = found.corrections.to_dict("records")
    assert row["tracts_read"] == values(found)[COUNT] == 1
    assert row["portal_mm2"] == pytest.approx(values(found)[column("portal_area_mm2")], rel=1e-12)
    assert "smaller than 1000 um2, no tract" in row["notes"]
    assert "tract 2" in row["notes"]
    assert "tract 3" not in row["notes"]
