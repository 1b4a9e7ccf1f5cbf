"""The benchmark of ONNX graphs runs on small networks and leaves its table."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest


@pytest.mark.bench
def test_benchmark_of_graphs_runs(repository: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="needs the extra 'convert'")
    done = subprocess.run(
        [sys.executable, "benchmarks/onnx_cpu.py", "--small", "--out", str(tmp_path)],
        cwd=repository,
        env={**os.environ, "PYTHONPATH": str(repository)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    table = pd.read_csv(tmp_path / "onnx_cpu.csv")
    ways = table.dropna(subset=["images_per_s"])
    assert {"torch eager", "onnx", "onnx int8"} <= set(ways["way"])
    assert (ways["images_per_s"] > 0).all()
    assert set(table.dropna(subset=["gain"])["network"]) == {"resnet34", "segformer-b0"}
