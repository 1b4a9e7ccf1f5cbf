"""Processes outside, threads inside where pieces are few: the same bytes for any number."""

from __future__ import annotations

import os
import signal
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from contextvars import copy_context
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any, TypeVar

from joblib import Parallel, delayed
from joblib.externals.loky.process_executor import TerminatedWorkerError
from threadpoolctl import ThreadpoolController

from radiofib.errors import UsageError

__all__ = ["Crew", "effective_workers", "map_pieces", "one_thread"]

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


_found: tuple[int, ThreadpoolController] | None = None


def one_thread() -> AbstractContextManager[Any]:
    """Return a context in which linear algebra and OpenMP run on one thread.

    Looking for their libraries takes milliseconds, so it is done again only when modules were
    imported since.

    Examples
    --------
    >>> with one_thread():
    ...     pass
    """
    global _found
    found = _found
    if found is None or found[0] != len(sys.modules):
        _found = found = (len(sys.modules), ThreadpoolController())
    limits: AbstractContextManager[Any] = found[1].limit(limits=1)
    return limits


class Crew:
    """Threads that share the jobs of one piece of work.

    Jobs must not depend on one another's order, so that the result is the same for any number
    of threads. With one thread every job is done at once, where it is added or offered.

    Parameters
    ----------
    threads : int
        Number of threads.

    Examples
    --------
    >>> found = {}
    >>> with Crew(2) as crew:
    ...     for x in range(3):
    ...         crew.add(lambda x=x: found.update({x: x * x}))
    >>> sorted(found.items())
    [(0, 0), (1, 1), (2, 4)]
    """

    def __init__(self, threads: int = 1) -> None:
        self._threads = effective_workers(threads)
        self._pool = ThreadPoolExecutor(threads) if threads > 1 else None
        self._lock = Lock()
        self._under_way = 0
        self._jobs: list[Future[None]] = []

    def add(self, job: Callable[[], None]) -> None:
        """Do a job as soon as a thread is free."""
        if self._pool is None:
            job()
            return
        with self._lock:
            self._under_way += 1
            self._jobs.append(self._pool.submit(copy_context().run, self._do, job))

    def offer(self, job: Callable[[], None]) -> None:
        """Hand a job over to an idle thread, or do it here when there is none.

        For jobs that make others: no more of them wait, and hold memory, than are worked on.
        """
        if self._under_way < self._threads:
            self.add(job)
        else:
            job()

    def _do(self, job: Callable[[], None]) -> None:
        try:
            job()
        finally:
            with self._lock:
                self._under_way -= 1

    def __enter__(self) -> Crew:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Wait for all jobs; raise the error of the first that failed."""
        if self._pool is None:
            return
        try:
            done = 0
            while error is None and done < len(self._jobs):  # jobs may add jobs
                self._jobs[done].result()
                done += 1
        finally:
            self._pool.shutdown(cancel_futures=True)


def _single_threaded(function: Callable[[P], R], piece: P) -> R:
    import SimpleITK as sitk

    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    with one_thread():
        return function(piece)


def _leave_interrupts() -> None:
    # A terminal sends Ctrl-C to all processes: the first one answers and ends the workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


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
        n_jobs=workers,
        backend="loky",
        batch_size=1,
        return_as="generator_unordered",
        initializer=_leave_interrupts,
    )
    here = str(Path.cwd())
    results = pool(delayed(_in_worker)(function, number, piece, here) for number, piece in numbered)
    try:
        # Not 'yield from', which would close the results before the warning is turned off.
        for result in results:  # noqa: UP028
            yield result
    finally:
        with warnings.catch_warnings():
            # On Ctrl-C joblib advises to adjust the input; the reader has just stopped the work.
            warnings.simplefilter("ignore", UserWarning)
            results.close()
