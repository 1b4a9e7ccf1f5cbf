"""Case names for slides: the stem, and as much of the folders as tells equal stems apart."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from radiofib.errors import UsageError
from radiofib.provenance import hash_bytes

__all__ = ["name_cases"]


def name_cases(paths: Iterable[str | Path]) -> dict[str, Path]:
    """Give every slide a name that no other slide of the run has, whatever their order.

    The name is the file's stem. Slides that share it (upper and lower case count as one, as on
    some file systems) take the folder's name in front, then the folder's folder and so on; slides
    of one folder that differ only in their suffix take that too. Where even that leaves no
    difference (folders ``A`` and ``a``), a short hash is added. A path given twice counts once.

    Returns
    -------
    dict
        Name -> path, sorted by name.

    Raises
    ------
    UsageError
        When no paths are given.

    Examples
    --------
    >>> list(name_cases(["a/s1.svs", "b/s1.svs", "b/s2.svs"]))
    ['a__s1', 'b__s1', 's2']
    >>> list(name_cases(["a/s1.svs", "a/s1.ndpi"]))
    ['s1_ndpi', 's1_svs']
    """
    slides = {Path(path).absolute(): Path(path) for path in paths}
    if not slides:
        raise UsageError("no slides are given", hint="name at least one slide")
    names = {full: full.stem for full in slides}
    depth = 0
    while clashing := _clashing(names):
        depth += 1
        if depth > max(len(full.parts) for full in clashing):
            names |= _hashed(clashing)
            break
        for full in clashing:
            names[full] = _longer(full, depth, clashing)
    return {name: slides[full] for full, name in sorted(names.items(), key=lambda item: item[1])}


def _hashed(clashing: list[Path]) -> dict[Path, str]:
    shared = os.path.commonpath([full.parent for full in clashing])
    return {
        full: f"{full.stem}-{hash_bytes(full.relative_to(shared).as_posix().encode())[:12]}"
        for full in clashing
    }


def _clashing(names: dict[Path, str]) -> list[Path]:
    counts = Counter(name.casefold() for name in names.values())
    return [full for full, name in names.items() if counts[name.casefold()] > 1]


def _longer(full: Path, depth: int, clashing: list[Path]) -> str:
    same = Counter(str(other.with_suffix("")).casefold() for other in clashing)
    twin = same[str(full.with_suffix("")).casefold()] > 1
    stem = full.name.replace(".", "_") if twin else full.stem
    # Slides that differ in their suffix alone need no folder.
    alone = twin and len(same) == 1
    folders = [] if alone else full.parent.parts[-depth:]
    return "__".join([*(part for part in folders if part.strip("/\\:")), stem])
