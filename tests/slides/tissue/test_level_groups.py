"""Sections of cores with an even outline are told by what lies inside."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from benchmarks import levels as benchmark
from radiofib.slides.reader import Grid
from radiofib.slides.tissue.level_groups import group_matches, match_all
from radiofib.slides.tissue.level_match import Match
from radiofib.slides.tissue.level_profile import Profile
from radiofib.slides.tissue.levels import Levels, group_levels, group_profiles
from radiofib.slides.tissue.settings import LevelSettings

LENGTH, HEIGHT, GAP = 1000, 50, 30
PINK, BLUE, GLASS = (225, 150, 190), (150, 90, 160), (243, 242, 244)
LIMITS = {"min_strength": 1.5, "mean_strength": 1.0, "min_share": 0.8}

Picture = np.ndarray


def even_core(seed: int, tracts: int = 14) -> Picture:
    """Return a core 8 mm long with straight sides, and tracts in it."""
    rng = np.random.default_rng(seed)
    picture = np.empty((HEIGHT, LENGTH, 3))
    picture[:] = PINK
    rows, columns = np.mgrid[:HEIGHT, :LENGTH]
    for y, x in rng.uniform((8, 20), (HEIGHT - 8, LENGTH - 20), (tracts, 2)):
        picture[np.hypot(rows - y, columns - x) < rng.uniform(5, 9)] = BLUE
    return picture


def grouped(
    cores: list[Picture], *, look: bool = True, settings: LevelSettings | None = None
) -> Levels:
    """Lay cores one below the other, and group them."""
    lane = HEIGHT + GAP
    overview = np.empty((lane * len(cores), LENGTH + 40, 3))
    overview[:] = GLASS
    mask = np.zeros(overview.shape[:2], dtype=bool)
    cells = []
    for number, core in enumerate(cores):
        top, columns = lane * number + GAP // 2, core.shape[1]
        here = (slice(top, top + HEIGHT), slice(20, 20 + columns))
        tissue = ~np.isnan(core[..., 0])
        overview[here][tissue] = core[tissue]
        mask[here] = tissue
        edges = np.flatnonzero(np.diff(np.r_[False, tissue[0]].astype(int)) == 1)
        cells += [(top, 20 + int(edge)) for edge in edges]
    overview += np.random.default_rng(9).normal(0, 4, overview.shape)
    grid = Grid(mask.shape[1], mask.shape[0], 16, 16, 8.0, 8.0)
    picture = overview.clip(0, 255).astype(np.uint8)
    return group_levels(mask, cells, grid, overview=picture if look else None, settings=settings)


def torn(core: Picture, at: int) -> Picture:
    parts = core.copy()
    parts[:, at : at + 12] = np.nan
    return parts


def test_even_cores_are_recognised_by_what_lies_inside() -> None:
    cores = [even_core(1), even_core(2)] * 3
    assert grouped(cores, look=False).count == 6  # the outline is the same
    assert grouped(cores) == Levels(3, (1, 2, 1, 2, 1, 2), (1, 1, 2, 2, 3, 3))


def test_different_cores_of_equal_size_are_no_levels() -> None:
    assert grouped([even_core(seed) for seed in range(4)]).count == 1


@pytest.mark.parametrize("turn", [(-1, -1), (1, -1), (-1, 1)])
def test_a_section_may_lie_turned_round_or_upside_down(turn: tuple[int, int]) -> None:
    core = even_core(3)
    assert grouped([core, core[:: turn[0], :: turn[1]]]).level == (1, 2)


def test_a_section_that_lost_an_end_or_half_its_stain_is_one_still() -> None:
    core = even_core(4)
    pale = np.array(GLASS) - (np.array(GLASS) - core) / 2
    assert grouped([core, core[:, 150:], pale]).level == (1, 2, 3)


def test_the_parts_of_a_torn_section_are_one_level() -> None:
    core = even_core(5)
    found = grouped([core, torn(core, 420), core])
    assert found == Levels(3, (1, 1, 1, 1), (1, 2, 2, 3))


def test_told_levels_follow_the_inside() -> None:
    cores = [even_core(1), even_core(2), even_core(2), even_core(1)]
    found = grouped(cores, settings=LevelSettings(levels=2))
    assert found.core == (1, 2, 2, 1)


def test_a_core_that_lacks_a_section_takes_the_nearest_levels() -> None:
    def piece(row: float) -> Profile:
        return Profile(8000.0, 3e6, (0.0, row), np.ones(160), np.zeros(160))

    rows = (0.0, 1000.0, 1100.0, 2000.0, 2100.0)
    profiles = [piece(row) for row in rows]
    pairs = {(i, j): Match(0.3, 1, 0.0, 8) for i in range(5) for j in range(i + 1, 5)}
    pairs |= {pair: Match(4.0, 1, 0.0, 8) for pair in ((0, 1), (1, 3), (0, 3), (2, 4))}
    groups = group_matches(pairs, profiles, **LIMITS)
    assert sorted(sorted(section) for section in groups[0]) == [[0], [1], [3]]
    assert sorted(sorted(section) for section in groups[1]) == [[2], [4]]


def test_one_chance_pair_does_not_join_two_cores() -> None:
    profiles = [
        Profile(8000.0, 3e6, (0.0, 1000.0 * k), np.ones(160), np.zeros(160)) for k in range(4)
    ]
    pairs = {(i, j): Match(0.4, 1, 0.0, 8) for i in range(4) for j in range(i + 1, 4)}
    pairs |= {
        (0, 1): Match(3.0, 1, 0.0, 8),
        (2, 3): Match(3.0, 1, 0.0, 8),
        (1, 2): Match(1.8, 1, 0.0, 8),
    }
    assert sorted(group_matches(pairs, profiles, **LIMITS)) == [[[0], [1]], [[2], [3]]]


def uneven(*lengths: int) -> list[Profile]:
    return [
        Profile(n * 50.0, n * 2e4, (0.0, 1000.0 * k), np.ones(n), np.zeros(n))
        for k, n in enumerate(lengths)
    ]


def test_a_short_core_is_no_section_of_a_long_one() -> None:
    pairs = {(0, 1): Match(3.0, 1, 0.0, 8)}
    assert group_matches(pairs, uneven(220, 140), **LIMITS) == []
    assert group_matches(pairs, uneven(220, 180), **LIMITS) == [[[0], [1]]]


def test_parts_of_torn_sections_that_found_each_other_are_as_long_together() -> None:
    profiles = uneven(200, 90, 90, 200)  # long and short part of one section, then of the other
    pairs = {(i, j): Match(0.4, 1, 0.0, 1) for i in range(4) for j in range(i + 1, 4)}
    pairs[0, 2] = pairs[1, 3] = Match(3.0, 1, 0.0, 4)
    assert sorted(group_matches(pairs, profiles, **LIMITS)) == [[[0], [2]], [[3], [1]]]
    # The same level has the long parts of both: two short cores were taken for parts of long ones.
    pairs[0, 2], pairs[1, 3] = Match(0.4, 1, 0.0, 1), Match(0.4, 1, 0.0, 1)
    pairs[0, 1] = pairs[2, 3] = Match(3.0, 1, 0.0, 4)
    assert group_matches(pairs, uneven(200, 90, 200, 90), **LIMITS) == []


def test_levels_are_told_by_several_parts_that_agree() -> None:
    for chunks, sections in ((3, 0), (4, 2)):
        found = group_matches({(0, 1): Match(3.0, 1, 0.0, chunks)}, uneven(160, 160), **LIMITS)
        assert sum(len(core) for core in found) == sections


@pytest.mark.parametrize("tracts", [(9, 0), (9, 8), (2, 3), (1, 1)])
def test_cores_of_flat_stain_with_few_tracts_are_told_apart(tracts: tuple[int, int]) -> None:
    for seed in range(5):
        cores = [even_core(10 * seed + k, count) for k, count in enumerate(tracts)]
        assert grouped(cores).count == 1, seed


def test_short_pieces_and_pieces_without_a_picture_are_not_matched() -> None:
    plain = Profile(8000.0, 3e6, (0.0, 0.0), np.ones(160), np.zeros(160))
    assert match_all([plain, plain]) == {}
    assert group_profiles([plain, plain]).count == 1


def test_right_means_the_levels_of_each_core() -> None:
    profiles = [Profile(8000.0, 3e6, (0.0, 0.0), np.ones(160), np.zeros(160))] * 4
    truth = [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert benchmark.is_right(Levels(2, (1, 1, 2, 2), (1, 2, 2, 1)), truth, profiles, 2)
    assert not benchmark.is_right(Levels(2, (1, 1, 2, 2), (1, 2, 2, 2)), truth, profiles, 2)
    assert not benchmark.is_right(Levels(2, (1, 2, 1, 2), (1, 2, 2, 1)), truth, profiles, 2)
    assert not benchmark.is_right(Levels(1, (1, 2, 3, 4), (1, 1, 1, 1)), truth, profiles, 2)


def test_shares_are_set_beside_claims() -> None:
    slides = pd.DataFrame({"part": ["alike"] * 50, "right": [True] * 48 + [False] * 2})
    [row] = benchmark.compared(slides).to_dict("records")
    assert (row["right"], row["holds"]) == (0.96, False)


@pytest.mark.proof
def test_different_cores_of_full_size_are_not_taken_for_levels() -> None:
    result = benchmark.compared(benchmark.different_findings(None))
    assert result["holds"].all(), result.to_string()


@pytest.mark.proof
@pytest.mark.xfail(
    reason="what could be chance is not taken for levels: 91 % of 98 wanted are recognised",
    strict=True,
)
def test_full_size_sections_are_recognised_as_claimed() -> None:
    result = benchmark.compared(benchmark.alike_findings(None))
    assert result["holds"].all(), result.to_string()
