"""Feature maps against pyradiomics' voxel-based mode: equal values first, then seconds, in turn.

Usage: python benchmarks/feature_maps.py [--runs N] [--small] [--out benchmarks/results]

All 93 features of the window around each voxel, on one core. A part of a liver-like region at
1.2 x 1.2 x 3 mm and of one like the tumour of pyradiomics' brain1 at 0.8 x 0.8 x 6.5 mm, both from
fixed seeds. A part, because pyradiomics holds the co-occurrence matrices of all windows at once
(0.1 MB a voxel with 32 bins); it is given batches of 1000 windows, with which it is fastest.
Without its batches it loses MCC where a direction is empty; its seconds are without that work,
which speaks for it.
"""

from __future__ import annotations

import argparse
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from _pyradiomics import silence
from scipy.ndimage import gaussian_filter
from threadpoolctl import threadpool_limits

from radiofib.engines import ExtractionConfig
from radiofib.engines.native.maps import FeatureMap, feature_maps
from radiofib.engines.prepare import to_simpleitk
from radiofib.preprocess import grown
from radiofib.provenance import environment
from radiofib.registry import FEATURES, image_token
from radiofib.roi import Roi

VERSIONS = ("numpy", "numba", "SimpleITK", "pyradiomics-cuda")
CLASSES = ("firstorder", "glcm", "glrlm", "glszm", "gldm", "ngtdm")
BOUND = 1e-9


def region(seed: int, shape: tuple[int, int, int], voxels: int, spacing: Any, grain: Any) -> Roi:
    """Return a ragged blob of about `voxels` voxels with texture of a given grain."""
    rng = np.random.default_rng(seed)
    grids = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij")
    field = -sum(g**2 for g in grids) + gaussian_filter(rng.normal(size=shape), 3) * 2
    mask = field >= np.partition(field.ravel(), -voxels)[-voxels]
    pixels = gaussian_filter(rng.normal(size=shape), grain)
    pixels = pixels / pixels.std() * 120 + 700
    return Roi(pixels.round().astype(np.int16), mask, spacing, "x")


def theirs(roi: Roi, config: ExtractionConfig, batch: int) -> dict[str, Any]:
    """Return column -> values of the region by pyradiomics."""
    import SimpleITK as sitk
    from radiomics.featureextractor import RadiomicsFeatureExtractor

    silence()
    assert config.voxel_settings is not None
    voxel = config.voxel_settings.model_dump(by_alias=True, exclude_unset=True)
    settings = {**config.settings.given(), **voxel, "voxelBatch": batch}
    image, mask = to_simpleitk(roi)
    extractor = RadiomicsFeatureExtractor(additionalInfo=False, **settings)
    extractor.disableAllFeatures()
    for name in CLASSES:
        extractor.enableFeatureClassByName(name)
    found = extractor.execute(image, mask, label=1, voxelBased=True)
    columns = {}
    for key, value in found.items():
        token, feature = key.split("_", 1)
        spec = FEATURES.from_pyradiomics(feature)
        columns[spec.column("x", image_token(token))] = sitk.GetArrayFromImage(value)
    return columns


def compared(ours: dict[str, FeatureMap], reference: dict[str, Any], radius: int) -> int:
    """Return how many values were compared; stop when one differs.

    pyradiomics' joint average is NaN in a window with an empty direction, and its MCC is lost
    for a whole batch with such a window: there it is 0 and there is nothing to compare.
    """
    number = 0
    for column, values in reference.items():
        found = ours[column]
        box = grown(found.region.slices, radius, found.region.mask.shape)
        known = values[found.region.mask[box]]
        same = np.ones(known.shape, bool)
        if column.endswith("joint_average"):
            same = ~np.isnan(known)
        if column.endswith("glcm_mcc"):
            same = known != 0
        a, b = found.inside[same], known[same]
        number += len(b)
        near = np.abs(a - b) <= BOUND * np.maximum(np.abs(b), 1)
        wrong = ~near & ~(np.isnan(a) & np.isnan(b))
        if wrong.any():
            raise SystemExit(f"{column}: {wrong.sum()} of {len(b)} values differ")
    return number


def measure(name: str, roi: Roi, runs: int, batch: int, **sections: Any) -> dict[str, Any]:
    """Time both in turn on one region."""
    config = ExtractionConfig.parse(sections, where=name)
    assert config.voxel_settings is not None
    list(feature_maps(roi, config))  # compiles, or reads what was compiled
    times: dict[str, list[float]] = {"ours": [], "pyradiomics": []}
    number = 0
    for _ in range(runs):
        start = time.perf_counter()
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            reference = theirs(roi, config, batch)
        middle = time.perf_counter()
        found = {f.column: f for f in feature_maps(roi, config) if isinstance(f, FeatureMap)}
        times["ours"].append(time.perf_counter() - middle)
        times["pyradiomics"].append(middle - start)
        number = compared(found, reference, config.voxel_settings.kernel_radius)
    ratio = np.array(times["pyradiomics"]) / np.array(times["ours"])
    seconds = {key: float(np.median(values)) for key, values in times.items()}
    return {
        "case": name,
        "voxels": roi.n_voxels,
        "values_compared": number,
        "pyradiomics_s": round(seconds["pyradiomics"], 3),
        "native_s": round(seconds["ours"], 4),
        "native_us_per_voxel": round(1e6 * seconds["ours"] / roi.n_voxels, 1),
        "ratio": round(float(np.median(ratio)), 1),
        "runs": runs,
    }


def main(arguments: list[str] | None = None) -> pd.DataFrame:
    """Measure all cases, print and store the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--small", action="store_true", help="tiny regions, to see that it runs")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    options = parser.parse_args(arguments)
    size = 150 if options.small else 2500
    shape = (6, 14, 16) if options.small else (24, 60, 64)
    liver = region(20260103, shape, size, (3.0, 1.2, 1.2), 1.0)
    brain = region(20260104, shape, size, (6.5, 0.78, 0.78), (0.6, 2.0, 2.0))
    flat: dict[str, Any] = {"binWidth": 25, "force2D": True}
    cases: list[tuple[str, Roi, dict[str, Any]]] = [
        ("liver-like, 32 bins, 3x3x3", liver, {"setting": {"binCount": 32}, "voxelSetting": {}}),
        ("liver-like, 32 bins, 3x3x3, whole kernel", liver,
         {"setting": {"binCount": 32}, "voxelSetting": {"maskedKernel": False}}),
        ("liver-like, 32 bins, 5x5x5", liver,
         {"setting": {"binCount": 32}, "voxelSetting": {"kernelRadius": 2}}),
        ("brain1-like, bins of 25, 3x3x3", brain,
         {"setting": {"binWidth": 25}, "voxelSetting": {}}),
        ("brain1-like, bins of 25, 3x3 in the slice", brain,
         {"setting": flat, "voxelSetting": {}}),
    ]  # fmt: skip
    with threadpool_limits(limits=1):
        table = pd.DataFrame(
            [measure(name, roi, options.runs, 1000, **parts) for name, roi, parts in cases]
        )
    print(table.to_string(index=False))
    versions = environment(VERSIONS)
    print(", ".join(f"{k} {v}" for k, v in versions.items()))
    options.out.mkdir(parents=True, exist_ok=True)
    table.assign(**versions).to_csv(options.out / "feature_maps.csv", index=False)
    return table


if __name__ == "__main__":
    main()
