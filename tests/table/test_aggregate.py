"""Statistics over the instances of a case."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from radiofib.engines import ExtractionConfig
from radiofib.engines.columns import promised_columns
from radiofib.errors import ConfigError, TableError
from radiofib.extract import extract_features
from radiofib.registry import (
    FEATURES,
    IBSI_FEATURES,
    INSTANCE_FEATURES,
    LIVER_FEATURES,
    STATISTICS,
    codebook_rows,
    parse_column,
    statistic_spec,
)
from radiofib.table import DEFAULT_STATISTICS, FeatureTable, aggregate_instances
from tests.extract.cohorts import cohort, config, two_sequences

COLUMNS = ["t1_original_firstorder_mean", "t1_original_glcm_contrast", "dwi_wll_glcm_id"]


def table_of(values: np.ndarray, cases: list[str], **obs: Any) -> FeatureTable:
    frame = pd.DataFrame({"case": cases, "instance": [f"z{i}" for i in range(len(cases))], **obs})
    X = pd.DataFrame(values, columns=COLUMNS[: values.shape[1]])
    return FeatureTable(X, frame, codebook_rows(list(X)))


numbers = st.one_of(st.floats(-1e6, 1e6), st.just(math.nan))


@hypothesis_settings(max_examples=60)
@given(rows=st.lists(st.tuples(st.sampled_from("abc"), numbers, numbers), min_size=1, max_size=30))
def test_statistics_are_those_of_pandas_over_the_values_there_are(rows: list[Any]) -> None:
    values = np.array([row[1:] for row in rows], dtype=float)
    found = aggregate_instances(table_of(values, [row[0] for row in rows]), [*STATISTICS, "count"])
    assert found.obs["case"].tolist() == list(dict.fromkeys(row[0] for row in rows))
    for i, case in enumerate(found.obs["case"]):
        own = values[[row[0] == case for row in rows]]
        expected = {}
        for j, stem in enumerate(["firstorder_mean", "glcm_contrast"]):
            known = pd.Series(own[:, j]).dropna()
            expected[f"t1_original_avg{stem}"] = known.mean()
            expected[f"t1_original_std{stem}"] = known.std(ddof=1)
            for q in (10, 25, 50, 75, 90):
                expected[f"t1_original_q{q}{stem}"] = known.quantile(q / 100)
        expected["t1_original_instance_count"] = (~np.isnan(own)).any(axis=1).sum()
        assert found.X.loc[i].to_dict() == pytest.approx(expected, nan_ok=True, rel=1e-9, abs=1e-6)


def test_columns_stand_by_channel_then_statistic_and_are_in_the_codebook() -> None:
    found = aggregate_instances(table_of(np.ones((4, 3)), ["a", "a", "b", "b"]), ["q10", "mean"])
    assert list(found.X) == [
        "t1_original_q10firstorder_mean",
        "t1_original_q10glcm_contrast",
        "t1_original_avgfirstorder_mean",
        "t1_original_avgglcm_contrast",
        "dwi_wll_q10glcm_id",
        "dwi_wll_avgglcm_id",
    ]
    book = found.codebook.set_index("column")
    assert list(book.index) == list(found.X)
    row = book.loc["t1_original_q10glcm_contrast"]
    assert (row["channel"], row["family"], row["feature"]) == ("t1", "q10glcm", "contrast")
    assert row["label"] == "T1 original image, GLCM of instances: 10th percentile of contrast"
    assert row["ibsi_code"] == row["pyradiomics_name"] == ""
    assert "instance" not in found.obs


def test_default_knows_no_count() -> None:
    found = aggregate_instances(table_of(np.ones((2, 1)), ["a", "b"]))
    assert found.n_features == len(DEFAULT_STATISTICS) == 7
    assert not any("count" in c for c in found.X)


def test_every_feature_has_its_statistics() -> None:
    specs = (*FEATURES, *IBSI_FEATURES, *LIVER_FEATURES)
    known = {spec.key for spec in specs}
    for spec in specs:
        for name in STATISTICS:
            made = statistic_spec(spec, name)
            column = made.column("t1", "original")
            assert parse_column(column).spec == made
            assert parse_column(column).name == column
            # No feature's own name reads as a statistic of another.
            assert made.key not in known


def test_longest_columns_of_lifs_fit() -> None:
    every = ExtractionConfig.parse(
        {"image_types": {"Original": {}, "LoG": {"sigma": [1.0]}, "Wavelet": {}}}, where="test"
    )
    for ndim in (2, 3):
        for column in promised_columns(every, "ged4", ndim):
            one = parse_column(column)
            for name in STATISTICS:
                assert len(statistic_spec(one.spec, name).column("ged4", one.image)) <= 63


def test_a_name_that_does_not_fit_is_refused() -> None:
    X = pd.DataFrame({"phase10_original_gldm_small_dependence_high_gray_level_emphasis": [1.0]})
    table = FeatureTable(X, pd.DataFrame({"case": ["a"]}), codebook_rows(list(X)))
    with pytest.raises(ConfigError, match="shorten the channel name 'phase10' by 3"):
        aggregate_instances(table, ["q10"])


def test_reasons_follow_and_few_instances_have_no_sd() -> None:
    nan = np.nan
    values = np.array([[1, nan, nan], [2, nan, nan], [3, 5, 1]], dtype=float)
    plain = table_of(values, ["a", "a", "b"])
    missing = [
        ("a", "z0", "t1_original_glcm_contrast", "too small"),
        ("a", "z0", "dwi_*", "channel not acquired"),
        ("a", "z1", "t1_*", "the channel has no instance here"),
        ("a", "z1", "dwi_*", "channel not acquired"),
    ]
    frame = pd.DataFrame(missing, columns=["case", "instance", "column", "reason"], dtype="str")
    table = FeatureTable(plain.X, plain.obs, plain.codebook, frame)
    found = aggregate_instances(table, ["mean", "sd"])
    said = found.missing.to_dict("records")
    few = "fewer than two instances have a value"
    assert [(r["case"], r["instance"], r["column"], r["reason"]) for r in said] == [
        ("a", "", "t1_original_avgglcm_contrast", "too small"),
        ("a", "", "t1_original_stdglcm_contrast", "too small"),
        ("a", "", "dwi_*", "channel not acquired"),
        ("b", "", "t1_original_stdfirstorder_mean", few),
        ("b", "", "t1_original_stdglcm_contrast", few),
        ("b", "", "dwi_wll_stdglcm_id", few),
    ]


def test_what_is_known_of_a_case_is_what_its_rows_agree_on() -> None:
    stage = pd.Categorical(["s1", "s1", "s4"], categories=["s1", "s2", "s4"], ordered=True)
    table = table_of(
        np.ones((3, 1)),
        ["a", "a", "b"],
        patient=["p", "p", "q"],
        stage=stage,
        geom_t1_nx=[4.0, np.nan, 5.0],
        quality=["good", "bad", "good"],
        age=[61, 61, 70],
    )
    found = aggregate_instances(table, ["mean"]).obs
    assert found["stage"].dtype == stage.dtype
    assert found["geom_t1_nx"].tolist() == [4.0, 5.0]
    assert found["quality"].isna().tolist() == [True, False]
    assert found["age"].tolist() == [61, 70]
    wrong = table_of(np.ones((2, 1)), ["a", "a"], stage=["s1", "s2"])
    with pytest.raises(TableError, match="rows of one case disagree about stage"):
        aggregate_instances(wrong)


def test_tables_of_others_get_endings() -> None:
    X = pd.DataFrame({"entropy": [1.0, 3.0]})
    found = aggregate_instances(
        FeatureTable(X, pd.DataFrame({"case": ["a", "a"]})), ["mean", "q50"]
    )
    assert found.X.to_dict("list") == {"entropy_avg": [2.0], "entropy_q50": [2.0]}
    assert len(found.codebook) == 0


@pytest.mark.parametrize(("names", "hint"), [(["q11"], "q10"), (["mean", "mean"], "mean")])
def test_bad_statistics_are_refused(names: list[str], hint: str) -> None:
    with pytest.raises(TableError, match=hint):
        aggregate_instances(table_of(np.ones((1, 1)), ["a"]), names)


def test_an_empty_table_stays_empty() -> None:
    empty = table_of(np.ones((0, 2)), [])
    assert aggregate_instances(empty, ["mean"]).n_rows == 0


def test_an_extraction_sums_up_and_measures_once(tmp_path: Path) -> None:
    data = cohort(two_sequences(tmp_path), tmp_path)
    slices = {"kind": "slices", "min_pixels": 10}
    options: dict[str, Any] = {"pieces_dir": tmp_path / "pieces", "workers": 1}
    rows, _ = extract_features(data, config(instances=slices), **options)
    files = sorted((tmp_path / "pieces").iterdir())
    summed = config(instances=slices, aggregate=["mean", "q90"])
    cases, failures = extract_features(data, summed, **options)
    assert failures == []
    assert sorted((tmp_path / "pieces").iterdir()) == files
    expected = aggregate_instances(rows, ["mean", "q90"])
    pd.testing.assert_frame_equal(cases.X, expected.X)
    pd.testing.assert_frame_equal(cases.obs, expected.obs)
    assert cases.obs["case"].tolist() == ["m0", "m1", "m2"]
    assert cases.missing.to_dict("records") == [
        {"case": "m1", "instance": "", "column": "dwi_*", "reason": "channel not acquired"}
    ]
    cases.to_parquet(tmp_path / "t.parquet")
    assert FeatureTable.from_parquet(tmp_path / "t.parquet").X.equals(cases.X)


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"aggregate": ["mean"]}, "name what they are in 'instances'"),
        ({"instances": {"kind": "slices"}, "aggregate": ["mean", "mean"]}, "twice"),
        ({"instances": {"kind": "slices"}, "aggregate": ["median"]}, "'q50'"),
    ],
)
def test_bad_sections_are_refused(sections: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        config(**sections)


def test_the_count_is_registered() -> None:
    assert [spec.key for spec in INSTANCE_FEATURES] == ["instance_count"]
