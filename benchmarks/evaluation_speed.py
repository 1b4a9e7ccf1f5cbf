"""How long an evaluation takes: all measures with 2,000 resamples of patients, and large tables.

Usage: python benchmarks/evaluation_speed.py [--small] [--rows 1000000] [--out FOLDER]

Before anything is timed, the values under 20 rows of resampling weights are computed again one
by one with scikit-learn's weighted measures and must be equal within 1e-12, and the paired test
must equal a loop over all pairs. Everything runs in one process; linear algebra may use all
cores of the machine. On a busy machine the seconds of the processor tell more than the wall's.
"""

from __future__ import annotations

import argparse
import os
import resource
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn import metrics as theirs

from radiofib import stats
from radiofib.evaluation import evaluate
from radiofib.evaluation.areas import Part, area_values
from radiofib.evaluation.intervals import Resampling, draw
from radiofib.evaluation.units import row_unit
from radiofib.provenance import environment

LEVELS = ("s1", "s2", "s3", "s4")
RESULTS = Path(__file__).parent / "results"


def make_predictions(cases: int, folds: int, levels: tuple[str, ...] = LEVELS) -> pd.DataFrame:
    """Draw predictions of a moderately good model."""
    rng = np.random.default_rng(0)
    codes = rng.integers(0, len(levels), cases)
    logits = rng.normal(size=(cases, len(levels)))
    logits[np.arange(cases), codes] += 1.0
    proba = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    frame = pd.DataFrame(proba, columns=[f"p_{level}" for level in levels])
    frame.insert(0, "y_true", np.array(levels)[codes])
    frame.insert(0, "case", np.arange(cases).astype(str))
    fold = (np.arange(cases) % folds).astype(str)
    return frame.assign(patient=frame["case"], setting="given", model="m", fold=fold)


def check_against_loops(cases: int) -> None:
    """Compare resampled measures with scikit-learn, and DeLong's test with a loop over pairs."""
    frame = make_predictions(cases, 1)
    unit = row_unit(frame, LEVELS)
    draws = draw(unit, unit.codes, Resampling(20, 0))
    y, p = unit.codes == 3, unit.proba[:, 3]
    areas = area_values(unit, [Part(np.arange(cases), y, p)], draws)
    columns = np.column_stack([np.ones(cases), (y - p) ** 2])
    sums = draws.totals(columns)
    decided = unit.proba.argmax(axis=1)
    cells = (unit.codes * 4 + decided)[:, None] == np.arange(16)
    kappa = stats.weighted_kappa(draws.totals(cells.astype(float)).reshape(-1, 4, 4))
    for place in range(21):
        weight = draws.weights[place, draws.members]
        expected = (
            theirs.roc_auc_score(y, p, sample_weight=weight),
            theirs.brier_score_loss(y, p, sample_weight=weight),
            theirs.cohen_kappa_score(
                unit.codes, decided, weights="quadratic", sample_weight=weight
            ),
        )
        found = areas[place], sums[place, 1] / sums[place, 0], kappa[place]
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
    other = np.random.default_rng(1).normal(size=cases) + y
    test = stats.delong_paired(y, p, other)
    parts = []
    for score in (p, other):
        wins = (score[y][:, None] > score[~y]) + 0.5 * (score[y][:, None] == score[~y])
        parts.append((wins.mean(axis=1), wins.mean(axis=0)))
    (a10, a01), (b10, b01) = parts
    variance = np.var(a10 - b10, ddof=1) / y.sum() + np.var(a01 - b01, ddof=1) / (~y).sum()
    z = (a10.mean() - b10.mean()) / np.sqrt(variance)
    np.testing.assert_allclose(test.z, z, rtol=1e-9)
    print(f"equal to plain loops on {cases} cases")


def best_of(runs: int, work: Callable[[], object]) -> tuple[float, float]:
    """Return the shortest of several times in seconds, by the wall and of the processor."""
    times = []
    for _ in range(runs):
        start = time.perf_counter(), time.process_time()
        work()
        times.append((time.perf_counter() - start[0], time.process_time() - start[1]))
    return min(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="few cases, to see that it runs")
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the large table")
    parser.add_argument("--runs", type=int, default=3, help="the best of so many runs counts")
    parser.add_argument("--out", type=Path, default=RESULTS)
    asked = parser.parse_args()
    cases, boots, rows, pairs = (610, 2000, asked.rows, 1_000_000)
    runs = asked.runs
    if asked.small:
        cases, boots, rows, pairs, runs = 80, 100, 2000, 20_000, 1
    check_against_loops(min(cases, 200))
    table = []

    def add(what: str, limit: float | None, took: tuple[float, float], note: str = "") -> None:
        wall, used = (round(t, 2) for t in took)
        row = {"what": what, "seconds": wall, "processor_s": used, "limit_s": limit, "note": note}
        table.append(row)
        bound = f" (limit {limit:g} s)" if limit else ""
        print(f"{what}: {wall} s, {used} s of the processor{bound}", flush=True)

    for folds in (1, 5):
        frame = make_predictions(cases, folds)
        seconds = best_of(runs, lambda f=frame: evaluate(f, levels=LEVELS, n_boot=boots))
        method = "BCa" if folds == 1 else "BCa, AUCs averaged over folds: percentile"
        add(f"all measures, {cases} cases, 4 stages, {folds} fold(s), {boots} resamples", 20.0,
            seconds, method)  # fmt: skip
    several = make_predictions(cases, 1)
    several["patient"] = "p" + several["case"].str[:-1]
    seconds = best_of(runs, lambda: evaluate(several, levels=LEVELS, n_boot=boots))
    add(f"the same, about ten rows for each patient, {boots} resamples", 20.0, seconds,
        "by row and by patient")  # fmt: skip
    rng = np.random.default_rng(0)
    y = rng.random(pairs) < 0.3
    first, second = rng.normal(size=pairs) + y, rng.normal(size=pairs) + 0.9 * y
    seconds = best_of(runs, lambda: stats.delong_paired(y, first, second))
    add(f"paired DeLong, {pairs} cases", 2.0, seconds)
    large = make_predictions(rows, 1, ("f0", "f1"))
    seconds = best_of(1, lambda: evaluate(large, levels=("f0", "f1"), n_boot=boots))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    add(f"all measures, {rows} cases, binary, {boots} resamples of blocks", None, seconds,
        f"peak memory {peak:.1f} GiB; AUC by DeLong")  # fmt: skip
    found = pd.DataFrame(table).assign(cores=os.cpu_count())
    for name, version in environment(("numpy", "scipy", "pandas")).items():
        found[name] = version
    asked.out.mkdir(parents=True, exist_ok=True)
    found.to_csv(asked.out / "evaluation_speed.csv", index=False, lineterminator="\n")


if __name__ == "__main__":
    main()
