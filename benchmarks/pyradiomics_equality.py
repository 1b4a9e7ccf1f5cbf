"""The native engine against pyradiomics: how far apart every value is. No seconds here.

Usage: python benchmarks/pyradiomics_equality.py [--small] [--out benchmarks/results]

For every data set, image type and each of the eight settings of pyradiomics' own baseline: count
matrices against its C extension, voxels after filtering, grey levels, and every feature against
max(|reference|, natural scale of the registry). Real data is taken from RADIOFIB_EXTERNAL_DATA
or ../shared/data; without it, generated regions alone are compared, and that is said.

pyradiomics' LBP3D calls a function that SciPy no longer has. Its own code runs here with that
function expressed by its successor `sph_harm_y`; the column `reference` says so.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import SimpleITK as sitk
from threadpoolctl import threadpool_limits

from radiofib.provenance import environment
from radiofib.roi import Roi

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # the comparison is shared with the tests

from tests.equality.compare import BOUND, LOG_BOUND, Apart, compare  # noqa: E402
from tests.equality.regions import (  # noqa: E402
    IMAGE_TYPES,
    SETTINGS,
    configuration,
    generated,
    real_sets,
    speckle,
)

VERSIONS = (
    *("numpy", "scipy", "numba", "SimpleITK", "PyWavelets", "scikit-image"),
    "pyradiomics-cuda",
)
#: Regions of each kind: all of them, and to see that it runs.
REGIONS = {"generated": 200, "generated ultrasound": 10, "byra ultrasound": 30}
FEW = {"generated": 4, "generated ultrasound": 1, "byra ultrasound": 2}


def data_sets(folder: Path, *, small: bool) -> Iterator[tuple[str, list[Roi]]]:
    """Yield names and regions; of the real ones, those that are there."""
    number = FEW if small else REGIONS
    yield "generated", [plan.roi() for plan in generated(number["generated"])]
    yield "generated ultrasound", list(speckle(number["generated ultrasound"]))
    if not folder.is_dir():
        print("no real data: set RADIOFIB_EXTERNAL_DATA to its folder; generated regions alone")
    elif small:
        yield from real_sets(folder, only="breast1")
    else:
        yield from real_sets(folder, ultrasound=number["byra ultrasound"])


def measure(name: str, regions: list[Roi], setting: str) -> Iterator[dict[str, Any]]:
    """Yield a row for each image type of a data set under a setting."""
    total = {image_type: Apart() for image_type in IMAGE_TYPES}
    config = configuration(SETTINGS[setting])
    for roi in regions:
        for image_type, apart in compare(roi, config).items():
            total[image_type].add(apart)
    for image_type, apart in total.items():
        for wrong in apart.wrong[:3]:
            print(f"  {name}, {setting}, {image_type}: {wrong}", flush=True)
        yield {
            "data": name,
            "image_type": image_type,
            "setting": setting,
            "regions": len(regions),
            "reference": "pyradiomics"
            if image_type != "LBP3D"
            else "pyradiomics with sph_harm_y for sph_harm",
            "values": apart.values,  # noqa: PD011
            "undefined_in_both": apart.undefined,
            "bound": LOG_BOUND if image_type == "LoG" else BOUND,
            "largest_difference": apart.largest,
            "of_feature": apart.feature,
            "equal_by_scale_alone": apart.by_scale,
            "features_by_scale": " ".join(sorted(apart.scaled)),
            "matrices": apart.matrices,
            "counts": apart.counts,
            "counts_differing": apart.bits,
            "ngtdm_largest_difference": apart.ngtdm,
            "filtered_voxels": apart.voxels,
            "filtered_largest_difference": apart.image,
            "voxels_in_another_bin": apart.bins,
            "out_of_bound": len(apart.wrong),
        }


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each image type, over all data and settings."""
    sums = [
        *("values", "equal_by_scale_alone", "matrices", "counts", "counts_differing"),
        *("filtered_voxels", "voxels_in_another_bin", "out_of_bound"),
    ]
    most = ["largest_difference", "ngtdm_largest_difference", "filtered_largest_difference"]
    by_type = table.groupby("image_type", sort=False)
    return by_type[sums].sum().join(by_type[most].max())


def main(arguments: list[str] | None = None) -> pd.DataFrame:
    """Compare all, print and store the table; leave with status 1 when something differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true", help="few regions, to see that it runs")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    options = parser.parse_args(arguments)
    folder = Path(os.environ.get("RADIOFIB_EXTERNAL_DATA", ROOT.parent / "shared" / "data"))
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    rows = []
    with threadpool_limits(limits=1):
        for name, regions in data_sets(folder, small=options.small):
            for setting in SETTINGS:
                rows += list(measure(name, regions, setting))
            print(f"{name}: {len(regions)} regions, {len(SETTINGS)} settings", flush=True)
    table = pd.DataFrame(rows)
    with pd.option_context("display.width", 250, "display.max_columns", 20):
        print(summary(table).to_string())
    versions = environment(VERSIONS)
    print(", ".join(f"{k} {v}" for k, v in versions.items()))
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "pyradiomics_equality.csv"
    table.assign(**versions).to_csv(path.with_suffix(".partial"), index=False)
    path.with_suffix(".partial").replace(path)
    if table["out_of_bound"].any():
        raise SystemExit(f"{int(table['out_of_bound'].sum())} findings are out of bound")
    return table


if __name__ == "__main__":
    main()
