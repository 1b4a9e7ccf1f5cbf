"""What lies under an artefact has no label; the given labels stay as they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from radiofib.slides.labels.hidden import without_hidden
from radiofib.slides.reader import Grid
from tests.slides.segmented import segmentation

FINE, COARSE = Grid(50, 40, 4.0, 4.0, 2.0, 2.0), Grid(12, 10, 16.0, 16.0, 8.0, 8.0)


@pytest.mark.parametrize("mapped", [False, True])
def test_labels_under_a_mask_are_background(tmp_path: Path, mapped: bool) -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, (40, 50)).astype(np.uint8)
    before = labels.copy()
    if mapped:
        labels.tofile(tmp_path / "raw")
        labels = np.memmap(tmp_path / "raw", dtype=np.uint8, mode="r", shape=(40, 50))
    hidden = rng.random((10, 12)) < 0.3
    found = without_hidden(segmentation(labels, 2.0, 4.0), hidden, COARSE).labels
    # The last two columns lie beyond the last whole cell of the tissue grid, and go with it.
    under = np.pad(hidden, ((0, 0), (0, 1)), mode="edge").repeat(4, axis=0).repeat(4, axis=1)
    np.testing.assert_array_equal(found, np.where(under[:, :50], 0, before))
    np.testing.assert_array_equal(labels, before)
    if mapped:
        assert (tmp_path / "raw").read_bytes() == before.tobytes()


def test_nothing_is_copied_where_nothing_is_hidden() -> None:
    made = segmentation(np.ones((40, 50), np.uint8), 2.0, 4.0)
    assert without_hidden(made, np.zeros((10, 12), dtype=bool), COARSE) is made
