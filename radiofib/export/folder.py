"""All files of an export appear together, whole, or not at all."""

from __future__ import annotations

import errno
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from radiofib.errors import ExportError

__all__ = ["staged"]

_HINTS = {
    errno.ENOSPC: "free some space or choose another folder",
    errno.EDQUOT: "free some space or choose another folder",
    errno.EFBIG: "choose a folder that takes larger files",
    errno.EACCES: "choose a folder you may write to",
    errno.EPERM: "choose a folder you may write to",
    errno.EROFS: "choose a folder you may write to",
    errno.ENOTDIR: "choose a folder, not a file",
    errno.EEXIST: "choose a folder, not a file",
}


@contextmanager
def staged(out: Path) -> Iterator[tuple[Path, list[Path]]]:
    """Write into a temporary folder inside `out`; move the files up when the block ends well.

    Yields
    ------
    tuple of Path and list
        Where to write, and a list that holds the final paths, in name order, afterwards.

    Raises
    ------
    ExportError
        When the folder cannot be made or written; files from before stay as they were.

    Examples
    --------
    >>> with tempfile.TemporaryDirectory() as out:
    ...     with staged(Path(out)) as (folder, written):
    ...         _ = (folder / "a.csv").write_text("case")
    ...     [p.name for p in written]
    ['a.csv']
    """
    written: list[Path] = []
    try:
        out.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=out, prefix=".export-", suffix=".part"))
        try:
            yield temporary, written
            written += [path.replace(out / path.name) for path in sorted(temporary.iterdir())]
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except OSError as error:
        raise ExportError(
            "the export cannot be written",
            where=str(out),
            found=error.strerror or str(error),
            hint=_HINTS.get(error.errno or 0, "check the folder and the disk"),
        ) from error
