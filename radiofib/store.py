"""Finished work on disk: records found again by what went into them, with the files they name.

A record is named by the hash of everything its content depends on. It is written under a temporary
name and renamed, and holds a checksum and the hashes of its files, so a reader finds it whole, with
all its files unchanged, or not at all.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from radiofib.errors import ConfigError, ExportError
from radiofib.provenance import canonical_json, hash_bytes, hash_file

__all__ = ["folder_within", "read_record", "tidy", "write_record"]

_STALE_SECONDS = 3600.0


def write_record(
    folder: Path, key: str, content: Any, *, home: Path | None = None, files: Iterable[str] = ()
) -> None:
    """Write a record so that it is either whole or not there.

    Parameters
    ----------
    folder : path
        Folder of records.
    key : str
        Name of the record: a hash.
    content : JSON value
        What to keep.
    home : path, optional
        Folder that `files` are relative to; default `folder`.
    files : iterable of str
        Files that belong to the record.
    """
    home = home or folder
    stored = {"content": content, "sha256": {name: hash_file(home / name) for name in files}}
    check = hash_bytes(canonical_json(stored).encode())
    temporary = folder / f".{key}.{os.getpid()}.part"
    temporary.write_text(canonical_json({"check": check, **stored}), encoding="utf-8")
    temporary.replace(folder / f"{key}.json")


def read_record(folder: Path, key: str, *, home: Path | None = None) -> Any:
    """Return a record's content; None when there is none, or it or a file of it has changed.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as name:
    ...     folder = Path(name)
    ...     write_record(folder, "a1", {"dice": 0.5})
    ...     whole = read_record(folder, "a1")
    ...     _ = (folder / "a1.json").write_text("{")
    ...     broken = read_record(folder, "a1")
    >>> whole, broken
    ({'dice': 0.5}, None)
    """
    home = home or folder
    try:
        stored: Any = json.loads((folder / f"{key}.json").read_text(encoding="utf-8"))
        check = stored.pop("check")
        if check != hash_bytes(canonical_json(stored).encode()):
            return None
        if any(hash_file(home / name) != digest for name, digest in stored["sha256"].items()):
            return None
        return stored["content"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def tidy(folder: Path) -> None:
    """Make the folder and remove what a killed run left half-written more than an hour ago.

    Raises
    ------
    ConfigError
        When the folder cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            "folder for finished work cannot be made",
            where=str(folder),
            found=error.strerror,
            hint="choose another output folder",
        ) from error
    for leftover in folder.glob(".*.part*"):
        try:
            if time.time() - leftover.stat().st_mtime > _STALE_SECONDS:
                leftover.unlink(missing_ok=True)
        except OSError:
            continue


def folder_within(home: Path, name: str) -> Path:
    """Make a folder of results and return it; one that a link leads elsewhere is refused.

    Parameters
    ----------
    home : path
        The output folder; it may itself be reached through a link.
    name : str
        The folder, relative to `home`.

    Raises
    ------
    ExportError
        When the folder would lie outside `home`, or cannot be made.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as home:
    ...     folder_within(Path(home), "c01").name
    'c01'
    """
    folder = home / name
    if not folder.resolve().is_relative_to(home.resolve()):
        raise ExportError(
            "the folder of these results lies outside the output folder",
            where=name,
            expected=f"a folder in {home.name}",
            found="a link to another place",
            hint="remove the link, or choose another output folder",
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ExportError(
            "the folder of these results cannot be made",
            where=name,
            found=error.strerror or type(error).__name__,
            hint="remove what stands in its place, or choose another output folder",
        ) from error
    return folder
