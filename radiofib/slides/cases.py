"""Slides of a run: those that are named or lie in a folder, each with a name of its own."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from radiofib.errors import UsageError
from radiofib.provenance import hash_bytes

__all__ = ["check_out_folder", "find_slides", "has_slide_suffix", "name_cases"]

#: Of the formats OpenSlide reads, and plain pictures.
_SLIDES = (
    *(".svs", ".ndpi", ".mrxs", ".scn", ".tif", ".tiff", ".vms", ".vmu", ".svslide", ".bif"),
    *(".czi", ".png", ".jpg", ".jpeg"),
)


def find_slides(paths: Iterable[str | Path]) -> list[Path]:
    """Return slides, and in the place of a folder those that lie in it.

    Parameters
    ----------
    paths : iterable of path
        Slides, and folders; of a folder the files with a suffix of slides are taken, not those of
        its own folders.

    Raises
    ------
    UsageError
        When nothing that is named exists, or a folder holds no slide.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("b.svs", "a.ndpi", "notes.txt"):
    ...         _ = (Path(folder) / name).write_text("")
    ...     [path.name for path in find_slides([folder, "gone.svs"])]
    ['a.ndpi', 'b.svs', 'gone.svs']
    >>> find_slides(["gone.svs"])
    Traceback (most recent call last):
    radiofib.errors.UsageError: gone.svs: no such slide or folder. Next: check the path.
    """
    given = [Path(path) for path in paths]
    if given and not any(path.exists() for path in given):
        more = f" ({len(given)} in all)" if len(given) > 1 else ""
        raise UsageError(
            f"no such slide or folder{more}", where=str(given[0]), hint="check the path"
        )
    found: list[Path] = []
    for path in given:
        inside = _inside(path) if path.is_dir() else [path]
        if not inside:
            raise UsageError(
                "no slide in this folder",
                where=str(path),
                expected=", ".join(_SLIDES),
                hint="name the folder in which the slides lie, or the slides",
            )
        found += inside
    return found


def has_slide_suffix(path: Path) -> bool:
    """Tell whether a file of a folder is taken for a slide.

    Examples
    --------
    >>> has_slide_suffix(Path("a.SVS")), has_slide_suffix(Path("a.xml"))
    (True, False)
    """
    return path.suffix.lower() in _SLIDES


def _inside(folder: Path) -> list[Path]:
    files = (p for p in sorted(folder.iterdir()) if not p.name.startswith("."))
    # A link to a slide that is gone is named as one, and fails: nobody meant to leave it out.
    return [p for p in files if has_slide_suffix(p) and (p.is_file() or p.is_symlink())]


def check_out_folder(slides: Iterable[str | Path], out: str | Path) -> None:
    """Refuse to write into a folder in which a slide lies: ``<case>.png`` may be a slide.

    Raises
    ------
    UsageError
        When `out` is the folder of a slide.

    Examples
    --------
    >>> check_out_folder(["slides/a.png"], "measured")
    >>> check_out_folder(["slides/a.png"], "slides")
    Traceback (most recent call last):
    radiofib.errors.UsageError: slides: results are not written among slides (found a.png).
    Next: give a folder of its own with --out.
    """
    folder = Path(out).resolve()
    for slide in map(Path, slides):
        if slide.absolute().parent.resolve() == folder:
            raise UsageError(
                "results are not written among slides",
                where=str(out),
                found=slide.name,
                hint="give a folder of its own with --out",
            )


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
