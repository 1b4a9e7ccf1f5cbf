"""The one place that sets numba up: a cache folder that can be written, and the kernel decorator.

numba keeps compiled kernels on disk so that only the first use on a machine compiles. Its own
choice of folder fails where neither the package nor the home folder can be written, so the
folder is chosen here, before the first kernel is declared:

1. ``NUMBA_CACHE_DIR`` when it is set and can be written;
2. ``radiofib/numba-<version>`` in the user's cache folder;
3. a private temporary folder, removed at exit.
"""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar

__all__ = ["cache_folder", "kernel", "lowest_bit", "popcount"]

F = TypeVar("F", bound=Callable[..., Any])


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _user_folder() -> Path:
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA", "~/AppData/Local")
    elif sys.platform == "darwin":
        base = "~/Library/Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "radiofib" / f"numba-{metadata.version('numba')}"


def _choose() -> Path:
    given = os.environ.get("NUMBA_CACHE_DIR")
    if given and _writable(Path(given)):
        return Path(given)
    try:
        user = _user_folder()
    except RuntimeError:  # there is no home folder
        user = None
    if user is not None and _writable(user):
        return user
    private = tempfile.mkdtemp(prefix="radiofib-numba-")
    owner = os.getpid()

    def remove() -> None:  # a forked child leaves the folder to its parent
        if os.getpid() == owner:
            shutil.rmtree(private, ignore_errors=True)

    atexit.register(remove)
    return Path(private)


_FOLDER = _choose()
# Before numba is imported, for this process and for the worker processes it starts.
os.environ["NUMBA_CACHE_DIR"] = str(_FOLDER)

import numba  # noqa: E402
from llvmlite import ir  # type: ignore[import-untyped]  # noqa: E402
from numba.core import types  # noqa: E402
from numba.extending import intrinsic  # noqa: E402

config: Any = numba.config
config.CACHE_DIR = str(_FOLDER)  # in case someone else has imported numba before


def cache_folder() -> Path:
    """Return the folder that holds the compiled kernels.

    Examples
    --------
    >>> cache_folder().is_dir()
    True
    """
    return _FOLDER


def kernel(function: F) -> F:
    """Compile a function with numba on first use: cached, without the GIL, one thread.

    Floating point keeps IEEE order (no fastmath), so results do not depend on the machine's
    vector width. Array indices are not checked: only the functions of this package call kernels.
    """
    compiler: Any = numba.njit(cache=True, nogil=True, fastmath=False, error_model="numpy")
    compiled: F = compiler(function)
    return compiled


def _bit_operation(typing: Any, value: Any, generate: Any) -> Any:  # noqa: ARG001
    return types.uint64(types.uint64), generate


def _popcount(typing: Any, value: Any) -> Any:
    """Return the number of set bits of an unsigned 64-bit integer (in kernels only)."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return _bit_operation(typing, value, generate)


def _lowest_bit(typing: Any, value: Any) -> Any:
    """Return the position of the lowest set bit of a non-zero 64-bit integer (in kernels only)."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return _bit_operation(typing, value, generate)


popcount: Any = intrinsic(_popcount)
lowest_bit: Any = intrinsic(_lowest_bit)
