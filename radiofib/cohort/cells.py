"""One cell of a cohort table -> text, number, label or path, or an error that says why not."""

from __future__ import annotations

import datetime
import math
import numbers
import re
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from radiofib.errors import CohortError

__all__ = [
    "covariate",
    "display",
    "image_kind",
    "is_empty",
    "parse_choice",
    "parse_label",
    "parse_name",
    "parse_number",
    "parse_path",
    "text_of",
]

_PICTURES = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".gif", ".webp", ".pgm", ".ppm"}
_SLIDES = {".svs", ".ndpi", ".mrxs", ".scn", ".vms", ".vmu", ".bif", ".svslide"}


def is_empty(value: Any) -> bool:
    """Tell whether a cell holds nothing: missing, NaN, or only space.

    Examples
    --------
    >>> is_empty(None), is_empty(float("nan")), is_empty("  "), is_empty(0)
    (True, True, True, False)
    """
    if value is None:
        return True
    if isinstance(value, str):
        return not value or value.isspace()
    return bool(pd.api.types.is_scalar(value) and pd.isna(value))


def text_of(value: object) -> str:
    """Return a cell as text: composed Unicode, no outer space, whole numbers without ``.0``.

    Examples
    --------
    >>> text_of(" 007 "), text_of(7.0), text_of(np.int64(7)), text_of(0.5), text_of(True)
    ('007', '7', '7', '0.5', 'True')
    """
    if isinstance(value, bool | np.bool_):
        return str(bool(value))
    if isinstance(value, numbers.Real):
        if isinstance(value, numbers.Integral):
            return str(int(value))
        number = float(value)
        return str(int(number)) if number.is_integer() else repr(number)
    if isinstance(value, datetime.datetime | datetime.date):
        return value.isoformat().removesuffix("T00:00:00")
    return unicodedata.normalize("NFC", str(value)).strip()


def display(value: object) -> str:
    """Return a cell for a message: quoted, and cut when long.

    Examples
    --------
    >>> display("S9"), len(display("x" * 500))
    ("'S9'", 60)
    """
    text = repr(value.item() if isinstance(value, np.generic) else value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def parse_name(value: object) -> str:
    """Return a case, patient, instance or scanner name: any text but control characters.

    Raises
    ------
    CohortError
        When the text holds a control character, which no table can carry safely.

    Examples
    --------
    >>> parse_name("=cmd"), parse_name("../x"), parse_name(12.0)
    ('=cmd', '../x', '12')
    """
    text = text_of(value)
    if any(unicodedata.category(c) in ("Cc", "Cs") for c in text):
        raise CohortError("name holds a control character", found=display(text))
    return text


def parse_label(value: object) -> int:
    """Return the label of a mask: a whole number from 1.

    Examples
    --------
    >>> parse_label("5"), parse_label(5.0)
    (5, 5)
    >>> parse_label("liver")
    Traceback (most recent call last):
    radiofib.errors.CohortError: mask label cannot be used (expected a whole number from 1, or
    nothing; found 'liver').
    """
    text = text_of(value)
    if not re.fullmatch(r"[0-9]{1,9}(\.0+)?", text) or float(text) < 1:
        raise CohortError(
            "mask label cannot be used",
            expected="a whole number from 1, or nothing",
            found=display(value),
        )
    return int(float(text))


def parse_choice(value: object, choices: tuple[str, ...]) -> str:
    """Return one of a few words, in lower case.

    Examples
    --------
    >>> parse_choice("Raw", ("raw", "normalised"))
    'raw'
    >>> parse_choice("z-scored", ("raw", "normalised"))
    Traceback (most recent call last):
    radiofib.errors.CohortError: cell cannot be used (expected raw or normalised; found
    'z-scored').
    """
    text = text_of(value).lower()
    if text not in choices:
        raise CohortError(
            "cell cannot be used", expected=" or ".join(choices), found=display(value)
        )
    return text


def parse_number(value: object, unit: str = "") -> float:
    """Return a finite number; its unit may follow.

    Examples
    --------
    >>> parse_number("1.5 T", "T"), parse_number(20)
    (1.5, 20.0)
    """
    text = text_of(value)
    if unit:
        text = re.sub(rf"\s*{unit}$", "", text, flags=re.IGNORECASE)
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        expected = f"a number in {unit}" if unit else "a number"
        raise CohortError("is not a number", expected=expected, found=display(value))
    return number


def parse_path(value: object, root: Path | None) -> Path:
    """Return the file a cell names; relative paths start from `root`.

    Raises
    ------
    CohortError
        When the text cannot be a path.
    """
    text = str(value).strip()
    if "\0" in text:
        raise CohortError("path holds a control character", found=display(text))
    return Path(text) if root is None else root / text


def image_kind(name: str) -> str:
    """Return the channel that stands for a kind of image: ``us``, ``wsi`` or ``img``.

    Examples
    --------
    >>> [image_kind(n) for n in ("a.PNG", "b/c.svs", "d.nii.gz", "dicom_folder")]
    ['us', 'wsi', 'img', 'img']
    """
    suffix = Path(name).suffix.lower()
    if suffix in _PICTURES:
        return "us"
    return "wsi" if suffix in _SLIDES else "img"


def covariate(column: pd.Series) -> list[Any]:
    """Return a covariate's cells: all numbers (booleans as 0 and 1) or all text; None if empty.

    Examples
    --------
    >>> covariate(pd.Series([1, None])), covariate(pd.Series([1, "x"], dtype=object))
    ([1.0, None], ['1', 'x'])
    """
    empty = [is_empty(v) for v in column]
    cells = [None if e else v for v, e in zip(column, empty, strict=True)]
    given = [v for v in cells if v is not None]
    if all(isinstance(v, numbers.Real | np.bool_) for v in given):
        whole = all(isinstance(v, numbers.Integral | np.bool_) for v in given)
        kind: type = int if whole and len(given) == len(cells) else float
        return [None if v is None else kind(v) for v in cells]
    return [None if v is None else text_of(v) for v in cells]
