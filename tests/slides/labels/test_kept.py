"""Kept labels say by themselves what they are, and of which slide."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from radiofib.errors import SlideError
from radiofib.slides import open_slide
from radiofib.slides.labels.kept import keep_labels, kept_labels
from radiofib.slides.segmentation import Segmentation
from tests.slides import made
from tests.slides.segmented import CLASSES


@pytest.mark.parametrize("um", [0.5, 0.7])
def test_labels_come_back_with_grid_classes_and_maker(tmp_path: Path, um: float) -> None:
    path = made.write_png(tmp_path / "s.png", np.full((60, 90, 3), 240, np.uint8))
    other = made.write_png(tmp_path / "t.png", np.full((60, 91, 3), 240, np.uint8))
    with open_slide(path, mpp=0.5) as slide, open_slide(other, mpp=0.5) as second:
        grid = slide.grid(um, exact=True)
        labels = np.random.default_rng(0).integers(0, 3, (grid.height, grid.width))
        written = Segmentation(labels.astype(np.uint8), grid, CLASSES, "model", "net 1f2e")
        keep_labels(written, tmp_path / "l.png")
        found = kept_labels(tmp_path / "l.png", slide)
        assert found is not None
        np.testing.assert_array_equal(found.labels, written.labels)
        facts = (found.grid, found.classes, found.source, found.maker)
        assert facts == (grid, CLASSES, "model", "net 1f2e")
        if um == 0.5:  # a column more
            assert kept_labels(tmp_path / "l.png", second) is None
        assert kept_labels(tmp_path / "no.png", slide) is None
        assert kept_labels(path, slide) is None
        whole = (tmp_path / "l.png").read_bytes()
        (tmp_path / "l.png").write_bytes(whole[:-30])
        with pytest.raises(SlideError, match="not labels as radiofib writes them"):
            kept_labels(tmp_path / "l.png", slide)
