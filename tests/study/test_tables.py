"""Training on a table: what is refused, and what the model file says of its labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from radiofib.errors import TableError
from radiofib.staging import load_stager
from radiofib.study import train_table
from radiofib.table import FeatureTable


def _table(labels: object, empty: bool = False) -> FeatureTable:
    X = pd.DataFrame({"f": np.arange(12) % 3 + 0.5, "g": np.full(12, np.nan)})
    obs = pd.DataFrame({"case": [f"c{i}" for i in range(12)], "kind": labels})
    return FeatureTable(X[["g"]] if empty else X, obs)


TEXTS = ["tumour", "cyst", "healthy"] * 4


def test_a_table_without_a_value_trains_nothing(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="no feature has a value"):
        train_table(_table(TEXTS, empty=True), tmp_path / "m.skops", label="kind")
    assert not list(tmp_path.iterdir())


def test_values_of_unlabelled_rows_do_not_count(tmp_path: Path) -> None:
    table = _table(["F0", "F1", None] * 4)
    table.X.loc[table.obs["kind"].notna(), "f"] = np.nan
    with pytest.raises(TableError, match=r"2 feature column\(s\), 8 labelled row"):
        train_table(table, tmp_path / "m.skops", label="kind")


@pytest.mark.parametrize(
    ("labels", "ordered", "levels"),
    [
        (TEXTS, False, ["cyst", "healthy", "tumour"]),
        (pd.Categorical(TEXTS), False, ["cyst", "healthy", "tumour"]),
        (
            pd.Categorical(TEXTS, ["healthy", "cyst", "tumour"], ordered=True),
            True,
            ["healthy", "cyst", "tumour"],
        ),
        (["F10", "F2", "F1"] * 4, True, ["f1", "f2", "f10"]),
    ],
)
def test_only_labels_with_an_order_are_ordered(
    tmp_path: Path, labels: object, ordered: bool, levels: list[str]
) -> None:
    path = tmp_path / "m.skops"
    scheme = train_table(_table(labels), path, label="kind", stager="logistic")
    _, metadata = load_stager(path)
    assert scheme.ordered is ordered
    assert list(scheme.levels) == metadata["levels"] == levels
    assert metadata["ordered"] is ordered
    assert metadata["columns"] == 1
    if not ordered:
        assert set(metadata["labels"].values()) == set(TEXTS)
