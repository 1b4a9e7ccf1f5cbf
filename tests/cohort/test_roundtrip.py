from __future__ import annotations

import tempfile
import unicodedata
from pathlib import Path

import openpyxl
import pandas as pd
import pyreadstat
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from radiofib.cohort import Cohort
from radiofib.datacard import get_scheme
from radiofib.errors import CohortError

# Printable text without outer space; XLSX cannot hold everything that a control character is.
NAMES = (
    st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=12)
    .map(lambda t: t.strip())
    .filter(lambda t: t and t not in ("NA", "NaN", "nan"))
)
STAGES = st.sampled_from(["S1", "S2", "S3", "S4", None])
FACTS = st.fixed_dictionaries(
    {
        "patient": NAMES,
        "scanner": st.none() | NAMES,
        "field_t": st.none() | st.sampled_from([1.5, 3.0]),
        "stage": STAGES,
        "age": st.none() | st.integers(0, 120),
        # A spreadsheet keeps 15 digits.
        "score": st.none() | st.floats(-1e6, 1e6).map(lambda x: float(f"{x:.14g}")),
        "group": st.none() | st.sampled_from(["x", "y z", "<b>", "=1+1"]),
    }
)


@st.composite
def tables(draw):
    cases = draw(st.dictionaries(NAMES, FACTS, min_size=1, max_size=5))
    rows = []
    for case, facts in cases.items():
        for channel in draw(
            st.lists(st.sampled_from(["t1", "dwi", "ged4"]), min_size=1, unique=True)
        ):
            label = draw(st.none() | st.integers(1, 9))
            rows.append(
                {
                    "case": case,
                    "channel": channel,
                    "image": f"{len(rows)}.nii",
                    "mask_label": label,
                    **facts,
                }
            )
    return pd.DataFrame(rows)


def write(frame: pd.DataFrame, path: Path) -> None:
    if path.suffix == ".csv":
        frame.to_csv(path, index=False)
    elif path.suffix == ".parquet":
        frame.to_parquet(path)
    else:
        book = openpyxl.Workbook()
        sheet = book.active
        sheet.append(list(frame.columns))
        for r, row in enumerate(frame.itertuples(index=False, name=None), start=2):
            for c, value in enumerate(row, start=1):
                if not pd.isna(value):
                    cell = sheet.cell(r, c, value)
                    if isinstance(value, str):
                        cell.data_type = "s"  # else "=1+1" would be a formula
        book.save(path)


def typed(frame: pd.DataFrame) -> pd.DataFrame:
    kinds = {"mask_label": "Int64", "field_t": float, "age": float, "score": float}
    return frame.astype({k: v for k, v in kinds.items() if k in frame})


@pytest.mark.parametrize("suffix", [".csv", ".xlsx", ".parquet"])
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(table=tables())
def test_valid_rows_come_back_from_every_kind_of_file(suffix, table):
    table = typed(table)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"cohort{suffix}"
        write(table, path)
        found = Cohort.read(path, scheme="lifs", check_files=False)
        folder_path = Path(folder)
    assert not found.failures
    direct = Cohort.from_frame(table, root=folder_path, scheme="lifs", check_files=False)
    assert len(found.acquisitions) == len(table)
    assert found.acquisitions == direct.acquisitions
    lifs = get_scheme("lifs")
    for a, row in zip(found.acquisitions, table.to_dict("records"), strict=True):
        assert a.case == unicodedata.normalize("NFC", row["case"])
        assert a.channel == row["channel"]
        assert a.image == folder_path / row["image"]
        assert a.mask_label == (None if pd.isna(row["mask_label"]) else row["mask_label"])
        assert a.stage == (None if pd.isna(row["stage"]) else lifs.parse(row["stage"]))
        assert a.extra.get("age") == (None if pd.isna(row["age"]) else row["age"])
        score = None if pd.isna(row["score"]) else row["score"]
        assert a.extra.get("score") == score


@settings(max_examples=20, deadline=None)
@given(table=tables())
def test_written_and_read_again(table):
    one = Cohort.from_frame(typed(table), root=Path("r"), scheme="lifs", check_files=False)
    two = Cohort.from_frame(one.to_frame(), root=Path("r"), scheme="lifs", check_files=False)
    assert [a.key for a in one.acquisitions] == [a.key for a in two.acquisitions]
    pd.testing.assert_frame_equal(one.obs(), two.obs())
    assert [(a.image, a.mask_label) for a in one.acquisitions] == [
        (a.image, a.mask_label) for a in two.acquisitions
    ]


@settings(max_examples=20, deadline=None)
@given(table=tables(), data=st.data())
def test_order_of_rows_changes_nothing_but_the_order(table, data):
    table = typed(table)
    order = data.draw(st.permutations(range(len(table))))
    one = Cohort.from_frame(table, scheme="lifs", check_files=False)
    two = Cohort.from_frame(table.iloc[order], scheme="lifs", check_files=False)
    assert {a.key for a in one.acquisitions} == {a.key for a in two.acquisitions}
    assert one.channels == two.channels
    key = ["case"]
    left = one.obs().sort_values(key, ignore_index=True)
    right = two.obs().sort_values(key, ignore_index=True)
    pd.testing.assert_frame_equal(left, right)


COLUMNS = ("case", "image", "channel", "mask_label", "stage", "scanner", "x")
CELLS = st.one_of(
    st.none(), st.text(max_size=6), st.integers(-3, 9), st.floats(), st.booleans(), st.just("S1")
)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.fixed_dictionaries(dict.fromkeys(COLUMNS, CELLS)),
        min_size=1,
        max_size=6,
    )
)
def test_any_table_gives_each_row_an_acquisition_or_a_failure(rows):
    frame = pd.DataFrame(rows, dtype=object)
    try:
        found = Cohort.from_frame(frame, scheme="lifs", check_files=False)
    except CohortError:
        return
    good = {a.row for a in found.acquisitions}
    assert len(good) == len(found.acquisitions)
    assert len({a.key for a in found.acquisitions}) == len(found.acquisitions)
    lost = len(frame) - len(good)
    assert (lost > 0) >= (len(found.failures) > 0)
    assert len(found.obs()) == len(found.rows)


def test_sav(tmp_path):
    frame = pd.DataFrame({"case": [1.0, 2.0], "image": ["a.png", "b.png"], "fat": [1.0, 0.0]})
    labels = {"fat": {0.0: "healthy", 1.0: "steatosis"}}
    pyreadstat.write_sav(frame, tmp_path / "c.sav", variable_value_labels=labels)
    found = Cohort.read(tmp_path / "c.sav", label="fat", check_files=False)
    assert found.cases == ("1", "2")
    assert [a.stage for a in found.acquisitions] == ["steatosis", "healthy"]
    assert found.scheme.levels == ("healthy", "steatosis")
    pyreadstat.write_sav(frame.assign(fat=[1.0, 9.0]), tmp_path / "d.sav")
    other = Cohort.read(tmp_path / "d.sav", label="fat", scheme="binary", check_files=False)
    # SPSS has no header row: its first case is row 1.
    assert "d.sav, row 2, column 'fat'" in other.failures[0].reason
