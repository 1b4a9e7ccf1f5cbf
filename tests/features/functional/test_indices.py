"""Properties of the formulas: what a scale, an offset or a volume does to each."""

from __future__ import annotations

from dataclasses import replace
from math import isnan, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from radiofib.errors import MaskError, UsageError
from radiofib.features.functional import (
    FunctionalSettings,
    caudate_right_lobe_ratio,
    coefficient_of_variation,
    contrast_enhancement_index,
    enhancement_area,
    enhancement_slope,
    four_region_variation,
    hepatocellular_uptake_index,
    measure_case,
    noise_from_background,
    phase_order_warnings,
    ratio,
    relative_change,
    relative_enhancement,
    segmental_volume_ratio,
    t1_reduction_rate,
    volume_ml,
)
from radiofib.registry import parse_column
from tests.features.functional.phantom import SETTINGS, case, rescaled

signals = st.floats(1e-3, 1e6)
scales = st.floats(1e-4, 1e4)


@given(signals, signals, scales)
def test_relative_enhancement_ignores_a_common_scale(pre: float, post: float, k: float) -> None:
    expected = relative_enhancement(pre, post)
    assert relative_enhancement(k * pre, k * post) == pytest.approx(expected, rel=1e-9, abs=1e-9)
    assert t1_reduction_rate(pre, post) == pytest.approx(-expected, rel=1e-12)
    assert relative_change(pre, post) == pytest.approx(expected, rel=1e-12)


@given(signals, signals, st.floats(2, 100))
def test_relative_enhancement_does_not_ignore_a_scale_of_one_series(
    pre: float, post: float, k: float
) -> None:
    assert relative_enhancement(pre, k * post) > relative_enhancement(pre, post)


@given(signals, signals, signals, signals, scales, scales)
def test_contrast_index_ignores_the_scale_of_each_series(
    l0: float, m0: float, l1: float, m1: float, a: float, b: float
) -> None:
    expected = contrast_enhancement_index(l0, m0, l1, m1)
    found = contrast_enhancement_index(a * l0, a * m0, b * l1, b * m1)
    assert found == pytest.approx(expected, rel=1e-9)


@given(signals, signals, st.floats(0.1, 5000), scales)
def test_uptake_index_grows_with_volume_and_ignores_scale(
    liver: float, spleen: float, volume: float, k: float
) -> None:
    one = hepatocellular_uptake_index(liver, spleen, volume)
    assert hepatocellular_uptake_index(liver, spleen, 2 * volume) == pytest.approx(2 * one)
    scaled = hepatocellular_uptake_index(k * liver, k * spleen, volume)
    assert scaled == pytest.approx(one, rel=1e-6, abs=1e-6 * volume)
    assert (one > 0) == (liver / spleen > 1)


@given(st.lists(st.floats(1, 1000), min_size=2, max_size=30), scales)
def test_variation_ignores_scale(values: list[float], k: float) -> None:
    array = np.array(values)
    expected = coefficient_of_variation(array)
    assert coefficient_of_variation(k * array) == pytest.approx(expected, rel=1e-6, abs=1e-9)
    four = four_region_variation([array] * 4, noise_sd=0.01)
    assert four_region_variation([k * array] * 4, noise_sd=0.01 * k) == pytest.approx(
        four, rel=1e-6, abs=1e-7
    )
    assert four <= expected + 1e-12


def test_correction_recovers_the_variation_under_noise() -> None:
    """Nodules of 5 % under Gaussian noise of 3 %, and air of the same noise."""
    rng = np.random.default_rng(7)
    regions = [
        100 + 5 * rng.standard_normal(20000) + 3 * rng.standard_normal(20000) for _ in range(4)
    ]
    air = np.hypot(3 * rng.standard_normal(20000), 3 * rng.standard_normal(20000))
    noise = noise_from_background(air)
    assert noise == pytest.approx(3.0, rel=0.03)
    assert four_region_variation(regions) == pytest.approx(np.hypot(0.05, 0.03), rel=0.02)
    assert four_region_variation(regions, noise_sd=noise) == pytest.approx(0.05, rel=0.03)


@pytest.mark.parametrize("denominator", [0.0, -3.0, nan])
def test_no_ratio_to_what_is_not_positive(denominator: float) -> None:
    assert isnan(ratio(1.0, denominator))
    assert isnan(relative_enhancement(denominator, 5.0))
    assert isnan(contrast_enhancement_index(5.0, denominator, 6.0, 4.0))
    assert isnan(contrast_enhancement_index(5.0, 4.0, 6.0, denominator))
    assert isnan(hepatocellular_uptake_index(5.0, denominator, 1000.0))
    assert isnan(t1_reduction_rate(denominator, 5.0))


def test_empty_regions() -> None:
    assert isnan(coefficient_of_variation([]))
    assert isnan(four_region_variation([]))


@given(st.lists(st.floats(-0.9, 3), min_size=2, max_size=6), st.floats(0.1, 10))
def test_area_is_linear_in_time_and_height(heights: list[float], k: float) -> None:
    times = [float(i * i + i) for i in range(len(heights))]
    area = enhancement_area(heights, times)
    assert enhancement_area(heights, [k * t for t in times]) == pytest.approx(k * area, abs=1e-9)
    assert enhancement_area([2 * h for h in heights], times) == pytest.approx(2 * area, abs=1e-9)
    assert min(heights) * times[-1] - 1e-9 <= area <= max(heights) * times[-1] + 1e-9


def test_a_constant_curve_has_no_slope_and_a_known_area() -> None:
    assert enhancement_slope(0.4, 0.4, 1.0, 3.0) == 0.0
    assert enhancement_area([0.5, 0.5, 0.5], [0.0, 1.0, 4.0]) == 2.0


@pytest.mark.parametrize("times", [[0.0, 0.0], [1.0, 0.5], [0.0]])
def test_times_must_rise(times: list[float]) -> None:
    with pytest.raises(UsageError, match="must rise"):
        enhancement_area([0.0] * len(times), times)
    with pytest.raises(UsageError, match="must rise"):
        enhancement_slope(0.0, 1.0, times[0], times[-1])


@given(signals, signals)
def test_phase_order(arterial: float, portal: float) -> None:
    found = phase_order_warnings(arterial=arterial, portal=portal)
    assert bool(found) == (arterial > portal)
    assert phase_order_warnings(arterial=arterial) == ()
    assert bool(phase_order_warnings(before=arterial, hepatobiliary=portal)) == (portal <= arterial)


@given(st.integers(1, 60), st.tuples(*[st.floats(0.1, 10)] * 3))
def test_volume(number: int, spacing: tuple[float, float, float]) -> None:
    mask = np.zeros((3, 4, 5), dtype=bool)
    mask.flat[:number] = True
    assert volume_ml(mask, spacing) == pytest.approx(number * np.prod(spacing) / 1000)


def test_parts_must_lie_apart() -> None:
    mask = np.ones((1, 2, 3), dtype=bool)
    with pytest.raises(MaskError, match="6 voxels in both"):
        segmental_volume_ratio(mask, mask)
    with pytest.raises(MaskError, match="apart on one grid"):
        caudate_right_lobe_ratio(mask, np.ones((1, 2, 4), dtype=bool))
    assert isnan(segmental_volume_ratio(mask, ~mask))
    with pytest.raises(MaskError, match="caudate on 0"):
        caudate_right_lobe_ratio(~mask, mask)


@given(st.lists(scales, min_size=7, max_size=7))
def test_on_a_case_only_comparisons_between_series_see_their_scales(factors: list[float]) -> None:
    """Per-series scales: the ratios inside an image stay, the rest is not computed."""
    settings = SETTINGS.model_copy(update={"commensurable": "same_sequence"})
    plain = case()
    scaled = {
        name: rescaled(channel, k)
        for (name, channel), k in zip(plain.items(), factors, strict=True)
    }
    one, two = (measure_case(c, settings=settings) for c in (plain, scaled))
    assert one.missing == two.missing
    for column, value in one.values.items():
        if column not in one.missing and parse_column(column).spec.name != "t1_reduction_rate":
            assert two.values[column] == pytest.approx(value, rel=1e-6), column
    left = {parse_column(c).spec.name for c in one.values if c not in one.missing}
    assert {"contrast_enhancement_index", "liver_spleen_ratio", "cv_whole_liver"} < left
    assert "relative_enhancement" not in left


@given(scales)
def test_on_a_case_a_common_scale_changes_nothing(factor: float) -> None:
    plain = case()
    scaled = {
        name: channel if name.startswith("t1map") else rescaled(channel, factor)
        for name, channel in plain.items()
    }
    one, two = (measure_case(c, settings=SETTINGS) for c in (plain, scaled))
    assert two.missing == {}
    for column, value in one.values.items():
        assert two.values[column] == pytest.approx(value, rel=1e-6, abs=1e-9), column


def test_inputs_are_checked() -> None:
    channel = case()["ged4"]
    with pytest.raises(MaskError, match="mask of spleen must be boolean and on the grid"):
        replace(channel, tissues={"spleen": np.ones((2, 2, 2), dtype=bool)})
    with pytest.raises(UsageError, match="minutes after injection"):
        replace(channel, minutes=0.0)
    with pytest.raises(UsageError, match="scale must be a slope other than 0"):
        replace(channel, scale=(0.0, 0.0))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"phases": ["ged1", "ged1"]}, "given twice"),
        ({"pre": "ged4"}, "given twice"),
        ({"arterial": "ged3", "delayed": "ged1"}, "out of order"),
        ({"hbp": "ged5"}, "hbp 'ged5' is not among the phases"),
        ({"minutes": [1, 2, 3]}, "one rising number for each phase"),
        ({"minutes": [1, 3, 2, 20]}, "one rising number for each phase"),
        ({"delta_phases": ["t2"]}, "not among the phases"),
        ({"commensurable": "yes"}, "evidence"),
        ({"statistics": "mean"}, "did you mean 'statistic'"),
        ({"pre": "T1 native"}, "letter"),
    ],
)
def test_settings_say_what_is_wrong(settings: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        FunctionalSettings.parse(settings, where="study.yaml")


def test_a_protocol_without_dynamic_phases() -> None:
    settings = FunctionalSettings.parse(
        {"phases": ["GED4"], "arterial": None, "portal": None, "delayed": None,
         "commensurable": True},
        where="study.yaml",
    )  # fmt: skip
    found = measure_case(case(), settings=settings)
    assert found.missing == {}
    names = {parse_column(c).spec.name for c in found.values}
    assert "wash_in_slope" not in names
    assert found.values["ged4_original_functional_enhancement_area_min"] == pytest.approx(8.0)
