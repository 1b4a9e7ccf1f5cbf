"""The challenge's file: what is written is valid, and every way to spoil it is refused."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radiofib.errors import ExportError, TableError
from radiofib.export import by_setting, check_submission, read_cases, write_submission
from radiofib.export.submission_check import HEADER, SETTINGS

CHANCES = st.floats(0, 1)
NAMES = st.lists(
    st.from_regex(r"[0-9]{4}-(A|B1|B2)", fullmatch=True), min_size=2, max_size=5, unique=True
)


def tables(cases: list[str], numbers: list[float]) -> dict[str, pd.DataFrame]:
    """Return both settings' predictions from a stream of numbers."""
    stream = iter(numbers)
    return {
        setting: pd.DataFrame(
            [{"case": c, "p_s1": next(stream), "p_s4": next(stream)} for c in cases]
        )
        for setting in SETTINGS
    }


@st.composite
def submissions(draw: st.DrawFn) -> tuple[list[str], dict[str, pd.DataFrame]]:
    cases = draw(NAMES)
    n = 4 * len(cases)
    return cases, tables(cases, draw(st.lists(CHANCES, min_size=n, max_size=n)))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("submission") / "LiFS_pred.csv"


@settings(max_examples=40)
@given(submissions())
def test_what_is_written_is_valid_complete_and_exact(place: Path, given_: tuple) -> None:
    cases, predictions = given_
    write_submission(predictions, place, cases)
    assert check_submission(place, cases) == []
    head, *rows = csv.reader(place.read_text(encoding="utf-8").splitlines())
    assert tuple(head) == HEADER
    assert [row[0] for row in rows] == [c for c in cases for _ in SETTINGS]
    for setting, frame in predictions.items():
        numbers = [(float(s4), float(s1)) for _, s, s4, s1 in rows if s == setting]
        assert numbers == list(zip(frame["p_s4"], frame["p_s1"], strict=True))
    first = place.read_bytes()
    shuffled = {s: f.iloc[::-1] for s, f in reversed(predictions.items())}
    write_submission(shuffled, place, cases)
    assert place.read_bytes() == first


def _cell(column: int, text: str) -> object:
    def spoil(rows: list[list[str]], k: int) -> list[list[str]]:
        rows[k][column] = text
        return rows

    return spoil


def _header(rows: list[list[str]], _k: int) -> list[list[str]]:
    rows[0] = [rows[0][0], rows[0][1], rows[0][3], rows[0][2]]
    return rows


#: What is done to the table -> a word of the reason.
SPOILED = {
    "row dropped": (lambda rows, k: rows[:k] + rows[k + 1 :], "no row for case"),
    "row twice": (lambda rows, k: [*rows, rows[k]], "again, first in row"),
    "header swapped": (_header, "another order"),
    "header in lower case": (lambda rows, _: [[c.lower() for c in rows[0]], *rows[1:]], "header"),
    "no header": (lambda rows, _: rows[1:], "header"),
    "a cell more": (lambda rows, k: [*rows[:k], [*rows[k], "0"], *rows[k + 1 :]], "5 cells"),
    "a cell less": (lambda rows, k: [*rows[:k], rows[k][:-1], *rows[k + 1 :]], "3 cells"),
    "above one": (_cell(2, "1.2"), "not from 0 to 1: '1.2'"),
    "below zero": (_cell(3, "-0.1"), "not from 0 to 1: '-0.1'"),
    "NaN": (_cell(2, "nan"), "not a number: 'nan'"),
    "infinite": (_cell(3, "inf"), "not a number: 'inf'"),
    "huge": (_cell(3, "1e999"), "not from 0 to 1"),
    "empty": (_cell(2, ""), "the cell is empty"),
    "percent": (_cell(2, "85%"), "percentage"),
    "decimal comma": (_cell(3, "0,85"), "decimal comma"),
    "digit groups of Python": (_cell(3, "0.1_0"), "not a number"),
    "other digits": (_cell(3, "٠"), "not a number"),
    "setting in lower case": (_cell(1, "contrast"), "did you mean 'Contrast'?"),
    "setting unknown": (_cell(1, "Both"), "unknown setting 'Both'"),
    "case unknown": (_cell(0, "0000-Z"), "unknown case '0000-Z'"),
    "case with a stage": (lambda rows, k: _cell(0, rows[k][0] + "-S4")(rows, k), "unknown case"),
}
#: Column that the first reason names; none for faults of rows and header.
COLUMN = {
    "above one": HEADER[2],
    "below zero": HEADER[3],
    "NaN": HEADER[2],
    "percent": HEADER[2],
    "empty": HEADER[2],
    "setting in lower case": HEADER[1],
    "case unknown": HEADER[0],
}


@pytest.mark.parametrize("name", SPOILED)
@settings(max_examples=12)
@given(data=st.data())
def test_every_way_to_spoil_a_valid_file_is_refused(place: Path, name: str, data) -> None:
    cases, predictions = data.draw(submissions())
    write_submission(predictions, place, cases)
    with place.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.reader(stream))
    k = data.draw(st.integers(1, len(rows) - 1))
    spoil, word = SPOILED[name]
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows(spoil(rows, k))
    place.write_text(buffer.getvalue(), encoding="utf-8")
    problems = check_submission(place, cases)
    hit = [p for p in problems if word in p.problem]
    assert hit, [str(p) for p in problems]
    if name in COLUMN:
        assert (hit[0].row, hit[0].column) == (k + 1, COLUMN[name])


#: What is done to the bytes -> a word of the reason.
RECODED = {
    "byte order mark": (lambda b: b"\xef\xbb\xbf" + b, "byte order mark"),
    "UTF-16": (lambda b: b.decode().encode("utf-16"), "UTF-16"),
    "semicolons": (lambda b: b.replace(b",", b";"), "semicolons"),
    "tabs": (lambda b: b.replace(b",", b"\t"), "tabs"),
    "semicolons, decimal commas": (
        lambda b: b.replace(b",", b";").replace(b".", b","),
        "semicolons",
    ),
    "empty": (lambda _: b"", "empty"),
    "Latin-1": (lambda b: b + "0930-Ä".encode("latin-1"), "not UTF-8"),
    "null bytes": (lambda b: b + b"\0\0\0\0", "cells instead of 4"),
    "blank line": (lambda b: b + b"\n", "0 cells instead of 4"),
    "half a file": (lambda b: b[: len(b) // 2], "no row for case"),
    "open quote": (lambda b: b + b'"', "comma-separated"),
}


@pytest.mark.parametrize("name", RECODED)
def test_other_encodings_and_separators_are_refused(place: Path, name: str) -> None:
    cases = ["0930-A", "0931-B1"]
    write_submission(tables(cases, [0.25] * 8), place, cases)
    recode, word = RECODED[name]
    place.write_bytes(recode(place.read_bytes()))
    problems = check_submission(place, cases)
    assert any(word in p.problem for p in problems), [str(p) for p in problems]


def test_windows_line_ends_and_any_row_order_are_valid(place: Path) -> None:
    cases = ["0930-A", "0931-B1"]
    write_submission(tables(cases, [0.25] * 8), place, cases)
    head, *rows = place.read_text().splitlines()
    place.write_bytes("\r\n".join([head, *reversed(rows)]).encode() + b"\r\n")
    assert check_submission(place, cases) == []


BAD = {
    "one setting": (lambda t: t.pop("NonContrast") is None, "both settings"),
    "a stage lacks": (lambda t: t["Contrast"].pop("p_s4") is None, "lack p_s4"),
    "a case lacks": (lambda t: t.update(Contrast=t["Contrast"].iloc[1:]), "1 of 2 cases"),
    "a case twice": (
        lambda t: t.update(Contrast=pd.concat([t["Contrast"]] * 2)),
        "more than once",
    ),
    "missing number": (lambda t: t["NonContrast"].__setitem__("p_s1", float("nan")), "probability"),
}


@pytest.mark.parametrize("name", BAD)
def test_nothing_invalid_is_written(tmp_path: Path, name: str) -> None:
    out = tmp_path / "LiFS_pred.csv"
    out.write_text("an earlier file")
    predictions = tables(["a", "b"], [0.5] * 8)
    spoil, word = BAD[name]
    spoil(predictions)
    with pytest.raises(ExportError, match=word):
        write_submission(predictions, out, ["a", "b"])
    assert out.read_text() == "an earlier file"
    assert [p.name for p in tmp_path.iterdir()] == ["LiFS_pred.csv"]


def test_cases_come_from_the_challenge_list_or_a_cohort(tmp_path: Path) -> None:
    info = tmp_path / "info.csv"
    info.write_text("Case,Vendor,Missing Modality\n0931-B1,B1,None\n0007,A,T1\n")
    assert read_cases(info) == ("0931-B1", "0007")
    cohort = tmp_path / "cohort.csv"
    cohort.write_text("case,channel,split\na,t1,train\nb,t1,val\nb,t2,val\n")
    assert read_cases(cohort) == ("a", "b")
    assert read_cases(cohort, split="val") == ("b",)
    with pytest.raises(TableError, match="no case is in split 'test'"):
        read_cases(cohort, split="test")
    with pytest.raises(TableError, match="no column 'split'"):
        read_cases(info, split="val")
    cohort.write_text("patient\na\n")
    with pytest.raises(TableError, match="no column names the cases"):
        read_cases(cohort)


def test_predictions_without_a_setting_say_how_to_name_it() -> None:
    frame = pd.DataFrame({"case": ["a"], "setting": ["cv"], "p_s1": [0.1], "p_s4": [0.2]})
    with pytest.raises(TableError, match="Contrast=FILE"):
        by_setting(frame)
