"""Changes between phases: which columns, which reasons."""

from __future__ import annotations

from dataclasses import replace

import pytest

from radiofib.errors import ConfigError
from radiofib.features.functional import (
    FunctionalSettings,
    delta_columns,
    delta_features,
    functional_columns,
)
from radiofib.registry import DELTA_FEATURES, FEATURES, IBSI_FEATURES
from tests.features.functional.phantom import SETTINGS, TEXTURE, case, z_scored

CONTRAST, MEAN = "ged4_original_dglcm_contrast", "ged4_original_dfirstorder_mean"


def test_columns_follow_the_features() -> None:
    texture = [
        "t1_original_shape_sphericity",
        "t1_wllh_glcm_contrast",
        "ged4_original_firstorder_mean",
        "t2_original_firstorder_mean",
        "t1_original_mine_own",
        "ged4_original_functional_liver_spleen_ratio",
        "t1_mean3_stat_mean",
    ]
    expected = [
        "ged4_wllh_dglcm_contrast",
        "ged4_original_dfirstorder_mean",
        "ged4_mean3_dstat_mean",
    ]
    assert delta_columns(texture, FunctionalSettings()) == expected
    assert functional_columns(FunctionalSettings(groups=()), texture=texture) == expected
    two = FunctionalSettings(delta_phases=("ged1", "ged4"), delta_features=("*_glcm_*",))
    assert delta_columns(texture, two) == ["ged1_wllh_dglcm_contrast", "ged4_wllh_dglcm_contrast"]


def test_every_feature_of_intensities_has_a_change_that_fits() -> None:
    features = [s.column("t1") for s in (*FEATURES, *IBSI_FEATURES)]
    columns = delta_columns(features, FunctionalSettings())
    assert len(columns) == len(set(columns)) == len(DELTA_FEATURES)
    assert max(map(len, columns)) <= 63
    left = {s.family for s in (*FEATURES, *IBSI_FEATURES)} - {
        family.removeprefix("d") for family in DELTA_FEATURES.families
    }
    assert left == {"shape", "shape2d", "morph"}


def test_a_column_too_long_says_so() -> None:
    settings = FunctionalSettings(phases=("contrast4",), arterial=None, portal=None, delayed=None,
                                  hbp="contrast4")  # fmt: skip
    long = "t1_original_gldm_large_dependence_high_gray_level_emphasis"
    with pytest.raises(ConfigError, match="shorten the channel name 'contrast4'"):
        delta_columns([long], settings)


def test_values() -> None:
    found = delta_features(TEXTURE, case(), settings=SETTINGS)
    assert found.values == {CONTRAST: pytest.approx(0.25), MEAN: pytest.approx(0.8)}
    assert found.missing == {}
    assert found.flags == {}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"t1": {"registered": "failed", "registered_reason": "no overlap"}},
         "registration of t1 failed: no overlap"),
        ({"t1": {"registered": None}}, "t1 and ged4 are not registered to each other"),
        ({"t1": {"commensurable": False}}, "known to be its own"),
        ({"t1": {"raw": False}}, "normalised"),
    ],
)  # fmt: skip
def test_reasons(changes: dict[str, dict[str, object]], reason: str) -> None:
    channels = case()
    for name, change in changes.items():
        channels[name] = replace(channels[name], **change)  # type: ignore[arg-type]
    found = delta_features(TEXTURE, channels, settings=SETTINGS)
    assert set(found.missing) == {CONTRAST, MEAN}
    assert all(reason in text for text in found.missing.values())


def test_missing_zero_and_negative_features() -> None:
    texture = {
        "t1_original_glcm_contrast": 0.0,
        "ged4_original_glcm_contrast": 5.0,
        "t1_original_glcm_id": float("nan"),
        "ged4_original_glcm_id": 1.0,
        "ged4_original_glcm_idm": 1.0,
        "t1_original_glcm_imc1": -0.4,
        "ged4_original_glcm_imc1": -0.2,
    }
    found = delta_features(texture, case(), settings=SETTINGS)
    assert found.missing == {
        "ged4_original_dglcm_contrast": "t1_original_glcm_contrast is 0, so that it has no "
        "relative change",
        "ged4_original_dglcm_id": "t1_original_glcm_id is missing",
        "ged4_original_dglcm_idm": "t1_original_glcm_idm is missing",
    }
    assert found.values["ged4_original_dglcm_imc1"] == pytest.approx(-0.5)
    assert "below 0" in found.flags["ged4_original_dglcm_imc1"]


def test_texture_of_a_fixed_number_of_bins_may_change_between_normalised_volumes() -> None:
    settings = SETTINGS.model_copy(update={"delta_binning": "count"})
    channels = {name: z_scored(channel) for name, channel in case().items()}
    found = delta_features(TEXTURE, channels, settings=settings)
    assert found.values[CONTRAST] == pytest.approx(0.25)
    assert "normalised" in found.missing[MEAN]
    half = case() | {"t1": channels["t1"]}
    assert (
        "prepared differently" in delta_features(TEXTURE, half, settings=settings).missing[CONTRAST]
    )


def test_filters_that_bend_the_scale_need_one_scale() -> None:
    settings = SETTINGS.model_copy(
        update={"delta_binning": "count", "commensurable": "same_sequence"}
    )
    texture = {f"{c}_{i}_glcm_contrast": 2.0 for c in ("t1", "ged4") for i in ("ln", "wllh")}
    found = delta_features(texture, case(), settings=settings)
    assert found.values["ged4_wllh_dglcm_contrast"] == 0.0
    assert "one intensity scale" in found.missing["ged4_ln_dglcm_contrast"]
