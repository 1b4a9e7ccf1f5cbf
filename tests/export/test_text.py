"""CSV: every double back, every text back, and nothing that a spreadsheet would run."""

from __future__ import annotations

import csv
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radiofib.export import export_table
from radiofib.export.build import build_sheet
from radiofib.export.text import write_features
from radiofib.report.folder import TableLayout, read_csv
from radiofib.study import RunFolder
from radiofib.table import FeatureTable, read_frame
from tests.export.builders import AWKWARD_CASES, awkward_table, same_bits


def table_of(**columns) -> FeatureTable:
    obs = pd.DataFrame({"case": [f"c{i}" for i in range(len(next(iter(columns.values()))))]})
    return FeatureTable(pd.DataFrame(columns), obs)


def cells(path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.reader(stream))


@settings(deadline=None, max_examples=40)
@given(values=st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1, max_size=20))
def test_doubles_come_back_bit_by_bit(values, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "doubles.csv"
    write_features(build_sheet(table_of(v=values)), path)
    assert same_bits(read_frame(path)["v"].to_numpy(dtype=float), np.array(values))


@settings(deadline=None, max_examples=40)
@given(
    texts=st.lists(
        st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
        min_size=1,
        max_size=6,
    )
)
def test_texts_come_back_and_none_is_a_formula(texts, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "texts.csv"
    obs = pd.DataFrame({"case": [f"c{i}" for i in range(len(texts))], "note": texts})
    write_features(build_sheet(FeatureTable(pd.DataFrame({"v": [0.5] * len(texts)}), obs)), path)
    header, *rows = cells(path)
    assert header == ["case", "note", "v"]
    for row, text in zip(rows, texts, strict=True):
        assert not row[1].startswith(("=", "+", "-", "@", "\t", "\r"))
        assert row[1] in (text, f"'{text}")
        assert row[2] == "0.5"


@settings(deadline=None, max_examples=60)
@given(
    texts=st.lists(
        st.text(st.sampled_from("'=+-@\t\r\n,\"a1 "), min_size=1, max_size=5).filter(str.strip),
        min_size=1,
        max_size=6,
        unique=True,
    )
)
def test_texts_are_the_same_after_export_and_reading(texts, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "guarded.csv"
    obs = pd.DataFrame({"case": texts, "scanner": texts})
    write_features(build_sheet(FeatureTable(pd.DataFrame({"v": [0.5] * len(texts)}), obs)), path)
    frame = read_frame(path)
    assert frame["case"].tolist() == texts
    assert frame["scanner"].tolist() == texts


def test_only_the_guard_is_taken_off(tmp_path):
    path = tmp_path / "other.csv"
    path.write_text("case,'=name\n'=1+1,'quoted'\n'plain,'\n", encoding="utf-8")
    frame = read_frame(path)
    assert list(frame.columns) == ["case", "=name"]
    assert frame["case"].tolist() == ["=1+1", "'plain"]
    assert frame["=name"].tolist() == ["'quoted'", "'"]


def test_the_whole_awkward_table(tmp_path):
    table = awkward_table()
    export_table(table, tmp_path, ["csv"])
    frame = read_frame(tmp_path / "features.csv")
    for name in table.X:
        assert same_bits(frame[name].to_numpy(dtype=float), table.X[name].to_numpy()), name
    assert frame["case"].tolist()[: len(AWKWARD_CASES)] == list(AWKWARD_CASES)
    raw = cells(tmp_path / "features.csv")
    guarded = ["'" + c if c[0] in "=+-@" else c for c in AWKWARD_CASES]
    assert [row[0] for row in raw[1:]][: len(guarded)] == guarded
    assert frame["stage"].fillna("").tolist()[:4] == ["s1", "s2", "", "s4"]
    assert frame["biopsy"].fillna("").tolist()[:3] == ["2020-01-02", "", "1959-12-31"]
    assert frame["read"].fillna("").tolist()[:2] == ["", "2020-01-02T04:04:05Z"]
    raw = (tmp_path / "features.csv").read_text(encoding="utf-8").split("\n")
    assert ",40," not in raw[1]
    assert ",41," in raw[2]  # a whole number has no decimal point
    assert ",TRUE," in raw[3]


def test_negative_numbers_are_not_touched(tmp_path):
    export_table(table_of(v=[-1.5, math.nan]), tmp_path, ["csv"])
    assert (tmp_path / "features.csv").read_text() == "case,v\nc0,-1.5\nc1,\n"


def test_the_codebook_describes_every_column_and_says_what_was_guarded(tmp_path):
    table = awkward_table()
    export_table(table, tmp_path, ["csv"], stage_labels={f"s{i}": f"S{i}" for i in range(1, 5)})
    book = pd.read_csv(tmp_path / "codebook.csv", dtype=str, keep_default_na=False)
    assert book["column"].tolist() == [*table.obs, *table.X]
    by = book.set_index("column")
    assert "4 of the texts begin with" in by.loc["case", "note"]
    assert by.loc["note", "note"] == ""
    stage = by.loc["stage", ["type", "measure", "levels", "codes", "level_labels", "role"]]
    assert stage.tolist() == [
        "ordered",
        "ordinal",
        "s1|s2|s3|s4",
        "1|2|3|4",
        "S1|S2|S3|S4",
        "description",
    ]
    mean = by.loc["us_original_firstorder_mean"]
    assert mean["role"] == "feature"
    assert mean["formula"] == "'-sum(x) / N"
    assert int(mean["n_missing"]) == int(table.X["us_original_firstorder_mean"].isna().sum())
    assert book["alias"].str.len().max() <= 31
    reasons = pd.read_csv(tmp_path / "missing.csv", dtype=str)
    assert set(reasons["reason"]) == {"'= region too small"}


@pytest.mark.parametrize("text", ["a\rb", "a\nb", 'a"b', " a", "a ", "a,b", "a;b", "a\tb"])
def test_cells_that_need_quotes_have_them(text, tmp_path):
    table = FeatureTable(pd.DataFrame({"v": [1.0]}), pd.DataFrame({"case": [text]}))
    export_table(table, tmp_path, ["csv"])
    assert cells(tmp_path / "features.csv")[1] == [text, "1.0"]
    assert read_frame(tmp_path / "features.csv")["case"].tolist() == [text]


def test_a_header_cannot_be_a_formula_either(tmp_path):
    export_table(table_of(**{"=1+1": [1.0]}), tmp_path, ["csv"])
    assert cells(tmp_path / "features.csv")[0] == ["case", "'=1+1"]
    assert cells(tmp_path / "codebook.csv")[2][0] == "'=1+1"


def test_no_table_of_a_run_is_a_formula_and_all_read_back(tmp_path):
    names = ["=1+1", "+a", "-b", "@c", "'=d", "plain"]
    frame = pd.DataFrame({"case": names, "p_s1": [-1.0, 2.5, 0.1 + 0.2, 1e-300, 5.0, 6.0]})
    frame["stage"] = pd.Categorical(["=s", *["s1"] * 5])
    path = RunFolder(tmp_path).write_frame("predictions.csv", frame)
    body = cells(path)[1:]
    assert not any(row[0].startswith(("=", "+", "-", "@")) for row in body)
    assert body[0][1:] == ["-1.0", "'=s"]
    back = read_frame(path)
    assert back["case"].tolist() == names
    assert same_bits(back["p_s1"].to_numpy(), frame["p_s1"].to_numpy())
    layout = TableLayout("predictions.csv", required=("case",))
    assert read_csv(path, layout)["case"].tolist() == names
