"""Bounding boxes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from radiofib.errors import MaskError
from radiofib.preprocess.crop import bounding_box, grown


@given(hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=3, max_side=6)), st.integers(0, 3))
def test_smallest_box(mask: Any, margin: int) -> None:
    if not mask.any():
        with pytest.raises(MaskError, match="empty"):
            bounding_box(mask)
        return
    box = bounding_box(mask)
    where = np.argwhere(mask)
    assert [p.start for p in box] == where.min(axis=0).tolist()
    assert [p.stop - 1 for p in box] == where.max(axis=0).tolist()
    for part, inner, size in zip(grown(box, margin, mask.shape), box, mask.shape, strict=True):
        assert part.start == max(0, inner.start - margin)
        assert part.stop == min(size, inner.stop + margin)
