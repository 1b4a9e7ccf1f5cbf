"""The keys of a data card's YAML head: channels, layouts, labels, scanners, splits, counts."""

from __future__ import annotations

import re
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from radiofib.config import StrictModel
from radiofib.datacard.pattern import PathPattern, check_below_root, parse_fields
from radiofib.datacard.schemes import StageScheme, make_scheme
from radiofib.errors import DataCardError

__all__ = [
    "Channel",
    "ChannelName",
    "Derived",
    "Expected",
    "Labels",
    "Layout",
    "Mask",
    "Pattern",
    "RelativePath",
    "Scanner",
    "SchemeSpec",
    "Split",
    "Trap",
]


def _pattern(text: str) -> str:
    try:
        return PathPattern.parse(text).text
    except DataCardError as error:
        raise ValueError(str(error)) from error


def _path(text: str) -> str:
    try:
        return check_below_root(text)
    except DataCardError as error:
        raise ValueError(str(error)) from error


def _template(text: str) -> str:
    try:
        parse_fields(text)
    except DataCardError as error:
        raise ValueError(str(error)) from error
    return text


def _regex(text: str) -> str:
    try:
        groups = re.compile(text).groups
    except re.error as error:
        raise ValueError(f"not a valid regular expression: {error}") from error
    if groups != 1:
        raise ValueError("expected exactly one group in parentheses: the value")
    return text


Pattern = Annotated[str, AfterValidator(_pattern)]
Template = Annotated[str, AfterValidator(_template)]
RelativePath = Annotated[str, AfterValidator(_path)]
ChannelName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9]{0,9}$")]


class Channel(StrictModel):
    """One channel: what it is, and how its files are called.

    Parameters
    ----------
    title : str
        For people.
    files : tuple of str
        The texts that ``{channel}`` may read, exactly (``DWI_800``).
    misnamed : tuple of str
        Known wrong names: read as this channel, and reported.
    expected : bool
        Whether each case should have it; a report counts those that do not.
    """

    title: str
    files: tuple[str, ...] = ()
    misnamed: tuple[str, ...] = ()
    expected: bool = True


class Derived(StrictModel):
    """A column made from fields: a template, or the one group of a regular expression.

    Parameters
    ----------
    template : str, optional
        ``ROI_{patient}_{k}``.
    source : str, optional
        Field to search (written ``from`` in the card).
    match : str, optional
        Expression with one group, found anywhere in the field.
    optional : bool
        Whether the column is empty when the expression is not found; else that is a failure.
    """

    template: Template | None = None
    source: str | None = Field(default=None, alias="from")
    match: Annotated[str, AfterValidator(_regex)] | None = None
    optional: bool = False

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.template is None) == (self.source is None and self.match is None):
            raise ValueError("give either 'template', or 'from' and 'match'")
        if self.template is None and (self.source is None or self.match is None):
            raise ValueError("'from' and 'match' belong together")
        return self


class Mask(StrictModel):
    """Where masks are; fields are those of the image's path.

    Parameters
    ----------
    pattern : str
        Path of the mask.
    channels : tuple of str
        Channels that have one; all when empty.
    label : int, optional
        Label that counts.
    required : bool
        Whether an image without a mask is reported as a missing file.
    """

    pattern: Pattern
    channels: tuple[ChannelName, ...] = ()
    label: Annotated[int, Field(ge=1)] | None = None
    required: bool = False


class Layout(StrictModel):
    """One way in which files lie below the root.

    Parameters
    ----------
    images : str
        Pattern of image files.
    mask : Mask, optional
        Where masks are.
    columns : dict
        Columns that are the same for all files of the layout (``split: train``).
    derive : dict
        Column -> how it is made from the fields. Derived columns may use earlier ones.
    """

    images: Pattern
    mask: Mask | None = None
    columns: dict[str, str] = Field(default_factory=dict)
    derive: dict[str, Derived] = Field(default_factory=dict)


class Labels(StrictModel):
    """A CSV file that says more about the images.

    Parameters
    ----------
    table : str
        Its path below the root.
    key : str
        Template that makes the key of an image from its columns and fields (``{case}``).
    key_column : str
        Column of the table with that key.
    columns : dict
        Our column -> column of the table.
    translate : dict
        Our column -> {text in the table -> text for us}.
    required : bool
        Whether the file must be there, with a row for each image.
    splits : tuple of str
        Splits it speaks of; all when empty.
    """

    table: RelativePath
    key: Template
    key_column: str
    columns: dict[str, str]
    translate: dict[str, dict[str, str]] = Field(default_factory=dict)
    required: bool = True
    splits: tuple[str, ...] = ()


class SchemeSpec(StrictModel):
    """Levels of a scheme that radiofib does not know by name."""

    name: str
    levels: tuple[str, ...]
    labels: dict[str, str] = Field(default_factory=dict)
    ordered: bool = True

    def build(self) -> StageScheme:
        """Return the scheme."""
        return make_scheme(self.name, self.levels, self.labels, self.ordered)


class Scanner(StrictModel):
    """What is known of a scanner."""

    title: str = ""
    vendor: str | None = None
    model: str | None = None
    field_t: float | None = None
    site: str | None = None
    note: str = ""


class Split(StrictModel):
    """A part of the data set."""

    title: str
    cases: int | None = None
    note: str = ""


class Expected(StrictModel):
    """Counts that the folder should show, for one split or for all.

    Parameters
    ----------
    split : str, optional
        The split they are about.
    cases, patients, images, masks : int, optional
        How many.
    cases_by_stage, patients_by_stage : dict
        Level -> how many.
    cases_by_scanner : dict
        Scanner -> level -> cases.
    missing_by_scanner : dict
        Scanner -> channel -> cases without it.
    """

    split: str | None = None
    cases: int | None = None
    patients: int | None = None
    images: int | None = None
    masks: int | None = None
    cases_by_stage: dict[str, int] = Field(default_factory=dict)
    patients_by_stage: dict[str, int] = Field(default_factory=dict)
    cases_by_scanner: dict[str, dict[str, int]] = Field(default_factory=dict)
    missing_by_scanner: dict[str, dict[str, int]] = Field(default_factory=dict)


class Trap(StrictModel):
    """A known trap of the data set."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    text: str
