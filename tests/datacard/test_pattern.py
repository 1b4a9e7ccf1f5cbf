from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radiofib.datacard.pattern import PathPattern, check_below_root, fill
from radiofib.errors import DataCardError

# Field values and literals share no character, so that a path can be read in one way only.
VALUES = st.text("abcXYZ019 é=<>", min_size=1, max_size=8)
LITERALS = st.text("_-.+()[]$^|*?#'\"肝", min_size=1, max_size=4).filter(
    lambda t: not t.startswith("..") and not t.endswith(".")
)


@given(st.lists(st.tuples(LITERALS, VALUES, st.booleans()), min_size=1, max_size=6))
def test_a_path_made_from_fields_reads_back(parts):
    text, fields = "root/x", {}
    for number, (literal, value, folder) in enumerate(parts):
        fields[f"f{number}"] = value
        text += f"{literal}{{f{number}}}{'/y' if folder else ''}"
    pattern = PathPattern.parse(text)
    path = pattern.format(fields)
    assert "{" not in path
    assert pattern.match(path) == fields
    assert pattern.match(f"{path}/more") is None
    assert pattern.match(f"before/{path}") is None
    assert pattern.fields == tuple(fields)


@given(st.text())
def test_any_text_is_a_safe_pattern_or_refused(text):
    try:
        pattern = PathPattern.parse(text)
    except DataCardError:
        return
    assert not text.startswith(("/", "~"))
    assert "\\" not in re.sub(r"\{.*\}", "", text, flags=re.DOTALL)
    assert ".." not in pattern.text.split("/")


@pytest.mark.parametrize(
    "text",
    [
        "../x",
        "a/../b",
        "/abs",
        "~/x",
        "C:/x",
        "c:x",
        "a\\b",
        "",
        " ",
        "a//b",
        "a/ .. /b",
        "/{case}",
    ],
)
def test_patterns_that_leave_the_root(text):
    with pytest.raises(DataCardError, match="leaves the root"):
        PathPattern.parse(text)
    with pytest.raises(DataCardError, match="leaves the root"):
        check_below_root(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{case", "not closed"),
        ("case}", "not opened"),
        ("{Case}", "field name"),
        ("{}", "field name"),
        ("{case:}", "without groups"),
        ("{case:(a)}", "without groups"),
        ("{case:[}", "no valid regular expression"),
    ],
)
def test_patterns_that_cannot_be_read(text, message):
    with pytest.raises(DataCardError, match=message):
        PathPattern.parse(text)


def test_fields_do_not_cross_folders():
    assert PathPattern.parse("{case:.+}.nii").match("a/b.nii") is None
    assert PathPattern.parse("{case:.*}.nii").match(".nii") is None


def test_a_name_used_twice_reads_the_same():
    pattern = PathPattern.parse("{case}/{case}_{k}.png")
    assert pattern.match("a/a_1.png") == {"case": "a", "k": "1"}
    assert pattern.match("a/b_1.png") is None


def test_braces_inside_an_expression():
    pattern = PathPattern.parse(r"{k:\d{2,3}\}}.png")
    assert pattern.match("12}.png") == {"k": "12}"}
    assert pattern.match("1}.png") is None


def test_folder_patterns():
    pattern = PathPattern.parse("dicom/{case}/")
    assert pattern.is_folder
    assert pattern.match("dicom/a/") == {"case": "a"}
    assert pattern.folder == "dicom"


@pytest.mark.parametrize("value", ["..", ".", "a/b", "a\\b"])
def test_values_cannot_leave_their_folder(value):
    with pytest.raises(DataCardError, match="leave its folder"):
        PathPattern.parse("x/{case}").format({"case": value})


def test_unknown_field_is_named():
    with pytest.raises(DataCardError, match="no field 'caes'"):
        fill("{caes}", {"case": "a"})
