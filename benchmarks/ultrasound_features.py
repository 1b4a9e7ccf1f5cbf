"""Seconds for the ultrasound features of a region, beside what other libraries take.

Usage: python benchmarks/ultrasound_features.py [--small] [--runs 7] [--out FOLDER]

Regions of 28 x 28, 150 x 150 and 300 x 300 pixels, the largest also as a disc in a frame of
600 x 800, on one thread; processor seconds, the least of the runs, after one that compiles. Where
another library computes the same it goes in turn with ours, and results must be equal first:
scikit-image's rank entropy, scipy's correlation for Laws, scikit-image's patterns and scipy's
FFT convolution for Gabor. The last rows are hashes of a picture, and the search for copies among
ten thousand.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
from scipy import ndimage, signal
from skimage.feature import local_binary_pattern
from skimage.filters.rank import entropy as rank_entropy
from threadpoolctl import threadpool_limits

from radiofib.cohort.copies import Picture, group_pictures
from radiofib.features.ultrasound import (
    ULTRASOUND_FAMILIES,
    LogCompression,
    Machine,
    ultrasound_features,
)
from radiofib.features.ultrasound._common import whole_windows
from radiofib.features.ultrasound.entropy import grey_levels, local_entropy
from radiofib.features.ultrasound.gabor import ANGLES, WAVELENGTHS, gabor_energy, gabor_kernel
from radiofib.features.ultrasound.laws import VECTORS, laws_energy
from radiofib.features.ultrasound.patterns import pattern_histogram
from radiofib.images.perceptual import hash_picture
from radiofib.provenance import environment
from radiofib.roi import Roi
from radiofib.simulate.ultrasound import log_compress, speckle_envelope

RESULTS = Path(__file__).parent / "results"
MACHINE = Machine(compression=LogCompression(dynamic_range_db=70), frequency_mhz=3.5, flat_tgc=True)


def regions(small: bool) -> dict[str, Roi]:
    """Return speckle under masks of several sizes."""
    rng = np.random.default_rng(0)
    frame = (120, 160) if small else (600, 800)
    envelope = speckle_envelope(np.ones(frame), 1.0, 2.0, rng)
    greys = log_compress(envelope, gain_db=0, dynamic_range_db=70)
    found = {}
    for side in (28, 60) if small else (28, 150, 300):
        part = greys[:side, :side].copy()
        found[f"square of {side} px"] = Roi(part, np.ones(part.shape, bool), (0.3, 0.3), "us")
    y, x = np.indices(frame)
    radius = 50 if small else 170
    disc = np.hypot(y - frame[0] / 2, x - frame[1] / 2) < radius
    found[f"disc of {2 * radius} px in a frame"] = Roi(greys, disc, (0.3, 0.3), "us")
    return found


def peers(greys: np.ndarray, mask: np.ndarray) -> dict[str, tuple[Callable[[], Any], ...]]:
    """Return ours and another library's way to one result, by family."""
    levels = grey_levels(greys, mask)
    whole4, whole2, whole1 = (whole_windows(mask, reach) for reach in (4, 2, 1))
    inside = np.where(mask, greys, 0.0)
    centred = np.where(mask, greys - greys[mask].mean(), 0.0)

    def their_laws() -> np.ndarray:
        energy = np.empty((5, 5))
        for a, down in enumerate(VECTORS.values()):
            once = ndimage.correlate1d(inside, np.array(down, float), axis=0, mode="constant")
            for b, across in enumerate(VECTORS.values()):
                both = ndimage.correlate1d(once, np.array(across, float), axis=1, mode="constant")
                energy[a, b] = np.abs(both[whole2]).mean()
        return energy

    def their_gabor() -> list[float]:
        found = []
        for wavelength in WAVELENGTHS:
            power = np.abs(gabor_kernel(wavelength, 0)) ** 2
            seen = signal.fftconvolve(mask.astype(float), power, mode="same")[mask]
            for angle in ANGLES:
                response = signal.fftconvolve(centred, gabor_kernel(wavelength, angle), mode="same")
                found.append((np.abs(response[mask]) ** 2 / seen).mean() / greys[mask].var())
        return found

    def their_patterns() -> np.ndarray:
        found = local_binary_pattern(inside.astype(np.int32), 8, 1, "uniform")[whole1]
        return np.bincount(found.astype(int), minlength=10) / whole1.sum()

    square = np.ones((9, 9), np.uint8)
    return {
        "entropy map": (
            lambda: local_entropy(levels, mask),
            lambda: rank_entropy(levels, square)[whole4],
        ),
        "LBP, radius 1": (lambda: pattern_histogram(greys, mask, 1)[0], their_patterns),
        "Laws": (lambda: laws_energy(greys, mask)[0], their_laws),
        "Gabor": (lambda: list(gabor_energy(greys, mask).values()), their_gabor),
    }


def seconds(ways: tuple[Callable[[], Any], ...], runs: int) -> list[float]:
    """Return the least processor seconds of each way, taken in turn."""
    least = [float("inf")] * len(ways)
    for _ in range(runs):
        for k, way in enumerate(ways):
            start = time.process_time()
            way()
            least[k] = min(least[k], time.process_time() - start)
    return least


def measure(small: bool, runs: int) -> pd.DataFrame:
    """Return one row for each region and family."""
    rows: list[dict[str, Any]] = []
    for name, roi in regions(small).items():
        pixels = roi.n_voxels
        everything = (lambda roi=roi: ultrasound_features(roi, MACHINE),)
        everything[0]()
        rows.append(
            {
                "region": name,
                "pixels": pixels,
                "what": "all families",
                "ours_s": seconds(everything, runs)[0],
            }
        )
        for family in ULTRASOUND_FAMILIES:
            one = (lambda roi=roi, f=family: ultrasound_features(roi, MACHINE, families=[f]),)
            rows.append(
                {"region": name, "pixels": pixels, "what": family, "ours_s": seconds(one, runs)[0]}
            )
        if not roi.mask.all() or min(roi.mask.shape) < 50:
            continue
        for family, ways in peers(roi.pixels.astype(float), roi.mask).items():
            ours, theirs = (np.asarray(way(), dtype=float) for way in ways)
            apart = float(np.abs(ours - theirs).max() / np.abs(theirs).max())
            if apart > 1e-9:
                raise SystemExit(f"{family}: results differ by {apart:g}")
            took = seconds(ways, runs)
            rows.append(
                {
                    "region": name,
                    "pixels": pixels,
                    "what": f"{family}, against a peer",
                    "ours_s": took[0],
                    "peer_s": took[1],
                    "times_faster": took[1] / took[0],
                }
            )
    frame = regions(small)[list(regions(small))[-1]].pixels
    took = seconds((lambda: hash_picture(frame),), runs)
    rows.append({"region": "a frame", "pixels": frame.size, "what": "hashes", "ours_s": took[0]})
    n = 500 if small else 10_000
    looks = np.random.default_rng(0).integers(0, 256, (n // 4, 32), np.uint8)
    pictures = [
        Picture(f"c{k}", f"p{k}", "", f"f{k}", f"x{k}", looks[k // 4].tobytes().hex())
        for k in range(n)
    ]
    took = seconds((lambda: group_pictures(pictures),), min(runs, 3))
    rows.append(
        {"region": f"{n} pictures", "pixels": n, "what": "search for copies", "ours_s": took[0]}
    )
    return pd.DataFrame(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="small regions, one run")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args()
    with threadpool_limits(limits=1):
        table = measure(given.small, 1 if given.small else given.runs)
    print(table.round(5).to_string(index=False))
    given.out.mkdir(parents=True, exist_ok=True)
    table = table.round(6)
    for name, version in environment(("numpy", "scipy", "scikit-image", "numba")).items():
        table[name] = version
    table.to_csv(given.out / "ultrasound_features.csv", index=False, lineterminator="\n")


if __name__ == "__main__":
    main()
