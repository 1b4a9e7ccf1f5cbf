"""Pairs of channels with a known transform."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from radiofib.errors import UsageError
from radiofib.simulate.pairs import PairSettings, draw_pair, misplaced, misplacement

TINY = PairSettings(size=0.15)


def dice(pair, transform):
    there = sitk.Resample(pair.moving_mask, pair.fixed_mask, transform, sitk.sitkNearestNeighbor)
    a, b = (sitk.GetArrayFromImage(v) > 0 for v in (pair.fixed_mask, there))
    return 2 * (a & b).sum() / (a.sum() + b.sum())


@pytest.mark.parametrize("number", range(2))
def test_the_truth_lays_the_livers_over_each_other(number):
    pair = draw_pair(number, 4, settings=TINY)
    assert dice(pair, pair.truth) > 0.88
    away = misplacement(np.random.default_rng(0), 10, 20, (0.0, 0.0, 8.0))
    moved = misplaced(pair, away)
    assert dice(moved, moved.truth) == pytest.approx(dice(pair, pair.truth), abs=0.01)
    assert moved.error_mm(pair.truth).mean() > 5
    assert (sitk.GetArrayFromImage(moved.moving) == sitk.GetArrayFromImage(pair.moving)).all()


def test_number_and_seed_fix_a_pair():
    one, again, other = (draw_pair(0, seed, settings=TINY) for seed in (4, 4, 5))
    same = sitk.GetArrayFromImage(one.moving) == sitk.GetArrayFromImage(again.moving)
    assert same.all()
    assert one.truth.GetParameters() == again.truth.GetParameters() != other.truth.GetParameters()


def test_sides_differ_in_law_and_field_of_view():
    pair = draw_pair(0, 4, settings=TINY)
    assert pair.name == "ged4-A t1-B1"
    means = [sitk.GetArrayFromImage(v).mean() for v in (pair.fixed, pair.moving)]
    assert means[1] > 5 * means[0]
    sides = [np.multiply(v.GetSize(), v.GetSpacing()) for v in (pair.fixed, pair.moving)]
    assert (np.abs(sides[0] - sides[1]) > 5).all()


def test_a_slab_is_a_part_and_a_stranger_another_liver():
    plain, slab, stranger = (draw_pair(1, 4, kind, TINY) for kind in ("plain", "slab", "stranger"))
    assert slab.moving.GetSize()[2] < 0.5 * plain.moving.GetSize()[2]
    assert dice(slab, slab.truth) < dice(plain, plain.truth)
    assert dice(stranger, stranger.truth) < dice(plain, plain.truth) - 0.05


def test_an_unknown_scanner_is_refused():
    wrong = PairSettings(combinations=(("ged4", "A", "t1", "Z"),))
    with pytest.raises(UsageError, match="Z"):
        draw_pair(0, 0, settings=wrong)
