"""Pieces in processes: same results, relative paths, and the loss of one process."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from functools import partial
from pathlib import Path

import numpy as np  # noqa: F401 - brings libraries with threads
import pytest
from threadpoolctl import threadpool_info

from radiofib.errors import UsageError
from radiofib.parallel import Crew, effective_workers, map_pieces, one_thread


def _no_crash(piece: object, error: Exception) -> object:
    raise AssertionError(f"{piece} crashed: {error}")


def _crashed(piece: int, error: Exception) -> int:
    return -1


def _square(x: int) -> int:
    return x * x


def _read(name: str) -> str:
    return Path(name).read_text(encoding="utf-8")


def _die_at_three(x: int) -> int:
    if x == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return x


@pytest.mark.parametrize("workers", [1, 2])
def test_every_piece_comes_back_once(workers: int) -> None:
    done = dict(map_pieces(_square, list(range(20)), workers=workers, on_crash=_no_crash))
    assert done == {x: x * x for x in range(20)}


def test_relative_paths_are_the_callers_in_workers_that_live_on(tmp_path: Path) -> None:
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "a.txt").write_text(name)
        (folder / "b.txt").write_text(name)
        with contextlib.chdir(folder):
            done = dict(map_pieces(_read, ["a.txt", "b.txt"], workers=2, on_crash=_no_crash))
        assert done == {"a.txt": name, "b.txt": name}


def test_a_process_that_dies_costs_only_its_piece() -> None:
    done = dict(map_pieces(_die_at_three, list(range(8)), workers=2, on_crash=_crashed))
    assert done == {x: -1 if x == 3 else x for x in range(8)}


def test_no_pieces_and_bad_numbers() -> None:
    assert list(map_pieces(_square, [], workers=2, on_crash=_no_crash)) == []
    assert effective_workers(None) >= 1
    with pytest.raises(UsageError):
        effective_workers(-1)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_a_crew_does_every_job_and_those_that_jobs_make(threads: int) -> None:
    done: list[int] = []
    with Crew(threads) as crew:

        def outer(x: int) -> None:
            for y in range(4):
                crew.offer(partial(done.append, 10 * x + y))

        for x in range(6):
            crew.add(partial(outer, x))
    assert sorted(done) == [10 * x + y for x in range(6) for y in range(4)]


@pytest.mark.parametrize("threads", [1, 3])
def test_a_crew_raises_what_a_job_raises(threads: int) -> None:
    def bad() -> None:
        raise ValueError("no good")

    def work() -> None:
        with Crew(threads) as crew:
            crew.add(lambda: None)
            crew.add(bad)

    with pytest.raises(ValueError, match="no good"):
        work()


def test_an_idle_thread_takes_over_and_a_busy_crew_does_not() -> None:
    main = threading.get_ident()
    told = threading.Event()
    seen: list[int] = []
    with Crew(2) as crew:

        def made() -> None:
            seen.append(threading.get_ident())
            told.set()

        def making() -> None:
            crew.offer(made)
            assert told.wait(20)  # done while this job goes on: by the other thread
            seen.append(threading.get_ident())

        crew.add(making)
    assert len(set(seen)) == 2
    assert main not in seen


def test_one_thread_holds_and_gives_back() -> None:
    def numbers() -> list[int]:
        return [library["num_threads"] for library in threadpool_info()]

    before = numbers()
    with one_thread():
        assert set(numbers()) <= {1}
    assert numbers() == before
