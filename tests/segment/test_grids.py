"""Grids turned to an orientation."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st

from radiofib.images.grids import Grid
from radiofib.segment.grids import on_grid, oriented_grid, to_itk

ORDERS = st.permutations(["L", "P", "S"])
SIGNS = st.tuples(*[st.booleans()] * 3)
OTHER = {"L": "R", "P": "A", "S": "I"}


@given(ORDERS, SIGNS, ORDERS, SIGNS)
@settings(max_examples=30)
def test_turning_there_and_back_moves_nothing(order, signs, other, other_signs) -> None:
    start = "".join(OTHER[c] if s else c for c, s in zip(order, signs, strict=True))
    wanted = "".join(OTHER[c] if s else c for c, s in zip(other, other_signs, strict=True))
    direction = sitk.DICOMOrientImageFilter.GetDirectionCosinesFromOrientation(start)
    grid = Grid((4, 3, 5), (1.0, 2.0, 1.5), (7.0, -3.0, 11.0), direction)
    array = np.arange(60, dtype=np.float32).reshape(5, 3, 4)
    spacing = dict(zip((sorted((c, OTHER[c]))[0] for c in order), grid.spacing_mm, strict=True))
    # The letters of `wanted` come in an order of their own.
    axis_of = {"L": "L", "R": "L", "A": "A", "P": "A", "I": "I", "S": "I"}
    target = oriented_grid(grid, wanted, tuple(spacing[axis_of[c]] for c in wanted))
    turned = on_grid(to_itk(array, grid), target, sitk.sitkNearestNeighbor, outside=-1)
    expected = sitk.DICOMOrient(to_itk(array, grid), wanted)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(turned), sitk.GetArrayFromImage(expected))
    back = on_grid(turned, grid, sitk.sitkNearestNeighbor, outside=-1)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(back), array)


def test_oblique_stays_oblique_and_keeps_its_box() -> None:
    angle = np.deg2rad(20)
    turn = np.array(
        [[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]]
    )
    grid = Grid((40, 30, 10), (1.0, 1.0, 4.0), (3.0, 2.0, 1.0), tuple(turn.ravel()))
    found = oriented_grid(grid, "RPS", (2.0, 2.0, 2.0))
    assert found.size == (20, 15, 20)
    np.testing.assert_allclose(np.array(found.direction).reshape(3, 3)[:, 0], -turn[:, 0])
    corners = {tuple(c) for c in np.round(grid.corners(0.5), 6) + 0.0}
    assert {tuple(c) for c in np.round(found.corners(0.5), 6) + 0.0} == corners
