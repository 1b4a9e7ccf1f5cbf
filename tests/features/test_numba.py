"""Where compiled kernels are kept, for users who can write little, and what starting costs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from radiofib.features.matrices import _kernels as k
from radiofib.features.matrices import _neighbours as near
from radiofib.features.matrices import _numba, warm_up

CODE = """
import numpy as np
from radiofib.features.matrices import Levels, Matrices
from radiofib.features.matrices._numba import cache_folder
print(cache_folder())
print(len(Matrices(Levels.of(np.array([[1, 2], [2, 2]]))).levels.index))
print(len(list(cache_folder().rglob("*.nbi"))))
"""


def run(environment: dict[str, str]) -> list[str]:
    kept = {k: v for k, v in os.environ.items() if k not in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME")}
    result = subprocess.run(
        [sys.executable, "-c", CODE],
        env={**kept, **environment},
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(_numba.__file__).parents[3],
        timeout=120,
    )
    said = result.stderr.splitlines()
    assert said in ([], [s for s in said[:1] if "compiling kernels at the first use" in s])
    return result.stdout.split()


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs a folder no one can write")
def test_a_user_who_can_write_nothing_gets_a_folder_of_their_own(tmp_path: Path) -> None:
    nowhere = {"HOME": "/proc/home", "XDG_CACHE_HOME": "/proc/cache", "TMPDIR": str(tmp_path)}
    for given in ({}, {"NUMBA_CACHE_DIR": "/proc/numba"}):
        folder, voxels, kernels = run({**nowhere, **given})
        assert Path(folder).parent == tmp_path
        assert (voxels, kernels) == ("4", "1")


def test_a_given_folder_is_used(tmp_path: Path) -> None:
    folder, voxels, kernels = run({"NUMBA_CACHE_DIR": str(tmp_path)})
    assert (folder, voxels, kernels) == (str(tmp_path), "4", "1")


def test_the_users_cache_folder_is_used(tmp_path: Path) -> None:
    folder, _, kernels = run({"XDG_CACHE_HOME": str(tmp_path), "LOCALAPPDATA": str(tmp_path)})
    if sys.platform != "darwin":
        assert Path(folder).is_relative_to(tmp_path)
        assert kernels == "1"


def test_no_kernel_is_compiled_for_more_than_two_types() -> None:
    warm_up()
    kernels = {n: getattr(m, n) for m in (k, near) for n in m.__all__}
    for name, compiled in kernels.items():
        signatures = compiled.signatures
        assert 1 <= len(signatures) <= 2, (name, signatures)
