"""Where compiled kernels are kept, and the one way to declare a kernel.

numba writes compiled code beside the source or into the home folder and fails where it can
write neither. Here the folder is chosen before numba is imported: `NUMBA_CACHE_DIR` when set,
else the user's cache folder, else a private folder among the temporary files, which later
processes of the same user find again. A cache that cannot be read is compiled anew, and the
first compilation is announced, because it takes seconds.
"""

from __future__ import annotations

import atexit
import logging
import os
import shutil
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

    The last resort is a folder for this process and those it starts; it goes when it ends.

    Examples
    --------
    >>> cache_folder().is_dir()
    True
    """
    for folder in _candidates():
        if _usable(folder):
            return folder
    folder = Path(tempfile.mkdtemp(prefix=f"{_NAME}-"))
    atexit.register(_remove, folder, os.getpid())
    return folder


def _remove(folder: Path, owner: int) -> None:
    if os.getpid() == owner:  # and not a process that was forked
        shutil.rmtree(folder, ignore_errors=True)


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
        found = folder.lstat()
    except OSError:
        return False
    if str(folder) == os.environ.get(_VARIABLE) or not hasattr(os, "getuid"):
        return True
    shared = found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not shared


def _prepare() -> None:
    folder = str(cache_folder())
    os.environ[_VARIABLE] = folder
    if "numba" in sys.modules:  # imported earlier by somebody else: tell it as well
        config = sys.modules["numba"].core.config
        config.CACHE_DIR = config.CACHE_DIR or folder


_prepare()

import numba  # noqa: E402 - only after its cache folder is known
from numba.core import event  # noqa: E402


class _Announcement(event.Listener):
    """Says once that kernels are being compiled."""

    said = False

    def on_start(self, event: Any) -> None:
        function = getattr(event.data.get("dispatcher"), "py_func", None)
        if self.said or not getattr(function, "__module__", "").startswith("radiofib."):
            return
        self.said = True
        logging.getLogger("radiofib").warning(
            "radiofib: compiling kernels at the first use, about 15 s; they are kept in %s",
            os.environ[_VARIABLE],
        )

    def on_end(self, event: Any) -> None:
        """Nothing to say: the work goes on."""


event.register("numba:compile", _Announcement())


class _Tolerant:
    """numba's cache of a function, for which a damaged file is a file that is not there."""

    def __init__(self, cache: Any) -> None:
        self._cache = cache

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cache, name)

    def load_overload(self, signature: Any, target: Any) -> Any:
        try:
            found = self._cache.load_overload(signature, target)
            # Processes that compile at the same time may overwrite each other's files.
            asked = tuple(getattr(signature, "args", signature))
            if found is None or tuple(found.signature.args) == asked:
                return found
        except Exception:  # unpickling raises anything
            found = None
        with suppress(Exception):
            self._cache.flush()
        return None

    def save_overload(self, signature: Any, data: Any) -> None:
        with suppress(Exception):  # a full disk, say: compiled code is still at hand
            self._cache.save_overload(signature, data)


def kernel(function: F) -> F:
    """Compile a function at its first call: cached, without the GIL, IEEE arithmetic.

    Examples
    --------
    >>> from radiofib.features._mesh import square_census
    >>> square_census.targetoptions["nogil"], "fastmath" in square_census.targetoptions
    (True, False)
    """
    compiled: Any = numba.njit(cache=True, nogil=True, error_model="numpy")(function)
    compiled._cache = _Tolerant(compiled._cache)
    return cast(F, compiled)
