"""What our stagers cost over the bare learners, and what one binning for all folds would save.

Usage: python benchmarks/overhead.py [--small] [--runs 5] [--rows 360] [--columns 3000]
       [--out FOLDER]

A learner alone and the stager around it fit four fifths of the rows and predict the others, in
turn in one process on one thread, as often as asked, short ones until they took ten seconds
together; predictions must be equal first. "Bare" is what does the work: scikit-learn's forest on
the table as it is, its logistic regression on standardised columns, ``xgboost.train`` on a
DMatrix; where values are missing, scikit-learn's median imputation goes before the first two. The
table is handed over as a DataFrame, or as an array. Overhead is the median over the runs of the
stager's processor seconds over those of the bare learner, less one; at most 5 % is allowed.

Binning: XGBoost's histogram of the training rows of each fold and target by itself, against one
made for all targets of a fold (same rows, other labels), and against one made for all folds
(training rows have weight one, test rows zero). ``same`` says whether the boosters are equal byte
for byte; where they are not, how far their probabilities on the test rows are apart.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
import xgboost
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_random_state
from threadpoolctl import threadpool_limits

from radiofib.evaluation import patient_folds
from radiofib.provenance import environment
from radiofib.staging import (
    BaseStager,
    ChainStager,
    LogisticStager,
    RandomForestStager,
    XGBoostStager,
)

RESULTS = Path(__file__).parent / "results"
ALLOWED = 0.05
#: Short fits are repeated until they took so many seconds together.
ENOUGH = 10.0
CHANNELS = ("t1", "t2", "dwi", "ged1", "ged2", "ged3", "ged4")


def make_table(rows: int, columns: int, missing: bool) -> tuple[pd.DataFrame, np.ndarray]:
    """Draw correlated features of seven channels; with `missing`, channels that some lack."""
    rng = np.random.default_rng(0)
    level = np.arange(rows) % 4
    groups = rng.normal(size=(rows, max(2, columns // 50)))
    of = rng.integers(0, groups.shape[1], columns)
    X = 0.7 * groups[:, of] + 0.7 * rng.normal(size=(rows, columns))
    X[:, : columns // 50] += 0.4 * level[:, None]
    names = [f"{CHANNELS[i % 7]}_original_glcm_f{i:04d}" for i in range(columns)]
    frame = pd.DataFrame(X, columns=names)
    if missing:
        for channel in CHANNELS:
            frame.loc[
                rng.random(rows) < 0.05, [c for c in names if c.startswith(f"{channel}_")]
            ] = np.nan
    return frame, np.array(["s1", "s2", "s3", "s4"])[level]


def bare_xgboost(stager: XGBoostStager, X: Any, y: np.ndarray, unseen: Any) -> np.ndarray:
    """Train with the settings of the stager, by XGBoost's own functions."""
    stages, codes = np.unique(y, return_inverse=True)
    settings = {
        "objective": "multi:softprob",
        "num_class": len(stages),
        "tree_method": "hist",
        "nthread": 1,
        "verbosity": 0,
        "seed": int(check_random_state(stager.random_state).randint(2**31 - 1)),
        "eta": stager.learning_rate,
        "max_depth": stager.max_depth,
        "min_child_weight": stager.min_child_weight,
        "subsample": stager.subsample,
        "colsample_bytree": stager.colsample_bytree,
        "lambda": stager.reg_lambda,
        "max_bin": stager.max_bin,
    }
    rows = xgboost.DMatrix(np.asarray(X), label=codes, nthread=1)
    booster = xgboost.train(settings, rows, num_boost_round=stager.n_estimators)
    found: np.ndarray = booster.predict(xgboost.DMatrix(np.asarray(unseen), nthread=1))
    return found


def bare_sklearn(learner: Any, missing: bool, X: Any, y: np.ndarray, unseen: Any) -> np.ndarray:
    """Fit and predict by scikit-learn's own pipeline."""
    first = [SimpleImputer(strategy="median")] if missing else []
    found: np.ndarray = make_pipeline(*first, *learner).fit(X, y).predict_proba(unseen)
    return found


def pairs(small: bool, missing: bool) -> dict[str, tuple[BaseStager, Callable[..., np.ndarray]]]:
    """Return each stager, and the learner by itself."""
    trees, rounds = (20, 5) if small else (500, 200)
    forest = RandomForestClassifier(trees, random_state=0, n_jobs=1)
    regression = LogisticRegression(C=0.01, max_iter=5000, tol=1e-6)
    boosted = XGBoostStager(rounds)

    def forests(*table: Any) -> np.ndarray:
        return bare_sklearn([forest], missing, *table)

    def regressions(*table: Any) -> np.ndarray:
        return bare_sklearn([StandardScaler(), regression], missing, *table)

    def boosting(*table: Any) -> np.ndarray:
        return bare_xgboost(boosted, *table)

    return {
        "random_forest": (RandomForestStager(trees), forests),
        "logistic": (LogisticStager(), regressions),
        "xgboost": (boosted, boosting),
        "chain of logistic": (ChainStager(LogisticStager()), regressions),
    }


def fit_predict(stager: BaseStager, X: Any, y: np.ndarray, unseen: Any) -> np.ndarray:
    """Fit a stager and predict."""
    found: np.ndarray = stager.fit(X, y).predict_proba(unseen)
    return found


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    start = time.process_time()
    found = work()
    return time.process_time() - start, found


def overheads(rows: int, columns: int, runs: int, small: bool) -> pd.DataFrame:
    """Return one row for each learner, table and form."""
    found = []
    for missing in (False, True):
        X, y = make_table(rows, columns, missing)
        cut = rows * 4 // 5
        forms = {"frame": (X.iloc[:cut], X.iloc[cut:])}
        forms["array"] = (X.iloc[:cut].to_numpy(), X.iloc[cut:].to_numpy())
        for name, (stager, bare) in pairs(small, missing).items():
            for form, (train, unseen) in forms.items():
                ours = partial(fit_predict, stager, train, y[:cut], unseen)
                theirs = partial(bare, train, y[:cut], unseen)
                apart = float(np.abs(ours() - theirs()).max())
                if apart > 1e-6:
                    raise SystemExit(f"{name}: predictions differ by {apart:g}")
                times: list[tuple[float, float]] = []
                while len(times) < runs or (not small and np.sum(times) < ENOUGH):
                    times.append((timed(theirs)[0], timed(ours)[0]))
                least = np.min(times, axis=0)
                extra = float(np.median([b / a for a, b in times])) - 1
                found.append(
                    {
                        "learner": name,
                        "missing": missing,
                        "form": form,
                        "bare_s": round(float(least[0]), 4),
                        "ours_s": round(float(least[1]), 4),
                        "overhead": round(extra, 4),
                        "allowed": ALLOWED,
                        "largest_difference": apart,
                    }
                )
    return pd.DataFrame(found)


def binnings(rows: int, columns: int, runs: int, small: bool) -> pd.DataFrame:
    """Return the seconds of one binning for each model, for all targets, and for all folds."""
    frame, y = make_table(rows, columns, True)
    X = frame.to_numpy()
    folds = patient_folds([str(i) for i in range(rows)], y.tolist(), folds=5)
    targets = [y == "s4", y == "s1"]
    rounds = 5 if small else 100
    settings = {"objective": "binary:logistic", "tree_method": "hist", "nthread": 1, "seed": 1}
    settings |= {"max_depth": 3, "eta": 0.05, "max_bin": 64, "verbosity": 0}
    settings |= {"subsample": 0.8, "colsample_bytree": 0.5}
    unseen = [xgboost.DMatrix(X[f.test], nthread=1) for f in folds]

    def each() -> list[xgboost.Booster]:
        made = []
        for fold in folds:
            for label in targets:
                data = xgboost.DMatrix(X[fold.train], label=label[fold.train], nthread=1)
                made.append(xgboost.train(settings, data, rounds))
        return made

    def by_fold() -> list[xgboost.Booster]:
        made = []
        for fold in folds:
            data = xgboost.DMatrix(X[fold.train], nthread=1)
            for label in targets:
                data.set_label(label[fold.train])
                made.append(xgboost.train(settings, data, rounds))
        return made

    def once() -> list[xgboost.Booster]:
        made = []
        data = xgboost.QuantileDMatrix(X, label=np.zeros(rows), max_bin=64, nthread=1)
        for fold in folds:
            weight = np.zeros(rows)
            weight[fold.train] = 1.0
            data.set_weight(weight)
            for label in targets:
                data.set_label(label)
                made.append(xgboost.train(settings, data, rounds))
        return made

    ways = {"each model": each, "all targets of a fold": by_fold, "all folds and targets": once}
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    models: dict[str, list[xgboost.Booster]] = {}
    for _ in range(runs):
        for name, way in ways.items():
            took, models[name] = timed(way)
            seconds[name].append(took)
    found = []
    for name, made in models.items():
        both = list(zip(models["each model"], made, strict=True))
        same = all(a.save_raw("ubj") == b.save_raw("ubj") for a, b in both)
        apart = max(
            float(np.abs(a.predict(unseen[k // 2]) - b.predict(unseen[k // 2])).max())
            for k, (a, b) in enumerate(both)
        )
        least = min(seconds[name])
        saved = 1 - least / min(seconds["each model"])
        found.append(
            {
                "binning": name,
                "seconds": round(least, 4),
                "saved": round(saved, 4),
                "same": same,
                "largest_difference": round(apart, 6),
            }
        )
    return pd.DataFrame(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="a small table, one run")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--rows", type=int, default=360)
    parser.add_argument("--columns", type=int, default=3000)
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args()
    if given.small:
        given.rows, given.columns, given.runs = 80, 60, 1
    with threadpool_limits(limits=1):
        table = overheads(given.rows, given.columns, given.runs, given.small)
        binning = binnings(given.rows, given.columns, min(given.runs, 3), given.small)
    print(table.drop(columns="allowed").to_string(index=False))
    print(binning.to_string(index=False))
    whole = pd.concat([table, binning], ignore_index=True).assign(
        rows=given.rows, columns=given.columns
    )
    for name, version in environment(("numpy", "pandas", "scikit-learn", "xgboost")).items():
        whole[name] = version
    given.out.mkdir(parents=True, exist_ok=True)
    whole.to_csv(given.out / "overhead.csv", index=False, lineterminator="\n")


if __name__ == "__main__":
    main()
