"""Folding reasons into patterns loses nothing."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from radiofib.table.reasons import fold_reasons, matching_columns, unfold_reasons

COLUMNS = [
    f"{channel}_{image}_{family}_{feature}"
    for channel in ("t1", "t10")
    for image in ("original", "w2ll")
    for family in ("glcm", "gldm")
    for feature in ("id", "id_long")
]


@given(st.lists(st.sampled_from(["", "small", "large"]), min_size=16, max_size=16))
def test_fold_then_unfold_is_the_identity(reasons: list[str]) -> None:
    given_reasons = {c: r for c, r in zip(COLUMNS, reasons, strict=True) if r}
    folded = fold_reasons(given_reasons, COLUMNS)
    assert unfold_reasons(folded, COLUMNS) == given_reasons
    named = [c for pattern in folded for c in matching_columns(pattern, COLUMNS)]
    assert len(named) == len(set(named))
    assert len(folded) <= len(given_reasons)


def test_one_reason_for_a_channel_is_one_pattern() -> None:
    reasons = {c: "gone" for c in COLUMNS if c.startswith("t1_")}
    assert fold_reasons(reasons, COLUMNS) == {"t1_*": "gone"}


def test_a_column_on_its_own_keeps_its_name() -> None:
    assert fold_reasons({"us_original_glcm_id": "x"}, ["us_original_glcm_id"]) == {
        "us_original_glcm_id": "x"
    }
