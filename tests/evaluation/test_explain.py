"""Explanations add up, find what is there, and do not depend on workers or on row order."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from radiofib.errors import ModelError, TableError, UsageError
from radiofib.evaluation.explain import (
    correlation_clusters,
    explain_stager,
    feature_groups,
    target_shap,
    tree_shap,
)
from radiofib.staging import make_stager, stager_frame, targets_for
from radiofib.table import FeatureTable
from tests.evaluation.conftest import LEVELS, make_table


def _codebook(columns, channels):
    return pd.DataFrame({"column": columns, "channel": channels})


def make_grouped(seed=0, n=90):
    """Stage in channel t1, twice (copies with little noise); nothing in t2."""
    rng = np.random.default_rng(seed)
    codes = np.arange(n) % 3
    signal = codes + rng.normal(size=n)
    X = pd.DataFrame(
        {
            "t1_a": signal,
            "t1_b": signal + 0.05 * rng.normal(size=n),
            "t2_c": rng.normal(size=n),
            "t2_d": rng.normal(size=n),
        }
    )
    X.loc[::7, "t2_d"] = np.nan
    obs = pd.DataFrame(
        {
            "case": [f"c{i:02d}" for i in range(n)],
            "stage": np.array(["f0", "f1", "f2"])[codes],
            "scanner": np.array(["a", "b"])[rng.integers(0, 2, n)],
        }
    )
    book = _codebook(list(X), ["t1", "t1", "t2", "t2"])
    return FeatureTable(X, obs, book)


@pytest.mark.parametrize("name", ["random_forest", "xgboost"])
@pytest.mark.parametrize("levels", [LEVELS, LEVELS[:2]])
@pytest.mark.parametrize("scanner", [None, "scanner"])
def test_shap_values_add_up_to_the_stager(name, levels, scanner):
    if name == "random_forest":
        pytest.importorskip("shap")
    table = make_table(levels=levels, n_patients=24)
    X = stager_frame(table, scanner)
    X.iloc[3, 1] = np.nan
    model = make_stager(name, n_estimators=15, scanner_column=scanner)
    model.fit(X, table.obs["stage"].astype(str).to_numpy())
    found = tree_shap(model, X)
    total = found.base + found.shares.sum(axis=1)
    proba = model.predict_proba(X)
    if found.scale == "log-odds":
        total = np.exp(total) / np.exp(total).sum(axis=1, keepdims=True)
    assert found.columns == tuple(X.columns)
    np.testing.assert_allclose(total, proba, atol=1e-5)
    for target in targets_for(levels):
        shares = target_shap(found, target)
        assert shares.shape == X.shape
        if found.scale == "probability":
            np.testing.assert_allclose(
                shares.sum(axis=1)
                + found.base[[c in target.positive for c in found.classes]].sum(),
                target.score(proba, found.classes),
                atol=1e-5,
            )


def test_brute_force_shapley_of_two_columns():
    """TreeSHAP equals the definition: mean over orders of what a column adds."""
    table = make_table(features=2, n_patients=30, rows=1, levels=LEVELS[:2])
    X = table.X.rename(columns={c: f"f{i}" for i, c in enumerate(table.X)})
    y = table.obs["stage"].astype(str).to_numpy()
    model = make_stager("xgboost", n_estimators=1, max_depth=2, subsample=1.0, colsample_bytree=1.0)
    model.fit(X, y)
    nodes = model.booster_.trees_to_dataframe().set_index("ID")

    def expected(node, row, known):
        leaf = nodes.loc[node]
        if leaf["Feature"] == "Leaf":
            return leaf["Gain"]
        if int(leaf["Feature"][1:]) in known:
            goes = row[int(leaf["Feature"][1:])] < leaf["Split"]
            return expected(leaf["Yes"] if goes else leaf["No"], row, known)
        sides = [nodes.loc[leaf[s]] for s in ("Yes", "No")]
        return sum(
            s["Cover"] * expected(leaf[k], row, known)
            for s, k in zip(sides, ("Yes", "No"), strict=True)
        ) / sum(s["Cover"] for s in sides)

    found = tree_shap(model, X).shares[:, :, 1]
    for row, values in zip(X.to_numpy(np.float32), found, strict=True):
        v = {k: expected("0-0", row, set(k)) for k in ((), (0,), (1,), (0, 1))}
        first = (v[0,] - v[()] + v[0, 1] - v[1,]) / 2
        second = (v[1,] - v[()] + v[0, 1] - v[0,]) / 2
        np.testing.assert_allclose(values, [first, second], atol=1e-5)


def test_groups_find_copies_and_channels():
    table = make_grouped()
    groups = feature_groups(table, scanner_column="scanner").groups
    assert dict(groups["cluster"]) == {
        "t1_a + 1": ("t1_a", "t1_b"), "t2_c": ("t2_c",), "t2_d": ("t2_d",),
        "scanner": ("scanner",),
    }  # fmt: skip
    assert list(groups["channel"]) == ["t1", "t2", "scanner"]
    flipped = table.X.assign(t1_b=-table.X["t1_b"], k=1.0)
    assert correlation_clusters(flipped) == [("t1_a", "t1_b"), ("t2_c",), ("t2_d",), ("k",)]
    assert correlation_clusters(table.X[["t1_a"]]) == [("t1_a",)]
    with pytest.raises(UsageError, match="between 0 and 1"):
        correlation_clusters(table.X, 1.5)


@pytest.mark.parametrize("name", ["xgboost", "logistic"])
def test_the_cluster_that_holds_the_stage_comes_first(name):
    params = {"n_estimators": 30} if name == "xgboost" else {}
    found = explain_stager(
        make_grouped(), make_stager(name, **params), folds=3, repeats=5, model_name=name
    )
    table = found.importance
    first = table.groupby(["target", "kind", "group_by"])["group"].first()
    for target in ("f1-f2_vs_f0", "f2_vs_f0-f1"):
        kinds = ("shap", "permutation") if name == "xgboost" else ("permutation",)
        for kind in kinds:
            assert first[target, kind, "cluster"] == "t1_a + 1"
            assert first[target, kind, "channel"] == "t1"
        part = table[(table["target"] == target) & (table["kind"] == "permutation")]
        fall = part.set_index(["group_by", "group"])["importance"]
        # Alone, each of two copies looks less important than both together.
        assert fall["cluster", "t1_a + 1"] > fall["feature", "t1_a"]
        assert abs(fall["channel", "t2"]) < 0.1
    assert set(table["model"]) == {name}
    assert ("not a tree model" in " ".join(found.notes)) == (name == "logistic")
    curve = found.partial_dependence.query("target == 'f2_vs_f0-f1' and feature == 't1_a'")
    assert len(curve) == 20
    assert curve["probability"].iloc[-1] > curve["probability"].iloc[0] + 0.1
    assert curve["probability"].between(0, 1).all()


@pytest.mark.slow
def test_workers_and_foreign_tables_change_nothing():
    table = make_grouped()
    stager = make_stager("xgboost", n_estimators=10, scanner_column="scanner")
    one, two = (explain_stager(table, stager, folds=3, repeats=2, workers=w, top=2) for w in (1, 2))
    pd.testing.assert_frame_equal(one.importance, two.importance, check_exact=True)
    pd.testing.assert_frame_equal(one.partial_dependence, two.partial_dependence, check_exact=True)
    bare = explain_stager(FeatureTable(table.X, table.obs), stager, folds=2, repeats=2, top=2)
    assert set(bare.importance.query("group_by == 'channel'")["group"]) == {"no channel", "scanner"}


def test_a_constant_stager_has_no_importance():
    table = make_grouped()
    flat = replace(table, X=table.X.fillna(0.0) * 0.0)
    found = explain_stager(flat, make_stager("xgboost", n_estimators=3), folds=3, repeats=2)
    assert (found.importance["importance"] == 0).all()


def test_a_fold_of_one_side_does_not_count():
    table = make_grouped()
    stage = np.where(np.arange(90) % 2, "f0", "f1")
    stage[[5, 8]] = "f2"
    found = explain_stager(
        replace(table, obs=table.obs.assign(stage=stage)),
        make_stager("xgboost", n_estimators=5),
        folds=2, repeats=2,
    )  # fmt: skip
    assert found.importance["importance"].notna().all()


def test_what_cannot_be_explained_is_said():
    table = make_grouped()
    logistic = make_stager("logistic").fit(table.X, table.obs["stage"].to_numpy())
    with pytest.raises(ModelError, match="LogisticStager is not made of trees"):
        tree_shap(logistic, table.X)
    with pytest.raises(TableError, match="no column 'grade'"):
        explain_stager(table, logistic, label="grade")
    with pytest.raises(UsageError, match="repeats 0"):
        explain_stager(table, logistic, repeats=0)
    empty = replace(table, X=table.X * np.nan)
    with pytest.raises(TableError, match="no row has a stage and a feature"):
        explain_stager(empty, logistic)
