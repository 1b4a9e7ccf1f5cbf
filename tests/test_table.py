"""Feature tables: round trips to the bit, strict columns, tables of other people."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radiofib.errors import TableError
from radiofib.table import CODEBOOK_COLUMNS, FeatureTable, join_tables, read_frame

DOUBLES = st.floats(allow_nan=True, allow_infinity=False)


def _table(values: list[float], provenance: dict[str, object] | None = None) -> FeatureTable:
    n = len(values)
    stage = pd.Categorical(["f0"] * n, categories=["f0", "f1"], ordered=True)
    obs = pd.DataFrame({"case": [f"c{i}" for i in range(n)], "stage": stage})
    book = pd.DataFrame([dict.fromkeys(CODEBOOK_COLUMNS, "x")])
    missing = pd.DataFrame(
        {"case": ["c0"], "instance": [""], "column": ["us_a"], "reason": ["too <small>"]}
    )
    return FeatureTable(pd.DataFrame({"us_a": values}), obs, book, missing, provenance or {})


@settings(max_examples=30)
@given(st.lists(DOUBLES, min_size=1, max_size=20))
def test_parquet_round_trip_keeps_every_bit(values: list[float]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.parquet"
        table = _table(values, {"config": {"b": 1}})
        table.to_parquet(path)
        first = path.read_bytes()
        back = FeatureTable.from_parquet(path)
        back.to_parquet(path)
        assert path.read_bytes() == first
    kept = np.array(values, dtype=np.float64)
    assert back.X["us_a"].to_numpy().tobytes() == kept.tobytes() or np.isnan(kept).any()
    np.testing.assert_array_equal(back.X["us_a"].to_numpy(), kept)
    assert back.obs["stage"].cat.ordered
    assert list(back.obs["stage"].cat.categories) == ["f0", "f1"]
    assert back.missing["reason"].tolist() == ["too <small>"]
    assert back.provenance == {"config": {"b": 1}}


def test_subset_takes_reasons_along() -> None:
    table = _table([1.0, 2.0])
    assert len(table.subset(np.array([True, False])).missing) == 1
    assert len(table.subset(np.array([False, True])).missing) == 0


@pytest.mark.parametrize(
    ("X", "obs", "words"),
    [
        ({"a": [1.0]}, {"case": ["x", "y"]}, "same rows"),
        ({"a": [1.0]}, {"patient": ["x"]}, "'case'"),
        ({"a": ["text"]}, {"case": ["x"]}, "numeric"),
        ({"case": [1.0]}, {"case": ["x"]}, "duplicate"),
    ],
)
def test_impossible_tables_are_refused(
    X: dict[str, list[object]], obs: dict[str, list[object]], words: str
) -> None:
    with pytest.raises(TableError, match=words):
        FeatureTable(pd.DataFrame(X), pd.DataFrame(obs))


def test_somebody_elses_table_is_divided_into_features_and_facts(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {"ID": ["007", "008"], "Target": [0, 1], "f1": [0.1 + 0.2, 2.0], "sex": ["m", "f"]}
    )
    frame.to_csv(tmp_path / "t.csv", index=False)
    table = FeatureTable.read(tmp_path / "t.csv", label="Target", case="ID")
    assert table.obs["case"].tolist() == ["007", "008"]
    assert list(table.X) == ["f1"]
    assert table.X["f1"].iloc[0] == 0.1 + 0.2
    assert {"Target", "sex"} <= set(table.obs)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_csv_of_any_separator_line_end_and_mark(tmp_path: Path, separator: str, end: str) -> None:
    lines = [separator.join(row) for row in (["case", "f"], ["007", "1.5"], ["é", "2"])]
    (tmp_path / "t.csv").write_bytes(("\ufeff" + end.join(lines) + end).encode())
    frame = read_frame(tmp_path / "t.csv")
    assert frame["case"].tolist() == ["007", "é"]
    assert frame["f"].tolist() == [1.5, 2.0]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("absent.csv", None, "no such file"),
        ("t.doc", b"x", "unknown kind"),
        ("t.parquet", b"not parquet", "not a readable Parquet"),
        ("t.xlsx", b"not a workbook", "cannot be read"),
        ("t.sav", b"not spss", "cannot be read"),
        ("t.csv", b"case,f\n", "no rows"),
    ],
)
def test_unreadable_tables_are_named(
    tmp_path: Path, name: str, content: bytes | None, words: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(TableError, match=words):
        FeatureTable.read(tmp_path / name)


def test_parquet_without_our_metadata_is_a_plain_table(tmp_path: Path) -> None:
    pd.DataFrame({"case": ["a"], "f": [1.0]}).to_parquet(tmp_path / "t.parquet")
    assert FeatureTable.read(tmp_path / "t.parquet").n_features == 1
    with pytest.raises(TableError, match="no radiofib metadata"):
        FeatureTable.from_parquet(tmp_path / "t.parquet")


def test_joined_tables_have_one_row_a_case() -> None:
    us = FeatureTable(pd.DataFrame({"us_a": [1.0, 2.0]}), pd.DataFrame({"case": ["a", "b"]}))
    wsi = FeatureTable(pd.DataFrame({"wsi_a": [3.0, 4.0]}), pd.DataFrame({"case": ["b", "c"]}))
    joined = join_tables([us, wsi])
    assert joined.obs["case"].tolist() == ["a", "b", "c"]
    assert joined.X.iloc[1].tolist() == [2.0, 3.0]
    with pytest.raises(TableError, match="us_a"):
        join_tables([us, us])


@pytest.mark.parametrize("row", ["a,img.png,mask.png,left", ',"x,y",mask.png,left'])
def test_a_row_longer_than_the_header_is_refused(tmp_path: Path, row: str) -> None:
    (tmp_path / "t.csv").write_text(f"case,image,mask\n{row}\n")
    with pytest.raises(TableError, match="row 2 has 4 cells, header has 3") as caught:
        read_frame(tmp_path / "t.csv")
    assert "t.csv" in str(caught.value)


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_empty_cells_beyond_the_header_shift_nothing(tmp_path: Path, keep: bool, end: str) -> None:
    lines = ["case,image,mask", "a,img.png,mask.png,", 'b,"x, ""y"".png",, ,', "", "c,z.png,m.png"]
    (tmp_path / "t.csv").write_bytes(end.join([*lines, ""]).encode())
    frame = read_frame(tmp_path / "t.csv", keep_blank_rows=keep)
    assert len(frame) == 3 + keep
    frame = frame.dropna(how="all")
    assert list(frame) == ["case", "image", "mask"]
    assert frame["case"].tolist() == ["a", "b", "c"]
    assert frame["image"].tolist() == ["img.png", 'x, "y".png', "z.png"]
    assert frame["mask"].fillna("").tolist() == ["mask.png", "", "m.png"]


def test_the_place_of_a_long_row_is_that_in_the_file(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("case;f\na;1\n\nb;2;3\n")
    with pytest.raises(TableError, match="row 4 has 3 cells, header has 2"):
        read_frame(tmp_path / "t.csv")


def _read(tmp_path: Path, text: str, **options: str) -> FeatureTable:
    (tmp_path / "t.csv").write_text(text)
    return FeatureTable.read(tmp_path / "t.csv", **options)


@pytest.mark.parametrize(
    ("header", "cells"),
    [
        ("geom_us_nx", (640, 480)),
        ("id", (17, 4)),
        ("ID", (17, 4)),
        ("Patient ID", (17, 4)),
        ("", (0, 1)),
        ("", (9, 5)),
        ("index", (0, 1)),
        ("No.", (1, 2)),
        ("Row #", (1, 2)),
        ("empty", ("", "NA")),
        ("sex", ("m", "f")),
        ("grade", ("3a", "2")),
    ],
)
def test_what_is_no_feature_describes_rows(
    tmp_path: Path, header: str, cells: tuple[object, object]
) -> None:
    text = f"{header},case,f\n{cells[0]},a,1.5\n{cells[1]},b,2.5\n"
    if header == "grade":
        text += "2b,c,3\n1a,d,4\n"
    table = _read(tmp_path, text)
    assert list(table.X) == ["f"]
    assert table.obs.columns.tolist() == [header or "Unnamed: 0", "case"]


@pytest.mark.parametrize(
    ("header", "cells"), [("index", (0, 2)), ("n", (1.5, 2)), ("volume", (0, 1)), ("f_id", (3, 4))]
)
def test_a_number_that_is_no_row_number_is_a_feature(
    tmp_path: Path, header: str, cells: tuple[float, float]
) -> None:
    table = _read(tmp_path, f"case,{header}\na,{cells[0]}\nb,{cells[1]}\n")
    assert table.X[header].tolist() == list(cells)


def test_a_column_without_name_and_cells_is_dropped(tmp_path: Path) -> None:
    assert list(_read(tmp_path, "case,f,\na,1,\nb,2,\n").obs) == ["case"]


def test_a_table_without_a_value_says_what_it_holds(tmp_path: Path) -> None:
    with pytest.raises(TableError) as caught:
        _read(tmp_path, "case,ID,geom_us_nx,f,sex\na,5,640,,m\nb,7,480,,f\n")
    words = "description: case; identifier: ID; fact of the image file: geom_us_nx; "
    assert words + "without a number: f; text: sex" in str(caught.value).replace("\n", " ")


@pytest.mark.parametrize(
    ("cells", "found"),
    [
        (("1.5", "2.5", "high"), "row 5, column 'f'.*'high'"),
        (("#DIV/0!", "n/a", "2"), "row 2, column 'f'.*'#DIV/0!'"),
        (('"1,5"', "2", "3"), "row 2, column 'f'.*'1,5'"),
        (('"1,5"', '"2,5"', '"3,5"'), "row 2, column 'f'.*'1,5'"),
        (('"1,234.5"', "2", "3"), "row 2, column 'f'.*'1,234.5'"),
    ],
)
def test_numbers_among_text_do_not_vanish(
    tmp_path: Path, cells: tuple[str, str, str], found: str
) -> None:
    a, b, c = cells
    with pytest.raises(TableError, match="column mixes numbers and text") as caught:
        _read(tmp_path, f"case,g,f\na,1,{a}\n\nb,2,{b}\nc,3,{c}\n")
    assert caught.match(f"(?s)t.csv, {found}")


def test_numbers_kept_as_text_are_features_and_codes_are_not(tmp_path: Path) -> None:
    frame = pd.DataFrame({"case": ["a", "b"], "f": ["1.5", "2e3"], "code": ["01", "12"]})
    frame.to_parquet(tmp_path / "t.parquet")
    table = FeatureTable.read(tmp_path / "t.parquet")
    assert table.X.to_dict("list") == {"f": [1.5, 2000.0]}
    assert table.obs["code"].tolist() == ["01", "12"]
    frame.assign(f=["1,5", "2"]).to_parquet(tmp_path / "t.parquet")
    with pytest.raises(TableError, match="row 1, column 'f'"):
        FeatureTable.read(tmp_path / "t.parquet")


def test_a_workbook_with_text_among_numbers_is_refused(tmp_path: Path) -> None:
    frame = pd.DataFrame({"case": ["a", "b", "c"], "f": [1.5, "high", 2]})
    frame.to_excel(tmp_path / "t.xlsx", index=False)
    with pytest.raises(TableError, match="row 3, column 'f'"):
        FeatureTable.read(tmp_path / "t.xlsx")
