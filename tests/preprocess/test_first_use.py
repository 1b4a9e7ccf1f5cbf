"""First use: by users who can write almost nothing, with damaged files, among strangers."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

NOBODY = 65534
SAYS = "compiling kernels at the first use"
CODE = """
import os, numpy as np
from radiofib.features._mesh import square_census
found = square_census(np.pad(np.ones((2, 3), dtype=np.uint8), 1))
print(found[15, 0], os.environ["NUMBA_CACHE_DIR"])
"""


def run(repository: Path, *before: str, **changes: str) -> tuple[str, Path, bool]:
    """Count squares in a fresh process: its value, the folder, and whether it compiled."""
    kept = {k: v for k, v in os.environ.items() if k not in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME")}
    environment = kept | {"PYTHONPATH": str(repository), "PYTHONDONTWRITEBYTECODE": "1"} | changes
    done = subprocess.run(
        [*before, sys.executable, "-c", CODE],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        cwd="/",
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count(SAYS) == len(done.stderr.splitlines())
    value, folder = done.stdout.split()
    return value, Path(folder), SAYS in done.stderr


@pytest.fixture
def nobody() -> list[str]:
    """Return a command that runs another as a user without rights."""
    if not hasattr(os, "getuid") or os.getuid() != 0:
        pytest.skip("needs root, to run as another user")
    if shutil.which("setpriv") is None:
        pytest.skip("needs setpriv")
    become = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    tried = subprocess.run(
        [*become, sys.executable, "-c", "import numba"], capture_output=True, check=False, cwd="/"
    )
    if tried.returncode:
        pytest.skip("another user cannot run this Python with its packages")
    return become


@pytest.fixture
def package(repository: Path, tmp_path: Path) -> Path:
    """Copy the package to where others can read it; nobody but root can write it."""
    for folder in (tmp_path, *tmp_path.parents):
        if not folder.stat().st_mode & 0o055:  # private to this user
            folder.chmod(0o755)
    copy = tmp_path / "site"
    leave = shutil.ignore_patterns("__pycache__")
    shutil.copytree(repository / "radiofib", copy / "radiofib", ignore=leave)
    return copy


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    """Make a folder for temporary files as everybody has it."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    folder.chmod(0o1777)
    return folder


def test_a_user_who_can_write_neither_package_nor_home(
    nobody: list[str], package: Path, temporary: Path
) -> None:
    poor = {"HOME": "/nonexistent", "TMPDIR": str(temporary)}
    value, folder, compiled = run(package, *nobody, **poor)
    assert (value, compiled) == ("2", True)
    assert folder.parent == temporary
    found = folder.stat()
    assert (found.st_uid, found.st_mode & 0o777) == (NOBODY, 0o700)
    assert run(package, *nobody, **poor) == ("2", folder, False)  # found again, not compiled
    assert list(temporary.iterdir()) == [folder]


def test_a_folder_another_user_has_planted_is_not_used(
    nobody: list[str], package: Path, temporary: Path
) -> None:
    poor = {"HOME": "/nonexistent", "TMPDIR": str(temporary)}
    planted = temporary / f"radiofib-kernels-{NOBODY}"
    planted.mkdir()
    planted.chmod(0o777)  # owned by another user, open to all
    value, folder, compiled = run(package, *nobody, **poor)
    assert (value, compiled) == ("2", True)
    assert folder.parent == temporary
    assert folder != planted
    assert list(temporary.iterdir()) == [planted]  # what only this process knows is removed
    assert not list(planted.iterdir())


def test_a_link_in_the_place_of_the_folder_is_not_followed(
    nobody: list[str], package: Path, temporary: Path
) -> None:
    own = temporary / "own"
    own.mkdir()
    os.chown(own, NOBODY, NOBODY)
    (temporary / f"radiofib-kernels-{NOBODY}").symlink_to(own)
    _, folder, _ = run(package, *nobody, HOME="/nonexistent", TMPDIR=str(temporary))
    assert folder.resolve() != own
    assert not list(own.iterdir())


def test_a_given_folder_is_used_by_that_user_too(
    nobody: list[str], package: Path, temporary: Path
) -> None:
    given = {"NUMBA_CACHE_DIR": str(temporary / "given"), "HOME": "/nonexistent"}
    value, folder, compiled = run(package, *nobody, **given)
    assert (value, folder, compiled) == ("2", temporary / "given", True)
    assert not run(package, *nobody, **given)[2]


@pytest.fixture(scope="module")
def compiled(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with what a run has compiled."""
    folder = tmp_path_factory.mktemp("compiled")
    run(repository, NUMBA_CACHE_DIR=str(folder))
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["nbi", "nbc"])
@pytest.mark.parametrize("kept", [0, 100, 0.5])
def test_damaged_files_are_compiled_anew(
    repository: Path, compiled: Path, tmp_path: Path, ending: str, kept: float
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(compiled, folder)
    [path] = folder.rglob(f"*.{ending}")
    content = path.read_bytes()
    path.write_bytes(b"x" * int(kept) if kept != 0.5 else content[: len(content) // 2])
    value, _, anew = run(repository, NUMBA_CACHE_DIR=str(folder))
    assert (value, anew) == ("2", True)
    assert not run(repository, NUMBA_CACHE_DIR=str(folder))[2]


def test_code_of_other_types_is_not_taken(repository: Path, tmp_path: Path) -> None:
    """Processes that compile at once may leave an index that names another type's code."""
    from radiofib.features._mesh import square_census

    class Wrong:
        signature = type("Signature", (), {"args": ("something else",)})

    class Cache:
        flushed = False

        def load_overload(self, signature: object, target: object) -> Wrong:
            return Wrong()

        def flush(self) -> None:
            self.flushed = True

    tolerant = type(square_census._cache)(Cache())
    assert tolerant.load_overload(("array",), None) is None
    assert tolerant.flushed
