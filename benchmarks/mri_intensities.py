"""Preprocessing of MR intensities on simulated patients with known truth.

Every patient is drawn on the four scanners, whose gain, gamma, offset, bias field and noise
differ. Measured, as it is:

- seconds of each step on a volume of 320 x 260 x 72 (1 x 1 x 2.5 mm), one thread; CPU seconds
  too, for they do not depend on what else the machine does;
- shading: deviation over the liver of the logarithm of the image over the same image without a
  bias field, smoothed by 8 mm, before and after N4; and the liver's coefficient of variation;
- disagreement: how far the medians of liver, spleen and muscle lie apart between scanners, as
  a share of how far the three lie apart on one scanner (0 is best, raw values have no bound);
- vessels: Dice, recall and precision of both methods against the painted vessels, in the liver
  without lesion and without 4 mm of capsule.

    python benchmarks/mri_intensities.py [--small] [--patients 4] [--seed 0]
                                         [--parts speed,bias,scale,vessels] [--out FOLDER]
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from radiofib.preprocess.hygiene import VesselSettings, eroded, find_vessels
from radiofib.preprocess.mri import (
    BiasField,
    MriPreprocessing,
    Normalisation,
    body_mask,
    find_spikes,
    log_bias_field,
    preprocess_volume,
)

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # simulated patients are shared with the tests

from tests.preprocess.mri.agreement import (  # noqa: E402
    disagreement,
    medians,
    scale_of,
    settings_of,
)
from tests.preprocess.mri.volumes import (  # noqa: E402
    array_of,
    image_of,
    on_each_scanner,
    vessels_of,
)

RESULTS = Path(__file__).parent / "results"
METHODS = ("raw", "zscore", "percentile", "nyul", "reference_tissue")
Row = tuple[str, str, str, float]


def timed(work: Callable[[], Any]) -> tuple[Any, float, float]:
    """Return the result, seconds and CPU seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    found = work()
    return found, time.perf_counter() - wall, time.process_time() - cpu


def speed(size: float, seed: int) -> Iterator[Row]:
    name, volume, _ = on_each_scanner(0, "ged4", seed, size)[0]
    image, liver = image_of(volume), array_of(volume.liver)
    pixels, spacing = image.pixels, image.spacing_mm
    shape = " x ".join(str(n) for n in reversed(pixels.shape))
    body = body_mask(pixels)
    zscore = MriPreprocessing(spikes=None, normalise=Normalisation(inside="region"))
    steps: dict[str, Callable[[], Any]] = {
        "spikes": lambda: find_spikes(pixels),
        "body": lambda: body_mask(pixels),
        "n4": lambda: log_bias_field(image, body),
        "zscore": lambda: preprocess_volume(image, zscore, region=liver),
        "erosion": lambda: eroded(liver, spacing, 4.0),
        "vessels threshold": lambda: find_vessels(pixels, liver, spacing),
        "vessels vesselness": lambda: find_vessels(
            pixels, liver, spacing, VesselSettings(method="vesselness")
        ),
    }
    for step, work in steps.items():
        _, wall, cpu = timed(work)
        yield "speed", f"scanner {name}, {shape}", f"{step}, seconds", wall
        yield "speed", f"scanner {name}, {shape}", f"{step}, CPU seconds", cpu


def shading(pixels: Any, even: Any, liver: Any, spacing: tuple[float, ...]) -> float:
    """Return the smooth deviation of an image from the one without a bias field."""
    logs = [np.log(np.maximum(p.astype(np.float64), 1e-3)) for p in (pixels, even)]
    sigma = [8 / s for s in spacing]
    top = ndimage.gaussian_filter(np.where(liver, logs[0] - logs[1], 0), sigma)
    bottom = ndimage.gaussian_filter(liver.astype(np.float64), sigma)
    return float((top[liver] / bottom[liver]).std())


def bias(size: float, seed: int, patients: int) -> Iterator[Row]:
    steps = MriPreprocessing(bias=BiasField())
    for channel in ("t1", "ged4"):
        for strength, changes in (("as it is", {}), ("0.3", {"bias": 0.3})):
            found: dict[str, list[float]] = {}
            for index in range(patients):
                drawn = on_each_scanner(index, channel, seed, size, **changes)
                even = on_each_scanner(index, channel, seed, size, bias=0.0)
                for (_, volume, anatomy), (_, other, _) in zip(drawn, even, strict=True):
                    image, flat = image_of(volume), image_of(other).pixels
                    liver = array_of(volume.liver) & ~vessels_of(volume, anatomy)
                    liver &= ~array_of(volume.lesion)
                    done, _ = preprocess_volume(image, steps)
                    for when, pixels in (("before", image.pixels), ("after", done.pixels)):
                        shade = shading(pixels, flat, liver, image.spacing_mm)
                        values = pixels[liver].astype(np.float64)
                        found.setdefault(f"shading {when}", []).append(shade)
                        found.setdefault(f"CV {when}", []).append(values.std() / values.mean())
            where = f"{channel}, bias {strength}"
            for name, values in found.items():
                yield "bias", where, f"{name}, median of {len(values)}", float(np.median(values))
            for name in ("shading", "CV"):
                lower = np.array(found[f"{name} after"]) < np.array(found[f"{name} before"])
                yield "bias", where, f"{name} lower after, share", float(lower.mean())


def scale(size: float, seed: int, patients: int) -> Iterator[Row]:
    learners = range(patients, patients + 3)
    for channel in ("t1", "t2", "ged4"):
        for field in (None, BiasField()) if channel == "ged4" else (None,):
            for method in METHODS:
                marks = None
                if method == "nyul":
                    marks = scale_of(settings_of(method, field), channel, seed, learners, size)
                found = [
                    disagreement(medians(method, channel, seed, i, size, field, marks))
                    for i in range(patients)
                ]
                how = f"{method}{' after N4' if field else ''}, mean of {patients}"
                yield "scale", channel, how, float(np.mean(found))


def vessels(size: float, seed: int, patients: int) -> Iterator[Row]:
    for channel in ("t1", "t2", "ged2", "ged4"):
        for method in ("threshold", "vesselness"):
            found: dict[str, list[float]] = {"Dice": [], "recall": [], "precision": []}
            for index in range(patients):
                for _, volume, anatomy in on_each_scanner(index, channel, seed, size):
                    image = image_of(volume)
                    core = eroded(array_of(volume.liver), image.spacing_mm, 4.0)
                    core &= ~array_of(volume.lesion)
                    truth = vessels_of(volume, anatomy) & core
                    asked = VesselSettings(method=method)
                    marked = find_vessels(image.pixels, core, image.spacing_mm, asked)
                    both = np.count_nonzero(marked & truth)
                    sizes = np.count_nonzero(marked), np.count_nonzero(truth)
                    found["Dice"].append(2 * both / max(sum(sizes), 1))
                    found["recall"].append(both / max(sizes[1], 1))
                    found["precision"].append(both / max(sizes[0], 1))
            for name, values in found.items():
                what = f"{method}, {name}, median of {len(values)}"
                yield "vessels", channel, what, float(np.median(values))
                yield "vessels", channel, f"{method}, {name}, least", float(min(values))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--small", action="store_true", help="small volumes, one patient")
    parser.add_argument("--patients", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--parts", default="speed,bias,scale,vessels")
    parser.add_argument("--out", type=Path, default=RESULTS)
    asked = parser.parse_args()
    size, patients = (0.12, 1) if asked.small else (0.3, asked.patients)
    parts: dict[str, Callable[[], Iterator[Row]]] = {
        "speed": lambda: speed(0.12 if asked.small else 1.0, asked.seed),
        "bias": lambda: bias(size, asked.seed, patients),
        "scale": lambda: scale(size, asked.seed, patients),
        "vessels": lambda: vessels(size, asked.seed, patients),
    }
    asked.out.mkdir(parents=True, exist_ok=True)
    with (asked.out / "mri_intensities.csv").open("w", newline="", encoding="utf-8") as stream:
        table = csv.writer(stream)
        table.writerow(("part", "where", "what", "value"))
        for name in asked.parts.split(","):
            for part, where, what, value in parts[name]():
                table.writerow((part, where, what, f"{value:.4g}"))
                stream.flush()
                print(f"{part:8} {where:34} {what:44} {value:.4g}", flush=True)


if __name__ == "__main__":
    main()
