from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import directed_hausdorff

from radiofib import stats
from radiofib.errors import UsageError


def edge(mask):
    """Coordinates of voxels of the mask with a face outside."""
    padded = np.pad(mask, 1)
    inside = np.ones_like(padded)
    for axis in range(mask.ndim):
        for step in (-1, 1):
            inside &= np.roll(padded, step, axis)
    return np.argwhere(padded & ~inside) - 1


@settings(max_examples=40)
@given(st.integers(0, 10_000), st.integers(2, 3))
def test_distances_equal_those_of_all_pairs(seed, ndim):
    rng = np.random.default_rng(seed)
    a, b = rng.random((2, *(5,) * ndim)) < 0.4
    a.flat[0] = b.flat[-1] = True
    spacing = np.array([2.5, 1.0, 0.7][:ndim])
    frame = stats.mask_agreement(a, b, spacing).set_index("metric")["value"]
    here, there = edge(a) * spacing, edge(b) * spacing
    apart = np.linalg.norm(here[:, None] - there[None], axis=2)
    one, two = apart.min(axis=1), apart.min(axis=0)
    farthest = max(directed_hausdorff(here, there)[0], directed_hausdorff(there, here)[0])
    assert frame["hausdorff"] == pytest.approx(farthest)
    assert frame["hausdorff_95"] == pytest.approx(
        max(np.quantile(one, 0.95), np.quantile(two, 0.95))
    )
    both = np.concatenate([one, two])
    assert frame["average_surface_distance"] == pytest.approx(both.mean())
    assert frame["surface_dice"] == pytest.approx((both <= 2).mean())
    assert frame["dice"] == pytest.approx(2 * frame["jaccard"] / (1 + frame["jaccard"]))


def test_equal_and_empty_masks():
    ball = np.linalg.norm(np.indices((9, 9, 9)) - 4, axis=0) < 3
    same = stats.mask_agreement(ball, ball.astype(int), (1, 1, 1)).set_index("metric")["value"]
    assert same[["dice", "jaccard", "surface_dice"]].tolist() == [1, 1, 1]
    assert same[["hausdorff", "volume_difference"]].tolist() == [0, 0]
    shifted = stats.surface_distances(ball, np.roll(ball, 2, axis=0), (3.0, 1.0, 1.0))
    assert max(d.max() for d in shifted) == pytest.approx(6)
    empty = stats.mask_agreement(ball, np.zeros_like(ball), (1, 1, 1)).set_index("metric")
    assert empty.loc["dice", "value"] == 0
    assert math.isnan(empty.loc["hausdorff", "value"])
    assert empty.loc["hausdorff", "note"] == "one mask is empty"
    assert math.isnan(stats.dice([0, 0], [0, 0]))


@pytest.mark.parametrize(
    ("a", "b", "spacing", "message"),
    [
        ([[1, 0]], [[1, 0, 0]], (1, 1), "same grid"),
        ([[1, 2]], [[1, 0]], (1, 1), "0 and 1"),
        ([[1, 0]], [[1, 0]], (1,), "one positive number for each axis"),
        ([[1, 0]], [[1, 0]], (1, 0), "one positive number for each axis"),
        ([[0, 0]], [[1, 0]], (1, 1), "empty mask"),
    ],
)
def test_masks_that_do_not_fit_are_refused(a, b, spacing, message):
    with pytest.raises(UsageError, match=message):
        stats.surface_distances(a, b, spacing)
