"""Seconds and memory of the steps that choose columns, on 360 rows and 3,000 columns.

Each step is learnt in a process of its own that holds the table already: seconds of one processor
core, the least of some runs, and what the process needed beyond the table at its peak. Tables:
complete; with whole channels missing for a tenth of the rows each; with one cell in twenty
missing at random; and one in which all columns hang together (for the clusters, the worst).

Usage: python benchmarks/selection_speed.py [--small] [--rows N] [--columns P] [--runs R]
       [--out DIR]
"""

from __future__ import annotations

import argparse
import csv
import multiprocessing
import os
import resource
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd

from radiofib.staging.clusters import CorrelationClusters
from radiofib.staging.reduce import PartialLeastSquares, PrincipalComponents
from radiofib.staging.relevance import RELEVANCE, RelevanceFilter
from radiofib.staging.selection import NearConstant, ReliabilityFilter
from radiofib.staging.stability import StabilityFilter
from radiofib.staging.steps import Step

RESULTS = Path(__file__).parent / "results"
CHANNELS = ("t1", "t2", "dwi", "ged1", "ged2", "ged3", "ged4")
MB = 1024


def tables(n: int, p: int) -> tuple[dict[str, pd.DataFrame], np.ndarray, pd.DataFrame]:
    """Return tables of n rows and p columns, stages and context."""
    rng = np.random.default_rng(0)
    groups = rng.normal(size=(n, max(2, p // 50)))
    of = rng.integers(0, groups.shape[1], p)
    values = groups[:, of] * rng.uniform(0.3, 1.3, p) + 0.4 * rng.normal(size=(n, p))
    names = [f"{CHANNELS[i % len(CHANNELS)]}_original_glcm_f{i}" for i in range(p)]
    whole = pd.DataFrame(values, columns=names)
    blocks = whole.copy()
    for channel in CHANNELS:
        columns = [c for c in names if c.startswith(f"{channel}_")]
        blocks.loc[rng.random(n) < 0.1, columns] = np.nan
    one = rng.normal(size=(n, 1)) + 0.1 * rng.normal(size=(n, p))
    latent = values[:, 0] + rng.logistic(size=n)
    stages = np.array(["s1", "s2", "s3", "s4"])[np.digitize(latent, [-1, 0, 1])]
    context = pd.DataFrame({"patient": (np.arange(n) // 2).astype(str)})
    return (
        {
            "complete": whole,
            "channels missing": blocks,
            "cells missing": whole.mask(rng.random((n, p)) < 0.05),
            "one group": pd.DataFrame(one, columns=names),
        },
        stages,
        context,
    )


def steps(p: int) -> dict[str, Step]:
    """Return the steps by name."""
    most = max(2, p // 10)
    return {
        "near_constant": NearConstant(),
        "correlation, spearman, average": CorrelationClusters(0.9),
        "correlation, pearson, average": CorrelationClusters(0.9, method="pearson"),
        "correlation, spearman, complete": CorrelationClusters(0.9, linkage="complete"),
        "reliability, icc_1": ReliabilityFilter(-1.0, patient_column="patient"),
        "reliability, icc_a1": ReliabilityFilter(-1.0, form="icc_a1", patient_column="patient"),
        **{f"mrmr to {most}, {name}": RelevanceFilter(most, relevance=name) for name in RELEVANCE},
        "stability, 50 halves": StabilityFilter(patient_column="patient"),
        "pca, 90 %": PrincipalComponents(0.9),
        "pls, 3": PartialLeastSquares(3),
    }


def measured(job: Callable[[], object]) -> tuple[float, float]:
    """Return seconds and megabytes of one job, run in a forked process."""
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe(duplex=False)

    def work() -> None:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        begin = time.process_time()
        job()
        seconds = time.process_time() - begin
        there.send((seconds, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / MB))

    process = context.Process(target=work)
    process.start()
    there.close()
    try:
        return here.recv()
    finally:
        process.join()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="a small table, for a test")
    parser.add_argument("--rows", type=int, default=360)
    parser.add_argument("--columns", type=int, default=3000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    n, p, runs = options.rows, options.columns, options.runs
    if options.small:
        n, p, runs = 60, 70, 1
    frames, stages, context = tables(n, p)
    lines = []
    for name, step in steps(p).items():
        for what, frame in frames.items():
            if what == "one group" and not name.startswith("correlation"):
                continue

            def job(step: Step = step, frame: pd.DataFrame = frame) -> None:
                step.fit(frame, stages, context=context)

            found = [measured(job) for _ in range(runs)]
            seconds, memory = min(s for s, _ in found), max(m for _, m in found)
            lines.append([name, what, n, p, f"{seconds:.3f}", f"{memory:.0f}"])
            print(*lines[-1], sep="  ", flush=True)
    options.out.mkdir(parents=True, exist_ok=True)
    with (options.out / "selection_speed.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["step", "table", "rows", "columns", "seconds", "megabytes"])
        writer.writerows(lines)


if __name__ == "__main__":
    main()
