"""Both settings of a study on the same cases, and the submission of the cases without a stage."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from radiofib.errors import ConfigError
from radiofib.export import check_submission
from radiofib.study import RunFolder, StudyConfig
from radiofib.study.channel_sets import FLAG_PRIOR, channel_sets, check_channel_sets, within
from radiofib.study.model import evaluate_step, train_step
from radiofib.study.progress import silent
from radiofib.study.submission import submission_step
from tests.study.lifs import CHANNELS, lifs_like

TEXT = {
    "title": "LiFS-like",
    "cohort": "cohort.csv",
    "channel_sets": {"Contrast": list(CHANNELS), "NonContrast": ["t1", "t2", "dwi"]},
    "submission": "care-liver",
    "stager": {"name": "random_forest", "params": {"n_estimators": 15}},
    "evaluation": {"folds": 3, "n_boot": 100},
}
STUDY = StudyConfig.parse(TEXT, where="study.yaml")
WITHOUT = {
    "0041-B2": {"t1", "t2", "dwi"},
    "0042-A": {"ged1", "dwi"},
    "0043-B1": set(CHANNELS),
    "0002-B2-S3": {"t1", "t2", "dwi"},
}


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list]:
    table, cohort = lifs_like(without=WITHOUT)
    folder = RunFolder(tmp_path_factory.mktemp("sets"))
    failures = train_step(STUDY, table, cohort.scheme, folder, "h", silent)
    failures += evaluate_step(STUDY, table, cohort.scheme, folder, "h", silent)
    assert failures == []
    return folder.root, submission_step(STUDY, table, cohort, folder, "h", silent)


def test_predictions_hold_both_sets_on_the_same_cases_and_folds(done: tuple) -> None:
    rows = pd.read_csv(done[0] / "predictions.csv", keep_default_na=False)
    sets = rows[rows["model"].str.startswith("random_forest")]
    assert set(sets["channels"]) == {"Contrast", "NonContrast"}
    assert set(sets["model"]) == {f"random_forest [{s}]" for s in ("Contrast", "NonContrast")}
    for setting in ("cv", "loso"):
        part = sets[sets["setting"] == setting]
        one, two = (part[part["channels"] == s] for s in ("Contrast", "NonContrast"))
        assert one["case"].tolist() == two["case"].tolist()
        assert one["fold"].tolist() == two["fold"].tolist()
        assert len(one) == 40
    bare = sets[sets["flag"] != ""]
    assert set(zip(bare["case"], bare["channels"], strict=True)) == {("0002-B2-S3", "NonContrast")}
    assert set(bare["flag"]) == {FLAG_PRIOR}
    # The shares of the folds it was not in, not those of all cases.
    other = sets[(sets["setting"] == "cv") & (sets["channels"] == "NonContrast")]
    fold = other.loc[other["case"] == "0002-B2-S3", "fold"].item()
    share = (other.loc[other["fold"] != fold, "y_true"] == "s4").mean()
    assert bare.loc[bare["setting"] == "cv", "p_s4"].item() == pytest.approx(share)


def test_metrics_and_controls_stand_beside_each_other(done: tuple) -> None:
    metrics = pd.read_csv(done[0] / "evaluation/metrics.csv")
    assert set(metrics["model"]) == {
        "random_forest [Contrast]",
        "random_forest [NonContrast]",
        "control_scanner",
        "control_missingness",
        "control_missingness [NonContrast]",
    }
    auc = metrics[(metrics["metric"] == "auc") & (metrics["unit"] == "patient")]
    auc = auc[(auc["target"] == "s4_vs_s1-3") & (auc["setting"] == "cv")].set_index("model")
    # Seven informative channels tell more than three.
    more, fewer = (auc.loc[f"random_forest [{s}]", "estimate"] for s in ("Contrast", "NonContrast"))
    assert more > 0.75
    assert fewer > 0.75
    assert auc.loc["control_scanner", "estimate"] < 0.75


def test_submission_has_every_case_and_flags_what_had_no_feature(done: tuple) -> None:
    root, failures = done
    cases = [f"{k:04d}-{('A', 'B1', 'B2')[k % 3]}" for k in range(40, 46)]
    assert check_submission(root / "LiFS_pred.csv", cases) == []
    rows = pd.read_csv(root / "submission.csv", keep_default_na=False)
    flagged = rows[rows["flag"] == FLAG_PRIOR]
    assert set(zip(flagged["case"], flagged["channels"], strict=True)) == {
        ("0041-B2", "NonContrast"),
        ("0043-B1", "Contrast"),
        ("0043-B1", "NonContrast"),
    }
    prior = flagged[flagged["channels"] == "NonContrast"][["p_s1", "p_s2", "p_s3", "p_s4"]]
    # 0002-B2-S3 has none of these channels and so no part in their training.
    assert np.allclose(prior, np.array([10, 10, 9, 10]) / 39)
    assert [(f.case, f.step) for f in failures] == [
        ("0043-B1", "submission"),
        ("0041-B2", "submission"),
        ("0043-B1", "submission"),
    ]
    written = pd.read_csv(root / "LiFS_pred.csv")
    assert written["Subtask1_prob_S4"].between(0, 1).all()
    # Those with features are predicted from them: 0040 and 0044 are S1, 0042 is S3.
    contrast = rows[rows["channels"] == "Contrast"].set_index("case")["p_s1"]
    assert min(contrast["0040-B1"], contrast["0044-B2"]) > contrast["0042-A"]


def test_models_are_stored_for_each_set_and_stale_ones_go(done: tuple, tmp_path: Path) -> None:
    names = sorted(p.name for p in done[0].glob("*.skops"))
    assert names == ["model.skops", "model_noncontrast.skops"]
    assert [s.model_file for s in channel_sets(STUDY)] == names
    table, cohort = lifs_like(n_train=8, n_val=0)
    folder = RunFolder(tmp_path)
    folder.write_text("model_noncontrast.skops", "old")
    plain = STUDY.model_copy(update={"channel_sets": {}, "submission": None})
    train_step(plain, table, cohort.scheme, folder, "h", silent)
    assert [p.name for p in tmp_path.glob("*.skops")] == ["model.skops"]


def test_same_bytes_again_and_nothing_computed_twice(done: tuple, tmp_path: Path) -> None:
    table, cohort = lifs_like(without=WITHOUT)
    folder = RunFolder(tmp_path)
    train_step(STUDY, table, cohort.scheme, folder, "h", silent)
    submission_step(STUDY, table, cohort, folder, "h", silent)
    for name in ("LiFS_pred.csv", "submission.csv"):
        assert (tmp_path / name).read_bytes() == (done[0] / name).read_bytes()
    before = (tmp_path / "LiFS_pred.csv").stat().st_mtime_ns
    again = submission_step(STUDY, table, cohort, folder, "h", silent)
    assert (tmp_path / "LiFS_pred.csv").stat().st_mtime_ns == before
    assert len(again) == 3


def test_without_unlabelled_cases_or_a_trained_set_nothing_is_submitted(tmp_path: Path) -> None:
    table, cohort = lifs_like(n_train=8, n_val=0)
    folder = RunFolder(tmp_path)
    folder.write_text("LiFS_pred.csv", "of an earlier run")
    [failure] = submission_step(STUDY, table, cohort, folder, "h", silent)
    assert "no case to submit" in failure.reason
    table, cohort = lifs_like(n_train=8, n_val=2)
    [failure] = submission_step(STUDY, table, cohort, folder, "h", silent)
    assert "was not trained" in failure.reason
    assert list(tmp_path.glob("*.csv")) == []


def test_features_of_a_set_are_those_whose_channels_are_all_in_it() -> None:
    table, _ = lifs_like(n_train=4, n_val=0)
    book = pd.DataFrame({"column": ["x_delta", "y_delta"], "channel": ["t1 ged4", "t1+t2"]})
    codebook = pd.concat([table.codebook, book], ignore_index=True)
    X = table.X.assign(x_delta=1.0, y_delta=2.0)
    joint = type(table)(X, table.obs, codebook)
    kept = [c for c in within(joint, ("t1", "t2")).X if c.endswith("delta")]
    assert kept == ["y_delta"]
    assert within(joint, ()) is joint


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"channel_sets": {"Contrast": ["t1"]}}, "needs the channel sets"),
        ({"channel_sets": {"A": [], "B": ["t1"]}, "submission": None}, "must list its channels"),
        ({"channel_sets": {"A": ["t1", "t1"]}, "submission": None}, "each once"),
        ({"channel_sets": {"A": ["t1"], "a": ["t2"]}, "submission": None}, "in case only"),
        ({"channel_sets": {"a b": ["t1"]}, "submission": None}, "a b"),
        ({"submission": "care_liver"}, "care-liver"),
        ({"chanel_sets": {}}, "channel_sets"),
    ],
)
def test_a_wrong_study_is_refused(change: dict, word: str) -> None:
    with pytest.raises(ConfigError, match=word):
        StudyConfig.parse({**TEXT, **change}, where="study.yaml")


def test_an_unknown_channel_is_refused_before_anything_is_computed() -> None:
    _, cohort = lifs_like(n_train=4, n_val=0)
    sets = {"Contrast": ("t1", "ged5"), "NonContrast": ("t1",)}
    with pytest.raises(ConfigError, match=r"ged5.*did you mean 'ged"):
        check_channel_sets(STUDY.model_copy(update={"channel_sets": sets}), cohort)
