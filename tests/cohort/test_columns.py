from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radiofib.cohort import KNOWN_COLUMNS
from radiofib.cohort.columns import name_columns, near_miss
from radiofib.errors import CohortError


@pytest.mark.parametrize(
    ("column", "known"),
    [
        ("scaner", "scanner"),
        ("Stage ", "stage"),
        ("STAGE", "stage"),
        ("Case", "case"),
        ("mask label", "mask_label"),
        ("MaskLabel", "mask_label"),
        ("chanel", "channel"),
        ("iamge", "image"),
        ("images", "image"),
        ("masks", "mask"),
        ("patient_id", "patient"),
        ("Patient ID", "patient"),
        ("refernce_metod", "reference_method"),
        ("intervall_day", "interval_days"),
        ("field-t", "field_t"),
        ("imagepath", "image"),
    ],
)
def test_near_misses(column, known):
    assert near_miss(column, []) == known
    rest = [c for c in ("case", "image") if c != known]
    with pytest.raises(CohortError, match=f"'{known}'") as caught:
        name_columns([column, *rest], label="stage", where="c.csv")
    assert "c.csv" in str(caught.value)


@pytest.mark.parametrize(
    "column",
    ["age", "sex", "race", "size", "mass", "date", "bmi", "stage2", "afp", "alt", "ast",
     "platelets", "state_of_origin", "diagnosis", "fib4", "quality_of_life", "肝硬度"],
)  # fmt: skip
def test_ordinary_covariates_are_left_alone(column):
    assert near_miss(column, []) is None
    assert near_miss(column, KNOWN_COLUMNS) is None


def test_a_slip_beside_the_right_column_is_a_covariate():
    assert near_miss("state", ["stage"]) is None
    assert near_miss("Stage", ["stage"]) == "stage"


@given(st.sampled_from([c for c in KNOWN_COLUMNS if len(c) > 4]), st.data())
def test_one_letter_lost_or_doubled_is_noticed(known, data):
    letters = [i for i, c in enumerate(known) if c != "_"]
    place = data.draw(st.sampled_from(letters))
    others = [c for c in KNOWN_COLUMNS if c != known]
    for wrong in (known[:place] + known[place + 1 :], known[:place] + known[place] + known[place:]):
        if wrong not in KNOWN_COLUMNS:
            assert near_miss(wrong, others) == known


@given(st.text(max_size=30), st.lists(st.sampled_from(KNOWN_COLUMNS), unique=True))
def test_any_column_is_judged(column, present):
    found = near_miss(column, present)
    assert found is None or found in KNOWN_COLUMNS


@pytest.mark.parametrize(
    ("columns", "label", "message"),
    [
        (["image"], "stage", "no column 'case'"),
        (["case"], "stage", "no column 'image'"),
        (["x"], "stage", "no column 'case' and no column 'image'"),
        (["case", "image", "image"], "stage", "duplicate column"),
        (["case", "image"], "steatosis", "no column 'steatosis' for the label"),
        (["case", "image", "geom_x"], "stage", "reserved"),
        (["ID", "Image", "mask"], "stage", "nearly"),
    ],
)
def test_headers_that_cannot_be_used(columns, label, message):
    with pytest.raises(CohortError, match=message):
        name_columns(columns, label=label, where="c.csv")


def test_another_label_leaves_the_stage_as_a_covariate():
    names, _ = name_columns(["case", "image", "stage", "fat"], label="fat", where="c.csv")
    assert names["fat"] == "stage"
    assert names["stage"] == "stage_in_table"


def test_batch_names():
    names, batch = name_columns(
        ["ID", "Image", "Mask", "Label", "Patient", "Stage", "age"], label="stage", where="c.csv"
    )
    assert batch
    assert names == {
        "ID": "case",
        "Image": "image",
        "Mask": "mask",
        "Label": "mask_label",
        "Patient": "patient",
        "Stage": "stage",
        "age": "age",
    }


@pytest.mark.parametrize("column", ["label", "Label", "LABEL "])
def test_a_label_must_say_whose_it_is(column):
    columns = ["case", "image", "mask", column]
    with pytest.raises(CohortError, match="'mask_label'") as caught:
        name_columns(columns, label="stage", where="c.csv")
    assert f"c.csv, column {column!r}" in str(caught.value)
    assert name_columns(columns, label=column, where="c.csv")[0][column] == "stage"
    ours, _ = name_columns([*columns[:3], "mask_label"], label="stage", where="c.csv")
    assert ours["mask_label"] == "mask_label"
