"""The cohort with a rare stage is what its documentation says."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from radiofib.errors import UsageError
from radiofib.simulate.imbalanced import ImbalanceSettings, simulate_imbalanced
from radiofib.stats import calibration


@pytest.mark.parametrize("rows", [1, 3])
def test_true_probabilities_are_calibrated_and_as_sharp_as_the_effect_allows(rows):
    law = ImbalanceSettings(rows_per_patient=rows)
    found = simulate_imbalanced(20000 // rows, seed=1, settings=law)
    y = (found.table.obs["stage"] == "s4").to_numpy().astype(int)
    fit = calibration(y, found.proba[:, 1], clusters=found.table.obs["patient"])
    assert abs(fit.in_the_large) < 4 * fit.in_the_large_se
    assert abs(fit.slope - 1) < 4 * fit.slope_se
    # Two normals 0.5 sqrt(5) apart: Phi(0.5 sqrt(5) / sqrt(2)) = 0.785.
    assert roc_auc_score(y, found.proba[:, 1]) == pytest.approx(0.785, abs=0.015)


def test_rows_of_a_patient_are_correlated_as_asked():
    law = ImbalanceSettings(rows_per_patient=2, within=0.3, effect=0.0)
    X = simulate_imbalanced(5000, seed=2, settings=law).table.X.to_numpy()
    between = np.mean([np.corrcoef(c[::2], c[1::2])[0, 1] for c in X.T])
    assert between == pytest.approx(0.3, abs=0.02)
    assert X.std() == pytest.approx(1, abs=0.01)


def test_several_stages_and_no_effect():
    law = ImbalanceSettings(stages=("s1", "s2", "s4"), mix=(6, 3, 1), effect=0.0)
    found = simulate_imbalanced(3000, seed=0, settings=law)
    assert np.allclose(found.proba, [0.6, 0.3, 0.1])
    share = found.table.obs["stage"].value_counts(normalize=True, sort=False)
    assert share.tolist() == pytest.approx([0.6, 0.3, 0.1], abs=0.03)


def test_settings_that_contradict_themselves_are_refused():
    with pytest.raises(UsageError, match="2 shares"):
        simulate_imbalanced(10, settings=ImbalanceSettings(mix=(1.0,)))
    with pytest.raises(UsageError, match="at most 3"):
        simulate_imbalanced(10, settings=ImbalanceSettings(features=3, informative=4))
