"""Write a text file whole or not at all."""

from __future__ import annotations

from pathlib import Path

from radiofib.errors import ExportError, UsageError

__all__ = ["check_is_file", "write_text"]


def check_is_file(target: Path) -> None:
    """Refuse a folder where a page is to be written.

    Raises
    ------
    UsageError
        When `target` is a folder.
    """
    if target.is_dir():
        raise UsageError(
            "the report is a file",
            where=str(target),
            found="a folder",
            hint="name the page, for example report.html",
        )


def write_text(path: Path, content: str, *, make: bool = False) -> Path:
    """Write under a temporary name, then rename.

    Parameters
    ----------
    path : path
        The file.
    content : str
        Written as UTF-8 with plain line ends.
    make : bool
        Make the folder when it is absent.

    Raises
    ------
    ExportError
        When the file cannot be written; nothing half-written is left.

    Examples
    --------
    >>> import tempfile
    >>> write_text(Path(tempfile.mkdtemp()) / "a" / "b.txt", "text", make=True).read_text()
    'text'
    """
    temporary = path.with_name(f".{path.name}.part")
    try:
        if make:
            path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(content, encoding="utf-8", newline="\n")
        temporary.replace(path)
    except OSError as error:
        if path.parent.is_dir():
            temporary.unlink(missing_ok=True)
        raise ExportError(
            "the file cannot be written",
            where=str(path),
            found=error.strerror or str(error),
            hint="choose a folder you may write to",
        ) from error
    return path
