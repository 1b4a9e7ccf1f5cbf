"""How often panels a few pixels apart are told apart, and one image is cut, in lossy files."""

from __future__ import annotations

from collections import Counter
from itertools import product

import pytest

from tests.preprocess.ultrasound.lossy import MEANS, SPECKLE
from tests.preprocess.ultrasound.panels import (
    GAPS,
    QUALITIES,
    bare_pair,
    pair,
    pieces,
    shadowed,
    single,
)

#: Named before they were first run, after the method had been mended on seeds 0 to 11.
TISSUE, BARE = range(21000, 21036), range(22000, 22002)
#: Most pairs of one gap and quality that may be missed, tissue and bare speckle each.
MISSED = 0.02


@pytest.mark.proof
@pytest.mark.timeout(3600)
def test_pairs_of_panels_are_told_apart() -> None:
    missed: Counter[tuple[str, int, int]] = Counter()
    for gap, seed in product(GAPS, TISSUE):
        screen = pair(gap, seed)[0]
        for quality in QUALITIES:
            missed["tissue", gap, quality] += pieces(screen, quality) != 2
    for gap, (law, sigma), mean, seed in product(GAPS, SPECKLE, MEANS, BARE):
        screen = bare_pair(law, sigma, mean, gap, seed)
        for quality in QUALITIES:
            missed["bare", gap, quality] += pieces(screen, quality) != 2
    of = {"tissue": len(TISSUE), "bare": len(SPECKLE) * len(MEANS) * len(BARE)}
    assert {k: n for k, n in missed.items() if n > MISSED * of[k[0]]} == {}


@pytest.mark.proof
@pytest.mark.timeout(3600)
def test_no_single_image_is_cut() -> None:
    cut = [
        (what.__name__, seed, quality)
        for what, seed, quality in product((single, shadowed), TISSUE, (None, *QUALITIES))
        if pieces(what(seed), quality) != 1
    ]
    assert cut == []
