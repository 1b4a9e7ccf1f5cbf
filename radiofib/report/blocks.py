"""What a page is made of: plain records that a section returns and the template draws.

Sections stay free of HTML: they hold text, and the template escapes it. The one exception is
:class:`Figure`, whose SVG is built (and escaped) by :mod:`radiofib.report.svg`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from markupsafe import Markup

__all__ = [
    "Block",
    "Cell",
    "Code",
    "Column",
    "Definitions",
    "Figure",
    "Gallery",
    "Group",
    "Heading",
    "Items",
    "Note",
    "Paragraph",
    "Picture",
    "Section",
    "Table",
    "number",
    "text",
]


@dataclass(frozen=True)
class Cell:
    """One table cell: what is shown, and the number it is sorted by."""

    text: str
    sort: float | None = None
    shade: int | None = None  # 0 .. 10, background of a confusion matrix
    control: bool = False
    strong: bool = False


def text(value: object) -> Cell:
    """Return a cell of text.

    Examples
    --------
    >>> text("a").text
    'a'
    """
    return Cell(str(value))


def number(shown: str, value: float | None) -> Cell:
    """Return a cell of a number, sorted by its value.

    Examples
    --------
    >>> number("0.81", 0.81).sort
    0.81
    """
    return Cell(shown, sort=value if value is not None and value == value else None)


@dataclass(frozen=True)
class Column:
    """One table column; neighbours with the same `group` share a spanning header.

    `kind` is how cells are set: ``estimate`` is aligned at its start, so that the decimal points
    of values with and without interval stand under one another; ``prose`` is wide enough to read.
    """

    label: str
    numeric: bool = False
    group: str = ""
    mono: bool = False
    kind: Literal["", "estimate", "prose"] = ""

    @property
    def classes(self) -> str:
        """Classes of the style sheet."""
        names = (
            ("n", self.numeric),
            ("e", self.kind == "estimate"),
            ("prose", self.kind == "prose"),
            ("mono", self.mono),
        )
        return " ".join(name for name, wanted in names if wanted)


@dataclass(frozen=True)
class Group:
    """Rows under a common heading (a heading of "" shows none)."""

    title: str
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True)
class Table:
    """A table with a caption; the first cell of each row is its header."""

    kind: ClassVar[str] = "table"
    caption: str
    columns: tuple[Column, ...]
    groups: tuple[Group, ...]
    notes: tuple[str, ...] = ()
    sortable: bool = True

    @property
    def short(self) -> bool:
        """Tell whether the table should stay on one printed page."""
        return sum(len(group.rows) + 1 for group in self.groups) <= 14

    @property
    def spans(self) -> list[tuple[str, int]]:
        """Spanning headers: text and number of columns, in order ("" above a column alone)."""
        found: list[tuple[str, int]] = []
        for column in self.columns:
            if column.group and found and found[-1][0] == column.group:
                found[-1] = (column.group, found[-1][1] + 1)
            else:
                found.append((column.group, 1))
        return found

    @property
    def has_spans(self) -> bool:
        """Tell whether a second header row is needed."""
        return any(column.group for column in self.columns)


@dataclass(frozen=True)
class Figure:
    """One or several SVG panels under one caption."""

    kind: ClassVar[str] = "figure"
    caption: str
    panels: tuple[Markup, ...]
    wide: bool = False


@dataclass(frozen=True)
class Picture:
    """An inline image."""

    uri: str
    alt: str
    caption: str
    width: int
    height: int


@dataclass(frozen=True)
class Gallery:
    """Inline images under one caption."""

    kind: ClassVar[str] = "gallery"
    caption: str
    pictures: tuple[Picture, ...]


@dataclass(frozen=True)
class Paragraph:
    """Running text."""

    kind: ClassVar[str] = "paragraph"
    text: str
    lead: bool = False


@dataclass(frozen=True)
class Heading:
    """A heading inside a section."""

    kind: ClassVar[str] = "heading"
    text: str


@dataclass(frozen=True)
class Note:
    """A sentence set apart: something is absent, or should be kept in mind."""

    kind: ClassVar[str] = "note"
    text: str
    caution: bool = False


@dataclass(frozen=True)
class Items:
    """A bullet list."""

    kind: ClassVar[str] = "items"
    items: tuple[str, ...]


@dataclass(frozen=True)
class Definitions:
    """Terms with one or several descriptions each."""

    kind: ClassVar[str] = "definitions"
    terms: tuple[tuple[str, tuple[str, ...]], ...]
    small: bool = False


@dataclass(frozen=True)
class Code:
    """Verbatim text with a label that says what it is."""

    kind: ClassVar[str] = "code"
    label: str
    text: str


Block = Table | Figure | Gallery | Paragraph | Heading | Note | Items | Definitions | Code


@dataclass(frozen=True)
class Section:
    """A numbered part of the page."""

    ident: str
    title: str
    blocks: tuple[Block, ...]
