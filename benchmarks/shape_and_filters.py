"""Shape, first-order features, grey levels and filters against pyradiomics.

Every pair is first compared, then run in turn, in one process on one thread; the table gives
the median of the seconds of each side and of the ratios of the pairs. Reading is not in it.

    python benchmarks/shape_and_filters.py [--small] [--repeats 5] [--out FILE]
"""

from __future__ import annotations

import argparse
import logging
import platform
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import SimpleITK as sitk
from radiomics import imageoperations
from radiomics.firstorder import RadiomicsFirstOrder
from radiomics.shape import RadiomicsShape
from radiomics.shape2D import RadiomicsShape2D
from scipy.ndimage import gaussian_filter

sys.path.insert(0, str(Path(__file__).parents[1]))  # found by name from wherever it is run

from benchmarks._machine import processor
from radiofib.features import firstorder, shape, shape2d
from radiofib.filters import filtered
from radiofib.preprocess import bounding_box, discretise, why_unusable
from radiofib.registry import snake_case

RESULTS = Path(__file__).parent / "results"
VERSIONS = ("pyradiomics-cuda", "numpy", "scipy", "numba", "SimpleITK", "PyWavelets")
FILTERS: dict[str, dict[str, Any]] = {
    "LoG": {"sigma": [1.0, 2.0, 3.0]},
    "Wavelet": {},
    "Square": {},
    "SquareRoot": {},
    "Logarithm": {},
    "Exponential": {},
    "Gradient": {},
    "LBP2D": {},
}


class Pair(NamedTuple):
    """Something both sides compute, and how far apart the results may be."""

    name: str
    theirs: Callable[[], dict[str, Any]]
    ours: Callable[[], dict[str, Any]]
    bound: float


def liver(small: bool) -> tuple[Any, Any, tuple[float, ...]]:
    """Make a noisy image with a lobed region: 400,000 of 320 x 260 x 72 voxels, or a hundredth."""
    size, number = ((16, 56, 70), 4_000) if small else ((72, 260, 320), 400_000)
    rng = np.random.default_rng(7)
    wide = gaussian_filter(rng.normal(size=size).astype(np.float32), (3, 8, 8))
    wide /= wide.std()
    z, y, x = (2 * np.arange(n) / n - 1 for n in size)
    z, y, x = z[:, None, None], y[None, :, None], x[None, None, :]
    from_centre = (z / 0.8) ** 2 + (y / 0.55) ** 2 + (x / 0.6) ** 2 + 0.6 * x * y + 0.12 * wide
    mask = from_centre < np.partition(from_centre.ravel(), number)[number]
    pixels = (100 + 25 * wide + rng.normal(0, 12, size)).astype(np.int16)
    return pixels, mask, (3.0, 1.2, 1.2)


def to_itk(pixels: Any, mask: Any, spacing: Any) -> tuple[Any, Any]:
    image = sitk.GetImageFromArray(pixels)
    image.SetSpacing(tuple(reversed(spacing)))
    label = sitk.GetImageFromArray(mask.astype(np.uint32))
    label.CopyInformation(image)
    return image, label


def run_class(cls: Any, image: Any, label: Any, **settings: Any) -> dict[str, Any]:
    calculator = cls(image, label, **settings)
    return {snake_case(name): float(value) for name, value in calculator.execute().items()}


def run_filter(name: str, image: Any, label: Any, box: Any) -> dict[str, Any]:
    make = getattr(imageoperations, f"get{name}Image")
    found = {}
    for filtered_image, label_of, _ in make(image, label, **FILTERS[name]):
        cropped, _ = imageoperations.cropToTumorMask(filtered_image, label, box)
        found[label_of] = sitk.GetArrayFromImage(cropped)
    return found


def pairs(small: bool) -> list[Pair]:
    pixels, mask, spacing = liver(small)
    image, label = to_itk(pixels, mask, spacing)
    box = bounding_box(mask)
    itk_box, _ = imageoperations.checkMask(image, label)
    part, inside = np.ascontiguousarray(pixels[box]), np.ascontiguousarray(mask[box])
    part_image, part_label = to_itk(part, inside, spacing)
    levels = discretise(part, inside, bin_width=25.0)
    middle = inside[len(inside) // 2]
    flat = middle[bounding_box(middle)]
    flat_image, flat_label = to_itk(flat.astype(np.int16), flat, spacing[1:])

    def check() -> dict[str, Any]:
        reason = why_unusable(mask)
        assert reason is None
        return {"box": np.array([[p.start, p.stop - 1] for p in bounding_box(mask)])}

    def check_theirs() -> dict[str, Any]:
        found, _ = imageoperations.checkMask(image, label)
        imageoperations.cropToTumorMask(image, label, found)
        return {"box": np.reshape(found, (-1, 2))[::-1]}

    def filter_pair(name: str) -> Pair:
        return Pair(
            f"filter {name}" + (" (1, 2, 3 mm)" if name == "LoG" else ""),
            lambda: run_filter(name, image, label, itk_box),
            lambda: dict(filtered(pixels, mask, spacing, name, FILTERS[name], box=box)),
            1e-8 if name == "LoG" else 0.0,
        )

    return [
        Pair("mask checks and crop", check_theirs, check, 0.0),
        Pair(
            "shape",
            lambda: run_class(RadiomicsShape, part_image, part_label),
            lambda: shape.compute(inside, spacing),
            1e-9,
        ),
        Pair(
            "shape2D (middle slice)",
            lambda: run_class(RadiomicsShape2D, flat_image, flat_label),
            lambda: shape2d.compute(flat, spacing[1:]),
            1e-9,
        ),
        Pair(
            "grey levels",
            lambda: {"levels": imageoperations.binImage(part, inside, binWidth=25.0)[0]},
            lambda: {"levels": discretise(part, inside, bin_width=25.0).levels},
            0.0,
        ),
        Pair(
            "first order",
            lambda: run_class(RadiomicsFirstOrder, part_image, part_label, binWidth=25.0),
            lambda: firstorder.compute(part[inside], levels.counts, spacing),
            1e-9,
        ),
        *(filter_pair(name) for name in FILTERS),
    ]


def difference(pair: Pair) -> float:
    """Largest difference in shares of the value, or of the range of an image."""
    theirs, ours = pair.theirs(), pair.ours()
    largest = 0.0
    for name, expected in theirs.items():
        found = np.asarray(ours[name], dtype=np.float64)
        apart = np.abs(found - np.asarray(expected, dtype=np.float64)).max()
        scale = np.ptp(expected) if np.ndim(expected) else abs(expected)
        largest = max(largest, float(apart / scale) if apart else 0.0)
    if largest > pair.bound:
        raise SystemExit(f"{pair.name}: not equal, {largest:.2g} apart, {pair.bound:.0e} allowed")
    return largest


def seconds(function: Callable[[], Any]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="a small region, to try it out")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args()
    logging.getLogger("radiomics").setLevel(logging.CRITICAL + 1)
    warnings.simplefilter("ignore")
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    rows = []
    for pair in pairs(given.small):
        apart = difference(pair)
        runs = [(seconds(pair.theirs), seconds(pair.ours)) for _ in range(given.repeats)]
        theirs, ours = (statistics.median(side) for side in zip(*runs, strict=True))
        ratio = statistics.median(a / b for a, b in runs)
        rows.append(
            f"| {pair.name} | {theirs * 1e3:.1f} | {ours * 1e3:.2f} | {ratio:.0f} | {apart:.1g} |"
        )
        print(rows[-1], flush=True)
    what = "4,000 voxels in 70 x 56 x 16" if given.small else "400,000 voxels in 320 x 260 x 72"
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in VERSIONS)
    text = "\n".join(
        [
            "# Shape and filters against pyradiomics",
            "",
            f"Region of {what}, 1.2 x 1.2 x 3 mm, one thread, median of {given.repeats} pairs run",
            f"in turn. Python {platform.python_version()}, {versions}; {processor()}.",
            "Difference: largest, in shares of the value or of the range of the image in the box.",
            "",
            "| part | pyradiomics, ms | radiofib, ms | times faster | difference |",
            "|---|---|---|---|---|",
            *rows,
            "",
        ]
    )
    given.out.mkdir(parents=True, exist_ok=True)
    table = given.out / "shape_and_filters.md"
    partial = table.with_suffix(".partial")
    partial.write_text(text)
    partial.replace(table)


if __name__ == "__main__":
    main()
