"""The native engine against flash-radiomics, nyxus and mirp, in turn, on the liver, original image.

The rivals live in an environment of their own (``python -m venv rivals; rivals/bin/pip install
flash-radiomics nyxus mirp SimpleITK PyWavelets h5py pykwalify scikit-learn trimesh``), whose
Python is given by --python or RADIOFIB_RIVALS_PYTHON. Each runs in a process that stays alive, so
imports, reading and the first, warming run are left out, and answers once for each run of ours.
What they compute differs by definition and in number, as the table says; the mean intensity and,
where there is one, the volume must agree before a time counts. A rival that is not installed is a
row that says so.

Usage: python benchmarks/rivals.py --python rivals/bin/python [--runs N] [--small] [--out FOLDER]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import SimpleITK as sitk
from _regions import ORIGINAL, RESULTS, configuration, liver

from radiofib.engines import get_engine
from radiofib.parallel import one_thread
from radiofib.provenance import environment
from radiofib.roi import Roi

RIVALS = ("flash-radiomics", "nyxus", "mirp")
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS")


def hand_over(roi: Roi, folder: Path) -> None:
    """Write a region for the rivals."""
    np.save(folder / "image.npy", roi.pixels)
    np.save(folder / "mask.npy", roi.mask)
    np.save(folder / "spacing.npy", np.array(roi.spacing_mm))
    for name, array in (("image", roi.pixels), ("mask", roi.mask.astype(np.uint8))):
        picture = sitk.GetImageFromArray(np.ascontiguousarray(array))
        picture.SetSpacing(tuple(reversed(roi.spacing_mm)))
        sitk.WriteImage(picture, str(folder / f"{name}.nii"))


def against(rival: str, python: str, folder: Path, roi: Roi, runs: int) -> dict[str, Any]:
    """Time a rival and the native engine in turn."""
    row: dict[str, Any] = {"rival": rival}
    command = [python, str(Path(__file__).with_name("_rival.py")), rival, str(folder)]
    surroundings = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    surroundings |= dict.fromkeys(ONE_THREAD, "1")
    with (folder / f"{rival}.log").open("w") as log:
        try:
            process = subprocess.Popen(
                command,
                env=surroundings,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                cwd=folder,
            )
        except OSError as error:
            return row | {"state": f"absent: {error.strerror}: {python}"}
        with process:
            assert process.stdin is not None
            assert process.stdout is not None

            def answer() -> dict[str, Any]:
                line = process.stdout.readline()
                return json.loads(line) if line else {}

            hello = answer()
            if "absent" in hello:
                process.stdin.close()
                return row | {"state": f"absent: {hello['absent']}"}
            row |= hello

            def theirs() -> dict[str, Any]:
                process.stdin.write("run\n")
                process.stdin.flush()
                return answer()

            warm = theirs()
            if not warm:
                end = (folder / f"{rival}.log").read_text().strip().splitlines()[-1:]
                raise SystemExit(f"{rival} failed: {' '.join(end)}")
            agree(rival, warm, roi)
            engine, config = get_engine("native"), configuration(ORIGINAL)
            engine.extract(roi, config)
            pairs, found = [], warm
            for _ in range(runs):
                found = theirs()
                start = time.perf_counter()
                ours = engine.extract(roi, config)
                pairs.append((found["seconds"], time.perf_counter() - start))
            process.stdin.close()
    seconds = np.array(pairs)
    return row | {
        "state": "measured",
        "features": found["features"],
        "features_of_radiofib": len(ours.values),
        "rival_s": round(float(np.median(seconds[:, 0])), 4),
        "native_s": round(float(np.median(seconds[:, 1])), 4),
        "ratio": round(float(np.median(seconds[:, 0] / seconds[:, 1])), 1),
        "runs": runs,
    }


def agree(rival: str, found: dict[str, Any], roi: Roi) -> None:
    """Raise unless the rival has measured the same voxels."""
    expected = {
        "mean": float(np.mean(roi.values, dtype=np.float64)),
        "energy": float(np.sum(np.square(roi.values, dtype=np.float64))),
        "volume": roi.n_voxels * float(np.prod(roi.spacing_mm)),
    }
    for name, value in expected.items():
        if name in found and not abs(found[name] - value) <= 1e-6 * abs(value):
            raise SystemExit(f"{rival}: {name} is {found[name]}, expected {value}")


def main(arguments: list[str] | None = None) -> pd.DataFrame:
    """Measure all rivals, print and store the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    given = os.environ.get("RADIOFIB_RIVALS_PYTHON", "")
    parser.add_argument("--python", default=given, help="Python of the rivals' environment")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--small", action="store_true", help="a tiny region, to see that it runs")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args(arguments)
    roi = liver(small=options.small)
    rows = []
    with tempfile.TemporaryDirectory() as name, one_thread():
        hand_over(roi, Path(name))
        for rival in RIVALS:
            if options.python:
                row = against(rival, options.python, Path(name), roi, options.runs)
            else:
                row = {"rival": rival, "state": "absent: no --python and no RADIOFIB_RIVALS_PYTHON"}
            print(", ".join(f"{k} {v}" for k, v in row.items()), flush=True)
            rows.append(row)
    table = pd.DataFrame(rows)
    versions = {f"our_{k}": v for k, v in environment(("numpy", "numba")).items()}
    options.out.mkdir(parents=True, exist_ok=True)
    table.assign(voxels=roi.n_voxels, **versions).to_csv(options.out / "rivals.csv", index=False)
    return table


if __name__ == "__main__":
    main()
