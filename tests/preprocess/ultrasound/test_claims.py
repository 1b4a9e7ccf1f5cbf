"""The limits that were set before the clean-up was written, on screens it has never seen."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from radiofib.simulate.ultrasound_frames import FrameSettings, simulate_frame
from tests.preprocess.ultrasound.frames import CLEAN, HARD, PANELS, SEEDS
from tests.preprocess.ultrasound.judged import Judged, judge

CLAIMS = Path(__file__).parents[2] / "reference/ultrasound_clean_claims.csv"


def measured(frames: dict[str, FrameSettings], seeds: Iterable[int]) -> list[Judged]:
    return [judge(simulate_frame(s, k)) for s in frames.values() for k in seeds]


def ratio(pairs: Iterable[tuple[int, int]]) -> float:
    top, bottom = map(sum, zip(*pairs, strict=True))
    return top / bottom if bottom else 0.0


def on_vessel(group: list[Judged]) -> float:
    return ratio((j.on_vessel, j.patch_px) for j in group)


def enough(group: list[Judged]) -> float:
    return float(np.mean([min(j.patches) >= 3 for j in group]))


def findings(clean: list[Judged], hard: list[Judged], panels: list[Judged]) -> list[float]:
    """Return what was measured, in the order of the claims."""
    every = [*clean, *hard, *panels]
    return [
        min(j.dices[0] for j in clean),
        float(np.mean([j.dices[0] >= 0.95 for j in hard])),
        float(np.mean([min(j.dices) >= 0.97 for j in panels])),
        max(j.correlation for j in every),
        ratio(j.ink_off for j in every),
        ratio(j.ink_on for j in every),
        float(np.mean([j.lost for j in clean])),
        float(np.mean([j.lost for j in hard])),
        on_vessel(clean),
        on_vessel(hard),
        ratio((j.on_ink, j.patch_px) for j in every),
        ratio((j.elsewhere, j.patch_px) for j in every),
        enough(clean),
        enough(hard),
        max(j.letter for j in every),
    ]


#: 0 is the set of the claims; 5000 and 7000 were looked at to mend what fell short on them; 11000
#: and 13000 were named before they were first run.
SETS = (0, 5000, 7000, 11000, 13000)


@pytest.mark.proof
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("first", SETS)
def test_every_claim_is_met(first: int) -> None:
    seeds = range(first, first + SEEDS)
    claims = pd.read_csv(CLAIMS)
    claims["found"] = findings(
        measured(CLEAN, seeds), measured(HARD, seeds), measured(PANELS, seeds)
    )
    at_least = claims["limit"] == "at least"
    missed = claims[
        (at_least & (claims["found"] < claims["value"]))
        | (~at_least & (claims["found"] > claims["value"]))
    ]
    assert missed.empty, missed.to_string()


SMALL = {
    "convex": FrameSettings(shape=(300, 400), marks=("name", "id", "date", "bar", "annotation")),
    "linear": FrameSettings(shape=(300, 400), kind="linear", marks=("name", "doppler", "caliper")),
}


@pytest.mark.parametrize("name", SMALL)
def test_small_screens_keep_them_as_well(name: str) -> None:
    one = judge(simulate_frame(SMALL[name], 0))
    assert one.dices[0] >= 0.98
    assert one.correlation <= 0.3
    assert one.ink_off[0] == one.ink_on[0] == 0
    assert one.lost <= 0.02
    assert one.on_vessel <= 0.02 * max(one.patch_px, 1)
    assert one.on_ink == 0
