"""Hashes of pictures: equal for equal pixels, near for what a picture went through, far else."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.stats import norm

from radiofib.cohort.copies import (
    SAME_BITS,
    SWEEP_BITS,
    TURNED_BITS,
    Picture,
    cut_pairs,
    group_pictures,
    near_hashes,
    turned_hashes,
)
from radiofib.images import load_roi
from radiofib.images.perceptual import hash_picture, perceptual_hash
from radiofib.simulate.frames import ALTERATIONS, FRAME_MACHINES, alter, simulate_frame

CLAIMS = pd.read_csv(Path(__file__).parents[1] / "reference" / "perceptual_hash.csv").set_index(
    "what"
)


def bits(one: str, two: str) -> int:
    return (int(one, 16) ^ int(two, 16)).bit_count()


def test_pixels_count_and_not_the_file(tmp_path: Path) -> None:
    frame = simulate_frame(FRAME_MACHINES[0], seed=3, number=0)
    Image.fromarray(frame).save(tmp_path / "a.png")
    Image.fromarray(np.stack([frame] * 3, -1)).save(tmp_path / "b.jpg", "BMP")
    one, two = (load_roi(tmp_path / n, channel="us").pixels for n in ("a.png", "b.jpg"))
    assert hash_picture(one) == hash_picture(two) == hash_picture(frame)
    frame[100, 100] += 1
    assert hash_picture(frame).pixels != hash_picture(one).pixels
    assert bits(hash_picture(frame).look, hash_picture(one).look) < 5


@pytest.mark.parametrize("shape", [(10, 100), (23, 23)])
def test_what_shows_too_little_has_no_look(shape: tuple[int, int]) -> None:
    assert perceptual_hash(np.random.default_rng(0).normal(size=shape)) == ""
    assert perceptual_hash(np.full((80, 80), 5)) == ""


def test_a_few_alterations_of_a_few_frames() -> None:
    rng = np.random.default_rng(1)
    for machine in FRAME_MACHINES:
        frames = [simulate_frame(machine, seed=2, number=k) for k in range(3)]
        looks = [perceptual_hash(f) for f in frames]
        assert min(bits(a, b) for a, b in pairwise(looks)) > SWEEP_BITS
        for how in ALTERATIONS[:5]:
            assert bits(perceptual_hash(alter(frames[0], how, rng)), looks[0]) <= SAME_BITS, how


#: Mirrored, and turned by quarters: all that leaves a picture upright or on a side.
TURNS = (
    np.fliplr,
    np.flipud,
    np.rot90,
    lambda a: np.rot90(a, 2),
    lambda a: np.rot90(a, 3),
    lambda a: a.T,
    lambda a: np.rot90(a, 2).T,
)


@pytest.mark.parametrize("turn", TURNS)
def test_a_turned_picture_is_found_and_no_other(turn: Callable[[np.ndarray], np.ndarray]) -> None:
    frames = [simulate_frame(m, seed=2, number=k) for m in FRAME_MACHINES for k in range(2)]
    looks = [perceptual_hash(f) for f in (*frames, turn(frames[1]))]
    assert not list(near_hashes(looks, SAME_BITS))
    [(i, j, _)] = turned_hashes(looks, TURNED_BITS)
    assert (i.tolist(), j.tolist()) == ([1], [len(frames)])


@pytest.mark.slow
def test_claims_of_turned_pictures_stated_beforehand() -> None:
    seed = int(CLAIMS["seed"].iloc[0])
    found: dict[str, list[bool]] = {"turned": [], "turned_jpeg": []}
    pairs, chance = 0, 0.0
    for machine in FRAME_MACHINES:
        rng = np.random.default_rng([seed, 1])
        frames = [simulate_frame(machine, seed=seed, number=k) for k in range(200)]
        looks = [perceptual_hash(f) for f in frames]
        pairs += sum(len(i) for i, _, _ in turned_hashes(looks, TURNED_BITS))
        distances = np.concatenate([d for _, _, d in turned_hashes(looks, 256)])
        assert len(distances) == len(TURNS) * 200 * 199 / 2
        chance = max(
            chance, float(norm.cdf((TURNED_BITS + 0.5 - distances.mean()) / distances.std()))
        )
        for number in range(60):
            turned = TURNS[rng.integers(len(TURNS))](frames[number])
            for name, copy in (("turned", turned), ("turned_jpeg", alter(turned, "jpeg", rng))):
                near = turned_hashes([looks[number], perceptual_hash(copy)], TURNED_BITS)
                found[name].append(any(len(i) for i, _, _ in near))
    shares = {how: float(np.mean(hits)) for how, hits in found.items()}
    print(shares, pairs, chance)  # noqa: T201 - pytest shows it when asked
    for how, share in shares.items():
        assert share >= CLAIMS.loc[how, "least"], (how, share)
    assert pairs <= CLAIMS.loc["false_turned_pairs", "most"]
    assert chance <= CLAIMS.loc["false_turned_probability", "most"]


SHARES = (0.03, 0.05, 0.1)


def cut(frame: np.ndarray, side: int, share: float) -> np.ndarray:
    """Take a share off the top, bottom, left or right."""
    lost = round(share * frame.shape[side // 2])
    rows, columns = frame.shape
    return (frame[lost:], frame[: rows - lost], frame[:, lost:], frame[:, : columns - lost])[side]


def rescaled(part: np.ndarray, like: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(part).resize(like.shape[::-1], Image.Resampling.BICUBIC))


@pytest.mark.parametrize("side", range(4))
def test_a_frame_that_lost_a_part_of_a_side_is_found_and_no_other(side: int) -> None:
    frames = [simulate_frame(m, seed=2, number=k) for m in FRAME_MACHINES for k in range(2)]
    part = cut(frames[1], side, 0.05)
    for copy in (part, rescaled(part, frames[1])):
        pictures = [
            Picture(str(k), str(k), "", str(k), *hash_picture(f)[:2], cuts=hash_picture(f).cuts)
            for k, f in enumerate((*frames, copy))
        ]
        for order in (pictures, pictures[::-1]):
            [one] = group_pictures(order).copies
            assert {order[one.picture].case, order[one.of].case} == {"1", str(len(frames))}
            assert one.kind == "same picture"


def nearest_cut(look: str, cuts: tuple[str, ...]) -> int:
    return min(bits(look, one) for one in cuts)


@pytest.mark.slow
def test_claims_of_cut_pictures_stated_beforehand() -> None:
    seed, count = (int(CLAIMS.loc["cut3", name]) for name in ("seed", "frames_per_machine"))
    found: dict[str, list[bool]] = {f"cut{100 * share:.0f}": [] for share in SHARES}
    known: list[tuple[str, tuple[str, ...]]] = []
    sweep = 0
    for machine in FRAME_MACHINES:
        for number in range(count):
            frame = simulate_frame(machine, seed=seed, number=number)
            own = hash_picture(frame)
            known.append((own.look, own.cuts))
            for (name, hits), share in zip(found.items(), SHARES, strict=True):
                part = cut(frame, number % 4, share)
                for copy in (part, rescaled(part, frame)):
                    look = perceptual_hash(copy)
                    near = min(bits(look, own.look), nearest_cut(look, own.cuts))
                    hits.append(near <= SAME_BITS)
                assert name == f"cut{100 * share:.0f}"
            moved = perceptual_hash(
                simulate_frame(machine, seed=seed, number=number, sweep=0.3 + 0.35 * (number % 3))
            )
            alone = bits(moved, own.look) > SAME_BITS
            sweep += alone and nearest_cut(moved, own.cuts) <= SAME_BITS
    looks = [look for look, _ in known]
    cuts = [(k, one) for k, (_, own) in enumerate(known) for one in own]
    least = np.full((len(known), len(known)), 257)
    for i, j, distance in cut_pairs(looks, [one for _, one in cuts], 256):
        np.minimum.at(least, (i, np.array([k for k, _ in cuts])[j]), distance)
    distances = least[~np.eye(len(known), dtype=bool)]
    chance = float(norm.cdf((SAME_BITS + 0.5 - distances.mean()) / distances.std()))
    shares = {how: float(np.mean(hits)) for how, hits in found.items()}
    pairs = int((distances <= SAME_BITS).sum())
    told = (shares, pairs, len(distances), int(distances.min()), chance, sweep)
    print(told)  # noqa: T201 - pytest shows it when asked
    for how, share in shares.items():
        assert share >= CLAIMS.loc[how, "least"], (how, share)
    assert pairs <= CLAIMS.loc["false_cut_pairs", "most"]
    assert chance <= CLAIMS.loc["false_cut_probability", "most"]
    assert sweep <= CLAIMS.loc["sweep_cut", "most"]


@pytest.mark.slow
def test_claims_stated_beforehand() -> None:
    seed = int(CLAIMS["seed"].iloc[0])
    found: dict[str, list[bool]] = {how: [] for how in (*ALTERATIONS, "sweep")}
    pairs, chance = 0, 0.0
    for machine in FRAME_MACHINES:
        rng = np.random.default_rng(seed)
        frames = [simulate_frame(machine, seed=seed, number=k) for k in range(200)]
        looks = [perceptual_hash(f) for f in frames]
        near = list(near_hashes(looks, SAME_BITS))
        pairs += sum(len(i) for i, _, _ in near)
        distances = np.concatenate([d for _, _, d in near_hashes(looks, 256)])
        assert len(distances) == 200 * 199 / 2
        chance = max(
            chance, float(norm.cdf((SAME_BITS + 0.5 - distances.mean()) / distances.std()))
        )
        for number in range(60):
            for how in ALTERATIONS:
                changed = perceptual_hash(alter(frames[number], how, rng))
                found[how].append(bits(changed, looks[number]) <= SAME_BITS)
            moved = simulate_frame(machine, seed=seed, number=number, sweep=0.3)
            found["sweep"].append(bits(perceptual_hash(moved), looks[number]) <= SWEEP_BITS)
    shares = {how: float(np.mean(hits)) for how, hits in found.items()}
    print(shares, pairs, chance)  # noqa: T201 - pytest shows it when asked
    for how, share in shares.items():
        if not np.isnan(CLAIMS.loc[how, "least"]):
            assert share >= CLAIMS.loc[how, "least"], (how, share)
    assert pairs <= CLAIMS.loc["false_pairs", "most"]
    assert chance <= CLAIMS.loc["false_probability", "most"]
