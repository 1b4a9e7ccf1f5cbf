"""The benchmark of labelled slides runs on a small slide and leaves its table."""

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
