"""Annotations as labels: by class, inside tissue and regions, what lies inside stays visible."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy import ndimage as ndi

from radiofib.errors import SlideError
from radiofib.slides.polygons import trace_polygons
from radiofib.slides.qupath.annotated import Annotated, annotate, role_of
from radiofib.slides.qupath.geojson import Annotation, to_geojson
from radiofib.slides.qupath.read import Drawn, parse_geojson
from radiofib.slides.reader import Grid

GRID = Grid(40, 30, 4.0, 4.0, 1.0, 1.0)
COARSE = Grid(5, 3, 32.0, 32.0, 8.0, 8.0)


def box(
    number: int,
    name: str | None,
    corner: tuple[int, int],
    size: tuple[int, int],
    kind: str = "annotation",
) -> Drawn:
    """Return a rectangle given in cells of GRID."""
    (x, y), (width, height) = corner, size
    ring = np.array([(x, y), (x + width, y), (x + width, y + height), (x, y + height), (x, y)])
    where = f"s.geojson, feature {number}"
    return Drawn(number, kind, name, None, "", ((ring * 4.0,),), where)


def portal(found: Annotated) -> np.ndarray:
    return found.segmentation.mask("portal")


TISSUE = box(1, "Tissue", (0, 0), (40, 24))


def test_tissue_is_lobule_and_what_lies_inside_stays_visible_in_any_order() -> None:
    objects = [
        box(2, "Vein", (6, 6), (2, 2)),
        box(3, "Portal tract", (4, 4), (8, 8)),
        box(4, "lobule", (0, 0), (20, 20)),
        TISSUE,
    ]
    found = annotate(objects, GRID, tissue_grid=COARSE)
    again = annotate(objects[::-1], GRID, tissue_grid=COARSE)
    np.testing.assert_array_equal(found.segmentation.labels, again.segmentation.labels)
    names = [c.name for c in found.segmentation.classes]
    assert names == ["background", "Tissue", "Portal tract", "lobule", "Vein"]
    assert portal(found).sum() == 64 - 4
    assert found.segmentation.mask("other").sum() == 4
    assert found.segmentation.mask("lobule").sum() == 40 * 24 - 64
    assert found.segmentation.mask("background").sum() == 40 * 6
    assert found.segmentation.source == "annotations"
    np.testing.assert_array_equal(found.tissue, np.ones((3, 5), dtype=bool))


def test_nothing_counts_beyond_the_rim_of_the_tissue_and_objects_outside_are_left_out() -> None:
    wide, coarse = Grid(160, 30, 4.0, 4.0, 1.0, 1.0), Grid(40, 7, 16.0, 16.0, 4.0, 4.0)
    tissue = box(1, "Tissue", (0, 0), (80, 24))
    inside, overhanging = box(2, "Portal tract", (4, 4), (9, 9)), box(3, "Vein", (70, 4), (16, 8))
    far = box(4, "Portal tract", (100, 4), (9, 9))
    across = box(5, "Portal tract", (80, 16), (18, 6))
    found = annotate([tissue, inside, overhanging, far, across], wide, tissue_grid=coarse)
    assert portal(found).sum() == 81
    assert found.segmentation.mask("other").sum() == (10 + 6) * 8
    # An outline drawn by hand has no rim.
    tissue.parts[0][0][1, 0] += 0.5
    by_hand = annotate([tissue, inside, overhanging, far, across], wide, tissue_grid=coarse)
    assert by_hand.segmentation.mask("other").sum() == 10 * 8
    neither = "s.geojson, feature 3: the class is neither that of lobule nor of portal tracts"
    assert found.notes == (
        "s.geojson, feature 5, s.geojson, feature 4: outside the tissue, left out",
        f"{neither}; counted as neither",
    )
    assert (
        by_hand.notes[1] == "s.geojson, feature 3: reaches beyond the tissue; cut off at its edge"
    )


def test_without_outlines_the_tissue_that_was_found_serves() -> None:
    tract = box(2, "Portal tract", (30, 20), (6, 8))
    with pytest.raises(SlideError, match="no tissue is outlined"):
        annotate([tract], GRID, tissue_grid=COARSE)
    mask = np.zeros((3, 5), dtype=bool)
    mask[:, 4] = True
    found = annotate([tract], GRID, tissue_grid=COARSE, found=mask)
    assert portal(found).sum() == 6 * 8 - 6 * 4  # rows 24 to 27 are not on the tissue grid
    assert found.segmentation.mask("lobule").sum() == 8 * 24 - 4 * 4
    np.testing.assert_array_equal(found.tissue, mask)


def test_regions_limit_and_what_is_to_be_ignored_is_left_out() -> None:
    tract = box(2, "Portal tract", (4, 4), (24, 8))
    region = box(3, "Region*", (0, 0), (16, 24))
    second = box(5, "ROI", (24, 0), (16, 24))
    ignore = box(4, "Ignore*", (8, 0), (8, 24))
    found = annotate([TISSUE, tract, region, ignore, second], GRID, tissue_grid=COARSE)
    assert portal(found).sum() == (4 + 4) * 8
    np.testing.assert_array_equal(found.tissue, [[True, False, False, True, True]] * 3)
    assert [f.classification for f in found.frames] == ["Region*", "Ignore*", "ROI"]
    assert [f.polygon.area for f in found.frames] == [16 * 24 * 16, 8 * 24 * 16, 16 * 24 * 16]


def test_counts_and_notes_say_what_was_not_used() -> None:
    objects = [
        TISSUE,
        box(2, None, (1, 1), (3, 3)),
        box(3, "Portal tract", (1, 1), (2, 2), kind="cell"),
        box(4, "background", (0, 0), (2, 2)),
        Drawn(5, "annotation", "Portal tract", None, "", ((np.zeros((5, 2)),),), "s, feature 5"),
    ]
    found = annotate(objects, GRID, tissue_grid=COARSE)
    assert found.counts == {
        **{"tissue": 1, "label": 1, "background": 1, "artefact": 0, "region": 0, "ignore": 0},
        **{"unclassified": 1, "unused": 1, "mended": 0, "empty": 1},
    }
    assert [n.split(": ")[1][:9] for n in found.notes] == ["no class,", "too small"]
    many = [box(i, None, (1, 1), (3, 3)) for i in range(2, 10)]
    [note] = annotate([TISSUE, *many], GRID, tissue_grid=COARSE).notes
    assert note.endswith("s.geojson, feature 6 and 3 more: no class, left out")
    assert found.segmentation.labels[:2, :2].max() == 0
    assert portal(found).sum() == 0


def test_tracts_that_meet_at_an_edge_stay_two_and_those_that_overlap_are_one() -> None:
    one, beside = box(2, "Portal tract", (4, 4), (8, 8)), box(3, "Portal tract", (12, 4), (4, 8))
    found = annotate([TISSUE, one, beside], GRID, tissue_grid=COARSE)
    assert ndi.label(portal(found))[1] == 2
    assert portal(found).sum() == 64 + 32 - 8
    assert "parted by one cell" in found.notes[0]
    over = box(3, "Portal tract", (11, 4), (5, 8))
    found = annotate([TISSUE, one, over], GRID, tissue_grid=COARSE)
    assert (ndi.label(portal(found))[1], portal(found).sum(), found.notes) == (1, 12 * 8, ())
    corner = box(3, "Portal tract", (0, 0), (4, 4))
    found = annotate([TISSUE, corner, one], GRID, tissue_grid=COARSE)
    assert (ndi.label(portal(found))[1], portal(found).sum()) == (2, 16 + 64)


def test_more_classes_than_labels_can_hold_are_refused() -> None:
    objects = [TISSUE, *(box(i, f"class {i}", (1, 1), (2, 2)) for i in range(2, 260))]
    with pytest.raises(SlideError, match="too many classes"):
        annotate(objects, GRID, tissue_grid=COARSE)


@settings(max_examples=40, deadline=None)
@given(
    arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=8), elements=st.integers(0, 2)),
    st.floats(1.0, 9.0),
)
def test_labels_that_radiofib_wrote_come_back(labels: np.ndarray, step: float) -> None:
    height, width = labels.shape
    grid = Grid(width, height, step, step, 1.0, 1.0)
    notes = [
        Annotation(p.scaled(step, step), f"{name} {i}", name, (1, 2, 3))
        for name, mask in (("Tissue", labels > 0), ("Portal tract", labels == 2))
        for i, p in enumerate(trace_polygons(mask))
    ]
    back = parse_geojson(to_geojson(notes, key="k").encode(), "s.geojson")
    none = np.zeros((height, width), dtype=bool)
    found = annotate(back, grid, tissue_grid=grid, found=none)
    np.testing.assert_array_equal(found.segmentation.labels, labels)
    np.testing.assert_array_equal(found.tissue, labels > 0)
    assert found.notes == ()


def test_detections_count_as_annotations_do() -> None:
    assert role_of(box(1, "Portal tract", (0, 0), (1, 1), kind="detection")) == "label"
    assert role_of(box(1, "Portal tract", (0, 0), (1, 1), kind="tile")) == "unused"
