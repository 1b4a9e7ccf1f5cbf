"""What all filters of IBSI 2 share: dimension, border, and the grammar of their names."""

from __future__ import annotations

import hashlib
import json
import re
from abc import ABC, abstractmethod
from typing import Annotated, ClassVar, Literal, TypeVar

from pydantic import Field

from radiofib.config import StrictModel

__all__ = [
    "Boundary",
    "Filter",
    "Level",
    "Pooling",
    "Positive",
    "check_length",
    "letters_of",
    "marks_of",
    "words_of",
]

#: What lies outside the image, for a line a b c: mirror b a | a b c | c b; nearest
#: a a | a b c | c c; zero 0 0 | a b c | 0 0; periodic b c | a b c | a b.
Boundary = Literal["mirror", "nearest", "zero", "periodic"]
#: How responses in different directions become one.
Pooling = Literal["max", "mean", "min"]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Level = Annotated[int, Field(ge=1, le=8)]

_TOKEN = re.compile(r"^[a-z][a-z0-9]{0,11}$")
_MARKS = {"max": "mx", "mean": "mn", "min": "mi", None: ""}
_BORDERS = {
    "mirror": "mirrored border",
    "nearest": "border repeated",
    "zero": "zero outside",
    "periodic": "periodic",
}


class Filter(StrictModel, ABC):
    """What all filters share.

    Parameters
    ----------
    dimension : {"3d", "2d"}
        Filter the volume, or every slice (along the first axis) by itself.
    boundary : {"mirror", "nearest", "zero", "periodic"}
        What lies outside the image.
    """

    ibsi_code: ClassVar[str] = ""
    #: Fields that the readable part of the token tells apart.
    _shown: ClassVar[frozenset[str]] = frozenset()

    dimension: Literal["2d", "3d"] = "3d"
    boundary: Boundary = "mirror"

    @property
    def axes(self) -> int:
        """Number of axes the filter works along."""
        return 2 if self.dimension == "2d" else 3

    @property
    def token(self) -> str:
        """Short name for columns, ``^[a-z][a-z0-9]{0,11}$``; it depends on the settings only.

        Settings that the readable part does not tell apart, and names too long, end in four
        digits of a hash.
        """
        short = self._short() + ("s" if self.dimension == "2d" else "")
        defaults = {n: f.default for n, f in type(self).model_fields.items()}
        quiet = set(defaults) - self._shown - {"type", "dimension"}
        plain = all(getattr(self, name) == defaults[name] for name in quiet)
        return short if plain and _TOKEN.match(short) else self.hashed_token

    @property
    def hashed_token(self) -> str:
        """The token with four digits of a hash of all settings."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return self._short()[:8] + hashlib.sha256(text.encode()).hexdigest()[:4]

    @property
    def label(self) -> str:
        """What a reader calls the filtered image."""
        where = "by slice" if self.dimension == "2d" else "3-D"
        return f"{self._words()}, {where}, {_BORDERS[self.boundary]}"

    @abstractmethod
    def _short(self) -> str:
        """Return the readable part of the token."""

    @abstractmethod
    def _words(self) -> str:
        """Return what the label says of the filter itself."""


def letters_of(value: float) -> str:
    """Write a number with letters and digits only.

    Examples
    --------
    >>> letters_of(1.5), letters_of(3.0)
    ('1p5', '3')
    """
    text = repr(float(value)).removesuffix(".0")
    return text.replace(".", "p").replace("-", "m").replace("+", "")


def marks_of(pooling: str | None) -> str:
    """Return the mark of a pooling in tokens.

    Examples
    --------
    >>> marks_of("max"), marks_of(None)
    ('mx', '')
    """
    return _MARKS[pooling]


def words_of(pooling: str | None) -> str:
    """Return what labels say about a pooling over rotations.

    Examples
    --------
    >>> words_of("max")
    ', max over right-angle rotations'
    """
    return f", {pooling} over right-angle rotations" if pooling else ""


F = TypeVar("F", bound=Filter)


def check_length(settings: F, found: int, what: str) -> F:
    """Return the settings, or raise when they do not name one thing for every axis.

    Examples
    --------
    >>> from radiofib.filters.ibsi.settings import MeanFilter
    >>> check_length(MeanFilter(size=3), 3, "bands").dimension
    '3d'
    """
    if found != settings.axes:
        axes = "x, y" if settings.axes == 2 else "x, y, z"
        raise ValueError(
            f"dimension {settings.dimension!r} needs {settings.axes} {what} ({axes}), found {found}"
        )
    return settings
