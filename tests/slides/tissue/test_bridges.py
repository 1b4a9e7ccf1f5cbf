from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage as ndi

from radiofib.slides.tissue.bridges import hidden_tissue

SHAPE = (160, 400)
ROWS, COLUMNS = np.mgrid[: SHAPE[0], : SHAPE[1]]


def stroke(slant: float, width: float = 40, upto: int = SHAPE[0]) -> np.ndarray:
    """Return an oblique stroke, from the top down to a row."""
    return (np.abs(COLUMNS - 200 - slant * (ROWS - 80)) < width / 2) & (upto > ROWS)


def joined(tissue: np.ndarray, ink: np.ndarray) -> np.ndarray:
    seen = tissue & ~ink
    return seen | hidden_tissue(seen, ink)


@pytest.mark.parametrize("gap", [5, 12, 30])
@pytest.mark.parametrize("slant", [-0.5, 0.0, 0.7])
def test_a_stroke_across_two_cores_joins_neither_with_the_other(gap: int, slant: float) -> None:
    cores = [(ROWS >= 75 - 50) & (ROWS < 75), (75 + gap <= ROWS) & (125 + gap > ROWS)]
    tissue = (cores[0] | cores[1]) & (COLUMNS >= 20) & (COLUMNS < 380)
    found = joined(tissue, stroke(slant))
    assert ndi.label(found)[1] == 2
    assert found.sum() == pytest.approx(tissue.sum(), rel=0.005)


def test_a_stroke_that_ends_within_a_core_does_not_join_it_with_the_next() -> None:
    tissue = ((ROWS >= 20) & (ROWS < 70)) | ((ROWS >= 80) & (ROWS < 130))
    found = joined(tissue, stroke(0.2) & (ROWS >= 45))
    assert ndi.label(found)[1] == 2
    assert found.sum() == pytest.approx(tissue.sum(), rel=0.005)


def test_a_mark_on_the_edges_of_two_cores_does_not_join_them() -> None:
    tissue = ((ROWS >= 15) & (ROWS < 70)) | ((ROWS >= 90) & (ROWS < 145))
    assert ndi.label(joined(tissue, np.hypot(ROWS - 80, COLUMNS - 200) < 25))[1] == 2


def test_a_short_end_beyond_a_stroke_belongs_to_its_core() -> None:
    tissue = (ROWS >= 50) & (ROWS < 110) & (COLUMNS < 240)
    found = joined(tissue, stroke(0.0))
    assert ndi.label(found)[1] == 1
    assert (found == tissue).all()


def test_a_speck_within_tissue_is_tissue_and_one_on_glass_is_not() -> None:
    tissue = (ROWS >= 20) & (ROWS < 100)
    specks = (np.hypot(ROWS - 60, COLUMNS - 90) < 9) | (np.hypot(ROWS - 130, COLUMNS - 90) < 9)
    assert (joined(tissue, specks) == tissue).all()
