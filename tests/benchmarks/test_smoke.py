"""Every benchmark runs on a small case and leaves its table."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SMALL = {
    "extraction_overhead.py": ["--regions", "2"],
    "native_engine.py": ["--small", "--runs", "1"],
    "shape_and_filters.py": ["--small", "--repeats", "1"],
    "texture_matrices.py": ["--small", "--rounds", "1"],
}


def test_every_benchmark_is_run_here(repository: Path) -> None:
    scripts = {p.name for p in (repository / "benchmarks").glob("*.py")}
    assert scripts == set(SMALL)


@pytest.mark.bench
@pytest.mark.parametrize("script", SMALL)
def test_benchmark_runs(script: str, repository: Path, tmp_path: Path) -> None:
    pytest.importorskip("radiomics", reason="needs the extra 'pyradiomics'")
    done = subprocess.run(
        [sys.executable, f"benchmarks/{script}", *SMALL[script], "--out", str(tmp_path)],
        cwd=repository,
        env={**os.environ, "PYTHONPATH": str(repository)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert len(list(tmp_path.iterdir())) == 1
