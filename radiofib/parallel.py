"""Processes outside, one thread inside: the same bytes for any number of workers."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from joblib import Parallel, delayed
from joblib.externals.loky.process_executor import TerminatedWorkerError
from threadpoolctl import threadpool_limits

from radiofib.errors import UsageError

__all__ = ["effective_workers", "map_pieces"]

P = TypeVar("P")
R = TypeVar("R")


def effective_workers(workers: int | None) -> int:
    """Return the number of worker processes: as asked, or one per usable core.

    Examples
    --------
    >>> effective_workers(2)
    2
    >>> effective_workers(0)
    Traceback (most recent call last):
    radiofib.errors.UsageError: number of workers must be positive (found 0).
    """
    if workers is None:
        affinity = getattr(os, "sched_getaffinity", None)
        return len(affinity(0)) if affinity else (os.cpu_count() or 1)
    if workers < 1:
        raise UsageError("number of workers must be positive", found=str(workers))
    return workers


def _single_threaded(function: Callable[[P], R], piece: P) -> R:
    import SimpleITK as sitk

    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    with threadpool_limits(limits=1):
        return function(piece)


def _in_worker(function: Callable[[P], R], number: int, piece: P, folder: str) -> tuple[int, R]:
    # Workers outlive a call and keep the folder they were started in; relative paths mean the
    # caller's.
    os.chdir(folder)
    return number, _single_threaded(function, piece)


def map_pieces(
    function: Callable[[P], R],
    pieces: Sequence[P],
    *,
    workers: int | None = None,
    on_crash: Callable[[P, Exception], R],
) -> Iterator[tuple[P, R]]:
    """Apply `function` to every piece, yielding each piece with its result as it finishes.

    Parameters
    ----------
    function : callable
        Picklable; turns a piece into a result and handles its own expected errors.
    pieces : sequence
        Independent units of work.
    workers : int, optional
        Number of processes; one runs in this process. Default: one per core.
    on_crash : callable
        Makes the result of a piece whose process died (out of memory, say). Pieces that were
        under way beside it are tried again, each alone, so that only the guilty one is lost.

    Yields
    ------
    tuple
        The piece and its result, in the order of completion.

    Examples
    --------
    >>> list(map_pieces(abs, [-1, 2], workers=1, on_crash=lambda piece, error: 0))
    [(-1, 1), (2, 2)]
    """
    count = min(effective_workers(workers), max(len(pieces), 1))
    if count == 1:
        for piece in pieces:
            yield piece, _single_threaded(function, piece)
        return
    waiting = dict(enumerate(pieces))
    try:
        for number, result in _run(function, list(waiting.items()), count):
            yield waiting.pop(number), result
    except TerminatedWorkerError:
        for number, piece in list(waiting.items()):
            try:
                [(_, result)] = list(_run(function, [(number, piece)], 2))
            except TerminatedWorkerError as error:
                result = on_crash(piece, error)
            yield waiting.pop(number), result


def _run(
    function: Callable[[P], R], numbered: list[tuple[int, P]], workers: int
) -> Iterator[tuple[int, R]]:
    # batch_size=1: work is cut the same way whatever the number of workers.
    pool: Any = Parallel(
        n_jobs=workers, backend="loky", batch_size=1, return_as="generator_unordered"
    )
    here = str(Path.cwd())
    yield from pool(
        delayed(_in_worker)(function, number, piece, here) for number, piece in numbered
    )
