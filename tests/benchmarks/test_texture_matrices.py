"""The benchmark of texture matrices runs: equality is checked, one table is stored."""

from __future__ import annotations

import csv
import runpy
from pathlib import Path

import pytest

pytest.importorskip("radiomics")


@pytest.mark.bench
def test_small_run(repository: Path, tmp_path: Path) -> None:
    script = runpy.run_path(str(repository / "benchmarks" / "texture_matrices.py"))
    rows = script["main"](["--small", "--rounds", "2", "--out", str(tmp_path)])
    with (tmp_path / "texture_matrices.csv").open(encoding="utf-8") as stream:
        stored = list(csv.DictReader(stream))
    assert [r["part"] for r in stored] == [r["part"] for r in rows]
    assert {r["part"] for r in stored} >= {"GLCM", "five matrices", "five and features"}
    assert all("pyradiomics-cuda" in r["versions"] for r in stored)
