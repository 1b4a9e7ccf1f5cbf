"""The native engine against pyradiomics: equal values first, then seconds, in turn, one process.

Usage: python benchmarks/native_engine.py [--runs N] [--small] [--out benchmarks/results]

Regions are made from fixed seeds: a liver of 400,000 voxels in 320 x 260 x 72 at
1.2 x 1.2 x 3 mm, and an ultrasound region of 90,000 pixels. Reading is excluded; 32 bins.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter
from threadpoolctl import threadpool_limits

from radiofib.engines import ExtractionConfig, get_engine
from radiofib.provenance import environment
from radiofib.roi import Roi

FILTERS: dict[str, Any] = {"Original": {}, "LoG": {"sigma": [1.0, 3.0, 5.0]}, "Wavelet": {}}
VERSIONS = ("numpy", "numba", "SimpleITK", "PyWavelets", "pyradiomics-cuda")


def liver(shape: tuple[int, int, int], voxels: int) -> Roi:
    """Return a smooth, ragged blob of about `voxels` voxels with liver-like texture."""
    rng = np.random.default_rng(20260101)
    grids = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij")
    field = -sum(g**2 for g in grids) + gaussian_filter(rng.normal(size=shape), 6) * 4
    mask = field >= np.partition(field.ravel(), -voxels)[-voxels]
    pixels = gaussian_filter(rng.normal(size=shape), 1.0) * 300 + 400
    return Roi(pixels.round().astype(np.int16), mask, (3.0, 1.2, 1.2), "x")


def ultrasound(side: int) -> Roi:
    """Return a disc of speckle in a picture."""
    rng = np.random.default_rng(20260102)
    y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    speckle = gaussian_filter(rng.rayleigh(40, (side, side)), (0.7, 1.5))
    return Roi(speckle.clip(0, 255).round(), x**2 + y**2 < 1, (0.2, 0.2), "x")


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


def measure(name: str, roi: Roi, types: dict[str, Any], runs: int) -> dict[str, Any]:
    """Time both engines in turn on one region."""
    config = ExtractionConfig.parse({"imageType": types, "setting": {"binCount": 32}}, where=name)
    native, reference = get_engine("native"), get_engine("pyradiomics")
    native.extract(roi, config)  # compiles, or reads what was compiled
    times: dict[str, list[float]] = {"native": [], "pyradiomics": []}
    for _ in range(runs):
        start = time.perf_counter()
        theirs = reference.extract(roi, config)
        middle = time.perf_counter()
        ours = native.extract(roi, config)
        times["native"].append(time.perf_counter() - middle)
        times["pyradiomics"].append(middle - start)
        if bad := differing(ours.values, theirs.values):
            raise SystemExit(f"{name}: {len(bad)} values differ, such as {bad[:3]}")
    ratio = np.array(times["pyradiomics"]) / np.array(times["native"])
    return {
        "case": name,
        "voxels": roi.n_voxels,
        "values_compared": len(ours.values),
        "pyradiomics_s": round(float(np.median(times["pyradiomics"])), 4),
        "native_s": round(float(np.median(times["native"])), 4),
        "ratio": round(float(np.median(ratio)), 1),
        "runs": runs,
    }


def main(arguments: list[str] | None = None) -> pd.DataFrame:
    """Measure all cases, print and store the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--small", action="store_true", help="tiny regions, to see that it runs")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    options = parser.parse_args(arguments)
    large = liver((12, 40, 50), 4000) if options.small else liver((72, 260, 320), 400_000)
    speckle = ultrasound(60 if options.small else 340)
    with threadpool_limits(limits=1):
        table = pd.DataFrame(
            [
                measure("liver, original", large, {"Original": {}}, options.runs),
                measure("liver, original + LoG x3 + wavelet", large, FILTERS, options.runs),
                measure("ultrasound, original", speckle, {"Original": {}}, options.runs),
                measure("ultrasound, original + wavelet", speckle,
                        {"Original": {}, "Wavelet": {}}, options.runs),
            ]
        )  # fmt: skip
    print(table.to_string(index=False))
    versions = environment(VERSIONS)
    print(", ".join(f"{k} {v}" for k, v in versions.items()))
    options.out.mkdir(parents=True, exist_ok=True)
    table.assign(**versions).to_csv(options.out / "native_engine.csv", index=False)
    return table


if __name__ == "__main__":
    main()
