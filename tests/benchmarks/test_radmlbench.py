"""The comparison on public radiomics tables runs, and its table says what was promised."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_1samp

from benchmarks.radmlbench import DEFAULT, FORMER, PLAIN, PUBLISHED, corrected, measure, verdicts


def test_without_shared_training_rows_the_interval_is_students() -> None:
    values = np.random.default_rng(0).normal(0.7, 0.1, 50)
    plain = ttest_1samp(values, 0).confidence_interval()
    assert corrected(values, 0.0)[1:] == pytest.approx((plain.low, plain.high))
    wider = corrected(values, 0.25)
    ratio = (wider[2] - wider[1]) / (plain.high - plain.low)
    assert ratio == pytest.approx(np.sqrt((1 / 50 + 0.25) * 50))


def test_each_expectation_can_fail() -> None:
    rows = [
        {"table": name, "model": DEFAULT, "auc": 0.9, "ci_low": 0.8, "ci_high": 1.0}
        for name in PUBLISHED
    ]
    rows.append({"table": "mean of the three", "model": "difference", "auc": -0.021})
    assert set(verdicts(pd.DataFrame(rows)).values()) == {False}


@pytest.mark.external
@pytest.mark.bench
def test_a_small_part_runs(external_data: Path) -> None:
    frame = measure(external_data / "tabular" / "radmlbench", small=True)
    assert frame["model"].value_counts().to_dict() == {
        DEFAULT: 4,
        FORMER: 4,
        PLAIN: 4,
        "difference": 4,
    }
    assert frame["auc"].between(-1, 1).all()
    mean = frame.set_index(["table", "model"])["auc"]
    parts = [mean[name, DEFAULT] for name in PUBLISHED]
    assert mean["mean of the three", DEFAULT] == pytest.approx(np.mean(parts))
