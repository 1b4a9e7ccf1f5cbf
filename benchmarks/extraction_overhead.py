"""What radiofib adds to pyradiomics: equal values first, then seconds for the same regions.

Usage: python benchmarks/extraction_overhead.py [--regions N] [--out benchmarks/results]

Pairs, for each region in turn, our engine with the same extractor called
directly, and prints one table, which it also stores with versions.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
import SimpleITK as sitk
from scipy.ndimage import gaussian_filter

from radiofib.engines import ExtractionConfig, get_engine
from radiofib.provenance import environment
from radiofib.registry import FEATURES, image_token
from radiofib.roi import Roi

CONFIG = {
    "imageType": {"Original": {}, "Wavelet": {}},
    "featureClass": dict.fromkeys(("firstorder", "glcm", "glrlm", "glszm", "gldm", "ngtdm")),
    "setting": {"binCount": 32},
}
VERSIONS = ("numpy", "SimpleITK", "PyWavelets", "pyradiomics-cuda")


def regions(count: int, side: int = 48) -> list[np.ndarray]:
    """Return textured 2-D regions from a fixed seed."""
    rng = np.random.default_rng(20260101)
    return [gaussian_filter(rng.normal(100, 40, (side, side)), 1.0) for _ in range(count)]


def directly(extractor: object, pixels: np.ndarray) -> dict[str, float]:
    """Return pyradiomics' own values under radiofib's column names."""
    image = sitk.GetImageFromArray(pixels)
    mask = sitk.GetImageFromArray(np.ones(pixels.shape, np.uint8))
    found = {}
    for name, value in extractor.execute(image, mask).items():  # type: ignore[attr-defined]
        if name.startswith("diagnostics"):
            continue
        kind, family, feature = name.split("_")
        spec = FEATURES.from_pyradiomics(f"{family}_{feature}")
        found[spec.column("us", image_token(kind))] = float(value)
    return found


def main(arguments: list[str] | None = None) -> pd.DataFrame:
    """Run the pairs, check equality, print and store the table."""
    from radiomics import featureextractor, setVerbosity

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--regions", type=int, default=40)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    options = parser.parse_args(arguments)
    setVerbosity(60)
    extractor = featureextractor.RadiomicsFeatureExtractor(CONFIG)
    config = ExtractionConfig.parse(CONFIG, where="benchmark")
    engine = get_engine("pyradiomics")
    ours, theirs = [], []
    for pixels in regions(options.regions):
        roi = Roi(pixels, np.ones(pixels.shape, bool), (1.0, 1.0), "us")
        start = time.perf_counter()
        direct = directly(extractor, pixels)
        middle = time.perf_counter()
        values = engine.extract(roi, config).values  # noqa: PD011 - no pandas
        theirs.append(middle - start)
        ours.append(time.perf_counter() - middle)
        same = [np.isclose(values[c], v, rtol=1e-12, atol=0) for c, v in direct.items()]
        if not all(same) or not direct:
            raise SystemExit("values differ: the times mean nothing")
    table = pd.DataFrame(
        {
            "what": ["pyradiomics directly", "radiofib, engine pyradiomics", "ratio"],
            "median_ms": [
                1e3 * float(np.median(theirs)),
                1e3 * float(np.median(ours)),
                float(np.median(np.array(ours) / np.array(theirs))),
            ],
            "regions": options.regions,
            "values_compared": len(direct),
        }
    ).round(3)
    print(table.to_string(index=False))
    versions = environment(VERSIONS)
    print(", ".join(f"{k} {v}" for k, v in versions.items()))
    options.out.mkdir(parents=True, exist_ok=True)
    table.assign(**versions).to_csv(options.out / "extraction_overhead.csv", index=False)
    return table


if __name__ == "__main__":
    main()
