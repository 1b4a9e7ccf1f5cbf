from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from radiofib import stats
from radiofib.errors import UsageError
from radiofib.stats.batch_effects import (
    estimate_batch_effects,
    estimate_new_batch,
    remove_batch_effects,
)


def scans(seed=0, n=30, p=12):
    rng = np.random.default_rng(seed)
    batch = np.repeat(["a", "b", "c"], n)
    x = rng.normal(size=(3 * n, p)) * np.repeat([1, 2, 0.5], n)[:, None]
    return x + np.repeat([0, 3, -2], n)[:, None], batch


def test_batches_meet_and_the_reference_stays():
    x, batch = scans()
    found = stats.combat(x, batch)
    means = pd.DataFrame(found).groupby(batch).mean()
    deviations = pd.DataFrame(found).groupby(batch).std()
    assert np.ptp(means.to_numpy(), axis=0).max() < 0.8
    assert (deviations.max() / deviations.min()).max() < 1.8
    kept = stats.combat(x, batch, reference="b")
    assert (kept[batch == "b"] == x[batch == "b"]).all()
    assert abs(kept[batch == "a"].mean() - 3) < 0.5
    only = stats.combat(x, batch, mean_only=True)
    spread = pd.DataFrame(only).groupby(batch).std().mean(axis=1)
    assert spread["b"] / spread["c"] > 3


def test_covariates_are_kept_and_flat_features_pass():
    x, batch = scans()
    age = np.random.default_rng(1).normal(60, 10, len(x))
    x = x + 0.5 * age[:, None]
    x[:, 3] = 7.0
    found = stats.combat(x, batch, age)
    slope = np.polyfit(age, found[:, 0], 1)[0]
    assert slope == pytest.approx(0.5, abs=0.03)
    assert (found[:, 3] == 7).all()
    assert np.isfinite(found).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"batch": ["a"] * 90}, "two batches"),
        ({"batch": ["z"] + ["a"] * 89}, "two batches"),
        ({"reference": "d"}, "reference batch does not occur"),
        ({"covariates": np.ones(90)}, "cannot be told apart"),
        ({"covariates": np.full(90, np.nan)}, "covariates must be finite"),
        ({"batch": ["a", "b"]}, "differ in length"),
    ],
)
def test_tables_that_do_not_fit_are_refused(change, message):
    x, batch = scans()
    with pytest.raises(UsageError, match=message):
        stats.combat(x, **{"batch": batch, **change})
    x[0, 0] = np.nan
    with pytest.raises(UsageError, match="finite values"):
        stats.combat(x, batch)


@pytest.mark.external
def test_equals_sva(external_data):
    folder = external_data / "stats"
    data = pd.read_csv(folder / "combat_n90_p30.csv")
    expected = pd.read_csv(folder / "combat_sva_nocov.csv").to_numpy()
    found = stats.combat(data.filter(regex=r"^f\d"), data["batch"])
    assert found == pytest.approx(expected, abs=1e-10)


@pytest.mark.external
@pytest.mark.parametrize(
    ("name", "options"),
    [("", {}), ("_meanonly", {"mean_only": True}), ("_batchref", {"reference": 1})],
)
@pytest.mark.parametrize("adjusted", [False, True])
def test_equals_the_authors_of_neurocombat(external_data, name, options, adjusted):
    folder = external_data / "tabular" / "combat_reference" / "Testing"
    x = pd.read_csv(folder / "inputData" / "testdata.csv").to_numpy().T
    kind = "adjusted" if adjusted else "unadjusted"
    path = folder / "outputData" / f"testdata_combat_parametric_{kind}{name}_r.csv"
    covariates = np.tile([1, 2], 5) if adjusted else None
    found = stats.combat(x, np.repeat([1, 2], 5), covariates, **options)
    assert pytest.approx(pd.read_csv(path).to_numpy(), abs=1e-10) == found.T


def test_missing_values_take_no_part():
    x, batch = scans()
    codes = np.unique(batch, return_inverse=True)[1]
    whole = estimate_batch_effects(x, codes, 3)
    # A column of which some values are missing is learnt from the others alone.
    holes = x.copy()
    holes[::4, 0] = np.nan
    kept = ~np.isnan(holes[:, 0])
    found = estimate_batch_effects(holes, codes, 3)
    alone = estimate_batch_effects(holes[kept], codes[kept], 3)
    assert found.mean[0] == pytest.approx(alone.mean[0], abs=1e-12)
    assert found.spread[0] == pytest.approx(alone.spread[0], abs=1e-12)
    assert found.mean[1:] == pytest.approx(whole.mean[1:], abs=1e-12)
    moved = remove_batch_effects(holes, codes, found)
    assert (np.isnan(moved) == np.isnan(holes)).all()


def test_a_batch_without_a_feature_leaves_it_to_the_others():
    x, batch = scans()
    codes = np.unique(batch, return_inverse=True)[1]
    x[codes == 2, 0] = np.nan
    x[np.flatnonzero(codes == 2)[0], 0] = 4.0
    x[codes != 0, 1] = np.nan
    found = estimate_batch_effects(x, codes, 3)
    assert found.learnt[:, 0].tolist() == [True, True, False]
    assert not found.learnt[:, 1].any()
    moved = remove_batch_effects(x, codes, found)
    assert moved[np.flatnonzero(codes == 2)[0], 0] == 4.0
    assert moved[codes == 0, 1].tolist() == x[codes == 0, 1].tolist()
    assert abs(moved[codes == 0, 0].mean() - moved[codes == 1, 0].mean()) < 0.8


def test_a_new_batch_is_brought_to_the_others():
    x, batch = scans(n=60)
    codes = np.unique(batch, return_inverse=True)[1]
    old = codes < 2
    known = estimate_batch_effects(x[old], codes[old], 2)
    new = estimate_new_batch(x[~old], known)
    moved = remove_batch_effects(x[~old], np.zeros(60, dtype=int), new)
    assert moved.mean(axis=0) == pytest.approx(known.mean, abs=0.3)
    assert moved.std(axis=0) == pytest.approx(known.spread, rel=0.3)
    # The prior is that of the batch's own features, as for a batch of the training rows.
    again = estimate_new_batch(x[codes == 1], known)
    assert again.shift[0] == pytest.approx(known.shift[1], abs=1e-12)
    assert again.scale[0] == pytest.approx(known.scale[1], abs=1e-12)
