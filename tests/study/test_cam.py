"""Maps of trees: every stage has one, and what speaks for one of two speaks against the other."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("shap", reason="needs the extra 'models'")

from radiofib.staging import RandomForestStager, XGBoostStager
from radiofib.study.cam import _Reader, _tree_map
from radiofib.study.config import CamConfig


@pytest.mark.parametrize("stager", [XGBoostStager(20), RandomForestStager(20)])
def test_maps_of_two_stages_are_each_others_opposite(stager) -> None:
    rng = np.random.default_rng(0)
    X = pd.DataFrame(np.abs(rng.normal(size=(80, 4))), columns=list("abcd"))
    stager = stager.fit(X, np.where(X["a"] > 0.6, "f4", "f0"))
    features = np.abs(rng.normal(size=(4, 3, 3)))
    row = pd.DataFrame([features.mean(axis=(1, 2))], columns=X.columns)
    reader = _Reader(None, stager, "us", CamConfig(shuffles=5), 0)
    first, _ = _tree_map(reader, features, row, "f0")
    last, _ = _tree_map(reader, features, row, "f4")
    assert np.ptp(first.values) > 0
    assert np.allclose(first.values, -last.values, atol=1e-6)
    margin = np.log(stager.predict_proba(row)[0]) if isinstance(stager, XGBoostStager) else None
    if margin is not None:
        assert last.score == pytest.approx(margin[1] - margin[0], abs=1e-4)
    else:
        assert last.score == pytest.approx(stager.predict_proba(row)[0, 1], abs=1e-6)
