"""After normalisation the same tissue looks alike on scanners with other intensity laws."""

from __future__ import annotations

import numpy as np
import pytest

from tests.preprocess.mri.agreement import disagreement, medians, scale_of, settings_of

SIZE, SEED = 0.12, 71
PATIENTS = range(2)


def mean_disagreement(method, channel, scale=None):
    found = [disagreement(medians(method, channel, SEED, i, SIZE, scale=scale)) for i in PATIENTS]
    return float(np.mean(found))


def test_the_measure_by_hand():
    # between scanners: deviations 1 and 3; between tissues: 5 and 7
    assert disagreement(np.array([[0.0, 10.0], [2.0, 16.0]])) == pytest.approx(2 / 6)
    assert disagreement(np.array([[1.0, 5.0], [1.0, 5.0]])) == 0


@pytest.mark.parametrize("channel", ["t1", "ged4"])
def test_every_method_brings_scanners_together(channel):
    raw = mean_disagreement("raw", channel)
    assert raw > 1  # gains of 900 to 1,100,000
    scale = scale_of(settings_of("nyul"), channel, SEED, range(5, 7), SIZE)
    for method in ("zscore", "percentile", "nyul", "reference_tissue"):
        after = mean_disagreement(method, channel, scale if method == "nyul" else None)
        assert after < raw / 2, method
