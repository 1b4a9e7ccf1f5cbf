"""Scanners brought together: ComBat and scaling, learnt on training rows, without the stage."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import skops.io
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

from radiofib import stats
from radiofib.staging.batches import scanner_texts
from radiofib.staging.block_regression import BlockRegression
from radiofib.staging.blocks import BlockFill
from radiofib.staging.chain import ChainStager
from radiofib.staging.context import ContextFlags, ScannerInteraction
from radiofib.staging.embedding import ChannelEmbedding
from radiofib.staging.fusion import LateFusionStager
from radiofib.staging.harmonise import ComBatHarmoniser, ScannerScaler
from radiofib.staging.inputs import StagerInputError


@parametrize_with_checks(
    [ComBatHarmoniser(), ScannerScaler(kind="median")],
    expected_failed_checks=lambda _: {
        "check_dataframe_column_names_consistency": "columns are put in order by name",
    },
)
def test_scikit_learn_check(estimator, check):
    assert check(estimator) is None


def scans(seed=0, n=30, p=12, names=("A", "B", "C")):
    """Return features with a shift and a scale for each scanner, and the context."""
    rng = np.random.default_rng(seed)
    scanner = np.repeat(names, n)
    code = np.repeat(np.arange(len(names)), n)
    shift, scale = rng.normal(0, 2, (len(names), p)), np.exp(rng.normal(0, 0.4, (len(names), p)))
    values = rng.normal(size=(len(code), p)) * scale[code] + shift[code] + 5
    columns = [f"t1_original_sim_f{k:03d}" for k in range(p)]
    return pd.DataFrame(values, columns=columns), pd.DataFrame({"scanner": scanner})


@pytest.mark.parametrize("options", [{}, {"mean_only": True}, {"reference": "B"}])
def test_training_rows_are_those_of_combat(options):
    X, context = scans()
    X["t1_original_sim_flat"] = 7.0
    wanted = stats.combat(X, context["scanner"], **options)
    found = ComBatHarmoniser("scanner", **options).fit_transform(X, context=context)
    assert found.to_numpy() == pytest.approx(wanted, abs=1e-12)
    assert (found["t1_original_sim_flat"] == 7).all()


@pytest.mark.external
def test_equals_sva(external_data):
    folder = external_data / "stats"
    data = pd.read_csv(folder / "combat_n90_p30.csv")
    expected = pd.read_csv(folder / "combat_sva_nocov.csv").to_numpy()
    step = ComBatHarmoniser("batch")
    X = data.filter(regex=r"^f\d")
    found = step.fit_transform(X, context=data[["batch"]]).to_numpy()
    assert found == pytest.approx(expected, abs=1e-10)
    # Rows one by one are the same rows.
    alone = [step.transform(X[i : i + 1], context=data[["batch"]][i : i + 1]) for i in (0, 40, 89)]
    assert np.vstack(alone) == pytest.approx(expected[[0, 40, 89]], abs=1e-10)


def test_new_rows_are_moved_by_what_was_learnt():
    X, context = scans(n=60)
    train = np.arange(180) % 2 == 0
    for step in (ComBatHarmoniser("scanner"), ScannerScaler("scanner")):
        fitted = step.fit(X[train], context=context[train])
        found = fitted.transform(X[~train], context=context[~train])
        gaps = found.groupby(context["scanner"][~train]).mean()
        assert np.ptp(gaps.to_numpy(), axis=0).max() < 1.2
        assert np.ptp(X.groupby(context["scanner"]).mean().to_numpy(), axis=0).max() > 2
        # A row is what it is whatever stands beside it.
        one = fitted.transform(X[~train][:1], context=context[~train][:1])
        assert one.to_numpy() == pytest.approx(found[:1].to_numpy(), abs=1e-12)


def test_the_stage_is_never_looked_at():
    X, context = scans()
    first, second = np.tile(["s1", "s4"], 45), np.repeat(["s1", "s4"], 45)
    for step in (ComBatHarmoniser("scanner"), ScannerScaler("scanner")):
        found = [clone(step).fit_transform(X, y, context=context) for y in (first, second, None)]
        assert found[0].equals(found[1])
        assert found[0].equals(found[2])


@pytest.mark.parametrize("name", ["D", None, np.nan, "", "  "])
def test_an_unseen_scanner_is_refused_or_passes(name):
    X, context = scans()
    new, where = X[:3] + 1, pd.DataFrame({"scanner": [name, "A", name]}, dtype=object)
    for step in (ComBatHarmoniser("scanner"), ScannerScaler("scanner")):
        fitted = step.fit(X, context=context)
        message = "scanner 'D' was not seen" if name == "D" else "row 1, column 'scanner'"
        with pytest.raises(StagerInputError, match=message):
            fitted.transform(new, context=where)
    combat = ComBatHarmoniser("scanner", unseen="pass").fit(X, context=context)
    found = combat.transform(new, context=where)
    assert found.iloc[[0, 2]].equals(new.iloc[[0, 2]])
    assert not np.allclose(found.iloc[1], new.iloc[1])
    scaler = ScannerScaler("scanner", unseen="pass").fit(X, context=context)
    within = np.sqrt(X.groupby(context["scanner"]).var(ddof=0).mean())
    wanted = (new - X.mean()) / within
    found = scaler.transform(new, context=where)
    assert found.iloc[[0, 2]].to_numpy() == pytest.approx(wanted.iloc[[0, 2]].to_numpy())


def test_an_unseen_scanner_can_be_learnt_from_its_own_rows():
    X, context = scans(n=40)
    old = (context["scanner"] != "C").to_numpy()
    for step in (
        ComBatHarmoniser("scanner", unseen="own"),
        ScannerScaler("scanner", unseen="own"),
        ScannerScaler("scanner", unseen="own", kind="median"),
    ):
        fitted = step.fit(X[old], context=context[old])
        found = fitted.transform(X, context=context)
        means = found.groupby(context["scanner"]).mean()
        spread = found.groupby(context["scanner"]).std()
        assert np.ptp(means.to_numpy(), axis=0).max() < 0.5 * X.std().max()
        assert (spread.loc["C"] / spread.loc["A"]).between(0.6, 1.7).all()
        # Known scanners are not touched by who stands beside them.
        assert found[old].equals(fitted.transform(X[old], context=context[old]))
        few = np.flatnonzero(~old)[:4]
        with pytest.raises(StagerInputError, match=r"'C' was not seen .* too few rows"):
            fitted.transform(X.iloc[few], context=context.iloc[few])
        with pytest.raises(StagerInputError, match="the scanner is missing"):
            fitted.transform(X[:1], context=pd.DataFrame({"scanner": [None]}))


def test_an_own_batch_is_that_of_combat_with_the_others():
    # Against means and deviations of the training rows alone, a batch is shrunk as any other.
    X, context = scans(n=40)
    step = ComBatHarmoniser("scanner", unseen="own").fit(X[:80], context=context[:80])
    renamed = context[:80].replace({"A": "Z"})
    found = step.transform(X[:40], context=renamed[:40])
    wanted = step.transform(X[:40], context=context[:40])
    assert found.to_numpy() == pytest.approx(wanted.to_numpy(), abs=1e-10)


def test_rare_scanners_are_refused_or_pooled():
    X, context = scans()
    context.loc[:2, "scanner"], context.loc[3:5, "scanner"] = "R1", "R2"
    for kind in (ComBatHarmoniser, ScannerScaler):
        with pytest.raises(StagerInputError, match=r"too few training rows .* R1: 3, R2: 3"):
            kind("scanner").fit(X, context=context)
        pooled = kind("scanner", few="pool").fit(X, context=context)
        assert pooled.scanners_ == ["A", "B", "C", "R1+R2"]
        assert pooled.batch_of_["R1"] == pooled.batch_of_["R2"] == 3
        same = kind("scanner").fit(X, context=context.replace({"R1": "R", "R2": "R"}))
        found = pooled.transform(X, context=context)
        wanted = same.transform(X, context=context.replace({"R1": "R", "R2": "R"}))
        assert found.to_numpy() == pytest.approx(wanted.to_numpy(), abs=1e-12)
        with pytest.raises(StagerInputError, match="even when pooled"):
            kind("scanner", few="pool", min_rows=7).fit(X, context=context)
    with pytest.raises(StagerInputError, match="reference scanner 'R1'"):
        ComBatHarmoniser("scanner", few="pool", reference="R1").fit(X, context=context)


def test_rows_without_a_scanner_take_no_part_when_they_pass():
    X, context = scans()
    holes = context.mask(pd.DataFrame({"scanner": np.arange(90) % 10 == 0}))
    named = holes["scanner"].notna().to_numpy()
    for kind in (ComBatHarmoniser, ScannerScaler):
        with pytest.raises(StagerInputError, match="9 rows without"):
            kind("scanner").fit(X, context=holes)
        step = kind("scanner", unseen="pass").fit(X, context=holes)
        alone = kind("scanner").fit(X[named], context=context[named])
        found = step.transform(X[named], context=context[named])
        assert found.equals(alone.transform(X[named], context=context[named]))
        with pytest.raises(StagerInputError, match="no row names its scanner"):
            kind("scanner", unseen="pass").fit(X, context=pd.DataFrame({"scanner": [""] * 90}))


def test_one_scanner_has_nothing_to_be_brought_to():
    X, context = scans()
    one = context.assign(scanner="A")
    step = ComBatHarmoniser("scanner", unseen="own").fit(X, context=one)
    assert step.transform(X, context=one).equals(X)
    found = step.transform(X[:30] * 3, context=pd.DataFrame({"scanner": ["B"] * 30}))
    assert found.mean().to_numpy() == pytest.approx(X.mean().to_numpy(), abs=1.5)
    assert ComBatHarmoniser().fit_transform(X).equals(X)


def test_tables_that_combat_cannot_take_are_refused():
    X, context = scans()
    with pytest.raises(StagerInputError, match="two features that vary"):
        ComBatHarmoniser("scanner").fit(X.iloc[:, :1], context=context)
    with pytest.raises(StagerInputError, match="reference scanner 'D'"):
        ComBatHarmoniser("scanner", reference="D").fit(X, context=context)
    for bad in ({"unseen": "ignore"}, {"few": "drop"}, {"min_rows": 0}):
        with pytest.raises(StagerInputError):
            ComBatHarmoniser("scanner", **bad).fit(X, context=context)
    with pytest.raises(StagerInputError, match="kind of scaling"):
        ScannerScaler("scanner", kind="z-score").fit(X, context=context)


def test_missing_blocks_stay_missing_and_the_rest_is_harmonised():
    X, context = scans()
    whole = ComBatHarmoniser("scanner").fit_transform(X, context=context)
    holes = X.copy()
    holes.iloc[::3, :4] = np.nan
    holes.iloc[60:, 4] = np.nan
    for step in (ComBatHarmoniser("scanner"), ScannerScaler("scanner")):
        found = step.fit_transform(holes, context=context)
        assert (found.isna() == holes.isna()).all(axis=None)
    found = ComBatHarmoniser("scanner").fit_transform(holes, context=context)
    assert np.abs(found - whole).max(axis=None) < 1.5
    means = found.groupby(context["scanner"]).mean()
    assert np.ptp(means.iloc[:, :4].to_numpy(), axis=0).max() < 1.0
    assert abs(means.iloc[0, 4] - means.iloc[1, 4]) < 1.0


@settings(max_examples=30)
@given(st.sampled_from(["zscore", "median", "centre"]), st.integers(0, 2**16))
def test_scaled_scanners_have_one_centre_and_scale(kind, seed):
    rng = np.random.default_rng(seed)
    X, context = scans(seed, n=12, p=3)
    X = X.mask(rng.random(X.shape) < 0.2)
    found = ScannerScaler("scanner", kind=kind).fit_transform(X, context=context)
    for _, rows in found.groupby(context["scanner"]):
        centre = rows.median() if kind == "median" else rows.mean()
        assert centre.to_numpy() == pytest.approx(0.0, abs=1e-9)
        if kind == "zscore":
            assert rows.std(ddof=0).to_numpy() == pytest.approx(1.0)
        if kind == "median":
            assert (1.4826 * (rows - centre).abs().median()).to_numpy() == pytest.approx(1.0)


def test_a_scale_of_nothing_is_that_of_all():
    X = pd.DataFrame({"a": [1.0, 3.0, 5.0, 5.0], "b": [np.nan, np.nan, 2.0, 4.0], "c": [7.0] * 4})
    context = pd.DataFrame({"scanner": ["A", "A", "B", "B"]})
    found = ScannerScaler("scanner", min_rows=1).fit(X, context=context)
    # A varies by 1, B not at all: 4 rows share a variance of 1/2.
    assert found.scale_[:, 0] == pytest.approx([1.0, np.sqrt(0.5)])
    assert found.centre_[:, 1].tolist() == [3.0, 3.0]
    assert found.transform(X, context=context)["c"].tolist() == [0.0] * 4


def test_names_of_scanners_are_texts():
    column = pd.Series([1, 1.0, "1", 1.5, None, pd.NA, np.nan, "", " a "], dtype=object)
    assert scanner_texts(column).tolist() == ["1", "1", "1", "1.5", "", "", "", "", " a "]


def test_a_chain_leaves_a_scanner_out_and_predicts_it():
    X, context = scans(n=40)
    y = np.tile(["s1", "s4"], 60)
    X += (y == "s4")[:, None] * 1.0
    frame, old = pd.concat([X, context], axis=1), (context["scanner"] != "C").to_numpy()
    for unseen in ("pass", "own"):
        chain = ChainStager(steps=[ScannerScaler("scanner", unseen=unseen)])
        found = chain.fit(frame[old], y[old]).predict(frame[~old])
        assert unseen == "pass" or (found == y[~old]).mean() > 0.7
    chain = ChainStager(steps=[ComBatHarmoniser("scanner")]).fit(frame[old], y[old])
    with pytest.raises(StagerInputError, match="scanner 'C'"):
        chain.predict(frame[~old])


@pytest.mark.parametrize(
    "step",
    [
        ComBatHarmoniser("scanner"),
        ScannerScaler("scanner", kind="median"),
        ContextFlags(("scanner",)),
        ScannerInteraction("scanner"),
        BlockFill("indicator"),
        BlockRegression(),
        ChannelEmbedding(2, kind="pls", indicator=True),
    ],
    ids=lambda step: type(step).__name__,
)
def test_models_with_steps_can_be_stored(step):
    X, context = scans(n=10, p=6)
    X.columns = ["t1_a", "t1_b", "t1_c", "dwi_a", "dwi_b", "dwi_c"]
    X.loc[:4, ["dwi_a", "dwi_b", "dwi_c"]] = np.nan
    y = np.tile(["s1", "s4"], 15)
    frame = pd.concat([X, context], axis=1)
    for model in (ChainStager(steps=[step]), LateFusionStager(weights="gated", folds=2)):
        given = frame if model.context_columns else X
        fitted = model.fit(given, y)
        stored = skops.io.dumps(fitted)
        types = skops.io.get_untrusted_types(data=stored)
        assert all(t.startswith(("radiofib.staging.", "numpy.")) for t in types), types
        again = skops.io.loads(stored, trusted=types)
        assert np.array_equal(again.predict_proba(given), fitted.predict_proba(given))
        # The same rows give the same model.
        twice = clone(model).fit(given, y)
        assert np.array_equal(twice.predict_proba(given), fitted.predict_proba(given))
