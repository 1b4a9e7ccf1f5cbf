"""Which images and masks of a cohort are there."""

from __future__ import annotations

from pathlib import Path

from radiofib._checks import list_some, unlike_file
from radiofib._series import source_exists
from radiofib.cohort import cells
from radiofib.cohort.columns import FILE_COLUMNS
from radiofib.cohort.rows import Reading
from radiofib.errors import CohortError

__all__ = ["find_files"]


def find_files(reading: Reading, shown: dict[str, str], root: Path | None) -> None:
    """Fail rows whose image or mask does not exist, or is a pipe or device.

    Raises
    ------
    CohortError
        When none of the images exists: the folder is wrong, not the rows.
    """
    rows = list(reading.good)
    lost = [d for d in rows if d.image is not None and not source_exists(d.image)]
    hint = "check the path; relative paths start from the table's folder, or from root if given"
    if rows and len(lost) == len(rows):
        raise CohortError(
            f"none of the {len(rows)} image files exists",
            where=f"{reading.source}, column {shown.get('image', 'image')!r}",
            found=list_some((cells.display(d.cells["image"]) for d in lost), 3),
            hint=_slashes(hint, lost[0].cells["image"]),
        )
    for draft in rows:
        paths = (("image", draft.image), ("mask", draft.mask))
        for column, path in (*paths, *((c, draft.cells.get(c)) for c in FILE_COLUMNS)):
            if path is not None and not source_exists(path):
                name = _below(path, root)
                error = CohortError("no such file", found=cells.display(name))
                reading.fail([draft], error, shown.get(column, column), _slashes(hint, name))
                break
            if path is not None and (found := unlike_file(path)):
                error = CohortError("not a regular file", expected="a regular file", found=found)
                hint = "copy the content into a file and name that"
                reading.fail([draft], error, shown.get(column, column), hint)
                break


def _below(path: Path, root: Path | None) -> str:
    try:
        return str(path.relative_to(root)) if root else path.name
    except ValueError:  # elsewhere on the machine
        return path.name


def _slashes(hint: str, text: object) -> str:
    return f"write / instead of \\; {hint}" if "\\" in str(text) else hint
