"""Items made ready by several threads while the one before is worked on, in order."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

__all__ = ["Ready", "in_order"]

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Ready(Generic[T, R]):
    """An item and what was made of it.

    Parameters
    ----------
    item : object
        As given.
    value : object or None
        What was made; None when that failed.
    error : Exception or None
        Why it failed.
    seconds : float
        How long it took, in its own thread.
    """

    item: T
    value: R | None
    error: Exception | None
    seconds: float


def _make(make: Callable[[T], R], item: T) -> Ready[T, R]:
    """Make one item; an error is a result."""
    start = time.perf_counter()
    try:
        value = make(item)
    except Exception as error:  # one bad item never stops the others
        return Ready(item, None, error, time.perf_counter() - start)
    return Ready(item, value, None, time.perf_counter() - start)


def in_order(
    items: Iterable[T], make: Callable[[T], R], *, threads: int = 2, ahead: int = 16
) -> Iterator[Ready[T, R]]:
    """Yield each item with what was made of it, in the order given, whatever finishes first.

    No more than `ahead` items are under way or waiting, so that memory is bounded. With one
    thread or fewer everything is made where it is asked for.

    Parameters
    ----------
    items : iterable
        What to work on; taken as it is needed.
    make : callable
        Makes one; must not depend on the others.
    threads : int
        How many at once; they are of use where `make` waits for files or leaves Python.
    ahead : int
        How many may be under way or waiting.

    Examples
    --------
    >>> [ready.value for ready in in_order([3, 1, 2], lambda n: n * n, threads=2, ahead=2)]
    [9, 1, 4]
    >>> [type(ready.error).__name__ for ready in in_order([1, 0], lambda n: 1 / n)]
    ['NoneType', 'ZeroDivisionError']
    """
    if threads <= 1:
        for item in items:
            yield _make(make, item)
        return
    waiting: deque[Future[Ready[T, R]]] = deque()
    left = iter(items)
    pool = ThreadPoolExecutor(threads, thread_name_prefix="decode")
    try:
        for item in left:
            waiting.append(pool.submit(_make, make, item))
            if len(waiting) >= max(ahead, 1):
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
