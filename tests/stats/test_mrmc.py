from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from radiofib import stats
from radiofib.errors import UsageError


@pytest.fixture(scope="module")
def published(repository):
    frame = pd.read_csv(repository / "tests" / "reference" / "mrmc_van_dyke.csv")
    return {name: part.set_index("quantity") for name, part in frame.groupby("analysis")}


@pytest.fixture(scope="module")
def study(published):
    areas = published["areas"]["value"].to_numpy().reshape(2, 5)
    part = published["components"]["value"]
    covariance = np.full((2, 5, 2, 5), part["cov3"])
    for j in range(5):
        covariance[:, j, :, j] = part["cov1"]
    for i in range(2):
        covariance[i, :, i, :] = part[f"cov2 {i}"]
        np.fill_diagonal(covariance[i, :, i, :], part[f"variance {i}"])
    return areas, covariance


@pytest.mark.parametrize("random", ["readers and cases", "cases", "readers"])
def test_published_study(published, study, random):
    found = stats.mrmc_from_areas(*study, random=random)
    pair = found.differences.iloc[0]
    ours = {
        "statistic": found.test.statistic,
        "denominator_df": found.denominator_df,
        "p": found.test.p,
        "difference low": pair["ci_low"],
        "difference high": pair["ci_high"],
    }
    for i, row in found.modalities.iterrows():
        ours |= {f"modality {i} low": row["ci_low"], f"modality {i} high": row["ci_high"]}
    for name, row in published[random].iterrows():
        assert ours[name] == pytest.approx(row["value"], abs=row["tolerance"]), name
    assert pair["p"] == pytest.approx(found.test.p)
    parts = found.components.set_index("component")["value"]
    for name in ("ms_modality", "ms_reader", "ms_interaction", "variance", "cov2"):
        row = published["components"].loc[name]
        assert parts[name] == pytest.approx(row["value"], abs=row["tolerance"])


def test_one_reader_is_the_paired_test():
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], 30)
    a, b = rng.normal(size=(2, 60)) + y
    found = stats.mrmc(y, [[a], [b]], random="cases")
    paired = stats.delong_paired(y, a, b)
    pair = found.differences.iloc[0]
    for name, value in (
        ("difference", paired.difference),
        ("statistic", paired.z),
        ("p", paired.p),
        ("ci_low", paired.low),
        ("ci_high", paired.high),
    ):
        assert pair[name] == pytest.approx(value, abs=1e-12)
    assert found.modalities["auc"].tolist() == pytest.approx([paired.first, paired.second])


def test_level_of_the_test_and_repeated_patients():
    rng = np.random.default_rng(1)
    y = np.repeat([0, 1], 40)
    p = []
    for _ in range(150):
        signal = rng.normal(size=80) + y
        scores = signal + rng.normal(size=(2, 4, 80))
        p.append(stats.mrmc(y, scores).test.p)
    assert 0.005 < np.mean(np.array(p) < 0.05) < 0.1
    many = np.tile(np.arange(80), 3)
    once, again = stats.mrmc(y, scores), stats.mrmc(y[many], scores[..., many], clusters=many)
    assert again.test.p == pytest.approx(once.test.p)


def test_designs_that_do_not_fit_are_refused():
    y = [0, 0, 1, 1]
    with pytest.raises(UsageError, match="two modalities are needed"):
        stats.mrmc(y, np.ones((1, 2, 4)))
    with pytest.raises(UsageError, match="two readers"):
        stats.mrmc(y, np.ones((2, 1, 4)))
    with pytest.raises(UsageError, match="modalities by readers by cases"):
        stats.mrmc(y, np.ones((2, 4)))
    with pytest.raises(UsageError, match="arrays differ in length"):
        stats.mrmc(y, np.ones((2, 2, 5)))
    constant = stats.mrmc(y, np.ones((2, 2, 4)))
    assert math.isnan(constant.test.p)
    assert constant.test.note == "no spread"
