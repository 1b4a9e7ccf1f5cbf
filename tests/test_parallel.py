"""Pieces in processes: same results, relative paths, and the loss of one process."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

import pytest

from radiofib.errors import UsageError
from radiofib.parallel import effective_workers, map_pieces


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
