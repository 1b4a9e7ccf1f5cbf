"""Peak memory of one extraction, radiofib against pyradiomics, each in a process of its own.

What counts is the highest resident memory during one extraction less that just before it: after
the imports, an extraction of a tiny region, and reading, so with image and mask in memory.
pyradiomics is called directly with SimpleITK images. One worker, one thread.

Usage: python benchmarks/memory.py [--small] [--out FOLDER]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

MIB = 1 << 20
SIDES = ("native", "pyradiomics")
FAMILIES = ("firstorder", "glcm", "glrlm", "glszm", "gldm", "ngtdm")
RESULTS = Path(__file__).parent / "results"


def run_child(side: str, what: str, folder: Path) -> dict[str, float]:
    """Measure one extraction in a fresh process."""
    command = [sys.executable, __file__, "--child", side, what, str(folder)]
    surroundings = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=surroundings, check=False)
    if done.returncode:
        raise SystemExit(f"{side}, {what} failed:\n{done.stderr}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def hand_over(roi: Any, folder: Path) -> None:
    """Write a region for the processes that measure."""
    folder.mkdir(exist_ok=True)
    np.save(folder / "pixels.npy", roi.pixels)
    np.save(folder / "mask.npy", roi.mask)
    np.save(folder / "spacing.npy", np.array(roi.spacing_mm))


def child(side: str, what: str, folder: Path) -> dict[str, float]:
    """Extract once and say how long it took and how much memory was added at most."""
    pixels = np.load(folder / "pixels.npy")
    rng = np.random.default_rng(0)
    size = (16, 40, 40)[-pixels.ndim :]
    tiny = rng.integers(0, 99, size).astype(pixels.dtype), rng.random(size) < 0.7
    spacing = tuple(np.load(folder / "spacing.npy").tolist())
    prepare = {"native": _native, "pyradiomics": _pyradiomics}[side]
    make = prepare if what != "matrices" else {"native": _ours, "pyradiomics": _theirs}[side]
    make(*tiny, spacing, what)()
    extract = make(pixels, np.load(folder / "mask.npy"), spacing, what)
    del pixels
    before = _start()
    start = time.perf_counter()
    extract()
    seconds = time.perf_counter() - start
    return {"peak_mib": (_highest() - before) / MIB, "seconds": seconds}


def _native(pixels: Any, mask: Any, spacing: Any, what: str) -> Callable[[], Any]:
    from _regions import FILTERS, ORIGINAL, configuration

    from radiofib.engines import get_engine
    from radiofib.roi import Roi

    engine = get_engine("native")
    config = configuration(FILTERS if what == "filters" else ORIGINAL)
    roi = Roi(pixels, mask, spacing, "x")
    return lambda: engine.extract(roi, config)


def _pyradiomics(pixels: Any, mask: Any, spacing: Any, what: str) -> Callable[[], Any]:
    import logging

    import SimpleITK as sitk
    from radiomics import featureextractor

    logging.getLogger("radiomics").setLevel(logging.CRITICAL + 1)
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    flat = pixels.ndim == 2
    types: dict[str, Any] = {"Original": {}}
    if what == "filters":
        types |= {"LoG": {"sigma": [1.0, 3.0, 5.0]}, "Wavelet": {}}
    classes = FAMILIES if flat else ("shape", *FAMILIES)
    extractor = featureextractor.RadiomicsFeatureExtractor(
        {
            "imageType": types,
            "featureClass": dict.fromkeys(classes),
            "setting": {"binCount": 32, "force2D": flat, "additionalInfo": False},
        }
    )
    image, label = (
        sitk.GetImageFromArray(a[None] if flat else a) for a in (pixels, mask.astype(np.uint8))
    )
    for picture in (image, label):
        picture.SetSpacing((*reversed(spacing), 1.0)[:3])
    return lambda: extractor.execute(image, label)


def _levels(pixels: Any, mask: Any) -> Any:
    from radiofib.preprocess import bounding_box, discretise

    box = bounding_box(mask)
    return discretise(np.ascontiguousarray(pixels[box]), mask[box], bin_count=32).levels


def _ours(pixels: Any, mask: Any, spacing: Any, what: str) -> Callable[[], Any]:  # noqa: ARG001
    from radiofib.features.matrices import Levels, Matrices

    levels = _levels(pixels, mask)

    def run() -> None:
        matrices = Matrices(Levels.of(levels))
        for family in FAMILIES[1:]:
            getattr(matrices, family)()

    return run


def _theirs(pixels: Any, mask: Any, spacing: Any, what: str) -> Callable[[], Any]:  # noqa: ARG001
    from radiomics import _cmatrices as upstream

    levels = _levels(pixels, mask).astype(np.int32)
    inside, near, n = levels > 0, np.array([1]), int(levels.max())

    def run() -> None:
        upstream.calculate_glcm(levels, inside, near, n, False, 0)
        upstream.calculate_glrlm(levels, inside, n, max(levels.shape), False, 0)
        upstream.calculate_glszm(levels, inside, n, int(inside.sum()), False, 0)
        upstream.calculate_gldm(levels, inside, near, n, 0, False, 0)
        upstream.calculate_ngtdm(levels, inside, near, n, False, 0)

    return run


def _start() -> int:
    """Forget the highest memory so far where the system allows it; return what is in use."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return _highest()
    return pages * resource.getpagesize()


def _highest() -> int:
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        [peak] = [line.split()[1] for line in lines if line.startswith("VmHWM")]
        return int(peak) * 1024
    except (OSError, ValueError):
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def main(arguments: list[str] | None = None) -> None:
    """Measure all cases, print and store the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="tiny regions, to see that it runs")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--child", nargs=3, metavar=("SIDE", "WHAT", "FOLDER"))
    options = parser.parse_args(arguments)
    if options.child:
        side, what, given = options.child
        print(json.dumps(child(side, what, Path(given))))
        return
    import pandas as pd
    from _regions import cube, liver, ultrasound

    from radiofib.provenance import environment

    regions = {
        "liver": liver(small=options.small),
        "ultrasound": ultrasound(small=options.small),
        "full cube": cube(20 if options.small else 216),
    }
    cases = [
        ("liver", "original"),
        ("liver", "filters"),
        ("ultrasound", "original"),
        ("full cube", "matrices"),
        ("full cube", "original"),
    ]
    rows = []
    with tempfile.TemporaryDirectory() as name:
        for region, roi in regions.items():
            hand_over(roi, Path(name) / region)
        for region, what in cases:
            row = {"case": f"{region}, {what}", "voxels": regions[region].n_voxels}
            for side in SIDES:
                found = run_child(side, what, Path(name) / region)
                row[f"{side}_mib"] = round(found["peak_mib"], 1)
            row["ratio"] = round(row["pyradiomics_mib"] / max(row["native_mib"], 0.1), 1)
            print(", ".join(f"{k} {v}" for k, v in row.items()), flush=True)
            rows.append(row)
    versions = environment(("numpy", "numba", "SimpleITK", "pyradiomics-cuda"))
    options.out.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).assign(**versions).to_csv(options.out / "memory.csv", index=False)


if __name__ == "__main__":
    main()
