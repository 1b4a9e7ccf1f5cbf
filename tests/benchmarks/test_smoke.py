"""Every benchmark runs on a small case and leaves its table."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SMALL = {
    "ablation.py": ["--small"],
    "audit.py": ["--small", "--workers", "1"],
    "boosting_cost.py": ["--small", "--runs", "1"],
    "cost.py": ["--small", "--runs", "1"],
    "evaluation_speed.py": ["--small"],
    "export_speed.py": ["--small", "--runs", "1"],
    "extraction_overhead.py": ["--regions", "2"],
    "feature_maps.py": ["--small", "--runs", "1"],
    "levels.py": ["--small"],
    "lifs_recipes.py": ["--small"],
    "liver_localiser.py": ["--small"],
    "memory.py": ["--small"],
    "mri_case.py": ["--small"],
    "mri_intensities.py": ["--small"],
    "native_engine.py": ["--small", "--runs", "1"],
    "onnx_gpu.py": ["--small"],
    "overhead.py": ["--small"],
    "pyradiomics_equality.py": ["--small"],
    "registration.py": ["--small"],
    "rivals.py": ["--small", "--runs", "1"],
    "scanner_steps.py": ["--small"],
    "selection_speed.py": ["--small"],
    "shape_and_filters.py": ["--small", "--repeats", "1"],
    "statistics_cost.py": ["--small"],
    "texture_matrices.py": ["--small", "--rounds", "1"],
    "tissue.py": ["--small"],
    "ultrasound_features.py": ["--small"],
}


#: These take minutes even so: on demand.
MINUTES = ("lifs_recipes.py", "mri_case.py", "mri_intensities.py")


def test_every_benchmark_is_run_here(repository: Path) -> None:
    scripts = {p.name for p in (repository / "benchmarks").glob("*.py")}
    scripts -= {p.name for p in (repository / "benchmarks").glob("_*.py")}
    assert scripts == set(SMALL) | {
        "ibsi_conformance.py",
        "onnx_cpu.py",
        "r_agreement.py",
        "radmlbench.py",
        "slides_segment.py",
        "slides_whole.py",
        "text_network.py",
    }


@pytest.mark.external
def test_every_value_of_ibsi_is_within_its_tolerance(
    repository: Path, external_data: Path, tmp_path: Path
) -> None:
    arguments = ["--data", str(external_data / "ibsi"), "--out", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "benchmarks/ibsi_conformance.py", *arguments],
        cwd=repository,
        env={**os.environ, "PYTHONPATH": str(repository)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    found = (tmp_path / "ibsi_conformance.md").read_text(encoding="utf-8").splitlines()
    published = (repository / "benchmarks/results/ibsi_conformance.md").read_text(encoding="utf-8")
    rows = [line.split(" | ") for line in found if line.startswith("| IBSI")]
    shown = [line.split(" | ") for line in published.splitlines() if line.startswith("| IBSI")]
    # All but our value, whose last digit may differ between machines.
    assert [(*row[:4], *row[5:]) for row in rows] == [(*row[:4], *row[5:]) for row in shown]
    details = [row for row in rows if len(row) == 6]
    assert len(details) == 487 + 411 + 411 + 275 + 275 + 7 + 324
    blank = {row[1] for row in details if row[5] == "no reference |"}
    names = ("vol_dens_ombb", "area_dens_ombb", "vol_dens_mvee", "area_dens_mvee")
    assert blank == {*(f"`morph_{name}`" for name in names), "`ivh_auc`", "`stat_qcod`"}


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(s, marks=pytest.mark.proof if s in MINUTES else pytest.mark.bench)
        for s in SMALL
    ],
)
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
    assert len(list(tmp_path.glob("*.csv")) + list(tmp_path.glob("*.md"))) == 1
