"""Grey levels against pyradiomics' binning, edge by edge and voxel by voxel."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radiofib.errors import EngineError, UsageError
from radiofib.preprocess import bin_edges, discretise
from tests.features.upstream import operations

KINDS = ("int8", "int16", "uint8", "uint16", "int32", "float32", "float64")
BINS = st.one_of(
    st.builds(lambda w: {"binWidth": w}, st.sampled_from([25.0, 1.0, 0.3, 7.7, 1000.0])),
    st.builds(lambda n: {"binCount": n}, st.integers(1, 300)),
)


def check(image: Any, mask: Any, options: dict[str, Any]) -> Any:
    theirs, edges = operations().binImage(image, mask, **options)
    ours = discretise(
        image, mask, bin_width=options.get("binWidth", 25.0), bin_count=options.get("binCount")
    )
    assert np.array_equal(ours.levels, theirs)
    assert np.array_equal(ours.edges, edges)
    assert np.array_equal(ours.present, np.unique(theirs[mask]))
    assert ours.counts.sum() == np.count_nonzero(mask)
    return ours


@settings(max_examples=150)
@given(
    st.sampled_from(KINDS),
    st.integers(0, 2**32 - 1),
    BINS,
    st.sampled_from([0.0, 1.0, 20.0, 3000.0]),
    st.sampled_from([0.0, 25.0, -75.0, 99.99]),
)
def test_equals_pyradiomics(
    kind: str, seed: int, options: dict[str, Any], spread: float, centre: float
) -> None:
    rng = np.random.default_rng(seed)
    values = rng.normal(centre, spread, (3, 5, 4))
    if np.issubdtype(kind, np.integer):
        limits = np.iinfo(kind)
        values = np.clip(values.round(), limits.min, limits.max)
    mask = rng.random(values.shape) < 0.6
    mask[0, 0, 0] = True
    check(values.astype(kind), mask, options)


def test_values_on_the_edges() -> None:
    values = np.arange(-100.0, 101.0, 5.0)
    for width in (5.0, 25.0, 0.1, 2.5):
        check(values, np.ones(values.shape, dtype=bool), {"binWidth": width})


def test_more_levels_than_16_bits() -> None:
    values = np.linspace(0, 80_000, 5000)
    found = check(values, np.ones(5000, dtype=bool), {"binWidth": 1.0})
    assert found.levels.dtype == np.int32
    assert found.n_levels == 80_001


@pytest.mark.parametrize(("count", "kind"), [(255, "uint8"), (256, "uint16"), (65_535, "uint16")])
def test_smallest_type(count: int, kind: str) -> None:
    values = np.arange(float(count))
    assert discretise(values, values >= 0, bin_width=1).levels.dtype == kind


def test_padding() -> None:
    found = discretise(np.ones((2, 3)), np.ones((2, 3), dtype=bool), pad=2).levels
    assert found.shape == (6, 7)
    assert found.sum() == 6
    assert found[2:4, 2:5].all()


def test_precision_finer_than_the_type() -> None:
    values = np.array([1e17, 1e17 + 64])
    check(values, np.ones(2, dtype=bool), {"binWidth": 25.0})


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_not_finite(bad: float) -> None:
    with pytest.raises(UsageError, match="finite"):
        bin_edges([1.0, bad])


def test_empty() -> None:
    with pytest.raises(UsageError, match="no intensities"):
        bin_edges([])


def test_too_many_bins() -> None:
    with pytest.raises(EngineError, match="larger binWidth"):
        bin_edges([0.0, 1e12], bin_width=1.0)
    with pytest.raises(EngineError, match="smaller binCount"):
        bin_edges([1e17, 1e17 + 16], bin_count=1000)
