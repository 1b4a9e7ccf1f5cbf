"""Pictures that repeat others: how many, and that they were kept together."""

from __future__ import annotations

from radiofib.report.blocks import Block, Heading, Paragraph
from radiofib.report.context import Context
from radiofib.report.format import count, pluralise

__all__ = ["copy_blocks"]

_KINDS = {
    "same_file": "by the bytes of the file",
    "same_pixels": "by the pixels",
    "same_picture": "by what is seen",
    "same_sweep": "as frames of one sweep",
}


def copy_blocks(context: Context) -> list[Block]:
    """Return the counts of pictures that repeat others; nothing when none was found."""
    found = {
        name: int(value)
        for name, value in context.folder.mapping("copies").items()
        if isinstance(value, int | float)
    }
    pictures, groups = found.get("pictures", 0), found.get("groups", 0)
    if not pictures or not groups:
        return []
    kinds = [f"{count(found[k])} {words}" for k, words in _KINDS.items() if found.get(k)]
    said = (
        f"{pluralise(pictures, 'picture')}, of which {count(found.get('distinct', pictures))} are "
        f"distinct. Repeats: {', '.join(kinds)}. They make {pluralise(groups, 'group')}, none of "
        "which is parted by a split."
    )
    across = [
        f"{pluralise(found[name], 'group')} with pictures of several {what}"
        for name, what in (("across_patients", "patients"), ("across_stages", "stages"))
        if found.get(name)
    ]
    if across:
        said += f" {' and '.join(across)}: doubts.csv names them."
    return [Heading("Copies of pictures"), Paragraph(said)]
