"""IBSI's reference values beside ours: every row of both standards, through the native engine.

Usage: python benchmarks/ibsi_conformance.py [--data ../shared/data/ibsi] [--out benchmarks/results]

Reads the phantoms and reference values as IBSI publishes them (doi 10.48550/arXiv.1612.07003 and
10.48550/arXiv.2006.05470), extracts with profile `ibsi`, and prints and stores one table:
value, reference, tolerance, ours. Rows for which IBSI gives no value are listed as such. Exit
status 1 when a value is outside its tolerance.

A tolerance of 0 means: equal when rounded to the digits the reference is given with.
"""

from __future__ import annotations

import argparse
import csv
import os
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from _ibsi_2 import FILTERS, MAPS

from radiofib.engines import ExtractionConfig, get_engine
from radiofib.engines.ibsi.extraction import prepare
from radiofib.filters.ibsi import respond
from radiofib.images import load_roi, read_image
from radiofib.preprocess.ibsi import diagnostics
from radiofib.provenance import environment

DATA = Path(os.environ.get("RADIOFIB_EXTERNAL_DATA", "../shared/data")) / "ibsi"
VERSIONS = ("numpy", "scipy", "numba", "PyWavelets")
ALL_WAYS = ["2d_avg", "2d_comb", "2_5d_avg", "2_5d_comb", "3d_avg", "3d_comb", "2d", "2_5d", "3d"]

#: IBSI 1: reference values, image, and the configuration.
STANDARD_1: dict[str, tuple[str, str, dict[str, Any]]] = {
    "digital phantom": (
        "ibsi_1_dig_phantom.csv",
        "ibsi_1_digital_phantom",
        {
            "aggregations": ALL_WAYS,
            "discretisation": {"bin_width": 1},
        },
    ),
    "A": (
        "ibsi_1_chest_config_a.csv",
        "ibsi_1_ct_radiomics_phantom",
        {
            "dimension": "2d",
            "resegment_range": [-500, 400],
            "discretisation": {"bin_width": 25},
        },
    ),
    "B": (
        "ibsi_1_chest_config_b.csv",
        "ibsi_1_ct_radiomics_phantom",
        {
            "dimension": "2d",
            "spacing_mm": [2, 2],
            "round_intensities": True,
            "resegment_range": [-500, 400],
            "discretisation": {"bin_count": 32},
        },
    ),
    "C": (
        "ibsi_1_chest_config_c.csv",
        "ibsi_1_ct_radiomics_phantom",
        {
            "spacing_mm": [2, 2, 2],
            "round_intensities": True,
            "resegment_range": [-1000, 400],
            "discretisation": {"bin_width": 25},
            "volume_histogram": {"bin_width": 2.5},
        },
    ),
    "D": (
        "ibsi_1_chest_config_d.csv",
        "ibsi_1_ct_radiomics_phantom",
        {
            "spacing_mm": [2, 2, 2],
            "round_intensities": True,
            "resegment_sigma": 3,
            "discretisation": {"bin_count": 32},
        },
    ),
}

_CT = {"round_intensities": True, "resegment_range": [-1000, 400], "features": ["stat"]}
COMMON = {
    "A": {**_CT, "dimension": "2d"},
    "B": {**_CT, "spacing_mm": [1, 1, 1], "image_interpolation": "cubic"},
}


def phantom(folder: Path, name: str) -> tuple[Path, Path]:
    """Return the paths of a phantom's image and mask."""
    nifti = folder / "nifti"
    image = nifti / "image" / f"{name}.nii.gz"
    return image, nifti / "mask" / "mask.nii.gz"


def configuration(own: dict[str, Any]) -> ExtractionConfig:
    """Return a configuration of profile ibsi."""
    return ExtractionConfig.parse({"profile": "ibsi", "ibsi": own}, where="ibsi_conformance")


def judge(value: float, reference: str, tolerance: str) -> str:
    """Compare a value with a reference as it is printed."""
    if not reference:
        return "no reference"
    if np.isnan(value):
        return "missing"
    allowed = abs(float(tolerance))
    if allowed == 0:  # half a unit of the last digit: three significant ones, or all if more
        given = Decimal(reference).normalize()
        last = min(int(given.as_tuple().exponent), given.adjusted() - 2) if given else -3
        allowed = 0.5 * 10.0**last * (1 + 1e-9)
    return "yes" if abs(value - float(reference)) <= allowed else "NO"


def standard_1(data: Path) -> Iterator[dict[str, Any]]:
    """Yield all rows of IBSI 1."""
    for name, (table, folder, own) in STANDARD_1.items():
        config = configuration(own)
        image, mask = phantom(data / folder, "phantom")
        roi = load_roi(image, mask, mask_label=None, channel="ct")
        found = get_engine("native").extract(roi, config)
        values = found.values  # noqa: PD011 - a dictionary
        ours = {column.removeprefix("ct_original_"): value for column, value in values.items()}
        region = prepare(roi, config.ibsi_settings, whole=True)
        ours |= diagnostics(roi.pixels, roi.mask, roi.spacing_mm, region)
        with (data / "ibsi_1_reference_values" / table).open(encoding="utf-8") as file:
            for row in csv.DictReader(file, delimiter=";"):
                tag = row["tag"].lower()
                value = ours.get(tag, float("nan"))
                reference, tolerance = row["reference value"], row["tolerance"]
                yield {
                    "standard": f"IBSI 1, {name}",
                    "value": row["tag"],
                    "reference": reference,
                    "tolerance": tolerance,
                    "ours": value,
                    "within": judge(value, reference, tolerance),
                }


def standard_2_maps(data: Path) -> Iterator[dict[str, Any]]:
    """Yield the largest difference from each response map, in shares of its range."""
    folder = data / "ibsi_2_digital_phantom" / "nifti"
    for path in sorted((data / "ibsi_2_reference" / "maps").glob("*.nii.gz")):
        test = path.name.removesuffix("-ValidCRM.nii.gz")
        name, own = MAPS[test]
        config = configuration({"filters": [own]})
        [chosen] = config.ibsi_settings.filters
        image = read_image(folder / name / "image" / f"{name}.nii.gz")
        expected = read_image(path).pixels
        found = respond(image.pixels, image.spacing_mm, chosen)
        share = float(np.abs(found - expected).max() / np.ptp(expected))
        yield {
            "standard": f"IBSI 2, map {test}",
            "value": "largest difference / range",
            "reference": "0",
            "tolerance": "0.01",
            "ours": share,
            "within": judge(share, "0", "0.01"),
        }


def standard_2_values(data: Path) -> Iterator[dict[str, Any]]:
    """Yield all rows of IBSI 2's feature values."""
    image, mask = phantom(data / "ibsi_1_ct_radiomics_phantom", "phantom")
    roi = load_roi(image, mask, mask_label=None, channel="ct")
    ours: dict[tuple[str, str], float] = {}
    for letter, common in COMMON.items():
        for number, given in FILTERS.items():
            own: dict[str, Any] = dict(common)
            if given is not None:
                own |= {"filters": [given[0] | given["AB".index(letter) + 1]], "original": False}
            found = get_engine("native").extract(roi, configuration(own))
            for column, value in found.values.items():  # noqa: PD011
                ours[f"{number}.{letter}", "stat_" + column.split("_stat_")[1]] = value
    with (data / "ibsi_2_reference" / "reference_values.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file, delimiter=";"):
            value = ours.get((row["filter_id"], row["feature_tag"]), float("nan"))
            reference, tolerance = row["consensus_value"], row["tolerance"]
            yield {
                "standard": f"IBSI 2, filter {row['filter_id']}",
                "value": row["feature_tag"],
                "reference": reference,
                "tolerance": tolerance,
                "ours": value,
                "within": judge(value, reference, tolerance),
            }


def page(table: pd.DataFrame, versions: dict[str, str]) -> str:
    """Return the table as Markdown: a summary, then every row."""
    counts = pd.crosstab(table["standard"], table["within"]).reindex(table["standard"].unique())
    counts = counts.reindex(columns=["yes", "NO", "missing", "no reference"], fill_value=0)
    lines = ["# IBSI conformance", ""]
    lines += [
        "Written by `python benchmarks/ibsi_conformance.py` with "
        + ", ".join(f"{k} {v}" for k, v in versions.items())
        + ". A tolerance of 0 means: equal when rounded to the digits given. Rows without a "
        "reference are those for which IBSI found no consensus.",
        "",
        "| part | within | outside | missing | no reference |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {name} | {' | '.join(str(int(n)) for n in row)} |"
        for name, row in zip(counts.index, counts.to_numpy(), strict=True)
    ]
    lines += [
        "",
        "| part | value | reference | tolerance | ours | within |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {part} | `{value}` | {reference} | {tolerance} | {ours:.6g} | {within} |"
        for part, value, reference, tolerance, ours, within in table.itertuples(index=False)
    ]
    return "\n".join(lines) + "\n"


def main(arguments: list[str] | None = None) -> int:
    """Compare, print the summary, store the table; 1 when a value is outside."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the IBSI data")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    options = parser.parse_args(arguments)
    if not options.data.is_dir():
        print(f"no IBSI data at {options.data}: give its folder with --data")
        return 2
    rows = [*standard_1(options.data), *standard_2_maps(options.data)]
    table = pd.DataFrame([*rows, *standard_2_values(options.data)])
    text = page(table, environment(VERSIONS))
    print(text.split("\n\n| part | value")[0])
    bad = table[table["within"].isin(("NO", "missing"))]
    print(bad.to_string(index=False) if len(bad) else "every value is within its tolerance")
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "ibsi_conformance.md").write_text(text, encoding="utf-8")
    return int(bool(len(bad)))


if __name__ == "__main__":
    raise SystemExit(main())
