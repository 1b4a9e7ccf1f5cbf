"""A biopsy slide labelled by radiofib, WSInfer and TIAToolbox with the same weights, in turn.

The rivals live in environments of their own (they want different versions of zarr), whose Pythons
are given by --wsinfer and --tiatoolbox. Each way runs in a process that stays alive, so imports and
opening the model are left out, and answers once in every round. The slide is simulated: 40,000 x
30,000 pixels at 40x with three cores. SegFormer-b0 has seeded weights, as TorchScript for the
rivals and converted by ``radiofib onnx convert hotspot`` for radiofib.

Before a time counts, labels are compared with radiofib's where tiles lie in the same place (another
reader resizes other pixels, so they agree but for cells where two classes are all but equal), and
for each way the share of the true tissue that lies in none of its tiles is counted. Wall seconds
are the least of the rounds; on a machine that does other things too, CPU seconds (all processes of
a way) say more. A rival that is not installed is a row that says so.

Wanted, over the same tissue (wall seconds divided by the share of it that was labelled): 2.5 times
as fast as WSInfer and 3 times as fast as TIAToolbox, in 1500 MB.

Usage: python benchmarks/slides_segment.py [--wsinfer PYTHON] [--tiatoolbox PYTHON] [--runs 3]
[--threads 2] [--small] [--out FOLDER]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import tifffile

sys.path.insert(0, str(Path(__file__).parents[1]))  # found by name from wherever it is run

from benchmarks._machine import processor
from benchmarks._slide_model import write_seeded_model
from radiofib.provenance import environment
from radiofib.simulate.slides import SLIDE_SCANNERS, SlideSettings, write_slide

RESULTS = Path(__file__).parent / "results"
WANTED = {"wsinfer": 2.5, "tiatoolbox": 3.0}
TILE, UM, MPP = 256, 1.0, 0.25
#: Labels of the simulation that are tissue: lobule, portal tract, vein, vacuole.
TISSUE = (1, 4)
#: Below this share of equal labels something else than the same network was run.
SAME = 0.95
#: Every this many pixels of the truth is looked at.
STEP = 8


def write_biopsy(folder: Path, *, small: bool) -> np.ndarray:
    """Write a slide and return where tissue truly is, one cell for 8 x 8 pixels."""
    shape = (3072, 6144) if small else (30_000, 40_000)
    settings = SlideSettings(
        shape=shape, mpp=MPP, cores=(1, 1) if small else (3, 3), pen=0.0, dust=2.0
    )
    write_slide(
        folder / "slide.svs",
        trait=0.0,
        level=1,
        scanner=SLIDE_SCANNERS[0],
        settings=settings,
        rng=np.random.default_rng(5),
        labels=folder / "truth.tif",
    )
    truth = tifffile.imread(folder / "truth.tif")[::STEP, ::STEP]
    return (truth >= TISSUE[0]) & (truth <= TISSUE[1])


class Way:
    """A process that labels the slide whenever it is asked."""

    def __init__(self, name: str, python: str, folder: Path, threads: int) -> None:
        self.name, self._folder = name, folder
        script = str(Path(__file__).with_name("_slide_rival.py"))
        own = name == "radiofib"
        surroundings = {k: v for k, v in os.environ.items() if own or k != "PYTHONPATH"}
        with (folder / f"{name}.log").open("w") as log:
            self._process = subprocess.Popen(
                [python, script, name, str(folder), str(threads)],
                env=surroundings | {"OMP_NUM_THREADS": str(threads)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self.facts = self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            last = (self._folder / f"{self.name}.log").read_text().strip().splitlines()[-1:]
            raise RuntimeError(" ".join(last)[:200] or "ended without a word")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def run(self) -> dict[str, Any]:
        """Label the slide once."""
        assert self._process.stdin is not None
        self._process.stdin.write("run\n")
        self._process.stdin.flush()
        return self._answer()

    def labels(self) -> dict[tuple[int, int], np.ndarray]:
        """Return the labels of the last run by left and top of the tile, in um."""
        with np.load(self._folder / f"{self.name}.npz") as found:
            return {
                (round(float(x)), round(float(y))): labels
                for (x, y), labels in zip(found["at"], found["labels"], strict=True)
            }

    def end(self) -> None:
        """Close the process."""
        self._process.communicate()


def lost(tiles: dict[tuple[int, int], np.ndarray], tissue: np.ndarray) -> float:
    """Return the share of tissue in none of the tiles."""
    cells = np.zeros_like(tissue)
    scale = UM / (MPP * STEP)
    for x, y in tiles:
        left, top = round(x * scale), round(y * scale)
        side = round(TILE * scale)
        cells[max(top, 0) : top + side, max(left, 0) : left + side] = True
    return float((tissue & ~cells).sum() / tissue.sum())


def agreement(
    ours: dict[tuple[int, int], np.ndarray], theirs: dict[tuple[int, int], np.ndarray]
) -> tuple[int, float]:
    """Return how many tiles lie in the same place, and the share of equal labels there."""
    same = sorted({*ours} & {*theirs})
    equal = [float((ours[at] == theirs[at]).mean()) for at in same]
    return len(same), float(np.mean(equal)) if equal else float("nan")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--wsinfer", default=os.environ.get("RADIOFIB_WSINFER_PYTHON"))
    parser.add_argument("--tiatoolbox", default=os.environ.get("RADIOFIB_TIATOOLBOX_PYTHON"))
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--small", action="store_true", help="a small slide, one run")
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args()
    runs = 1 if given.small else given.runs
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_seeded_model(folder)
        tissue = write_biopsy(folder, small=given.small)
        table = measured(folder, tissue, given, runs)
    table["threads"], table["runs"] = given.threads, runs
    table["processor"] = processor()
    table["load"] = round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None
    for package, version in environment(("numpy", "onnxruntime", "openslide-python")).items():
        table[package] = version
    print(table.to_string(index=False))
    given.out.mkdir(parents=True, exist_ok=True)
    table.to_csv(given.out / "slides_segment.csv", index=False, lineterminator="\n")


def measured(
    folder: Path, tissue: np.ndarray, given: argparse.Namespace, runs: int
) -> pd.DataFrame:
    """Return a row for each way."""
    pythons = {"radiofib": sys.executable, "wsinfer": given.wsinfer, "tiatoolbox": given.tiatoolbox}
    ways: list[Way] = []
    rows: dict[str, dict[str, Any]] = {}
    for name, python in pythons.items():
        rows[name] = {"way": name}
        try:
            if not python:
                raise RuntimeError(f"not installed: give its Python with --{name}")
            ways.append(Way(name, python, folder, given.threads))
            rows[name] |= {k: ways[-1].facts[k] for k in ("version", "what")}
        except (OSError, RuntimeError) as error:
            rows[name]["not_measured"] = str(error)
    times: dict[str, list[dict[str, Any]]] = {way.name: [] for way in ways}
    for _ in range(runs):
        for way in list(ways):
            try:
                told = way.run()
            except RuntimeError as error:
                rows[way.name]["not_measured"] = str(error)
                ways.remove(way)
                continue
            print(way.name, told, "load", os.getloadavg()[0], flush=True)
            times[way.name].append(told)
    labels = {way.name: way.labels() for way in ways}
    ours = rows["radiofib"]
    for way in ways:
        name, row = way.name, rows[way.name]
        seconds = [t["seconds"] for t in times[name]]
        row |= {"seconds": round(min(seconds), 2)}
        row["cpu_s"] = round(min(t["cpu_s"] for t in times[name]), 2)
        row["tiles"] = times[name][-1]["tiles"]
        row["peak_mb"] = round(times[name][-1]["peak_mb"])
        row["tissue_lost"] = round(lost(labels[name], tissue), 5)
        if name != "radiofib":
            row["same_tiles"], equal = agreement(labels["radiofib"], labels[name])
            row["equal_labels"] = round(equal, 5)
            if not equal >= SAME:
                raise SystemExit(f"{name}: not the same labels: {equal:.4f} of them are equal")
            row["gain"] = round(row["seconds"] / ours["seconds"], 2)
            row["gain_cpu"] = round(row["cpu_s"] / ours["cpu_s"], 2)
            covered = (1 - ours["tissue_lost"]) / (1 - row["tissue_lost"])
            row["gain_same_tissue"] = round(row["gain"] * covered, 2)
            row["gain_a_tile"] = round(row["gain"] * ours["tiles"] / row["tiles"], 2)
            row["wanted"] = WANTED[name]
        way.end()
    return pd.DataFrame(rows.values())


if __name__ == "__main__":
    main()
