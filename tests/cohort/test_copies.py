"""Which pictures are one: equal files and pixels, near hashes, sweeps of one patient."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radiofib.cohort.copies import (
    SAME_BITS,
    SWEEP_BITS,
    Picture,
    group_pictures,
    near_hashes,
)


def hashes(n: int, seed: int = 0) -> list[str]:
    return [
        row.tobytes().hex()
        for row in np.random.default_rng(seed).integers(0, 256, (n, 32), np.uint8)
    ]


def flipped(look: str, bits: int) -> str:
    return f"{int(look, 16) ^ ((1 << bits) - 1):064x}"


@settings(max_examples=20)
@given(seed=st.integers(0, 99), n=st.integers(2, 30), most=st.integers(80, 140))
def test_near_pairs_are_those_of_a_plain_loop(seed: int, n: int, most: int) -> None:
    looks = hashes(n, seed)
    expected = {
        (i, j, bits)
        for i in range(n)
        for j in range(i + 1, n)
        if (bits := (int(looks[i], 16) ^ int(looks[j], 16)).bit_count()) <= most
    }
    found = [
        (int(i), int(j), int(b))
        for a, c, bits in near_hashes(looks, most)
        for i, j, b in zip(a, c, bits, strict=True)
    ]
    assert set(found) == expected
    assert len(found) == len(expected)


def test_kinds_and_limits() -> None:
    [look, other] = hashes(2)
    pictures = [
        Picture("a", "p1", "", "f1", "x1", look),
        Picture("b", "p2", "", "f1", "x1", look),
        Picture("c", "p3", "", "f3", "x1", look),
        Picture("d", "p4", "", "f4", "x4", flipped(look, SAME_BITS)),
        Picture("e", "p5", "", "f5", "x5", flipped(look, SAME_BITS + 1)),
        Picture("f", "p1", "", "f6", "x6", flipped(look, SWEEP_BITS)),
        Picture("g", "p1", "", "f7", "x7", other),
        Picture("h", "p8", "s1", "f8", "x8", ""),
        Picture("i", "p9", "s1", "f9", "x9", ""),
    ]
    found = group_pictures(pictures)
    kinds = {pictures[c.picture].case: c.kind for c in found.copies}
    assert {k: kinds[k] for k in "bcd"} == {
        "b": "same file", "c": "same pixels", "d": "same picture"
    }  # fmt: skip
    # e is one bit too far from a and near d; f is of the patient of a.
    assert kinds["e"] == "same picture"
    assert [c.of for c in found.copies if pictures[c.picture].case == "e"] == [3]
    assert found.group[:6] == (0,) * 6
    assert found.group[6:] == (6, 7, 8)
    assert found.count == 1


def test_frames_that_only_look_alike_are_a_sweep_within_a_patient_or_series_alone() -> None:
    look = hashes(1)[0]
    near = flipped(look, SWEEP_BITS)
    for one, two, together in (
        (("p1", ""), ("p1", ""), True),
        (("p1", "s"), ("p2", "s"), True),
        (("p1", ""), ("p2", ""), False),
        (("p1", "s"), ("p2", "t"), False),
    ):
        found = group_pictures(
            [Picture("a", *one, "f1", "x1", look), Picture("b", *two, "f2", "x2", near)]
        )
        assert bool(found.copies) is together
        assert found.distinct == 2
        if together:
            assert found.copies[0].kind == "same sweep"


def test_groups_do_not_depend_on_the_order() -> None:
    looks = hashes(12)
    pictures = [
        Picture(f"c{k}", f"p{k}", "", f"f{k}", f"x{j}", flipped(looks[j % 12], j // 12 * 3))
        for k in range(60)
        for j in (k % 36,)
    ]
    plain = group_pictures(pictures)
    order = np.random.default_rng(0).permutation(60)
    mixed = group_pictures([pictures[k] for k in order])
    parts = {frozenset(np.flatnonzero(np.array(plain.group) == g)) for g in set(plain.group)}
    again = {
        frozenset(order[np.flatnonzero(np.array(mixed.group) == g)].tolist())
        for g in set(mixed.group)
    }
    assert parts == again
    assert len(plain.copies) == 60 - len(parts)


def test_nothing_and_one() -> None:
    assert group_pictures([]).group == ()
    assert group_pictures([Picture("a", "p", "", "f", "x", "")]).copies == ()


@pytest.mark.slow
def test_ten_thousand_pictures_take_seconds() -> None:
    looks = hashes(2500)
    pictures = [
        Picture(f"c{k}", f"p{k}", "", f"f{k}", f"x{k % 7500}", flipped(looks[k % 2500], k // 2500))
        for k in range(10_000)
    ]
    start = time.process_time()
    found = group_pictures(pictures)
    assert time.process_time() - start < 30
    assert len(set(found.group)) == 2500
