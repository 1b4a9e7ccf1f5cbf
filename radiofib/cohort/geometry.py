"""What an image file looks like from outside, as one cell of a table: for negative controls."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from radiofib._series import named_series
from radiofib.errors import CohortError

__all__ = [
    "UNKNOWN_PIXEL",
    "geometry_text",
    "odd_phases",
    "parse_geometry",
    "parse_pixel",
    "pixel_text",
    "size_of",
]

#: Phases of one series have voxels alike: along no axis is one longer than this times another.
_ALIKE = 1.5
#: Phases that must agree before another one is called odd.
_LEAST_AGREEING = 2
#: ``pixel_mm`` of a picture of which nobody knows it.
UNKNOWN_PIXEL = "unknown"


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


def pixel_text(spacing_mm: Sequence[float]) -> str:
    """Write the size of a pixel (y, x) in mm as one text; one number when it is square.

    Examples
    --------
    >>> pixel_text((0.25, 0.25)), pixel_text((0.2, 0.3))
    ('0.25', '0.2 0.3')
    """
    down, across = (f"{side:.9g}" for side in spacing_mm)
    return down if down == across else f"{down} {across}"


def parse_pixel(text: str) -> tuple[float, float]:
    """Read :func:`pixel_text`: one number, or two (y, x), each above 0.

    Raises
    ------
    CohortError
        When the text is another.

    Examples
    --------
    >>> parse_pixel("0.25"), parse_pixel("0.2 0.3")
    ((0.25, 0.25), (0.2, 0.3))
    """
    try:
        sides = [float(word) for word in text.split()]
    except ValueError:
        sides = []
    if len(sides) not in (1, 2) or not all(math.isfinite(s) and s > 0 for s in sides):
        raise CohortError(
            "pixel_mm cannot be read",
            expected="the side of a pixel in mm, or its height and width",
            found=repr(text)[:60],
        )
    return sides[0], sides[-1]


def size_of(path: Path) -> int:
    """Return the bytes of a file, or of all files of a folder."""
    path, _ = named_series(path)
    if path.is_dir():
        return sum(p.stat().st_size for p in path.rglob("*") if p.is_file())
    return path.stat().st_size


def odd_phases(
    geometry: Mapping[str, tuple[Sequence[int], Sequence[float] | None]],
) -> dict[str, str]:
    """Find the phase of a series whose voxels are not those of the others.

    Phases are channels whose names differ in a number at the end (``ged1`` to ``ged4``); they are
    repeats of one sequence, whatever field of view a patient gets. Where all but one of at least
    three agree within a factor of 1.5 along every axis, the last one is odd.

    Parameters
    ----------
    geometry : mapping
        Channel to matrix and voxel (mm), both along z, y, x; None where the voxel is not known.

    Returns
    -------
    dict
        Odd channel to what is odd, and which channel it resembles instead.

    Examples
    --------
    >>> fine, coarse = ((72, 270, 340), (2.5, 1.0, 1.0)), ((25, 227, 286), (7.0, 1.2, 1.2))
    >>> odd_phases({"t2": coarse, "ged1": coarse, "ged2": fine, "ged3": fine, "ged4": fine})
    {'ged1': 'voxels of ged1 (7 x 1.2 x 1.2 mm) are not those of ged2, ged3, ged4 (2.5 x 1 x 1 mm)
    but those of t2: is the file another sequence?'}
    >>> odd_phases({"t2": coarse, "ged1": fine, "ged2": fine, "ged3": fine, "ged4": fine})
    {}
    """
    known = {c: (tuple(n), tuple(v)) for c, (n, v) in geometry.items() if v and len(v) == 3}
    series: dict[str, list[str]] = {}
    for channel in known:
        if (name := re.fullmatch(r"(.*\D)\d+", channel)) is not None:
            series.setdefault(name[1], []).append(channel)
    found = {}
    for phases in series.values():
        for odd in phases:
            others = [c for c in phases if c != odd]
            if len(others) < _LEAST_AGREEING or not all(
                _alike(known[c][1], known[others[0]][1]) for c in others
            ):
                continue
            if any(_alike(known[odd][1], known[c][1]) for c in others):
                continue
            twins = [c for c in known if c not in phases and known[c][0] == known[odd][0]]
            twins = [c for c in twins if _alike(known[c][1], known[odd][1])]
            instead = f" but those of {', '.join(twins)}" if twins else ""
            found[odd] = (
                f"voxels of {odd} ({_voxel(known[odd][1])}) are not those of {', '.join(others)} "
                f"({_voxel(known[others[0]][1])}){instead}: is the file another sequence?"
            )
    return found


def _alike(one: Sequence[float], other: Sequence[float]) -> bool:
    return all(
        a > 0 and b > 0 and abs(math.log(a / b)) <= math.log(_ALIKE)
        for a, b in zip(one, other, strict=True)
    )


def _voxel(sides: Sequence[float]) -> str:
    return f"{' x '.join(f'{side:.3g}' for side in sides)} mm"
