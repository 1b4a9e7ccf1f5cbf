"""Seconds of the steps that know scanners and channels, on a table of 360 rows and 3,000 columns.

Seven channels, three scanners, with and without missing blocks; the least of some runs, in
processor time of one thread. Late fusion is set against the same learners trained one after the
other by hand.

Usage: python benchmarks/scanner_steps.py [--small] [--runs N] [--out FOLDER]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from _regions import RESULTS
from threadpoolctl import threadpool_limits

from radiofib.staging.block_regression import BlockRegression
from radiofib.staging.blocks import BlockDropout, BlockFill, Blocks
from radiofib.staging.context import ContextFlags, ScannerInteraction
from radiofib.staging.embedding import ChannelEmbedding
from radiofib.staging.fusion import LateFusionStager
from radiofib.staging.harmonise import ComBatHarmoniser, ScannerScaler
from radiofib.staging.rows import Rows
from radiofib.staging.stagers import LogisticStager
from radiofib.staging.steps import Step
from radiofib.stats import combat

CHANNELS = ("t1", "t2", "dwi", "ged1", "ged2", "ged3", "ged4")


def make(rows: int, columns: int, *, missing: float) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Return features, stages and scanners; blocks are missing at a rate."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 4, rows)
    scanner = np.repeat(["A", "B", "C"], -(-rows // 3))[:rows]
    names = sorted(f"{CHANNELS[i % 7]}_original_sim_f{i // 7 + 1:03d}" for i in range(columns))
    values = rng.normal(size=(rows, columns)) + 0.2 * y[:, None] * rng.normal(size=columns)
    values += (scanner == "B")[:, None] * rng.normal(size=columns)
    X = pd.DataFrame(values, columns=names)
    blocks = Blocks.of(names)
    for place in blocks.places:
        X.iloc[np.flatnonzero(rng.random(rows) < missing), place] = np.nan
    return X, np.array(["s1", "s2", "s3", "s4"])[y], scanner


def least(runs: int, call: Callable[[], object]) -> float:
    """Return the least processor time of some calls."""
    found = []
    for _ in range(runs):
        start = time.process_time()
        call()
        found.append(time.process_time() - start)
    return min(found)


def steps() -> dict[str, Step]:
    """Return the steps by name."""
    return {
        "ComBatHarmoniser": ComBatHarmoniser("scanner"),
        "ScannerScaler zscore": ScannerScaler("scanner"),
        "ScannerScaler median": ScannerScaler("scanner", kind="median"),
        "ContextFlags": ContextFlags(("scanner",)),
        "ScannerInteraction": ScannerInteraction("scanner"),
        "BlockFill median": BlockFill("median"),
        "BlockFill indicator": BlockFill("indicator"),
        "BlockRegression": BlockRegression(),
        "ChannelEmbedding pca": ChannelEmbedding(),
        "ChannelEmbedding pls": ChannelEmbedding(kind="pls"),
    }


def by_hand(X: pd.DataFrame, y: np.ndarray) -> list[LogisticStager]:
    """Train what late fusion trains, without it."""
    models = []
    for place in Blocks.of(list(X.columns)).places:
        part = X.iloc[:, place]
        own = part.notna().any(axis=1).to_numpy()
        models.append(LogisticStager().fit(part[own], y[own]))
    return models


def measure(rows: int, columns: int, runs: int, *, missing: float) -> pd.DataFrame:
    """Time every step and the fusion."""
    X, y, scanner = make(rows, columns, missing=missing)
    context = pd.DataFrame({"scanner": scanner})
    fused = LateFusionStager().fit(X, y)
    calls: dict[str, tuple[Callable[[], object], Callable[[], object] | None]] = {
        name: (
            partial(step.fit_transform, X, y, context=context),
            partial(step.transform, X, context=context),
        )
        for name, step in steps().items()
    }
    calls["BlockDropout"] = (partial(BlockDropout().train_rows, Rows(X, y, context)), None)
    calls["LateFusionStager"] = (partial(fused.fit, X, y), partial(fused.predict_proba, X))
    calls["its learners alone"] = (partial(by_hand, X, y), None)
    if missing == 0:
        calls["stats.combat"] = (partial(combat, X.to_numpy(), scanner), None)
    records = [
        {
            "what": name,
            "missing": missing,
            "fit_s": least(runs, fit),
            "apply_s": np.nan if use is None else least(runs, use),
        }
        for name, (fit, use) in calls.items()
    ]
    return pd.DataFrame(records).assign(rows=rows, columns=columns).round(4)


def main(arguments: list[str] | None = None) -> pd.DataFrame:
    """Measure, print and store the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="a small table, to see that it runs")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args(arguments)
    size = (60, 70) if given.small else (360, 3000)
    with threadpool_limits(limits=1):
        runs = 1 if given.small else given.runs
        table = pd.concat([measure(*size, runs, missing=share) for share in (0.0, 0.1)])
    print(table.to_string(index=False))
    given.out.mkdir(parents=True, exist_ok=True)
    table.to_csv(given.out / "scanner_steps.csv", index=False)
    return table


if __name__ == "__main__":
    main()
