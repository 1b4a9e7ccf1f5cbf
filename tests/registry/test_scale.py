"""Natural scales: their grammar, their dimensions, and that they refuse what they cannot give."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radiofib.errors import ConfigError, UsageError
from radiofib.registry import FEATURES, FeatureSpec, Registry, natural_scale, parse_scale
from radiofib.registry.scale import SYMBOLS

MEAN = FeatureSpec("mean", "firstorder", "grey", "mean", "sum(x)/N", "IBSI")
REGION = {"grey": 50.0, "levels": 16.0, "voxels": 900.0, "mm": 25.0}


@given(st.dictionaries(st.sampled_from(SYMBOLS), st.integers(-9, 9).filter(bool), min_size=1))
def test_what_is_written_is_read(powers: dict[str, int]) -> None:
    text = "*".join(s if p == 1 else f"{s}^{p}" for s, p in powers.items())
    assert parse_scale(text) == powers
    scale = natural_scale(replace(MEAN, scale=text), **REGION)
    expected = 1.0
    for symbol, power in powers.items():
        expected *= REGION[symbol] ** power
    assert scale == pytest.approx(expected)


@pytest.mark.parametrize(
    "text",
    ["", "0", "2", "level", "levels^", "levels^0", "levels^1.5", "levels**2", "levels*levels",
     "levels * voxels", "1*grey", "Grey", "grey^2 ", "mm/voxels"],
)  # fmt: skip
def test_a_registry_refuses_other_scales(text: str) -> None:
    with pytest.raises(ConfigError, match="firstorder_mean: not a natural scale"):
        Registry([replace(MEAN, scale=text)])


def test_the_nearest_symbol_is_named() -> None:
    with pytest.raises(ConfigError, match="did you mean 'voxels'"):
        parse_scale("voxel")


def test_dimensions_agree_with_units() -> None:
    """A length scales as a length, an intensity as an intensity, other features as neither."""
    physical = {
        "mm": (0, 1), "mm2": (0, 2), "mm3": (0, 3), "1/mm": (0, -1), "grey": (1, 0),
        "grey2": (2, 0), "grey2 mm3": (2, 3), "1": (0, 0), "bit": (0, 0),
    }  # fmt: skip
    for spec in FEATURES:
        powers = parse_scale(spec.scale)
        assert (powers.get("grey", 0), powers.get("mm", 0)) == physical[spec.unit], spec.key


@pytest.mark.parametrize(
    ("scale", "wrong"),
    [("grey", float("nan")), ("grey", float("inf")), ("grey", -1.0), ("grey^-1", 0.0)],
)
def test_no_scale_from_what_is_no_size(scale: str, wrong: float) -> None:
    with pytest.raises(UsageError, match="natural scale of firstorder_mean needs 'grey'"):
        natural_scale(replace(MEAN, scale=scale), **{**REGION, "grey": wrong})


def test_what_a_scale_does_not_use_does_not_matter() -> None:
    nothing = dict.fromkeys(SYMBOLS, float("nan"))
    assert natural_scale(MEAN, **nothing) == 1.0
    assert natural_scale(replace(MEAN, scale="mm^2"), **{**nothing, "mm": 3.0}) == 9.0
    assert natural_scale(replace(MEAN, scale="grey"), **{**nothing, "grey": 0.0}) == 0.0
