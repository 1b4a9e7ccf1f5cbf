"""Matrices against pyradiomics' C extension: counts to the bit, NGTDM sums to 1e-12."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radiofib.errors import ConfigError, EngineError
from radiofib.features.matrices import (
    Levels,
    Matrices,
    cooccurrence_weights,
    directions,
    run_weights,
)
from tests._examples import examples
from tests.features.upstream_matrices import cropped, regions

c = pytest.importorskip("radiomics._cmatrices")


def check(levels: np.ndarray, distances: tuple[int, ...], forced: int | None, alpha: int) -> None:
    flat = forced is not None
    plane = forced or 0
    laid_out = Levels.of(levels, distances=distances, force_2d_dimension=forced)
    ours = Matrices(laid_out)
    image, mask = levels.astype(np.int32), levels > 0
    present = np.unique(levels[mask])
    n_g, n_r, n_s = int(present.max()), max(levels.shape), int(mask.sum())
    keep = present - 1
    assert laid_out.grey_levels.tolist() == present.tolist()
    n_directions = len(laid_out.directions((1,)))
    if n_directions == 0:  # pyradiomics gives up
        with pytest.raises(RuntimeError, match="angle count"):
            c.calculate_glszm(image, mask, n_g, n_s, flat, plane)
        assert ours.glszm().counts.sum() == n_s
        assert ours.glrlm().shape == (len(present), 1, 0)
        return
    runs, angles = c.calculate_glrlm(image, mask, n_g, n_r, flat, plane)
    assert angles.tolist() == ours.run_directions.tolist()
    found = ours.glrlm()
    np.testing.assert_array_equal(found, runs[0][keep, : found.shape[1]])
    assert not runs[0][:, found.shape[1] :].any()
    zones = c.calculate_glszm(image, mask, n_g, n_s, flat, plane)[0]
    mine = ours.glszm()
    np.testing.assert_array_equal(mine.counts, zones[keep][:, mine.sizes - 1])
    assert mine.sizes.tolist() == (np.flatnonzero(zones.any(axis=0)) + 1).tolist()
    far = np.array(distances)
    if not len(ours.pair_directions):
        with pytest.raises(RuntimeError, match="angle count"):
            c.calculate_glcm(image, mask, far, n_g, flat, plane)
        return
    pairs, angles = c.calculate_glcm(image, mask, far, n_g, flat, plane)
    assert angles.tolist() == ours.pair_directions.tolist()
    np.testing.assert_array_equal(ours.glcm(), pairs[0][np.ix_(keep, keep)])
    dependences = c.calculate_gldm(image, mask, far, n_g, alpha, flat, plane)[0]
    mine_gldm = ours.gldm(alpha)
    np.testing.assert_array_equal(mine_gldm, dependences[keep, : mine_gldm.shape[1]])
    assert not dependences[:, mine_gldm.shape[1] :].any()
    tones = c.calculate_ngtdm(image, mask, far, n_g, flat, plane)[0]
    np.testing.assert_allclose(ours.ngtdm(), tones[keep], rtol=1e-12, atol=1e-12)
    # A run-length matrix alone takes another way to its short runs.
    np.testing.assert_array_equal(Matrices(laid_out).glrlm(), found)


@settings(max_examples=examples(30))
@given(
    levels=regions(),
    distances=st.sampled_from([(1,), (1,), (1,), (2,), (1, 2), (3, 1), (2, 2)]),
    forced=st.sampled_from([None, None, 0, 1]),
    alpha=st.sampled_from([0, 0, 1, 3]),
    stretch=st.sampled_from([1, 1, 7, 100]),
)
def test_equal_to_upstream_on_random_regions(
    levels: np.ndarray, distances: tuple[int, ...], forced: int | None, alpha: int, stretch: int
) -> None:
    check(levels * stretch, distances, forced, alpha)


def smooth(shape: tuple[int, ...], top: int) -> np.ndarray:
    rng = np.random.default_rng(5)
    field = rng.standard_normal(shape)
    for axis in range(len(shape)):
        field = field + np.roll(field, 1, axis) + np.roll(field, -1, axis)
    field = (field - field.min()) / np.ptp(field)
    return np.minimum((field * top).astype(np.int64) + 1, top)


CASES: dict[str, np.ndarray] = {
    "one level": np.ones((5, 6, 40), dtype=np.int64),
    "one line": np.array([[[1, 1, 1, 2, 2, 1, 3]]]),
    "one line with a gap": np.array([[[1, 0, 0, 2, 0, 1, 3]]]),
    "one slice": smooth((1, 12, 9), 5),
    "two voxels in opposite corners": np.pad(np.ones((1, 1, 1), int), ((0, 3), (0, 2), (0, 4)))
    + np.pad(2 * np.ones((1, 1, 1), int), ((3, 0), (2, 0), (4, 0))),
    "picture": smooth((40, 37), 32),
    "smooth volume": smooth((9, 20, 31), 32),
    "255 levels": smooth((9, 20, 31), 255),
    "256 levels": smooth((9, 20, 31), 256),
    "40 levels": smooth((9, 20, 31), 40),
    "41 levels": smooth((9, 20, 31), 41),
    "smooth, seven levels, with holes": smooth((12, 20, 31), 7)
    * (np.random.default_rng(1).random((12, 20, 31)) < 0.9),
    "stripes": np.broadcast_to(np.arange(24) % 3 + 1, (6, 30, 24)).copy(),
    "few levels in many voxels": smooth((12, 40, 41), 17),
    "longer than a chunk": smooth((3, 70, 90), 6),
}


@pytest.mark.parametrize("forced", [None, 0, 1, 2])
@pytest.mark.parametrize("name", CASES)
def test_equal_to_upstream_on_cases(name: str, forced: int | None) -> None:
    levels = cropped(CASES[name])
    if forced is not None and forced >= levels.ndim:
        forced = levels.ndim - 1
    check(levels, (1,), forced, 0)
    check(levels, (1, 2), forced, 1)


def test_more_than_65535_levels() -> None:
    rng = np.random.default_rng(0)
    levels = rng.integers(1, 90_000, (4, 6, 7))
    levels[0, 0, 0] = 90_000
    ours = Matrices(Levels.of(levels))
    n_s = levels.size
    assert ours.glcm().shape[2] == 13
    assert ours.glcm().sum() == sum(
        np.prod([n - abs(o) for n, o in zip(levels.shape, offset, strict=True)])
        for offset in ours.pair_directions.tolist()
    )
    reference = c.calculate_ngtdm(
        levels.astype(np.int32), levels > 0, np.array([1]), 90_000, False, 0
    )[0]
    np.testing.assert_allclose(ours.ngtdm(), reference[ours.levels.grey_levels - 1], rtol=1e-12)
    zones = c.calculate_glszm(levels.astype(np.int32), levels > 0, 90_000, n_s, False, 0)[0]
    np.testing.assert_array_equal(
        ours.glszm().counts, zones[ours.levels.grey_levels - 1][:, ours.glszm().sizes - 1]
    )


def test_threads_do_not_disturb_one_another() -> None:
    regions = [smooth((6, 20, 21 + n), 9) for n in range(12)]

    def counts(levels: np.ndarray) -> tuple[list[Any], list[Any]]:
        matrices = Matrices(Levels.of(levels))
        return matrices.ngtdm().tolist(), matrices.glszm().counts.tolist()

    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(counts, regions * 4))
    assert together == [counts(levels) for levels in regions] * 4


def test_levels_of_any_size_are_ranked_alike() -> None:
    levels = smooth((4, 9, 8), 9)
    levels[0, :2] = 0
    few, many = Levels.of(levels * 100), Levels.of(levels * 10_000_000)
    np.testing.assert_array_equal(few.flat, many.flat)
    assert (few.value_of * 100_000).tolist() == many.value_of.tolist()


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32, np.int64, np.uint64])
def test_the_type_of_the_levels_does_not_matter(dtype: Any) -> None:
    levels = smooth((4, 9, 8), 9)
    ours = Matrices(Levels.of(levels.astype(dtype)))
    reference = Matrices(Levels.of(levels))
    np.testing.assert_array_equal(ours.glcm(), reference.glcm())
    np.testing.assert_array_equal(ours.ngtdm(), reference.ngtdm())


def test_a_larger_crop_gives_the_same_counts() -> None:
    levels = smooth((5, 9, 8), 9)
    tight, loose = Matrices(Levels.of(levels)), Matrices(Levels.of(np.pad(levels, 3)))
    np.testing.assert_array_equal(loose.glcm(), tight.glcm())
    np.testing.assert_array_equal(loose.glrlm(), tight.glrlm())
    np.testing.assert_array_equal(loose.glszm().counts, tight.glszm().counts)
    np.testing.assert_array_equal(loose.gldm(), tight.gldm())
    np.testing.assert_array_equal(loose.ngtdm(), tight.ngtdm())


@pytest.mark.parametrize(
    ("levels", "words"),
    [
        (np.zeros((3, 3), dtype=int), "levels up to 0"),
        (np.array([[1, -1]]), "negative"),
        (np.ones((3, 3)), "float64"),
        (np.ones(4, dtype=int), "1-D"),
        (np.zeros((0, 3), dtype=int), "levels up to 0"),
    ],
)
def test_levels_that_are_none_are_refused(levels: np.ndarray, words: str) -> None:
    with pytest.raises(EngineError, match=words):
        Levels.of(levels)


def test_distances_below_one_are_refused() -> None:
    with pytest.raises(ConfigError, match="distances"):
        directions((4, 4), (0, 1))


@given(
    shape=st.lists(st.integers(1, 5), min_size=1, max_size=3),
    distances=st.lists(st.integers(1, 4), min_size=1, max_size=3),
    forced=st.sampled_from([None, 0, 1, 2]),
    both=st.booleans(),
)
def test_directions_are_those_of_upstream(
    shape: list[int], distances: list[int], forced: int | None, both: bool
) -> None:
    ours = directions(shape, distances, force_2d_dimension=forced, both_ways=both)
    arguments = (np.array(shape), np.array(distances), both, forced is not None, forced or 0)
    if not len(ours):
        with pytest.raises(RuntimeError, match="angle count"):
            c.generate_angles(*arguments)
    else:
        assert ours.tolist() == c.generate_angles(*arguments).tolist()


@pytest.mark.parametrize("norm", ["euclidean", "manhattan", "infinity"])
def test_weights_fall_and_grow_with_the_length(norm: Any) -> None:
    offsets = np.array([[0, 0, 1], [0, 1, 0], [1, 0, 0]])
    assert run_weights(offsets, (3.0, 2.0, 1.0), norm).tolist() == [1.0, 2.0, 3.0]
    expected = np.exp([-1.0, -4.0, -9.0])
    np.testing.assert_allclose(cooccurrence_weights(offsets, (3.0, 2.0, 1.0), norm), expected)
    assert run_weights(offsets, (3.0, 2.0, 1.0), None) is None
    assert cooccurrence_weights(offsets, (1.0, 1.0, 1.0), "no_weighting").tolist() == [1.0] * 3
