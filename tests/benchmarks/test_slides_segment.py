"""The benchmarks of slides run on small slides and leave their tables."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest


@pytest.mark.bench
def test_benchmark_of_labelled_slides_runs(repository: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="needs the extra 'convert'")
    done = subprocess.run(
        [sys.executable, "benchmarks/slides_segment.py", "--small", "--out", str(tmp_path)],
        cwd=repository,
        env={**os.environ, "PYTHONPATH": str(repository)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    table = pd.read_csv(tmp_path / "slides_segment.csv").set_index("way")
    assert set(table.index) == {"radiofib", "wsinfer", "tiatoolbox"}
    assert table.loc["radiofib", "tissue_lost"] == 0
    assert table.loc["radiofib", "seconds"] > 0


@pytest.mark.bench
def test_benchmark_of_biopsies_a_minute_runs(repository: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="needs the extra 'convert'")
    done = subprocess.run(
        [sys.executable, "benchmarks/slides_whole.py", "--small", "--out", str(tmp_path)],
        cwd=repository,
        env={**os.environ, "PYTHONPATH": str(repository)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    [row] = pd.read_csv(tmp_path / "slides_whole.csv").to_dict("records")
    assert row["slides"] == 2
    assert row["per_minute"] == pytest.approx(60 * 2 / row["seconds"], rel=0.02)
    assert row["cpu_s_per_slide"] > 1
    assert 100 < row["peak_mb"] <= row["resident_mb"]
    assert row["tracts"] > 0
