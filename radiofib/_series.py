"""One DICOM series of a folder that holds several: ``folder#3fa2c91b``."""

from __future__ import annotations

from pathlib import Path

__all__ = ["NO_SERIES", "SERIES_LETTERS", "named_series", "source_exists"]

#: Letters of a series' name: the beginning of the SHA-256 of its UID, which says nothing.
SERIES_LETTERS = 8
#: Name of the series of files that state no UID; no hash is spelt like it.
NO_SERIES = "no-uid"


def named_series(path: Path) -> tuple[Path, str]:
    """Split a path into what lies on disk and the series it names, "" when it names none.

    A file or folder whose own name has a ``#`` is meant as it is.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     found, series = named_series(Path(folder + "#3fa2c91b"))
    >>> found == Path(folder), series
    (True, '3fa2c91b')
    >>> named_series(Path("nowhere#3fa2c91b"))[1]
    ''
    """
    name, mark, series = path.name.rpartition("#")
    if not mark or not name or not series or path.exists():
        return path, ""
    folder = path.with_name(name)
    return (folder, series) if folder.is_dir() else (path, "")


def source_exists(path: Path) -> bool:
    """Tell whether an image or mask is there; a name that is too long for the disk is not.

    Examples
    --------
    >>> source_exists(Path("nowhere.nii.gz"))
    False
    """
    try:
        return named_series(path)[0].exists()
    except OSError:
        return False
