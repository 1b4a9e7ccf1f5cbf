"""Artefacts take area from a piece, but neither length nor width."""

from __future__ import annotations

import numpy as np
import pytest

from radiofib.slides.reader import Grid
from radiofib.slides.tissue.fragments import find_fragments, is_field, morphometry, only_pieces

GRID = Grid(300, 100, 16, 16, 10.0, 10.0)


def test_what_is_hidden_is_no_area_but_length_and_width_stay() -> None:
    whole = np.zeros((100, 300), dtype=bool)
    whole[10:30, 20:280] = whole[60:80, 20:220] = True
    usable = whole.copy()
    usable[:40, 100:150] = False
    before = find_fragments(whole, GRID)
    after = find_fragments(whole, GRID, usable=usable)
    assert [f.area_mm2 for f in after] == pytest.approx([0.42, 0.4])
    assert [f.hidden_mm2 for f in after] == pytest.approx([0.1, 0.0])
    assert [f.length_mm for f in after] == [f.length_mm for f in before]
    assert [f.width_mm for f in after] == pytest.approx([f.width_mm for f in before])
    values, missing = morphometry(after)
    assert values["morphometry_tissue_area_mm2"] == pytest.approx(0.82)
    assert missing == {}
    second = only_pieces(usable, whole, after, [1])
    assert second.sum() == 20 * 200
    assert not second[:50].any()


def test_a_field_cut_on_all_sides_has_no_core_length_and_is_no_wedge() -> None:
    whole = np.ones((100, 100), dtype=bool)
    whole[:, 48] = False  # a tear parts it
    whole[-1] = False  # a white line at the edge of the picture
    pieces = find_fragments(whole, Grid(100, 100, 16, 16, 10.0, 10.0))
    values, missing = morphometry(pieces)
    assert values["morphometry_fragment_count"] == 2
    assert values["morphometry_wedge_count"] == 0
    assert values["morphometry_tissue_area_mm2"] == pytest.approx(0.9801)
    for key in ("core_length_mm", "longest_core_mm", "core_width_mm"):
        assert np.isnan(values[f"morphometry_{key}"])
        assert "cuts it on all sides" in missing[f"morphometry_{key}"]


def test_cores_that_the_border_cuts_or_touches_keep_their_length() -> None:
    rows, columns = np.mgrid[:100, :300]
    bent = np.abs(rows - 50 - 35 * np.sin(columns / 45)) < 20  # touches all four sides
    assert all(side.any() for side in (bent[0], bent[-1], bent[:, 0], bent[:, -1]))
    ending = (columns < 250) & np.ones_like(bent)  # one end is seen
    for mask in (bent, ending):
        assert not is_field(mask)
        values, missing = morphometry(find_fragments(mask, GRID))
        assert values["morphometry_core_length_mm"] > 2
        assert missing == {}
