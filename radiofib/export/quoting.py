"""Texts from outside as literals of R and SPSS: whatever they hold, they stay texts."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from radiofib.errors import ExportError

__all__ = ["r_numbers", "r_text", "r_texts", "spss_text"]


def r_text(text: str) -> str:
    r"""Return a text as an R string literal of printable ASCII on one line.

    Examples
    --------
    >>> print(r_text('area "mm2"\n'), r_text("Größe"))
    "area \"mm2\"\n" "Gr\u00f6\u00dfe"
    """
    return '"' + "".join(map(_r_character, text)) + '"'


def _r_character(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    if character == "\n":
        return "\\n"
    if character.isascii() and character.isprintable():
        return character
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def r_texts(texts: Iterable[str | None]) -> str:
    """Return texts as an R character vector, one a line; None is ``NA``.

    Examples
    --------
    >>> print(r_texts(["a", "b"]))
    c(
        "a",
        "b")
    """
    return (
        "c(\n    " + ",\n    ".join("NA" if text is None else r_text(text) for text in texts) + ")"
    )


def r_numbers(values: Iterable[float]) -> str:
    """Return numbers as an R vector of doubles, each exact.

    Examples
    --------
    >>> r_numbers([0.1, -2.0, float("nan")])
    'c(0.1, -2.0, NA)'
    """
    return f"c({', '.join('NA' if v != v else repr(float(v)) for v in values)})"


def spss_text(text: str) -> str:
    """Return a text as an SPSS string literal.

    Raises
    ------
    ExportError
        When it holds a line break or another control character, which no SPSS literal can.

    Examples
    --------
    >>> print(spss_text("patient's"))
    'patient''s'
    """
    if any(unicodedata.category(c) in ("Cc", "Zl", "Zp") for c in text):
        raise ExportError(
            "a text cannot be written in SPSS syntax",
            expected="no line breaks and control characters",
            found=ascii(text)[:80],
            hint="correct the name",
        )
    return "'" + text.replace("'", "''") + "'"
