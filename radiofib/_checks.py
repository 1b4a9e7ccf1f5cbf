"""Small checks shared by all layers: each returns its argument or raises a helpful error."""

from __future__ import annotations

import difflib
import stat
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from radiofib.errors import RadiofibError, UsageError

__all__ = [
    "alike_names",
    "check_1d",
    "check_known",
    "check_no_duplicates",
    "check_regular",
    "check_same_length",
    "list_some",
    "nearest",
    "unlike_file",
]

#: What a path may lead to that is neither a file nor a folder, by the type in its mode.
_UNLIKE_FILES = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name closest to `name`, or None when nothing is close.

    Examples
    --------
    >>> nearest("binwidth", ["binWidth", "binCount", "label"])
    'binWidth'
    >>> nearest("zzz", ["binWidth"]) is None
    True
    """
    by_lower = {k.lower(): k for k in known}
    hits = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[hits[0]] if hits else None


def list_some(items: Iterable[Any], most: int = 8) -> str:
    """Join items for a message, cutting long lists.

    Examples
    --------
    >>> list_some(range(10), most=3)
    '0, 1, 2 and 7 more'
    """
    texts = [str(i) for i in items]
    if len(texts) <= most:
        return ", ".join(texts)
    return f"{', '.join(texts[:most])} and {len(texts) - most} more"


def alike_names(names: Iterable[str | None]) -> list[list[str]]:
    """Return the groups of different names that are equal but for case and space.

    Examples
    --------
    >>> alike_names(["GE", "Philips", "ge", None, "Philips ", "GE"])
    [['GE', 'ge'], ['Philips', 'Philips ']]
    """
    groups: dict[str, list[str]] = {}
    for name in dict.fromkeys(n for n in names if n):
        groups.setdefault("".join(name.casefold().split()), []).append(name)
    return [g for g in groups.values() if len(g) > 1]


def check_known(
    name: str,
    known: Iterable[str],
    *,
    what: str,
    where: str | None = None,
    error: type[RadiofibError] = UsageError,
) -> str:
    """Return `name` when it is known, else raise with the nearest known name.

    Parameters
    ----------
    name : str
        The name to look up, case-sensitive.
    known : iterable of str
        Allowed names.
    what : str
        What kind of name it is, for the message ("setting", "feature class").
    where : str, optional
        File or place, for the message.
    error : type of RadiofibError
        The error class to raise.

    Raises
    ------
    RadiofibError
        Of class `error`, when the name is unknown.

    Examples
    --------
    >>> check_known("glcm", ["glcm", "glrlm"], what="feature class")
    'glcm'
    >>> check_known("glcmm", ["glcm", "glrlm"], what="feature class")
    Traceback (most recent call last):
    radiofib.errors.UsageError: unknown feature class 'glcmm' (expected glcm, glrlm). Next: did you
    mean 'glcm'?
    """
    allowed = list(known)
    if name in allowed:
        return name
    close = nearest(str(name), allowed)
    raise error(
        f"unknown {what} {name!r}",
        where=where,
        expected=list_some(allowed, 20),
        hint=f"did you mean {close!r}?" if close else None,
    )


def check_no_duplicates(
    names: Sequence[str],
    *,
    what: str,
    where: str | None = None,
    error: type[RadiofibError] = UsageError,
) -> None:
    """Raise when a name occurs twice.

    Examples
    --------
    >>> check_no_duplicates(["a", "b"], what="column")
    """
    seen: set[str] = set()
    twice = [n for n in names if n in seen or seen.add(n)]  # type: ignore[func-returns-value]
    if twice:
        raise error(f"duplicate {what}", where=where, found=list_some(dict.fromkeys(twice)))


def check_1d(values: ArrayLike, name: str) -> NDArray[np.float64]:
    """Return `values` as a finite one-dimensional float array.

    Raises
    ------
    UsageError
        When the array is not one-dimensional, empty, or holds NaN or infinity.

    Examples
    --------
    >>> check_1d([1, 2], "score")
    array([1., 2.])
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or array.size == 0:
        raise UsageError(
            f"{name} must be a non-empty one-dimensional array", found=str(array.shape)
        )
    bad = np.flatnonzero(~np.isfinite(array))
    if bad.size:
        raise UsageError(
            f"{name} must be finite",
            found=f"{array[bad[0]]} at position {bad[0]} ({bad.size} in all)",
        )
    return array


def check_same_length(**arrays: Sequence[Any] | NDArray[Any]) -> int:
    """Return the common length of the named arrays.

    Raises
    ------
    UsageError
        When lengths differ.

    Examples
    --------
    >>> check_same_length(y=[0, 1], score=[0.2, 0.8])
    2
    """
    lengths = {name: len(a) for name, a in arrays.items()}
    if len(set(lengths.values())) != 1:
        raise UsageError(
            "arrays differ in length", found=list_some(f"{k} {v}" for k, v in lengths.items())
        )
    return next(iter(lengths.values()))


def unlike_file(path: str | Path) -> str:
    """Say what a path leads to that is neither a file nor a folder; "" for those and for nothing.

    To open such a thing may wait for ever (a pipe), or never come to an end (``/dev/zero``).

    Examples
    --------
    >>> unlike_file("/dev/null"), unlike_file("."), unlike_file("nowhere.png")
    ('a device', '', '')
    """
    try:
        return _UNLIKE_FILES.get(stat.S_IFMT(Path(path).stat().st_mode), "")
    except (OSError, ValueError):  # not there, or no name that the disk knows
        return ""


def check_regular(
    path: str | Path, *, error: type[RadiofibError] = UsageError, where: str | None = None
) -> None:
    """Refuse what is neither a file nor a folder before it is opened.

    Parameters
    ----------
    path : path
        What is about to be opened.
    error : type
        Class of the error.
    where : str, optional
        How the message calls it; the path when not given.

    Raises
    ------
    RadiofibError
        Of class `error`, for a pipe, a device or a socket.

    Examples
    --------
    >>> check_regular("/dev/null")
    Traceback (most recent call last):
    radiofib.errors.UsageError: /dev/null: not a regular file (expected a regular file; found a
    device). Next: copy the content into a file and name that.
    """
    found = unlike_file(path)
    if found:
        raise error(
            "not a regular file",
            where=str(path) if where is None else where,
            expected="a regular file",
            found=found,
            hint="copy the content into a file and name that",
        )
