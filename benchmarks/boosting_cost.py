"""What one binning for all questions saves, and what the focal loss and exact slopes cost.

Usage: python benchmarks/boosting_cost.py [--small] [--runs 5] [--columns 300 3000] [--out FOLDER]

Each pair is timed in turn in one process on one thread, the best of the runs counts, and both
must give the same model: the boosters of one binning equal those of separate ones byte for byte,
the focal loss without focus equals softmax boosting within 1e-5, and exact slopes equal those of
the loose stopping rule within 1e-3. On a busy machine the processor's seconds tell more than the
wall's.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xgboost
from threadpoolctl import threadpool_limits

from radiofib.provenance import environment
from radiofib.staging._boosted import tree_settings
from radiofib.staging.boosting import FocalXGBoostStager, OrdinalXGBoostStager
from radiofib.stats.regression import elastic_net, largest_penalty

RESULTS = Path(__file__).parent / "results"
STAGES = 4


def make_table(rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw features of which five tell an ordered stage, with 3 % missing."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(rows, columns))
    codes = np.digitize(X[:, :5].sum(axis=1) + rng.logistic(size=rows), [-2.0, 0.0, 2.0])
    X[rng.random(X.shape) < 0.03] = np.nan
    return X, codes


def in_turn(runs: int, works: dict[str, Callable[[], Any]]) -> tuple[dict[str, float], list[Any]]:
    """Return the fewest processor seconds of each work, and what each gave."""
    times: dict[str, list[float]] = {name: [] for name in works}
    found: list[Any] = []
    for _ in range(runs):
        found = []
        for name, work in works.items():
            start = time.process_time()
            found.append(work())
            times[name].append(time.process_time() - start)
    return {name: min(each) for name, each in times.items()}, found


def separate(stager: OrdinalXGBoostStager, X: np.ndarray, codes: np.ndarray) -> list[bytes]:
    """Fit each question from a matrix of its own, which XGBoost bins again."""
    settings = tree_settings(stager) | {"objective": "binary:logistic"}
    boosters = [
        xgboost.train(
            settings,
            xgboost.DMatrix(X, label=codes > k, nthread=1),
            num_boost_round=stager.n_estimators,
        )
        for k in range(STAGES - 1)
    ]
    return [bytes(booster.save_raw("ubj")) for booster in boosters]


def shared(stager: OrdinalXGBoostStager, X: np.ndarray, codes: np.ndarray) -> list[bytes]:
    """Fit all questions from one matrix."""
    stager.fit(X, codes)
    return [bytes(booster.save_raw("ubj")) for booster in stager.boosters_]


def plain(stager: FocalXGBoostStager, X: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Boost with XGBoost's own softmax objective from the same start."""
    counts = np.bincount(codes, minlength=STAGES)
    start = np.log(counts / counts.sum())
    margin = np.tile(start - start.mean(), (len(X), 1))
    rows = xgboost.DMatrix(X, label=codes, base_margin=margin, nthread=1)
    settings = tree_settings(stager) | {"objective": "multi:softprob", "num_class": STAGES}
    return xgboost.train(settings, rows, num_boost_round=stager.n_estimators).predict(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="a small table, to see that it runs")
    parser.add_argument("--runs", type=int, default=5, help="the best of so many runs counts")
    parser.add_argument("--columns", type=int, nargs="+", default=[300, 3000])
    parser.add_argument("--out", type=Path, default=RESULTS)
    asked = parser.parse_args()
    sizes = [(60, 20)] if asked.small else [(360, columns) for columns in asked.columns]
    rounds = 20 if asked.small else 200
    table = []
    for rows, columns in sizes:
        X, codes = make_table(rows, columns)
        filled = np.nan_to_num(X)
        filled = (filled - filled.mean(axis=0)) / filled.std(axis=0)
        ordinal = OrdinalXGBoostStager(rounds)
        focal = FocalXGBoostStager(rounds, gamma=0.0, beta=None).fit(X, codes)
        penalty = 0.2 * largest_penalty(filled, codes, STAGES)

        def slopes(exact: bool, *, at: Any = (filled, codes, penalty)) -> np.ndarray:
            with threadpool_limits(limits=1):
                return elastic_net(at[0], at[1], STAGES, at[2], exact=exact)[1]

        pairs: dict[str, tuple[dict[str, Callable[[], Any]], float]] = {
            "ordinal boosting": (
                {
                    "separate binning": lambda X=X, y=codes, s=ordinal: separate(s, X, y),
                    "one binning": lambda X=X, y=codes, s=ordinal: shared(s, X, y),
                },
                0.0,
            ),
            "softmax boosting": (
                {
                    "own objective of XGBoost": lambda X=X, y=codes, s=focal: plain(s, X, y),
                    "focal loss, no focus": lambda X=X, y=codes, s=focal: s.fit(X, y).predict_proba(
                        X
                    ),
                },
                1e-5,
            ),
            "elastic net": (
                {
                    "loose": lambda f=slopes: f(False),
                    "exact": lambda f=slopes: f(True),
                },
                1e-3,
            ),
        }
        for what, (works, tolerance) in pairs.items():
            seconds, (first, second) = in_turn(asked.runs, works)
            if tolerance:
                apart = float(np.abs(first - second).max())
                assert apart <= tolerance, f"{what}: {apart:g} apart"
            else:
                assert first == second, f"{what}: not the same boosters"
            (name, before), (other, after) = seconds.items()
            table.append(
                {
                    "what": what,
                    "rows": rows,
                    "columns": columns,
                    "first": name,
                    "first_s": round(before, 4),
                    "second": other,
                    "second_s": round(after, 4),
                    "change_percent": round(100 * (after / before - 1), 1),
                }
            )
            print(f"{rows} x {columns}, {what}: {name} {before:.3f} s, {other} {after:.3f} s")
    found = pd.DataFrame(table)
    for name, version in environment(("numpy", "scikit-learn", "xgboost")).items():
        found[name] = version
    asked.out.mkdir(parents=True, exist_ok=True)
    found.to_csv(asked.out / "boosting_cost.csv", index=False, lineterminator="\n")


if __name__ == "__main__":
    main()
