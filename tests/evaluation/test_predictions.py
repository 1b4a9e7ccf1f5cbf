from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from radiofib.errors import TableError
from radiofib.evaluation import (
    check_predictions,
    cross_validate,
    evaluate,
    predict_table,
    prediction_levels,
    read_predictions,
)
from radiofib.staging import make_stager
from tests.evaluation.conftest import LEVELS


@pytest.fixture
def frame():
    return pd.DataFrame(
        {
            "case": ["007", "008", "009"],
            "y_true": ["s1", "s2", "s2"],
            "p_s1": [0.7, 0.2, 0.4],
            "p_s2": [0.3, 0.8, 0.6],
        }
    )


def _file(frame, tmp_path):
    path = tmp_path / "predictions.csv"
    frame.to_csv(path, index=False)
    return path


def test_minimal_file(frame, tmp_path):
    found = read_predictions(_file(frame, tmp_path))
    assert found["case"].tolist() == ["007", "008", "009"]
    assert found["patient"].tolist() == ["007", "008", "009"]
    assert set(found["fold"]) == {"1"}
    assert set(found["setting"]) == {"given"}
    assert prediction_levels(found) == ("s1", "s2")


def test_our_own_file_comes_back(table, tmp_path):
    predictions, _ = cross_validate(table, make_stager("logistic"))
    found = read_predictions(_file(predictions, tmp_path))
    assert list(found.columns) == list(predictions.columns)
    pd.testing.assert_frame_equal(found, predictions, check_dtype=False, check_exact=True)
    direct = evaluate(predictions, levels=LEVELS, n_boot=50)
    read = evaluate(found, levels=LEVELS, n_boot=50)
    pd.testing.assert_frame_equal(direct.metrics, read.metrics)


def test_single_column_for_a_binary_question(tmp_path):
    frame = pd.DataFrame({"case": [1, 2], "y_true": [0, 1], "p": [0.25, 0.75]})
    found = read_predictions(_file(frame, tmp_path))
    assert found[["p_0", "p_1"]].to_numpy().tolist() == [[0.75, 0.25], [0.25, 0.75]]
    named = pd.DataFrame({"case": [1, 2], "y_true": ["no", "yes"], "p": [0.25, 0.75]})
    found = read_predictions(_file(named, tmp_path), levels=("no", "yes"))
    assert prediction_levels(found) == ("no", "yes")
    with pytest.raises(TableError, match="two levels only"):
        read_predictions(_file(named, tmp_path), levels=("a", "b", "c"))


def test_rounded_probabilities_are_scaled(frame):
    frame["p_s1"] = [0.703, 0.2, 0.4]
    found = check_predictions(frame)
    assert found[["p_s1", "p_s2"]].sum(axis=1).tolist() == pytest.approx([1, 1, 1], abs=1e-12)
    assert found["p_s1"].iloc[1] == 0.2


def test_probabilities_of_many_stages_with_two_decimals_are_scaled():
    frame = pd.DataFrame({"case": list("ab"), "y_true": ["f0", "f2"]})
    proba = np.array([[0.335, 0.335, 0.33], [0.145, 0.255, 0.6]])
    for level, column in zip(("f0", "f1", "f2"), np.ceil(proba * 100).T / 100, strict=True):
        frame[f"p_{level}"] = column
    found = check_predictions(frame).filter(like="p_").sum(axis=1)
    assert found.tolist() == pytest.approx([1, 1], abs=1e-12)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"p_s1": [0.7, None, 0.4]}, r"predictions.csv, row 3, column 'p_s1': not a probability"),
        ({"p_s1": [0.7, "x", 0.4]}, r"row 3, column 'p_s1'.*found 'x'"),
        ({"p_s1": [0.7, 0.2, 4]}, r"row 4, column 'p_s1'.*from 0 to 1"),
        ({"p_s2": [0.3, 0.5, 0.6]}, r"row 3: probabilities do not sum to one .*found 0\.7"),
        ({"y_true": ["s1", "s2x", "s2"]}, r"row 3, column 'y_true': unknown stage.*write 's2'"),
        ({"case": ["007", "008", "007"]}, r"rows 2, 4: a case is predicted more than once"),
        ({"case": ["007", None, "009"]}, r"row 3, column 'case'"),
        ({"patient": ["a", "b", None]}, r"row 4, column 'patient'"),
    ],
)
def test_what_is_wrong_is_named_with_its_row(frame, tmp_path, change, message):
    with pytest.raises(TableError, match=message):
        read_predictions(_file(frame.assign(**change), tmp_path))


def test_missing_columns_are_named(frame, tmp_path):
    with pytest.raises(TableError, match=r"column 'y_true' is missing.*rename 'Y_true'"):
        read_predictions(_file(frame.rename(columns={"y_true": "Y_true"}), tmp_path))
    with pytest.raises(
        TableError, match=r"do not fit the stage levels .*expected p_s1, p_s2, p_s3"
    ):
        read_predictions(_file(frame, tmp_path), levels=("s1", "s2", "s3"))


def test_instances_models_and_settings_may_repeat_a_case(frame):
    for column in ("instance", "model", "setting"):
        both = pd.concat([frame.assign(**{column: "a"}), frame.assign(**{column: "b"})])
        assert len(check_predictions(both)) == 6


def test_upper_case_levels_and_the_stage_order(frame, tmp_path):
    upper = frame.rename(columns={"p_s1": "p_S1", "p_s2": "p_S2"})
    upper["y_true"] = upper["y_true"].str.upper()
    found = read_predictions(_file(upper, tmp_path), levels=("S2", "S1"))
    assert prediction_levels(found) == ("s2", "s1")
    assert found["y_true"].tolist() == ["s1", "s2", "s2"]


@pytest.mark.parametrize("truth", [["no", "yes"], [1, 2]])
def test_binary_file_with_other_levels_is_told_the_option(truth, tmp_path):
    file = _file(pd.DataFrame({"case": [1, 2], "y_true": truth, "p": [0.2, 0.8]}), tmp_path)
    with pytest.raises(TableError, match=r"expected 0, 1; found .*--levels NEGATIVE,POSITIVE"):
        read_predictions(file)
    levels = [str(v) for v in truth]
    assert prediction_levels(read_predictions(file, levels=levels)) == tuple(levels)


def test_messages_hold_plain_numbers(frame):
    frame["p_s1"] = [0.7, 0.2, 4.0]
    with pytest.raises(TableError, match=r"row 4, .*found 4\.0 "):
        check_predictions(frame)


def test_a_table_is_aligned_by_name_and_empty_rows_have_no_stage(table):
    X = table.X
    model = make_stager("logistic").fit(X, table.obs["stage"].astype(str).to_numpy())
    wanted = predict_table(model, table, levels=LEVELS)
    more = X[X.columns[::-1]].assign(spare=1.0)
    found = predict_table(model, replace(table, X=more), levels=LEVELS)
    pd.testing.assert_frame_equal(found, wanted)
    with pytest.raises(TableError, match=f"missing.*{X.columns[0]}"):
        predict_table(model, replace(table, X=X.drop(columns=X.columns[0])), levels=LEVELS)
    holes = more.copy()
    holes.iloc[2, :-1] = np.nan
    found = predict_table(model, replace(table, X=holes), levels=LEVELS)
    empty = found[[f"p_{n}" for n in LEVELS]].isna().all(axis=1)
    assert empty.to_numpy().nonzero()[0].tolist() == [2]


def test_binary_file_without_case_names_its_own_columns(tmp_path):
    file = _file(pd.DataFrame({"id": [1, 2], "y_true": [0, 1], "p": [0.2, 0.8]}), tmp_path)
    with pytest.raises(TableError, match=r"'case' is missing.*found id, y_true, p\)"):
        read_predictions(file)
