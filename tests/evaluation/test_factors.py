"""Scores by fold, combination and level, against scikit-learn and against the evaluation."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from radiofib.errors import TableError
from radiofib.evaluation import evaluate
from radiofib.evaluation.factors import (
    factor_effects,
    factor_order,
    factor_table,
    run_scores,
    score_folds,
)
from radiofib.staging import targets_for

LEVELS = ["s1", "s2", "s3", "s4"]
TARGETS = targets_for(LEVELS)
FACTORS = {"select": ["no", "yes"], "learner": ["a", "b", "c"]}


def predictions(rows_per_patient: int = 1) -> pd.DataFrame:
    """Predictions of six combinations in both settings, better with every level."""
    rng = np.random.default_rng(0)
    frames = []
    design = design_frame()
    y = np.arange(80) // rows_per_patient % 4
    for run, select, learner in design.itertuples(index=False):
        gain = 0.3 * (select == "yes") + 0.2 * "abc".index(learner)
        for setting in ("cv", "loso"):
            shift = 0.0 if setting == "cv" else -0.2
            score = (gain + 0.3 + shift) * y + rng.normal(size=80)
            proba = np.exp(-0.5 * (score[:, None] - np.arange(4)) ** 2)
            proba /= proba.sum(axis=1, keepdims=True)
            frame = pd.DataFrame(proba, columns=[f"p_{v}" for v in LEVELS])
            frame.insert(0, "case", [f"c{i}" for i in range(80)])
            frame.insert(1, "patient", [f"p{i // rows_per_patient}" for i in range(80)])
            frame.insert(2, "y_true", np.array(LEVELS)[y])
            fold = np.arange(80) // (4 * rows_per_patient) % 4
            frames.append(frame.assign(setting=setting, fold=fold.astype(str), model=run))
    return pd.concat(frames, ignore_index=True)


def design_frame() -> pd.DataFrame:
    pairs = [(s, m) for s in FACTORS["select"] for m in FACTORS["learner"]]
    rows = [(f"r{k + 1:03d}", *pair) for k, pair in enumerate(pairs)]
    return pd.DataFrame(rows, columns=["run", *FACTORS])


def test_fold_scores_are_those_of_scikit_learn() -> None:
    made = predictions()
    found = score_folds(made, levels=LEVELS, targets=TARGETS)
    part = made[(made["model"] == "r002") & (made["setting"] == "cv") & (made["fold"] == "1")]
    own = found[(found["run"] == "r002") & (found["domain"] == "ID") & (found["fold"] == "1")]
    own = own.set_index(["target", "metric"])["value"]
    last, first = part["y_true"] == "s4", part["y_true"] == "s1"
    assert own["s4_vs_s1-3", "auc"] == pytest.approx(roc_auc_score(last, part["p_s4"]))
    assert own["s1_vs_s2-4", "auc"] == pytest.approx(roc_auc_score(first, part["p_s1"]))
    right = ((part["p_s4"] >= 0.5) == last).mean()
    assert own["s4_vs_s1-3", "accuracy"] == pytest.approx(right)
    singles = own[["s4_vs_s1-3", "s1_vs_s2-4"]]
    assert own["all", "score"] == pytest.approx(singles.mean())
    assert own["all", "auc"] == pytest.approx(singles.xs("auc", level="metric").mean())


@pytest.mark.parametrize("rows", [1, 2])
def test_averages_over_folds_are_the_evaluations_own(rows: int) -> None:
    made = predictions(rows)
    found = run_scores(score_folds(made, levels=LEVELS, targets=TARGETS))
    own = found[(found["run"] == "r003") & (found["domain"] == "ID")]
    own = own.set_index(["target", "metric"])["value"]
    some = made[(made["model"] == "r003") & (made["setting"] == "cv")]
    whole = evaluate(some, levels=LEVELS, n_boot=0).metrics
    whole = whole[whole["unit"] == "patient"].set_index(["target", "metric"])["estimate"]
    for target in TARGETS:
        for metric in ("auc", "accuracy"):
            assert own[target.name, metric] == pytest.approx(whole[target.name, metric])


def test_a_fold_without_a_class_has_no_auc_and_spoils_no_other() -> None:
    made = predictions()
    made = made[~((made["fold"] == "0") & (made["y_true"] == "s4"))]
    folds = score_folds(made, levels=LEVELS, targets=TARGETS)
    gone = folds[(folds["fold"] == "0") & (folds["metric"] == "auc")]
    by_target = gone.groupby("target")["value"].apply(lambda v: v.isna().all())
    assert by_target.to_dict() == {"all": True, "s1_vs_s2-4": False, "s4_vs_s1-3": True}
    scores = run_scores(folds).set_index(["run", "domain", "target", "metric"])
    assert scores.loc[("r001", "ID", "s4_vs_s1-3", "auc"), "folds"] == 3
    assert scores.loc[("r001", "ID", "s1_vs_s2-4", "auc"), "folds"] == 4
    effects = factor_effects(folds, design_frame(), FACTORS)
    used = effects.groupby(["target", "metric"])["n_folds"].first()
    assert used["s4_vs_s1-3", "auc"] == 3
    assert used["s1_vs_s2-4", "auc"] == 4


def test_levels_have_mean_sd_and_the_drop() -> None:
    runs = run_scores(score_folds(predictions(), levels=LEVELS, targets=TARGETS))
    table = factor_table(runs, design_frame(), FACTORS)
    assert set(table["domain"]) == {"ID", "OOD", "drop"}
    chosen = table[(table["target"] == "all") & (table["metric"] == "score")]
    wide = runs[(runs["target"] == "all") & (runs["metric"] == "score")]
    wide = wide.pivot_table(index="run", columns="domain", values="value")
    yes = design_frame().loc[lambda d: d["select"] == "yes", "run"]
    for domain, values in {**wide, "drop": wide["ID"] - wide["OOD"]}.items():
        row = chosen[(chosen["domain"] == domain) & (chosen["level"] == "yes")].iloc[0]
        assert (row["n"], row["reference"]) == (3, False)
        assert row["mean"] == pytest.approx(values[yes].mean())
        assert row["sd"] == pytest.approx(values[yes].std(ddof=1))
        no = values.drop(yes)
        assert row["difference"] == pytest.approx(values[yes].mean() - no.mean())


def test_combinations_that_lack_a_fold_take_no_part_in_the_model() -> None:
    folds = score_folds(predictions(), levels=LEVELS, targets=TARGETS)
    short = folds[~((folds["run"] == "r001") & (folds["fold"] == "2") & (folds["domain"] == "ID"))]
    effects = factor_effects(short, design_frame(), FACTORS)
    assert effects.groupby("domain")["n_runs"].first().to_dict() == {"ID": 5, "OOD": 6}
    assert np.isfinite(effects["estimate"]).all()


def test_effects_are_ordered_and_adjusted() -> None:
    folds = score_folds(predictions(), levels=LEVELS, targets=TARGETS)
    effects = factor_effects(folds, design_frame(), FACTORS, overlap={"ID": 0.25})
    main = effects[(effects["target"] == "all") & (effects["metric"] == "auc")]
    assert main.groupby("domain")["factor"].apply(list)["ID"] == ["select", "learner", "learner"]
    assert (main["p_adjusted"] >= main["p"]).all()
    assert main.groupby("domain")["method"].first()["ID"].endswith("training sets 0.25")
    order = factor_order(effects)
    first = order[(order["domain"] == "ID") & (order["target"] == "all")]
    first = first[first["metric"] == "auc"]
    assert first["span"].is_monotonic_decreasing
    row = first[first["factor"] == "learner"].iloc[0]
    assert (row["best"], row["worst"]) == ("c", "a")
    assert row["beyond_noise"] == (row["p_adjusted"] < 0.05)


def test_a_design_without_the_factors_is_refused() -> None:
    folds = score_folds(predictions(), levels=LEVELS, targets=TARGETS)
    with pytest.raises(TableError, match="learner"):
        factor_effects(folds, design_frame().drop(columns="learner"), FACTORS)
