"""Statistics, histogram and volume histogram against their definitions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.integrate import trapezoid

from radiofib.errors import UsageError
from radiofib.features.ibsi import histogram, intensity, volume_histogram

WHOLE = st.lists(st.integers(-50, 50), min_size=1, max_size=40)
FLOATS = st.lists(
    st.floats(-1e4, 1e4, allow_subnormal=False).map(lambda x: round(x, 4)), min_size=1, max_size=40
)
LEVELS = st.lists(st.integers(1, 30), min_size=1, max_size=40)


def plain_statistics(x: list[float]) -> dict[str, float]:
    """Definitions of the manual, one voxel after the other."""
    n = len(x)
    mean = sum(x) / n
    ordered = sorted(x)

    def percentile(share: float) -> float:
        place = share * (n - 1)
        low = int(place)
        high = min(low + 1, n - 1)
        return ordered[low] + (ordered[high] - ordered[low]) * (place - low)

    p10, p25, p50, p75, p90 = (percentile(q) for q in (0.1, 0.25, 0.5, 0.75, 0.9))
    var = sum((v - mean) ** 2 for v in x) / n
    inner = [v for v in x if p10 - 1e-9 <= v <= p90 + 1e-9]
    middle = sum(inner) / len(inner) if inner else np.nan
    return {
        "mean": mean,
        "var": var,
        "median": p50,
        "min": ordered[0],
        "p10": p10,
        "p90": p90,
        "max": ordered[-1],
        "iqr": p75 - p25,
        "range": ordered[-1] - ordered[0],
        "mad": sum(abs(v - mean) for v in x) / n,
        "rmad": sum(abs(v - middle) for v in inner) / len(inner) if inner else np.nan,
        "medad": sum(abs(v - p50) for v in x) / n,
        "energy": sum(v * v for v in x),
        "rms": (sum(v * v for v in x) / n) ** 0.5,
    }


@settings(max_examples=150)
@given(st.one_of(WHOLE, FLOATS))
@example([0, 10])
@example([3])
def test_statistics(x: list[float]) -> None:
    found, why = intensity.compute(x)
    assert tuple(found) == intensity.NAMES
    assert {name for name, value in found.items() if np.isnan(value)} == set(why)
    scale = max(abs(v) for v in x)
    for name, value in plain_statistics([float(v) for v in x]).items():
        power = 2 if name in ("var", "energy") else 1
        size = len(x) if name == "energy" else 1
        if np.isnan(value):
            assert name in why
            continue
        assert found[name] == pytest.approx(value, rel=1e-9, abs=1e-9 * scale**power * size), name
    if len(set(x)) > 1 and found["var"] > 1e-6 * scale**2:
        assert found["skew"] == pytest.approx(stats.skew(x), rel=1e-6, abs=1e-6)
        assert found["kurt"] == pytest.approx(stats.kurtosis(x), rel=1e-6, abs=1e-6)
    if len(set(x)) == 1:
        assert {"skew", "kurt"} <= set(why)
        assert found["var"] == 0


def test_shifted_intensities_keep_their_spread() -> None:
    x = np.random.default_rng(0).integers(0, 9, 500)
    plain, far = intensity.compute(x)[0], intensity.compute(x + 2.0**30)[0]
    for name in ("var", "skew", "kurt", "iqr", "range", "mad", "rmad", "medad"):
        assert far[name] == pytest.approx(plain[name], rel=1e-6), name


def test_statistics_without_a_value_say_why() -> None:
    found, why = intensity.compute([-1.0, 1.0])
    assert set(why) == {"cov", "qcod", "rmad"}
    assert "mean is 0" in why["cov"]
    assert np.isnan(found["cov"])
    assert intensity.compute([2.5])[0]["cov"] == 0
    with pytest.raises(UsageError):
        intensity.compute([])


def test_constant_of_any_size_is_constant() -> None:
    found, why = intensity.compute([0.1] * 7)
    assert found["var"] == 0
    assert set(why) == {"skew", "kurt"}
    assert "IBSI sets 0" in why["skew"]


@settings(max_examples=150)
@given(LEVELS)
@example([1, 1, 30])
@example([30])
def test_histogram(levels: list[int]) -> None:
    found, why = histogram.compute(levels)
    assert tuple(found) == histogram.NAMES
    assert {name for name, value in found.items() if np.isnan(value)} == set(why)
    statistics, _ = intensity.compute(levels)
    for name in set(histogram.NAMES) & set(intensity.NAMES):
        assert found[name] == pytest.approx(statistics[name], nan_ok=True), name
    counts = np.bincount(levels)[1:].astype(float)
    share = counts[counts > 0] / len(levels)
    assert found["entropy"] == pytest.approx(stats.entropy(share, base=2), abs=1e-12)
    assert found["uniformity"] == pytest.approx(np.sum(share**2))
    modes = np.flatnonzero(counts == counts.max()) + 1
    assert found["mode"] in modes
    assert abs(found["mode"] - found["mean"]) == pytest.approx(
        np.abs(modes - np.mean(levels)).min()
    )
    if len(counts) == 1:
        assert {"max_grad", "max_grad_g", "min_grad", "min_grad_g"} <= set(why)
        return
    slope = np.gradient(counts)
    assert found["max_grad"] == slope.max()
    assert found["min_grad"] == slope.min()
    assert found["max_grad_g"] == np.argmax(slope) + 1
    assert found["min_grad_g"] == np.argmin(slope) + 1


def test_levels_far_apart_need_no_memory() -> None:
    found, _ = histogram.compute([1, 2_000_000_000])
    assert (found["max_grad"], found["max_grad_g"]) == (1.0, 2e9)
    assert (found["min_grad"], found["min_grad_g"]) == (-1.0, 1.0)


@pytest.mark.parametrize("levels", [[], [0, 1]])
def test_levels_start_at_one(levels: list[int]) -> None:
    with pytest.raises(UsageError, match="from 1 on"):
        histogram.compute(levels)


def plain_volume(x: Any, grid: Any, beyond: float) -> dict[str, float]:
    """The table of the manual: every intensity of the range, with nu and gamma."""
    nu = np.array([np.mean(x >= i - 1e-9) for i in grid])
    found = {
        f"i{p}": (grid[nu <= p / 100][0] if (nu <= p / 100).any() else beyond) for p in (10, 90)
    }
    found["diff_i10_i90"] = found["i10"] - found["i90"]
    if len(grid) > 1:
        gamma = (np.arange(len(grid))) / (len(grid) - 1)
        for p in (10, 90):
            found[f"v{p}"] = nu[gamma >= p / 100].max()
        found["diff_v10_v90"] = found["v10"] - found["v90"]
        if len(set(x)) > 1:
            found["auc"] = float(trapezoid(nu, gamma))
    return found


def check_volume(found: dict[str, float], why: dict[str, str], plain: dict[str, float]) -> None:
    assert tuple(found) == volume_histogram.NAMES
    assert {name for name, value in found.items() if np.isnan(value)} == set(why)
    assert set(found) - set(why) == set(plain)
    for name, value in plain.items():
        assert found[name] == pytest.approx(value, rel=1e-9, abs=1e-9), name


@settings(max_examples=150)
@given(WHOLE, st.booleans())
@example([4], True)
@example([4, 4], False)
def test_volume_histogram_of_whole_intensities(x: list[int], given_range: bool) -> None:
    low, high = (-60, 70) if given_range else (min(x), max(x))
    limits = (low, high) if given_range else None
    grid = np.arange(low, high + 1)
    check_volume(
        *volume_histogram.compute(x, limits=limits), plain_volume(np.array(x), grid, high + 1)
    )


@settings(max_examples=100)
@given(WHOLE, st.sampled_from([0.5, 2.0, 7.0]))
def test_volume_histogram_of_bins(x: list[int], width: float) -> None:
    limits = (-64.0, 64.0)
    number = int(np.ceil(128 / width))
    grid = -64 + width * (np.arange(number) + 0.5)
    centres = -64 + width * (np.floor((np.array(x) + 64) / width) + 0.5)
    found = volume_histogram.compute(x, method="fixed_bin_size", bin_width=width, limits=limits)
    check_volume(*found, plain_volume(centres, grid, grid[-1] + width))


@settings(max_examples=100)
@given(WHOLE.filter(lambda x: len(set(x)) > 1), st.sampled_from([2, 10, 1000]))
def test_volume_histogram_of_a_number_of_bins(x: list[int], number: int) -> None:
    values = np.array(x)
    spread = values.max() - values.min()
    levels = np.minimum(number * (values - values.min()) // spread + 1, number)
    found = volume_histogram.compute(x, method="fixed_bin_number", bin_number=number)
    check_volume(*found, plain_volume(levels, np.arange(1, number + 1), number + 1))


def test_example_of_the_manual() -> None:
    phantom = [1] * 50 + [3] * 1 + [4] * 16 + [6] * 7
    found, why = volume_histogram.compute(phantom)
    assert why == {}
    nu = np.array([74, 24, 24, 23, 7, 7]) / 74
    assert found["v10"] == pytest.approx(nu[1])
    assert found["v90"] == pytest.approx(nu[5])
    assert (found["i10"], found["i90"]) == (5, 2)
    assert found["auc"] == pytest.approx((nu.sum() - (nu[0] + nu[5]) / 2) / 5)


def test_constant_region_has_no_curve() -> None:
    found, why = volume_histogram.compute([7.0, 7.0])
    assert set(why) == {"v10", "v90", "diff_v10_v90", "auc"}
    assert (found["i10"], found["i90"]) == (8.0, 8.0)
    found, why = volume_histogram.compute([7.0, 7.0], limits=(0, 10))
    assert set(why) == {"auc"}
    assert (found["v10"], found["v90"]) == (1.0, 0.0)
    _, why = volume_histogram.compute([7.0], method="fixed_bin_number", bin_number=10)
    assert set(why) == set(volume_histogram.NAMES)


def test_half_open_range_ends_at_the_greatest_intensity() -> None:
    open_end = volume_histogram.compute([1, 5, 9], limits=(0, None))
    assert open_end == volume_histogram.compute([1, 5, 9], limits=(0, np.inf))
    assert open_end == volume_histogram.compute([1, 5, 9], limits=(0, 9))


@pytest.mark.parametrize(
    ("values", "options", "problem"),
    [
        ([], {}, "finite"),
        ([np.nan], {}, "finite"),
        ([5.0], {"limits": (0, 4)}, "outside the range"),
        ([5.0], {"method": "fixed_bin_size"}, "needs bin_width"),
        ([5.0], {"method": "fixed_bin_number"}, "needs bin_number"),
        ([5.0], {"method": "fixed"}, "unknown method"),
    ],
)
def test_volume_histogram_refuses(values: Any, options: dict[str, Any], problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        volume_histogram.compute(values, **options)
