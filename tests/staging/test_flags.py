from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from radiofib.staging import ScannerFlags

names = st.one_of(st.sampled_from(["a", "b", "Vendor A", "é"]), st.none(), st.just(""))


@given(st.lists(names, min_size=1, max_size=20), st.lists(names, min_size=1, max_size=20))
def test_a_flag_is_set_only_for_a_known_scanner(train, test):
    flags = ScannerFlags().fit(pd.DataFrame({"scanner": train}, dtype=object))
    known = {v for v in train if v}
    found = flags.transform(pd.DataFrame({"scanner": test}, dtype=object))
    assert found.shape == (len(test), len(known))
    assert found.sum(axis=1).tolist() == [float(v in known) for v in test]


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA, pd.NaT, "", "  "])
def test_missing_is_none_of_the_known(missing):
    flags = ScannerFlags().fit(pd.DataFrame({"s": ["a", "b", missing]}, dtype=object))
    assert flags.categories_[0].tolist() == ["a", "b"]
    assert flags.transform(pd.DataFrame({"s": [missing]}, dtype=object)).tolist() == [[0, 0]]


def test_pandas_text_and_categories_are_the_same():
    values = ["b", "a", None]
    plain = ScannerFlags().fit_transform(pd.DataFrame({"s": pd.Series(values, dtype="str")}))
    category = ScannerFlags().fit_transform(pd.DataFrame({"s": pd.Categorical(values)}))
    assert plain.tolist() == category.tolist() == [[0, 1], [1, 0], [0, 0]]


def test_names_of_flags_are_column_names_and_unique():
    flags = ScannerFlags().fit(pd.DataFrame({"scanner": ["A/1", "A 1", "B"]}))
    assert flags.get_feature_names_out().tolist() == [
        "scanner_is_a_1",
        "scanner_is_a_1__2",
        "scanner_is_b",
    ]


def test_field_strength_may_be_a_number():
    flags = ScannerFlags().fit([[1.5], [3.0], [np.nan]])
    assert flags.transform([[3.0], [7.0]]).tolist() == [[0.0, 1.0], [0.0, 0.0]]


def test_infinity_is_refused():
    with pytest.raises(ValueError, match="infinity"):
        ScannerFlags().fit([[np.inf]])
