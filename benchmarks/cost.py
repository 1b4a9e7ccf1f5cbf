"""Seconds and peak memory of the native engine from 10^4 to 10^7 voxels.

Lumps of each size in a box of about three times as many voxels, original image and all families,
and the same with LoG (3 mm) and wavelet, each in a process of its own; the least of some runs,
on one thread. The slope of seconds over voxels, both as logarithms, is 1 where cost is
proportional; it is fitted from 10^5 voxels on, since below overhead counts. Peak memory as in
memory.py.

Usage: python benchmarks/cost.py [--small] [--out FOLDER]
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from _regions import RESULTS
from memory import hand_over, run_child
from scipy.ndimage import gaussian_filter

from radiofib.provenance import environment
from radiofib.roi import Roi

SIZES = (10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000, 10_000_000)
SERIES = {"original": "original image", "filters": "original, LoG x3 and wavelet"}


def lump(voxels: int) -> Roi:
    """Return a ragged ball of so many voxels."""
    side = round((3 * voxels) ** (1 / 3))
    rng = np.random.default_rng(voxels)
    shape = (side,) * 3
    axis = np.linspace(-1, 1, side, dtype=np.float32)
    ragged = gaussian_filter(rng.standard_normal(shape, dtype=np.float32), side / 25)
    distance = axis[:, None, None] ** 2 + axis[:, None] ** 2 + axis**2
    distance += 0.1 / ragged.std() * ragged
    mask = distance <= np.partition(distance, voxels - 1, axis=None)[voxels - 1]
    pixels = gaussian_filter(rng.standard_normal(shape, dtype=np.float32), 1.0)
    return Roi((pixels * 300 + 400).round().astype(np.int16), mask, (1.0, 1.0, 1.0), "x")


def slope(table: pd.DataFrame, column: str, least: int) -> float:
    """Return the slope of a column over voxels, both as logarithms."""
    used = table[table["voxels"] >= least]
    return float(np.polyfit(np.log(used["voxels"]), np.log(used[column]), 1)[0])


def plot(table: pd.DataFrame, path: Path) -> None:
    """Draw seconds and memory over voxels."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, panels = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
    for panel, column, name in zip(
        panels, ("seconds", "peak_mib"), ("seconds", "peak memory above imports, MiB"), strict=True
    ):
        for what, label in SERIES.items():
            part = table[table["images"] == what]
            panel.loglog(part["voxels"], part[column], "o-", label=label)
        first = table[table["images"] == "original"].iloc[-1]
        ends = table["voxels"].min(), table["voxels"].max()
        line = [first[column] * end / first["voxels"] for end in ends]
        panel.loglog(ends, line, ":", color="grey", label="in proportion")
        panel.set(xlabel="voxels", ylabel=name)
        panel.legend(frameon=False)
    figure.savefig(path, dpi=150, metadata={"Software": None})
    plt.close(figure)


def main(arguments: list[str] | None = None) -> pd.DataFrame:
    """Measure all sizes, print and store the table and the plot."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="small regions, to see that it runs")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args(arguments)
    sizes, least = ((1_000, 4_000), 1_000) if options.small else (SIZES, 100_000)
    rows = []
    with tempfile.TemporaryDirectory() as name:
        for voxels in sizes:
            hand_over(lump(voxels), Path(name))
            for what in SERIES:
                found = [run_child("native", what, Path(name)) for _ in range(options.runs)]
                row = {
                    "images": what,
                    "voxels": voxels,
                    "seconds": round(min(f["seconds"] for f in found), 5),
                    "peak_mib": round(min(f["peak_mib"] for f in found), 2),
                }
                print(", ".join(f"{k} {v}" for k, v in row.items()), flush=True)
                rows.append(row)
    table = pd.DataFrame(rows).sort_values(["images", "voxels"], ignore_index=True)
    table["peak_mib"] = table["peak_mib"].clip(lower=0.01)
    for what in SERIES:
        part = table[table["images"] == what]
        chosen = table["images"] == what
        table.loc[chosen, "slope"] = round(slope(part, "seconds", least), 3)
        table.loc[chosen, "slope_of_memory"] = round(slope(part, "peak_mib", least), 3)
        print(what, dict(table.loc[chosen, ["slope", "slope_of_memory"]].iloc[0]))
    options.out.mkdir(parents=True, exist_ok=True)
    table.assign(**environment(("numpy", "numba"))).to_csv(options.out / "cost.csv", index=False)
    plot(table, options.out / "cost.png")
    return table


if __name__ == "__main__":
    main()
