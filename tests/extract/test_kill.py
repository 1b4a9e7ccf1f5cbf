"""Killed at any moment and started again, a run ends in the same bytes."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.extract.cohorts import ultrasound

pytestmark = pytest.mark.slow
pytest.importorskip("radiomics")

SCRIPT = """
import sys
from radiofib.cohort import Cohort
from radiofib.engines import ExtractionConfig
from radiofib.extract import extract_features

table, pieces, out, bins = sys.argv[1:]
config = ExtractionConfig.parse(
    {"imageType": {"Original": {}, "Wavelet": {}}, "setting": {"binCount": int(bins)}},
    where="script",
)
result, failures = extract_features(
    Cohort.read(table), config, pieces_dir=pieces, workers=2,
    progress=lambda done, total, text: print(text, flush=True),
)
assert not failures, failures
result.to_parquet(out)
"""
#: More than ten short runs can finish, however quick the machine: something must be left to do.
CASES = 160


def start(folder: Path, pieces: str, out: str, bins: int = 16) -> subprocess.Popen[str]:
    root = Path(__file__).resolve().parents[2]
    path = os.pathsep.join([str(root), os.environ.get("PYTHONPATH", "")])
    arguments = [str(folder / "cohort.csv"), str(folder / pieces), str(folder / out), str(bins)]
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
        start_new_session=True,
    )


def finish(process: subprocess.Popen[str]) -> int:
    """Wait for the end and return how many pieces were found finished."""
    out, _ = process.communicate(timeout=240)
    assert process.returncode == 0
    return out.count(": kept\n")


def kill_after(process: subprocess.Popen[str], fresh: int, pause: float, *, group: bool) -> bool:
    """Kill once some pieces have been computed; tell whether the run was still going."""
    assert process.stdout is not None
    while fresh and (line := process.stdout.readline()):
        fresh -= line.endswith(": done\n")
    time.sleep(pause)
    running = process.poll() is None
    if running:
        (os.killpg if group else os.kill)(process.pid, signal.SIGKILL)
    process.stdout.close()
    process.wait()
    return running


def test_ten_kills(tmp_path: Path) -> None:
    ultrasound(tmp_path, CASES).to_csv(tmp_path / "cohort.csv", index=False)
    assert finish(start(tmp_path, "calm", "calm.parquet")) == 0
    chance = random.Random(20250717)
    for number in range(10):
        process = start(tmp_path, "rough", "rough.parquet")
        pause = chance.uniform(0, 0.04)
        assert kill_after(process, chance.randrange(4), pause, group=number % 2 == 0)
        assert not (tmp_path / "rough.parquet").exists()
    kept = finish(start(tmp_path, "rough", "rough.parquet"))
    assert 0 < kept < CASES
    calm = (tmp_path / "calm.parquet").read_bytes()
    assert (tmp_path / "rough.parquet").read_bytes() == calm
    assert finish(start(tmp_path, "rough", "other.parquet", bins=17)) == 0
    assert (tmp_path / "other.parquet").read_bytes() != calm
