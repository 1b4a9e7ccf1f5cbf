"""What an image file looks like from outside, as one cell of a table: for negative controls."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from radiofib.errors import CohortError

__all__ = ["geometry_text", "parse_geometry", "size_of"]


def geometry_text(shape: Sequence[int], spacing_mm: Sequence[float], file_bytes: int) -> str:
    """Write matrix (z, y, x), voxel in mm and bytes of a volume's file as one text.

    Examples
    --------
    >>> geometry_text((72, 260, 320), (2.5, 1.0, 1.0), 1234)
    '72 260 320 2.5 1 1 1234'
    """
    sides = (f"{side:.9g}" for side in spacing_mm)
    return " ".join([*map(str, shape), *sides, str(file_bytes)])


def parse_geometry(text: str) -> tuple[tuple[int, ...], tuple[float, ...], int]:
    """Read :func:`geometry_text`.

    Raises
    ------
    CohortError
        When the text is another.

    Examples
    --------
    >>> parse_geometry("72 260 320 2.5 1 1 1234")
    ((72, 260, 320), (2.5, 1.0, 1.0), 1234)
    """
    words = text.split()
    try:
        if len(words) != 7:
            raise ValueError
        shape = tuple(int(word) for word in words[:3])
        return shape, tuple(float(word) for word in words[3:6]), int(words[6])
    except ValueError:
        raise CohortError(
            "native_geometry cannot be read",
            expected="seven numbers: matrix (z, y, x), voxel in mm, bytes",
            found=repr(text),
            hint="leave the column as 'radiofib register' wrote it",
        ) from None


def size_of(path: Path) -> int:
    """Return the bytes of a file, or of all files of a folder."""
    if path.is_dir():
        return sum(p.stat().st_size for p in path.rglob("*") if p.is_file())
    return path.stat().st_size
