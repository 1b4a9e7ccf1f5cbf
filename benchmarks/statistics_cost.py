"""Time and memory of the statistics on a million cases.

Each function runs in a process of its own that holds the inputs already; memory is what the
process needed beyond them at its peak. Processor time, one core. Memory grows in proportion to the
cases (`auc_interval` on ten million: 950 MB, and 10 s on a busy machine): `--cases 10000000`.

Usage: python benchmarks/statistics_cost.py [--small] [--cases N] [--out DIR]
"""

from __future__ import annotations

import argparse
import csv
import multiprocessing
import resource
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from radiofib import stats

RESULTS = Path(__file__).parent / "results"
MB = 1024


def jobs(n: int) -> dict[str, Callable[[], object]]:
    rng = np.random.default_rng(0)
    p, other = rng.uniform(size=(2, n))
    y, patients = rng.random(n) < p, np.arange(n) // 10
    return {
        "auc_interval": lambda: stats.auc_interval(y, p),
        "delong_paired": lambda: stats.delong_paired(y, p, other),
        "delong_paired, 10 cases a patient": lambda: stats.delong_paired(
            y, p, other, clusters=patients
        ),
        "choose_cutoffs": lambda: stats.choose_cutoffs(y, p),
        "calibration": lambda: stats.calibration(y, p),
        "calibration_groups": lambda: stats.calibration_groups(y, p),
        "calibration_curve": lambda: stats.calibration_curve(y, p),
        "calibration_errors": lambda: stats.calibration_errors(y, p),
        "decision_curve, 99 thresholds": lambda: stats.decision_curve(y, p),
        "correlations": lambda: stats.correlations(p, other),
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
    parser.add_argument("--small", action="store_true", help="ten thousand cases, for a test")
    parser.add_argument("--cases", type=int, default=1_000_000)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    rows = []
    n = 10_000 if options.small else options.cases
    for name, job in jobs(n).items():
        seconds, memory = measured(job)
        rows.append([name, n, f"{seconds:.2f}", f"{memory:.0f}"])
        print(*rows[-1], sep="  ", flush=True)
    options.out.mkdir(parents=True, exist_ok=True)
    with (options.out / "statistics_cost.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["function", "cases", "seconds", "megabytes"])
        writer.writerows(rows)


if __name__ == "__main__":
    main()
