"""Hashes and versions that identify inputs and results; never times, paths or user names."""

from __future__ import annotations

import hashlib
import json
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "canonical_json",
    "environment",
    "hash_array",
    "hash_bytes",
    "hash_file",
    "hash_object",
    "radiofib_version",
]


def hash_bytes(data: bytes) -> str:
    """Return the SHA-256 of bytes, in hexadecimal.

    Examples
    --------
    >>> hash_bytes(b"liver")[:12]
    'ebaf48a97257'
    """
    return hashlib.sha256(data).hexdigest()


def hash_file(path: str | Path) -> str:
    """Return the SHA-256 of a file's content, or of a folder's files in name order.

    A DICOM series is a folder; its hash covers each file's relative name and content.
    """
    path = Path(path)
    if path.is_dir():
        digest = hashlib.sha256()
        for child in sorted(p for p in path.rglob("*") if p.is_file()):
            digest.update(child.relative_to(path).as_posix().encode())
            digest.update(bytes.fromhex(hash_file(child)))
        return digest.hexdigest()
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def hash_array(array: NDArray[Any]) -> str:
    """Return the SHA-256 of an array's type, shape and values.

    Examples
    --------
    >>> hash_array(np.zeros(3)) == hash_array(np.zeros(3))
    True
    >>> hash_array(np.zeros(3)) == hash_array(np.zeros((3, 1)))
    False
    """
    array = np.ascontiguousarray(array)
    head = f"{array.dtype.str}{array.shape}".encode()
    return hashlib.sha256(head + array.tobytes()).hexdigest()


def canonical_json(value: Any) -> str:
    """Write a value as JSON with sorted keys and no spare space, so that equal means same bytes.

    Examples
    --------
    >>> canonical_json({"b": 1, "a": [1.0, None]})
    '{"a":[1.0,null],"b":1}'
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def hash_object(value: Any) -> str:
    """Return the SHA-256 of a value's canonical JSON.

    Examples
    --------
    >>> hash_object({"a": 1, "b": 2}) == hash_object({"b": 2, "a": 1})
    True
    """
    return hash_bytes(canonical_json(value).encode())


def radiofib_version() -> str:
    """Return the installed version of radiofib ("0+unknown" in a bare source tree)."""
    try:
        return metadata.version("radiofib")
    except metadata.PackageNotFoundError:
        return "0+unknown"


def environment(packages: tuple[str, ...] = ()) -> dict[str, str]:
    """Return versions of Python, radiofib and the named distributions that are installed.

    Examples
    --------
    >>> sorted(environment(("numpy", "not-a-distribution")))
    ['numpy', 'python', 'radiofib']
    """
    found = {"python": platform.python_version(), "radiofib": radiofib_version()}
    for name in packages:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
