"""Artefacts take area from a piece, but neither length nor width."""

from __future__ import annotations

import numpy as np
import pytest

from radiofib.slides.reader import Grid
from radiofib.slides.tissue.fragments import find_fragments, morphometry, only_pieces

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
