"""Benchmarks as processes of their own, on small data."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd


def small_table(repository: Path, name: str, out: Path) -> pd.DataFrame:
    """Run ``benchmarks/<name>.py --small`` and return the table it leaves."""
    done = subprocess.run(
        [sys.executable, f"benchmarks/{name}.py", "--small", "--out", str(out)],
        cwd=repository,
        env={**os.environ, "PYTHONPATH": str(repository)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return pd.read_csv(out / f"{name}.csv")
