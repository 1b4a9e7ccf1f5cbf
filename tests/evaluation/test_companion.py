"""What stands beside a stored stager: kept to the bit, told from others, applied to new cases."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from radiofib.errors import ModelError
from radiofib.evaluation import cross_validate, predict_table
from radiofib.evaluation.abstain import AbstainRule
from radiofib.evaluation.companion import Companion, companion_path, training_scores
from radiofib.evaluation.stored_thresholds import add_sets, learn_thresholds
from radiofib.simulate.cohorts import TableSettings, simulate_table
from radiofib.staging import make_stager, save_stager, stager_frame
from radiofib.staging.distance import TrainingDistance
from radiofib.stats.conformal import set_ends, set_members, stage_scores
from radiofib.stats.safe_cutoffs import safe_cutoffs
from radiofib.table import FeatureTable
from tests.evaluation import uncertainty_plan as plan
from tests.evaluation.made_predictions import LEVELS, made_predictions

JUDGES = {"A": plan.EASY, "B": plan.HARD}


@pytest.fixture(scope="module")
def table() -> FeatureTable:
    return simulate_table(120, seed=3, settings=TableSettings(features_per_channel=5)).table


@pytest.fixture(scope="module")
def model(table: FeatureTable, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "model.skops"
    stager = make_stager("logistic")
    stager.fit(stager_frame(table), table.obs["stage"].astype(str).to_numpy())
    save_stager(stager, path, metadata={"levels": list(LEVELS)})
    return path


@pytest.fixture(scope="module")
def companion(table: FeatureTable) -> Companion:
    parts = [cross_validate(table, make_stager("logistic"), setting=s)[0] for s in ("cv", "loso")]
    predictions = pd.concat(parts, ignore_index=True)
    distance = TrainingDistance(patient_column="patient").fit(
        table.X, context=table.obs[["patient"]].astype(str)
    )
    thresholds = learn_thresholds(predictions, levels=LEVELS, ordered=True)
    scores = training_scores(predictions, ordered=True)
    return Companion(distance, ("A", "B1", "B2"), scores, thresholds)


def test_it_reads_back_as_it_was_and_equal_ones_have_equal_bytes(
    companion: Companion, model: Path
) -> None:
    path = companion.write(model)
    first = path.read_bytes()
    assert companion.write(model).read_bytes() == first
    assert path == companion_path(model)
    again = Companion.read(model)
    assert again is not None
    assert again.thresholds == companion.thresholds
    assert again.scanners == companion.scanners
    assert np.array_equal(again.scores, companion.scores)
    for a, b in zip(
        again.distance.state()[1].values(), companion.distance.state()[1].values(), strict=True
    ):
        assert np.array_equal(a, b, equal_nan=True)


def test_it_holds_numbers_and_text_only(companion: Companion, model: Path) -> None:
    with zipfile.ZipFile(companion.write(model)) as archive:
        names = archive.namelist()
        assert {n.rpartition(".")[2] for n in names} == {"json", "npy"}
        for name in names:
            if name.endswith(".npy"):
                array = np.load(io.BytesIO(archive.read(name)), allow_pickle=False)
                assert array.dtype == np.float64


def test_another_models_and_damaged_ones_are_refused(
    companion: Companion, model: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.skops"
    assert Companion.read(other) is None
    other.write_bytes(model.read_bytes() + b" ")
    companion_path(other).write_bytes(companion.write(model).read_bytes())
    with pytest.raises(ModelError, match=r"other_uncertainty.npz.*does not belong"):
        Companion.read(other)
    for content in (b"", b"PK\x03\x04", companion_path(model).read_bytes()[:-200]):
        companion_path(other).write_bytes(content)
        with pytest.raises(ModelError, match="cannot be read"):
            Companion.read(other)


def test_new_cases_are_described_in_their_own_order(
    companion: Companion, table: FeatureTable
) -> None:
    stager = make_stager("logistic")
    stager.fit(stager_frame(table), table.obs["stage"].astype(str).to_numpy())
    new = simulate_table(30, seed=4, settings=TableSettings(features_per_channel=5)).table
    turned = new.subset(np.arange(new.n_rows)[::-1])
    found = []
    for part in (new, turned):
        predictions = predict_table(stager, part, levels=LEVELS)
        said, quality = companion.describe(predictions, part)
        assert said["case"].tolist() == part.obs["case"].tolist()
        assert len(quality) == 3
        pd.testing.assert_frame_equal(said[predictions.columns.tolist()], predictions)
        found.append(said.set_index("case"))
    pd.testing.assert_frame_equal(found[0], found[1].loc[found[0].index])
    added = ["distance_p", "unfamiliar", "unfamiliar_channel", "set_low", "set_high", "set_for"]
    calls = ["call_s4_vs_s1_3", "call_s1_vs_s2_4"]
    assert [c for c in found[0] if c not in predictions] == [*added, *calls]


def test_rows_without_features_are_described_as_nothing(
    companion: Companion, table: FeatureTable
) -> None:
    stager = make_stager("logistic")
    stager.fit(stager_frame(table), table.obs["stage"].astype(str).to_numpy())
    X = table.X.copy()
    X.iloc[0] = np.nan
    bare = FeatureTable(X, table.obs)
    said, quality = companion.describe(predict_table(stager, bare, levels=LEVELS), bare)
    assert said.loc[0, ["distance_p", "set_low", "call_s4_vs_s1_3"]].isna().all()
    assert said.loc[1:, ["distance_p", "set_low", "call_s4_vs_s1_3"]].notna().all().all()
    assert "1 rows without features" in quality["note"].tolist()


def test_each_place_has_its_own_threshold() -> None:
    frame = made_predictions(JUDGES, unseen={"A": plan.EASY, "B": plan.harder(plan.HARD)})
    known = learn_thresholds(frame, levels=LEVELS, ordered=True)
    assert list(known.sets) == [
        "training scanners",
        "same scanner A",
        "same scanner B",
        "unseen scanner",
    ]
    limits = {name: limit for name, (limit, _) in known.sets.items()}
    assert limits["same scanner A"] < limits["training scanners"] < limits["same scanner B"]
    new = frame.head(4).assign(scanner=["A", "B", "C", None])
    new[[f"p_{v}" for v in LEVELS]] = [0.05, 0.15, 0.3, 0.5]
    new["patient"] = list("wxyz")
    said = add_sets(new, known, ("A", "B"))
    assert said["set_for"].tolist() == ["same scanner"] * 2 + ["unseen scanner"] * 2
    scores = stage_scores([[0.05, 0.15, 0.3, 0.5]])
    places = ["same scanner A", "same scanner B", "unseen scanner", "unseen scanner"]
    for row, place in enumerate(places):
        low, high = set_ends(set_members(scores, limits[place]))
        assert said.loc[row, ["set_low", "set_high"]].tolist() == [LEVELS[low[0]], LEVELS[high[0]]]


def test_calls_are_those_of_the_cutoffs_and_of_the_patient() -> None:
    frame = made_predictions(JUDGES, 80)
    known = learn_thresholds(frame, levels=LEVELS, ordered=True, rule=AbstainRule(0.9, 0.8))
    cut = safe_cutoffs(frame["y_true"] == "s4", frame["p_s4"], sensitivity=0.9, specificity=0.8)
    said = add_sets(frame, known, ("A", "B"))
    p = frame["p_s4"]
    expected = np.where(p < cut.low, "rule_out", np.where(p >= cut.high, "rule_in", "grey"))
    assert said["call_s4_vs_s1_3"].tolist() == expected.tolist()
    assert known.rule == "rule out at sensitivity 0.9, rule in at specificity 0.8"
    joined = frame.assign(patient="p" + (frame.index // 2).astype(str))
    found = add_sets(joined, known, ("A", "B"))
    per_patient = found.groupby("patient")[["set_low", "set_high", "call_s4_vs_s1_3"]].nunique()
    assert (per_patient == 1).all().all()


def test_few_patients_have_every_stage_and_no_call() -> None:
    known = learn_thresholds(made_predictions({"A": plan.EASY}, 8), levels=LEVELS, ordered=True)
    assert known.sets == {"training scanners": (None, 8)}
    said = add_sets(made_predictions({"A": plan.EASY}, 8), known, ("A",))
    assert set(said["set_low"]) == {"s1"}
    assert set(said["set_high"]) == {"s4"}
    assert set(said["call_s4_vs_s1_3"]) == {"grey"}


def test_stages_without_an_order_are_listed() -> None:
    frame = made_predictions({"A": plan.EASY}, 60)
    frame = frame.rename(columns={f"p_{v}": f"p_{v}x" for v in LEVELS})
    frame["y_true"] += "x"
    known = learn_thresholds(frame, levels=[f"{v}x" for v in LEVELS], ordered=False)
    said = add_sets(frame, known, ("A",))
    assert "set_low" not in said
    assert said["set_stages"].str.contains("|", regex=False).any()
    assert "call_s1x_vs_rest" in said
