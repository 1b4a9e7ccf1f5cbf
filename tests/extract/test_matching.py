"""Instances of several channels in common rows."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from radiofib.extract.matching import Places, match_instances

AXES = ((0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0))


def slices(start: float, step: float, n: int, axes: tuple[tuple[float, ...], ...] = AXES) -> Places:
    names = tuple(f"z{k:03d}" for k in range(n))
    centres = tuple((3.0, -2.0, start + step * k) for k in range(n))
    return Places(names, centres, axes, (step, None, None))


grids = st.tuples(st.floats(-30, 30), st.floats(1.0, 9.0), st.integers(1, 25))


@given(grids=st.lists(grids, min_size=1, max_size=4))
def test_every_instance_stands_in_exactly_one_row(grids: list[tuple[float, float, int]]) -> None:
    places = {f"c{i}": slices(*grid) for i, grid in enumerate(grids)}
    rows = match_instances(places)
    seen = Counter((c, k) for row in rows for c, k in row.members.items())
    assert seen == Counter((c, k) for c, p in places.items() for k in range(len(p.names)))
    assert len({row.name for row in rows}) == len(rows)


@given(grids=st.lists(grids, min_size=2, max_size=3))
def test_partners_are_near_and_in_order(grids: list[tuple[float, float, int]]) -> None:
    places = {f"c{i}": slices(*grid) for i, grid in enumerate(grids)}
    rows = match_instances(places)
    longest = max(len(p.names) for p in places.values())
    reference = max(c for c, p in places.items() if len(p.names) == longest)
    for channel, own in places.items():
        if channel == reference:
            continue
        pairs = [
            (r.members[reference], r.members[channel])
            for r in rows
            if {reference, channel} <= set(r.members)
        ]
        step = max(own.steps_mm[0] or 0, places[reference].steps_mm[0] or 0)
        for i, k in pairs:
            assert own.centres_mm is not None
            assert places[reference].centres_mm is not None
            far = abs(own.centres_mm[k][2] - places[reference].centres_mm[i][2])
            assert far <= step / 2 + 1e-3
        assert [k for _, k in pairs] == sorted(k for _, k in pairs)


def test_channels_on_one_grid_share_all_rows() -> None:
    rows = match_instances({"t1": slices(0, 3, 8), "ged4": slices(0, 3, 8)})
    assert [row.members for row in rows] == [{"ged4": k, "t1": k} for k in range(8)]


def test_the_direction_of_an_axis_does_not_matter() -> None:
    down = tuple(tuple(-v for v in axis) for axis in AXES)
    one = slices(0, 3, 5)
    assert one.centres_mm is not None
    other = Places(one.names, one.centres_mm[::-1], down, one.steps_mm)
    rows = match_instances({"t1": other, "ged4": one})
    assert [row.members for row in rows] == [{"ged4": k, "t1": 4 - k} for k in range(5)]


def test_slices_of_another_direction_are_never_partners() -> None:
    coronal = ((0.0, 1.0, 0.0), (0.0, 0.0, 1.0), (1.0, 0.0, 0.0))
    rows = match_instances({"t2": slices(0, 3, 4, coronal), "ged4": slices(0, 3, 5)})
    assert len(rows) == 9
    assert [row.name for row in rows if "t2" in row.members] == [f"t2:z00{k}" for k in range(4)]


def test_shifts_within_the_slice_do_not_matter() -> None:
    one = slices(0, 3, 5)
    assert one.centres_mm is not None
    moved = Places(
        one.names, tuple((x + 40, y, z) for x, y, z in one.centres_mm), AXES, one.steps_mm
    )
    assert all(len(row.members) == 2 for row in match_instances({"t1": moved, "ged4": one}))


def test_pictures_are_matched_by_name() -> None:
    rows = match_instances({"us": Places(("a", "b")), "doppler": Places(("b", "c", "d"))})
    assert [(row.name, dict(row.members)) for row in rows] == [
        ("b", {"doppler": 0, "us": 1}),
        ("c", {"doppler": 1}),
        ("d", {"doppler": 2}),
        ("us:a", {"us": 0}),
    ]


def test_patches_are_matched_along_every_axis() -> None:
    rng = np.random.default_rng(0)
    centres = tuple(map(tuple, rng.uniform(0, 50, (20, 3)).tolist()))
    names = tuple(f"p{k:02d}" for k in range(20))
    one = Places(names, centres, AXES, (3.0, 4.0, 4.0))
    away = tuple((x + 2.5, y, z) for x, y, z in centres)
    other = Places(names, away, AXES, (3.0, 4.0, 4.0))
    assert all(
        row.members.get("a", k) == k
        for k, row in enumerate(match_instances({"a": one, "b": one})[:20])
    )
    near = sum(len(r.members) == 2 for r in match_instances({"a": other, "b": one}))
    assert near < 20


def test_nothing_gives_no_rows() -> None:
    assert match_instances({}) == []
