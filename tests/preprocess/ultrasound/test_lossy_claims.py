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


@pytest.fixture(scope="module", params=SETS, ids=lambda seeds: str(seeds[0]))
def claims(request: pytest.FixtureRequest) -> tuple[pd.DataFrame, str]:
    """Return the claims with what was found, and the frames that are furthest off."""
    frames = [one for seed in request.param for one in measured(seed)]
    uneven = [one for seed in request.param for one in measured_uneven(seed)]
    worst = sorted([*frames, *uneven], key=lambda f: -max(f.off, 100 * f.blanked))[:10]
    table = pd.read_csv(CLAIMS)
    table["found"] = findings(frames, uneven)
    return table, "\n".join(map(str, worst))


def _missed(claims: tuple[pd.DataFrame, str], *, uneven: bool) -> str:
    table, worst = claims
    part = table[(table["frames"] == "uneven") == uneven]
    part = part[part["found"] > part["value"]]
    return "" if part.empty else f"{part.to_string()}\n{worst}"


@pytest.mark.proof
@pytest.mark.timeout(3600)
def test_every_claim_is_met(claims: tuple[pd.DataFrame, str]) -> None:
    assert _missed(claims, uneven=False) == ""


@pytest.mark.proof
@pytest.mark.timeout(3600)
@pytest.mark.xfail(
    reason="of 512 frames with bright patches in an envelope that was not compressed one or two "
    "lose up to 5 %",
    strict=True,
)
def test_bright_patches_of_speckle_are_kept(claims: tuple[pd.DataFrame, str]) -> None:
    assert _missed(claims, uneven=True) == ""
