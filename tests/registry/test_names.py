"""The grammar of column names against every feature and image type pyradiomics has."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radiofib.errors import ConfigError
from radiofib.registry import (
    FEATURES,
    aliases,
    column_name,
    image_label,
    image_name,
    image_token,
    parse_column,
    snake_case,
)

COLUMN = re.compile(r"^[a-z][a-z0-9_]{0,62}$")
IMAGES = [
    "original",
    "square",
    "squareroot",
    "logarithm",
    "exponential",
    "gradient",
    "lbp-2D",
    "lbp-3D-m1",
    "lbp-3D-m2",
    "lbp-3D-k",
    "log-sigma-0-5-mm-3D",
    "log-sigma-3-0-mm-3D",
    "log-sigma-10-25-mm-3D",
    *(f"wavelet-{a}{b}{c}" for a in "LH" for b in "LH" for c in "LH"),
    *(f"wavelet2-{a}{b}" for a in "LH" for b in "LH"),
]


def test_every_installed_feature_has_its_own_snake_case_name() -> None:
    radiomics = pytest.importorskip("radiomics")
    for family, cls in radiomics.getFeatureClasses().items():
        names = [snake_case(name) for name in cls.getFeatureNames()]
        assert len(set(names)) == len(names), family
        assert all(re.fullmatch(r"[a-z][a-z0-9_]*", name) for name in names), family


def test_every_installed_image_type_is_configurable() -> None:
    radiomics = pytest.importorskip("radiomics")
    from radiofib.engines.names import IMAGE_TYPES

    assert sorted(radiomics.getImageTypes()) == sorted(IMAGE_TYPES)


@pytest.mark.parametrize("image", IMAGES)
def test_image_token_round_trip(image: str) -> None:
    token = image_token(image)
    assert re.fullmatch(r"[a-z][a-z0-9]*", token)
    assert image_name(token) == image
    assert image_label(token)


@given(st.integers(1, 9999).map(lambda n: n / 100))
def test_log_token_round_trip_for_any_width(sigma: float) -> None:
    name = f"log-sigma-{str(sigma).replace('.', '-')}-mm-3D"
    assert image_name(image_token(name)) == name


def test_tokens_are_unique() -> None:
    assert len({image_token(image) for image in IMAGES}) == len(IMAGES)


@pytest.mark.parametrize("image", IMAGES)
def test_every_column_fits_and_parses_back(image: str) -> None:
    token = image_token(image)
    columns = [spec.column("ged4", token) for spec in FEATURES]
    assert all(COLUMN.match(c) for c in columns)
    for spec, column in zip(FEATURES, columns, strict=True):
        parsed = parse_column(column)
        assert (parsed.channel, parsed.image, parsed.spec) == ("ged4", token, spec)
        assert parsed.name == column
        assert parsed.pyradiomics_name == f"{image}_{spec.pyradiomics_name}"


def test_aliases_of_a_large_table_are_unique_and_short() -> None:
    columns = [s.column(c, image_token(i)) for c in ("t1", "t10") for i in IMAGES for s in FEATURES]
    short = aliases(columns)
    assert len(set(short.values())) == len(columns)
    assert max(map(len, short.values())) <= 31


def test_longest_feature_fits_with_seven_letter_channel_only() -> None:
    spec = FEATURES["gldm_large_dependence_high_gray_level_emphasis"]
    assert len(spec.column("abcdefg")) == 63
    with pytest.raises(ConfigError, match="shorten the channel name 'abcdefgh' by 1"):
        spec.column("abcdefgh")


@pytest.mark.parametrize("token", ["", "orig", "wxx", "log3", "log1p50mm", "lbp3", "w2"])
def test_unknown_token(token: str) -> None:
    with pytest.raises(ConfigError, match="unknown image token"):
        image_name(token)


@pytest.mark.parametrize(
    "column", ["", "us", "us_original", "us__glcm_id", "us_original_glcm_idd", "us_orig_glcm_id"]
)
def test_columns_that_are_none(column: str) -> None:
    with pytest.raises(ConfigError):
        parse_column(column)


def test_column_name_refuses_capitals() -> None:
    with pytest.raises(ConfigError, match="usable column name"):
        column_name("T1", "original", "glcm", "id")
