"""Values of R 4.2.2 on forty cases stored with the tests."""

from __future__ import annotations

import pandas as pd
import pytest

from radiofib import stats


@pytest.fixture(scope="module")
def ours(repository):
    d = pd.read_csv(repository / "tests" / "reference" / "r_small_cases.csv")
    y, p, q = d["y"], d["p"], d["q"]
    even = d.index % 2 == 1
    area, pair = stats.delong(y, p), stats.delong_paired(y, p, q)
    apart = stats.delong_unpaired(y[even], p[even], y[~even], p[~even])
    cut = stats.choose_cutoffs(y, p)
    shares = stats.apply_cutoffs(y, p, cut).set_index("metric")["estimate"]
    curve = sorted(zip(p, stats.lowess(p, y), strict=True))
    errors = stats.calibration_errors(y, p).set_index("metric")["estimate"]
    score, fit = stats.spiegelhalter(y, p), stats.calibration(y, p)
    linear = stats.correlations(d["m1"], d["m2"]).set_index("method").loc["pearson"]
    ranks = stats.correlations(p, d["stage"]).set_index("method")
    icc = stats.intraclass(d[["m1", "m2"]])
    kappa = stats.kappa(stats.confusion_matrix(d["k1"], d["k2"], 4), error="psych")
    trend = stats.cochran_armitage(y, d["stage"], 4)
    names = ["R2", "D", "U", "Q", "Emax", "E90", "Eavg"]
    return {
        "delong": [area.low, area.value, area.high],
        "paired": [pair.z, pair.p],
        "unpaired": [apart.statistic, apart.df, apart.p],
        "partial_specificity": [stats.partial_auc(y, p, n_boot=0).value],
        "partial_sensitivity": [stats.partial_auc(y, p, focus="sensitivity", n_boot=0).value],
        "youden": [cut.high, shares["sensitivity"], shares["specificity"]],
        "lowess": [curve[i][1] for i in (0, 9, 19, 39)],
        "val_prob": [*errors[names], score.statistic, score.p, fit.intercept, fit.slope],
        "pearson": linear[["estimate", "ci_low", "ci_high", "p"]].tolist(),
        "spearman": ranks.loc["spearman", ["estimate", "p"]].tolist(),
        "kendall": ranks.loc["kendall_tau_b", ["estimate", "p"]].tolist(),
        "icc": icc["estimate"].tolist(),
        "icc_low": icc["ci_low"].tolist(),
        "icc_high": icc["ci_high"].tolist(),
        "kappa_psych": [kappa.low, kappa.value, kappa.high],
        "trend": [trend.statistic**2, trend.p],
    }


def test_values_equal_r(ours, repository):
    table = pd.read_csv(repository / "tests" / "reference" / "r_small.csv")
    assert set(table["name"]) == set(ours)
    for row in table.itertuples():
        found = ours[row.name][row.part]
        assert found == pytest.approx(row.value, abs=row.tolerance, rel=1e-12), row.name
    sizes = table.groupby("name").size()
    assert {name: len(values) for name, values in ours.items()} == sizes.to_dict()
