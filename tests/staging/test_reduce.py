"""Components in place of columns, against scikit-learn's."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.cross_decomposition import PLSRegression
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from radiofib.staging.chain import ChainStager
from radiofib.staging.inputs import StagerInputError
from radiofib.staging.reduce import PartialLeastSquares, PrincipalComponents
from radiofib.staging.rows import block_of


@pytest.fixture
def wide():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(30, 6)) @ rng.normal(size=(6, 50)) + rng.normal(size=(30, 50))
    y = np.array(["s1", "s2", "s4"])[np.digitize(X[:, 0] + rng.normal(size=30), [-2, 2])]
    return pd.DataFrame(X, columns=[f"t{i % 3}_original_glcm_f{i}" for i in range(50)]), y


def test_principal_components_are_scikit_learns(wide):
    X, _ = wide
    scaled = StandardScaler().fit_transform(X)
    wanted = PCA(5, svd_solver="full").fit(scaled)
    step = PrincipalComponents(5).fit(X)
    found = step.transform(X).to_numpy()
    assert np.abs(found) == pytest.approx(np.abs(wanted.transform(scaled)), abs=1e-9)
    assert step.explained_ == pytest.approx(wanted.explained_variance_ratio_)
    largest = step.weights_[np.arange(5), np.abs(step.weights_).argmax(axis=1)]
    assert (largest > 0).all()


def test_a_share_takes_as_many_components_as_it_needs(wide):
    X, y = wide
    for kind in (PrincipalComponents, PartialLeastSquares):
        for share in (0.3, 0.6):
            step = kind(share).fit(X, y)
            assert step.explained_.sum() >= share
            assert step.explained_[:-1].sum() < share
    assert PrincipalComponents(1.0).fit(X).n_components_ == 29
    assert PrincipalComponents(400).fit(X).n_components_ == 29


def test_partial_least_squares_is_scikit_learns(wide):
    X, y = wide
    scaled = StandardScaler().fit_transform(X)
    codes = np.unique(y, return_inverse=True)[1].astype(float)
    wanted = PLSRegression(4, scale=False).fit(scaled, codes)
    step = PartialLeastSquares(4).fit(X, y)
    # scikit-learn chooses the sign of each component otherwise.
    scores = wanted.transform(scaled)
    found = step.transform(X).to_numpy()
    sign = np.sign((found * scores).sum(axis=0))
    assert found == pytest.approx(scores * sign, abs=1e-7)
    assert step.get_feature_names_out().tolist() == ["pls01", "pls02", "pls03", "pls04"]
    left = ((scaled - scores @ wanted.x_loadings_.T) ** 2).sum() / (scaled**2).sum()
    assert step.explained_.sum() == pytest.approx(1 - left, abs=1e-9)


def test_names_are_blocks_of_their_own_and_come_out_in_a_chain(wide):
    X, y = wide
    step = PrincipalComponents(2).fit(X)
    assert step.transform(X).columns.tolist() == ["pc01", "pc02"]
    assert [block_of(c) for c in step.get_feature_names_out()] == ["pc01", "pc02"]
    chain = ChainStager(steps=[PartialLeastSquares(2)]).fit(X, y)
    assert (chain.predict(X) == y).mean() > 0.6


def test_missing_values_take_the_median_of_the_training_rows(wide):
    X, _ = wide
    step = PrincipalComponents(3).fit(X)
    gone = X.copy()
    gone.iloc[4, 7] = np.nan
    filled = X.copy()
    filled.iloc[4, 7] = X.iloc[:, 7].median()
    pd.testing.assert_frame_equal(step.transform(gone), step.transform(filled))
    empty = X.assign(t0_empty=np.nan)
    assert PrincipalComponents(3).fit(empty).explained_ == pytest.approx(step.explained_)


def test_what_cannot_be_put_together_is_refused(wide):
    X, y = wide
    for wrong in (0, -1, 0.0, 1.5, -0.5):
        with pytest.raises(StagerInputError, match="n_components"):
            PrincipalComponents(wrong).fit(X)
    with pytest.raises(StagerInputError, match="none of which varies"):
        PrincipalComponents(1).fit(X * 0.0)
    with pytest.raises(StagerInputError, match="requires y"):
        PartialLeastSquares(1).fit(X)
    with pytest.raises(StagerInputError, match="1 class"):
        PartialLeastSquares(1).fit(X, ["s1"] * len(y))
