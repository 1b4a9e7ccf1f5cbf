"""Sets, p values and cut-offs hold what they promise on exchangeable patients, and only there."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import bdtr, ndtr

from radiofib.errors import UsageError
from radiofib.stats.conformal import (
    conformal_p,
    conformal_quantile,
    coverage_spread,
    cross_conformal_sets,
    cross_guarantee,
    set_ends,
    set_members,
    smallest_calibration,
    stage_scores,
)
from radiofib.stats.safe_cutoffs import safe_cutoffs
from tests._examples import examples
from tests.evaluation import uncertainty_plan as plan

FloatArray = NDArray[np.float64]

_tables = st.integers(2, 6).flatmap(
    lambda k: st.lists(
        st.lists(st.floats(0, 1), min_size=k, max_size=k).filter(lambda r: sum(r) > 1e-3),
        min_size=1,
        max_size=8,
    )
)


def _normed(rows: list[list[float]]) -> FloatArray:
    table = np.array(rows)
    return table / table.sum(axis=1, keepdims=True)


@settings(max_examples=examples(20), deadline=None)
@given(_tables, st.floats(0, 1.1), st.sampled_from(["greedy", "tails"]))
def test_sets_are_nested_without_gaps_and_never_empty(
    rows: list[list[float]], threshold: float, score: str
) -> None:
    scores = stage_scores(_normed(rows), score)
    members = set_members(scores, threshold)
    low, high = set_ends(members)
    assert (members.sum(axis=1) == high - low + 1).all()
    assert (members.sum(axis=1) >= 1).all()
    assert (set_members(scores, threshold + 0.1) >= members).all()
    assert set_members(scores, math.inf).all()


def _lu(p: FloatArray, needed: float) -> set[int]:
    """Lu et al.'s algorithm 1, case by case: grow until the set holds at least `needed`."""
    low = high = int(np.argmax(p))
    while p[low : high + 1].sum() < needed and high - low + 1 < p.size:
        below = p[low - 1] if low else -1.0
        above = p[high + 1] if high + 1 < p.size else -1.0
        low, high = (low, high + 1) if above >= below else (low - 1, high)
    return set(range(low, high + 1))


@settings(max_examples=examples(20), deadline=None)
@given(_tables, st.floats(0.01, 0.99))
def test_greedy_sets_are_those_of_lu(rows: list[list[float]], needed: float) -> None:
    table = _normed(rows)
    scores = stage_scores(table)
    # A set grows while it holds less than `needed`: stages that found at least that stay out.
    below = np.nextafter(needed, 0)
    for p, members, own in zip(table, set_members(scores, below), scores, strict=True):
        if np.abs(own - needed).min() > 1e-9:
            assert set(np.flatnonzero(members)) == _lu(p, needed)


@settings(max_examples=examples(20), deadline=None)
@given(_tables)
def test_turning_the_stages_turns_the_sets(rows: list[list[float]]) -> None:
    table = _normed(rows)
    for score in ("tails", "greedy"):
        ties = (np.diff(np.sort(table, axis=1), axis=1) < 1e-9).any()
        if score == "tails" or not ties:
            turned = stage_scores(table[:, ::-1], score)[:, ::-1]
            assert np.allclose(stage_scores(table, score), turned)


@settings(max_examples=examples(20), deadline=None)
@given(st.lists(st.floats(-5, 5), min_size=1, max_size=60), st.floats(0.01, 0.99))
def test_threshold_is_the_smallest_with_enough_scores(scores: list[float], alpha: float) -> None:
    found = conformal_quantile(scores, alpha)
    values = np.array(scores)
    needed = (values.size + 1) * (1 - alpha) - 1e-9
    if needed > values.size:
        assert found == math.inf
        assert values.size < smallest_calibration(alpha)
    else:
        assert (values <= found).sum() >= needed
        assert (values < found).sum() < needed
        assert values.size >= smallest_calibration(alpha)
    assert conformal_quantile(scores, alpha, list(range(len(scores)))) == found


@settings(max_examples=examples(20), deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 30)), min_size=1, max_size=40),
    st.floats(0.02, 0.9),
    st.integers(2, 10),
)
def test_rows_repeated_within_patients_change_nothing(
    rows: list[tuple[int, int]], alpha: float, times: int
) -> None:
    names, scores = [p for p, _ in rows], [float(s) for _, s in rows]
    once = conformal_quantile(scores, alpha, names)
    assert conformal_quantile(scores * times, alpha, names * times) == once
    at = np.arange(-1.0, 32.0)
    assert np.allclose(
        conformal_p(scores, at, names), conformal_p(scores * times, at, names * times)
    )


@settings(max_examples=examples(20), deadline=None)
@given(st.lists(st.integers(0, 20), min_size=1, max_size=50), st.integers(0, 20))
def test_p_counts_the_reference(reference: list[int], value: int) -> None:
    (p,) = conformal_p(reference, [value])
    expected = (1 + sum(r >= value for r in reference)) / (len(reference) + 1)
    assert p == pytest.approx(expected, abs=1e-12)


def test_smallest_calibration_is_the_first_with_a_finite_threshold() -> None:
    for alpha in (0.05, 0.1, 0.15, 0.2, 0.3, 0.5):
        n = smallest_calibration(alpha)
        assert math.isfinite(conformal_quantile(np.arange(n), alpha))
        if n > 1:
            assert conformal_quantile(np.arange(n - 1), alpha) == math.inf


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: stage_scores([0.2, 0.8]), "one column for each stage"),
        (lambda: stage_scores([[0.2, 0.2]]), "do not sum to one"),
        (lambda: stage_scores([[np.nan, 1.0]]), "finite"),
        (lambda: stage_scores([[0.5, 0.5]], "greedi"), "greedy"),
        (lambda: conformal_quantile([], 0.1), "non-empty"),
        (lambda: conformal_quantile([1.0], 1.0), "between 0 and 1"),
        (lambda: conformal_quantile([1.0, 2.0], 0.1, ["a"]), "differ in length"),
        (lambda: cross_conformal_sets([0.1], [2], np.zeros((1, 2, 3)), 0.1), "each new case"),
        (lambda: safe_cutoffs([0, 1], [0, 1], sensitivity=0.9), "specificity and ppv"),
        (lambda: safe_cutoffs([0, 1], [0, 1], sensitivity=0.9, npv=0.9, ppv=0.9), "npv"),
        (lambda: safe_cutoffs([1, 1], [0, 1], sensitivity=0.9, ppv=0.9), "both classes"),
        (lambda: safe_cutoffs([0, 1], [0, 1], sensitivity=1.0, ppv=0.9), "between 0 and 1"),
    ],
)
def test_bad_input_is_named(call: Any, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        call()


def _coverages(
    judge: plan.Judge, score: str, n: int, alpha: float, seeds: int, seed: int = 0
) -> FloatArray:
    """Return the coverage of new patients for each of many calibration sets."""
    rng = np.random.default_rng([seed, n, int(100 * alpha)])
    size = n + plan.TEST_CASES
    codes, proba = judge.draw(rng, seeds * size)
    scores = stage_scores(proba, score)
    true = scores[np.arange(codes.size), codes].reshape(seeds, size)
    covered = []
    for k, own in enumerate(true):
        limit = conformal_quantile(own[:n], alpha)
        rows = slice(k * size + n, (k + 1) * size)
        members = set_members(scores[rows], limit)
        covered.append(members[np.arange(plan.TEST_CASES), codes[rows]].mean())
    return np.array(covered)


@pytest.mark.parametrize("name", list(plan.JUDGES))
@pytest.mark.parametrize("score", ["greedy", "tails", "sorted"])
def test_coverage_holds_for_any_stager(name: str, score: str) -> None:
    for n, alpha in ((9, 0.1), (40, 0.2)):
        found = _coverages(plan.JUDGES[name], score, n, alpha, plan.SEEDS // 4)
        assert found.mean() >= 1 - alpha - plan.SIGMAS * plan.standard_error(found)


@pytest.mark.slow
@pytest.mark.parametrize("name", list(plan.JUDGES))
@pytest.mark.parametrize("score", ["greedy", "tails", "sorted"])
@pytest.mark.parametrize("alpha", plan.ALPHAS)
@pytest.mark.parametrize("n", plan.CALIBRATION_SIZES)
def test_coverage_holds_over_many_seeds(name: str, score: str, alpha: float, n: int) -> None:
    found = _coverages(plan.JUDGES[name], score, n, alpha, plan.SEEDS, seed=1)
    slack = plan.SIGMAS * plan.standard_error(found)
    assert found.mean() >= 1 - alpha - slack
    if score == "tails" and plan.JUDGES[name].levels > 2:
        # Scores without ties: no more than one rank above what was asked for. A least strange
        # stage is never left out, which adds a little where thresholds are low.
        assert found.mean() <= 1 - alpha + 1 / (n + 1) + slack + 0.02


def test_true_coverage_of_one_calibration_set_spreads_as_said() -> None:
    rng = np.random.default_rng(5)
    n, alpha = 50, 0.1
    true = np.array([conformal_quantile(rng.uniform(size=n), alpha) for _ in range(2000)])
    low, high = coverage_spread(n, alpha)
    for bound, beyond in ((low, true < low), (high, true > high)):
        assert abs(beyond.mean() - 0.025) < 3 * math.sqrt(0.025 * 0.975 / 2000), bound


def _by_scanner(seeds: int) -> dict[str, FloatArray]:
    """Return coverage on the hard scanner: one threshold for both, and its own."""
    rng = np.random.default_rng(11)
    n, found = 60, {"pooled": [], "own easy": [], "own hard": []}
    for _ in range(seeds):
        parts = []
        for judge in (plan.EASY, plan.HARD):
            codes, proba = judge.draw(rng, n + plan.TEST_CASES)
            scores = stage_scores(proba)
            parts.append((codes, scores, scores[np.arange(codes.size), codes]))
        pooled = conformal_quantile(np.concatenate([true[:n] for _, _, true in parts]), 0.1)
        limits = [conformal_quantile(true[:n], 0.1) for _, _, true in parts]
        for name, place, limit in (
            ("pooled", 1, pooled),
            ("own easy", 0, limits[0]),
            ("own hard", 1, limits[1]),
        ):
            codes, scores, _ = parts[place]
            members = set_members(scores[n:], limit)
            found[name].append(members[np.arange(plan.TEST_CASES), codes[n:]].mean())
    return {name: np.array(values) for name, values in found.items()}


def test_a_threshold_of_its_own_covers_each_scanner_and_a_common_one_does_not() -> None:
    found = _by_scanner(plan.SEEDS // 4)
    for name in ("own easy", "own hard"):
        assert found[name].mean() >= 0.9 - plan.SIGMAS * plan.standard_error(found[name])
    assert found["pooled"].mean() <= 0.9 - plan.POOLED_SHORTFALL


def _by_images(seeds: int, patients: int = 60) -> tuple[FloatArray, FloatArray]:
    """Return coverage of a random image of new patients, counting patients and images."""
    rng = np.random.default_rng(12)
    right, naive = [], []

    judge = plan.Judge()
    skills = {size: j.skill for size, j in plan.JUDGE_OF_IMAGES.items()}

    def some(count: int) -> tuple[FloatArray, NDArray[np.intp], NDArray[np.intp]]:
        sizes = rng.choice(plan.IMAGES, size=count)
        codes = np.repeat(rng.choice(judge.levels, size=count, p=judge.mix()), sizes)
        skill = np.repeat([skills[int(size)] for size in sizes], sizes)
        seen = skill * codes + rng.normal(size=codes.size)
        return stage_scores(judge.probabilities(seen)), codes, np.repeat(np.arange(count), sizes)

    for _ in range(seeds):
        scores, codes, names = some(patients)
        true = scores[np.arange(codes.size), codes]
        new, truth, owner = some(plan.TEST_CASES)
        # Images of a patient are drawn alike: the first stands for any.
        picked = np.unique(owner, return_index=True)[1]
        for kept, limit in (
            (right, conformal_quantile(true, 0.1, names)),
            (naive, conformal_quantile(true, 0.1)),
        ):
            members = set_members(new[picked], limit)
            kept.append(members[np.arange(picked.size), truth[picked]].mean())
    return np.array(right), np.array(naive)


def test_images_of_one_patient_count_once() -> None:
    right, naive = _by_images(plan.SEEDS // 6)
    assert right.mean() >= 0.9 - plan.SIGMAS * plan.standard_error(right)
    assert naive.mean() <= 0.9 - plan.NAIVE_SHORTFALL


def _cross(seeds: int) -> FloatArray:
    """Return coverage of CV+ sets of a stager that learns centres and spread of one feature."""
    rng = np.random.default_rng(13)
    n, k, m = plan.CROSS["patients"], plan.CROSS["folds"], plan.CROSS["test"]
    stages, found = 4, []

    def learn(x: FloatArray, y: NDArray[np.intp]) -> tuple[FloatArray, float]:
        centres = np.array([x[y == s].mean() if (y == s).any() else 0.0 for s in range(stages)])
        return centres, float(np.std(x - centres[y])) + 0.1

    def judge(model: tuple[FloatArray, float], x: FloatArray) -> FloatArray:
        logits = -(((x[:, None] - model[0]) / model[1]) ** 2)
        weights = np.exp(logits - logits.max(axis=1, keepdims=True))
        return stage_scores(weights / weights.sum(axis=1, keepdims=True))

    for _ in range(seeds):
        y = rng.integers(stages, size=n + m)
        x = y + rng.normal(size=n + m)
        folds = rng.permutation(n) % k
        scores, new = np.zeros(n), np.zeros((m, k, stages))
        for fold in range(k):
            model = learn(x[:n][folds != fold], y[:n][folds != fold])
            own = np.flatnonzero(folds == fold)
            scores[own] = judge(model, x[own])[np.arange(own.size), y[own]]
            new[:, fold] = judge(model, x[n:])
        members = cross_conformal_sets(scores, folds, new, 0.1)
        found.append(members[np.arange(m), y[n:]].mean())
    return np.array(found)


def test_cross_conformal_sets_cover_what_the_theory_promises() -> None:
    found = _cross(plan.CROSS["seeds"])
    bound = cross_guarantee(plan.CROSS["patients"], plan.CROSS["folds"], 0.1)
    assert found.mean() >= 1 - 2 * 0.1 - plan.SIGMAS * plan.standard_error(found) > bound


@settings(max_examples=examples(20), deadline=None)
@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 12)), min_size=4, max_size=60),
    st.sampled_from([0.5, 0.8, 0.9]),
)
def test_cutoffs_reckon_with_one_more_case(rows: list[tuple[bool, int]], wanted: float) -> None:
    y, score = np.array([a for a, _ in rows]), np.array([float(s) for _, s in rows])
    if y.all() or not y.any():
        return
    rates = safe_cutoffs(y, score, sensitivity=wanted, specificity=wanted)
    out, inside = score < rates.low, score >= rates.high
    assert (out & y).sum() + 1 <= (1 - wanted) * (y.sum() + 1) + 1e-9 or not out.any()
    assert (inside & ~y).sum() + 1 <= (1 - wanted) * ((~y).sum() + 1) + 1e-9 or not inside.any()


def test_predictive_values_stop_at_the_first_cutoff_that_fails() -> None:
    # 22 negatives, a positive, 40 negatives: at c cases below, 22 without error, 38 with one.
    score = np.arange(100.0)
    y = np.zeros(100, dtype=bool)
    y[[22, 60, 61]] = True
    y[70:] = True
    found = safe_cutoffs(y, score, npv=0.9, ppv=0.9)
    low = bdtr(1.0, np.arange(1, 101), 0.1)
    assert int(np.argmax(low <= 0.1)) + 1 == 38
    # From 38 cases on, up to the last with so few errors before the first with too many.
    errors = np.array([(y & (score < c)).sum() for c in score])
    fine = bdtr(errors[38:].astype(float), np.arange(38, 100), 0.1) <= 0.1
    assert found.low == 38 + int(np.argmin(fine)) - 1
    assert (y & (score < found.low)).sum() in (1, 2, 3)
    y[[0, 1]] = True
    assert safe_cutoffs(y, score, npv=0.9, ppv=0.9).low == -math.inf


def test_turning_the_question_turns_the_cutoffs() -> None:
    rng = np.random.default_rng(2)
    y = rng.integers(2, size=80)
    score = y + rng.normal(size=80)
    one = safe_cutoffs(y, score, sensitivity=0.9, specificity=0.8)
    other = safe_cutoffs(1 - y, -score, sensitivity=0.8, specificity=0.9)
    assert one.low == pytest.approx(-other.high)
    assert one.high == pytest.approx(-other.low)


def test_too_few_cases_decide_nothing_and_say_so() -> None:
    y, score = [0] * 8 + [1] * 8, list(range(16))
    found = safe_cutoffs(y, score, sensitivity=0.9, specificity=0.9)
    assert (found.low, found.high) == (-math.inf, math.inf)
    assert "8 positive cases, 9 are needed" in found.note
    assert "8 negative cases, 9 are needed" in found.note
    values = safe_cutoffs(y, score, npv=0.95, ppv=0.95)
    assert values.note.count("no cut-off is sure to reach") == 2


def _rates(positives: int, negatives: int, skill: float, seeds: int) -> dict[str, FloatArray]:
    """Return what cut-offs reach among all cases there are; NaN where nobody is called."""
    rng = np.random.default_rng([14, positives, int(10 * skill)])
    names = ("sensitivity", "specificity", "npv", "ppv")
    found: dict[str, list[float]] = {name: [] for name in names}
    n, w = positives + negatives, plan.WANTED
    share = positives / n
    for _ in range(seeds):
        y = np.arange(n) < positives
        score = skill * y + rng.normal(size=n)
        one = safe_cutoffs(y, score, sensitivity=w, specificity=w)
        found["sensitivity"].append(1 - ndtr(one.low - skill))
        found["specificity"].append(ndtr(one.high))
        two = safe_cutoffs(y, score, npv=w, ppv=w)
        right, wrong = (1 - share) * ndtr(two.low), share * ndtr(two.low - skill)
        found["npv"].append(right / (right + wrong) if two.low > -math.inf else np.nan)
        right, wrong = share * ndtr(skill - two.high), (1 - share) * ndtr(-two.high)
        found["ppv"].append(right / (right + wrong) if two.high < math.inf else np.nan)
    return {name: np.array(values) for name, values in found.items()}


@pytest.mark.parametrize("sizes", plan.CUT_CASES)
@pytest.mark.parametrize("skill", plan.CUT_SKILLS)
def test_cutoffs_keep_what_was_wanted(sizes: tuple[int, int], skill: float) -> None:
    found = _rates(*sizes, skill, plan.CUT_SEEDS // 3)
    for name in ("sensitivity", "specificity"):
        slack = plan.SIGMAS * plan.standard_error(found[name])
        assert found[name].mean() >= plan.WANTED - slack, name
    for name in ("npv", "ppv"):
        # Where nobody is called, nobody is called wrongly.
        assert np.nan_to_num(found[name], nan=1.0).mean() >= plan.WANTED - plan.PREDICTIVE_SLACK
        too_low = (found[name] < plan.WANTED).astype(float)
        assert too_low.mean() <= 0.1 + plan.SIGMAS * math.sqrt(0.09 / too_low.size), name
