from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage as ndi

from radiofib.simulate.slide_geometry import BiopsyLaw
from radiofib.simulate.slides import SlideSettings as Simulated
from radiofib.slides import SlideSettings, measure_slide, open_slide, to_geojson
from radiofib.slides.measure import SlideMeasures
from radiofib.slides.morphometry.portal import tract_annotations
from radiofib.slides.morphometry.regions import find_regions
from radiofib.slides.morphometry.segmented import measure_segmented
from radiofib.slides.morphometry.settings import TractSettings
from radiofib.slides.morphometry.shapes import shape_measures
from radiofib.slides.morphometry.tracts import compartment_areas, find_tracts, tract_rows
from radiofib.slides.reader import Grid
from radiofib.slides.specs import SLIDE_REGISTRY
from radiofib.slides.specs.tracts import TRACT_REGISTRY, tract_codebook
from radiofib.slides.tissue.map import map_tissue
from tests.slides.qupath.test_geojson import check_qupath
from tests.slides.segmented import segmentation, simulated, tissue_of

QUICK = TractSettings(detail_um=None, vacuole_pixel_um=None)
EVERY = QUICK.model_copy(update={"min_tract_um2": 0.0, "uncountable_from_stage": None})

masks = hnp.arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12)))


@given(masks)
@settings(deadline=None, max_examples=80)
def test_regions_are_those_of_a_labelled_picture(mask) -> None:
    found = find_regions(segmentation(mask.astype(np.uint8) * 2, 1.0), "portal")
    labels, count = ndi.label(mask)
    assert found.count == count
    painted = found.paint(-1, -1, mask.shape[1] + 2, mask.shape[0] + 2)[1:-1, 1:-1]
    assert ((painted > 0) == mask).all()
    assert len({*zip(painted[mask].tolist(), labels[mask].tolist(), strict=True)}) == count
    assert found.cells.tolist() == np.bincount(painted.ravel(), minlength=count + 1)[1:].tolist()
    for i, (left, top, right, bottom) in enumerate(found.boxes.tolist()):
        assert (found.mask(i) == (painted[top:bottom, left:right] == i + 1)).all()


@given(masks, st.integers(1, 7))
@settings(deadline=None, max_examples=40)
def test_windows_put_together_are_the_whole(mask, side) -> None:
    found = find_regions(segmentation(mask.astype(np.uint8) * 2, 1.0), "portal")
    height, width = mask.shape
    whole = found.paint(0, 0, width, height)
    for top in range(0, height, side):
        for left in range(0, width, side):
            part = found.paint(left, top, side, side)
            inside = whole[top : top + side, left : left + side]
            assert (part[: inside.shape[0], : inside.shape[1]] == inside).all()


def drawn() -> np.ndarray:
    """Labels at 2 um: a core with an inner, a cut, a tiny and a stray portal object."""
    labels = np.zeros((400, 900), np.uint8)
    labels[100:300, 100:800] = 1
    y, x = np.mgrid[:400, :900]
    labels[np.hypot(y - 200, x - 250) <= 40] = 2
    labels[(np.hypot(y - 100, x - 500) <= 40) & (labels > 0)] = 2
    labels[200:205, 650:655] = 2
    labels[20:40, 850:880] = 2
    return labels


def test_inner_cut_tiny_and_stray_objects_are_told_apart() -> None:
    labels = drawn()
    made, tissue = (
        segmentation(labels, 2.0, 4.0),
        tissue_of(np.where(labels == 2, 1, labels), 2.0, 4.0),
    )
    tissue = tissue_of(
        np.where((labels == 2) & (np.arange(400) < 60)[:, None], 0, labels), 2.0, 4.0
    )
    tracts = find_tracts(made, tissue)
    rows = tract_rows(tracts, tissue, made.grid)
    assert (tracts.small_count, tracts.outside_count) == (1, 1)
    assert tracts.left_out_cells == 25 + 600
    cut, inner = rows
    assert (cut["complete"], inner["complete"]) == (0.0, 1.0)
    assert cut["border_contact_um"] == pytest.approx(2 * 81)
    assert cut["edge_distance_um"] == 0.0
    # 100 rows of 2 um to the edge, less the radius, as coarse as the mask of 8 um.
    assert inner["edge_distance_um"] == pytest.approx(120, abs=8)
    assert inner["area_um2"] == np.count_nonzero(np.hypot(*np.mgrid[-40:41, -40:41]) <= 40) * 4
    assert inner["perimeter_um"] == pytest.approx(2 * math.pi * 80, rel=0.02)
    assert inner["feret_max_um"] == pytest.approx(160, abs=4)
    assert inner["feret_min_um"] == pytest.approx(160, abs=4)
    assert inner["circularity"] == pytest.approx(1, abs=0.03)
    assert inner["eccentricity"] < 0.1
    assert (inner["centroid_x_px"], inner["centroid_y_px"]) == (250.5 * 4, 200.5 * 4)
    gap = 2 * (math.hypot(250, 100) - 80)
    assert inner["nearest_tract_um"] == cut["nearest_tract_um"] == pytest.approx(gap, abs=4)
    names = [spec.name for spec in TRACT_REGISTRY]
    assert all(list(row) == names[: len(row)] for row in rows)


def test_a_lumen_is_no_border_but_the_edge_of_the_slide_is() -> None:
    labels = np.full((300, 300), 1, np.uint8)
    labels[100:200, 100:200] = 2
    labels[140:180, 190:230] = 0  # opens into tract and lobule, deep inside
    labels[0:50, 200:250] = 2
    made, tissue = segmentation(labels, 2.0), tissue_of(labels, 2.0)
    edge, inner = tract_rows(find_tracts(made, tissue), tissue, made.grid)
    assert (edge["complete"], edge["border_contact_um"]) == (0.0, 100.0)
    assert (inner["complete"], inner["border_contact_um"]) == (1.0, 0.0)


def test_a_ring_has_a_hole_that_is_not_its_area() -> None:
    labels = np.full((200, 200), 1, np.uint8)
    labels[50:150, 50:150] = 2
    labels[80:120, 80:120] = 1
    made, tissue = segmentation(labels, 1.0), tissue_of(labels, 1.0)
    [row] = tract_rows(find_tracts(made, tissue), tissue, made.grid)
    assert (row["hole_count"], row["hole_area_um2"], row["area_um2"]) == (1.0, 1600.0, 8400.0)
    assert row["solidity"] == pytest.approx(1.0)
    assert math.isnan(row["nearest_tract_um"])


@pytest.fixture(scope="module")
def patients(tmp_path_factory: pytest.TempPathFactory):
    return list(simulated(tmp_path_factory.mktemp("tracts"), 3))


def test_simulated_tracts_are_counted_and_measured_exactly(patients) -> None:
    """Labels are the truth: counts exact, areas exact to the pixel, complete as the truth says."""
    for path, truth, labels in patients:
        with open_slide(path) as slide:
            made = segmentation(labels, truth["mpp"])
            measures = measure_slide(slide, segmentation=made, settings=SlideSettings(tracts=EVERY))
        found = measures.measured
        cell = truth["mpp"] ** 2
        assert found["portal_area_mm2"] == truth["portal_px"] * cell / 1e6
        lobule = truth["tissue_px"] - truth["portal_px"]
        assert found["lobule_area_mm2"] == pytest.approx(lobule * cell / 1e6, rel=1e-12)
        assert found["portal_area_percent"] == pytest.approx(100 * truth["portal_fraction"])
        if not truth["countable"]:
            continue
        assert found["portal_tract_count"] == truth["n_tracts"]
        assert found["portal_complete_tract_count"] == truth["n_complete_tracts"]
        areas = sorted(t["pixels"] for t in truth["tracts"])
        assert sorted(round(row["area_um2"] / cell) for row in measures.tracts) == areas
        fate = {t["pixels"]: float(t["complete"]) for t in truth["tracts"]}
        assert all(fate[round(r["area_um2"] / cell)] == r["complete"] for r in measures.tracts)
        assert len({row["fragment"] for row in measures.tracts}) <= len(measures.fragments)


@pytest.mark.parametrize("parts", [2, pytest.param(4, marks=pytest.mark.slow)])
def test_coarser_labels_count_alike(patients, parts) -> None:
    for path, truth, labels in patients:
        if not truth["countable"]:
            continue
        with open_slide(path) as slide:
            coarse = segmentation(labels[::parts, ::parts], truth["mpp"] * parts, float(parts))
            measures = measure_slide(
                slide, segmentation=coarse, settings=SlideSettings(tracts=EVERY)
            )
        found = measures.measured
        assert found["portal_tract_count"] == truth["n_tracts"]
        assert found["portal_complete_tract_count"] == truth["n_complete_tracts"]
        assert found["portal_area_percent"] == pytest.approx(
            100 * truth["portal_fraction"], rel=0.02
        )


def measured(path: Path, labels: np.ndarray, truth: dict, **more) -> SlideMeasures:
    more = {"settings": SlideSettings(tracts=QUICK)} | more
    with open_slide(path) as slide:
        return measure_slide(slide, segmentation=segmentation(labels, truth["mpp"]), **more)


def test_at_stage_3_areas_stay_and_counts_go(patients) -> None:
    path, truth, labels = patients[0]
    before = measured(path, labels, truth, stage=2)
    after = measured(path, labels, truth, stage=3)
    gone = {k for k, v in after.measured.items() if math.isnan(v) and k in after.missing}
    gone -= {k for k, v in before.measured.items() if math.isnan(v)}
    assert {"portal_tract_count", "portal_tracts_per_cm", "portal_complete_tract_count"} <= gone
    assert "stage 3 and more (Ludwig; here 3)" in after.missing["portal_tract_count"]
    for key in ("portal_area_mm2", "portal_area_percent", "lobule_area_mm2"):
        assert after.measured[key] == before.measured[key]
    np.testing.assert_equal(after.tracts, before.tracts)


def test_tracts_go_to_qupath_with_their_measures_and_exact_areas(patients) -> None:
    path, truth, labels = patients[0]
    measures = measured(path, labels, truth)
    document = check_qupath(to_geojson(measures.annotations, key="k"))
    features = [
        f
        for f in document["features"]
        if f["properties"]["classification"] == {"name": "Portal tract", "color": [213, 94, 0]}
    ]
    assert len(features) == len(measures.tracts)
    for feature, row in zip(features, measures.tracts, strict=True):
        area = 0.0
        for ring in feature["geometry"]["coordinates"]:
            x, y = np.array(ring).T
            area += float(np.sum(x[:-1] * y[1:] - x[1:] * y[:-1])) / 2
        assert area * truth["mpp"] ** 2 == row["area_um2"]
        shown = feature["properties"]["measurements"]
        assert shown["Area um2"] == row["area_um2"]
    tissue = document["features"][0]["properties"]["measurements"]
    assert tissue["Slide adequate by Bedossa 2003"] == 0


def test_outlines_of_cells_that_are_no_whole_pixels_keep_their_area() -> None:
    labels = drawn()
    made = segmentation(labels, 2.0, 8.013)
    tissue = tissue_of(labels, 2.0, 8.013)
    tracts = find_tracts(made, tissue)
    rows = tract_rows(tracts, tissue, made.grid)
    for note, row in zip(tract_annotations(tracts, rows, made), rows, strict=True):
        area = 0.0
        for ring in note.polygon.rings:
            x, y = np.asarray(ring, dtype=float).T
            area += float(np.sum(x[:-1] * y[1:] - x[1:] * y[:-1])) / 2
        # A corner is off by at most 0.005 of a pixel on an outline of 600 pixels and more.
        assert area * (2.0 / 8.013) ** 2 == pytest.approx(row["area_um2"], rel=1e-4)


def test_every_column_has_a_value_or_a_reason(patients) -> None:
    path, truth, labels = patients[0]
    coarse = segmentation(np.ascontiguousarray(labels[::2, ::2]), truth["mpp"] * 2, 2.0)
    with open_slide(path) as slide:
        found = measure_slide(slide, segmentation=coarse)
    assert set(found.measured) == {spec.key for spec in SLIDE_REGISTRY}
    lacking = {key for key, value in found.measured.items() if math.isnan(value)}
    assert lacking == set(found.missing)
    assert all(list(r) == [spec.name for spec in TRACT_REGISTRY] for r in found.tracts)
    assert found.measured["portal_nuclei_per_mm2"] > 2 * found.measured["lobule_nuclei_per_mm2"]


def test_without_a_segmentation_its_columns_are_missing_with_the_reason(patients) -> None:
    path = patients[0][0]
    with open_slide(path) as slide:
        measures = measure_slide(slide)
    assert set(measures.measured) == {spec.key for spec in SLIDE_REGISTRY}
    assert measures.tracts == ()
    assert measures.missing["portal_area_mm2"].startswith("no segmentation")
    assert not [a for a in measures.annotations if a.classification == "Portal tract"]
    assert measures.measured["adequacy_bedossa_2003"] == 0.0


def test_a_segmentation_without_a_class_says_so(patients) -> None:
    path, truth, labels = patients[0]
    made = segmentation(labels, truth["mpp"])
    with open_slide(path) as slide:
        no_portal = replace(made, classes=made.classes[:2])
        found = measure_slide(slide, segmentation=no_portal, settings=SlideSettings(tracts=QUICK))
        assert math.isnan(found.measured["portal_tract_count"])
        assert found.missing["portal_tract_count"].endswith("no class of portal tracts")
        other = replace(made.classes[1], compartment="other")
        no_lobule = replace(made, classes=(made.classes[0], other, made.classes[2]))
        found = measure_slide(slide, segmentation=no_lobule, settings=SlideSettings(tracts=QUICK))
    assert found.measured["portal_tract_count"] > 0
    assert math.isnan(found.measured["portal_area_percent"])
    assert found.missing["lobule_area_mm2"].endswith("no class of lobule")


def test_labels_without_a_tract_count_none(patients) -> None:
    path, truth, labels = patients[0]
    found = measured(path, np.minimum(labels, 1), truth)
    assert found.measured["portal_tract_count"] == 0
    assert found.measured["portal_area_percent"] == 0
    assert found.missing["portal_tract_area_median_um2"] == "no portal tract"
    assert not [a for a in found.annotations if a.classification == "Portal tract"]


@given(masks.filter(lambda mask: mask.any()), st.floats(0.3, 4.0), st.floats(0.3, 4.0))
@settings(deadline=None, max_examples=40)
def test_any_shape_has_measures_within_their_bounds(mask, um_x, um_y) -> None:
    region = ndi.label(mask)[0] == 1
    found = shape_measures(region, (um_x, um_y))
    assert found["area_um2"] == pytest.approx(region.sum() * um_x * um_y)
    assert 0 < found["solidity"] <= 1 + 1e-9
    assert 0 < found["feret_min_um"] <= found["feret_max_um"]
    assert 0 <= found["eccentricity"] < 1
    assert found["feret_max_um"] ** 2 >= found["area_um2"]
    assert all(math.isfinite(v) for v in found.values())


def test_of_serial_levels_one_counts(tmp_path: Path) -> None:
    """Three levels of one core: sums of the first are those of the core, rows are of all."""
    law = BiopsyLaw(core_width_um=180, core_width_sd_um=5, tract_area_um2=3000, fragments=0)
    three = Simulated(shape=(1800, 2400), cores=(1, 1), levels=3, pen=0, biopsy_law=law)
    [(path, truth, labels)] = simulated(tmp_path, 1, three, seed=1)
    made, tissue = segmentation(labels, truth["mpp"]), tissue_of(labels, truth["mpp"])
    assert int(tissue.number.max()) == 3
    sizes = {"morphometry_tissue_area_mm2": 1.0, "morphometry_core_length_mm": 1.0}
    wanted = EVERY.model_copy(update={"detail_um": 1.0})
    with open_slide(path) as slide:
        white = (243.0, 242.0, 243.0)
        one = measure_segmented(slide, made, tissue, white, sizes, wanted, pieces=[1])
        every = measure_segmented(slide, made, tissue, white, sizes, wanted)
    assert truth["n_tracts"] > 0
    assert one.values["portal_tract_count"] == truth["n_tracts"]
    assert one.values["portal_complete_tract_count"] == truth["n_complete_tracts"]
    assert every.values["portal_tract_count"] == 3 * truth["n_tracts"]
    assert len(one.rows) == len(every.rows) == len(one.annotations)
    assert sum(row["counted"] for row in one.rows) == truth["n_tracts"]
    for key in ("portal_area_mm2", "lobule_area_mm2", "interface_area_mm2", "septa_body_count"):
        assert one.values[key] == pytest.approx(every.values[key] / 3, rel=0.01)
    assert one.values["lobule_nuclei_count"] == pytest.approx(
        every.values["lobule_nuclei_count"] / 3, rel=0.1
    )


def test_areas_by_piece_sum_to_those_of_the_labels() -> None:
    labels = drawn()
    made, tissue = segmentation(labels, 2.0), tissue_of(labels, 2.0)
    areas = compartment_areas(made, tissue)
    assert areas[:, 1:].sum() == pytest.approx(np.count_nonzero(labels) * 4 / 1e6)
    assert areas[1:, 1].sum() == pytest.approx(np.count_nonzero(labels == 1) * 4 / 1e6)


def test_the_codebook_of_tracts_has_a_unit_and_a_source_for_each_column() -> None:
    book = tract_codebook()
    assert (book[["unit", "label", "formula", "citation"]] != "").all(axis=None)
    assert book["column"].is_unique


@pytest.mark.slow
def test_default_law_at_20x(tmp_path: Path) -> None:
    """Default biopsies, default settings: all tracts of at least 1,000 um2, and no other."""
    law = Simulated(shape=(4608, 8192))
    for path, truth, labels in simulated(tmp_path, 4, law, seed=11):
        found = measured(path, labels, truth)
        if truth["countable"]:
            large = [t for t in truth["tracts"] if t["area_um2"] >= 1000]
            assert found.measured["portal_tract_count"] == len(large)
            assert found.measured["portal_small_object_count"] == truth["n_tracts"] - len(large)
            assert found.measured["portal_complete_tract_count"] == sum(
                t["complete"] for t in large
            )


@pytest.mark.proof
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("mpp", [0.25, 0.5])
def test_a_whole_slide_of_known_tracts(tmp_path: Path, mpp: float) -> None:
    """40,000 x 30,000 pixels at 40x and 20x, several cores, labels of every level-0 pixel."""
    law = Simulated(shape=(30_000, 40_000), mpp=mpp, cores=(3, 3), pen=0.0)
    [(path, truth, labels)] = simulated(tmp_path, 1, law, seed=3)
    found = measured(path, labels, truth, settings=SlideSettings(tracts=EVERY))
    cell = mpp**2
    values = found.measured
    assert values["portal_area_mm2"] == truth["portal_px"] * cell / 1e6
    assert values["morphometry_tissue_area_mm2"] == pytest.approx(truth["tissue_mm2"], rel=0.01)
    assert values["morphometry_core_length_mm"] == pytest.approx(truth["length_mm"], rel=0.01)
    if truth["countable"]:
        assert values["portal_tract_count"] == truth["n_tracts"]
        assert values["portal_complete_tract_count"] == truth["n_complete_tracts"]
        areas = sorted(t["pixels"] for t in truth["tracts"])
        assert sorted(round(row["area_um2"] / cell) for row in found.tracts) == areas


def test_a_tract_that_an_artefact_cuts_is_partial_and_one_with_a_speck_is_whole() -> None:
    labels = np.zeros((120, 240), np.uint8)
    labels[10:110, 10:230] = 1
    labels[40:80, 40:80] = labels[40:80, 160:200] = 2
    hidden = np.zeros((30, 60), dtype=bool)
    hidden[14:16, 14:16] = True  # inside the first
    hidden[8:22, 48:51] = True  # along one side of the second
    under = hidden.repeat(4, axis=0).repeat(4, axis=1)
    made = segmentation(np.where(under, 0, labels).astype(np.uint8), 2.0)
    whole = (labels > 0)[::4, ::4]
    place = (int(np.argwhere(whole)[0][0]), int(np.argwhere(whole)[0][1]))
    grid = Grid(60, 30, 4, 4, 8.0, 8.0)
    tissue = map_tissue(whole, [place], grid, hidden)
    tracts = find_tracts(made, tissue)
    rows = tract_rows(tracts, tissue, made.grid)
    assert [row["complete"] for row in rows] == [1, 0]
    assert rows[1]["border_contact_um"] == 40 * 2.0
    areas = compartment_areas(made, tissue)
    assert areas[1, 2] == pytest.approx((2 * 1600 - 64 - 8 * 40) * 4 / 1e6)
    assert areas[1, 1] == pytest.approx((np.count_nonzero((labels == 1) & ~under)) * 4 / 1e6)
