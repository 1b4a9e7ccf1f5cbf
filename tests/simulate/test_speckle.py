"""Envelopes and surfaces have the moments that their parameters say, by formulas of their own."""

from __future__ import annotations

import numpy as np
import pytest

from radiofib.errors import UsageError
from radiofib.simulate.speckle import (
    attenuated_speckle,
    fractal_surface,
    homodyned_k_envelope,
    nakagami_envelope,
    to_greys,
)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize(("m", "omega"), [(0.4, 1.0), (1.0, 3.0), (2.5, 0.5)])
def test_nakagami_moments(m: float, omega: float) -> None:
    power = nakagami_envelope((500, 500), rng(), m=m, omega=omega) ** 2
    assert power.mean() == pytest.approx(omega, rel=0.02)
    assert power.var() == pytest.approx(omega**2 / m, rel=0.05)


@pytest.mark.parametrize(("k", "alpha"), [(0.0, 0.8), (1.0, 2.0), (2.0, 20.0)])
def test_homodyned_k_moments(k: float, alpha: float) -> None:
    """E[I^2] = s^4 + 8 s^2 sigma^2 + 8 sigma^4 (1 + 1/alpha), I = R^2."""
    power = homodyned_k_envelope((600, 600), rng(), k=k, alpha=alpha, power=2.0) ** 2
    sigma2 = 2.0 / (k**2 + 2)
    s2 = k**2 * sigma2
    expected = s2**2 + 8 * s2 * sigma2 + 8 * sigma2**2 * (1 + 1 / alpha)
    assert power.mean() == pytest.approx(2.0, rel=0.02)
    assert (power**2).mean() == pytest.approx(expected, rel=0.06)


def test_attenuation_is_two_way() -> None:
    kw = {"frequency_mhz": 3.0, "pixel_mm": 0.2, "sigma_px": (0.5, 0.5)}
    fade = {}
    for attenuation in (0.4, 0.8):
        r = attenuated_speckle((250, 400), rng(), attenuation=attenuation, **kw)
        decibel = 10 * np.log10((r**2).mean(axis=1))
        fade[attenuation] = np.polyfit(np.arange(250) * 0.02, decibel, 1)[0]
    assert fade[0.4] == pytest.approx(-2.4, abs=0.1)
    assert fade[0.8] == pytest.approx(2 * fade[0.4], abs=0.1)


@pytest.mark.parametrize("dimension", [2.15, 2.5, 2.85])
def test_surface_has_the_variogram_of_its_dimension(dimension: float) -> None:
    """Exact at every short lag, along rows and along diagonals."""
    size, hurst = 40, 3 - dimension
    step = 1 / np.hypot(size - 1, size - 1)
    measured = {1: [], 3: [], 9: []}
    for seed in range(100):
        z = fractal_surface((size, size), rng(seed), dimension=dimension)
        for lag, found in measured.items():
            found.append(((z[lag:] - z[:-lag]) ** 2).mean() / (lag * step) ** (2 * hurst))
            diagonal = z[lag:, lag:] - z[:-lag, :-lag]
            found.append((diagonal**2).mean() / (lag * step * np.sqrt(2)) ** (2 * hurst))
    for found in measured.values():
        assert np.mean(found) == pytest.approx(2.0, rel=0.15)


def test_surfaces_depend_on_the_seed_alone() -> None:
    one = fractal_surface((40, 30), rng(3), dimension=2.5)
    assert np.array_equal(one, fractal_surface((40, 30), rng(3), dimension=2.5))
    assert one.shape == (40, 30)
    assert to_greys(one).min() == 0
    assert to_greys(one).max() == 255
    assert not to_greys(np.zeros((3, 3))).any()


def test_wrong_parameters_are_refused() -> None:
    with pytest.raises(UsageError, match="m must be"):
        nakagami_envelope((3, 3), rng(), m=0.0)
    with pytest.raises(UsageError, match="k must be"):
        homodyned_k_envelope((3, 3), rng(), k=-1.0, alpha=1.0)
    with pytest.raises(UsageError, match="dimension"):
        fractal_surface((3, 3), rng(), dimension=3.0)
