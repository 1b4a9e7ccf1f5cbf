"""Names written as numbers stay names; columns of one name are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from radiofib.errors import TableError
from radiofib.staging import stager_frame
from radiofib.table import FeatureTable
from radiofib.table.columns import names_of


def _frame(scanner: object) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "case": [1.0, 2.0, 3.0],
            "patient": [7, 8, 9],
            "scanner": scanner,
            "vendor": [1.0, np.nan, 2.0],
            "site": [4, 4, 5],
            "field_t": [1.5, 3.0, np.nan],
            "x": [0.5, 1.0, 2.0],
        }
    )


def _write(frame: pd.DataFrame, path: Path) -> Path:
    if path.suffix == ".csv":
        frame.to_csv(path, index=False)
    elif path.suffix == ".xlsx":
        frame.to_excel(path, index=False)
    elif path.suffix == ".parquet":
        frame.to_parquet(path)
    else:
        import pyreadstat

        pyreadstat.write_sav(frame, str(path))
    return path


@pytest.mark.parametrize("suffix", [".csv", ".xlsx", ".sav", ".parquet"])
@pytest.mark.parametrize("scanner", [[1, 2, 3], [1.0, np.nan, 3.0]])
def test_whole_numbers_that_name_become_text(
    tmp_path: Path, suffix: str, scanner: list[float]
) -> None:
    table = FeatureTable.read(_write(_frame(scanner), tmp_path / f"t{suffix}"))
    found = stager_frame(table, ("scanner", "vendor", "site", "patient", "field_t"))
    expected = [None if np.isnan(v) else str(int(v)) for v in scanner]
    assert found["scanner"].tolist() == expected
    assert found["vendor"].tolist() == ["1", None, "2"]
    assert found["site"].tolist() == ["4", "4", "5"]
    assert found["patient"].tolist() == ["7", "8", "9"]
    assert table.obs["case"].tolist() == ["1", "2", "3"]
    assert found["field_t"].tolist()[:2] == [1.5, 3.0]
    assert table.X.columns.tolist() == ["x"]


@pytest.mark.parametrize("suffix", [".csv", ".xlsx", ".parquet"])
def test_text_stays_text(tmp_path: Path, suffix: str) -> None:
    names = ["007", "GE 1.0", "v1.50"]
    table = FeatureTable.read(_write(_frame(names), tmp_path / f"t{suffix}"))
    assert stager_frame(table, "scanner")["scanner"].tolist() == names


@given(st.lists(st.none() | st.integers(0, 10**6), min_size=1, max_size=10))
def test_a_number_has_one_name_whatever_stands_beside_it(values: list[int | None]) -> None:
    floats = names_of(pd.Series(values, dtype=np.float64, name="scanner"))
    assert [None if pd.isna(v) else v for v in floats] == [
        None if v is None else str(v) for v in values
    ]


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
def test_columns_of_one_name_are_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"t{suffix}"
    frame = pd.DataFrame([["a", 1.0, 2.0], ["b", 3.0, 4.0]], columns=["case", "x", "x"])
    _write(frame, path)
    with pytest.raises(TableError, match=r"column.*'?x'?"):
        FeatureTable.read(path)


def test_columns_called_alike_by_the_user_are_kept(tmp_path: Path) -> None:
    frame = pd.DataFrame([["a", 1.0, 2.0], ["b", 3.0, 4.0]], columns=["case", "x", "x.1"])
    table = FeatureTable.read(_write(frame, tmp_path / "t.csv"))
    assert table.X.columns.tolist() == ["x", "x.1"]
