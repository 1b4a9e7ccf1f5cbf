"""What lies inside two pieces is compared without trust in a single tract."""

from __future__ import annotations

import numpy as np
from scipy import ndimage as ndi

from radiofib.slides.tissue.level_match import Signature, match_pieces, signatures
from radiofib.slides.tissue.level_pattern import Pattern
from radiofib.slides.tissue.level_profile import Profile

STATIONS = 200


def inside(rng: np.random.Generator, places: np.ndarray, noise: float = 0.05) -> np.ndarray:
    """Return flat stain with a tract at each station and band."""
    values = np.zeros((STATIONS, 12, 2))
    for station, band in places:
        values[int(station), int(band)] = 8.0
    values = ndi.gaussian_filter(values, (1.5, 1.0, 0.0))
    return values + noise * rng.normal(size=values.shape)


def test_tracts_that_lie_on_each_other_by_chance_are_no_evidence() -> None:
    strengths = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        places = [rng.uniform((10, 1), (STATIONS - 10, 11), (n, 2)) for n in (3, 4)]
        one, other = (Signature(inside(rng, p), np.zeros(STATIONS)) for p in places)
        strengths.append(match_pieces(one, other).strength)
    assert max(strengths) < 1.3


def test_one_chunk_counts_for_so_much_and_several_make_a_match() -> None:
    rng = np.random.default_rng(3)
    places = rng.uniform((10, 1), (STATIONS - 10, 11), (12, 2))
    full, again = (Signature(inside(rng, places), np.zeros(STATIONS)) for _ in range(2))
    few = [Signature(inside(rng, places[:1]), np.zeros(STATIONS)) for _ in range(2)]
    clear, alone = match_pieces(full, again), match_pieces(*few)
    assert clear.strength > 1.5
    assert clear.chunks >= 4
    assert clear.offset == 0
    assert alone.strength < 1.0
    assert alone.chunks < 4


def test_an_even_width_is_no_agreement() -> None:
    # Where cells begin shows at the same stations of every straight core.
    width = 400 + 0.6 * np.tile([1.0, 1.0, -1.0, -1.0, -1.0], STATIONS // 5)
    swollen = width + 15 * ndi.gaussian_filter1d(np.random.default_rng(1).normal(size=STATIONS), 2)
    rng = np.random.default_rng(0)
    found = {}
    for name, shape in (("even", width), ("swollen", swollen)):
        pieces = []
        for _ in range(2):
            places = rng.uniform((10, 1), (STATIONS - 10, 11), (14, 2))
            stain = inside(rng, places)
            pieces.append(_profile(shape, stain))
        known = signatures(pieces)
        found[name] = np.abs(known[0].width).max()
    assert found["even"] < 0.3 < 1 < found["swollen"]


def _profile(width: np.ndarray, stain: np.ndarray) -> Profile:
    seen = np.ones(stain.shape[:2], dtype=bool)
    length = len(width) * 50.0
    return Profile(length, length * 400, (0, 0), width, np.zeros(len(width)), Pattern(stain, seen))
