"""A region of interest refuses what cannot be one."""

from __future__ import annotations

import numpy as np
import pytest

from radiofib.errors import MaskError
from radiofib.roi import Roi

PIXELS = np.arange(8.0).reshape(2, 2, 2)
MASK = np.ones((2, 2, 2), bool)


def test_counts_and_values_follow_the_mask() -> None:
    mask = MASK.copy()
    mask[0] = False
    roi = Roi(PIXELS, mask, (1.0, 1.0, 1.0), "t1")
    assert (roi.ndim, roi.n_voxels) == (3, 4)
    assert roi.values.tolist() == [4.0, 5.0, 6.0, 7.0]


@pytest.mark.parametrize(
    ("pixels", "mask", "spacing", "words"),
    [
        (PIXELS, MASK[0], (1.0, 1.0, 1.0), "one shape"),
        (PIXELS[0, 0], MASK[0, 0], (1.0,), "2-D or 3-D"),
        (PIXELS, MASK.astype(np.uint8), (1.0, 1.0, 1.0), "boolean"),
        (PIXELS, MASK, (1.0, 1.0), "spacing"),
        (PIXELS, MASK, (1.0, 0.0, 1.0), "spacing"),
        (PIXELS, MASK, (1.0, -1.0, 1.0), "spacing"),
        (PIXELS, MASK, (1.0, float("nan"), 1.0), "spacing"),
        (PIXELS, MASK, (1.0, float("inf"), 1.0), "spacing"),
        (PIXELS, ~MASK, (1.0, 1.0, 1.0), "empty"),
    ],
)
def test_refused(
    pixels: np.ndarray, mask: np.ndarray, spacing: tuple[float, ...], words: str
) -> None:
    with pytest.raises(MaskError, match=words):
        Roi(pixels, mask, spacing, "t1")
