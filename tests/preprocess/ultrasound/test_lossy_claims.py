"""A file's compression moves no border, and speckle of any kind is no text."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from tests.preprocess.ultrasound.lossy import Measured, measured, measured_uneven

CLAIMS = Path(__file__).parents[2] / "reference/ultrasound_lossy_claims.csv"
#: The first pair of seeds may be looked at to mend what falls short; the second was named with it
#: and not run before.
SETS = ((15000, 15001), (17000, 17001))


def findings(frames: list[Measured], uneven: list[Measured]) -> list[float]:
    """Return what was measured, in the order of the claims."""
    kinds = [
        [f for f in frames if f.quality is None],
        [f for f in frames if (f.quality or 0) >= 75],
        [f for f in frames if f.quality == 60],
    ]
    unsaid = [f for f in [*frames, *uneven] if f.blanked > 0.05 and not f.doubts]
    return [
        *(max(f.off for f in kind) for kind in kinds),
        *(max(f.blanked for f in kind) for kind in kinds),
        len(unsaid),
        max(f.blanked for f in uneven),
    ]


@pytest.mark.proof
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seeds", SETS, ids=lambda seeds: str(seeds[0]))
def test_every_claim_is_met(seeds: tuple[int, ...]) -> None:
    frames = [one for seed in seeds for one in measured(seed)]
    uneven = [one for seed in seeds for one in measured_uneven(seed)]
    claims = pd.read_csv(CLAIMS)
    claims["found"] = findings(frames, uneven)
    missed = claims[claims["found"] > claims["value"]]
    worst = sorted([*frames, *uneven], key=lambda f: -max(f.off, 100 * f.blanked))[:10]
    assert missed.empty, missed.to_string() + "\n" + "\n".join(map(str, worst))
