"""The data card: Markdown with a YAML head that documents a data set and loads it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, PrivateAttr, model_validator

from radiofib.config import StrictModel, parse_yaml
from radiofib.datacard.find import find_card
from radiofib.datacard.keys import (
    Channel,
    ChannelName,
    Expected,
    Labels,
    Layout,
    Pattern,
    RelativePath,
    Scanner,
    SchemeSpec,
    Split,
    Trap,
)
from radiofib.datacard.layout import Loaded, inside, load
from radiofib.datacard.pattern import PathPattern, parse_fields
from radiofib.datacard.schemes import StageScheme, get_scheme
from radiofib.datacard.validation import CardReport, validate
from radiofib.errors import CohortError, ConfigError, DataCardError

__all__ = ["DataCard"]


class DataCard(StrictModel):
    """A data set: where it is from, what may be done with it, how it lies on disk.

    Read one with :meth:`read`. A card describes a folder by `layouts`, or names a cohort
    `table` in it, or (neither) only documents.

    Examples
    --------
    >>> card = DataCard.from_text('''---
    ... name: mine
    ... title: My ultrasound
    ... licence: not published
    ... source: our department
    ... scheme: metavir
    ... channels: {us: {title: B-mode}}
    ... layouts:
    ... - images: "{case}/{case}.png"
    ...   derive: {stage: {from: case, match: "-F([0-4])$"}}
    ... ---
    ... What it is.
    ... ''', where="mine.md")
    >>> card.name, card.stage_scheme.levels, card.description
    ('mine', ('f0', 'f1', 'f2', 'f3', 'f4'), 'What it is.')
    """

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    title: str
    licence: str
    source: str
    citation: str = ""
    access: str = ""
    status: Literal["published", "private", "simulated"] = "published"
    channels: dict[ChannelName, Channel] = Field(default_factory=dict)
    scheme: str | SchemeSpec | None = None
    label: str = "stage"
    table: RelativePath | None = None
    layouts: tuple[Layout, ...] = ()
    labels: tuple[Labels, ...] = ()
    ignore: tuple[Pattern, ...] = ()
    scanners: dict[str, Scanner] = Field(default_factory=dict)
    splits: dict[str, Split] = Field(default_factory=dict)
    expected: tuple[Expected, ...] = ()
    traps: tuple[Trap, ...] = ()
    _body: str = PrivateAttr(default="")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.table is not None and (self.layouts or self.labels):
            raise ValueError("give 'table' or 'layouts' and 'labels', not both")
        if isinstance(self.scheme, SchemeSpec):
            _as_value_error(self.scheme.build)
        elif self.scheme is not None:
            _as_value_error(lambda: get_scheme(str(self.scheme)))
        _check_layouts(self)
        return self

    @classmethod
    def read(cls, path: str | Path) -> DataCard:
        """Read a card by path, or by name among those radiofib brings.

        Raises
        ------
        DataCardError
            When there is no such card, or it is not valid: with the place and the nearest key.

        Examples
        --------
        >>> DataCard.read("lifs").stage_scheme.levels
        ('s1', 's2', 's3', 's4')
        """
        path = find_card(path)
        try:
            text = path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise DataCardError("not a readable UTF-8 text file", where=path.name) from error
        return cls.from_text(text, where=path.name)

    @classmethod
    def from_text(cls, text: str, *, where: str = "card") -> DataCard:
        """Read a card from its text.

        Raises
        ------
        DataCardError
            When the head is missing or not valid.
        """
        parts = re.match(r"\A---[ \t]*\r?\n(.*?\r?\n)---[ \t]*(?:\r?\n(.*))?\Z", text, re.DOTALL)
        if parts is None:
            raise DataCardError(
                "no YAML head",
                where=where,
                expected="the file to begin with a line ---, then keys, then a line ---",
                hint="radiofib card new writes a card to start from",
            )
        try:
            card = cls.parse(parse_yaml(parts.group(1), where=where), where=where)
        except ConfigError as error:
            raise DataCardError(
                error.problem,
                where=error.where,
                expected=error.expected,
                found=error.found,
                hint=error.hint,
            ) from error
        card._body = (parts.group(2) or "").strip()
        return card

    @property
    def body(self) -> str:
        """The Markdown after the head."""
        return self._body

    @property
    def description(self) -> str:
        """First paragraph of the body that is not a heading, in one line."""
        paragraphs = (p.strip() for p in re.split(r"\n\s*\n", self._body))
        return next((" ".join(p.split()) for p in paragraphs if p and p[0] != "#"), self.title)

    @property
    def stage_scheme(self) -> StageScheme | None:
        """The scale of the stages."""
        if isinstance(self.scheme, SchemeSpec):
            return self.scheme.build()
        return get_scheme(self.scheme) if self.scheme else None

    def table_path(self, root: str | Path) -> Path:
        """Return the card's cohort table below a folder.

        Raises
        ------
        DataCardError
            When the card names no table, or it lies outside the folder.
        """
        if self.table is None:
            raise DataCardError("card names no cohort table", where=self.name)
        path = Path(root) / self.table
        if not inside(path, Path(root).resolve()):
            raise DataCardError("table is a link out of the folder", where=self.table)
        return path

    def load(self, root: str | Path) -> Loaded:
        """Return the rows of a folder; see :func:`radiofib.datacard.layout.load`.

        :meth:`radiofib.cohort.Cohort.from_card` makes a cohort of them.
        """
        return load(self, Path(root))

    def validate(  # type: ignore[override]
        self,
        root: str | Path,
        *,
        contents: bool = True,
        workers: int | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> CardReport:
        """Compare a folder with the card; see :func:`radiofib.datacard.validation.validate`."""
        return validate(self, Path(root), contents=contents, workers=workers, progress=progress)


def _as_value_error(function: Any) -> None:
    try:
        function()
    except CohortError as error:
        raise ValueError(str(error)) from error


def _check_layouts(card: DataCard) -> None:
    if card.layouts and not card.channels:
        raise ValueError("'channels' must list what 'layouts' read")
    texts = [t for c in card.channels.values() for t in (*c.files, *c.misnamed)]
    twice = sorted({t for t in texts if texts.count(t) > 1})
    if twice:
        raise ValueError(f"file name {twice[0]!r} belongs to two channels")
    for layout in card.layouts:
        fields = {*PathPattern.parse(layout.images).fields}
        known = {*fields, *layout.columns}
        for name, derived in layout.derive.items():
            used = [f.partition(":")[0] for _, f in parse_fields(derived.template or "") if f]
            unknown = {*used, *([derived.source] if derived.source else [])} - known
            if unknown:
                raise ValueError(f"derive {name!r} uses an unknown field {min(unknown)!r}")
            known.add(name)
        if "case" not in known:
            raise ValueError(f"no field or column 'case' in the layout {layout.images!r}")
        if "channel" not in known and len(card.channels) > 1:
            raise ValueError(f"no field or column 'channel' in the layout {layout.images!r}")
        if layout.mask:
            unknown = {*PathPattern.parse(layout.mask.pattern).fields} - known
            if unknown:
                raise ValueError(f"mask uses an unknown field {min(unknown)!r}")
            check = {*layout.mask.channels} - {*card.channels}
            if check:
                raise ValueError(f"mask is for an unknown channel {min(check)!r}")
