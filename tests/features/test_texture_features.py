"""Texture features against pyradiomics: |difference| <= 1e-9 max(|reference|, natural scale)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radiofib.features import glcm, gldm, glrlm, glszm, ngtdm
from radiofib.features.matrices import Levels, Matrices, cooccurrence_weights, run_weights
from radiofib.registry import FEATURES
from tests.features import upstream_matrices as upstream
from tests.features.test_matrices import CASES, smooth
from tests.features.upstream_matrices import cropped, regions

pytest.importorskip("radiomics")


def ours(
    levels: np.ndarray,
    *,
    distances: tuple[int, ...] = (1,),
    forced: int | None = None,
    alpha: int = 0,
    symmetrical: bool = True,
    norm: Any = None,
    spacing_mm: tuple[float, ...] = (),
) -> dict[str, dict[str, float]]:
    laid_out = Levels.of(levels, distances=distances, force_2d_dimension=forced)
    m, grey = Matrices(laid_out), laid_out.grey_levels
    spacing_mm = spacing_mm or (1.0,) * levels.ndim
    zones = m.glszm()
    return {
        "glcm": glcm.compute(
            m.glcm(),
            grey,
            symmetrical=symmetrical,
            weights=cooccurrence_weights(m.pair_directions, spacing_mm, norm),
        ),
        "glrlm": glrlm.compute(
            m.glrlm(), grey, weights=run_weights(m.run_directions, spacing_mm, norm)
        ),
        "glszm": glszm.compute(zones.counts, grey, zones.sizes),
        "gldm": gldm.compute(m.gldm(alpha), grey),
        "ngtdm": ngtdm.compute(m.ngtdm()),
    }


def scale(family: str, name: str, top: int) -> float:
    """The natural scale of a feature for levels up to `top`, at its least 1e-6."""
    if family == "glcm":
        return {
            "cluster_prominence": float(top**4),
            "cluster_shade": float(top**3),
            "autocorrelation": float(top**2),
        }.get(name, 1.0)
    return 1.0 if family != "ngtdm" else 1e-3


def compare(levels: np.ndarray, **options: Any) -> None:
    mine = ours(levels, **options)
    theirs = {
        "distances": list(options.get("distances", (1,))),
        "force2D": options.get("forced") is not None,
        "force2Ddimension": options.get("forced") or 0,
        "gldm_a": options.get("alpha", 0),
        "symmetricalGLCM": options.get("symmetrical", True),
        "weightingNorm": options.get("norm"),
        "spacing_mm": options.get("spacing_mm"),
    }
    for family, values in mine.items():
        expected = upstream.features(family, levels, **theirs)
        specs = [s for s in FEATURES if s.family == family and not s.deprecated]
        assert set(values) == {s.name for s in specs}
        for spec in specs:
            reference = expected[spec.pyradiomics_name.split("_")[1]]
            value = values[spec.name]
            if np.isnan(reference):
                assert np.isnan(value), (spec.key, value)
                continue
            bound = 1e-9 * max(abs(reference), scale(family, spec.name, int(levels.max())))
            assert abs(value - reference) <= bound, (spec.key, value, reference)


@settings(max_examples=120)
@given(
    levels=regions(sides=7),
    distances=st.sampled_from([(1,), (1,), (2,), (1, 2)]),
    forced=st.sampled_from([None, None, 0]),
    alpha=st.sampled_from([0, 1]),
    symmetrical=st.booleans(),
    norm=st.sampled_from([None, None, "euclidean", "manhattan", "infinity", "no_weighting"]),
)
def test_equal_to_upstream_on_random_regions(levels: np.ndarray, **options: Any) -> None:
    laid_out = Levels.of(
        levels, distances=options["distances"], force_2d_dimension=options["forced"]
    )
    if not len(laid_out.directions()) or not len(laid_out.directions((1,))):
        return  # pyradiomics gives up; see test_a_region_without_neighbours
    spacing = (1.0, 0.4, 0.7)[-levels.ndim :]
    compare(levels, spacing_mm=spacing, **options)


@pytest.mark.parametrize("name", CASES)
def test_equal_to_upstream_on_cases(name: str) -> None:
    compare(cropped(CASES[name]))


@pytest.mark.parametrize("norm", ["euclidean", "manhattan", "infinity", "no_weighting"])
@pytest.mark.parametrize("symmetrical", [True, False])
def test_equal_to_upstream_with_weights(norm: str, symmetrical: bool) -> None:
    levels = smooth((5, 14, 12), 12)
    compare(levels, norm=norm, symmetrical=symmetrical, spacing_mm=(10.0, 1.0, 0.5))


def test_a_region_without_neighbours() -> None:
    values = ours(np.array([[[3]]]))
    assert np.isnan(values["glcm"]["contrast"])
    assert values["glcm"]["mcc"] == 1
    assert np.isnan(values["glrlm"]["run_entropy"])
    assert values["glszm"]["zone_percentage"] == 1
    assert values["gldm"]["high_gray_level_emphasis"] == 9
    assert values["ngtdm"]["coarseness"] == 1e6


def test_conventions_on_one_level() -> None:
    values = ours(np.full((3, 4, 5), 7))
    assert values["glcm"]["correlation"] == 1
    assert values["glcm"]["mcc"] == 1
    assert values["glcm"]["imc1"] == values["glcm"]["imc2"] == 0
    assert values["ngtdm"] == {
        "busyness": 0,
        "coarseness": 1e6,
        "complexity": 0,
        "contrast": 0,
        "strength": 0,
    }
