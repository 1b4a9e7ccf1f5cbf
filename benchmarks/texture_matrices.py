"""Texture matrices and features: radiofib against pyradiomics, one core, in memory.

Both start from the same discretised array, cropped to the region, and are run in turn, so that a
busy machine slows both. Equality is checked first. pyradiomics is given the types its C
extension reads without conversion (int32 levels, a boolean mask); laying the levels out with a
border is part of radiofib's time. Processor time of the process; the best of the rounds, and
between brackets the median of the rounds' ratios.

Usage: python benchmarks/texture_matrices.py [--rounds N] [--small] [--out DIR]
"""

from __future__ import annotations

import argparse
import csv
import gc
import logging
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from radiomics import _cmatrices as upstream
from radiomics import featureextractor
from scipy import ndimage
from threadpoolctl import threadpool_limits

sys.path.insert(0, str(Path(__file__).parents[1]))  # found by name from wherever it is run

from benchmarks._machine import processor
from radiofib.features import glcm, gldm, glrlm, glszm, ngtdm
from radiofib.features.matrices import Levels, Matrices
from radiofib.provenance import environment
from radiofib.registry import FEATURES

FAMILIES = ("glcm", "glrlm", "glszm", "gldm", "ngtdm")
RESULTS = Path(__file__).parent / "results"


def blob(shape: tuple[int, ...], n: int, levels: int, smooth: float, seed: int = 0) -> np.ndarray:
    """Return a smooth random texture in a lumpy ellipsoid of n voxels, cropped, 0 outside."""
    rng = np.random.default_rng(seed)
    axes = np.meshgrid(*[np.linspace(-1, 1, s) for s in shape], indexing="ij", sparse=True)
    lumps = ndimage.gaussian_filter(rng.standard_normal(shape), [s / 12 for s in shape])
    distance = sum(a**2 for a in axes) + 0.15 * lumps / lumps.std()
    inside = distance <= np.partition(distance, n - 1, axis=None)[n - 1]
    texture = ndimage.gaussian_filter(rng.standard_normal(shape), smooth)
    values = texture[inside]
    edges = np.linspace(values.min(), values.max(), levels + 1)[1:-1]
    discretised = np.zeros(shape, dtype=np.uint8)
    discretised[inside] = np.digitize(values, edges) + 1
    axes_inside = np.nonzero(inside)
    box = tuple(slice(int(a.min()), int(a.max()) + 1) for a in axes_inside)
    return np.ascontiguousarray(discretised[box])


def cases(small: bool) -> dict[str, np.ndarray]:
    if small:
        return {
            "volume, small": blob((12, 30, 34), 3000, 32, 1.2),
            "picture, small": blob((60, 70), 2000, 32, 1.2),
        }
    volume, picture = (72, 260, 320), (420, 420)
    return {
        "liver, smooth": blob(volume, 400_000, 32, 2.0),
        "liver, rough": blob(volume, 400_000, 32, 0.8),
        "ultrasound": blob(picture, 90_000, 32, 1.5),
    }


def theirs(family: str, image: np.ndarray, mask: np.ndarray) -> Any:
    n_g, near = int(image.max()), np.array([1])
    if family == "glrlm":
        return upstream.calculate_glrlm(image, mask, n_g, max(image.shape), False, 0)[0][0]
    if family == "glszm":
        return upstream.calculate_glszm(image, mask, n_g, int(mask.sum()), False, 0)[0]
    if family == "gldm":
        return upstream.calculate_gldm(image, mask, near, n_g, 0, False, 0)[0]
    made = getattr(upstream, f"calculate_{family}")(image, mask, near, n_g, False, 0)
    return made[0][0] if family == "glcm" else made[0]


def all_theirs(image: np.ndarray, mask: np.ndarray) -> dict[str, Any]:
    return {family: theirs(family, image, mask) for family in FAMILIES}


def all_ours(levels: np.ndarray) -> tuple[dict[str, Any], np.ndarray]:
    matrices = Matrices(Levels.of(levels))
    found: dict[str, Any] = {family: getattr(matrices, family)() for family in FAMILIES}
    return found, matrices.levels.grey_levels


def our_features(levels: np.ndarray) -> dict[str, dict[str, float]]:
    found, grey = all_ours(levels)
    zones = found["glszm"]
    return {
        "glcm": glcm.compute(found["glcm"], grey),
        "glrlm": glrlm.compute(found["glrlm"], grey),
        "glszm": glszm.compute(zones.counts, grey, zones.sizes),
        "gldm": gldm.compute(found["gldm"], grey),
        "ngtdm": ngtdm.compute(found["ngtdm"]),
    }


def calculators(levels: np.ndarray) -> Callable[[], dict[str, dict[str, float]]]:
    """Return a function that computes pyradiomics' features from levels, binning left out."""
    logging.getLogger("radiomics").setLevel(logging.CRITICAL + 1)
    image = sitk.GetImageFromArray(levels.astype(np.int32))
    mask = sitk.GetImageFromArray((levels > 0).astype(np.uint8))
    made = {}
    for family in FAMILIES:
        made[family] = featureextractor.getFeatureClasses()[family](image, mask, binWidth=1)
        made[family].enableAllFeatures()

    def run() -> dict[str, dict[str, float]]:
        return {
            f: {name: float(np.real(v)) for name, v in c.execute().items()} for f, c in made.items()
        }

    return run


def check(levels: np.ndarray, image: np.ndarray, mask: np.ndarray) -> None:
    """Raise unless counts are equal, sums to 1e-12 and features to 1e-9."""
    ours, grey = all_ours(levels)
    reference = all_theirs(image, mask)
    keep = grey - 1
    np.testing.assert_array_equal(ours["glcm"], reference["glcm"][np.ix_(keep, keep)])
    for family in ("glrlm", "gldm"):
        width = ours[family].shape[1]
        np.testing.assert_array_equal(ours[family], reference[family][keep, :width])
        assert not reference[family][:, width:].any()
    zones = ours["glszm"]
    np.testing.assert_array_equal(zones.counts, reference["glszm"][keep][:, zones.sizes - 1])
    assert zones.counts.sum() == reference["glszm"].sum()
    np.testing.assert_allclose(ours["ngtdm"], reference["ngtdm"][keep], rtol=1e-12, atol=1e-12)
    expected, found = calculators(levels)(), our_features(levels)
    for spec in FEATURES:
        if spec.family in FAMILIES and not spec.deprecated:
            value = expected[spec.family][spec.pyradiomics_name.split("_")[1]]
            np.testing.assert_allclose(
                found[spec.family][spec.name], value, rtol=1e-9, atol=1e-9, err_msg=spec.key
            )


def seconds(function: Callable[[], Any]) -> float:
    started = time.process_time()
    function()
    return time.process_time() - started


def compare(
    part: str, ours: Callable[[], Any], reference: Callable[[], Any], rounds: int
) -> dict[str, Any]:
    pairs = np.array([(seconds(reference), seconds(ours)) for _ in range(rounds)])
    best = pairs.min(axis=0)
    return {
        "part": part,
        "pyradiomics_ms": round(float(best[0]) * 1e3, 3),
        "radiofib_ms": round(float(best[1]) * 1e3, 3),
        "ratio": round(float(best[0] / max(best[1], 1e-9)), 1),
        "median_ratio": round(float(np.median(pairs[:, 0] / np.maximum(pairs[:, 1], 1e-9))), 1),
    }


def measure(name: str, levels: np.ndarray, rounds: int) -> list[dict[str, Any]]:
    image, mask = levels.astype(np.int32), levels > 0
    check(levels, image, mask)  # also compiles
    gc.collect()
    rows = [
        compare(
            family.upper(),
            lambda family=family: getattr(Matrices(Levels.of(levels)), family)(),
            lambda family=family: theirs(family, image, mask),
            rounds,
        )
        for family in FAMILIES
    ]
    rows.append(
        compare("five matrices", lambda: all_ours(levels), lambda: all_theirs(image, mask), rounds)
    )
    rows.append(
        compare("five and features", lambda: our_features(levels), calculators(levels), rounds)
    )
    size = {"case": name, "voxels": int(mask.sum()), "box": "x".join(map(str, levels.shape))}
    return [{**size, **row} for row in rows]


def main(arguments: list[str] | None = None) -> list[dict[str, Any]]:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--small", action="store_true", help="small regions: a smoke run")
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args(arguments)
    rows: list[dict[str, Any]] = []
    with warnings.catch_warnings(), threadpool_limits(limits=1):
        warnings.simplefilter("ignore")
        for name, levels in cases(given.small).items():
            rows += measure(name, levels, given.rounds)
    versions = environment(("numpy", "numba", "pyradiomics-cuda"))
    about = "; ".join(f"{k} {v}" for k, v in versions.items()) + f"; {processor()}; one core"
    for row in rows:
        row["versions"] = about
    print(about)
    print(f"{'case':16}{'part':20}{'pyradiomics ms':>15}{'radiofib ms':>13}{'ratio':>8}  median")
    for row in rows:
        print(
            f"{row['case']:16}{row['part']:20}{row['pyradiomics_ms']:15.2f}"
            f"{row['radiofib_ms']:13.2f}{row['ratio']:8.1f}  ({row['median_ratio']:.1f})"
        )
    given.out.mkdir(parents=True, exist_ok=True)
    with (given.out / "texture_matrices.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return rows


if __name__ == "__main__":
    main()
