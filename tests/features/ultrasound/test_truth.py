"""What pictures were made with comes back within the tolerance stated before."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest

from radiofib.features.ultrasound import ultrasound_features
from tests.features.ultrasound.truth import Case, cases

BY_NAME: dict[str, list[Case]] = defaultdict(list)
for case in cases():
    BY_NAME[case.name].append(case)

#: Rows of the set ``after`` were added when the blankets had been corrected for the lattice.
SLOW = {name for name, rows in BY_NAME.items() if rows[0].set != "main"} | {
    "surface_22",
    "surface_25",
}
MARKED = [pytest.param(n, marks=pytest.mark.slow) if n in SLOW else n for n in BY_NAME]


@pytest.mark.parametrize("name", MARKED)
def test_the_truth_comes_back(name: str) -> None:
    rows = BY_NAME[name]
    family = rows[0].feature.split("_")[0]
    found = [
        ultrasound_features(rows[0].roi(seed), rows[0].machine, families=[family])
        for seed in range(rows[0].seeds)
    ]
    for row in rows:
        mean = float(np.mean([one.values[row.feature] for one in found]))
        assert abs(mean - row.truth) <= row.allowed, f"{row.feature}: {mean:.4f}"


def test_doubling_the_two_way_slope_doubles_alpha() -> None:
    half, one = BY_NAME["attenuation_half"][0], BY_NAME["attenuation_one"][0]
    values = [
        ultrasound_features(row.roi(7), row.machine, families=["depth"]).values[row.feature]
        for row in (half, one)
    ]
    assert values[1] / values[0] == pytest.approx(2.0, rel=0.05)
