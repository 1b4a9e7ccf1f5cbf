"""Missing channels: filled, regressed on the channels that are there, dropped on purpose."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.utils.estimator_checks import parametrize_with_checks

from radiofib.simulate.cohorts import simulate_table
from radiofib.simulate.confounded import BLOCK_COHORTS
from radiofib.staging.block_regression import BlockRegression, ridge_by_gcv
from radiofib.staging.blocks import BlockDropout, BlockFill, Blocks
from radiofib.staging.chain import ChainStager
from radiofib.staging.inputs import StagerInputError
from radiofib.staging.rows import Rows
from radiofib.staging.stagers import XGBoostStager

CLAIMS = Path(__file__).parent.parent / "reference" / "missing_channel_claims.csv"
STEPS = [BlockFill(), BlockFill("indicator"), BlockFill("native"), BlockRegression()]


def claim(cohort, words):
    with CLAIMS.open(encoding="utf-8") as stream:
        rows = [r for r in csv.DictReader(stream) if r["cohort"] == cohort]
    (found,) = [float(r["value"]) for r in rows if words in r["measure"]]
    return found


@parametrize_with_checks(
    [BlockFill("indicator"), BlockRegression()],
    expected_failed_checks=lambda _: {
        "check_dataframe_column_names_consistency": "columns are put in order by name",
    },
)
def test_scikit_learn_check(estimator, check):
    assert check(estimator) is None


@pytest.fixture
def holes():
    rng = np.random.default_rng(0)
    columns = ["t1_a", "t1_b", "dwi_a", "dwi_b", "dwi_c"]
    X = pd.DataFrame(rng.normal(3, 1, size=(20, 5)), columns=columns)
    X.loc[:4, ["dwi_a", "dwi_b", "dwi_c"]] = np.nan
    X.loc[10, "dwi_b"] = np.nan
    return X


def test_a_block_is_filled_by_the_strategy_and_a_single_value_by_the_median(holes):
    median = holes.median()
    for strategy in ("zero", "median", "indicator", "native"):
        found = BlockFill(strategy).fit_transform(holes)
        assert found.loc[10, "dwi_b"] == pytest.approx(median["dwi_b"])
        block = found.loc[:4, ["dwi_a", "dwi_b", "dwi_c"]]
        if strategy == "native":
            assert block.isna().all(axis=None)
        else:
            wanted = 0.0 if strategy == "zero" else median[block.columns]
            assert ((block - wanted).abs() < 1e-12).all(axis=None)
        told = [c for c in found if c not in holes]
        assert told == (["dwi_all_block_missing"] if strategy == "indicator" else [])
        if told:
            assert found[told[0]].tolist() == [1.0] * 5 + [0.0] * 15
        assert found[["t1_a", "t1_b"]].equals(holes[["t1_a", "t1_b"]])


def test_medians_are_those_of_the_training_rows(holes):
    step = BlockFill("median").fit(holes)
    new = pd.DataFrame({c: [np.nan, 100.0] for c in holes})
    assert step.transform(new).iloc[0].tolist() == pytest.approx(holes.median().tolist())
    regressed = BlockRegression().fit(holes).transform(new)
    # A row without any channel has the means.
    assert regressed.iloc[0].tolist() == pytest.approx(
        holes.fillna({"dwi_b": holes["dwi_b"].median()}).mean().tolist(), abs=0.2
    )


def test_a_channel_that_no_row_has_is_filled_with_zero():
    X = pd.DataFrame({"t1_a": [1.0, 2.0, 3.0], "us_a": [np.nan] * 3, "us_b": [np.nan] * 3})
    for step in (BlockFill("median"), BlockFill("indicator"), BlockRegression()):
        assert step.fit_transform(X)["us_b"].tolist() == [0.0, 0.0, 0.0]


def test_an_unknown_strategy_is_named():
    with pytest.raises(StagerInputError, match="did you mean 'median'"):
        BlockFill("medain").fit([[1.0]])
    with pytest.raises(StagerInputError, match="n_components"):
        BlockRegression(0).fit([[1.0]])


@given(
    st.integers(1, 12),
    st.lists(st.integers(1, 4), min_size=1, max_size=4),
    st.floats(0, 1),
    st.integers(1, 3),
    st.integers(0, 2**16),
)
def test_dropped_copies_count_as_before(n, widths, rate, copies, seed):
    rng = np.random.default_rng(seed)
    columns = [f"c{k}_f{i}" for k, width in enumerate(widths) for i in range(width)]
    X = pd.DataFrame(rng.normal(size=(n, len(columns))), columns=columns)
    X = X.mask(rng.random(X.shape) < 0.3)
    weight = rng.random(n) if seed % 2 else None
    context = pd.DataFrame({"patient": [f"p{i // 2}" for i in range(n)]})
    rows = Rows(X, rng.integers(0, 2, n), context, weight)
    found = BlockDropout(rate, copies=copies, random_state=seed).train_rows(rows)
    assert len(found.X) == len(found.y) == len(found.context) == n * (copies + 1)
    before = pd.Series(np.ones(n) if weight is None else weight).groupby(context["patient"]).sum()
    after = pd.Series(found.weight).groupby(found.context["patient"]).sum()
    assert after.to_numpy() == pytest.approx(before.to_numpy())
    blocks = Blocks.of(columns)
    old = np.tile(X.to_numpy(), (copies + 1, 1))
    new = found.X.to_numpy()
    assert np.array_equal(new[:n], X.to_numpy(), equal_nan=True)
    had, has = blocks.present(old), blocks.present(new)
    assert not (has & ~had).any()
    assert (has.any(axis=1) == had.any(axis=1)).all()
    # A block is dropped whole or kept as it is.
    kept = blocks.spread(has)
    assert np.isnan(new[~kept]).all()
    assert np.array_equal(new[kept], old[kept], equal_nan=True)
    assert found.y.tolist() == rows.y.tolist() * (copies + 1)


def test_blocks_are_dropped_at_the_rate_and_evenly_when_one_is_kept():
    X = pd.DataFrame(np.ones((4000, 3)), columns=["a_f", "b_f", "c_f"])
    rows = Rows(X, np.zeros(4000), pd.DataFrame(index=range(4000)))
    new = BlockDropout(0.5).train_rows(rows).X.iloc[4000:].notna()
    # Each of the seven non-empty sets: 1/8, and a third of 1/8 more for the single ones.
    assert new.mean().to_numpy() == pytest.approx(0.5 + 1 / 24, abs=0.03)
    alone = BlockDropout(1.0).train_rows(rows).X.iloc[4000:].notna()
    assert (alone.sum(axis=1) == 1).all()
    assert alone.mean().to_numpy() == pytest.approx(1 / 3, abs=0.03)
    for bad in ({"rate": 1.5}, {"copies": 0}):
        with pytest.raises(StagerInputError):
            BlockDropout(**bad).train_rows(rows)


def test_rows_without_context_columns_are_copied_too():
    rows = Rows(
        pd.DataFrame({"a_f": [1.0, 2.0]}), np.array(["s1", "s4"]), pd.DataFrame(index=[0, 1])
    )
    found = BlockDropout(copies=2).train_rows(rows)
    assert len(found.context) == len(found.frame) == 6


def test_a_stager_that_takes_missing_values_learns_from_dropped_blocks():
    made = simulate_table(160, seed=3, settings=BLOCK_COHORTS["linked"]).table
    y = made.obs["stage"].astype(str).to_numpy()
    chain = ChainStager(XGBoostStager(20), [BlockDropout(), BlockFill("native")])
    proba = chain.fit(made.X, y).predict_proba(made.X)
    assert (proba.argmax(axis=1) == np.unique(y, return_inverse=True)[1]).mean() > 0.5


def _parted(seed, cohort):
    """Return training rows with holes, new rows without, and the law's mean and covariance."""
    settings = BLOCK_COHORTS[cohort]
    made = simulate_table(600, seed=seed, settings=settings)
    one = settings.scanners[0].model_copy(update={"missing": {}})
    bare = settings.model_copy(update={"scanners": (one,)})
    whole = simulate_table(600, seed=seed, settings=bare).table.X
    order = np.random.default_rng(seed).permutation(600)
    train, new = np.sort(order[:300]), np.sort(order[300:])
    width, common = settings.features_per_channel, settings.common
    law = np.kron(np.eye(len(settings.channels)), np.full((width, width), common**2))
    law += (1 - common**2) * np.eye(len(law))
    step, effects = settings.stage_law.step, made.effects.to_numpy()
    law += (1 + step**2 * np.var(range(4))) * np.outer(effects, effects)
    mean = effects * step * np.mean(range(4))
    return (
        *(t.reset_index(drop=True) for t in (made.table.X.iloc[train], whole.iloc[new])),
        mean,
        law,
    )


def _errors(seed, cohort, gone):
    """Return squared errors of the step and others, and the largest spread of what it fills in."""
    train, new, mean, law = _parted(seed, cohort)
    lost = new.columns.str.partition("_").get_level_values(0).isin(gone)
    filled = BlockRegression().fit(train).transform(new.mask(np.tile(lost, (len(new), 1))))
    assert filled.loc[:, ~lost].equals(new.loc[:, ~lost])
    known, cross = law[np.ix_(~lost, ~lost)], law[np.ix_(~lost, lost)]
    slopes = np.linalg.solve(known, cross)
    ideal = mean[lost] + (new.to_numpy()[:, ~lost] - mean[~lost]) @ slopes
    wanted = new.loc[:, lost]
    guesses = {"step": filled.loc[:, lost], "ideal": ideal, "means": train.mean()[lost].to_numpy()}
    errors = {name: float(((guess - wanted) ** 2).mean().mean()) for name, guess in guesses.items()}
    errors["law"] = float(np.diag(law[np.ix_(lost, lost)] - cross.T @ slopes).mean())
    return errors, float((filled.loc[:, lost].std() / wanted.std()).max())


HARD = pytest.mark.xfail(
    strict=True, reason="the law's own best prediction has 1.07 times its variance on these rows"
)


@pytest.mark.parametrize("gone", [("dwi",), ("dwi", "t1")])
@pytest.mark.parametrize("seed", range(3))
def test_regression_comes_near_to_what_the_law_allows(seed, gone, request):
    if (seed, len(gone)) == (0, 1):
        request.applymarker(HARD)
    errors, _ = _errors(seed, "linked", gone)
    assert errors["step"] < errors["means"]
    words = "own conditional variance" if len(gone) == 1 else "DWI and T1 missing"
    assert errors["step"] < claim("linked", words) * errors["law"]


@pytest.mark.parametrize("gone", [("dwi",), ("dwi", "t1")])
@pytest.mark.parametrize("seed", range(10, 13))
def test_regression_comes_near_to_the_best_prediction_of_the_same_rows(seed, gone):
    errors, _ = _errors(seed, "linked", gone)
    assert errors["step"] < claim("linked", "best prediction of the same rows") * errors["ideal"]


@pytest.mark.parametrize("seed", range(3))
def test_regression_is_the_mean_where_nothing_predicts(seed):
    errors, spread = _errors(seed, "unlinked", ("dwi",))
    assert errors["step"] < claim("unlinked", "column means") * errors["means"]
    assert spread < claim("unlinked", "standard deviation")


def test_the_penalty_is_nearly_that_of_leaving_one_out():
    rng = np.random.default_rng(4)
    x = rng.normal(size=(80, 12)) @ np.diag(np.linspace(2, 0.2, 12))
    y = x @ rng.normal(0, 0.3, size=(12, 3)) + rng.normal(size=(80, 3))
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    sizes, turned = np.linalg.eigh(x.T @ x / 80)
    chosen, _ = ridge_by_gcv(sizes, turned.T @ (x.T @ y / 80), float((y**2).mean(axis=0).sum()), 80)

    def left_out(penalty):
        error = 0.0
        for i in range(80):
            rest = np.arange(80) != i
            a, b = x[rest] - x[rest].mean(axis=0), y[rest] - y[rest].mean(axis=0)
            slopes = np.linalg.solve(a.T @ a + 80 * penalty * np.eye(12), a.T @ b)
            error += (
                (y[i] - y[rest].mean(axis=0) - (x[i] - x[rest].mean(axis=0)) @ slopes) ** 2
            ).sum()
        return error

    best = min(left_out(p) for p in np.logspace(-3, 3, 25))
    assert left_out(chosen) < 1.02 * best


def test_the_stage_is_not_looked_at(holes):
    for step in STEPS:
        first = step.fit_transform(holes, ["a"] * 10 + ["b"] * 10)
        again = step.fit_transform(holes, ["b", "a"] * 10)
        assert first.equals(again)
