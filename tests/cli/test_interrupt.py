"""Ctrl-C ends a long command with one line, leaves nothing running, and loses nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.study.builders import STUDY, write_pictures, write_study

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals to process groups")
SLOW = STUDY.replace("{Original: {}}", "{Original: {}, Wavelet: {}}")


def _start(*arguments: object) -> subprocess.Popen[str]:
    root = Path(__file__).resolve().parents[2]
    path = os.pathsep.join([str(root), os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(
        [sys.executable, "-m", "radiofib", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
        start_new_session=True,
        preexec_fn=_heed_interrupts,
    )


def _heed_interrupts() -> None:
    """Undo what shells do to jobs in the background, whose children ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _wait_for(pieces: Path, process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + 120
    while time.monotonic() < end and process.poll() is None:
        if len(list(pieces.glob("*.json"))) >= 2:
            return
        time.sleep(0.01)
    process.kill()
    pytest.fail(f"no piece was finished: {process.communicate()}")


def _living(group: int) -> list[int]:
    """Return the processes of a group that still run (zombies do not)."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, pgrp = stat.read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if int(pgrp) == group and state != "Z":
            found.append(int(stat.parent.name))
    return found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "everyone"),
    [("run", True), ("extract", False)],
    ids=["run in a terminal", "extract alone"],
)
def test_interrupt(command: str, everyone: bool, tmp_path: Path) -> None:
    study = write_study(tmp_path, write_pictures(tmp_path, n_patients=60, images=4), SLOW)
    if command == "run":
        arguments = ["run", study, "--root", tmp_path, "--out", tmp_path / "run"]
        pieces = tmp_path / "run" / "features" / "pieces"
    else:
        arguments = ["extract", tmp_path / "cohort.csv", "--out", tmp_path / "t.parquet"]
        pieces = tmp_path / "t.pieces"
    process = _start(*arguments, "--workers", 2)
    _wait_for(pieces, process)
    (os.killpg if everyone else os.kill)(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    aside = ("features:", "radiofib: compiling kernels")
    lines = [line for line in err.splitlines() if line and not line.startswith(aside)]
    assert lines == ["Stopped. What is finished is kept; the same command goes on from there."], err
    assert "Traceback" not in out + err
    end = time.monotonic() + 20
    while (left := _living(process.pid)) and time.monotonic() < end:
        time.sleep(0.1)
    assert left == []
    assert len(list(pieces.glob("*.json"))) >= 2
    assert not list(pieces.glob(".*.part"))
