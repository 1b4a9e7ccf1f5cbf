"""Configurations of profile ibsi: strict, with columns that follow from them."""

from __future__ import annotations

from typing import Any

import pytest

from radiofib.engines import ExtractionConfig, promised_columns
from radiofib.errors import ConfigError
from radiofib.registry import IBSI_FEATURES, codebook_rows, parse_column

FILTERS = [{"type": "mean", "size": 5}, {"type": "log", "sigma_mm": 1.5}]


def parse(own: dict[str, Any], **more: Any) -> ExtractionConfig:
    return ExtractionConfig.parse({"profile": "ibsi", "ibsi": own, **more}, where="config.yaml")


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ({"dimensions": "2d"}, "did you mean 'dimension'"),
        ({"features": ["cm_joint_mx"]}, "did you mean 'cm_joint_max'"),
        ({"features": "cm"}, "expected a list of names"),
        ({"aggregations": ["3d_av"]}, "did you mean '3d_avg'"),
        ({"discretisation": {"bin_width": 25, "bin_count": 32}}, "either bin_width or bin_count"),
        ({"discretisation": {}}, "either bin_width or bin_count"),
        ({"resegment_range": [400, -500]}, "smaller than the second"),
        ({"spacing_mm": [2, 2]}, "needs three numbers"),
        ({"spacing_mm": [2, 2, 9], "dimension": "2d"}, "needs two numbers"),
        ({"spacing_mm": [2, 2, 0]}, "greater than 0"),
        ({"filters": [FILTERS[0], FILTERS[0]]}, "given twice"),
        ({"filters": [{"type": "mean", "size": 4}]}, "must be odd"),
        ({"filters": [{"type": "meen", "size": 5}]}, "mean"),
        ({"original": False}, "nothing to measure"),
        ({"partial_volume": 0}, "greater than 0"),
    ],
)
def test_mistakes_are_named(own: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        parse(own)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"ibsi": {}}, "without 'profile: ibsi'"),
        ({"profile": "ibsi", "engine": "pyradiomics"}, "measured by engine native"),
        ({"profile": "ibsi", "setting": {"binWidth": 25}}, "not setting"),
        ({"profile": "ibsi", "imageType": {"LoG": {"sigma": [1]}}}, "not imageType"),
    ],
)
def test_profiles_do_not_mix(data: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        ExtractionConfig.parse(data, where="config.yaml")


def test_another_engine_is_refused() -> None:
    with pytest.raises(ConfigError, match="measured by engine native"):
        parse({}).with_engine("pyradiomics")
    assert parse({}).with_engine("native").profile == "ibsi"


def test_a_filter_works_in_the_dimension_of_the_rest() -> None:
    config = parse({"dimension": "2d", "filters": FILTERS})
    assert [one.dimension for one in config.ibsi_settings.filters] == ["2d", "2d"]
    assert config.ibsi_settings.tokens == ("original", "mean5s", "slog1p5s")
    own = parse({"dimension": "2d", "filters": [{**FILTERS[0], "dimension": "3d"}]})
    assert own.ibsi_settings.filters[0].dimension == "3d"


def test_columns_of_all_aggregations_and_only_those_that_apply() -> None:
    ways = ["2d_avg", "2d_comb", "2_5d_avg", "2_5d_comb", "3d_avg", "3d_comb", "2d", "2_5d", "3d"]
    every = promised_columns(parse({"aggregations": ways}), "ct", 3)
    assert every == [spec.column("ct") for spec in IBSI_FEATURES]
    flat = promised_columns(parse({}), "us", 2)
    assert {parse_column(c).spec.aggregation for c in flat} == {"", "2d_avg", "2d_comb", "2d"}
    assert "us_original_morph_diam" in flat
    assert "us_original_morph_volume" not in flat


def test_response_maps_have_no_morphology() -> None:
    columns = promised_columns(parse({"filters": FILTERS}), "ct", 3)
    families = {parse_column(c).spec.family for c in columns if c.startswith("ct_mean5_")}
    assert families == set(IBSI_FEATURES.families) - {"morph"}


def test_codebook_says_how_and_on_what() -> None:
    config = parse({"features": ["cm_joint_max_3d_comb"], "filters": FILTERS})
    columns = promised_columns(config, "ct", 3)
    rows = codebook_rows(columns, images=config.image_labels)
    assert list(rows["ibsi_code"]) == ["GYBY"] * 3
    assert "[aggregation: 3-D, merged, IBSI IAZD]" in rows["formula"][0]
    assert "[image: mean of 5 voxels" in rows["formula"][1]
    assert all(len(label) <= 80 for label in rows["label"])
    assert rows["label"].is_unique


def test_the_digest_follows_the_meaning() -> None:
    assert parse({}).digest == parse({"dimension": "3d"}).digest
    assert parse({}).digest != parse({"dimension": "2d"}).digest
    assert parse({}).digest != ExtractionConfig().digest
