"""The RDS writer against R's own bytes and against an independent reader."""

from __future__ import annotations

import base64
import datetime as dt
import gzip
import math
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from radiofib.export import rds
from tests.export.rds_reader import NA_REAL_BITS, bits, read_rds

# serialize(x, version = 2, xdr = TRUE) by R 4.2.2 of the data frame built below, compressed.
R_BYTES = zlib.decompress(
    base64.b64decode(
        "eNp1UUFuwkAMdL0hKJGKKvEPJFru5dAf9NKrSRYuC5E2IVVP5QG8ordKfQRSX1Ch/qMfaMGGNaIrYWk3Y8cee7xPOQAg"
        "JIiAhqHp85XyuREHEsj4e0UAKwH4+c53tmNjpycp99s7sdHrD3vQfVuBWoJSGig6jibWBd5TsCW3tAz++FwfGvLPwCA4"
        "j2LixnkYdUqdba2rQysMUXwcntBtPFvhqI4LupUvrbelsk6paCp/nNUclI+/vjcygCrffKzPlJtdJDZ5oCZo/d99QXOr"
        "3VNNLqi2uv1WwULBRGvrhmaaZ0p6ibgzXz0PlF8Wh7I0fr3fC0PmJTU0mHoukVH3+jxBOA=="
    )
)


def day(text: str) -> int:
    return (dt.date.fromisoformat(text) - dt.date(1970, 1, 1)).days


def test_bytes_are_those_of_r():
    nan = math.nan
    frame = rds.data_frame(
        {
            "case": rds.strings(["a", "é", None]),
            "v": rds.doubles([0.1 + 0.2, nan, -0.0]).having(label=rds.strings(["value"])),
            "n": rds.integers([1, nan, 3]),
            "b": rds.logicals([1, nan, 0]),
            "stage": rds.factor([0, -1, 1], ["S1", "S2"], ordered=True),
            "day": rds.dates([day("2020-01-02"), nan, day("1959-12-31")]),
        }
    )
    ours = gzip.decompress(rds.rds_bytes(frame))
    # Bytes 6 to 9 are the version of R that wrote the file.
    assert ours[:6] + ours[10:] == R_BYTES[:6] + R_BYTES[10:]


def test_gzip_header_holds_no_time_and_no_name():
    head = rds.rds_bytes(rds.doubles([1.0]))[:10]
    assert head[3] == 0
    assert head[4:8] == bytes(4)


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True, width=64)))
def test_doubles_keep_every_bit(values):
    node = read_rds(rds.rds_bytes(rds.doubles(values)))
    expected = [NA_REAL_BITS if math.isnan(v) else bits(v) for v in values]
    assert node.kind == "double"
    assert node.values == expected


def test_any_nan_becomes_the_missing_value_of_r():
    quiet = np.array([0x7FF8000000000001, 0xFFF8000000000000], dtype=np.uint64).view(np.float64)
    assert read_rds(rds.rds_bytes(rds.doubles(quiet))).values == [NA_REAL_BITS] * 2


storable = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


@given(st.lists(st.none() | storable))
def test_strings_survive(texts):
    assert read_rds(rds.rds_bytes(rds.strings(texts))).values == texts


@given(st.lists(st.none() | st.integers(-(2**31) + 1, 2**31 - 1)))
def test_integers_survive(numbers):
    values = [math.nan if n is None else n for n in numbers]
    assert read_rds(rds.rds_bytes(rds.integers(values))).values == numbers


@given(st.lists(storable, unique=True, min_size=1), st.booleans(), st.data())
def test_factors_survive(levels, ordered, data):
    codes = data.draw(st.lists(st.integers(-1, len(levels) - 1)))
    node = read_rds(rds.rds_bytes(rds.factor(codes, levels, ordered=ordered)))
    assert node.values == [None if c < 0 else c + 1 for c in codes]
    assert node.attributes["levels"].values == levels
    assert node.attributes["class"].values == ["ordered"] * ordered + ["factor"]
    assert node.is_object


@given(st.dictionaries(storable.filter(bool), st.floats(), max_size=5), st.integers(0, 3))
def test_frames_survive(columns, rows):
    frame = rds.data_frame({n: rds.doubles([v] * rows) for n, v in columns.items()})
    node = read_rds(rds.rds_bytes(frame))
    assert node.attributes["names"].values == list(columns)
    assert node.attributes["row.names"].values == [None, -rows if columns else 0]
    assert all(len(column.values) == rows for column in node.values)


def test_a_symbol_is_written_once_and_then_referred_to():
    labelled = [rds.doubles([1.0]).having(label=rds.strings([str(i)])) for i in range(3)]
    raw = gzip.decompress(rds.rds_bytes(rds.data_frame(dict(zip("abc", labelled, strict=True)))))
    assert raw.count(b"label") == 1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: rds.integers([2**31]), "32 bits"),
        (lambda: rds.integers([0.5]), "whole"),
        (lambda: rds.strings(["a\0b"]), "NUL"),
        (lambda: rds.factor([0], ["a", "a"]), "unique"),
        (lambda: rds.factor([1], ["a"]), "cover"),
        (lambda: rds.data_frame({"a": rds.doubles([1]), "b": rds.doubles([])}), "length"),
    ],
)
def test_what_r_cannot_hold_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
