"""Abstaining rules: where cut-offs are chosen, what they leave open, what is said of few cases."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from radiofib.errors import UsageError
from radiofib.evaluation.abstain import ABSTAIN_COLUMNS, AbstainRule, abstain_table
from radiofib.stats.safe_cutoffs import safe_cutoffs
from tests.evaluation import uncertainty_plan as plan
from tests.evaluation.made_predictions import LEVELS, made_predictions

TWO = {"A": plan.Judge(skill=1.2, believed=1.2), "B": plan.Judge(skill=0.9, believed=1.2)}
TARGET = "s4_vs_s1-3"


def _table(frame: pd.DataFrame, **settings: object) -> pd.DataFrame:
    return abstain_table(frame, levels=LEVELS, **settings)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def both() -> pd.DataFrame:
    return made_predictions(TWO, 80, unseen={"A": TWO["A"], "B": plan.harder(TWO["B"])})


@pytest.fixture(scope="module")
def table(both: pd.DataFrame) -> pd.DataFrame:
    return _table(both)


def _called(frame: pd.DataFrame, source: pd.DataFrame, by: str) -> pd.DataFrame:
    """Choose and apply cut-offs by hand: those of a fold on the rows of `source` outside of it."""
    parts = []
    for name, part in frame.groupby("fold"):
        others = source[source[by] != name]
        cut = safe_cutoffs(
            others["y_true"] == "s4", others["p_s4"], sensitivity=0.9, specificity=0.9
        )
        call = np.where(part["p_s4"] < cut.low, -1, np.where(part["p_s4"] >= cut.high, 1, 0))
        parts.append(part.assign(call=call))
    return pd.concat(parts)


def test_rates_are_those_of_cutoffs_chosen_on_other_patients(
    both: pd.DataFrame, table: pd.DataFrame
) -> None:
    cv, loso = (both[both["setting"] == s] for s in ("cv", "loso"))
    by_hand = {"cv": _called(cv, cv, "fold"), "loso": _called(loso, cv, "scanner")}
    assert list(table.columns) == list(ABSTAIN_COLUMNS)
    own = table[table["target"] == TARGET].set_index(["setting", "group", "subset", "metric"])
    for setting, frame in by_hand.items():
        groups = [("all", "", frame)]
        groups += [("scanner", str(s), part) for s, part in frame.groupby("scanner")]
        for group, subset, part in groups:
            positive = part["y_true"] == "s4"
            row = own.loc[(setting, group, subset)]["estimate"]
            assert row["sensitivity"] == pytest.approx((part["call"] >= 0)[positive].mean())
            assert row["specificity"] == pytest.approx((part["call"] <= 0)[~positive].mean())
            for name, value in (("ruled_out", -1), ("grey_zone", 0), ("ruled_in", 1)):
                assert row[name] == pytest.approx((part["call"] == value).mean())
            assert row[["ruled_out", "grey_zone", "ruled_in"]].sum() == pytest.approx(1)


def test_both_targets_and_a_turned_one_are_measured(table: pd.DataFrame) -> None:
    assert set(table["target"]) == {TARGET, "s1_vs_s2-4"}
    assert (table["low"] <= table["high"]).all()
    assert set(table["chosen_on"]) == {
        "the other folds",
        "cross-validated patients of the training scanners",
    }


def test_the_grey_zone_of_a_better_stager_is_smaller() -> None:
    grey = []
    for skill in (0.5, 1.0, 2.5):
        frame = made_predictions({"A": plan.Judge(skill=skill, believed=skill)}, 300)
        found = _table(frame).set_index(["target", "group", "metric"])["estimate"]
        grey.append(found[TARGET, "all", "grey_zone"])
    assert grey[0] > grey[1] + 0.1 > grey[2] + 0.2


def test_nothing_of_a_fold_moves_its_own_cutoffs(both: pd.DataFrame) -> None:
    spoilt = both.copy()
    mine = (spoilt["setting"] == "cv") & (spoilt["scanner"] == "A")
    turned = {"s1": "s4", "s2": "s3", "s3": "s2", "s4": "s1"}
    spoilt.loc[mine, "y_true"] = spoilt.loc[mine, "y_true"].map(turned)
    a, b = (
        _table(f)[lambda t: (t["setting"] == "loso") & (t["subset"] == "A")] for f in (both, spoilt)
    )
    assert a[["low", "high"]].equals(b[["low", "high"]])
    c, d = (
        _table(f)[lambda t: (t["setting"] == "loso") & (t["subset"] == "B")] for f in (both, spoilt)
    )
    assert not c[["low", "high"]].equals(d[["low", "high"]])


def test_without_cross_validation_other_left_out_scanners_choose() -> None:
    frame = made_predictions(TWO, 80, unseen=TWO)
    found = _table(frame[frame["setting"] == "loso"])
    assert set(found["chosen_on"]) == {"the other folds"}


def test_predictive_values_can_be_asked_for(both: pd.DataFrame) -> None:
    rule = AbstainRule(0.8, 0.7, "values")
    assert rule.name == "rule out at NPV 0.8, rule in at PPV 0.7"
    found = _table(both, rule=rule).set_index(["setting", "target", "group", "metric"])["estimate"]
    assert found["cv", TARGET, "all", "npv"] >= 0.8
    assert found["cv", TARGET, "all", "ppv"] >= 0.7


def test_too_few_cases_leave_all_open_and_say_so() -> None:
    found = _table(made_predictions({"A": plan.Judge(skill=3.0)}, 20))
    own = found[found["target"] == TARGET].set_index(["group", "metric"])
    assert own.loc[("all", "ruled_out"), "estimate"] == 0
    assert "positive cases, 9 are needed" in own.loc[("all", "grey_zone"), "note"]
    assert (own["low"] == -np.inf).all()


def test_others_of_one_side_leave_their_fold_open() -> None:
    frame = made_predictions(TWO, 60, unseen=TWO)
    mine = (frame["setting"] == "cv") & (frame["scanner"] == "A")
    frame.loc[mine, "y_true"] = "s4"
    found = _table(frame)[lambda t: (t["setting"] == "loso") & (t["target"] == TARGET)]
    shares = found[found["metric"] == "grey_zone"].set_index("subset")["estimate"]
    assert shares["B"] == 1
    assert shares["A"] < 1
    assert "B: the others are of one side only" in found["note"].iloc[0]


def test_one_fold_chooses_nothing() -> None:
    found = _table(made_predictions({"A": plan.Judge()}, 40).assign(fold="1"))
    assert set(found["note"]) == {"no other folds to choose cut-offs on"}
    assert found["estimate"].isna().all()


def test_images_of_a_patient_are_one_case() -> None:
    frame = made_predictions(TWO, 60, rows=3)
    frame.attrs["radiofib: repeats were warned about"] = True
    found = _table(frame)
    assert set(found["unit"]) == {"patient"}
    assert found[found["metric"] == "grey_zone"]["n"].max() == 120
    tenfold = _table(pd.concat([frame] * 5, ignore_index=True))
    pd.testing.assert_frame_equal(found, tenfold)


def test_a_patient_of_two_scanners_does_not_choose_for_themself() -> None:
    frame = made_predictions(TWO, 60, unseen=TWO)
    frame.loc[frame["patient"] == "B007", "patient"] = "A000"
    spoilt = frame.copy()
    mine = (spoilt["patient"] == "A000") & (spoilt["setting"] == "cv")
    spoilt.loc[mine, [f"p_{v}" for v in LEVELS]] = [0.97, 0.01, 0.01, 0.01]
    a, b = (
        _table(f)[lambda t: (t["setting"] == "loso") & (t["subset"] == "A")]
        for f in (frame, spoilt)
    )
    assert a[["low", "high"]].equals(b[["low", "high"]])


def test_impossible_rules_are_refused() -> None:
    with pytest.raises(UsageError, match="rates or values"):
        AbstainRule(by="npv")
    with pytest.raises(UsageError, match="between 0 and 1"):
        AbstainRule(rule_out=1.0)
