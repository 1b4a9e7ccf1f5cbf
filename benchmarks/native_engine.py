"""The native engine against pyradiomics: equal values first, then seconds, in turn, one process.

Regions are made from fixed seeds: a liver of 400,000 voxels in 320 x 260 x 72 at
1.2 x 1.2 x 3 mm, an ultrasound region of 90,000 pixels, a small region like pyradiomics' brain1,
and brain1 itself where the real data are there (RADIOFIB_EXTERNAL_DATA or ../shared/data).
Reading is excluded; 32 bins. pyradiomics with its defaults and with its setting preCrop, which
crops before filters and so changes what they give; radiofib on one core and on two. Wall-clock
seconds; ratios are medians over pairs run in turn. `ratio_processor` compares the least processor
times on one core, which a busy machine disturbs less.

Usage: python benchmarks/native_engine.py [--runs N] [--small] [--out benchmarks/results]
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from _regions import (
    FILTERS,
    ORIGINAL,
    RESULTS,
    WAVELET,
    brain1,
    configuration,
    like_brain1,
    liver,
    ultrasound,
)

from radiofib.engines import get_engine
from radiofib.parallel import one_thread
from radiofib.provenance import environment
from radiofib.roi import Roi

VERSIONS = ("numpy", "numba", "SimpleITK", "PyWavelets", "pyradiomics-cuda")
#: Fast runs are repeated, so that each time is of at least so many seconds.
LEAST_S = 0.2


def differing(ours: dict[str, float], theirs: dict[str, float]) -> list[str]:
    """Return columns that differ by more than 1e-9 (1e-6 for the recursive LoG)."""
    bad = []
    for column, reference in theirs.items():
        if np.isnan(reference) and np.isnan(ours[column]):
            continue
        tolerance = 1e-6 if "_log" in column else 1e-9
        if not abs(ours[column] - reference) <= tolerance * max(abs(reference), 1e-3):
            bad.append(column)
    return bad


def measure(
    name: str, roi: Roi, types: dict[str, Any], runs: int, *, bins: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Time both engines in turn on one region."""
    settings = bins or {}
    config = configuration(types, **settings)
    cropped = configuration(types, **settings, preCrop=True)
    one, two = get_engine("native"), get_engine("native", threads=2)
    reference = get_engine("pyradiomics")
    sides = {
        "pyradiomics_s": lambda: reference.extract(roi, config),
        "native_s": lambda: one.extract(roi, config),
        "precrop_s": lambda: reference.extract(roi, cropped),
        "native_two_s": lambda: two.extract(roi, config),
    }
    found = {side: run() for side, run in sides.items()}  # also compiles, or reads what was
    if bad := differing(found["native_s"].values, found["pyradiomics_s"].values):
        raise SystemExit(f"{name}: {len(bad)} values differ, such as {bad[:3]}")
    if found["native_s"] != found["native_two_s"]:
        raise SystemExit(f"{name}: values on two cores are not those on one")
    alone = _seconds(sides["native_s"], 1)[0]
    repeats = max(1, round(LEAST_S / alone))
    times: dict[str, list[float]] = {side: [] for side in sides}
    processor: dict[str, list[float]] = {side: [] for side in sides}
    for _ in range(runs):
        for side, run in sides.items():
            often = repeats if side.startswith("native") else max(1, repeats // 10)
            seconds, used = _seconds(run, often)
            times[side].append(seconds)
            processor[side].append(used)
    median = {side: float(np.median(values)) for side, values in times.items()}
    table = {side: np.array(values) for side, values in times.items()}
    least = {side: min(values) for side, values in processor.items()}
    reference_s = table["pyradiomics_s"]
    return {
        "case": name,
        "voxels": roi.n_voxels,
        "values_compared": len(found["native_s"].values),
        **{side: round(value, 5) for side, value in median.items()},
        "ratio": round(float(np.median(reference_s / table["native_s"])), 1),
        "ratio_processor": round(least["pyradiomics_s"] / least["native_s"], 1),
        "ratio_precrop": round(float(np.median(table["precrop_s"] / table["native_s"])), 1),
        "ratio_two_cores": round(float(np.median(reference_s / table["native_two_s"])), 1),
        "ratio_two_cores_precrop": round(
            float(np.median(table["precrop_s"] / table["native_two_s"])), 1
        ),
        "runs": runs,
    }


def _seconds(run: Any, often: int) -> tuple[float, float]:
    start, used = time.perf_counter(), time.process_time()
    for _ in range(often):
        run()
    return (time.perf_counter() - start) / often, (time.process_time() - used) / often


def cases(small: bool) -> list[tuple[Any, ...]]:
    """Return name, region, image types and bins of every row."""
    large, speckle = liver(small=small), ultrasound(small=small)
    width = {"binCount": None, "binWidth": 25}
    found: list[tuple[Any, ...]] = [
        ("liver, original", large, ORIGINAL, None),
        ("liver, original + LoG x3 + wavelet", large, FILTERS, None),
        ("ultrasound, original", speckle, ORIGINAL, None),
        ("ultrasound, original + wavelet", speckle, WAVELET, None),
        ("like brain1, original", like_brain1(small=small), ORIGINAL, width),
    ]
    real = brain1()
    if real is None:
        print("brain1 left out: set RADIOFIB_EXTERNAL_DATA to the folder of the real data")
    else:
        found.append(("brain1, original", real, ORIGINAL, width))
    return found


def main(arguments: list[str] | None = None) -> pd.DataFrame:
    """Measure all cases, print and store the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--small", action="store_true", help="tiny regions, to see that it runs")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args(arguments)
    rows = []
    with one_thread():
        for name, roi, types, bins in cases(options.small):
            rows.append(measure(name, roi, types, options.runs, bins=bins))
            print(", ".join(f"{k} {v}" for k, v in rows[-1].items()), flush=True)
    table = pd.DataFrame(rows)
    versions = environment(VERSIONS)
    print(", ".join(f"{k} {v}" for k, v in versions.items()))
    options.out.mkdir(parents=True, exist_ok=True)
    table.assign(**versions).to_csv(options.out / "native_engine.csv", index=False)
    return table


if __name__ == "__main__":
    main()
