"""Settings: strict, named uniquely and readably."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from radiofib.config import StrictModel
from radiofib.errors import ConfigError
from radiofib.filters.ibsi import (
    FilterSettings,
    GaborFilter,
    LawsFilter,
    LogFilter,
    MeanFilter,
    RadialWaveletFilter,
    RieszFilter,
    WaveletFilter,
    column_tokens,
)
from radiofib.registry.names import image_name

ADAPTER: TypeAdapter[Any] = TypeAdapter(FilterSettings)

DIMENSION = st.sampled_from(["2d", "3d"])
BOUNDARY = st.sampled_from(["mirror", "nearest", "zero", "periodic"])
POOLING = st.sampled_from(["max", "mean", "min"])
LENGTH = st.one_of(
    st.sampled_from([1.0, 1.5, 2.0, 10.0, 0.25]), st.floats(1e-3, 1e3, allow_nan=False)
)


@st.composite
def filters(draw: Any) -> Any:
    where = draw(DIMENSION)
    n = 2 if where == "2d" else 3
    common: Any = {"dimension": where, "boundary": draw(BOUNDARY)}
    kind = draw(st.integers(0, 6))
    if kind == 0:
        return MeanFilter(size=draw(st.integers(1, 60)) * 2 + 1, **common)
    if kind == 1:
        return LogFilter(sigma_mm=draw(LENGTH), truncate=draw(st.floats(1, 6)), **common)
    if kind == 2:
        names = st.sampled_from(["L5", "E5", "S5", "W5", "R5", "L3", "E3", "S3"])
        return LawsFilter(
            kernel="".join(draw(st.lists(names, min_size=n, max_size=n))),
            energy_distance=draw(st.none() | st.integers(1, 20)),
            pooling=draw(st.none() | POOLING),
            **common,
        )
    if kind == 3:
        return GaborFilter(
            sigma_mm=draw(LENGTH),
            wavelength_mm=draw(LENGTH),
            gamma=draw(LENGTH),
            theta_deg=draw(st.sampled_from([0.0, 30.0, -45.0])),
            theta_step_deg=draw(st.sampled_from([None, 22.5, 45.0])),
            pooling=draw(POOLING),
            response=draw(st.sampled_from(["modulus", "real", "imaginary"])),
            **common,
        )
    level = draw(st.integers(1, 4))
    if kind == 4:
        return WaveletFilter(
            family=draw(st.sampled_from(["haar", "db2", "db3", "db20", "sym4", "coif1", "coif11"])),
            bands="".join(draw(st.lists(st.sampled_from("LH"), min_size=n, max_size=n))),
            level=level,
            pooling=draw(st.none() | POOLING),
            **common,
        )
    if kind == 5:
        name = draw(st.sampled_from(["simoncelli", "shannon"]))
        return RadialWaveletFilter(type=name, level=level, **common)
    return RieszFilter(
        orders=draw(st.lists(st.integers(0, 3), min_size=n, max_size=n).filter(any).map(tuple)),
        wavelet=draw(st.sampled_from(["simoncelli", "shannon"])),
        level=level,
        steering_sigma_mm=draw(st.none() | LENGTH),
        **common,
    )


@settings(max_examples=300)
@given(chosen=filters())
def test_token_label_and_round_trip(chosen: Any) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9]{0,11}", chosen.token)
    assert re.fullmatch(r"[a-z][a-z0-9]{0,11}", chosen.hashed_token)
    assert chosen.label.isprintable()
    assert len(chosen.label) < 200
    again = ADAPTER.validate_json(ADAPTER.dump_json(chosen))
    assert again == chosen
    assert type(again) is type(chosen)
    assert again.token == chosen.token
    with pytest.raises(ConfigError):  # no token of pyradiomics' images
        image_name(chosen.token)


@settings(max_examples=100)
@given(chosen=st.lists(filters(), max_size=25, unique_by=lambda f: f.model_dump_json()))
def test_different_settings_have_different_tokens(chosen: Any) -> None:
    tokens = column_tokens(chosen)
    assert len(set(tokens)) == len(chosen)
    assert all(re.fullmatch(r"[a-z][a-z0-9]{0,11}", token) for token in tokens)


@settings(max_examples=100)
@given(a=filters(), b=filters())
def test_readable_tokens_tell_apart(a: Any, b: Any) -> None:
    """Only names with a hash may ever meet, and those do not by construction of the readable."""
    if a != b and a.token != a.hashed_token and b.token != b.hashed_token:
        assert a.token != b.token


@pytest.mark.parametrize(
    ("chosen", "token"),
    [
        (MeanFilter(size=5), "mean5"),
        (LogFilter(sigma_mm=1.5, dimension="2d"), "slog1p5s"),
        (LawsFilter(kernel="L5E5", energy_distance=7, pooling="max", dimension="2d"), "l5e5d7mxs"),
        (WaveletFilter(family="db3", bands="HHH", level=2, pooling="mean"), "db3hhh2mn"),
        (RadialWaveletFilter(type="simoncelli", level=2), "sim2"),
        (RieszFilter(orders=(0, 2), dimension="2d"), "rz02l1s"),
        (GaborFilter(sigma_mm=5, wavelength_mm=2), "gab5l2"),
    ],
)
def test_readable_tokens(chosen: Any, token: str) -> None:
    assert chosen.token == token
    assert bool(chosen.ibsi_code) is not isinstance(chosen, RieszFilter)
    changed = {"mirror": "zero", "periodic": "mirror"}[chosen.boundary]
    other = chosen.model_copy(update={"boundary": changed}).token
    assert other != token
    assert re.fullmatch(r"[0-9a-f]{4}", other[-4:])


def test_tokens_do_not_change() -> None:
    """Names of columns are a promise, the hash among them."""
    chosen = GaborFilter(sigma_mm=5, wavelength_mm=2, gamma=1.5, theta_step_deg=22.5)
    assert chosen.token == "gab5l2100f"
    assert MeanFilter(size=15, boundary="zero").token == "mean15237c"


def test_a_filter_given_twice() -> None:
    with pytest.raises(ConfigError, match=r"given twice.*mean of 5 voxels"):
        column_tokens([MeanFilter(size=5), LogFilter(sigma_mm=2), MeanFilter(size=5)])


def test_filters_of_one_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where tokens meet, all of them get their hash."""
    monkeypatch.setattr(MeanFilter, "token", property(lambda _: "mean"))
    tokens = column_tokens([MeanFilter(size=5), MeanFilter(size=7), LogFilter(sigma_mm=2)])
    assert len(set(tokens)) == 3
    assert tokens[0].startswith("mean5")
    assert tokens[2] == "slog2"
    monkeypatch.setattr(MeanFilter, "hashed_token", property(lambda _: "mean"))
    with pytest.raises(ConfigError, match="bad luck"):
        column_tokens([MeanFilter(size=5), MeanFilter(size=7)])


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        ({"type": "mean", "size": 4}, "odd"),
        ({"type": "mean", "size": 1}, "greater than or equal to 3"),
        ({"type": "mean", "size": 5, "sice": 5}, "Extra inputs"),
        ({"type": "log", "sigma_mm": 0}, "greater than 0"),
        ({"type": "log", "sigma_mm": float("inf")}, "finite"),
        ({"type": "laws", "kernel": "L5"}, "two or three"),
        ({"type": "laws", "kernel": "L5W3"}, "two or three"),
        ({"type": "laws", "kernel": "L5E5"}, "needs 3 kernels"),
        ({"type": "gabor", "sigma_mm": 1, "wavelength_mm": 2, "theta_step_deg": 50}, "divide 360"),
        ({"type": "wavelet", "family": "bior2.2", "bands": "LLH"}, "unknown wavelet"),
        ({"type": "wavelet", "family": "db3", "bands": "LLX"}, "L or H"),
        ({"type": "wavelet", "family": "db3", "bands": "LLH", "dimension": "2d"}, "needs 2 bands"),
        ({"type": "simoncelli", "level": 0}, "greater than or equal to 1"),
        ({"type": "riesz", "orders": [0, 0, 0]}, "above 0"),
        ({"type": "riesz", "orders": [1, 0]}, "needs 3 orders"),
        ({"type": "Mean", "size": 5}, "does not match any"),
        ({"type": "mean", "size": 5, "boundary": "wrap"}, "mirror"),
    ],
)
def test_wrong_settings(given_: Any, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ADAPTER.validate_python(given_)


def test_letters_in_any_case() -> None:
    assert LawsFilter(kernel="l5e5s3").kernel == "L5E5S3"
    assert WaveletFilter(family="DB3", bands="llh").token == "db3llh"


class Several(StrictModel):
    filters: tuple[FilterSettings, ...] = ()


def test_misspelt_keys_are_named() -> None:
    """The keys of the filter that is meant, not those of another one."""
    with pytest.raises(ConfigError, match="did you mean 'sigma_mm'"):
        Several.parse({"filters": [{"type": "log", "sigm_mm": 3}]}, where="x.yaml")
    with pytest.raises(ConfigError, match="did you mean 'theta_deg'"):
        Several.parse(
            {"filters": [{"type": "mean", "size": 3}, {"type": "gabor", "theta_dag": 3}]},
            where="x.yaml",
        )
