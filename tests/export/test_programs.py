"""SPSS, Stata, SAS, Parquet and Excel files, read back by the libraries at hand."""

from __future__ import annotations

import datetime as dt
import gzip
import math

import numpy as np
import pandas as pd
import pyreadstat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook

from radiofib.errors import ExportError
from radiofib.export import export_table
from radiofib.export.build import build_sheet
from radiofib.export.sas import write_xpt
from radiofib.export.spss import write_sav
from radiofib.export.stata import write_dta
from radiofib.table import FeatureTable, read_frame
from tests.export.builders import STAGE_LABELS, awkward_table, same_bits

READERS = {
    "sav": pyreadstat.read_sav,
    "dta": pyreadstat.read_dta,
    "xpt": pyreadstat.read_xport,
}
WRITERS = {"sav": write_sav, "dta": write_dta, "xpt": write_xpt}


def one_column(values, name="v", **obs) -> FeatureTable:
    described = {"case": [f"c{i}" for i in range(len(values))], **obs}
    return FeatureTable(pd.DataFrame({name: values}), pd.DataFrame(described))


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """The awkward table and its folder, in all formats."""
    out = tmp_path_factory.mktemp("export")
    table = awkward_table(extreme=False)
    formats = ["csv", "rds", "sav", "dta", "xpt", "parquet", "xlsx"]
    export_table(table, out, formats, stage_labels=STAGE_LABELS)
    return table, out


@pytest.mark.parametrize("kind", READERS)
def test_every_double_comes_back(exported, kind):
    table, out = exported
    frame, _ = READERS[kind](str(out / f"features.{kind}"))
    assert len(frame) == table.n_rows
    features = frame.iloc[:, -table.n_features :]
    assert same_bits(features.to_numpy(dtype=float), table.X.to_numpy())


@pytest.mark.parametrize("kind", READERS)
def test_describing_columns_come_back(exported, kind):
    table, out = exported
    frame, meta = READERS[kind](str(out / f"features.{kind}"))
    assert frame["case"].tolist() == table.obs["case"].tolist()
    assert frame["stage"].fillna(-1).tolist()[:4] == [1, 2, -1, 4]
    assert frame["hcc"].fillna(-1).tolist()[:3] == [-1, 0, 1]
    assert frame["age"].fillna(-1).tolist()[:3] == [-1, 41, 42]
    assert frame["note"].tolist()[:3] == ["fine", "", "日本語 ü"]
    days = [None if pd.isna(d) else d for d in frame["biopsy"][:3]]
    assert days == [dt.date(2020, 1, 2), None, dt.date(1959, 12, 31)]
    assert pd.isna(frame["read"][0])
    assert frame["read"][1] == dt.datetime(2020, 1, 2, 4, 4, 5)
    assert meta.column_names_to_labels["field_t"] == "field strength [T]"


def test_sav_has_labels_measures_and_wide_formats(exported):
    table, out = exported
    _, meta = pyreadstat.read_sav(str(out / "features.sav"))
    assert meta.column_names == [*table.obs, *table.X]
    assert meta.variable_value_labels["stage"] == dict(enumerate(STAGE_LABELS.values(), start=1))
    assert meta.variable_value_labels["hcc"] == {0: "no", 1: "yes"}
    measures = meta.variable_measure
    assert (measures["stage"], measures["scanner"], measures["age"]) == (
        "ordinal",
        "nominal",
        "scale",
    )
    formats = meta.original_variable_types
    assert {formats[c] for c in table.X} == {"E20.12"}
    assert (formats["biopsy"], formats["stage"], formats["field_t"]) == ("DATE11", "F5.0", "F16.1")
    label = meta.column_names_to_labels["us_original_firstorder_mean"]
    assert 254 <= len(label.encode()) <= 256
    assert label.startswith("Mittelwert ü Mittelwert ü")


def test_our_own_reader_gives_ordered_stages_back(exported):
    _, out = exported
    stage = read_frame(out / "features.sav")["stage"]
    assert stage.cat.ordered
    assert stage.cat.categories.tolist()[:2] == ["S1", "S2"]


def test_our_own_reader_keeps_numbers_of_which_only_some_have_labels(tmp_path):
    path = tmp_path / "codes.sav"
    frame = pd.DataFrame({"case": ["a", "b", "c"], "v": [1.5, -9.0, 2.5]})
    pyreadstat.write_sav(frame, str(path), variable_value_labels={"v": {-9: "not measured"}})
    assert read_frame(path)["v"].tolist() == [1.5, -9.0, 2.5]


def test_xpt_and_dta_use_the_aliases_of_the_codebook(exported):
    _, out = exported
    book = pd.read_csv(out / "codebook.csv", dtype=str)
    for kind in ("dta", "xpt"):
        _, meta = READERS[kind](str(out / f"features.{kind}"))
        assert meta.column_names == book["alias"].tolist()
    _, meta = pyreadstat.read_xport(str(out / "features.xpt"))
    stage = meta.column_names_to_labels["stage"]
    assert stage == "stage (1 = S1, 2 = S2, 3 = S3 größer, 4 = S4)"


def test_dta_has_labels_within_statas_limits(exported):
    _, out = exported
    _, meta = pyreadstat.read_dta(str(out / "features.dta"))
    assert len(meta.column_names_to_labels["us_original_firstorder_mean"]) <= 80
    assert meta.variable_value_labels["stage"][3] == "S3 größer"
    read = pd.read_stata(out / "features.dta")
    assert read["stage"].cat.categories.tolist()[:2] == ["S1", "S2"]


def test_parquet_keeps_table_codebook_and_provenance(exported):
    table, out = exported
    back = FeatureTable.from_parquet(out / "features.parquet")
    assert same_bits(back.X.to_numpy(), table.X.to_numpy())
    assert back.obs["stage"].cat.ordered
    assert back.obs["case"].tolist() == table.obs["case"].tolist()  # "=1+1" without a guard
    assert dict(back.provenance) == dict(table.provenance)


def test_workbook_holds_texts_only(exported):
    _, out = exported
    book = load_workbook(out / "codebook.xlsx")
    assert book.sheetnames == ["codebook", "missing"]
    cells = [cell for page in book for row in page.iter_rows() for cell in row if cell.value]
    assert {cell.data_type for cell in cells} == {"s"}
    assert "-sum(x) / N" in {cell.value for cell in cells}


@pytest.mark.external
def test_a_published_table_comes_back_from_every_format(external_data, tmp_path):
    source = external_data / "tabular" / "radmlbench" / "WORC-Liver.gz"
    (tmp_path / "liver.csv").write_bytes(gzip.decompress(source.read_bytes()))
    table = FeatureTable.read(tmp_path / "liver.csv", label="Target", case="ID")
    assert table.X.shape == (186, 1015)
    export_table(table, tmp_path, [*READERS, "csv"])
    for kind, reader in READERS.items():
        frame, _ = reader(str(tmp_path / f"features.{kind}"))
        assert same_bits(frame.iloc[:, 2:].to_numpy(dtype=float), table.X.to_numpy()), kind
    again = FeatureTable.read(tmp_path / "features.csv", label="Target")
    assert same_bits(again.X.to_numpy(), table.X.to_numpy())


finite = st.floats(allow_nan=False, allow_infinity=False)
bound = {"sav": 1.7e308, "dta": 8.9e307, "xpt": 1e70}
floor = {"sav": 0.0, "dta": 0.0, "xpt": 1e-70}


@pytest.mark.parametrize("kind", WRITERS)
@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_random_doubles_come_back(kind, data, tmp_path_factory):
    number = finite.filter(lambda v: v == 0 or floor[kind] <= abs(v) <= bound[kind])
    if kind == "xpt":
        number = number.map(lambda v: v + 0.0)  # no negative zero there
    values = data.draw(st.lists(number | st.just(math.nan), min_size=1, max_size=20))
    path = tmp_path_factory.getbasetemp() / f"random.{kind}"
    WRITERS[kind](build_sheet(one_column(values)), path)
    frame, _ = READERS[kind](str(path))
    assert same_bits(frame["v"].to_numpy(dtype=float), np.array(values))


@settings(deadline=None, max_examples=40)
@given(
    texts=st.lists(
        st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40),
        min_size=1,
        max_size=6,
    )
)
def test_random_texts_come_back_from_sav(texts, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "random_text.sav"
    write_sav(build_sheet(one_column([1.0] * len(texts), note=texts)), path)
    frame, _ = pyreadstat.read_sav(str(path))
    # SPSS pads texts with blanks.
    assert [t.rstrip(" ") for t in frame["note"]] == [t.rstrip(" ") for t in texts]


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("value", [math.inf, -math.inf])
def test_infinity_is_refused_with_case_and_column(kind, value, tmp_path):
    table = one_column([1.0, value], name="us_original_firstorder_mean")
    with pytest.raises(ExportError, match="infinity cannot be stored") as info:
        export_table(table, tmp_path, [kind])
    assert "us_original_firstorder_mean" in str(info.value)
    assert "'c1'" in str(info.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("kind", "value"),
    [("sav", 1.7976931348623157e308), ("dta", 1e308), ("xpt", 1e71), ("xpt", 1e-71)],
)
def test_numbers_a_program_reserves_or_cannot_hold_are_refused(kind, value, tmp_path):
    with pytest.raises(ExportError, match="out of range"):
        export_table(one_column([value]), tmp_path, [kind])


@pytest.mark.parametrize(("kind", "most"), [("sav", 32_767), ("dta", 2_045), ("xpt", 200)])
def test_texts_have_a_longest_length(kind, most, tmp_path):
    export_table(one_column([1.0, 2.0], note=["x" * most, None]), tmp_path, [kind])
    frame, _ = READERS[kind](str(tmp_path / f"features.{kind}"))
    assert frame["note"][0] == "x" * most
    with pytest.raises(ExportError, match="text too long"):
        export_table(one_column([1.0, 2.0], note=["x" * (most - 1) + "ü", ""]), tmp_path, [kind])


def test_sav_names_that_collide_are_resolved_and_recorded(tmp_path):
    X = pd.DataFrame({"Abc": [1.0], "abc": [2.0], "wavelet-LLH": [3.0], "x" * 70: [4.0]})
    export_table(FeatureTable(X, pd.DataFrame({"case": ["a"]})), tmp_path, ["sav", "dta", "xpt"])
    frame, _ = pyreadstat.read_sav(str(tmp_path / "features.sav"))
    book = pd.read_csv(tmp_path / "codebook.csv", dtype=str)
    assert frame.columns.tolist() == book["sav_name"].tolist()
    assert frame.iloc[0, 1:].tolist() == [1.0, 2.0, 3.0, 4.0]
    assert book["column"].tolist() == ["case", *X]
    assert len({name.lower() for name in book["sav_name"]}) == 5
    assert len({name.lower() for name in book["alias"]}) == 5


def test_value_labels_are_cut_to_120_bytes_and_stay_apart(tmp_path):
    levels = ["ü" * 100 + "1", "ü" * 100 + "2"]
    group = pd.Categorical(levels, categories=levels, ordered=True)
    export_table(one_column([1.0, 2.0], group=group), tmp_path, ["sav"])
    _, meta = pyreadstat.read_sav(str(tmp_path / "features.sav"))
    labels = list(meta.variable_value_labels["group"].values())
    assert len(set(labels)) == 2
    assert max(len(label.encode()) for label in labels) <= 120
