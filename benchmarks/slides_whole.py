"""Biopsies a minute: ``radiofib slides run --model`` on several slides, as a user would start it.

Slides are simulated before and outside the timing: 40,000 x 30,000 pixels at 40x with three cores
each, of all stages and laboratories. The network is SegFormer-b0 with seeded weights of which the
last layer was fitted to small simulated slides, so that tracts are about as many as on a biopsy.
What is timed is the command from its start to its end: imports, opening the model, tissue, labels,
tracts, nuclei, fat, septa, GeoJSON, picture, tables.

Core-seconds are those of all processes of the run. Memory is the highest sum over all of them, with
a page that several have counted once (proportional set size), and, larger, with it counted in each
(resident set size). On a machine that does other things too only core-seconds and memory mean
something.

Wanted: 8 biopsies a minute on two cores (15 core-seconds each), 1500 MB.

Usage: python benchmarks/slides_whole.py [--count 8] [--workers 1 2] [--slides FOLDER] [--small]
[--out FOLDER]; with --slides the slides are kept there and found again.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from threading import Event, Thread
from typing import Any

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1]))  # found by name from wherever it is run

from benchmarks._machine import processor
from benchmarks._slide_model import write_fitted_model
from radiofib.parallel import effective_workers, map_pieces
from radiofib.provenance import environment
from radiofib.simulate.slides import LUDWIG, SLIDE_SCANNERS, SlideSettings, write_slide

RESULTS = Path(__file__).parent / "results"
WANTED_A_MINUTE, WANTED_MB = 8.0, 1500
MPP = 0.25


def write_biopsy(path: Path, *, shape: tuple[int, int]) -> None:
    """Write the slide with this number in its name, and how many tracts it has; not twice."""
    truth = path.with_suffix(".tracts")
    if path.is_file() and truth.is_file():
        return
    number = int(path.stem.removeprefix("biopsy"))
    cores = 3 if shape[0] > 20_000 else 1
    facts = write_slide(
        path,
        trait=(-1.0, -0.5, 0.0, 0.5)[number % 4],
        level=number % len(LUDWIG),
        scanner=SLIDE_SCANNERS[number % len(SLIDE_SCANNERS)],
        settings=SlideSettings(shape=shape, mpp=MPP, cores=(cores, cores), pen=0.0, dust=2.0),
        rng=np.random.default_rng(100 + number),
    )
    truth.write_text(str(len(facts["tracts"])))


def write_biopsies(folder: Path, count: int, *, small: bool) -> list[Path]:
    """Write slides on all cores."""
    shape = (3072, 6144) if small else (30_000, 40_000)
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"biopsy{number:02d}.svs" for number in range(count)]
    for _ in map_pieces(_Writer(shape), paths, on_crash=_crashed):
        pass
    return paths


class _Writer:
    """Writes one slide; travels to processes."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self.shape = shape

    def __call__(self, path: Path) -> None:
        write_biopsy(path, shape=self.shape)


def _crashed(path: Path, error: Exception) -> None:
    raise SystemExit(f"{path.name} could not be written: {error}")


class Memory:
    """Watches the memory of a process and all it starts (Linux), three times a second."""

    def __init__(self, root: int) -> None:
        self.peak_mb, self.resident_mb, self.processes = 0.0, 0.0, 0
        self._root, self._end = root, Event()
        self._thread = Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Memory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._end.wait(0.3):
            found = [_memory(process) for process in _tree(self._root)]
            self.processes = max(self.processes, len(found))
            self.peak_mb = max(self.peak_mb, sum(own for own, _ in found))
            self.resident_mb = max(self.resident_mb, sum(whole for _, whole in found))


def _tree(root: int) -> list[int]:
    """Return a process and all that descend from it."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            after = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # it has just ended
            continue
        parents.setdefault(int(after[1]), []).append(int(entry.name))
    found = [root]
    for process in found:
        found += parents.get(process, [])
    return found


def _memory(process: int) -> tuple[float, float]:
    """Return proportional and resident set size of a process in MB."""
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:  # it has just ended
        return 0.0, 0.0
    sizes = {key: value for key, _, value in (line.partition(":") for line in lines)}
    own, whole = (int(sizes.get(key, "0").split()[0]) / 1024 for key in ("Pss", "Rss"))
    return own, whole


def timed_run(
    slides: list[Path], model: Path, out: Path, workers: int | None
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Run the command once; return its costs, and the table it wrote."""
    shutil.rmtree(out, ignore_errors=True)
    command = [sys.executable, "-m", "radiofib", "slides", "run", *map(str, slides)]
    command += ["--out", str(out), "--model", str(model)]
    command += [] if workers is None else ["--workers", str(workers)]
    before, start = os.times(), time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    with Memory(process.pid) as memory:
        said = process.communicate()[1].decode(errors="replace")
    seconds, after = time.perf_counter() - start, os.times()
    if process.returncode != 0:
        raise SystemExit(f"slides run ended with {process.returncode}: {said[-1000:]}")
    cpu = after.children_user + after.children_system
    cpu -= before.children_user + before.children_system
    costs = {"seconds": seconds, "cpu_s": cpu, "peak_mb": memory.peak_mb}
    costs |= {"resident_mb": memory.resident_mb, "processes": memory.processes}
    return costs, pd.read_csv(out / "slides.csv")


def row_of(
    slides: list[Path], costs: dict[str, Any], table: pd.DataFrame, workers: int | None
) -> dict[str, Any]:
    """Return one row of results."""
    count = len(slides)
    if len(table) != count:
        raise SystemExit(f"only {len(table)} of {count} slides were measured")
    tracts = sum(int(path.with_suffix(".tracts").read_text()) for path in slides)
    return {
        "slides": count,
        "workers": workers or f"default ({min(effective_workers(None), count)})",
        "seconds": round(costs["seconds"], 1),
        "per_minute": round(60 * count / costs["seconds"], 2),
        "wanted_per_minute": WANTED_A_MINUTE,
        "cpu_s_per_slide": round(costs["cpu_s"] / count, 2),
        "peak_mb": round(costs["peak_mb"]),
        "wanted_mb": WANTED_MB,
        "resident_mb": round(costs["resident_mb"]),
        "processes": costs["processes"],
        "tissue_mm2_per_slide": round(table.filter(like="tissue_area_mm2").mean().iloc[0], 2),
        "true_tracts": tracts,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=8)
    parser.add_argument("--workers", type=int, nargs="*", help="several are timed in turn")
    parser.add_argument("--slides", type=Path, help="folder that keeps the slides")
    parser.add_argument("--small", action="store_true", help="two small slides")
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args()
    count = 2 if given.small else given.count
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        slides = write_biopsies(given.slides or folder / "slides", count, small=given.small)
        model = write_fitted_model(folder / "model", small=given.small)
        rows = []
        for workers in given.workers or [None]:
            costs, table = timed_run(slides, model, folder / "run", workers)
            found = len(pd.read_csv(folder / "run" / "tracts.csv"))
            rows.append(row_of(slides, costs, table, workers) | {"tracts": found})
            print(rows[-1], "load", os.getloadavg()[0], flush=True)
    table = pd.DataFrame(rows)
    table["cores"] = effective_workers(None)
    table["processor"] = processor()
    table["load"] = round(os.getloadavg()[0], 1)
    for package, version in environment(("numpy", "onnxruntime", "openslide-python")).items():
        table[package] = version
    print(table.to_string(index=False))
    given.out.mkdir(parents=True, exist_ok=True)
    table.to_csv(given.out / "slides_whole.csv", index=False, lineterminator="\n")


if __name__ == "__main__":
    main()
