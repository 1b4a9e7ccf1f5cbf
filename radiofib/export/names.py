"""Names and labels that other programs accept: what must change, changes the same way always."""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Callable, Iterable, Sequence

from radiofib.errors import ExportError
from radiofib.registry import aliases
from radiofib.registry.names import ALIAS_LENGTH

__all__ = ["cut_bytes", "cut_unique", "level_codes", "short_names", "spss_names"]

_SPSS_BYTES = 64
_SPSS_RESERVED = re.compile(r"all|and|by|eq|ge|gt|le|lt|ne|not|or|to|with", re.IGNORECASE)
#: Words that Stata or SAS keep for themselves (those that begin with a letter).
_SHORT_RESERVED = re.compile(
    r"byte|double|float|if|in|int|long|strl|str\d+|using|with|and|or|not|eq|ne|gt|lt|ge|le",
    re.IGNORECASE,
)
_LEVEL = re.compile(r"([^\d]*)(\d{1,4})")


def cut_bytes(text: str, most: int) -> str:
    """Cut a text to at most `most` bytes of UTF-8, at a character border, on one line.

    Examples
    --------
    >>> cut_bytes("Größe", 4), cut_bytes("a   b", 9)
    ('Grö', 'a b')
    """
    line = " ".join(text.split())
    return line.encode("utf-8")[:most].decode("utf-8", errors="ignore").rstrip()


def cut_unique(labels: Sequence[str], most: int) -> list[str]:
    """Cut labels to `most` bytes; those that become equal end in their position.

    Examples
    --------
    >>> cut_unique(["stage one", "stage two", "S3"], 6)
    ['st [1]', 'st [2]', 'S3']
    """
    cut = [cut_bytes(label, most) for label in labels]
    result = []
    for number, label in enumerate(cut, start=1):
        suffix = f" [{number}]"
        twice = cut.count(label) > 1
        result.append(cut_bytes(label, most - len(suffix)) + suffix if twice else label)
    return result


def level_codes(levels: Sequence[str]) -> tuple[int, ...]:
    """Return the integer codes of levels: their own numbers where they have them, else 1, 2, ...

    So METAVIR F0 is 0 and Scheuer S1 is 1 in SPSS, Stata and SAS.

    Examples
    --------
    >>> level_codes(["f0", "f1", "f2"]), level_codes(["s1", "s2"]), level_codes(["no", "yes"])
    ((0, 1, 2), (1, 2), (1, 2))
    """
    matches = [_LEVEL.fullmatch(level) for level in levels]
    if all(matches) and len({m[1].lower() for m in matches if m}) == 1:
        numbers = tuple(int(m[2]) for m in matches if m)
        if all(b > a for a, b in itertools.pairwise(numbers)):
            return numbers
    return tuple(range(1, len(levels) + 1))


def spss_names(columns: Iterable[str]) -> dict[str, str]:
    """Return the SPSS variable name of each column.

    SPSS takes at most 64 bytes, letters, digits and ``. _ $ # @``, a letter or ``@`` first, and
    does not tell ``Abc`` from ``abc``. Names of the registry stay as they are.

    Examples
    --------
    >>> spss_names(["Abc", "abc", "wavelet-LLH", "2nd", "with", "Größe"])
    {'Abc': 'Abc', 'abc': 'abc_ba7816', 'wavelet-LLH': 'wavelet_LLH', '2nd': 'v_2nd',
     'with': 'v_with', 'Größe': 'Größe'}
    """

    def clean(column: str) -> str:
        name = "".join(c if _spss_letter(c) else "_" for c in column)
        name = re.sub(r"\.$", "_", name)
        if len(name.encode()) > _SPSS_BYTES:
            name = _ascii(name)
        return name if name[:1].isalpha() or name[:1] == "@" else f"v_{name}"

    return _names(columns, clean, _SPSS_BYTES, _SPSS_RESERVED)


def short_names(columns: Iterable[str]) -> dict[str, str]:
    """Return names of at most 31 characters that Stata and SAS accept.

    For columns of the registry these are its aliases.

    Examples
    --------
    >>> short_names(["stage", "Age (years)", "ged4_wllh_glszm_small_area_low_gray_level_emphasis"])
    {'stage': 'stage', 'Age (years)': 'Age__years_',
     'ged4_wllh_glszm_small_area_low_gray_level_emphasis': 'ged4_wllh_glszm_small_ar_3a5aca'}
    """

    def clean(column: str) -> str:
        name = _ascii(column)
        return name if name[:1].isalpha() else f"v_{name}"

    return _names(columns, clean, ALIAS_LENGTH, _SHORT_RESERVED)


def _names(
    columns: Iterable[str], clean: Callable[[str], str], length: int, reserved: re.Pattern[str]
) -> dict[str, str]:
    columns = list(columns)
    #: names that fit as they are go first, so that a neighbour's clean-up never displaces them
    taken: dict[str, str] = {}
    for column in columns:
        if clean(column) == column and _fits(column, length, reserved):
            taken.setdefault(column.lower(), column)
    result = {}
    for column in columns:
        if taken.get(column.lower()) == column:
            result[column] = column
            continue
        plain = clean(column)
        if reserved.fullmatch(plain):
            plain = f"v_{plain}"
        name = aliases([plain], length)[plain]
        if name.lower() in taken:
            digest = hashlib.sha256(column.encode("utf-8", "surrogatepass")).hexdigest()[:6]
            name = f"{_ascii(plain)[: length - 7]}_{digest}"
        if taken.setdefault(name.lower(), column) != column:
            raise ExportError(
                "two columns share one name in the format",
                where=f"columns {column!r} and {taken[name.lower()]!r}",
                found=name,
                hint="rename one of them",
            )
        result[column] = name
    return result


def _fits(name: str, length: int, reserved: re.Pattern[str]) -> bool:
    return len(name.encode()) <= length and not reserved.fullmatch(name)


def _ascii(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_]", "_", text)


def _spss_letter(char: str) -> bool:
    return (char.isascii() and (char.isalnum() or char in "._$#@")) or (
        not char.isascii() and char.isalpha()
    )
