"""The benchmark runs, compares and writes its table."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.bench
def test_shape_and_filters(repository: Path, tmp_path: Path) -> None:
    pytest.importorskip("radiomics")
    out = tmp_path / "table.md"
    script = repository / "benchmarks" / "shape_and_filters.py"
    subprocess.run(
        [sys.executable, str(script), "--small", "--repeats", "1", "--out", str(out)],
        env={**os.environ, "PYTHONPATH": str(repository)},
        check=True,
    )
    table = out.read_text()
    assert "| shape |" in table
    assert table.count("\n| filter ") == 8
