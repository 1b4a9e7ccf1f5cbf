"""A stager for each channel and a mean of what they say; scores in place of columns."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize
from sklearn.cross_decomposition import PLSRegression
from sklearn.decomposition import PCA
from sklearn.metrics import log_loss
from sklearn.utils.estimator_checks import parametrize_with_checks

from radiofib.simulate.cohorts import simulate_table
from radiofib.simulate.confounded import BLOCK_COHORTS
from radiofib.staging.chain import ChainStager
from radiofib.staging.context import ContextFlags
from radiofib.staging.embedding import ChannelEmbedding, pls_directions
from radiofib.staging.fusion import LateFusionStager
from radiofib.staging.gating import confidence, fit_gate, gate_weights, skill_weights
from radiofib.staging.inputs import StagerInputError
from radiofib.staging.stagers import LogisticStager
from tests.staging.test_blocks import claim

#: Why a check cannot hold with inner folds.
UNWEIGHTED = {
    "check_sample_weight_equivalence_on_dense_data": "inner folds deal rows, a row of weight 2 once"
}
LATER = [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 5))]


def _unmet(estimator):
    named = {"check_dataframe_column_names_consistency": "columns are put in order by name"}
    return named | (UNWEIGHTED if getattr(estimator, "weights", "mean") != "mean" else {})


@parametrize_with_checks(
    [LateFusionStager(), ChannelEmbedding(indicator=True)], expected_failed_checks=_unmet
)
def test_scikit_learn_check(estimator, check):
    assert check(estimator) is None


@pytest.mark.slow
@parametrize_with_checks(
    [LateFusionStager(weights="gated", folds=2), ChannelEmbedding(2, kind="pls")],
    expected_failed_checks=_unmet,
)
def test_scikit_learn_check_of_other_choices(estimator, check):
    assert check(estimator) is None


@pytest.fixture(scope="module")
def cohort():
    table = simulate_table(200, seed=5, settings=BLOCK_COHORTS["linked"]).table
    return table.X, table.obs["stage"].astype(str).to_numpy()


def _channel(X, name):
    return X.loc[:, X.columns.str.startswith(f"{name}_")]


def test_the_mean_is_that_of_the_channels_a_row_has(cohort):
    X, y = cohort
    found = LateFusionStager(LogisticStager(0.1)).fit(X, y).predict_proba(X)
    answers = []
    for name in ("t1", "t2", "dwi", "ged4"):
        part = _channel(X, name)
        own = part.notna().all(axis=1).to_numpy()
        each = np.full((len(X), 4), np.nan)
        each[own] = LogisticStager(0.1).fit(part[own], y[own]).predict_proba(part[own])
        answers.append(each)
    assert np.isnan(answers[2]).any()
    assert found == pytest.approx(np.nanmean(answers, axis=0), abs=1e-9)


def test_a_row_without_any_channel_has_the_shares(cohort):
    X, y = cohort
    empty = X[:2] * np.nan
    for weights in ("mean", "performance", "gated"):
        stager = LateFusionStager(weights=weights, folds=3).fit(X, y)
        shares = np.unique(y, return_counts=True)[1] / len(y)
        assert stager.predict_proba(empty) == pytest.approx(np.tile(shares, (2, 1)))
        assert (stager.channel_weights(empty) == 0).all(axis=None)
        weight = stager.channel_weights(X)
        assert weight.sum(axis=1).to_numpy() == pytest.approx(1.0)
        assert (weight.to_numpy()[X["dwi_original_sim_f001"].isna(), 2] == 0).all()


def test_a_channel_of_one_stage_is_left_out_and_one_channel_is_its_stager(cohort):
    X, y = cohort
    X = X.assign(us_original_sim_f001=np.where(y == "s4", 1.0, np.nan))
    stager = LateFusionStager().fit(X, y)
    assert stager.left_out_ == ["us"]
    alone = _channel(X, "ged4")
    fused = LateFusionStager(weights="gated", folds=2).fit(alone, y).predict_proba(alone)
    assert fused == pytest.approx(LogisticStager().fit(alone, y).predict_proba(alone), abs=1e-9)
    with pytest.raises(StagerInputError, match="no channel has rows of two stages"):
        LateFusionStager().fit(_channel(X, "us"), y)
    with pytest.raises(StagerInputError, match="unknown weights"):
        LateFusionStager(weights="median").fit(alone, y)


def test_inner_folds_are_dealt_by_patient_and_context_reaches_the_inner_stager(cohort):
    X, y = cohort
    patients = np.repeat([f"p{i}" for i in range(100)], 2)
    frame = X.assign(patient=patients, scanner=np.tile(["A", "B"], 100))
    seen = []

    class Spy(LogisticStager):
        def fit(self, X, y, sample_weight=None):
            seen.append(len(y))
            return super().fit(X, y, sample_weight)

    inner = ChainStager(Spy(), [ContextFlags(("scanner",))])
    stager = LateFusionStager(inner, weights="performance", folds=2, patient_column="patient")
    assert stager.context_columns == ("patient", "scanner")
    stager.fit(frame, y)
    assert len(seen) == 12
    rare = np.where(np.arange(200) < 2, "s0", "s1")
    with pytest.raises(StagerInputError, match="one training patient"):
        LateFusionStager(weights="gated", patient_column="patient").fit(
            frame.drop(columns="scanner"), rare
        )


def test_weights_of_rows_count(cohort):
    X, y = cohort
    twice = np.r_[np.arange(200), np.arange(60)]
    weight = np.where(np.arange(200) < 60, 2.0, 1.0)
    once = LateFusionStager(LogisticStager(tol=1e-9)).fit(X, y, sample_weight=weight)
    again = LateFusionStager(LogisticStager(tol=1e-9)).fit(X.iloc[twice], y[twice])
    assert once.shares_ == pytest.approx(again.shares_)
    # Medians of columns do not know weights: a column that is missing differs a little.
    assert once.predict_proba(X) == pytest.approx(again.predict_proba(X), abs=1e-3)


def _one_channel(seed, shuffled):
    table = simulate_table(600, seed=seed, settings=BLOCK_COHORTS["linked"]).table
    X, y = table.X, table.obs["stage"].astype(str).to_numpy()
    rng = np.random.default_rng(seed)
    order = rng.permutation(600)
    for name in shuffled:
        columns = _channel(X, name).columns
        X[columns] = X[columns].to_numpy()[rng.permutation(600)]
    return X.iloc[order[:300]], y[order[:300]], X.iloc[order[300:]], y[order[300:]]


def _losses(seed, shuffled):
    X, y, new, truth = _one_channel(seed, shuffled)
    fitted = {w: LateFusionStager(weights=w).fit(X, y) for w in ("mean", "performance", "gated")}
    loss = {w: log_loss(truth, s.predict_proba(new)) for w, s in fitted.items()}
    return loss, {w: s.channel_weights(new.dropna()).mean() for w, s in fitted.items()}


@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(s, marks=pytest.mark.slow) for s in range(1, 5))]
)
def test_the_channel_that_knows_the_stage_gets_the_weight(seed):
    loss, weight = _losses(seed, ("t1", "dwi", "ged4"))
    for kind in ("performance", "gated"):
        assert weight[kind]["t2"] > claim("one_channel", "least weight")
        assert loss["mean"] - loss[kind] > claim("one_channel", "least fall")


@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(s, marks=pytest.mark.slow) for s in range(1, 5))]
)
def test_the_gate_is_no_worse_than_the_mean_among_equals(seed):
    loss, _ = _losses(seed, ())
    assert abs(loss["gated"] - loss["mean"]) < claim("linked", "difference in log loss")


@given(st.integers(1, 5), st.integers(1, 30), st.integers(0, 2**16))
def test_weights_are_a_convex_combination_of_what_is_there(channels, n, seed):
    rng = np.random.default_rng(seed)
    present = rng.random((n, channels)) < 0.6
    weights = gate_weights(
        rng.normal(0, 50, channels), rng.normal(0, 50), rng.random((n, channels)), present
    )
    assert (weights >= 0).all()
    assert (weights[~present] == 0).all()
    assert weights.sum(axis=1) == pytest.approx(present.any(axis=1).astype(float))


def _answers(seed, n=400):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, n)
    skill = np.array([2.0, 0.7, 0.0])
    logits = rng.normal(size=(n, 3, 3)) + skill[:, None] * np.eye(3)[y][:, None, :]
    proba = np.exp(logits) / np.exp(logits).sum(axis=2, keepdims=True)
    present = rng.random((n, 3)) < 0.7
    return proba * present[:, :, None], present, y


def test_the_gate_is_the_minimum_of_what_it_says():
    proba, present, y = _answers(1)
    bias, slope = fit_gate(proba, present, y, penalty=2.0)

    def loss(theta):
        weights = gate_weights(theta[:3], theta[3], confidence(proba), present)
        right = (weights * proba[np.arange(len(y)), :, y]).sum(axis=1)[present.any(axis=1)]
        return -np.log(right).sum() + theta @ theta

    found = np.append(bias, slope)
    other = minimize(
        loss,
        np.array([1.0, -1.0, 0.5, 0.5]),
        method="Nelder-Mead",
        options={"xatol": 1e-6, "fatol": 1e-9, "maxiter": 4000},
    )
    assert loss(found) == pytest.approx(other.fun, abs=1e-4)
    assert bias[0] > bias[1] > bias[2]
    strong = fit_gate(proba, present, y, penalty=1e6)
    assert np.append(*strong) == pytest.approx(0.0, abs=1e-3)


def test_skill_is_that_of_the_log_loss():
    proba, present, y = _answers(2)
    weights = skill_weights(proba, present, y)
    skill = []
    for c in range(3):
        own = present[:, c]
        share = np.bincount(y[own], minlength=3) / own.sum()
        level = log_loss(y[own], np.tile(share, (own.sum(), 1)), labels=[0, 1, 2])
        skill.append(max(0.0, 1 - log_loss(y[own], proba[own, c], labels=[0, 1, 2]) / level))
    assert weights == pytest.approx(np.array(skill) / np.sum(skill))
    assert weights[2] == 0
    none = skill_weights(np.full((4, 2, 2), 0.5), np.full((4, 2), True), np.array([0, 1, 0, 1]))
    assert none.tolist() == [0.5, 0.5]


def test_embeddings_are_those_of_each_channel(cohort):
    X, y = cohort
    level = np.unique(y, return_inverse=True)[1]
    pca = ChannelEmbedding(3).fit(X, y).transform(X)
    pls = ChannelEmbedding(3, kind="pls").fit(X, y).transform(X)
    assert list(pca)[:4] == ["t1_all_pca_1", "t1_all_pca_2", "t1_all_pca_3", "t2_all_pca_1"]
    for name in ("t1", "dwi"):
        part = _channel(X, name)
        own = part.notna().all(axis=1).to_numpy()
        standard = ((part - part.mean()) / part.std(ddof=0))[own].to_numpy()
        for found, model in ((pca, PCA(3)), (pls, PLSRegression(3, scale=False))):
            scores = _channel(found, name).to_numpy()
            assert (scores[~own] == 0).all()
            assert scores.mean(axis=0) == pytest.approx(0.0, abs=1e-9)
            wanted = model.fit(standard, level[own]).transform(standard)
            for k in range(3):
                assert abs(np.corrcoef(scores[own, k], wanted[:, k])[0, 1]) > 1 - 1e-6


def test_an_indicator_says_which_channel_was_missing(cohort):
    X, y = cohort
    found = ChannelEmbedding(2, indicator=True).fit_transform(X, y)
    told = [c for c in found if c.endswith("missing")]
    assert told == ["t1_all_block_missing", "dwi_all_block_missing"]
    assert found[told[1]].tolist() == X["dwi_original_sim_f001"].isna().astype(float).tolist()
    with pytest.raises(StagerInputError, match="requires y"):
        ChannelEmbedding(kind="pls").fit(X)


def test_directions_end_where_nothing_is_left():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(30, 2)) @ rng.normal(size=(2, 50))
    x -= x.mean(axis=0)
    found = pls_directions(x, x[:, 0] + x[:, 1], 10)
    assert found.shape[1] <= 2
    scores = x @ found
    assert np.corrcoef(scores.T) == pytest.approx(np.eye(found.shape[1]), abs=1e-8)
    assert pls_directions(x, np.ones(30), 3).shape == (50, 0)
    assert pls_directions(x[:1], np.ones(1), 3).shape == (50, 0)
