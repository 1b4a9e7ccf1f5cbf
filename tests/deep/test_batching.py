"""Batch sizes found by measuring."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from radiofib.deep.batching import BatchSize, PeakMemory


@given(
    base=st.integers(0, 1000),
    each=st.integers(1, 500),
    bound=st.integers(1, 20_000),
    most=st.integers(1, 128),
)
def test_size_found_is_the_largest_power_of_two_within_the_bound(
    base: int, each: int, bound: int, most: int
) -> None:
    batch = BatchSize(bound, most)
    seen = []
    while not batch.settled:
        seen.append(batch.size)
        batch.measured(base + each * batch.size)
    assert len(seen) <= 8
    sizes = [2**k for k in range(8) if 2**k <= most]
    # The first image's cost counts wholly as its own, so a large base may stop the search early.
    within = [n for n in sizes if base + each * n <= bound]
    assert batch.size <= max(within, default=1)
    if base == 0:
        assert batch.size == max(within, default=1)
    assert bool(batch.notes) == (most > 1 and base + each > bound)


def test_memory_above_the_bound_halves() -> None:
    batch = BatchSize(1000)
    batch.measured(10)
    batch.measured(20)
    assert batch.size == 4
    batch.measured(1500)
    assert (batch.size, batch.settled) == (2, True)


def test_out_of_memory_halves_down_to_one() -> None:
    batch = BatchSize(1e9, fixed=6)
    assert [batch.out_of_memory() for _ in range(3)] == [True, True, False]
    assert batch.size == 1
    assert batch.notes == (
        "out of memory: 3 images at once from then on",
        "out of memory: 1 images at once from then on",
    )


def test_growth_sees_a_peak_that_is_gone() -> None:
    # The system may take back unused memory in between, and so hide a peak now and then.
    seen = []
    for _ in range(5):
        memory = PeakMemory()
        np.ones(10_000_000).sum()
        seen.append(memory.growth())
    assert max(seen) > 60_000_000
    assert min(PeakMemory().growth() for _ in range(5)) < 60_000_000
