"""Copies of a picture stay on one side of every split, whoever they are said to be of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radiofib.errors import SplitError
from radiofib.evaluation import (
    Split,
    check_no_leak,
    cross_validate,
    fixed_splits,
    id_ood_splits,
    leave_one_centre_out,
    leave_one_scanner_out,
    nested_folds,
    patient_folds,
)
from radiofib.evaluation.audit import audit
from radiofib.evaluation.clinical import setting_splits
from radiofib.evaluation.drawn_parts import draw_parts
from radiofib.evaluation.linked import copy_groups, link_groups
from radiofib.staging import LogisticStager
from radiofib.table import FeatureTable

N = 72
PATIENTS = [f"p{k // 2}" for k in range(N)]
STAGES = [k // 2 % 2 for k in range(N)]
SCANNERS = ["x", "y", "z"] * (N // 3)


def ways(copies: Any) -> dict[str, Callable[[], list[Split]]]:
    """Return every splitting function of the package, asked with groups of copies."""
    return {
        "patient_folds": lambda: patient_folds(PATIENTS, STAGES, folds=3, copies=copies),
        "nested outer": lambda: [
            s.outer for s in nested_folds(PATIENTS, STAGES, outer=3, inner=2, copies=copies)
        ],
        "nested inner": lambda: [
            i
            for s in nested_folds(PATIENTS, STAGES, outer=3, inner=2, copies=copies)
            for i in s.inner
        ],
        "scanner": lambda: leave_one_scanner_out(PATIENTS, SCANNERS, copies=copies)[0],
        "centre": lambda: leave_one_centre_out(PATIENTS, SCANNERS, copies=copies)[0],
        "ood": lambda: id_ood_splits(PATIENTS, STAGES, SCANNERS, ood=["z"], copies=copies)[0],
    }


def torn(splits: list[Split], copies: Any) -> int:
    groups = np.array([f"none{k}" if c is None else c for k, c in enumerate(copies)])
    return sum(bool(set(groups[s.train]) & set(groups[s.test])) for s in splits)


@settings(max_examples=15)
@given(
    given_copies=st.lists(
        st.one_of(st.none(), st.none(), st.none(), st.integers(0, 8).map("g{}".format)),
        min_size=N,
        max_size=N,
    ),
    way=st.sampled_from(list(ways(None))),
)
def test_no_group_is_parted_by_any_way_of_splitting(given_copies: list[Any], way: str) -> None:
    try:
        splits = ways(given_copies)[way]()
    except SplitError as error:
        assert "too few" in str(error) or "no patient" in str(error)  # noqa: PT017
        return
    assert torn(splits, given_copies) == 0
    check_no_leak(splits, PATIENTS, copies=given_copies) if "inner" not in way else None


def test_without_groups_they_are_parted() -> None:
    copies = [f"g{k % 9}" if k % 2 else None for k in range(N)]
    assert torn(ways(None)["patient_folds"](), copies) > 0


def test_published_parts_that_tear_a_group_are_refused() -> None:
    parts = ["train"] * 40 + ["test"] * 32
    copies: list[Any] = [None] * N
    assert len(fixed_splits(PATIENTS, parts, copies=copies)) == 1
    copies[3] = copies[60] = "g1"
    with pytest.raises(SplitError, match=r"copies of one picture.* are in training and test"):
        fixed_splits(PATIENTS, parts, copies=copies)


def test_pictures_that_are_one_through_a_third_part_are_named_too() -> None:
    parts = ["train", "test", "val", "val"]
    patients, copies = ["a", "c", "b", "b"], ["g1", "g2", "g1", "g2"]
    with pytest.raises(SplitError, match="pictures shared, through others, with a"):
        fixed_splits(patients, parts, copies=copies)


def test_pictures_in_two_given_parts_are_not_dealt() -> None:
    given: list[Any] = ["train", "external", None]
    with pytest.raises(SplitError, match=r"case x of patient a in train and case y of"):
        draw_parts(
            list("abc"), [0, 0, 0], {"train": 0.5, "test": 0.5}, given=given,
            copies=["g1", "g1", None], cases=list("xyz"),
        )  # fmt: skip


def test_links_run_through_patients() -> None:
    copies = ["g1", None, None, "g1", "g2", None, None, "g2"]
    found = link_groups(list("abbbbcdc"), copies).tolist()
    assert found == ["a", "a", "a", "a", "a", "a", "d", "a"]
    groups = copy_groups(pd.DataFrame({"image_group": ["g", None]}))
    assert groups is not None
    assert pd.isna(groups).tolist() == [False, True]


def copied_table(seed: int = 0, distinct: int = 60, times: int = 4) -> FeatureTable:
    """Many copies of few pictures that say nothing of the stage, each file its own patient."""
    rng = np.random.default_rng(seed)
    X = np.repeat(rng.normal(size=(distinct, 80)), times, axis=0)
    X += 0.001 * rng.normal(size=X.shape)
    stages = np.repeat(rng.permutation(distinct) % 2, times)
    n = distinct * times
    obs = pd.DataFrame(
        {
            "case": [f"c{k:03d}" for k in range(n)],
            "stage": pd.Categorical(np.array(["f0", "f4"])[stages], ordered=True),
            "image_group": [f"g{k // times:05d}" for k in range(n)],
            "image_copy_of": [
                None if k % times == 0 else f"c{k - k % times:03d}" for k in range(n)
            ],
            "image_copy": [None if k % times == 0 else "same picture" for k in range(n)],
        }
    )
    return FeatureTable(pd.DataFrame(X).rename(columns=lambda i: f"us_f{i}"), obs)


def accuracy(table: FeatureTable) -> float:
    found, failures = cross_validate(table, LogisticStager(), folds=5)
    assert failures == []
    return float(((found["p_f4"] > 0.5) == (found["y_true"] == "f4")).mean())


def test_a_random_split_of_copies_inflates_and_a_grouped_one_does_not() -> None:
    table = copied_table()
    blind = FeatureTable(table.X, table.obs[["case", "stage"]])
    assert accuracy(blind) > 0.75
    assert accuracy(table) < 0.65
    assert torn(setting_splits(table, "cv"), table.obs["image_group"]) == 0
    assert torn(setting_splits(blind, "cv"), table.obs["image_group"]) > 0


def test_given_splits_that_tear_a_group_are_refused() -> None:
    table = copied_table()
    blind = FeatureTable(table.X, table.obs[["case", "stage"]])
    with pytest.raises(SplitError, match="copies of one picture"):
        cross_validate(table, LogisticStager(), splits=setting_splits(blind, "cv"))


def test_the_audit_lists_copies_by_picture() -> None:
    table = copied_table(times=3)
    obs = table.obs.assign(patient=table.obs["case"], split=["train", "test", "train"] * 60)
    obs.loc[1, "image_copy"] = "same file"
    # The second copy of the second picture bears another stage.
    obs.loc[5, "stage"] = "f4" if obs.loc[5, "stage"] == "f0" else "f0"
    X = pd.DataFrame(np.random.default_rng(1).normal(size=table.X.shape), columns=table.X.columns)
    found = audit(FeatureTable(X, obs), shuffles=100)
    evidence = found.evidence["duplicates"]
    assert evidence["kind"].value_counts().to_dict() == {"same picture": 119, "same file": 1}
    verdicts = found.verdicts.set_index("check")
    assert verdicts.loc["exact_duplicates", "statistic"] == 1
    assert verdicts.loc["near_duplicates", "statistic"] == 119
    assert verdicts.loc["duplicates_across_stages", "statistic"] == 1
    assert verdicts.loc["duplicates_across_splits", "verdict"] == "found"


def test_a_sweep_of_one_patient_is_no_finding() -> None:
    table = copied_table(times=2)
    obs = table.obs.assign(patient=table.obs["image_group"])
    obs["image_copy"] = obs["image_copy"].where(obs["image_copy"].isna(), "same sweep")
    X = pd.DataFrame(np.random.default_rng(1).normal(size=table.X.shape), columns=table.X.columns)
    found = audit(FeatureTable(X, obs), shuffles=100)
    assert not len(found.evidence["duplicates"])
