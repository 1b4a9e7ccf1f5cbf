"""Every function on scores that carry no information, on five cases, and on what is refused."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pandas as pd
import pytest

from radiofib import stats
from radiofib.errors import UsageError
from radiofib.stats import AucDifference, Estimate, HypothesisTest

#: Functions of a binary outcome and one score (or probability) between 0 and 1.
BINARY = {
    "delong": stats.delong,
    "logit_delong": stats.logit_delong,
    "auc_interval": stats.auc_interval,
    "partial_auc": lambda y, s: stats.partial_auc(y, s, n_boot=50),
    "delong_paired": lambda y, s: stats.delong_paired(y, s, s[::-1]),
    "delong_unpaired": lambda y, s: stats.delong_unpaired(y, s, y, s[::-1]),
    "permutation_labels": lambda y, s: stats.permutation_labels(y, s, n_permutations=19),
    "permutation_paired": lambda y, s: stats.permutation_paired(y, s, s[::-1], n_permutations=19),
    "cutoffs": lambda y, s: stats.apply_cutoffs(y, s, stats.choose_cutoffs(y, s), prevalence=0.3),
    "calibration": stats.calibration,
    "calibration_curve": lambda y, s: stats.calibration_curve(y, s, points=5),
    "calibration_errors": stats.calibration_errors,
    "calibration_groups": stats.calibration_groups,
    "hosmer_lemeshow": lambda y, s: stats.hosmer_lemeshow(y, s, fitted=True),
    "spiegelhalter": stats.spiegelhalter,
    "decision_curve": stats.decision_curve,
    "net_benefit": lambda y, s: stats.net_benefit(y, s, 0.4),
    "brier_score": stats.brier_score,
    "log_loss": stats.log_loss,
    "bootstrap": lambda y, s: stats.bootstrap(lambda w: w @ s / w.sum(axis=1), y, n_boot=50),
    "mrmc": lambda y, s: stats.mrmc(y, [[s, s[::-1]], [s, s]]),
    "obuchowski": lambda y, s: stats.obuchowski(y, s, 2),
    "ordinal_c_index": lambda y, s: stats.ordinal_c_index(y, s, 2),
    "standardised_auc": lambda y, s: stats.standardised_auc(y, s, 2, [1], [1, 1]),
    "pairwise_auc": lambda y, s: stats.pairwise_auc(y, s, 2),
    "multiclass_auc_interval": lambda y, s: stats.multiclass_auc_interval(
        y, np.column_stack([1 - s, s])
    ),
    "jonckheere": lambda y, s: stats.jonckheere(y, s, 2),
    "correlations": lambda y, s: stats.correlations(y, s),
    "bland_altman": lambda y, s: stats.bland_altman(y, s),
    "intraclass": lambda y, s: stats.intraclass(np.column_stack([y, s])),
    "concordance": lambda y, s: stats.concordance(y, s),
}
SCORES = {
    "constant": ([0, 1, 0, 1, 1, 0, 1, 0], [0.5] * 8),
    "ties only": ([0, 1, 0, 1, 1, 0, 1, 0], [0.2, 0.2, 0.7, 0.7, 0.2, 0.2, 0.7, 0.7]),
    "separated": ([0, 0, 0, 0, 1, 1, 1, 1], [0.1, 0.2, 0.3, 0.4, 0.6, 0.7, 0.8, 0.9]),
    "certain": ([0, 1, 0, 1, 1, 0, 1, 0], [0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0]),
    "five cases": ([0, 0, 1, 1, 1], [0.1, 0.6, 0.4, 0.7, 0.9]),
    "two cases": ([0, 1], [0.3, 0.6]),
}


def said(found):
    """Whether a result that has no number says why."""
    if isinstance(found, Estimate | AucDifference):
        missing = math.isnan(found.low)
        return not missing or bool(found.note) or found.method == "none"
    if isinstance(found, HypothesisTest):
        return not math.isnan(found.p) or bool(found.note)
    if isinstance(found, pd.DataFrame) and {"ci_low", "note"} <= set(found.columns):
        return bool((found["ci_low"].notna() | found["note"].ne("")).all())
    return True


def attempt(name, y, score):
    """Return a result, or the error that says what is wrong."""
    try:
        return BINARY[name](y, score)
    except UsageError as error:
        return error


@pytest.mark.parametrize("case", SCORES)
@pytest.mark.parametrize("name", BINARY)
def test_poor_scores_give_a_value_or_say_why(name, case):
    y, score = (np.array(values) for values in SCORES[case])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = attempt(name, y, score)
    if isinstance(found, UsageError):
        assert found.found or found.hint, found
    assert said(found), found


@pytest.mark.parametrize("name", BINARY)
def test_nan_is_refused_with_its_place(name):
    y = np.array([0, 1, 0, 1, 1, 0, 1, 0])
    score = np.array([0.1, 0.2, math.nan, 0.4, 0.5, 0.6, 0.7, 0.8])
    if name == "bootstrap":
        pytest.skip("the statistic is the caller's")
    with pytest.raises(UsageError, match=r"finite|missing"):
        BINARY[name](y, score)


@pytest.mark.parametrize("name", BINARY)
def test_one_class(name):
    y, score = np.ones(8, dtype=int), np.linspace(0.2, 0.9, 8)
    found = attempt(name, y, score)
    if isinstance(found, UsageError):
        assert "class" in str(found) or "stage" in str(found), found
    assert said(found), found


def test_probabilities_that_do_not_sum_to_one_are_refused():
    proba = [[0.5, 0.5, 0.1], [0.2, 0.3, 0.5]]
    for function in (stats.brier_score, stats.log_loss, stats.ranked_probability_score):
        with pytest.raises(UsageError, match=r"must sum to one \(found 1.1 in row 0\)"):
            function([0, 2], proba)


def test_perfect_separation_of_seventy():
    y, score = [0] * 5 + [1] * 65, np.arange(70)
    found = stats.auc_interval(y, score)
    assert (found.value, found.high, found.method) == (1, 1, "Newcombe method 5")
    assert found.low == pytest.approx(0.795, abs=5e-4)
    many = np.tile(np.arange(70), 10)
    again = stats.auc_interval(np.tile(y, 10), np.tile(score, 10), clusters=many)
    assert (again.low, again.high) == (found.low, found.high)
    assert again.method == "Newcombe method 5 on patients"
