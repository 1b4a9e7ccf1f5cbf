"""Portal tracts in runs over slides: counted, kept, corrected, and not countable."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from radiofib.slides import ClassicalLabeller, Labeller, remeasure_slides, run_slides, tract_table
from radiofib.slides import run as run_module
from radiofib.slides.pieces import METHOD
from radiofib.slides.pixels.fit import fit_pixels
from radiofib.slides.specs import column
from tests.slides import made, nets
from tests.slides.pixels.test_classifier import (
    SETTINGS,
    SQUARES,
    annotate_squares,
    slide_with_squares,
)

UM = 8.0
#: Side and upper left corners of what the network takes for portal tracts, in pixels.
SIDE = 16
TRACTS = [(195, 185), (265, 197), (345, 205)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a core that has three dark squares, and a network that sees them."""
    folder = tmp_path_factory.mktemp("tracts")
    line = made.straight(3000.0, 8.0)
    picture = made.glass(line[-1, 0] + 1200, line[-1, 1] + 1200, UM)
    made.band(picture, line, 900.0, UM)
    pen = ImageDraw.Draw(picture)
    for x, y in TRACTS:
        pen.rectangle([x, y, x + SIDE - 1, y + SIDE - 1], fill=made.PURPLE)
    made.write_pyramid(folder / "s.tiff", made.noisy(picture), mpp=UM, levels=1)
    nets.colour_net(folder / "net.onnx", tile=64, um=UM)
    return folder


def run(folder: Path, out: Path, **more):
    labeller = Labeller.of(folder / "net.onnx")
    table, failures = run_slides([folder / "s.tiff"], out, workers=1, labeller=labeller, **more)
    assert failures == []
    return table


def value(table, key: str) -> float:
    return float(table.X[column(key)].iloc[0])


def test_tracts_are_counted_listed_and_drawn(folder: Path, tmp_path: Path) -> None:
    table = run(folder, tmp_path)
    rows = tract_table(table, tmp_path)
    area = (SIDE * UM) ** 2
    assert value(table, "portal_tract_count") == len(TRACTS)
    assert rows["area_um2"].tolist() == [area] * 3
    assert value(table, "portal_area_mm2") == pytest.approx(3 * area / 1e6, rel=1e-12)
    centres = [(x + SIDE / 2, y + SIDE / 2) for x, y in TRACTS]
    assert rows[["centroid_x_px", "centroid_y_px"]].to_numpy().tolist() == [
        list(c) for c in centres
    ]
    features = json.loads((tmp_path / "s.geojson").read_text())["features"]
    names = [f["properties"]["classification"]["name"] for f in features]
    assert names == ["Tissue", *["Portal tract"] * 3]
    with Image.open(tmp_path / "s.png") as picture:
        orange = (np.asarray(picture.convert("RGB")) == (213, 94, 0)).all(axis=2)
    assert orange.any()
    assert table.provenance["method"] == METHOD


def test_a_second_run_gives_the_same_without_measuring(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = run(folder, tmp_path)
    rows = tract_table(first, tmp_path)
    monkeypatch.setattr(run_module, "measure_slide", None)
    again = run(folder, tmp_path)
    first.to_parquet(tmp_path / "first.parquet")
    again.to_parquet(tmp_path / "again.parquet")
    assert (tmp_path / "first.parquet").read_bytes() == (tmp_path / "again.parquet").read_bytes()
    assert tract_table(again, tmp_path).equals(rows)


def test_from_stage_3_on_counts_are_missing_and_areas_stay(folder: Path, tmp_path: Path) -> None:
    before = run(folder, tmp_path, stages={"s": 2.0, "other": 4.0})
    after = run(folder, tmp_path, stages={"s": 3.0})
    assert value(before, "portal_tract_count") == 3
    assert math.isnan(value(after, "portal_tract_count"))
    assert value(after, "portal_area_mm2") == value(before, "portal_area_mm2")


def test_measured_again_with_the_stage_counts_are_missing_too(folder: Path, tmp_path: Path) -> None:
    run(folder, tmp_path / "run", stages={"s": 3.0})
    found = remeasure_slides(
        tmp_path / "run", [folder], out=tmp_path / "out", um=UM, workers=1, stages={"s": 3.0}
    )
    assert math.isnan(value(found.table, "portal_tract_count"))
    assert value(found.table, "portal_area_mm2") > 0


def test_a_tract_deleted_in_the_geojson_is_gone_when_measured_again(
    folder: Path, tmp_path: Path
) -> None:
    table = run(folder, tmp_path / "run")
    path = tmp_path / "run/s.geojson"
    same = remeasure_slides(tmp_path / "run", [folder], out=tmp_path / "same", um=UM, workers=1)
    assert same.failures == []
    keys = ("portal_tract_count", "portal_area_mm2", "morphometry_core_length_mm")
    assert [value(same.table, k) for k in keys] == [value(table, k) for k in keys]
    document = json.loads(path.read_text())
    del document["features"][2]
    path.write_text(json.dumps(document))
    found = remeasure_slides(tmp_path / "run", [folder], out=tmp_path / "out", um=UM, workers=1)
    assert value(found.table, "portal_tract_count") == 2
    assert found.tracts["centroid_x_px"].tolist() == [TRACTS[0][0] + 8, TRACTS[2][0] + 8]


@pytest.mark.slow
def test_a_pixel_classifier_stands_in_for_a_network(tmp_path: Path) -> None:
    slide = slide_with_squares(tmp_path / "a.tiff", 1)
    annotate_squares(tmp_path / "a.geojson")
    fitted = fit_pixels(
        [tmp_path / "a.geojson"], tmp_path / "c.skops", rest="Lobule", settings=SETTINGS
    )
    labeller = ClassicalLabeller.of(tmp_path / "c.skops")
    other = slide_with_squares(tmp_path / "b.tiff", 2)
    tables = []
    for _ in range(2):  # the second one reads the labels of the first
        (tmp_path / "run/pieces").mkdir(parents=True, exist_ok=True)
        table, failures = run_slides([slide, other], tmp_path / "run", workers=1, labeller=labeller)
        assert failures == []
        tables.append(table)
        for piece in (tmp_path / "run/pieces").glob("*.json"):
            if '"obs"' in piece.read_text():
                piece.unlink()
    assert tables[0].X.equals(tables[1].X)
    assert tables[0].X[column("portal_tract_count")].tolist() == [len(SQUARES)] * 2
    assert tables[0].provenance["segmentation"]["source"] == "classical"
    assert fitted.classifier.name == tables[0].provenance["segmentation"]["maker"]
