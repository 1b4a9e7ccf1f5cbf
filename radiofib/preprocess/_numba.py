"""Where compiled kernels are kept, and the one way to declare a kernel.

numba writes compiled code beside the source or into the home folder and fails where it can
write neither. Here the folder is chosen before numba is imported: `NUMBA_CACHE_DIR` when set,
else the user's cache folder, else a private folder among the temporary files, which later
processes of the same user find again.
"""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar, cast

__all__ = ["cache_folder", "kernel"]

_VARIABLE = "NUMBA_CACHE_DIR"
_NAME = "radiofib-kernels"
F = TypeVar("F", bound=Callable[..., Any])


def cache_folder() -> Path:
    """Return the folder for compiled kernels, making it where needed.

    Examples
    --------
    >>> cache_folder().is_dir()
    True
    """
    for folder in _candidates():
        if _usable(folder):
            return folder
    return Path(tempfile.mkdtemp(prefix=f"{_NAME}-"))


def _candidates() -> Iterator[Path]:
    if given := os.environ.get(_VARIABLE):
        yield Path(given)
    if base := os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA"):
        yield Path(base) / _NAME
    with suppress(RuntimeError):  # no home folder at all
        yield Path.home() / ".cache" / _NAME
    user = os.getuid() if hasattr(os, "getuid") else os.environ.get("USERNAME", "user")
    yield Path(tempfile.gettempdir()) / f"{_NAME}-{user}"


def _usable(folder: Path) -> bool:
    """Tell whether files can be written there and nobody else can slip in compiled code."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
        found = folder.stat()
    except OSError:
        return False
    if str(folder) == os.environ.get(_VARIABLE) or not hasattr(os, "getuid"):
        return True
    shared = found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return found.st_uid == os.getuid() and not shared


def _prepare() -> None:
    folder = str(cache_folder())
    os.environ[_VARIABLE] = folder
    if "numba" in sys.modules:  # imported earlier by somebody else: tell it as well
        config = sys.modules["numba"].core.config
        config.CACHE_DIR = config.CACHE_DIR or folder


_prepare()

import numba  # noqa: E402 - only after its cache folder is known


def kernel(function: F) -> F:
    """Compile a function at its first call: cached, without the GIL, IEEE arithmetic.

    Examples
    --------
    >>> from radiofib.features._mesh import square_census
    >>> square_census.targetoptions["nogil"], "fastmath" in square_census.targetoptions
    (True, False)
    """
    return cast(F, numba.njit(cache=True, nogil=True, error_model="numpy")(function))
