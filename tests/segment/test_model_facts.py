"""Facts of a model: what is refused, and how intensities are brought to its scale."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from radiofib.errors import ConfigError
from radiofib.segment import ModelFacts
from radiofib.segment.model_facts import facts_of_model, normalised

VOLUME = np.array([[[0, 0, 10], [20, 30, 40]]], dtype=np.int16)


def _how(**given: Any) -> Any:
    return ModelFacts.parse({"normalisation": given}, where="test").normalisation


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"type": "none"}, [0, 0, 10, 20, 30, 40]),
        ({"type": "window", "low": 10, "high": 30}, [0, 0, 0, 0.5, 1, 1]),
        ({"type": "window", "low": 10, "high": 30, "to_low": -1}, [-1, -1, -1, 0, 1, 1]),
        ({"type": "percentile", "low": 0, "high": 100}, [0, 0, 0.25, 0.5, 0.75, 1]),
        (
            {"type": "fixed", "low": 5, "high": 35, "mean": 20, "sd": 5},
            [-3, -3, -2, 0, 2, 3],
        ),
        # mean 25, population deviation sqrt(125) of the four that are not 0
        (
            {"type": "zscore", "region": "nonzero"},
            [0, 0, *((np.array([10, 20, 30, 40]) - 25) / np.sqrt(125))],
        ),
        (
            {"type": "zscore", "region": "all"},
            (np.array([0, 0, 10, 20, 30, 40]) - 100 / 6) / np.sqrt(3000 / 6 - (100 / 6) ** 2),
        ),
    ],
)
def test_normalisation_by_hand(given: dict[str, Any], expected: list[float]) -> None:
    found = normalised(VOLUME, _how(**given))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found.ravel(), expected, rtol=1e-6, atol=1e-6)


def test_flat_volume_stays_finite() -> None:
    flat = np.full((2, 2, 2), 7.0)
    assert (normalised(flat, _how(type="zscore", region="all")) == 0).all()
    assert (normalised(flat, _how(type="percentile", low=1, high=99)) == 0).all()


@pytest.mark.parametrize(
    "given",
    [
        {"orientation": "LLS"},
        {"orientation": "XYZ"},
        {"spacing_mm": [1, 0, 1]},
        {"window": [0, 8, 8]},
        {"overlap": 1.0},
        {"threshold": 0.0},
        {"normalisation": {"type": "window", "low": 3, "high": 1}},
        {"normalisation": {"type": "percentile", "low": 99, "high": 1}},
        {"normalisation": {"type": "guess"}},
        {"channels": []},
    ],
)
def test_impossible_facts(given: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        ModelFacts.parse(given, where="test")


def test_metadata_that_is_no_json() -> None:
    with pytest.raises(ConfigError, match="is not JSON"):
        facts_of_model({"radiofib": "spacing: 1"}, None, where="m.onnx")
    with pytest.raises(ConfigError, match="expected a mapping"):
        facts_of_model({"radiofib": "[1]"}, None, where="m.onnx")
