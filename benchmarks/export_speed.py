"""Seconds to export 610 cases x 2,500 features with labels, beside the bare writers.

For each format the whole export (codebook and reasons for missing values included) and, where
there is one, the library's writer given the same numbers and labels; values are read back and
compared first. The least of some runs, wall clock and processor.

Usage: python benchmarks/export_speed.py [--small] [--runs N] [--out FOLDER]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyreadstat

from radiofib.export import export_table
from radiofib.provenance import environment
from radiofib.table import FeatureTable

RESULTS = Path(__file__).parent / "results"
LEVELS = {"s1": "S1", "s2": "S2", "s3": "S3", "s4": "S4"}
FORMATS = ("sav", "rds", "dta", "xpt", "parquet", "csv")


def table_of(cases: int, features: int) -> FeatureTable:
    """Return a table with labels, an ordered stage and 5 % missing values, from a fixed seed."""
    rng = np.random.default_rng(3)
    X = pd.DataFrame(
        rng.normal(size=(cases, features)),
        columns=[f"ged4_wllh_glszm_small_area_emphasis_{i}" for i in range(features)],
    )
    X = X.mask(rng.random(X.shape) < 0.05)
    stage = pd.Categorical(rng.choice(list(LEVELS), cases), list(LEVELS), ordered=True)
    obs = pd.DataFrame({"case": [f"c{i}" for i in range(cases)], "stage": stage})
    labels = [f"small area emphasis {i}, GED4, wavelet LLH" for i in range(features)]
    return FeatureTable(X, obs, pd.DataFrame({"column": X.columns, "label": labels}))


def bare_writers(table: FeatureTable) -> dict[str, Callable[[Path], None]]:
    """Return the libraries' writers, given the same numbers, labels, measures and formats."""
    stage = table.obs["stage"].cat.codes.to_numpy() + 1.0
    frame = pd.concat([pd.DataFrame({"case": table.obs["case"], "stage": stage}), table.X], axis=1)
    short = frame.set_axis(["case", "stage", *(f"v{i}" for i in range(table.n_features))], axis=1)
    labels = ["case", "stage", *table.codebook["label"]]
    values = {"stage": dict(enumerate(LEVELS.values(), start=1))}
    measures = {"case": "nominal", "stage": "ordinal", **dict.fromkeys(table.X, "scale")}
    formats = dict.fromkeys(table.X, "E20.12")
    return {
        "sav": lambda path: pyreadstat.write_sav(
            frame,
            str(path),
            column_labels=labels,
            variable_value_labels=values,
            variable_measure=measures,
            variable_format=formats,
        ),
        "dta": lambda path: pyreadstat.write_dta(
            short, str(path), column_labels=labels, variable_value_labels=values, version=14
        ),
        "xpt": lambda path: pyreadstat.write_xport(
            short, str(path), column_labels=labels, file_format_version=8
        ),
        "parquet": frame.to_parquet,
        "csv": lambda path: frame.to_csv(path, index=False),
    }


def check(table: FeatureTable, folder: Path) -> None:
    """Stop unless every format that can be read here holds the same doubles."""
    readers = {
        "sav": lambda path: pyreadstat.read_sav(str(path))[0],
        "dta": lambda path: pyreadstat.read_dta(str(path))[0],
        "xpt": lambda path: pyreadstat.read_xport(str(path))[0],
        "parquet": pd.read_parquet,
        "csv": pd.read_csv,
    }
    for name, read in readers.items():
        got = read(folder / f"features.{name}").iloc[:, -table.n_features :]
        if not np.array_equal(got.to_numpy(dtype=float), table.X.to_numpy(), equal_nan=True):
            raise SystemExit(f"values of {name} differ: the times mean nothing")


def least(work: Callable[[], object], runs: int) -> tuple[float, float]:
    """Return the least wall-clock and processor seconds."""
    walls, processors = [], []
    for _ in range(runs):
        wall, processor = time.perf_counter(), time.process_time()
        work()
        walls.append(time.perf_counter() - wall)
        processors.append(time.process_time() - processor)
    return min(walls), min(processors)


def main(arguments: list[str] | None = None) -> pd.DataFrame:
    """Measure all formats, print and store the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="a small table, to see that it runs")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args(arguments)
    cases, features = (20, 30) if options.small else (610, 2_500)
    table = table_of(cases, features)
    bare = bare_writers(table)
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        export_table(table, folder, FORMATS, stage_labels=LEVELS)
        check(table, folder)
        for form in FORMATS:
            ours = least(
                lambda form=form: export_table(table, folder, [form], stage_labels=LEVELS),
                options.runs,
            )
            row = {
                "format": form,
                "cases": cases,
                "features": features,
                "mib": (folder / f"features.{form}").stat().st_size / 2**20,
                "radiofib_s": ours[0],
                "radiofib_cpu_s": ours[1],
            }
            if form in bare:
                alone = least(lambda form=form: bare[form](folder / "bare"), options.runs)
                row |= {"writer_s": alone[0], "writer_cpu_s": alone[1]}
            rows.append(row)
            print(
                ", ".join(f"{k} {v if isinstance(v, str) else round(v, 3)}" for k, v in row.items())
            )
    result = pd.DataFrame(rows).round(3)
    versions = environment(("numpy", "pandas", "pyreadstat", "pyarrow"))
    options.out.mkdir(parents=True, exist_ok=True)
    result.assign(**versions).to_csv(options.out / "export_speed.csv", index=False)
    return result


if __name__ == "__main__":
    main()
