"""Pen on a slide counts as neither tissue nor tract, in runs and after corrections."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageDraw

from radiofib.slides import Labeller, SlideSettings, remeasure_slides, run_slides, tract_table
from radiofib.slides.remeasure import Remeasured
from radiofib.slides.specs import column
from radiofib.slides.specs.artefacts import ARTEFACT_SPECS
from radiofib.study import write_slide_tables
from radiofib.table import FeatureTable
from tests.slides import made, nets
from tests.slides.qupath_rules import check_qupath

UM = 8.0
#: Left, top, right and bottom of the core, of its whole tracts, of one that ends under a stroke of
#: ink, of a lumen, of the stroke and of a blot of ink beside the core, in pixels. The network takes
#: ink for portal tracts.
CORE = (60, 60, 460, 150)
TRACTS = [(100, 80, 120, 100), (180, 100, 204, 124), (400, 110, 420, 130)]
CUT = (280, 80, 310, 100)
LUMEN = (350, 90, 362, 102)
STROKE = (300, 30, 330, 180)
BLOT = (200, 151, 240, 190)
INK = (40, 60, 150)


def area(*boxes: tuple[int, int, int, int]) -> float:
    """Return the area of boxes in mm2."""
    return sum((r - x) * (b - y) for x, y, r, b in boxes) * UM**2 / 1e6


#: What is hidden: the core under the stroke.
HIDDEN = area((STROKE[0], CORE[1], STROKE[2], CORE[3]))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a slide, the same without ink, and a network."""
    folder = tmp_path_factory.mktemp("inked")
    nets.colour_net(folder / "net.onnx", tile=32, um=UM)
    for name in ("clean", "inked"):
        picture = made.glass(520 * UM, 220 * UM, UM)
        pen = ImageDraw.Draw(picture)
        drawn = [(CORE, made.PINK), *((box, made.PURPLE) for box in (*TRACTS, CUT))]
        drawn += [(LUMEN, made.GLASS), (STROKE, INK), (BLOT, INK)]
        for box, color in drawn[: -2 if name == "clean" else None]:
            pen.rectangle([*box[:2], box[2] - 1, box[3] - 1], fill=color)
        made.write_pyramid(folder / f"{name}.tiff", made.noisy(picture), mpp=UM, levels=1)
    return folder


def run(folder: Path, out: Path, case: str = "inked", **more: Any) -> FeatureTable:
    labeller = Labeller.of(folder / "net.onnx")
    slide = folder / f"{case}.tiff"
    table, failures = run_slides([slide], out, workers=1, labeller=labeller, **more)
    assert failures == []
    return table


def again(folder: Path, source: Path, out: Path, **more: Any) -> Remeasured:
    found = remeasure_slides(source, [folder], out=out, workers=1, **more)
    assert found.failures == []
    return found


def value(table: FeatureTable, key: str) -> float:
    return float(table.X[column(key)].iloc[0])


def edited(path: Path, keep: Any = None, add: Any = ()) -> None:
    document = json.loads(path.read_text())
    if keep is not None:
        document["features"] = [
            f for f in document["features"] if keep(f["properties"].get("name", ""))
        ]
    document["features"] += add
    path.write_text(json.dumps(document))


def drawn(name: str, *points: tuple[float, float]) -> dict[str, Any]:
    return {
        "type": "Feature",
        "geometry": {"type": "Polygon", "coordinates": [[list(p) for p in (*points, points[0])]]},
        "properties": {"classification": {"name": name, "color": [1, 2, 3]}},
    }


def rectangle(name: str, box: tuple[int, int, int, int]) -> dict[str, Any]:
    left, top, right, bottom = box
    return drawn(name, (left, top), (right, top), (right, bottom), (left, bottom))


@pytest.fixture(scope="module")
def measured(folder: Path) -> tuple[Path, FeatureTable]:
    return folder / "slides", run(folder, folder / "slides")


def test_ink_is_neither_tissue_nor_tract_and_cuts_no_core(
    folder: Path, measured: tuple[Path, FeatureTable], tmp_path: Path
) -> None:
    out, inked = measured
    clean = run(folder, tmp_path, "clean")
    for table, tissue, tracts, partial, portal in (
        (clean, area(CORE), 4, 0, area(*TRACTS, CUT)),
        (inked, area(CORE) - HIDDEN, 4, 1, area(*TRACTS, (*CUT[:2], STROKE[0], CUT[3]))),
    ):
        assert value(table, "morphometry_tissue_area_mm2") == pytest.approx(tissue, rel=0.01)
        assert value(table, "portal_tract_count") == tracts
        assert value(table, "portal_partial_tract_count") == partial
        assert value(table, "portal_area_mm2") == pytest.approx(portal, rel=0.01)
        lobule = tissue - portal - area(LUMEN)
        assert value(table, "lobule_area_mm2") == pytest.approx(lobule, rel=0.01)
        assert value(table, "morphometry_fragment_count") == 1
    for key in ("core_length_mm", "core_width_mm"):
        key = f"morphometry_{key}"
        assert value(inked, key) == pytest.approx(value(clean, key), rel=0.01)
    pen = value(inked, "artefact_pen_area_mm2")
    assert pen == pytest.approx(area(STROKE, BLOT), rel=0.05)
    left_out = value(inked, "artefact_tissue_left_out_mm2")
    # Where the stroke leaves the core, the outline is rounded.
    assert left_out == pytest.approx(HIDDEN, rel=0.08)
    rows = tract_table(inked, out)
    assert rows["complete"].tolist().count(0) == 1
    steps = rows.loc[rows["complete"] == 0, "border_contact_um"]
    assert steps.iloc[0] == pytest.approx((CUT[3] - CUT[1]) * UM, rel=0.11)


def test_artefacts_are_objects_and_in_the_picture(measured: tuple[Path, FeatureTable]) -> None:
    document = check_qupath((measured[0] / "inked.geojson").read_text())
    names = [f["properties"]["classification"]["name"] for f in document["features"]]
    assert names == ["Tissue", "Artefact: pen", "Artefact: pen", *["Portal tract"] * 4]
    notes = document["features"][0]["properties"]["measurements"]
    assert notes["Left out mm2"] == value(measured[1], "artefact_tissue_left_out_mm2")
    assert notes["Portal area mm2"] == pytest.approx(value(measured[1], "portal_area_mm2"))
    blue = document["features"][1]["properties"]["classification"]["color"]
    with Image.open(measured[0] / "inked.png") as picture:
        assert (np.asarray(picture.convert("RGB")) == blue).all(axis=2).any()


def test_nothing_is_left_out_where_it_is_not_asked_for(folder: Path, tmp_path: Path) -> None:
    table = run(folder, tmp_path, settings=SlideSettings(artefacts=None))
    assert table.provenance["settings"]["artefacts"] is None
    assert math.isnan(value(table, "artefact_pen_area_mm2"))
    reasons = table.missing.set_index("column")["reason"]
    assert all(reasons[column(spec.key)] == "not asked for (artefacts)" for spec in ARTEFACT_SPECS)
    assert value(table, "portal_area_mm2") > area(*TRACTS, CUT, STROKE)


@pytest.mark.parametrize("um", [8.0, 1.0])
def test_a_file_that_nobody_changed_gives_the_values_of_the_run(
    folder: Path, measured: tuple[Path, FeatureTable], tmp_path: Path, um: float
) -> None:
    out, table = measured
    found = again(folder, out, tmp_path / "a", um=um)
    second = again(folder, tmp_path / "a", tmp_path / "b", um=um)
    for one in (found, second):
        np.testing.assert_array_equal(one.table.X, table.X)
        tracts = tract_table(table, out).assign(segmentation_source="annotations")
        tracts["segmentation_maker"] = one.tracts["segmentation_maker"]
        pd.testing.assert_frame_equal(one.tracts, tracts)
        assert one.tracts["segmentation_maker"].str.startswith("inked.geojson ").all()
        assert one.corrections["notes"].tolist() == [""]
        assert one.corrections["labels"].tolist() == ["run"]
        assert one.table.missing.equals(table.missing)
    same = (json.loads((p / "inked.geojson").read_text()) for p in (out, tmp_path / "a"))
    one, two = ([f["geometry"] for f in d["features"]] for d in same)
    assert one == two


def test_an_artefact_deleted_is_tissue_and_one_drawn_is_left_out(
    folder: Path, measured: tuple[Path, FeatureTable], tmp_path: Path
) -> None:
    out, table = measured
    shutil.copytree(out, tmp_path / "slides")
    path = tmp_path / "slides/inked.geojson"
    edited(path, lambda name: not name.startswith("Artefact"))
    kept = again(folder, path.parent, tmp_path / "kept")
    key = "morphometry_tissue_area_mm2"
    assert value(kept.table, key) == pytest.approx(area(CORE), rel=0.01)
    # The labels under the stroke count again: the network called them tract.
    assert value(kept.table, "portal_area_mm2") > area(*TRACTS, CUT)
    shutil.copy(out / "inked.geojson", path)
    box = (400, 60, 440, 150)
    edited(path, add=[rectangle("Artefact: tear", box)])
    less = again(folder, path.parent, tmp_path / "less")
    assert value(table, key) - value(less.table, key) == pytest.approx(area(box), rel=1e-9)
    assert value(less.table, "portal_tract_count") == 3
    length = "morphometry_core_length_mm"
    assert value(less.table, length) == value(table, length)
    document = json.loads((tmp_path / "less/inked.geojson").read_text())
    names = [f["properties"]["classification"]["name"] for f in document["features"]]
    assert names.count("Artefact") == 1


def test_changes_are_measured_and_all_else_stays(
    folder: Path, measured: tuple[Path, FeatureTable], tmp_path: Path
) -> None:
    out, table = measured
    shutil.copytree(out, tmp_path / "slides")
    path = tmp_path / "slides/inked.geojson"
    tissue = "morphometry_tissue_area_mm2"
    # One tract deleted, one drawn half over the edge of the tissue, one of an unknown class.
    gone = area(TRACTS[0])
    over = drawn("Portal tract", (240, 130), (260.6, 130), (260.6, 165), (240, 165))
    tumour = rectangle("Tumor", (130, 70, 150, 90))
    edited(path, lambda name: name != "Portal tract 1", [over, tumour])
    found = again(folder, path.parent, tmp_path / "a")
    added = area((240, 130, 261, 150))
    portal = value(table, "portal_area_mm2")
    assert value(found.table, "portal_area_mm2") == pytest.approx(portal - gone + added, rel=0.005)
    assert value(found.table, "portal_tract_count") == 4
    lobule = value(table, "lobule_area_mm2") + gone - added - area((130, 70, 150, 90))
    assert value(found.table, "lobule_area_mm2") == pytest.approx(lobule, rel=0.002)
    assert value(found.table, tissue) == value(table, tissue)
    [notes] = found.corrections["notes"]
    assert "reaches beyond the tissue; cut off at its edge" in notes
    assert "the class is neither that of lobule nor of portal tracts" in notes
    # Tissue added by hand is lobule, glass that the run never looked at.
    shutil.copy(out / "inked.geojson", path)
    more = (60, 152, 160, 200)
    edited(path, add=[rectangle("Tissue", more)])
    found = again(folder, path.parent, tmp_path / "b")
    lobule = value(found.table, "lobule_area_mm2") - value(table, "lobule_area_mm2")
    assert lobule == pytest.approx(area(more), rel=1e-9)


def test_without_the_labels_of_the_run_that_is_said(
    folder: Path, measured: tuple[Path, FeatureTable], tmp_path: Path
) -> None:
    out, table = measured
    path = tmp_path / "export/inked.geojson"
    path.parent.mkdir()
    shutil.copy(out / "inked.geojson", path)
    found = again(folder, path.parent, tmp_path / "a", um=UM)
    assert value(found.table, "portal_area_mm2") == value(table, "portal_area_mm2")
    lumen = value(found.table, "lobule_area_mm2") - value(table, "lobule_area_mm2")
    assert lumen == pytest.approx(area(LUMEN), rel=0.05)
    assert "labels of the run are not beside the file" in found.corrections["notes"][0]
    # The outline of the tissue says that tracts were counted: none are left.
    edited(path, lambda name: name.startswith("Tissue"))
    found = again(folder, path.parent, tmp_path / "b", um=UM)
    assert value(found.table, "portal_tract_count") == 0
    # Someone's own outline says nothing.
    edited(path, lambda _: False, [rectangle("Tissue", CORE)])
    found = again(folder, path.parent, tmp_path / "c", um=UM)
    assert math.isnan(value(found.table, "portal_tract_count"))
    assert "missing, not 0" in found.corrections["notes"][0]
    edited(path, add=[rectangle("Lobule", CORE)])
    found = again(folder, path.parent, tmp_path / "d", um=UM)
    assert value(found.table, "portal_tract_count") == 0


def test_labels_that_no_run_kept_are_not_used(
    folder: Path, measured: tuple[Path, FeatureTable], tmp_path: Path
) -> None:
    shutil.copytree(measured[0], tmp_path / "slides")
    made.write_png(tmp_path / "slides/labels/inked.png", np.zeros((220, 520, 3), np.uint8))
    found = again(folder, tmp_path / "slides", tmp_path / "a", um=UM)
    assert found.corrections["labels"].tolist() == [""]
    assert "labels/inked.png: no labels of this slide" in found.corrections["notes"][0]


def test_labels_of_an_earlier_run_are_not_those_of_one_without(
    folder: Path, measured: tuple[Path, FeatureTable], tmp_path: Path
) -> None:
    out, table = measured
    shutil.copytree(out, tmp_path / "slides")
    slides = sorted(folder.glob("*.tiff"))
    run_slides(slides, tmp_path / "slides", workers=1)
    assert not list((tmp_path / "slides/labels").glob("*.png"))
    found = again(folder, tmp_path / "slides", tmp_path / "found")
    assert math.isnan(value(found.table, "portal_tract_count"))
    assert value(table, "portal_tract_count") > 0


def test_counts_that_a_stage_withheld_are_not_given_back(folder: Path, tmp_path: Path) -> None:
    slides = sorted(folder.glob("inked.tiff"))
    labeller = Labeller.of(folder / "net.onnx")
    stages = {"inked": 4.0}
    run_slides(slides, tmp_path / "run", labeller=labeller, workers=1, stages=stages)
    refused = remeasure_slides(tmp_path / "run", slides, out=tmp_path / "a", workers=1)
    assert [(f.case, "--stages" in f.reason) for f in refused.failures] == [("inked", True)]
    found = remeasure_slides(tmp_path / "run", slides, out=tmp_path / "b", workers=1, stages=stages)
    assert math.isnan(value(found.table, "portal_tract_count"))
    assert value(found.table, "portal_area_mm2") > 0


def test_settings_are_those_of_the_run(folder: Path, tmp_path: Path) -> None:
    slides = sorted(folder.glob("inked.tiff"))
    settings = SlideSettings.parse({"tracts": {"min_tract_um2": 30000}}, where="test")
    labeller = Labeller.of(folder / "net.onnx")
    table, _ = run_slides(slides, tmp_path / "run", labeller=labeller, workers=1, settings=settings)
    write_slide_tables(table, tmp_path / "run")
    found = remeasure_slides(tmp_path / "run", slides, out=tmp_path / "a", workers=1)
    np.testing.assert_array_equal(found.table.X, table.X)
    usual = remeasure_slides(
        tmp_path / "run", slides, out=tmp_path / "b", workers=1, settings=SlideSettings()
    )
    assert not usual.table.X.equals(table.X)


def test_a_corrected_file_says_whose_labels_were_corrected(
    folder: Path, measured: tuple[Path, FeatureTable], tmp_path: Path
) -> None:
    out, table = measured
    found = again(folder, out, tmp_path / "found")
    made = table.obs["segmentation_maker"].tolist()
    assert made[0].startswith("net.onnx ")
    told = found.table.obs["segmentation_maker"].tolist()
    assert [t.partition(", labels of model ")[2] for t in told] == made
