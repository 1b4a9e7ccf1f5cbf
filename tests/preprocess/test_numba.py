"""Compiled kernels find a place even where neither package nor home can be written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CODE = """
import os, numpy as np
from radiofib.features import shape
shape.compute(np.ones((2, 2, 2), dtype=bool), (1.0, 1.0, 1.0))
print(os.environ["NUMBA_CACHE_DIR"])
"""


def run(repository: Path, **changes: str) -> Path:
    environment = {k: v for k, v in os.environ.items() if k not in ("NUMBA_CACHE_DIR",)}
    environment |= {"PYTHONPATH": str(repository), "PYTHONDONTWRITEBYTECODE": "1"} | changes
    done = subprocess.run(
        [sys.executable, "-c", CODE], env=environment, capture_output=True, text=True, check=True
    )
    return Path(done.stdout.strip())


def test_given_folder(repository: Path, tmp_path: Path) -> None:
    folder = tmp_path / "given"
    assert run(repository, NUMBA_CACHE_DIR=str(folder)) == folder
    assert list(folder.rglob("*.nbi"))


@pytest.mark.slow
def test_no_home(repository: Path, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("a file is no folder, whoever the user is")
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    found = run(repository, HOME=str(blocked), XDG_CACHE_HOME=str(blocked), TMPDIR=str(temporary))
    assert found.parent == temporary
    assert found.stat().st_mode & 0o077 == 0
    assert list(found.rglob("*.nbi"))


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="needs POSIX permissions")
def test_folder_others_can_write_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from radiofib.features._numba import cache_folder

    monkeypatch.delenv("NUMBA_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    open_folder = tmp_path / "radiofib-kernels"
    open_folder.mkdir()
    open_folder.chmod(0o777)
    assert cache_folder() != open_folder
