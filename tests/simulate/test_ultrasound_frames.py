"""Simulated screens: marks lie where they say, and tissue does not depend on them."""

from __future__ import annotations

import numpy as np
import pytest

from radiofib.simulate.ultrasound_frames import OUTSIDE, FrameSettings, simulate_frame

SMALL = (240, 320)


@pytest.mark.parametrize("kind", ["convex", "sector", "linear"])
def test_tissue_is_the_same_under_any_marks(kind: str) -> None:
    bare = simulate_frame(FrameSettings(kind=kind, shape=SMALL), 3)
    made = simulate_frame(FrameSettings(kind=kind, shape=SMALL, marks=(*OUTSIDE, "annotation")), 3)
    assert np.array_equal(bare.grey, made.grey)
    ink = np.zeros(SMALL, dtype=bool)
    for mark in made.marks:
        ink |= mark.ink > 0
        assert mark.ink[mark.box].any()
    assert np.array_equal(made.screen[~ink], np.repeat(bare.grey[..., None], 3, -1)[~ink])
    assert (made.screen[ink] != np.repeat(bare.grey[..., None], 3, -1)[ink]).any()


def test_parts_are_apart_and_shadows_and_vessels_are_dark() -> None:
    made = simulate_frame(FrameSettings(), 1)
    parts = made.parts
    assert not (parts["parenchyma"] & (parts["vessel"] | parts["shadow"] | parts["deep"])).any()
    assert made.fan[parts["parenchyma"]].all()
    liver = float(made.grey[parts["parenchyma"]].mean())
    assert made.grey[parts["vessel"] & ~parts["near"]].mean() < 0.5 * liver
    assert made.grey[parts["shadow"] & ~parts["near"]].mean() < 0.6 * liver


def test_outside_marks_leave_the_fan_alone() -> None:
    made = simulate_frame(FrameSettings(marks=OUTSIDE), 2)
    for mark in made.marks:
        assert not (made.fan & (mark.ink > 0)).any(), mark.kind


def test_two_panels_and_a_cut() -> None:
    made = simulate_frame(FrameSettings(panels=2), 2)
    assert len(made.fans) == 2
    assert not (made.fans[0] & made.fans[1]).any()
    cut = simulate_frame(FrameSettings(cut="left"), 2)
    assert cut.fan[:, 0].any()


def test_the_same_seed_gives_the_same_bytes() -> None:
    settings = FrameSettings(shape=SMALL, marks=OUTSIDE)
    one, two = (simulate_frame(settings, 4).screen for _ in range(2))
    assert np.array_equal(one, two)
    assert not np.array_equal(one, simulate_frame(settings, 5).screen)
