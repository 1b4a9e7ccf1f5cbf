"""Path patterns: ``Vendor_{vendor}/{case}/{channel}.nii.gz`` reads a path and writes one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from radiofib.errors import DataCardError

__all__ = ["PathPattern", "fill", "parse_fields"]

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_ANY = r"[^/]+"


@dataclass(frozen=True)
class PathPattern:
    r"""A path below the root with named fields in braces.

    ``{name}`` stands for one or more characters other than ``/``; ``{name:regex}`` for what the
    regular expression matches, never across a ``/``. A name that occurs twice must read the
    same both times. A pattern that ends in ``/`` stands for a folder (a DICOM series).

    Examples
    --------
    >>> pattern = PathPattern.parse(r"rois/ROI_{patient:\d+}_{k:\d+}.jpg")
    >>> pattern.match("rois/ROI_08_5.jpg")
    {'patient': '08', 'k': '5'}
    >>> pattern.match("rois/ROI_x_5.jpg") is None
    True
    >>> pattern.format({"patient": "08", "k": "5"})
    'rois/ROI_08_5.jpg'
    >>> PathPattern.parse("../{case}.nii")
    Traceback (most recent call last):
    radiofib.errors.DataCardError: pattern leaves the root folder (expected a path below the
    root, with forward slashes; found '../{case}.nii').
    """

    text: str
    parts: tuple[tuple[str, str], ...]
    expression: re.Pattern[str]

    @classmethod
    def parse(cls, text: str) -> PathPattern:
        """Read a pattern.

        Raises
        ------
        DataCardError
            When the pattern leaves the root, or a field or its expression is not valid.
        """
        check_below_root(text)
        parts = parse_fields(text)
        seen: set[str] = set()
        regex = ""
        for literal, field in parts:
            regex += re.escape(literal)
            if not field:
                continue
            name, _, inner = field.partition(":")
            regex += f"(?P={name})" if name in seen else f"(?P<{name}>{inner or _ANY})"
            seen.add(name)
        return cls(text, parts, re.compile(regex))

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the fields in order."""
        names = (field.partition(":")[0] for _, field in self.parts if field)
        return tuple(dict.fromkeys(names))

    @property
    def folder(self) -> str:
        """The folders before the first field, which every match lies below ('' = the root).

        Examples
        --------
        >>> PathPattern.parse("a/b/Vendor_{v}/{c}.nii").folder
        'a/b'
        """
        return self.parts[0][0].rpartition("/")[0]

    @property
    def is_folder(self) -> bool:
        """Whether the pattern stands for folders."""
        return self.text.endswith("/")

    def match(self, path: str) -> dict[str, str] | None:
        """Return the fields of a path relative to the root, or None when it does not fit."""
        found = self.expression.fullmatch(path)
        if found is None:
            return None
        fields = found.groupdict()
        return None if any("/" in value or not value for value in fields.values()) else fields

    def format(self, fields: Mapping[str, str]) -> str:
        """Return the path that the fields make.

        Raises
        ------
        DataCardError
            When a field is missing, or its value would leave its folder.
        """
        return fill(self.text, fields)


def parse_fields(text: str) -> tuple[tuple[str, str], ...]:
    r"""Split a pattern into pairs of literal text and field (the last field may be "").

    Examples
    --------
    >>> parse_fields(r"ROI_{k:\d{2}}.jpg")
    (('ROI_', 'k:\\d{2}'), ('.jpg', ''))
    """
    parts: list[tuple[str, str]] = []
    literal, position = "", 0
    while position < len(text):
        char = text[position]
        if char == "}":
            raise DataCardError("brace is closed but not opened", found=repr(text))
        if char != "{":
            literal += char
            position += 1
            continue
        end = _closing(text, position)
        field = text[position + 1 : end]
        _check_field(field, text)
        parts.append((literal, field))
        literal, position = "", end + 1
    return (*parts, (literal, ""))


def fill(template: str, fields: Mapping[str, str]) -> str:
    r"""Return a template with its fields filled in.

    Raises
    ------
    DataCardError
        When a field is not known, or holds ``/`` or ``..``.

    Examples
    --------
    >>> fill("ROI_{patient}_{k:\\d}.jpg", {"patient": "08", "k": "5"})
    'ROI_08_5.jpg'
    """
    text = ""
    for literal, field in parse_fields(template):
        text += literal
        if not field:
            continue
        name = field.partition(":")[0]
        if name not in fields:
            raise DataCardError(
                f"no field {name!r} to fill in",
                where=f"pattern {template!r}",
                expected=", ".join(fields) or "no fields",
            )
        value = fields[name]
        if "/" in value or "\\" in value or value in (".", ".."):
            raise DataCardError("field would leave its folder", found=f"{name} = {value!r}")
        text += value
    return text


def check_below_root(text: str) -> str:
    r"""Return a relative path or pattern, or raise when it could leave the root.

    Examples
    --------
    >>> check_below_root("a/b.csv")
    'a/b.csv'
    >>> check_below_root("C:\\data")
    Traceback (most recent call last):
    radiofib.errors.DataCardError: pattern leaves the root folder (expected a path below the
    root, with forward slashes; found 'C:\\data').
    """
    outside = "".join(literal + ("x" if field else "") for literal, field in parse_fields(text))
    pieces = [p.strip() for p in outside.split("/")]
    if (
        not text.strip()
        or outside.startswith(("/", "~"))
        or "\\" in outside
        or re.match(r"[A-Za-z]:", outside)
        or ".." in pieces
        or "" in pieces[:-1]
    ):
        raise DataCardError(
            "pattern leaves the root folder",
            expected="a path below the root, with forward slashes",
            found=repr(text),
        )
    return text


def _closing(text: str, start: int) -> int:
    depth, escaped = 0, False
    for position in range(start, len(text)):
        depth += 0 if escaped else {"{": 1, "}": -1}.get(text[position], 0)
        escaped = text[position] == "\\" and not escaped
        if depth == 0:
            return position
    raise DataCardError("brace is opened but not closed", found=repr(text))


def _check_field(field: str, text: str) -> None:
    name, colon, regex = field.partition(":")
    if not _NAME.fullmatch(name):
        raise DataCardError(
            "field name cannot be used",
            where=f"pattern {text!r}",
            expected="lower-case letters, digits and '_', beginning with a letter",
            found=repr(name),
        )
    try:
        groups = re.compile(regex).groups
    except re.error as error:
        raise DataCardError(
            "field has no valid regular expression",
            where=f"pattern {text!r}",
            found=f"{regex!r}: {error}",
        ) from error
    if groups or (colon and not regex):
        raise DataCardError(
            "field must have an expression without groups",
            where=f"pattern {text!r}",
            found=repr(regex),
            hint="write (?:...) instead of (...)",
        )
