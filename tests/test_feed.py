"""Items made ready by threads, in order."""

from __future__ import annotations

import threading
import time

import pytest

from radiofib.feed import in_order


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_order_is_kept_and_no_more_wait_than_allowed(threads: int) -> None:
    under_way, most, lock = 0, 0, threading.Lock()
    taken = 0

    def make(number: int) -> int:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, number - taken + 1)
        time.sleep(0.001 * (number % 3))
        with lock:
            under_way -= 1
        if number % 7 == 3:
            raise ValueError(number)
        return number * 10

    found = []
    for ready in in_order(range(40), make, threads=threads, ahead=5):
        taken += 1
        found.append(ready)
    assert [r.item for r in found] == list(range(40))
    for ready in found:
        if ready.item % 7 == 3:
            assert isinstance(ready.error, ValueError)
        else:
            assert ready.value == ready.item * 10
    assert most <= 6
    assert under_way == 0


def test_stopping_early_ends_the_threads() -> None:
    before = threading.active_count()
    feed = in_order(range(1000), lambda n: n, threads=3, ahead=4)
    assert next(feed).value == 0
    feed.close()
    assert threading.active_count() == before
