"""The benchmark of ONNX graphs runs on small networks and leaves its table."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmarks.running import small_table


@pytest.mark.bench
def test_benchmark_of_graphs_runs(repository: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="needs the extra 'convert'")
    table = small_table(repository, "onnx_cpu", tmp_path)
    ways = table.dropna(subset=["images_per_s"])
    assert {"torch eager", "onnx", "onnx int8"} <= set(ways["way"])
    assert (ways["images_per_s"] > 0).all()
    assert set(table.dropna(subset=["gain"])["network"]) == {"resnet34", "segformer-b0"}
