"""Minutes of ``radiofib ablate`` over a named grid of 64 combinations, and what sharing saves.

Usage: python benchmarks/ablation.py [--small] [--grid imbalance] [--rows 360] [--columns 3000]
       [--workers 2] [--subset 8] [--out FOLDER]

Grids of 64 combinations x 5 folds; in both a quarter are XGBoost, and all select 300 features:

- ``lifs64``: sequence set (non-contrast, all seven) x harmonisation (none, ComBat) x missing
  channels (native or median, regressed) x scanner flag (no, yes) x learner (logistic, random
  forest, XGBoost, proportional odds);
- ``imbalance64``: the same with class weights, which are corrected by five inner folds, in place
  of the scanner flag.

First, on a subset of the combinations and one fold, predictions with shared steps must equal
those of every stager by itself, and both are timed. Then the command's own function runs the whole
grid into an empty folder, and again to show what a restart costs.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd

from radiofib.parallel import effective_workers, one_thread
from radiofib.provenance import environment
from radiofib.staging.memo import remembered_steps
from radiofib.study.ablate import Run, ablate_study, ablation_runs
from radiofib.study.ablate_shared import grow, step_key
from radiofib.study.ablate_tables import make_benches, make_splits, view_columns
from radiofib.study.config import StudyConfig
from radiofib.table import FeatureTable

RESULTS = Path(__file__).parent / "results"
CHANNELS = ("t1", "t2", "dwi", "ged1", "ged2", "ged3", "ged4")
#: At most so many minutes on two cores.
ALLOWED_MINUTES = 15.0

_COMMON: dict[str, Any] = {
    "sequence": {
        "non-contrast": {"channels": list(CHANNELS[:3])},
        "all": {"channels": list(CHANNELS)},
    },
    "harmonise": {
        "none": {},
        "combat": {"harmonise": {"name": "combat", "params": {"unseen": "pass"}}},
    },
    "missing": {"as it is": {}, "regressed": {"missing": "regress"}},
}
_LEARNERS: dict[str, Any] = {
    "logistic": {"name": "logistic"},
    "random forest": {"name": "random_forest"},
    "boosted trees": {"name": "xgboost"},
    "proportional odds": {"name": "proportional_odds", "params": {"ridge": 300.0}},
}
#: name of the grid -> its factors
GRIDS: dict[str, dict[str, Any]] = {
    "lifs64": {
        **_COMMON,
        "scanner_flag": {"no": {}, "yes": {"scanner_flag": True}},
        "learner": _LEARNERS,
    },
    "imbalance64": {
        **_COMMON,
        "balance": {"none": {}, "weights": {"balance": "class_weight"}},
        "learner": _LEARNERS,
    },
}


def make_table(rows: int, columns: int) -> FeatureTable:
    """Draw seven channels of correlated features at three scanners, some channels missing."""
    rng = np.random.default_rng(0)
    level = np.arange(rows) % 4
    scanner = np.arange(rows) // 4 % 3
    groups = rng.normal(size=(rows, max(2, columns // 30)))
    of = rng.integers(0, groups.shape[1], columns)
    X = 0.7 * groups[:, of] + 0.7 * rng.normal(size=(rows, columns))
    X += 0.5 * rng.normal(size=(3, columns))[scanner]
    X[:, rng.permutation(columns)[: columns // 20]] += 0.5 * level[:, None]
    names = [f"{CHANNELS[i % 7]}_original_glcm_f{i:04d}" for i in range(columns)]
    frame = pd.DataFrame(X, columns=names)
    for channel in CHANNELS[1:]:
        frame.loc[rng.random(rows) < 0.05, [c for c in names if c.startswith(f"{channel}_")]] = (
            np.nan
        )
    obs = pd.DataFrame({"case": [f"c{i:04d}" for i in range(rows)]})
    obs["patient"] = obs["case"]
    stages = ["s1", "s2", "s3", "s4"]
    obs["stage"] = pd.Categorical([stages[k] for k in level], categories=stages, ordered=True)
    obs["scanner"] = np.array(["A", "B1", "B2"])[scanner]
    return FeatureTable(frame, obs)


def make_study(grid: str, small: bool) -> StudyConfig:
    """Return the study; small: few trees, one level less of the learner."""
    factors = dict(GRIDS[grid])
    if small:
        light = {
            "random forest": {"name": "random_forest", "params": {"n_estimators": 5}},
            "boosted trees": {"name": "xgboost", "params": {"n_estimators": 3}},
        }
        factors["learner"] = {**_LEARNERS, **light}
    return StudyConfig.parse(
        {
            "title": grid,
            "stager": {
                "name": "logistic",
                "select": [
                    {"name": "near_constant"},
                    {"name": "mrmr", "params": {"n_features": 10 if small else 300}},
                ],
            },
            "ablate": {"factors": factors, "features": "f.parquet", "settings": ["cv"]},
        },
        where=grid,
    )


def both_ways(table: FeatureTable, runs: list[Run]) -> tuple[float, float]:
    """Return processor seconds of one fold with and without sharing; predictions must be equal."""
    context = tuple(dict.fromkeys(c for run in runs for c in run.branch.context_columns))
    cases, benches, _ = make_benches({"table": table}, label="stage", context=context)
    bench = benches["table"]
    split = make_splits(cases, "cv", folds=5, random_state=0)[0][0]
    train, test = (np.flatnonzero(np.isin(bench.case_of, s)) for s in (split.train, split.test))
    y = bench.stages[train].astype(str)
    seconds = {"shared": 0.0, "alone": 0.0}
    for channels in dict.fromkeys(run.channels for run in runs):
        own = [run for run in runs if run.channels == channels]
        columns = view_columns(table, channels=channels, families=(), where="benchmark")
        read = list(dict.fromkeys(c for run in own for c in run.branch.context_columns))
        X, unseen = (bench.frame(columns, read, rows) for rows in (train, test))
        start = time.process_time()
        with remembered_steps(step_key):
            found = {o.name: o for o in grow([run.branch for run in own], X, y, unseen)}
        seconds["shared"] += time.process_time() - start
        for run in own:
            needed = [*columns, *run.branch.context_columns]
            start = time.process_time()
            [alone] = grow([run.branch], X[needed], y, unseen[needed])
            seconds["alone"] += time.process_time() - start
            shared = found[run.name]
            if shared.error or alone.error:
                raise SystemExit(f"{run.label}: {shared.error or alone.error}")
            if not np.array_equal(shared.proba, alone.proba):
                raise SystemExit(f"{run.label}: predictions differ")
    return seconds["shared"], seconds["alone"]


def measure(
    grid: str, *, rows: int, columns: int, workers: int | None, subset: int, small: bool
) -> dict[str, Any]:
    """Return one row of the table."""
    table, study = make_table(rows, columns), make_study(grid, small)
    assert study.ablate is not None
    _, runs = ablation_runs(study, study.ablate, study.seed)
    # Every so many combinations, so that the subset has all levels.
    chosen = runs[:: max(1, len(runs) // subset)] if subset < len(runs) else runs
    with one_thread():
        shared, alone = both_ways(table, chosen)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        table.to_parquet(folder / "f.parquet")
        minutes = []
        for _ in range(2):
            start = time.perf_counter()
            done = ablate_study(study, root=folder, out=folder / "out", workers=workers)
            minutes.append((time.perf_counter() - start) / 60)
            if done.failures or done.n_runs != len(runs):
                raise SystemExit(f"{grid}: {done.failures[:3]}")
    return {
        "grid": grid,
        "combinations": len(runs),
        "folds": study.ablate.folds,
        "rows": rows,
        "columns": columns,
        "workers": effective_workers(workers),
        "minutes": round(minutes[0], 2),
        "allowed_minutes": ALLOWED_MINUTES,
        "restart_minutes": round(minutes[1], 2),
        "subset": len(chosen),
        "subset_shared_s": round(shared, 2),
        "subset_alone_s": round(alone, 2),
        "saved": round(1 - shared / alone, 3),
        "equal": True,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="a small table and few trees")
    parser.add_argument("--grid", nargs="+", choices=GRIDS, default=["lifs64"])
    parser.add_argument("--rows", type=int, default=360)
    parser.add_argument("--columns", type=int, default=3000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--subset", type=int, default=16, help="combinations timed both ways")
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args()
    if given.small:
        given.rows, given.columns, given.workers, given.subset = 80, 140, 1, 64
    rows = [
        measure(
            grid,
            rows=given.rows,
            columns=given.columns,
            workers=given.workers,
            subset=given.subset,
            small=given.small,
        )
        for grid in given.grid
    ]
    frame = pd.DataFrame(rows)
    print(frame.T.to_string(header=False))
    for name, version in environment(("numpy", "pandas", "scikit-learn", "xgboost")).items():
        frame[name] = version
    given.out.mkdir(parents=True, exist_ok=True)
    frame.to_csv(given.out / "ablation.csv", index=False, lineterminator="\n")


if __name__ == "__main__":
    main()
