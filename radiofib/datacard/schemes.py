"""Stage schemes: the scales on which fibrosis is graded, and how a written stage is read.

Scheuer, METAVIR, Ishak, Ludwig and Batts-Ludwig are different scales. A stage of one is never
read as a stage of another: ``F2`` is refused by every scheme but METAVIR, and no function here
converts.
"""

from __future__ import annotations

import numbers
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np

from radiofib._checks import check_known, check_no_duplicates, list_some
from radiofib.errors import CohortError

__all__ = [
    "SCHEME_NAMES",
    "StageScheme",
    "derive_scheme",
    "get_scheme",
    "make_scheme",
    "schemes_that_fit",
]

_LEVEL = re.compile(r"[a-z0-9][a-z0-9_]{0,29}")
_NUMBER = re.compile(r"([0-9]{1,2})(?:\.0+)?")
_MOST_LEVELS = 20


@dataclass(frozen=True)
class StageScheme:
    """A scale of stages in order.

    Parameters
    ----------
    name : str
        Name of the scheme (``scheuer``, ``lifs`` ...).
    levels : tuple of str
        Levels in order, lower case, usable in a column ``p_<level>``.
    labels : mapping
        Level -> text for people (``s1`` -> ``S1``).
    ordered : bool
        Whether a later level is more than an earlier one.
    spellings : mapping
        Further ways to write a level, in the form of :func:`_plain` (lower case, single spaces).

    Examples
    --------
    >>> lifs = get_scheme("lifs")
    >>> lifs.levels
    ('s1', 's2', 's3', 's4')
    >>> [lifs.parse(v) for v in ("S1", 1, 1.0, "1", "s1", "stage 1")]
    ['s1', 's1', 's1', 's1', 's1', 's1']
    >>> lifs.parse("F1")
    Traceback (most recent call last):
    radiofib.errors.CohortError: stage is outside the scheme 'lifs' (expected S1, S2, S3, S4;
    found 'F1').
    """

    name: str
    levels: tuple[str, ...]
    labels: Mapping[str, str] = field(hash=False)
    ordered: bool = True
    spellings: Mapping[str, str] = field(
        default_factory=lambda: MappingProxyType({}), hash=False, repr=False
    )

    def __reduce__(self) -> tuple[Any, ...]:
        parts = (self.name, self.levels, dict(self.labels), self.ordered, dict(self.spellings))
        return (_rebuild, parts)

    def parse(self, value: object) -> str:
        """Return the level that `value` names.

        Parameters
        ----------
        value : object
            Text or a whole number. Case, surrounding space and a leading word "stage" do not
            matter.

        Raises
        ------
        CohortError
            When the value is empty or names no level of this scheme.

        Examples
        --------
        >>> get_scheme("metavir").parse(" Stage F4 ")
        'f4'
        >>> get_scheme("scheuer").parse(True)
        Traceback (most recent call last):
        radiofib.errors.CohortError: stage is outside the scheme 'scheuer' (expected S0, S1, S2,
        S3, S4; found True).
        """
        level = self.find(value)
        if level is None:
            raise CohortError(
                f"stage is outside the scheme {self.name!r}",
                expected=list_some((self.labels[v] for v in self.levels), 12),
                found=_short(value),
            )
        return level

    def find(self, value: object) -> str | None:
        """Return the level that `value` names, or None.

        Examples
        --------
        >>> get_scheme("ishak").find(6), get_scheme("ishak").find(7)
        ('i6', None)
        """
        text = _plain(value)
        return self.spellings.get(text) if text is not None else None


def get_scheme(name: str) -> StageScheme:
    """Return a known scheme by name.

    ==============  ======================  ====================================================
    name            levels                  source
    ==============  ======================  ====================================================
    scheuer         s0 ... s4               Scheuer, J Hepatol 1991
    lifs            s1 ... s4               Scheuer 1-4 as in the LiFS benchmark (no stage 0)
    metavir         f0 ... f4               METAVIR group, Hepatology 1996
    ishak           i0 ... i6               Ishak et al., J Hepatol 1995
    ludwig          l1 ... l4               Ludwig et al., Virchows Arch A 1978
    ludwig_0_4      l0 ... l4               Ludwig as HOTSPoT writes it (npj Digit Med 2025)
    batts_ludwig    b0 ... b4               Batts and Ludwig, Am J Surg Pathol 1995
    binary          no, yes                 any yes/no label
    ==============  ======================  ====================================================

    Raises
    ------
    CohortError
        When the name is unknown, naming the nearest.

    Examples
    --------
    >>> get_scheme("ludwig").levels, get_scheme("ludwig").labels["l1"]
    (('l1', 'l2', 'l3', 'l4'), 'Ludwig 1')
    >>> get_scheme("metavirr")
    Traceback (most recent call last):
    radiofib.errors.CohortError: unknown stage scheme 'metavirr' (expected scheuer, lifs,
    metavir, ishak, ludwig, ludwig_0_4, batts_ludwig, binary). Next: did you mean 'metavir'?
    """
    check_known(name, SCHEME_NAMES, what="stage scheme", error=CohortError)
    return _SCHEMES[name]


def make_scheme(
    name: str,
    levels: Sequence[str],
    labels: Mapping[str, str] | None = None,
    ordered: bool = True,
    spellings: Mapping[str, str] | None = None,
) -> StageScheme:
    """Make a scheme for binary or any other labels.

    Parameters
    ----------
    name : str
        Name of the scheme.
    levels : sequence of str
        At least two levels in order: lower-case letters, digits and ``_``, at most 30
        characters, so that ``p_<level>`` is a column name everywhere.
    labels : mapping, optional
        Level -> text for people. Default: the level itself.
    ordered : bool
        Whether the order means more.
    spellings : mapping, optional
        Other ways to write a level: text -> level.

    Raises
    ------
    CohortError
        When levels are fewer than two, repeat, or cannot be used in a column name, or when one
        spelling stands for two levels.

    Examples
    --------
    >>> scheme = make_scheme("steatosis", ["healthy", "steatosis"], {"healthy": "Healthy"})
    >>> scheme.parse("Steatosis"), scheme.labels
    ('steatosis', {'healthy': 'Healthy', 'steatosis': 'steatosis'})
    >>> make_scheme("x", ["No steatosis", "yes"])
    Traceback (most recent call last):
    radiofib.errors.CohortError: level cannot be used in a column name (expected lower-case
    letters, digits and '_', at most 30 characters; found 'No steatosis'). Next: use
    'no_steatosis' and give the text as a label.
    """
    if len(levels) < 2:
        raise CohortError(
            "a scheme needs at least two levels", where=f"scheme {name!r}", found=repr(levels)
        )
    return _make(name, tuple(levels), labels or {}, ordered, spellings or {})


def _make(
    name: str,
    levels: tuple[str, ...],
    labels: Mapping[str, str],
    ordered: bool,
    spellings: Mapping[str, str],
) -> StageScheme:
    where = f"scheme {name!r}"
    for level in levels:
        if not _LEVEL.fullmatch(level):
            raise CohortError(
                "level cannot be used in a column name",
                expected="lower-case letters, digits and '_', at most 30 characters",
                found=repr(level),
                hint=f"use {_slug(level)!r} and give the text as a label" if _slug(level) else None,
            )
    check_no_duplicates(levels, what="level", where=where, error=CohortError)
    for level in labels:
        check_known(level, levels, what="level", where=where, error=CohortError)
    shown = {level: labels.get(level, level) for level in levels}
    ways: dict[str, str] = {}
    written = [*((v, v) for v in levels), *((t, v) for v, t in shown.items())]
    for text, level in [*written, *spellings.items()]:
        check_known(level, levels, what="level", where=where, error=CohortError)
        plain = _plain(text)
        if plain is None or ways.setdefault(plain, level) != level:
            raise CohortError("one spelling stands for two levels", where=where, found=repr(text))
    return StageScheme(name, levels, shown, ordered, MappingProxyType(ways))


def derive_scheme(
    values: Iterable[object], name: str = "as_given", order: Sequence[object] | None = None
) -> StageScheme:
    """Make a scheme from the labels that occur, when none was named.

    Labels are sorted with numbers in numeric order. The scheme is ordered only when every label
    is a whole number, or one common text followed by a whole number; or when `order` says so.

    Parameters
    ----------
    values : iterable
        Cells of a label column; empty ones are passed over.
    name : str
        Name of the scheme.
    order : sequence, optional
        All labels in order (the categories of an ordered column); those that do not occur are
        left out.

    Raises
    ------
    CohortError
        When there is none or there are more than 20 labels, or two differ only in a way that is
        lost in a column name.

    Examples
    --------
    >>> derive_scheme(["F10", "F2", "F2"]).levels, derive_scheme([1.0, 0]).levels
    (('f2', 'f10'), ('0', '1'))
    >>> derive_scheme(["steatosis", "healthy"]).ordered
    False
    """
    texts = sorted({t for t in (_text(v) for v in values) if t}, key=_natural)
    if order is not None:
        given = [t for t in (_text(v) for v in order) if t in texts]
        texts = [*given, *(t for t in texts if t not in given)]
    if not 1 <= len(texts) <= _MOST_LEVELS:
        raise CohortError(
            "labels do not look like stages",
            expected=f"1 to {_MOST_LEVELS} different labels",
            found=f"{len(texts)}: {list_some(map(_short, texts), 4)}",
            hint="name a scheme, or check that the right column is used as label",
        )
    levels = [_slug(t) or f"level{i + 1}" for i, t in enumerate(texts)]
    if len(set(levels)) < len(levels):
        twice = [t for t, v in zip(texts, levels, strict=True) if levels.count(v) > 1]
        raise CohortError(
            "labels differ only in case, space or punctuation",
            found=list_some(map(_short, twice)),
            hint="write each label in one way",
        )
    parts = [re.fullmatch(r"(\D*?)[0-9]+", t) for t in texts]
    ordered = all(parts) and len({p.group(1).lower() for p in parts if p}) == 1
    labels = dict(zip(levels, texts, strict=True))
    return _make(name, tuple(levels), labels, ordered or order is not None, {})


def schemes_that_fit(values: Iterable[object]) -> list[str]:
    """Return the names of known schemes in which every value is a stage: a hint, no more.

    Examples
    --------
    >>> schemes_that_fit(["F0", "F3"]), schemes_that_fit([0, 6]), schemes_that_fit(["x"])
    (['metavir'], ['ishak'], [])
    """
    values = list(values)
    fits = (s for s in _SCHEMES.values() if all(s.find(v) is not None for v in values))
    return [s.name for s in fits] if values else []


def _rebuild(
    name: str,
    levels: tuple[str, ...],
    labels: dict[str, str],
    ordered: bool,
    spellings: dict[str, str],
) -> StageScheme:
    return StageScheme(name, levels, labels, ordered, MappingProxyType(spellings))


def _text(value: object) -> str | None:
    """Return a cell as text: whole floats without ``.0``, None for empty, NaN and infinity."""
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, numbers.Real):
        number = float(value)
        if not np.isfinite(number):
            return None
        return str(int(number)) if number.is_integer() else repr(number)
    if not isinstance(value, str):
        return None
    text = unicodedata.normalize("NFC", value).strip()
    whole = _NUMBER.fullmatch(text)
    return (str(int(whole.group(1))) if whole else text) or None


def _plain(value: object) -> str | None:
    text = _text(value)
    if text is None:
        return None
    text = " ".join(text.lower().split())
    text = re.sub(r"^stage[ _:]*(?=[a-z]?[0-9])", "", text)
    return _text(text)


def _short(value: object) -> str:
    text = repr(value.item() if isinstance(value, np.generic) else value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _slug(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "_", plain).strip("_")[:30].strip("_")


def _natural(text: str) -> tuple[tuple[int, int, str], ...]:
    parts = re.split(r"([0-9]+)", text.lower())
    return tuple((0, int(p), "") if re.fullmatch("[0-9]{1,18}", p) else (1, 0, p) for p in parts)


def _numbered(name: str, letter: str, shown: str, stages: range, *further: str) -> StageScheme:
    levels = [f"{letter}{i}" for i in stages]
    spellings = {f"{word}{i}": f"{letter}{i}" for i in stages for word in ("", *further)}
    return make_scheme(
        name, levels, {f"{letter}{i}": f"{shown}{i}" for i in stages}, True, spellings
    )


_SCHEMES: dict[str, StageScheme] = {
    scheme.name: scheme
    for scheme in (
        _numbered("scheuer", "s", "S", range(5), "scheuer "),
        _numbered("lifs", "s", "S", range(1, 5), "scheuer "),
        _numbered("metavir", "f", "F", range(5), "metavir ", "metavir f"),
        _numbered("ishak", "i", "Ishak ", range(7)),
        _numbered("ludwig", "l", "Ludwig ", range(1, 5)),
        _numbered("ludwig_0_4", "l", "Ludwig ", range(5)),
        _numbered("batts_ludwig", "b", "Batts-Ludwig ", range(5)),
        make_scheme(
            "binary",
            ["no", "yes"],
            {"no": "no", "yes": "yes"},
            True,
            {"0": "no", "1": "yes", "false": "no", "true": "yes", "n": "no", "y": "yes"},
        ),
    )
}
SCHEME_NAMES: tuple[str, ...] = tuple(_SCHEMES)
