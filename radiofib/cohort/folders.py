"""Folders for cases: names that every file system takes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from radiofib.provenance import hash_bytes

__all__ = ["folder_names"]

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
#: Names that Windows keeps for itself.
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d|pieces)(\..*)?")


def folder_names(keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Return a folder name for each case and instance, safe on every file system.

    Plain names stay as they are. Characters a path cannot hold become ``_``; such names, names
    that differ only in upper and lower case, and very long ones get a short hash, so that no
    two share a folder.

    Parameters
    ----------
    keys : iterable of (case, instance)
        The instance is "" where a case has only one.

    Examples
    --------
    >>> names = folder_names([("a01", ""), ("a02", "s1"), ("../x/y", ""), ("B", ""), ("b", "")])
    >>> names["a01", ""], names["a02", "s1"], names["../x/y", ""]
    ('a01', 'a02__s1', 'x_y-fb8b7a40ce2f')
    >>> names["B", ""] == names["b", ""].upper()
    False
    """
    wanted = list(dict.fromkeys(keys))
    joined = {key: "__".join(part for part in key if part) for key in wanted}
    counts = Counter(name.casefold() for name in joined.values())
    return {
        key: name
        if counts[name.casefold()] == 1 and _is_plain(name)
        else f"{_slug(name)}-{hash_bytes(repr(key).encode())[:12]}"
        for key, name in joined.items()
    }


def _is_plain(name: str) -> bool:
    plain = _PLAIN.fullmatch(name) is not None and not name.endswith(".")
    return plain and _RESERVED.fullmatch(name) is None


def _slug(name: str) -> str:
    found = re.sub(r"[^A-Za-z0-9-]+", "_", name).strip("_-")[:48]
    return found or "case"
