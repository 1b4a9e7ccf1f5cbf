from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks import tissue
from radiofib.simulate._random import child_rng
from radiofib.simulate.slide_geometry import BiopsyLaw, Core, cut_again, draw_core
from radiofib.slides.specs.levels import LEVEL_SPECS
from radiofib.slides.tissue.level_profile import Profile, core_profile, likeness
from radiofib.slides.tissue.levels import Levels, group_profiles, level_measures
from radiofib.slides.tissue.settings import LevelSettings

LAW = BiopsyLaw(fragments=0.0, level_change=1.0)
UM = (8.0, 8.0)


def made(seed: int, stations: int = 120, row: float = 0.0) -> Profile:
    """Return a profile with a shape of its own."""
    rng = np.random.default_rng(seed)
    waves = np.convolve(rng.normal(size=stations + 20), np.hanning(9), "same")[10:-10]
    course = np.convolve(rng.normal(size=stations + 60), np.hanning(50), "same")[30:-30]
    return Profile(stations * 50.0, stations * 50 * 400.0, (0, row), 400 + 10 * waves, 15 * course)


def near(one: Profile, seed: int, row: float) -> Profile:
    noise = np.random.default_rng(seed).normal(size=len(one.width))
    return Profile(one.length_um, one.area_um2, (0.0, row), one.width + 5 * noise, one.bend)


def turned(one: Profile) -> Profile:
    return Profile(one.length_um, one.area_um2, one.centre, one.width[::-1], -one.bend[::-1])


def test_a_core_is_like_itself_turned_round_and_not_like_another() -> None:
    one, other = made(1), made(2)
    assert likeness(one, one) == pytest.approx(1)
    assert likeness(one, turned(one)) == pytest.approx(1)
    assert likeness(one, other) < 0.4
    assert likeness(one, other) == pytest.approx(likeness(other, one))


def test_size_and_bend_must_agree() -> None:
    one = made(1)
    short = Profile(0.8 * one.length_um, one.area_um2, (0, 0), one.width[:96], one.bend[:96])
    bent = Profile(one.length_um, one.area_um2, (0, 0), one.width, made(3).bend * 3)
    assert likeness(one, short) == 0.0
    assert likeness(one, bent) == 0.0
    assert likeness(made(4, 20), made(4, 20)) == 0.0  # too short to have a shape


def test_two_cores_at_three_levels_are_grouped_from_the_top() -> None:
    cores = [made(1), made(2, 100)]
    rows = [0, 100, 200, 300, 400, 500]
    pieces = [near(cores[i % 2], 10 + i, float(rows[i])) for i in range(6)]
    shuffled = [pieces[i] for i in (3, 0, 5, 4, 1, 2)]
    found = group_profiles(shuffled)
    assert found.count == 3
    assert found.core == (2, 1, 2, 1, 2, 1)
    assert found.level == (2, 1, 3, 3, 1, 2)
    assert found.title(0) == "Tissue 1, level 2 of core 2"


def test_three_different_cores_are_no_levels() -> None:
    assert group_profiles([made(k, 110 + k) for k in range(3)]).count == 1


def test_two_alike_among_others_are_no_levels() -> None:
    one = made(1)
    pieces = [one, near(one, 5, 100), made(2), made(3), made(4)]
    assert group_profiles(pieces).count == 1


def test_small_fragments_follow_the_level_beside_them() -> None:
    one = made(1)
    crumb = Profile(300, 60_000, (0.0, 290.0), np.empty(0), np.empty(0))
    found = group_profiles([one, near(one, 5, 300), crumb])
    assert (found.count, found.level) == (2, (1, 2, 2))
    assert found.core[2] == 2


def test_told_levels_count_even_where_shapes_say_nothing() -> None:
    pieces = [made(k, 100 + k, 100.0 * k) for k in range(6)]
    assert group_profiles(pieces, LevelSettings(levels=3)).count == 3
    one = made(1)
    same = [one, near(one, 5, 100), near(one, 6, 200)]
    assert group_profiles(same).count == 3
    assert group_profiles(same, LevelSettings(levels=1)).count == 1


def test_the_best_level_is_the_longest_and_wedges_have_no_length() -> None:
    levels = Levels(3, (1, 1, 1), (1, 2, 3))
    assert levels.best([10.0, 12.0, 11.0], [9.0, 1.0, 1.0]) == 2
    assert levels.best([np.nan] * 3, [1.0, 1.0, 2.0]) == 3
    values = level_measures(levels, [10.0, 12.0, np.nan], [4.0, 4.0, 4.0])
    assert values["morphometry_all_levels_length_mm"] == 22.0
    assert set(values) == {spec.key for spec in LEVEL_SPECS}


@pytest.mark.parametrize("count", [0, 1])
def test_nothing_to_group(count: int) -> None:
    found = group_profiles([made(0)][:count])
    assert found == Levels(1, tuple(range(1, count + 1)), (1,) * count)


def test_a_drawn_core_cut_three_times_is_one_core() -> None:
    rng = child_rng(1, "cut")
    core = draw_core(12_000.0, LAW, rng)
    cores: list[Core] = [core, cut_again(core, LAW, rng), cut_again(core, LAW, rng)]
    found = tissue.count_levels(cores)
    assert (found.count, found.core, found.level) == (3, (1, 1, 1), (1, 2, 3))


def test_width_of_a_profile_adds_up_to_the_area() -> None:
    rows, columns = np.mgrid[:60, :400]
    mask = np.abs(rows - 30) < 12 + 4 * np.sin(columns / 20)
    shape = core_profile(mask, UM, widest_um=2500)
    assert shape.width.sum() * 50 == pytest.approx(mask.sum() * 64, rel=0.03)


@pytest.mark.proof
def test_levels_are_recognised_as_claimed(tmp_path: Path) -> None:
    table = tissue.compared(tissue.level_findings(tmp_path))
    assert len(table) == 3
    assert table["holds"].all(), table[~table["holds"]].to_string()
