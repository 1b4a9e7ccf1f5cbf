from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage as ndi

from radiofib.slides.morphometry.regions import boxes_on, find_regions
from radiofib.slides.morphometry.zones import Zones, nearest_regions
from tests.slides.segmented import segmentation, tissue_of

masks = hnp.arrays(bool, st.tuples(st.integers(1, 14), st.integers(1, 14)))


@given(masks, st.floats(1.0, 6.0), st.integers(1, 6))
@settings(deadline=None, max_examples=60)
def test_nearest_tract_wins_and_ties_go_to_the_lower_number(mask, reach, side) -> None:
    """Against every distance computed one by one, and whatever the windows."""
    made = segmentation(mask.astype(np.uint8) * 2, 1.0)
    regions = find_regions(made, "portal")
    height, width = mask.shape
    labels = regions.paint(0, 0, width, height)
    expected = np.zeros(mask.shape, dtype=int)
    places = {i: np.argwhere(labels == i) for i in range(1, regions.count + 1)}
    for y, x in np.argwhere(~mask):
        away = {i: ((p - (y, x)) ** 2).sum(axis=1).min() for i, p in places.items()}
        if away and min(away.values()) <= reach**2:
            expected[y, x] = min(away, key=lambda i: (away[i], i))
    whole = nearest_regions(regions, made.grid, reach, (0, 0, width, height))
    assert (whole[0] == labels).all()
    assert (whole[1] == expected).all()
    for top in range(0, height, side):
        for left in range(0, width, side):
            size = (min(side, width - left), min(side, height - top))
            part = nearest_regions(regions, made.grid, reach, (left, top, *size))
            here = (slice(top, top + size[1]), slice(left, left + size[0]))
            assert (part[1] == expected[here]).all()


def test_interface_is_25_um_wide_inside_tissue_and_shared_between_neighbours() -> None:
    labels = np.zeros((200, 400), np.uint8)
    labels[40:160, 40:360] = 1
    labels[80:120, 100:140] = labels[80:120, 170:210] = labels[40:80, 300:340] = 2
    made, tissue = segmentation(labels, 1.0), tissue_of(labels, 1.0)
    regions = find_regions(made, "portal")
    found = Zones(made, regions, tissue, 25.0).window(0, 0, 400, 200)
    assert (found.code == 1).sum() == 3 * 40 * 40
    # 25 cells outward on a side that has no neighbour, half of the gap of 30 on the other.
    assert (found.code[100, :100] == 2).sum() == 25
    between = found.tract[100, 140:170]
    assert (between == between[0]).sum() == (between == between[-1]).sum() == 15
    # The third tract lies on the border: nothing outside tissue, whose labels begin at row 40.
    assert not found.code[:40].any()
    assert (found.code[80:160, 320] == 2).sum() == 25
    assert set(np.unique(found.code[labels == 1])) == {2, 3}


def test_objects_that_are_not_counted_are_in_no_zone() -> None:
    labels = np.full((100, 100), 1, np.uint8)
    labels[40:60, 40:60] = labels[80:83, 80:83] = 2
    made, tissue = segmentation(labels, 1.0), tissue_of(labels, 1.0)
    regions = find_regions(made, "portal").select(np.array([True, False]))
    found = Zones(made, regions, tissue, 5.0).window(0, 0, 100, 100)
    assert not found.code[80:83, 80:83].any()
    assert ndi.label(found.code == 2)[1] == 1


@pytest.mark.parametrize("reach", [10.0, 25.0])
def test_area_around_a_disc_is_that_of_the_ring(reach) -> None:
    y, x = np.mgrid[-150:151, -150:151]
    labels = np.where(np.hypot(y, x) <= 60, 2, 1).astype(np.uint8)
    made, tissue = segmentation(labels, 1.0), tissue_of(labels, 1.0)
    found = Zones(made, find_regions(made, "portal"), tissue, reach).window(0, 0, 301, 301)
    ring = np.pi * ((60 + reach) ** 2 - 60**2)
    assert (found.code == 2).sum() == pytest.approx(ring, rel=0.02)


@given(masks, st.integers(1, 9), st.integers(1, 9))
@settings(deadline=None, max_examples=60)
def test_boxes_cover_a_mask_once_and_fit_it(mask, width, height) -> None:
    seen = np.zeros(mask.shape, dtype=int)
    for left, top, wide, high in boxes_on(mask, width, height):
        assert wide <= width
        assert high <= height
        part = mask[top : top + high, left : left + wide]
        assert all(edge.any() for edge in (part[0], part[-1], part[:, 0], part[:, -1]))
        seen[top : top + high, left : left + wide] += 1
    assert seen.max(initial=0) <= 1
    assert (seen[mask] == 1).all()


@pytest.mark.parametrize("pieces", [None, {1}])
@pytest.mark.parametrize("side", [7, 40, 500])
def test_boxes_of_zones_miss_no_cell_of_a_zone(pieces, side) -> None:
    """Also where a tract reaches beyond the tissue, and cells of the two grids do not fit."""
    labels = np.zeros((90, 131), np.uint8)
    labels[20:61, 8:70] = labels[20:50, 90:120] = 1
    labels[52:75, 30:45] = labels[5:12, 100:110] = 2
    made = segmentation(labels, 3.0)
    tissue = tissue_of(labels * (labels == 1), 3.0)
    zones = Zones(made, find_regions(made, "portal"), tissue, 9.0, pieces)
    whole = zones.window(0, 0, 131, 90)
    seen = np.zeros(labels.shape, dtype=int)
    for left, top, width, height in zones.boxes(side, side):
        seen[top : top + height, left : left + width] += 1
    assert seen.max() == 1
    assert (seen[whole.code > 0] == 1).all()
