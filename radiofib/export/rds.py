"""A small, pure writer of R's RDS files (serialisation version 2, XDR, gzip).

Only what a data frame needs: doubles, integers, logicals, strings, lists, attributes, and on top
of these factors, dates, times and data frames. Doubles keep every bit; a missing number becomes
``NA_real_``. Equal input gives equal bytes: the gzip header holds no time and no name.

References
----------
R Internals, section 1.8 "Serialization Formats" (R Core Team).
"""

from __future__ import annotations

import gzip
import io
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

__all__ = [
    "RObject",
    "data_frame",
    "dates",
    "doubles",
    "factor",
    "integers",
    "logicals",
    "rds_bytes",
    "strings",
    "times",
]

Attributes = Mapping[str, "RObject"]
Kind = Literal["double", "integer", "logical", "character", "list"]

_TYPE: dict[Kind, int] = {"logical": 10, "integer": 13, "double": 14, "character": 16, "list": 19}
_SYMBOL, _PAIRLIST, _CHARSXP, _NIL, _REFERENCE = 1, 2, 9, 254, 255
_IS_OBJECT, _HAS_ATTRIBUTES, _HAS_TAG = 1 << 8, 1 << 9, 1 << 10
_UTF8, _ASCII = (1 << 3) << 12, (1 << 6) << 12
_NA_INTEGER = -(2**31)
_NA_REAL = np.array([0x7FF00000000007A2], dtype=np.uint64).view(np.float64)[0]
_WRITER, _OLDEST_READER = 0x00030500, 0x00020300  # R 3.5.0, 2.3.0


@dataclass(frozen=True, eq=False)
class RObject:
    """An R vector or list with attributes; made by the functions of this module.

    Parameters
    ----------
    kind : {"double", "integer", "logical", "character", "list"}
        Type of the vector.
    values : array or sequence
        float64 or int32 array, sequence of str or None, or sequence of `RObject`.
    attributes : mapping of str to RObject
        In the order in which they are written.
    """

    kind: Kind
    values: Any
    attributes: Attributes = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.values)

    def having(self, **attributes: RObject) -> RObject:
        """Return the same vector with more attributes.

        Examples
        --------
        >>> list(doubles([1.0]).having(label=strings(["area"])).attributes)
        ['label']
        """
        return RObject(self.kind, self.values, {**self.attributes, **attributes})


def doubles(values: ArrayLike) -> RObject:
    """Return a numeric vector; NaN becomes ``NA_real_``, every other bit is kept.

    Examples
    --------
    >>> len(doubles([0.1, float("nan")]))
    2
    """
    array = np.array(values, dtype=np.float64)
    array[np.isnan(array)] = _NA_REAL
    return RObject("double", array)


def integers(values: ArrayLike) -> RObject:
    """Return an integer vector from whole numbers within 32 bits; NaN becomes ``NA_integer_``.

    Raises
    ------
    ValueError
        When a number is not whole or does not fit.

    Examples
    --------
    >>> integers([1, float("nan")]).values.tolist()
    [1, -2147483648]
    """
    return RObject("integer", _int32(values))


def logicals(values: ArrayLike) -> RObject:
    """Return a logical vector from 0, 1 and NaN.

    Examples
    --------
    >>> logicals([True, False]).values.tolist()
    [1, 0]
    """
    return RObject("logical", _int32(values))


def strings(values: Iterable[str | None]) -> RObject:
    """Return a character vector; None becomes ``NA_character_``.

    Raises
    ------
    ValueError
        When a text holds a NUL character, which R cannot store.

    Examples
    --------
    >>> strings(["S1", None]).values
    ('S1', None)
    """
    texts = tuple(values)
    if any(text is not None and "\0" in text for text in texts):
        raise ValueError("R strings cannot hold a NUL character")
    return RObject("character", texts)


def factor(codes: ArrayLike, levels: Sequence[str], *, ordered: bool = False) -> RObject:
    """Return a factor from positions 0, 1, ... in `levels`; a negative position is missing.

    Raises
    ------
    ValueError
        When levels repeat or a position is beyond them.

    Examples
    --------
    >>> factor([0, -1, 1], ["S1", "S2"], ordered=True).values.tolist()
    [1, -2147483648, 2]
    """
    positions = np.asarray(codes, dtype=np.int64)
    if len(set(levels)) != len(levels) or (positions >= len(levels)).any():
        raise ValueError("factor levels must be unique and cover all codes")
    values = np.where(positions < 0, _NA_INTEGER, positions + 1).astype(np.int32)
    kind = ("ordered", "factor") if ordered else ("factor",)
    return RObject("integer", values, {"levels": strings(levels), "class": strings(kind)})


def dates(days: ArrayLike) -> RObject:
    """Return a ``Date`` vector from days since 1970-01-01.

    Examples
    --------
    >>> dates([0.0]).attributes["class"].values
    ('Date',)
    """
    return doubles(days).having(**{"class": strings(["Date"])})


def times(seconds: ArrayLike) -> RObject:
    """Return a ``POSIXct`` vector in UTC from seconds since 1970-01-01.

    Examples
    --------
    >>> times([0.0]).attributes["tzone"].values
    ('UTC',)
    """
    kind = strings(["POSIXct", "POSIXt"])
    return doubles(seconds).having(**{"class": kind, "tzone": strings(["UTC"])})


def data_frame(columns: Mapping[str, RObject], **attributes: RObject) -> RObject:
    """Return a data frame; further keywords become attributes of the whole frame.

    Raises
    ------
    ValueError
        When columns differ in length.

    Examples
    --------
    >>> len(data_frame({"x": doubles([1, 2, 3])}))
    1
    """
    lengths = {len(column) for column in columns.values()}
    if len(lengths) > 1:
        raise ValueError(f"columns differ in length: {sorted(lengths)}")
    rows = np.array([_NA_INTEGER, -max(lengths, default=0)], dtype=np.int32)
    frame = {
        "names": strings(columns),
        "row.names": RObject("integer", rows),
        "class": strings(["data.frame"]),
    }
    return RObject("list", tuple(columns.values()), {**frame, **attributes})


def rds_bytes(value: RObject) -> bytes:
    r"""Return the content of an ``.rds`` file that ``readRDS`` turns into `value`.

    Examples
    --------
    >>> gzip.decompress(rds_bytes(doubles([1.5])))[:2], rds_bytes(doubles([1.5]))[4:8]
    (b'X\n', b'\x00\x00\x00\x00')
    """
    raw = _Serialiser().run(value)
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=buffer, mtime=0) as stream:
        stream.write(raw)
    return buffer.getvalue()


def _int32(values: ArrayLike) -> np.ndarray:
    array = np.asarray(values, dtype=np.float64)
    missing = np.isnan(array)
    whole = np.where(missing, 0.0, array)
    if ((whole != np.rint(whole)) | (np.abs(whole) > 2**31 - 1)).any():
        raise ValueError("integers must be whole and fit 32 bits")
    return np.where(missing, _NA_INTEGER, whole).astype(np.int32)


class _Serialiser:
    """Writes one object; symbols met before are written as references, as R does."""

    def __init__(self) -> None:
        self._out = bytearray(b"X\n")
        self._symbols: dict[str, int] = {}

    def run(self, value: RObject) -> bytes:
        self._ints(2, _WRITER, _OLDEST_READER)
        self._object(value)
        return bytes(self._out)

    def _ints(self, *numbers: int) -> None:
        self._out += struct.pack(f">{len(numbers)}i", *numbers)

    def _object(self, value: RObject) -> None:
        flags = _TYPE[value.kind]
        if "class" in value.attributes:
            flags |= _IS_OBJECT
        if value.attributes:
            flags |= _HAS_ATTRIBUTES
        self._ints(flags, len(value))
        if value.kind == "character":
            for text in value.values:
                self._text(text)
        elif value.kind == "list":
            for item in value.values:
                self._object(item)
        else:
            self._out += value.values.astype(">f8" if value.kind == "double" else ">i4").tobytes()
        if value.attributes:
            for name, attribute in value.attributes.items():
                self._ints(_PAIRLIST | _HAS_TAG)
                self._symbol(name)
                self._object(attribute)
            self._ints(_NIL)

    def _text(self, text: str | None) -> None:
        if text is None:
            self._ints(_CHARSXP, -1)
            return
        data = text.encode("utf-8")
        self._ints(_CHARSXP | (_ASCII if text.isascii() else _UTF8), len(data))
        self._out += data

    def _symbol(self, name: str) -> None:
        if name in self._symbols:
            self._ints((self._symbols[name] << 8) | _REFERENCE)
            return
        self._symbols[name] = len(self._symbols) + 1
        self._ints(_SYMBOL)
        self._text(name)
