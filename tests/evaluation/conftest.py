"""Small cohorts with a known signal."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from radiofib.table import FeatureTable

LEVELS = ("s1", "s2", "s3", "s4")


def make_table(*, n_patients=48, rows=2, effect=1.0, seed=0, levels=LEVELS, features=6):
    """Patients with `rows` instances each, stages in turn, scanners in blocks."""
    rng = np.random.default_rng(seed)
    patient = np.repeat(np.arange(n_patients), rows)
    codes = (np.arange(n_patients) % len(levels))[patient]
    X = rng.normal(size=(len(patient), features))
    X += rng.normal(size=(n_patients, features))[patient]
    X[:, 0] += effect * codes
    obs = pd.DataFrame(
        {
            "case": [f"c{p:03d}" for p in patient],
            "patient": [f"p{p:03d}" for p in patient],
            "instance": [f"i{r}" for r in np.tile(np.arange(rows), n_patients)],
            "stage": pd.Categorical(np.array(levels)[codes], list(levels), ordered=True),
            "scanner": np.array(["A", "B", "C"])[(patient // 4) % 3],
        }
    )
    frame = pd.DataFrame(X, columns=[f"us_original_firstorder_f{i}" for i in range(features)])
    return FeatureTable(frame, obs)


@pytest.fixture
def table():
    return make_table()
